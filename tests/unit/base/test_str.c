/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf.h"

static void comparisons_hold_what_they_say(void **state)
{
        assert_true(str_equal(NULL, NULL));
        assert_false(str_equal(NULL, ""));
        assert_false(str_equal("", NULL));
        assert_true(str_equal("a", "a"));
        assert_false(str_equal("a", "A"));

        assert_true(str_equal_nocase("ETag", "eTAG"));
        assert_false(str_equal_nocase("ETag", "ETa"));
        assert_false(str_equal_nocase("ETa", "ETag"));
        assert_false(str_equal_nocase("@[`{", "`{@["));
        assert_false(str_equal_nocase("Ä", "ä"));

        assert_true(str_starts_with("http://x", "http://"));
        assert_true(str_starts_with("x", ""));
        assert_false(str_starts_with("htt", "http"));
        assert_false(str_starts_with("HTTP://", "http"));
        assert_true(str_starts_with_nocase("HTTP://", "http"));
        assert_false(str_starts_with_nocase("htt", "http"));

        assert_true(str_ends_with("a.conf", ".conf"));
        assert_true(str_ends_with("a", ""));
        assert_false(str_ends_with(&"a.conf"[2], ".conf"));
        assert_false(str_ends_with("a.conf.", ".conf"));
}

static void copies_are_cut_on_a_character_border(void **state)
{
        static const struct {
                const char *src;
                size_t dst_bytes;
                const char *want;
        } cases[] = {
                {"abc", 4, "abc"},   {"abc", 3, "ab"},   {"abc", 1, ""},    {"", 1, ""},
                {"grün", 6, "grün"}, {"grün", 5, "grü"}, {"grün", 4, "gr"}, {"ü", 2, ""},
                {"€", 3, ""},        {"𝄞", 4, ""},       {"𝄞", 5, "𝄞"},     {"a𝄞b", 5, "a"},
                {"a𝄞b", 6, "a𝄞"},
        };
        char none = 'x';

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_free_ char *dst = mem_alloc(cases[i].dst_bytes);

                assert_ptr_equal(str_copy(dst, cases[i].dst_bytes, cases[i].src), dst);
                assert_string_equal(dst, cases[i].want);
        }
        (void) str_copy(&none, 0, "abc");
        assert_int_equal(none, 'x');
}

static void copying_malformed_text_loses_four_bytes_at_most(void **state)
{
        char dst[9];

        (void) str_copy(dst, sizeof(dst), "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80");
        assert_in_range(strlen(dst), 4, 8);
}

static void replacing_owns_a_copy(void **state)
{
        _cleanup_free_ char *p = NULL;
        char source[] = "first";

        assert_int_equal(str_replace(&p, source), 0);
        source[0] = 'X';
        assert_string_equal(p, "first");
        mem_fail_nth(1);
        assert_int_equal(str_replace(&p, "second"), -ENOMEM);
        mem_fail_nth(0);
        assert_string_equal(p, "first");
        assert_int_equal(str_replace(&p, p + 1), 0);
        assert_string_equal(p, "irst");
        assert_int_equal(str_replace(&p, NULL), 0);
        assert_null(p);
}

static void sizes_are_rounded_to_tenths(void **state)
{
        static const struct {
                uint64_t bytes;
                const char *want;
        } cases[] = {
                {0, "0 B"},
                {1, "1 B"},
                {1023, "1023 B"},
                {1024, "1.0 KiB"},
                {1536, "1.5 KiB"},
                {1024 * 1024 - 1, "1.0 MiB"}, /* not 1024.0 KiB */
                {1024 * 1024 - 60, "1023.9 KiB"},
                {1048576, "1.0 MiB"},
                {2254857830, "2.1 GiB"},
                {(uint64_t) 1 << 40, "1.0 TiB"},
                {(uint64_t) 1 << 50, "1.0 PiB"},
                {(uint64_t) 1 << 60, "1.0 EiB"},
                {UINT64_MAX - 1, "16.0 EiB"},
                {UINT64_MAX, "unknown"},
        };
        char text[32];

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_string_equal(str_format_size(text, sizeof(text), cases[i].bytes),
                                    cases[i].want);
        assert_string_equal(str_format_size(text, 4, 1536), "1.5");
        assert_string_equal(str_format_size(text, 4, UINT64_MAX), "unk");
}

static void durations_read_like_a_clock_then_days(void **state)
{
        static const struct {
                uint64_t sec;
                const char *want;
        } cases[] = {
                {0, "0:00"},
                {7, "0:07"},
                {91, "1:31"},
                {3599, "59:59"},
                {3600, "1:00:00"},
                {7384, "2:03:04"},
                {86399, "23:59:59"},
                {86400, "1 day"},
                {86400 * 2 - 1, "1 day"},
                {86400 * 3, "3 days"},
                {UINT64_MAX - 1, "213503982334601 days"},
                {UINT64_MAX, "unknown"},
        };
        char text[32];

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_string_equal(str_format_duration(text, sizeof(text), cases[i].sec),
                                    cases[i].want);
}

static void instants_are_printed_in_utc(void **state)
{
        static const struct {
                uint64_t sec;
                const char *want;
        } cases[] = {
                {0, "1970-01-01T00:00:00Z"},
                {951782400, "2000-02-29T00:00:00Z"},
                {1795334400, "2026-11-22T08:00:00Z"},
                {253402300799, "9999-12-31T23:59:59Z"},
        };
        char text[40];

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_string_equal(str_format_rfc3339(text, sizeof(text),
                                                       cases[i].sec * USEC_PER_SEC + 999999),
                                    cases[i].want);
        assert_int_equal(strlen(str_format_rfc3339(text, sizeof(text), UINT64_MAX)), 22);
}

static void harmless_text_is_not_escaped(void **state)
{
        static const char *const texts[] = {"", "plain ~text", "grün €𝄞", "back\\slash",
                                            "\u00a0\u200b"};
        char out[64];

        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                assert_string_equal(str_escape(out, sizeof(out), texts[i]), texts[i]);
        assert_string_equal(str_escape(out, sizeof(out), NULL), "");
}

static void controls_and_bidi_and_malformed_bytes_are_shown(void **state)
{
        static const struct {
                const char *in, *want;
        } cases[] = {
                {"a\nb\r\tc", "a\\x0ab\\x0d\\x09c"},
                {"\x1b[31m", "\\x1b[31m"},
                {"\x7f", "\\x7f"},
                {"\xc2\x80\xc2\x9b\xc2\x9f", "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f"},
                {"\u061c", "\\xd8\\x9c"},
                {"\u200e\u200f", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f"},
                {"\u2028\u2029", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"},
                {"x\u202ay", "x\\xe2\\x80\\xaay"},
                {"\u202e", "\\xe2\\x80\\xae"},
                {"\u2066\u2069", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"},
                {"\u202f\u206a", "\u202f\u206a"}, /* the neighbours are fine */
                {"\xff\xfe", "\\xff\\xfe"},
                {"\xc3", "\\xc3"},
                {"\xe2\x82", "\\xe2\\x82"},
                {"\xe2\x82(", "\\xe2\\x82("},
                {"\xf0\x9d\x84", "\\xf0\\x9d\\x84"},
                {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
                {"\xc0\x8a", "\\xc0\\x8a"},
                {"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
                {"\xc3\xc3\xbc", "\\xc3ü"},
        };
        char out[64];

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                assert_string_equal(str_escape(out, sizeof(out), cases[i].in), cases[i].want);
}

static void escaped_text_is_cut_between_characters(void **state)
{
        static const char in[] = "aü\n€\u202ez";
        static const char *const prefixes[] = {"",
                                               "a",
                                               "aü",
                                               "aü\\x0a",
                                               "aü\\x0a€",
                                               "aü\\x0a€\\xe2\\x80\\xae",
                                               "aü\\x0a€\\xe2\\x80\\xaez"};
        char whole[64];

        (void) str_escape(whole, sizeof(whole), in);
        assert_string_equal(whole, prefixes[ARRAY_LEN(prefixes) - 1]);
        for (size_t bytes = 1; bytes <= strlen(whole) + 1; bytes++) {
                _cleanup_free_ char *out = mem_alloc(bytes);
                const char *want = "";

                for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
                        if (strlen(prefixes[i]) < bytes)
                                want = prefixes[i];
                assert_string_equal(str_escape(out, bytes, in), want);
        }
}

/* Whatever three bytes come: the result is valid text without controls. */
static void escaped_text_is_always_printable(void **state)
{
        char in[4] = {0}, out[16];

        for (int i = 0; i < 256; i++)
                for (int j = 0; j < 256; j++)
                        for (int k = 0x20; k < 256; k += 0x30) {
                                in[0] = (char) i;
                                in[1] = (char) j;
                                in[2] = (char) k;
                                (void) str_escape(out, sizeof(out), in);
                                if (!utf8_is_valid(out, strlen(out)))
                                        fail_msg("%02x %02x %02x", i, j, k);
                                for (const char *p = out; *p; p++)
                                        if ((uint8_t) *p < 0x20 || *p == 0x7f)
                                                fail_msg("%02x %02x %02x", i, j, k);
                        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(comparisons_hold_what_they_say),
                cmocka_unit_test(copies_are_cut_on_a_character_border),
                cmocka_unit_test(copying_malformed_text_loses_four_bytes_at_most),
                cmocka_unit_test(replacing_owns_a_copy),
                cmocka_unit_test(sizes_are_rounded_to_tenths),
                cmocka_unit_test(durations_read_like_a_clock_then_days),
                cmocka_unit_test(instants_are_printed_in_utc),
                cmocka_unit_test(harmless_text_is_not_escaped),
                cmocka_unit_test(controls_and_bidi_and_malformed_bytes_are_shown),
                cmocka_unit_test(escaped_text_is_cut_between_characters),
                cmocka_unit_test(escaped_text_is_always_printable),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
