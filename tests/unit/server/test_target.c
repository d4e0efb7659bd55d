/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/target.h"

static void check(const char *raw, const char *path, const char *query)
{
        _cleanup_(target_done) Target t = {0};

        assert_int_equal(target_parse(raw, &t), 0);
        assert_string_equal(t.path, path);
        if (query)
                assert_string_equal(t.query, query);
        else
                assert_null(t.query);
}

static void plain_paths_are_decoded_once(void **state)
{
        check("/", "/", NULL);
        check("/a/b", "/a/b", NULL);
        check("/a/", "/a/", NULL);
        check("/a%20b", "/a b", NULL);
        check("/%25%32%65", "/%2e", NULL);
        check("/%61?x=%20", "/a", "x=%20");
        check("/a?", "/a", "");
        check("/a?b?c/../d", "/a", "b?c/../d");
        check("http://h:80/a?b", "/a", "b");
        check("/...", "/...", NULL);
        check("/a..b", "/a..b", NULL);
}

static void paths_that_mean_to_leave_are_refused(void **state)
{
        static const char *const BAD[] = {
                "/..",    "/../x", "/a/..",  "/a/../b", "/.",      "/./a",    "/a/.",
                "//",     "//a",   "/a//b",  "/a//",    "/%2e%2e", "/%2E./a", "/.%2e",
                "/a%2fb", "/%2F",  "/..%2f", "/\\",     "/a\\b",   "/%5c",    "/a%5C..",
        };

        for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
                Target t = {.path = (char *) "untouched"};

                assert_int_equal(target_parse(BAD[i], &t), -EPERM);
                assert_string_equal(t.path, "untouched");
        }
}

static void malformed_targets_are_refused(void **state)
{
        static const char *const BAD[] = {"",     "a",     "*",        "/%",        "/%0",
                                          "/%zz", "/%00",  "/a%0a",    "/%7f",      "/a#b",
                                          "?x",   "http:", "http://h", "http://h?x"};
        Target t;

        for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++)
                assert_int_equal(target_parse(BAD[i], &t), -EINVAL);
}

static void names_and_paths_have_a_longest(void **state)
{
        char text[3 * TARGET_PATH_MAX_BYTES + 8];
        Target t = {0};

        text[0] = '/';
        memset(text + 1, 'n', TARGET_SEGMENT_MAX_BYTES);
        text[1 + TARGET_SEGMENT_MAX_BYTES] = '\0';
        assert_int_equal(target_parse(text, &t), 0);
        target_done(&t);
        text[1 + TARGET_SEGMENT_MAX_BYTES] = 'n';
        text[2 + TARGET_SEGMENT_MAX_BYTES] = '\0';
        assert_int_equal(target_parse(text, &t), -ENAMETOOLONG);
        for (size_t i = 0; i + 2 < sizeof(text); i += 2)
                memcpy(text + i, "/a", 3);
        assert_int_equal(target_parse(text, &t), -ENAMETOOLONG);
        text[TARGET_PATH_MAX_BYTES] = '\0';
        assert_int_equal(target_parse(text, &t), -ENAMETOOLONG);
        text[TARGET_PATH_MAX_BYTES - 2] = '\0';
        assert_int_equal(target_parse(text, &t), 0);
        target_done(&t);
}

static void two_spellings_of_one_name_have_one_key(void **state)
{
        _cleanup_(target_done) Target a = {0};
        _cleanup_(target_done) Target b = {0};
        _cleanup_(target_done) Target c = {0};

        assert_int_equal(target_parse("/a/%62?q=%20", &a), 0);
        assert_int_equal(target_parse("/%61/b?q=%20", &b), 0);
        assert_int_equal(target_parse("/a/b?q=+", &c), 0);
        assert_string_equal(a.key, b.key);
        assert_string_not_equal(a.key, c.key);
        assert_string_equal(a.url, "/a/%62?q=%20");
}

static void a_final_slash_is_a_directory(void **state)
{
        _cleanup_(target_done) Target t = {0};
        _cleanup_(target_done) Target u = {0};

        assert_int_equal(target_parse("/a/", &t), 0);
        assert_true(target_is_directory(&t));
        assert_int_equal(target_parse("/a?/", &u), 0);
        assert_false(target_is_directory(&u));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(plain_paths_are_decoded_once),
                cmocka_unit_test(paths_that_mean_to_leave_are_refused),
                cmocka_unit_test(malformed_targets_are_refused),
                cmocka_unit_test(names_and_paths_have_a_longest),
                cmocka_unit_test(two_spellings_of_one_name_have_one_key),
                cmocka_unit_test(a_final_slash_is_a_directory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
