/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/reply.h"

static void check_url(const char *prefix, const char *host_id, const char *destination,
                      const char *wanted)
{
        Site s = {.prefix = (char *) prefix, .host_id = (char *) host_id};
        _cleanup_(buf_done) Buf out;

        buf_init(&out, 4096);
        assert_int_equal(reply_url_build(&s, "name", destination, &out), 0);
        assert_string_equal(buf_cstr(&out), wanted);
}

static void urls_are_absolute_paths(void **state)
{
        check_url("/", "", "http://h/f", "/.bits/replies/name");
        check_url("/drop", "", "http://h/drop/f", "/drop/.bits/replies/name");
        check_url("/a b?", "", "http://h/f", "/a%20b%3F/.bits/replies/name");
}

static void a_host_id_makes_them_whole(void **state)
{
        check_url("/", "node3", "https://h:8443/f?x", "https://node3:8443/.bits/replies/name");
        check_url("/", "node3", "http://h/f:80", "http://node3/.bits/replies/name");
        check_url("/", "::1", "http://[::2]:80/f", "http://[::1]:80/.bits/replies/name");
        check_url("/", "node3", "http://[::2]/f", "http://node3/.bits/replies/name");
}

static void names_in_paths(void **state)
{
        assert_string_equal(reply_name_in(".bits/replies/abc"), "abc");
        assert_null(reply_name_in(".bits/replies/"));
        assert_null(reply_name_in(".bits/replies/a/b"));
        assert_null(reply_name_in(".bits/x"));
        assert_null(reply_name_in("x/.bits/replies/abc"));
        assert_null(reply_name_in(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(urls_are_absolute_paths),
                cmocka_unit_test(a_host_id_makes_them_whole),
                cmocka_unit_test(names_in_paths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
