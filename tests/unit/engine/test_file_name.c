/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "engine/file_name.h"
#include "engine/types.h"

static void usual_remote_names_are_accepted(void **state)
{
        static const char *const NAMES[] = {
                "http://example.org",
                "http://example.org/",
                "https://example.org/a/b.iso",
                "HTTPS://EXAMPLE.ORG/a?x=1&y=%20#part",
                "http://example.org?query",
                "http://example.org:8080/a",
                "http://example.org:/a",
                "http://192.0.2.1/a",
                "http://[2001:db8::1]:8080/a",
                "http://[fe80::1%25eth0]/a",
                "http://xn--bcher-kva.example/a",
                "http://b\xc3\xbc\x63her.example/\xc3\xbc",
                "http://example.org/a*b",
                "http://example.org/user@place",
                "file:///home/u/a",
                "FILE:///home/u/a b",
                "file://localhost/home/u/a",
                "/home/u/a",
                "/a b",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
                if (remote_name_check(NAMES[i]) != S_OK)
                        fail_msg("%s", NAMES[i]);
}

static void bad_remote_names_are_refused(void **state)
{
        static const char *const NAMES[] = {
                "",
                "a",
                "a/b",
                "./a",
                "example.org/a",
                "ftp://example.org/a",
                "sftp://example.org/a",
                "smb://example.org/a",
                "\\\\server\\share\\a",
                "javascript:alert(1)",
                "http:/example.org/a",
                "http:example.org",
                "http://",
                "http:///a",
                "http://:80/a",
                "http://?a",
                "http://user@example.org/a",
                "http://user:secret@example.org/a",
                "http://@example.org/",
                "http://example.org:0/a",
                "http://example.org:65536/a",
                "http://example.org:999999/a",
                "http://example.org:8x/a",
                "http://example.org:-1/a",
                "http://[::1/a",
                "http://[]/a",
                "http://[::g1]x/a",
                "http://[1234]/a",
                "http://ex%61mple.org/a",
                "http://example.org/a b",
                "http://example.org/a\tb",
                "http://example.org/a\r\nHost: x",
                "http://example.org/\x7f",
                "http://example.org/<a>",
                "http://example.org/a\"b",
                "http://example.org/a\\b",
                "http://example.org/{a}",
                "http://example.org/\xff\xfe",
                "http://example.org/\xed\xa0\x80",
                "file://",
                "file:///",
                "file://server/share/a",
                "file:///home/u/",
                "file:///home/u/..",
                "file:///home/u/a?b",
                "file:///home/u/a%00b",
                "file:home/u/a",
                "/home/u/",
                "/home/*.iso",
        };

        (void) state;
        assert_int_equal(remote_name_check(NULL), E_INVALIDARG);
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
                if (remote_name_check(NAMES[i]) != E_INVALIDARG)
                        fail_msg("%s", NAMES[i]);
}

static const char *repeat(Buf *b, const char *head, const char *unit, size_t n, const char *tail)
{
        buf_clear(b);
        (void) buf_append_str(b, head);
        while (n-- > 0)
                (void) buf_append_str(b, unit);
        (void) buf_append_str(b, tail);
        return buf_cstr(b);
}

static void remote_limits_count_utf16_units(void **state)
{
        const char *head = "http://host/"; /* 12 units */
        Buf b;

        (void) state;
        buf_init(&b, 1 << 20);
        assert_int_equal(remote_name_check(repeat(&b, head, "x", 260, "")), S_OK);
        assert_int_equal(remote_name_check(repeat(&b, head, "x", 261, "")), E_INVALIDARG);
        assert_int_equal(remote_name_check(repeat(&b, head, "x", 260, "/y")), S_OK);
        /* Beyond the basic plane one character is two units. */
        assert_int_equal(remote_name_check(repeat(&b, head, "\xf0\x9f\x98\x80", 130, "")), S_OK);
        assert_int_equal(remote_name_check(repeat(&b, head, "\xf0\x9f\x98\x80", 131, "")),
                         E_INVALIDARG);
        assert_int_equal(remote_name_check(repeat(&b, head, "\xc3\xbc", 260, "")), S_OK);
        /* 12 + 1094 * 2 = 2200 */
        assert_int_equal(remote_name_check(repeat(&b, head, "x/", 1094, "")), S_OK);
        assert_int_equal(remote_name_check(repeat(&b, head, "x/", 1094, "x")), E_INVALIDARG);
        /* A query is no segment. */
        assert_int_equal(remote_name_check(repeat(&b, "http://host/a?", "x", 2000, "")), S_OK);
        buf_done(&b);
}

static void usual_local_names_are_accepted(void **state)
{
        static const char *const NAMES[] = {
                "/a",   "/home/u/a b.iso", "/a:b",     "/\xc3\xbc/\xe6\x96\x87", "//a", "/a/../b",
                "/...", "/a\\b",           "/.hidden",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
                if (local_name_check(NAMES[i]) != S_OK)
                        fail_msg("%s", NAMES[i]);
}

static void bad_local_names_are_refused(void **state)
{
        static const char *const NAMES[] = {
                "",
                "a",
                "a/b",
                "./a",
                "~/a",
                "/",
                "/a/",
                "/a/.",
                "/a/..",
                "/a*b",
                "/a?b",
                "/a\nb",
                "/a\tb",
                "/\x7f",
                "/\xff",
                "C:\\a",
                "\\\\server\\share\\a",
        };

        (void) state;
        assert_int_equal(local_name_check(NULL), E_INVALIDARG);
        for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
                if (local_name_check(NAMES[i]) != E_INVALIDARG)
                        fail_msg("%s", NAMES[i]);
}

static void local_limits_count_bytes(void **state)
{
        Buf b;

        (void) state;
        buf_init(&b, 1 << 20);
        assert_int_equal(local_name_check(repeat(&b, "/", "x", 255, "")), S_OK);
        assert_int_equal(local_name_check(repeat(&b, "/", "x", 256, "")), E_INVALIDARG);
        assert_int_equal(local_name_check(repeat(&b, "/", "\xc3\xbc", 128, "")), E_INVALIDARG);
        /* 2047 * 2 + 1 = 4095 */
        assert_int_equal(local_name_check(repeat(&b, "", "/x", 2047, "y")), S_OK);
        assert_int_equal(local_name_check(repeat(&b, "", "/x", 2047, "yz")), E_INVALIDARG);
        buf_done(&b);
}

static void loopback_and_files_need_no_network(void **state)
{
        static const char *const LOCAL[] = {
                "file:///a",          "/a",
                "http://localhost/a", "http://LocalHost:8080/a",
                "http://127.0.0.1/a", "https://127.255.3.4:1/",
                "http://[::1]/a",     "http://[::1]:8080/a",
        };
        static const char *const REMOTE[] = {
                "http://example.org/a",   "http://localhost.example.org/a",
                "http://127.example.org", "http://127.0.0.1.example.org/",
                "http://128.0.0.1/",      "http://[2001:db8::1]/a",
                "http://1270.0.0.1/",     "http://localhosts/",
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(LOCAL); i++)
                if (remote_name_needs_network(LOCAL[i]))
                        fail_msg("%s", LOCAL[i]);
        for (size_t i = 0; i < ARRAY_LEN(REMOTE); i++)
                if (!remote_name_needs_network(REMOTE[i]))
                        fail_msg("%s", REMOTE[i]);
}

static void the_host_comes_out_bare(void **state)
{
        char host[32];

        (void) state;
        remote_name_host("http://example.org:8080/a", host, sizeof(host));
        assert_string_equal(host, "example.org");
        remote_name_host("http://[::1]:8080/a", host, sizeof(host));
        assert_string_equal(host, "::1");
        remote_name_host("file:///a", host, sizeof(host));
        assert_string_equal(host, "");
        remote_name_host("http://user:secret@example.org/", host, sizeof(host));
        assert_string_equal(host, "");
        remote_name_host("http://example.org/", host, 4);
        assert_string_equal(host, "exa");
}

static void spellings_of_one_path_are_one_name(void **state)
{
        (void) state;
        assert_true(local_name_equal("/a/b", "/a/b"));
        assert_true(local_name_equal("/a/b", "//a///b"));
        assert_true(local_name_equal("/a/./b", "/a/b"));
        assert_false(local_name_equal("/a/b", "/a/B"));
        assert_false(local_name_equal("/a/b", "/ab"));
        assert_false(local_name_equal("/a/b", "/a/b/c"));
        assert_false(local_name_equal("/a/../b", "/b")); /* a may be a link */
        assert_true(local_name_hash("/a/b", 7) == local_name_hash("//a/./b", 7));
        assert_true(local_name_hash("/a/b", 7) != local_name_hash("/a/c", 7));
        assert_true(local_name_hash("/ab/c", 7) != local_name_hash("/a/bc", 7));
        assert_true(local_name_hash("/a/b", 7) != local_name_hash("/a/b", 8));
}

static void the_directory_part_ends_with_its_slash(void **state)
{
        (void) state;
        assert_int_equal(local_name_dir_len("/a"), 1);
        assert_int_equal(local_name_dir_len("/a/b"), 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(usual_remote_names_are_accepted),
                cmocka_unit_test(bad_remote_names_are_refused),
                cmocka_unit_test(remote_limits_count_utf16_units),
                cmocka_unit_test(usual_local_names_are_accepted),
                cmocka_unit_test(bad_local_names_are_refused),
                cmocka_unit_test(local_limits_count_bytes),
                cmocka_unit_test(loopback_and_files_need_no_network),
                cmocka_unit_test(the_host_comes_out_bare),
                cmocka_unit_test(spellings_of_one_path_are_one_name),
                cmocka_unit_test(the_directory_part_ends_with_its_slash),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
