/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/url_name.h"

static void the_name_is_the_last_segment_made_safe(void **state)
{
        static const struct {
                const char *url, *name;
        } cases[] = {
                {"https://dl.example/debian-12.iso", "debian-12.iso"},
                {"https://dl.example/a/b/c.tar.gz", "c.tar.gz"},
                {"https://dl.example/a?x=/y/z", "a"},
                {"https://dl.example/a#frag/ment", "a"},
                {"https://dl.example/a%20b%C3%BC", "a bü"},
                {"https://dl.example/a+b", "a+b"},
                {"https://dl.example/%30%39%6a%4A", "09jJ"},
                {"https://dl.example/100%", "100%"},
                {"https://dl.example/%zz", "%zz"},
                {"https://dl.example/%", "%"},
                {"https://dl.example/%4", "%4"},
                {"https://user:pw@dl.example:8080/x", "x"},
                {"file:///srv/x%31", "x1"},
                {"/srv/100%25", "100%25"},
                {"/srv/what?", "what_"},
                {"https://dl.example/%2e%2e%2fetc%2fpasswd", "_._etc_passwd"},
                {"https://dl.example/.bashrc", "_bashrc"},
                {"https://dl.example/%2Ehidden", "_hidden"},
                {"https://dl.example/a%0Ab%1b", "a_b_"},
                {"https://dl.example/%2a%3f", "__"},
                {"https://dl.example/%ff%fe", "%ff%fe"}, /* no text: stays as it is */
                {"https://dl.example/a%00b", "a%00b"},
                {"HTTP://dl.example/x", "x"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_free_ char *name = url_file_name(cases[i].url);

                assert_non_null(name);
                assert_string_equal(name, cases[i].name);
        }
}

static void addresses_without_a_name_give_none(void **state)
{
        static const char *const cases[] = {
                "https://dl.example",
                "https://dl.example/",
                "https://dl.example/a/",
                "https://dl.example?x=/y",
                "https://dl.example/?a/b",
                "https://dl.example/a/..",
                "https://dl.example/.",
                "https://dl.example/%2e%2E",
                "file:///",
                "/",
                "/srv/",
                "",
                "nothing",
                "https://",
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_null(url_file_name(cases[i]));
}

static void a_name_has_at_most_255_bytes(void **state)
{
        char url[300] = "http://h/";
        _cleanup_free_ char *name = NULL;

        memset(url + 9, 'a', 255);
        name = url_file_name(url);
        assert_int_equal(strlen(name), 255);
        url[9 + 255] = 'a';
        assert_null(url_file_name(url));
}

static void a_file_is_split_off_only_where_that_is_plain(void **state)
{
        static const struct {
                const char *word, *file;
        } cases[] = {
                {"https://a/x=out.bin", "out.bin"},
                {"https://a/x=/srv/out.bin", "/srv/out.bin"},
                {"https://a/x=./d/out.bin", "./d/out.bin"},
                {"https://a/x=../out.bin", "../out.bin"},
                {"https://a/k=v/x=out.bin", "out.bin"},
                {"https://a/x=/srv/k=v/out", "/srv/k=v/out"},
                {"/srv/in=out", "out"},
                {"https://a/date=2024/part-0", NULL}, /* the "=" is the address's own */
                {"https://a/x?file=out.bin", NULL},
                {"https://a/x?f=/etc/passwd", NULL},
                {"https://a/x#f=out", NULL},
                {"https://a/x=", NULL},
                {"https://a/x", NULL},
                {"=out", NULL},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *equals = url_split_file(cases[i].word);

                if (!cases[i].file)
                        assert_null(equals);
                else {
                        assert_non_null(equals);
                        assert_string_equal(equals + 1, cases[i].file);
                }
        }
}

static void uploads_go_to_http_alone(void **state)
{
        static const char *const good[] = {"http://h", "HTTPS://h/x", "http://[::1]:80/"};
        static const char *const bad[] = {
                "",          "http:",    "http://", "http:///x", "https://:80/", "http://?x",
                "http://#x", "ftp://h/", "h/x",     "/etc",      "httpx://h/",   "file:///etc"};

        for (size_t i = 0; i < ARRAY_LEN(good); i++)
                assert_true(url_is_http(good[i]));
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_false(url_is_http(bad[i]));
}

static void what_cannot_be_uploaded_to_is_known_before(void **state)
{
        static const char *const good[] = {"http://h", "https://h:1/x",
                                           "http://[::1]:65535/a%20b?q@r",
                                           "http://gr\303\274n.example/\303\274"};
        static const struct {
                const char *url, *problem;
        } bad[] = {
                {"ftp://h/x", "http:// or https://"},
                {"http://h/a b", "%20"},
                {"http://h/a\nb", "%20"},
                {"http://h\\x", "%20"},
                {"http://h/\377", "UTF-8"},
                {"http://h/#x", "%23"},
                {"http://ann:pw@h/x", "no user"},
                {"http://ann@h", "no user"},
                {"http://[::1/x", "]"},
                {"http://h:/", "port"},
                {"http://h:0/", "port"},
                {"http://h:65536/", "port"},
                {"http://h:123456789012/", "port"},
                {"http://h:8x/", "port"},
                {"http://[::1]x/", "port"},
        };

        for (size_t i = 0; i < ARRAY_LEN(good); i++)
                assert_null(url_upload_problem(good[i]));
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                assert_non_null(url_upload_problem(bad[i].url));
                assert_non_null(strstr(url_upload_problem(bad[i].url), bad[i].problem));
        }
}

static void a_directory_is_completed_with_the_name_of_the_file(void **state)
{
        static const struct {
                const char *url, *leaf, *whole;
        } cases[] = {
                {"http://h/up/", "a.bin", "http://h/up/a.bin"},
                {"http://h", "a.bin", "http://h/a.bin"},
                {"http://h/", "a.bin", "http://h/a.bin"},
                {"http://h/up", "a.bin", "http://h/up"},
                {"http://h/up/?x", "a.bin", "http://h/up/?x"},
                {"http://h?x=/", "a.bin", "http://h?x=/"},
                {"http://h/", "a b%#?\303\274~-._", "http://h/a%20b%25%23%3F%C3%BC~-._"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_free_ char *whole = url_with_file_name(cases[i].url, cases[i].leaf);

                assert_string_equal(whole, cases[i].whole);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_name_is_the_last_segment_made_safe),
                cmocka_unit_test(addresses_without_a_name_give_none),
                cmocka_unit_test(a_name_has_at_most_255_bytes),
                cmocka_unit_test(a_file_is_split_off_only_where_that_is_plain),
                cmocka_unit_test(uploads_go_to_http_alone),
                cmocka_unit_test(what_cannot_be_uploaded_to_is_known_before),
                cmocka_unit_test(a_directory_is_completed_with_the_name_of_the_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
