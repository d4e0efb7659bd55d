/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "transfer/proxy.h"

#include "../base/failing.h"
#include "../base/random.h"

static ProxyPlan plan_of(const char *list, const char *bypass)
{
        ProxyPlan p;

        assert_int_equal(proxy_plan_init(&p, BG_JOB_PROXY_USAGE_OVERRIDE, list, bypass), 0);
        return p;
}

/* All ways to the host, one after the other, each followed by a blank; "-" is direct. */
static const char *ways(const ProxyPlan *p, const char *scheme, const char *host)
{
        static char text[1024];
        const char *way;

        text[0] = '\0';
        for (size_t nth = 0; proxy_plan_pick(p, scheme, host, nth, &way); nth++) {
                size_t len = strlen(text);

                (void) snprintf(text + len, sizeof(text) - len, "%s ",
                                !way   ? "environment"
                                : *way ? way
                                       : "-");
        }
        return text;
}

static void usages_without_a_list_have_one_way(void **state)
{
        ProxyPlan p;

        assert_int_equal(proxy_plan_init(&p, BG_JOB_PROXY_USAGE_PRECONFIG, NULL, NULL), 0);
        assert_string_equal(ways(&p, "http", "h"), "environment ");
        proxy_plan_done(&p);
        assert_int_equal(proxy_plan_init(&p, BG_JOB_PROXY_USAGE_NO_PROXY, NULL, NULL), 0);
        assert_string_equal(ways(&p, "https", "h"), "- ");
        proxy_plan_done(&p);
}

static void entries_have_defaults(void **state)
{
        static const struct {
                const char *entry, *way;
        } CASES[] = {
                {"proxy", "http://proxy:80 "},
                {"proxy:3128", "http://proxy:3128 "},
                {"http://proxy", "http://proxy:80 "},
                {"https://proxy", "https://proxy:443 "},
                {"HTTP://proxy:8080/", "http://proxy:8080 "},
                {"http=proxy:1", "http://proxy:1 "},
                {"http=https://proxy:1", "https://proxy:1 "},
                {"10.0.0.1:80", "http://10.0.0.1:80 "},
                {"[fe80::1]:3128", "http://[fe80::1]:3128 "},
                {"[::1]", "http://[::1]:80 "},
                {"  a ; b\tc  ", "http://a:80 http://b:80 http://c:80 "},
        };

        for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
                ProxyPlan p = plan_of(CASES[i].entry, NULL);

                assert_string_equal(ways(&p, "http", "host.example"), CASES[i].way);
                proxy_plan_done(&p);
        }
}

static void an_entry_of_its_own_goes_before_the_default(void **state)
{
        ProxyPlan p = plan_of("http=a d1 http=b d2", NULL);

        assert_string_equal(ways(&p, "http", "h"), "http://a:80 http://b:80 ");
        assert_string_equal(ways(&p, "https", "h"), "http://d1:80 http://d2:80 ");
        proxy_plan_done(&p);
        p = plan_of("http=a", NULL);
        assert_string_equal(ways(&p, "https", "h"), "- ");
        proxy_plan_done(&p);
}

static void malformed_lists_are_refused(void **state)
{
        static const char *const LISTS[] = {
                "",      "  ;  ", "=",           "http=",   "http://",   "ftp://a", "socks=a",
                "a:",    "a:0",   "a:65536",     "a:1x",    "a:-1",      "a/b",     "a:1/x",
                "u@h",   "a b:c", "[::1",        "[]",      "[xyz]:1",   "a,b",     "a:b:c",
                "a%20b", "<x>",   "http=http=a", "http:/a", "http=://a", "\"a\"",   "*",
        };
        static const char *const BYPASSES[] = {"aaa.*", "a*b", "**",        "<x>",   "a/b",
                                               "[::1",  "a@b", "ok <local", "a b* c"};
        ProxyPlan p;

        for (size_t i = 0; i < ARRAY_LEN(LISTS); i++)
                assert_int_equal(proxy_plan_init(&p, BG_JOB_PROXY_USAGE_OVERRIDE, LISTS[i], NULL),
                                 -EINVAL);
        for (size_t i = 0; i < ARRAY_LEN(BYPASSES); i++)
                assert_int_equal(proxy_plan_init(&p, BG_JOB_PROXY_USAGE_OVERRIDE, "a", BYPASSES[i]),
                                 -EINVAL);
        assert_int_equal(proxy_plan_init(&p, BG_JOB_PROXY_USAGE_OVERRIDE, NULL, NULL), -EINVAL);
}

static void bypasses_match_from_the_right(void **state)
{
        static const struct {
                const char *bypass, *host;
                bool direct;
        } CASES[] = {
                {"host", "host", true},
                {"host", "HOST", true},
                {"host", "xhost", false},
                {"example.org", "www.example.org", false},
                {"*.example.org", "www.example.org", true},
                {"*.example.org", "example.org", false},
                {"*.example.org", "www.example.org.evil", false},
                {"*example.org", "notexample.org", true},
                {"*", "anything", true},
                {"<local>", "intranet", true},
                {"<LOCAL>", "intranet", true},
                {"<local>", "www.example.org", false},
                {"<local>", "::1", false},
                {"10.0.0.1", "10.0.0.1", true},
                {"*.0.0.1", "10.0.0.1", true},
                {"[::1]", "[::1]", true},
                {"::1", "[::1]", true},
                {"[::1]", "::1", true},
                {"a b <local> c", "x", true},
                {"a b c", "c", true},
                {"", "c", false},
        };

        for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
                ProxyPlan p = plan_of("proxy", CASES[i].bypass);

                assert_string_equal(ways(&p, "http", CASES[i].host),
                                    CASES[i].direct ? "- " : "http://proxy:80 ");
                proxy_plan_done(&p);
        }
}

static void long_lists_have_a_limit(void **state)
{
        static char list[PROXY_ENTRIES_MAX * 2 + 3];
        ProxyPlan p;

        for (size_t i = 0; i < PROXY_ENTRIES_MAX; i++)
                memcpy(list + i * 2, "a ", 2);
        p = plan_of(list, list);
        assert_int_equal(p.entries_len, PROXY_ENTRIES_MAX);
        proxy_plan_done(&p);
        memcpy(list + sizeof(list) - 3, "a ", 2);
        assert_int_equal(proxy_plan_init(&p, BG_JOB_PROXY_USAGE_OVERRIDE, list, NULL), -EINVAL);
}

/* Random words of the grammar's own letters: whatever is accepted gives ways that are URLs. */
static void what_is_accepted_is_usable(void **state)
{
        static const char LETTERS[] = "ab.:/=[]*<>@ 0;htps";
        Random random = random_seeded("random proxy lists");
        size_t accepted = 0;

        for (int i = 0; i < 50000; i++) {
                char list[24], bypass[24];
                ProxyPlan p;

                for (size_t j = 0; j < sizeof(list) - 1; j++) {
                        list[j] = LETTERS[random_below(&random, sizeof(LETTERS) - 1)];
                        bypass[j] = LETTERS[random_below(&random, sizeof(LETTERS) - 1)];
                }
                list[random_below(&random, sizeof(list))] = '\0';
                list[sizeof(list) - 1] = '\0';
                bypass[random_below(&random, sizeof(bypass))] = '\0';
                bypass[sizeof(bypass) - 1] = '\0';
                if (proxy_plan_init(&p, BG_JOB_PROXY_USAGE_OVERRIDE, list, bypass) < 0)
                        continue;
                accepted++;
                for (size_t j = 0; j < p.entries_len; j++)
                        assert_true(str_starts_with(p.entries[j].url, "http://") ||
                                    str_starts_with(p.entries[j].url, "https://"));
                (void) ways(&p, "http", list);
                proxy_plan_done(&p);
        }
        assert_true(accepted > 100);
}

static int make_plan(void)
{
        ProxyPlan p;
        int r = proxy_plan_init(&p, BG_JOB_PROXY_USAGE_OVERRIDE, "http=a b:1 c", "x *.y <local>");

        if (r == 0)
                proxy_plan_done(&p);
        return r;
}

static void memory_may_run_out_anywhere(void **state)
{
        assert_true(each_allocation_fails(make_plan) > 5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(usages_without_a_list_have_one_way),
                cmocka_unit_test(entries_have_defaults),
                cmocka_unit_test(an_entry_of_its_own_goes_before_the_default),
                cmocka_unit_test(malformed_lists_are_refused),
                cmocka_unit_test(bypasses_match_from_the_right),
                cmocka_unit_test(long_lists_have_a_limit),
                cmocka_unit_test(what_is_accepted_is_usable),
                cmocka_unit_test(memory_may_run_out_anywhere),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
