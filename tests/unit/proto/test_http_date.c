/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include "proto/http_date.h"

#include "../base/random.h"

#define NOW 1795000000 /* 2026-11-18 */

static void the_three_forms_mean_the_same(void **state)
{
        static const char *const FORMS[] = {
                "Sun, 06 Nov 1994 08:49:37 GMT",
                "Sunday, 06-Nov-94 08:49:37 GMT",
                "Sun Nov  6 08:49:37 1994",
        };

        for (size_t i = 0; i < ARRAY_LEN(FORMS); i++) {
                int64_t sec = -1;

                assert_int_equal(http_date_parse(FORMS[i], NOW, &sec), 0);
                assert_int_equal(sec, 784111777);
        }
}

static void two_digits_of_a_year_lie_within_fifty_years(void **state)
{
        int64_t sec;

        assert_int_equal(http_date_parse("Sunday, 06-Nov-76 08:49:37 GMT", NOW, &sec), 0);
        assert_true(sec > NOW); /* 2076 */
        assert_int_equal(http_date_parse("Sunday, 06-Nov-77 08:49:37 GMT", NOW, &sec), 0);
        assert_true(sec < NOW); /* 1977 */
}

static void what_is_no_date_is_refused_and_changes_nothing(void **state)
{
        static const char *const BAD[] = {
                "",
                "0",
                "-1",
                "now",
                "Sun, 06 Nov 1994 08:49:37",
                "Sun, 06 Nov 1994 08:49:37 CET",
                "Sun, 06 Nov 1994 08:49:37 GMT ",
                "Sun, 6 Nov 1994 08:49:37 GMT",
                "Sun, 31 Feb 1994 08:49:37 GMT",
                "Sun, 29 Feb 1900 08:49:37 GMT",
                "Sun, 00 Nov 1994 08:49:37 GMT",
                "Sun, 06 Nov 1994 24:00:00 GMT",
                "Sun, 06 Nov 1994 08:60:37 GMT",
                "Sun, 06 Nov 1994 08:49:61 GMT",
                "Sun, 06 Nov 0994 08:49:37 GMT",
                "Xxx, 06 Nov 1994 08:49:37 GMT",
                "Sun, 06 Xxx 1994 08:49:37 GMT",
                "sun, 06 nov 1994 08:49:37 gmt",
                "Sunday, 06-Nov-1994 08:49:37 GMT",
                "Sun Nov 6 08:49:37 1994",
                "Sun, 06 Nov 99999 08:49:37 GMT",
        };

        for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
                int64_t sec = 4711;

                assert_int_equal(http_date_parse(BAD[i], NOW, &sec), -EINVAL);
                assert_int_equal(sec, 4711);
        }
}

static void leap_days_and_centuries_count(void **state)
{
        int64_t sec;

        assert_int_equal(http_date_parse("Tue, 29 Feb 2000 00:00:00 GMT", NOW, &sec), 0);
        assert_int_equal(sec, 951782400);
        assert_int_equal(http_date_parse("Thu, 01 Jan 1970 00:00:00 GMT", NOW, &sec), 0);
        assert_int_equal(sec, 0);
        assert_int_equal(http_date_parse("Wed, 31 Dec 1969 23:59:59 GMT", NOW, &sec), 0);
        assert_int_equal(sec, -1);
        assert_int_equal(http_date_parse("Mon, 01 Jan 1601 00:00:00 GMT", NOW, &sec), 0);
        assert_int_equal(sec, -11644473600);
}

static void parsing_undoes_formatting(void **state)
{
        const int64_t last = 253402300799; /* the end of 9999 */
        Random random = random_seeded("parsing undoes formatting");

        for (int i = 0; i < 20000; i++) {
                int64_t sec = (int64_t) random_below(&random, last + 11644473600) - 11644473600;
                char text[HTTP_DATE_BYTES];
                int64_t again = 0;

                assert_int_equal(http_date_format(sec, text), 0);
                assert_int_equal(strlen(text), HTTP_DATE_BYTES - 1);
                assert_int_equal(http_date_parse(text, NOW, &again), 0);
                assert_int_equal(again, sec);
        }
}

static void formatting_agrees_with_the_c_library(void **state)
{
        for (int64_t sec = -2000000000; sec < 4000000000; sec += 7654321) {
                time_t t = (time_t) sec;
                struct tm tm;
                char ours[HTTP_DATE_BYTES], theirs[64];

                assert_non_null(gmtime_r(&t, &tm));
                strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", &tm);
                assert_int_equal(http_date_format(sec, ours), 0);
                assert_string_equal(ours, theirs);
        }
}

static void years_without_four_digits_are_not_formatted(void **state)
{
        char text[HTTP_DATE_BYTES] = "untouched";

        assert_int_equal(http_date_format(INT64_MAX, text), -ERANGE);
        assert_int_equal(http_date_format(INT64_MIN, text), -ERANGE);
        assert_int_equal(http_date_format(253402300800, text), -ERANGE);
        assert_int_equal(http_date_format(-11644473601, text), -ERANGE);
        assert_string_equal(text, "untouched");
}

static void retry_after_is_a_number_or_a_date(void **state)
{
        static const struct {
                const char *value;
                uint32_t sec;
        } GOOD[] = {
                {"0", 0},
                {"120", 120},
                {"4294967295", UINT32_MAX},
                {"99999999999999999999999999", UINT32_MAX},
                {"Wed, 18 Nov 2026 09:06:40 GMT", 0}, /* before NOW */
                {"Thu, 01 Jan 9999 00:00:00 GMT", UINT32_MAX},
        };
        char text[HTTP_DATE_BYTES];
        uint32_t sec = 0;

        for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
                sec = 4711;
                assert_int_equal(http_retry_after_parse(GOOD[i].value, NOW, &sec), 0);
                assert_int_equal(sec, GOOD[i].sec);
        }
        assert_int_equal(http_date_format(NOW + 90, text), 0);
        assert_int_equal(http_retry_after_parse(text, NOW, &sec), 0);
        assert_int_equal(sec, 90);
        assert_int_equal(http_retry_after_parse("", NOW, &sec), -EINVAL);
        assert_int_equal(http_retry_after_parse("-5", NOW, &sec), -EINVAL);
        assert_int_equal(http_retry_after_parse("5 s", NOW, &sec), -EINVAL);
        assert_int_equal(sec, 90);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_three_forms_mean_the_same),
                cmocka_unit_test(two_digits_of_a_year_lie_within_fifty_years),
                cmocka_unit_test(what_is_no_date_is_refused_and_changes_nothing),
                cmocka_unit_test(leap_days_and_centuries_count),
                cmocka_unit_test(parsing_undoes_formatting),
                cmocka_unit_test(formatting_agrees_with_the_c_library),
                cmocka_unit_test(years_without_four_digits_are_not_formatted),
                cmocka_unit_test(retry_after_is_a_number_or_a_date),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
