/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf.h"

#include "failing.h"

static void well_formed_text_is_valid(void **state)
{
        static const char *const texts[] = {
                "",
                "a",
                "\x7f",
                "\xc2\x80",
                "\xdf\xbf",
                "\xe0\xa0\x80",
                "\xed\x9f\xbf",
                "\xee\x80\x80",
                "\xef\xbf\xbf",
                "\xf0\x90\x80\x80",
                "\xf4\x8f\xbf\xbf",
                "eight by\xc3\xbc",
        };

        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                assert_true(utf8_is_valid(texts[i], strlen(texts[i])));
        assert_true(utf8_is_valid("a\0b", 3)); /* U+0000 is a character like others here */
        assert_true(utf8_is_valid(NULL, 0));
}

static void malformed_text_is_refused_wherever_it_stands(void **state)
{
        static const char *const texts[] = {
                "\x80",                     /* continuation alone */
                "\xbf",                     /* the last of them */
                "\xc0\x80",                 /* overlong NUL */
                "\xc1\xbf",                 /* overlong, two bytes */
                "\xe0\x80\x80",             /* overlong, three bytes */
                "\xe0\x9f\xbf",             /* the last of them */
                "\xf0\x80\x80\x80",         /* overlong, four bytes */
                "\xf0\x8f\xbf\xbf",         /* the last of them */
                "\xed\xa0\x80",             /* first surrogate */
                "\xed\xbf\xbf",             /* last surrogate */
                "\xed\xa0\x80\xed\xb0\x80", /* a pair of them */
                "\xf4\x90\x80\x80",         /* U+110000 */
                "\xf5\x80\x80\x80",         /* far over it */
                "\xf7\xbf\xbf\xbf",         /* farther */
                "\xf8\x88\x80\x80\x80",     /* five bytes */
                "\xfc\x84\x80\x80\x80\x80", /* six bytes */
                "\xfe",
                "\xff",
                "\xc3",             /* cut */
                "\xe2\x82",         /* cut */
                "\xf0\x9d\x84",     /* cut */
                "\xc3\x28",         /* no continuation */
                "\xe2\x28\xa1",     /* none as second */
                "\xe2\x82\x28",     /* none as third */
                "\xf0\x28\x8c\xbc", /* none as second of four */
                "\xf0\x9d\x84\x28", /* none as last of four */
                "\xc3\xc3\xbc",     /* a lead where a continuation belongs */
        };

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                for (size_t before = 0; before < 18; before++) {
                        char text[64];
                        wchar_t *wide = (wchar_t *) text;

                        memset(text, 'a', before);
                        strcpy(text + before, texts[i]);
                        assert_false(utf8_is_valid(text, strlen(text)));
                        strcat(text, "aaaaaaaaa");
                        assert_false(utf8_is_valid(text, strlen(text)));
                        assert_int_equal(utf8_to_wide(text, &wide), -EILSEQ);
                        assert_ptr_equal(wide, text);
                }
        }
}

static void nothing_behind_the_end_completes_a_character(void **state)
{
        assert_false(utf8_is_valid("\xc3\xbc", 1));
        assert_false(utf8_is_valid("\xe2\x82\xac", 2));
        assert_false(utf8_is_valid("\xe2\x82\xac", 1));
        assert_false(utf8_is_valid("\xf0\x9d\x84\x9e", 3));
        assert_false(utf8_is_valid("12345678\xf0\x9d\x84\x9e", 11));
}

/* Counted instead of listed: the numbers of code points of each length are known. */
static void exactly_the_scalar_values_are_accepted(void **state)
{
        size_t valid[5] = {0};
        uint8_t s[4];

        for (uint32_t first = 0; first < 256; first++) {
                s[0] = (uint8_t) first;
                valid[1] += utf8_is_valid((char *) s, 1);
                for (uint32_t second = 0; second < 256; second++) {
                        s[1] = (uint8_t) second;
                        valid[2] += first >= 0x80 && utf8_is_valid((char *) s, 2);
                        if (first < 0xe0 || (second & 0xc0) != 0x80)
                                continue;
                        for (uint32_t third = 0; third < 256; third++) {
                                s[2] = (uint8_t) third;
                                valid[3] += utf8_is_valid((char *) s, 3);
                                if (first < 0xf0 || (third & 0xc0) != 0x80)
                                        continue;
                                for (uint32_t last = 0; last < 256; last++) {
                                        s[3] = (uint8_t) last;
                                        valid[4] += utf8_is_valid((char *) s, 4);
                                }
                        }
                }
        }
        assert_int_equal(valid[1], 0x80);
        assert_int_equal(valid[2], 0x800 - 0x80);
        assert_int_equal(valid[3], 0x10000 - 0x800 - 0x800);
        assert_int_equal(valid[4], 0x110000 - 0x10000);
}

static void every_character_round_trips(void **state)
{
        for (uint32_t c = 1; c <= 0x10ffff; c++) {
                wchar_t in[3] = {(wchar_t) c, L'x', 0};
                _cleanup_free_ wchar_t *out = NULL;
                _cleanup_free_ char *text = NULL;

                if (c == 0xd800)
                        c = 0xe000;
                in[0] = (wchar_t) c;
                if (wide_to_utf8(in, &text) != 0 || utf8_to_wide(text, &out) != 0)
                        fail_msg("U+%04X is refused", c);
                if (wcscmp(in, out) != 0)
                        fail_msg("U+%04X changes", c);
                if (utf8_utf16_units(text) != wide_utf16_units(in) ||
                    wide_utf16_units(in) != (c > 0xffff ? 3 : 2))
                        fail_msg("U+%04X is counted wrong", c);
        }
}

static void units_are_those_of_utf16(void **state)
{
        assert_int_equal(utf8_utf16_units(""), 0);
        assert_int_equal(utf8_utf16_units("abc"), 3);
        assert_int_equal(utf8_utf16_units("grün"), 4);
        assert_int_equal(utf8_utf16_units("€"), 1);
        assert_int_equal(utf8_utf16_units("a𝄞b"), 4);
        assert_int_equal(wide_utf16_units(L""), 0);
        assert_int_equal(wide_utf16_units(L"a𝄞b"), 4);
        assert_int_equal(wide_utf16_units(L"\uffff"), 1);
}

static void wide_text_outside_unicode_is_refused(void **state)
{
        static const uint32_t chars[] = {0xd800,   0xdbff,     0xdc00,     0xdfff,
                                         0x110000, 0x7fffffff, 0x80000000, UINT32_MAX};

        for (size_t i = 0; i < ARRAY_LEN(chars); i++) {
                wchar_t text[] = {L'a', (wchar_t) chars[i], L'b', 0};
                char *out = NULL;

                assert_int_equal(wide_to_utf8(text, &out), -EILSEQ);
                assert_null(out);
        }
}

static int convert_both_ways(void)
{
        _cleanup_free_ wchar_t *wide = NULL;
        _cleanup_free_ char *text = NULL;
        int r = utf8_to_wide("grün", &wide);

        if (r < 0) {
                assert_null(wide);
                return r;
        }
        r = wide_to_utf8(wide, &text);
        if (r < 0) {
                assert_null(text);
                return r;
        }
        assert_string_equal(text, "grün");
        return 0;
}

static void exhausted_memory_is_reported(void **state)
{
        assert_int_equal(each_allocation_fails(convert_both_ways), 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(well_formed_text_is_valid),
                cmocka_unit_test(malformed_text_is_refused_wherever_it_stands),
                cmocka_unit_test(nothing_behind_the_end_completes_a_character),
                cmocka_unit_test(exactly_the_scalar_values_are_accepted),
                cmocka_unit_test(every_character_round_trips),
                cmocka_unit_test(units_are_those_of_utf16),
                cmocka_unit_test(wide_text_outside_unicode_is_refused),
                cmocka_unit_test(exhausted_memory_is_reported),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
