/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/guid.h"
#include "base/utf.h"
#include "bitsmsg.h"
#include "proto/bup_field.h"

#include "../base/random.h"

#define OURS "{7df0354d-249b-430f-820d-3d2a9bef4931}"
#define OTHER "{00000000-249b-430f-820d-3d2a9bef4931}"

static void numbers_are_digits_up_to_63_bits(void **state)
{
        static const char *const bad[] = {"",
                                          "-1",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "1x",
                                          "0x1",
                                          "1,1",
                                          "1.0",
                                          "9223372036854775808",
                                          "18446744073709551616",
                                          "000000000000000000001"};
        uint64_t n = 7;

        assert_int_equal(bup_number_parse("0", &n), 0);
        assert_int_equal(n, 0);
        assert_int_equal(bup_number_parse("9223372036854775807", &n), 0);
        assert_int_equal(n, INT64_MAX);
        assert_int_equal(bup_number_parse("00000000000000000012", &n), 0);
        assert_int_equal(n, 12);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(bup_number_parse(bad[i], &n), -EINVAL);
        assert_int_equal(n, 12);
}

/* S11 */
static void ranges_are_strict_but_for_the_case_of_the_unit(void **state)
{
        static const char *const bad[] = {
                "",
                "bytes",
                "bytes ",
                "bytes=0-1/2",
                "bytes  0-1/2",
                "bytes\t0-1/2",
                " bytes 0-1/2",
                "bytes 0-1/2 ",
                "bytes 0-1",
                "bytes 0-1/",
                "bytes 0-1/*",
                "bytes */2",
                "bytes 0-/2",
                "bytes -1/2",
                "bytes 1-0/2",
                "bytes 0-2/2",
                "bytes 0-0/0",
                "bytes +0-1/2",
                "bytes 0--1/2",
                "bytes 0 -1/2",
                "bytes 0-1/2,3-4/5",
                "octets 0-1/2",
                "bytes 0-9223372036854775808/9223372036854775809",
                "bytes 0-1/99999999999999999999999",
        };
        BupRange r = {.total_bytes = 77};

        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(bup_range_parse(bad[i], &r), -EINVAL);
        assert_int_equal(r.total_bytes, 77);
        assert_int_equal(bup_range_parse("bytes 128-212/500", &r), 0);
        assert_int_equal(r.first_byte, 128);
        assert_int_equal(r.last_byte, 212);
        assert_int_equal(r.total_bytes, 500);
        assert_int_equal(bup_range_length(&r), 85);
        assert_int_equal(bup_range_parse("Bytes 0-0/1", &r), 0);
        assert_int_equal(bup_range_parse("BYTES 0-0/9223372036854775807", &r), 0);
}

static void printed_ranges_parse_to_themselves(void **state)
{
        Random random = random_seeded(__func__);

        for (int i = 0; i < 20000; i++) {
                BupRange r, back = {0};
                char text[BUP_RANGE_TEXT_BYTES];

                r.total_bytes = 1 + (random_u64(&random) >> (1 + random_below(&random, 62)));
                r.total_bytes = MIN(r.total_bytes, (uint64_t) INT64_MAX);
                r.first_byte = random_below(&random, r.total_bytes);
                r.last_byte = r.first_byte + random_below(&random, r.total_bytes - r.first_byte);
                bup_range_format(&r, text);
                assert_int_equal(bup_range_parse(text, &back), 0);
                assert_memory_equal(&r, &back, sizeof(r));
        }
}

static bool has_ours(const char *list)
{
        unsigned left = BUP_PROTOCOLS_MAX;

        return bup_protocols_have_ours(list, &left);
}

/* S2 */
static void protocol_lists_take_both_separators_and_any_case(void **state)
{
        assert_true(has_ours(OURS));
        assert_true(has_ours("{7DF0354D-249B-430F-820D-3D2A9BEF4931}"));
        assert_true(has_ours(OTHER " " OURS));
        assert_true(has_ours(OTHER "," OURS));
        assert_true(has_ours(OTHER " ,\t, " OURS));
        assert_true(has_ours("nonsense, " OURS));
        assert_true(has_ours("  " OURS ","));
        assert_false(has_ours(OTHER));
        assert_false(has_ours(""));
        assert_false(has_ours(" , "));
        assert_false(has_ours(OURS OURS));
        assert_false(has_ours("7df0354d-249b-430f-820d-3d2a9bef4931"));
        assert_false(has_ours("{7df0354d-249b-430f-820d-3d2a9bef4931"));
        assert_false(has_ours("{7df0354d-249b-430f-820d-3d2a9bef493g}"));
}

/* S2: entries behind the hundredth do not count. */
static void protocol_lists_are_read_up_to_a_hundred_entries(void **state)
{
        char list[BUP_PROTOCOLS_MAX * 41 + 64];

        for (int before = 98; before <= 101; before++) {
                list[0] = '\0';
                for (int i = 0; i < before; i++)
                        (void) strcat(list, OTHER ",");
                (void) strcat(list, OURS);
                assert_int_equal(has_ours(list), before < BUP_PROTOCOLS_MAX);
        }
}

/* S18 */
static void session_ids_that_may_be_echoed_and_those_of_ours(void **state)
{
        static const char *const hostile[] = {"../root", "..",     "a/b",        "a\\b",
                                              "a.b",     "%2e%2e", "x",          "{g}",
                                              "a b",     "",       "{1}\xc3\xa4"};
        char id[BUP_SESSION_ID_BYTES] = "untouched", hundred[102];

        assert_int_equal(bup_session_id_canonical("{3F0C6D0A-51B5-4C0E-9C7A-0B6C1C1D2E33}", id), 0);
        assert_string_equal(id, "{3f0c6d0a-51b5-4c0e-9c7a-0b6c1c1d2e33}");
        for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
                assert_int_equal(bup_session_id_canonical(hostile[i], id), -EINVAL);
        assert_string_equal(id, "{3f0c6d0a-51b5-4c0e-9c7a-0b6c1c1d2e33}");

        memset(hundred, 'a', sizeof(hundred));
        hundred[101] = '\0';
        assert_false(bup_session_id_is_valid(hundred));
        hundred[100] = '\0';
        assert_true(bup_session_id_is_valid(hundred));
        assert_int_equal(bup_session_id_canonical(hundred, id), -EINVAL);
        hundred[65] = '\0';
        assert_int_equal(bup_session_id_canonical(hundred, id), -EINVAL);
        hundred[64] = '\0';
        assert_int_equal(bup_session_id_canonical(hundred, id), 0);

        assert_true(bup_session_id_is_valid("../root"));
        assert_false(bup_session_id_is_valid(""));
        assert_false(bup_session_id_is_valid("a b"));
        assert_false(bup_session_id_is_valid("a\x7f"));
        assert_false(bup_session_id_is_valid("a\r\nX: y"));
        assert_false(bup_session_id_is_valid("\xc3\xa4"));
}

/* C3 */
static void codes_come_with_and_without_prefix(void **state)
{
        static const char *const good[] = {"0x8020001F", "0x8020001f", "0X8020001f",
                                           "x8020001f",  "X8020001F",  "8020001F"};
        static const char *const bad[] = {"",   "0x", "x",  "0x8020001FF", "0x8020001G",
                                          "-1", " 1", "1 ", "00x1",        "0x0x1"};
        char text[BUP_CODE_TEXT_BYTES];
        HRESULT hr = S_FALSE;

        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(bup_hresult_parse(bad[i], &hr), -EINVAL);
        assert_int_equal(hr, S_FALSE);
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                assert_int_equal(bup_hresult_parse(good[i], &hr), 0);
                assert_int_equal(hr, BG_E_SESSION_NOT_FOUND);
        }
        assert_int_equal(bup_hresult_parse("5", &hr), 0);
        assert_int_equal(hr, 5);
        assert_int_equal(bup_hresult_parse("0", &hr), 0);
        assert_int_equal(hr, 0);
        bup_hresult_format(BG_E_SESSION_NOT_FOUND, text);
        assert_string_equal(text, "0x8020001f");
        bup_hresult_format((HRESULT) 5, text);
        assert_string_equal(text, "0x00000005");
}

static void host_ids_are_names_or_addresses_perhaps_with_a_port(void **state)
{
        static const char *const same[] = {
                "FRANKCAO8",     "node3.up.example.net", "10.0.0.7",    "node:8080",
                "[2001:db8::1]", "[2001:db8::1]:8080",   "a_b.example."};
        static const char *const bad[] = {
                "",        ":80",          "http://node",    "node/path",  "user@node",
                "a b",     "node:",        "node:0",         "node:65536", "node:8x",
                "node?x",  "[2001:db8::1", "[2001:db8::1]x", "[]",         "::g",
                "1::2::3", "a..b",         "999.1.1.1",      "%31",        "n\xc3\xb6"};
        char host[BUP_HOST_ID_BYTES] = "untouched", lengthy[BUP_HOST_ID_BYTES + 1];

        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(bup_host_id_parse(bad[i], host), -EINVAL);
        memset(lengthy, 'a', sizeof(lengthy));
        lengthy[BUP_HOST_ID_BYTES] = '\0';
        assert_int_equal(bup_host_id_parse(lengthy, host), -EINVAL);
        assert_string_equal(host, "untouched");
        for (size_t i = 0; i < ARRAY_LEN(same); i++) {
                assert_int_equal(bup_host_id_parse(same[i], host), 0);
                assert_string_equal(host, same[i]);
        }
        assert_int_equal(bup_host_id_parse("2001:db8::1", host), 0);
        assert_string_equal(host, "[2001:db8::1]");
}

/* S18 */
static void names_become_harmless_labels(void **state)
{
        static const char *const pairs[][2] = {
                {"report.bin", "report.bin"},
                {"/etc/passwd", "passwd"},
                {"C:\\temp\\x.bin", "x.bin"},
                {"../../x", "x"},
                {"..", ""},
                {".", ""},
                {"...", ""},
                {"dir/", ""},
                {"", ""},
                {"a:b*c?d\"e<f>g|h", "a_b_c_d_e_f_g_h"},
                {"a\nb\x7f", "a_b_"},
                {"  a b  ", "a b"},
                {"gr\xc3\xbc\xc3\x9f.txt", "gr\xc3\xbc\xc3\x9f.txt"},
                {"\xc2\x85x", "_x"}, /* a C1 control */
                {"a\xffz\xc3", "a_z_"},
                {"\xed\xa0\x80", "___"}, /* a surrogate */
                {".hidden", ".hidden"},
        };
        char name[BUP_NAME_BYTES], text[BUP_NAME_BYTES * 2] = "";

        for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
                bup_name_sanitise(pairs[i][0], name);
                assert_string_equal(name, pairs[i][1]);
        }
        for (int i = 0; i < 400; i++)
                (void) strcat(text, "\xe2\x82\xac");
        bup_name_sanitise(text, name);
        assert_int_equal(strlen(name), 260 * 3);
        text[0] = '\0';
        for (int i = 0; i < 400; i++)
                (void) strcat(text, "\xf0\x9f\x98\x80");
        bup_name_sanitise(text, name);
        assert_int_equal(utf8_utf16_units(name), 260);
}

static void sanitising_twice_changes_nothing(void **state)
{
        Random random = random_seeded(__func__);

        for (int i = 0; i < 50000; i++) {
                char text[700], once[BUP_NAME_BYTES], twice[BUP_NAME_BYTES];
                size_t len = (size_t) random_below(&random, i % 50 == 0 ? sizeof(text) : 24);

                for (size_t k = 0; k < len; k++)
                        text[k] = (char) (1 + random_below(&random, 255));
                text[MIN(len, sizeof(text) - 1)] = '\0';
                bup_name_sanitise(text, once);
                bup_name_sanitise(once, twice);
                assert_string_equal(once, twice);
                assert_true(utf8_is_valid(once, strlen(once)));
                assert_true(utf8_utf16_units(once) <= BUP_NAME_MAX_CHARS);
                assert_null(strpbrk(once, "/\\:*?\"<>|\r\n\t"));
        }
}

/* Values of strangers, made of the characters that matter. */
static void random_values_do_no_harm(void **state)
{
        static const char LETTERS[] = "0123456789abfxX{}-/*,: \tbytes[].%;=\x01\x80\xff";
        Random random = random_seeded(__func__);

        for (int i = 0; i < 200000; i++) {
                char text[80], host[BUP_HOST_ID_BYTES], id[BUP_SESSION_ID_BYTES];
                size_t len = (size_t) random_below(&random, sizeof(text));
                unsigned left = BUP_PROTOCOLS_MAX;
                BupRange r;
                HRESULT hr;
                uint64_t n;

                for (size_t k = 0; k < len; k++)
                        text[k] = LETTERS[random_below(&random, sizeof(LETTERS) - 1)];
                text[len] = '\0';
                if (random_below(&random, 2) == 0 && len > 6)
                        memcpy(text, "bytes ", 6);
                if (bup_range_parse(text, &r) == 0)
                        assert_true(r.first_byte <= r.last_byte && r.last_byte < r.total_bytes);
                if (bup_number_parse(text, &n) == 0)
                        assert_true(n <= INT64_MAX);
                (void) bup_protocols_have_ours(text, &left);
                if (bup_session_id_canonical(text, id) == 0)
                        assert_true(bup_session_id_is_valid(id));
                if (bup_host_id_parse(text, host) == 0)
                        assert_null(strpbrk(host, "/?#@ %"));
                if (bup_hresult_parse(text, &hr) == 0)
                        assert_true(len <= 10);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_are_digits_up_to_63_bits),
                cmocka_unit_test(ranges_are_strict_but_for_the_case_of_the_unit),
                cmocka_unit_test(printed_ranges_parse_to_themselves),
                cmocka_unit_test(protocol_lists_take_both_separators_and_any_case),
                cmocka_unit_test(protocol_lists_are_read_up_to_a_hundred_entries),
                cmocka_unit_test(session_ids_that_may_be_echoed_and_those_of_ours),
                cmocka_unit_test(codes_come_with_and_without_prefix),
                cmocka_unit_test(host_ids_are_names_or_addresses_perhaps_with_a_port),
                cmocka_unit_test(names_become_harmless_labels),
                cmocka_unit_test(sanitising_twice_changes_nothing),
                cmocka_unit_test(random_values_do_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
