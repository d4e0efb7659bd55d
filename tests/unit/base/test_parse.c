/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/parse.h"

#define UNTOUCHED 0x5555555555555555

typedef struct Case {
        const char *text;
        int result;
        uint64_t value;
} Case;

static void check(int (*parse)(const char *, uint64_t *), const Case *cases, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                uint64_t v = UNTOUCHED;
                int r = parse(cases[i].text, &v);

                if (r != cases[i].result || v != (r == 0 ? cases[i].value : UNTOUCHED))
                        fail_msg("\"%s\" gives %d and %llu", cases[i].text, r,
                                 (unsigned long long) v);
        }
}

static void u64_takes_digits_only(void **state)
{
        static const Case cases[] = {
                {"0", 0, 0},
                {"7", 0, 7},
                {"0042", 0, 42},
                {"18446744073709551615", 0, UINT64_MAX},
                {"00000000000000000000000018446744073709551615", 0, UINT64_MAX},
                {"18446744073709551616", -ERANGE, 0},
                {"18446744073709551620", -ERANGE, 0},
                {"99999999999999999999999999999999999999999999", -ERANGE, 0},
                {"99999999999999999999999999999999999999999999x", -EINVAL, 0},
                {"", -EINVAL, 0},
                {NULL, -EINVAL, 0},
                {" 1", -EINVAL, 0},
                {"1 ", -EINVAL, 0},
                {"1\n", -EINVAL, 0},
                {"+1", -EINVAL, 0},
                {"-1", -EINVAL, 0},
                {"-0", -EINVAL, 0},
                {"0x10", -EINVAL, 0},
                {"1e3", -EINVAL, 0},
                {"1.0", -EINVAL, 0},
                {"1s", -EINVAL, 0},
                {"\xd9\xa1", -EINVAL, 0}, /* a digit of another script */
        };

        check(parse_u64, cases, ARRAY_LEN(cases));
}

static void u32_ends_at_32_bits(void **state)
{
        uint32_t v = 5;

        assert_int_equal(parse_u32("4294967296", &v), -ERANGE);
        assert_int_equal(parse_u32("18446744073709551616", &v), -ERANGE);
        assert_int_equal(parse_u32("x", &v), -EINVAL);
        assert_int_equal(v, 5);
        assert_int_equal(parse_u32("4294967295", &v), 0);
        assert_int_equal(v, UINT32_MAX);
}

static void bool_knows_four_pairs_of_words(void **state)
{
        static const char *const yes[] = {"yes", "true", "on", "1", "YES", "True"};
        static const char *const no[] = {"no", "false", "off", "0", "NO", "Off"};
        static const char *const neither[] = {"", "y", "yess", " yes", "2", "01", "enable", NULL};
        bool v;

        for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
                v = false;
                assert_int_equal(parse_bool(yes[i], &v), 0);
                assert_true(v);
        }
        for (size_t i = 0; i < ARRAY_LEN(no); i++) {
                v = true;
                assert_int_equal(parse_bool(no[i], &v), 0);
                assert_false(v);
        }
        for (size_t i = 0; i < ARRAY_LEN(neither); i++) {
                v = true;
                assert_int_equal(parse_bool(neither[i], &v), -EINVAL);
                v = false;
                assert_int_equal(parse_bool(neither[i], &v), -EINVAL);
                assert_false(v);
        }
}

static void sizes_have_binary_and_decimal_units(void **state)
{
        static const Case cases[] = {
                {"0", 0, 0},
                {"512", 0, 512},
                {"512B", 0, 512},
                {"1K", 0, 1024},
                {"1k", 0, 1024},
                {"3KiB", 0, 3072},
                {"3KB", 0, 3000},
                {"1M", 0, 1048576},
                {"1MiB", 0, 1048576},
                {"1MB", 0, 1000000},
                {"2G", 0, (uint64_t) 2 << 30},
                {"2GiB", 0, (uint64_t) 2 << 30},
                {"2GB", 0, 2000000000},
                {"1T", 0, (uint64_t) 1 << 40},
                {"1TiB", 0, (uint64_t) 1 << 40},
                {"1TB", 0, 1000000000000},
                {"16777215T", 0, (uint64_t) 16777215 << 40},
                {"16777216T", -ERANGE, 0},
                {"18446744073709551616", -ERANGE, 0},
                {"18446744073709551616X", -EINVAL, 0},
                {"", -EINVAL, 0},
                {"K", -EINVAL, 0},
                {"1 K", -EINVAL, 0},
                {"1.5G", -EINVAL, 0},
                {"1KK", -EINVAL, 0},
                {"1Ki", -EINVAL, 0},
                {"1P", -EINVAL, 0},
                {"-1K", -EINVAL, 0},
                {NULL, -EINVAL, 0},
        };

        check(parse_size, cases, ARRAY_LEN(cases));
}

static void durations_become_seconds(void **state)
{
        static const Case cases[] = {
                {"90", 0, 90},
                {"90s", 0, 90},
                {"15m", 0, 900},
                {"2h", 0, 7200},
                {"14d", 0, 1209600},
                {"213503982334601d", 0, (uint64_t) 213503982334601 * 86400},
                {"213503982334602d", -ERANGE, 0},
                {"", -EINVAL, 0},
                {"d", -EINVAL, 0},
                {"1w", -EINVAL, 0},
                {"1h30m", -EINVAL, 0},
                {"1 h", -EINVAL, 0},
                {"-5s", -EINVAL, 0},
                {NULL, -EINVAL, 0},
        };

        check(parse_duration, cases, ARRAY_LEN(cases));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(u64_takes_digits_only),
                cmocka_unit_test(u32_ends_at_32_bits),
                cmocka_unit_test(bool_knows_four_pairs_of_words),
                cmocka_unit_test(sizes_have_binary_and_decimal_units),
                cmocka_unit_test(durations_become_seconds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
