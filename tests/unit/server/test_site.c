/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/site.h"

static void check_below(const char *prefix, const char *path, const char *wanted)
{
        Site s = {.prefix = (char *) prefix};
        const char *below = site_path_below(&s, path);

        if (!wanted)
                assert_null(below);
        else
                assert_string_equal(below, wanted);
}

static void what_lies_below_a_prefix(void **state)
{
        check_below("/", "/", "");
        check_below("/", "/a/b", "a/b");
        check_below("/drop", "/drop/a", "a");
        check_below("/drop", "/drop", "");
        check_below("/drop", "/drop/", "");
        check_below("/drop", "/dropped/a", NULL);
        check_below("/drop", "/dro", NULL);
        check_below("/drop", "/", NULL);
}

static void names_of_our_own(void **state)
{
        assert_true(site_path_is_private(".bits"));
        assert_true(site_path_is_private(".bits/replies/x"));
        assert_true(site_path_is_private("a/.bits"));
        assert_true(site_path_is_private(".bits-sessions/x"));
        assert_true(site_path_is_private("a/root.bits-sessions/x"));
        assert_false(site_path_is_private("a.bits"));
        assert_false(site_path_is_private(".bitsy"));
        assert_false(site_path_is_private("a.bits-sessions.old"));
        assert_false(site_path_is_private(""));
        assert_false(site_path_is_private("a/b/"));
}

static void sweeps(void **state)
{
        Site s = {.cleanup_default = true, .cleanup_count = 5, .cleanup_units = 2};

        assert_int_equal(site_cleanup_period_sec(&s), 12 * 3600);
        s.cleanup_default = false;
        assert_int_equal(site_cleanup_period_sec(&s), 5 * 86400);
        s.cleanup_units = 0;
        assert_int_equal(site_cleanup_period_sec(&s), 5 * 60);
}

static void defaults_are_the_documented_ones(void **state)
{
        Site s;

        assert_int_equal(site_init(&s, "/"), 0);
        assert_false(s.uploads);
        assert_int_equal(s.session_timeout_sec, 1209600);
        assert_true(s.max_upload_bytes == UINT64_MAX);
        assert_int_equal(s.notification, BUP_NOTIFY_NONE);
        assert_string_equal(s.notification_url, "");
        assert_string_equal(s.host_id, "");
        assert_int_equal(s.fallback_sec, 86400);
        assert_false(s.allow_overwrites);
        assert_true(s.cleanup_default);
        assert_int_equal(s.cleanup_units, 1);
        assert_true(s.limits_sessions);
        assert_int_equal(s.sessions_per_user, 50);
        assert_int_equal(s.notification_timeout_sec, 300);
        assert_int_equal(s.max_fragment_bytes, 64 << 20);
        site_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_lies_below_a_prefix),
                cmocka_unit_test(names_of_our_own),
                cmocka_unit_test(sweeps),
                cmocka_unit_test(defaults_are_the_documented_ones),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
