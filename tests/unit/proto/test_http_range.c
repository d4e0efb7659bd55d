/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/http_range.h"

#include "../base/random.h"

static void a_range_from_somewhere_has_no_end(void **state)
{
        char text[HTTP_RANGE_BYTES];

        http_range_format_from(0, text);
        assert_string_equal(text, "bytes=0-");
        http_range_format_from(UINT64_MAX, text);
        assert_string_equal(text, "bytes=18446744073709551615-");
}

static void ranges_of_content_are_understood(void **state)
{
        HttpContentRange r;

        assert_int_equal(http_content_range_parse("bytes 0-499/1234", &r), 0);
        assert_true(r.satisfied && r.first_byte == 0 && r.last_byte == 499);
        assert_int_equal(r.total_bytes, 1234);
        assert_int_equal(http_content_range_parse("BYTES  5-5/*", &r), 0);
        assert_true(r.satisfied && r.first_byte == 5 && r.last_byte == 5);
        assert_true(r.total_bytes == HTTP_RANGE_UNKNOWN);
        assert_int_equal(http_content_range_parse("bytes */77", &r), 0);
        assert_false(r.satisfied);
        assert_int_equal(r.total_bytes, 77);
        assert_int_equal(http_content_range_parse("bytes 5368709120-5368709121/5368709122", &r), 0);
        assert_true(r.first_byte == UINT64_C(5368709120));
}

static void what_is_no_range_of_content_is_refused(void **state)
{
        static const char *const BAD[] = {
                "",
                "bytes",
                "bytes ",
                "bytes0-1/2",
                "items 0-1/2",
                "bytes 0-1",
                "bytes 0-1/",
                "bytes 2-1/5",
                "bytes 0-5/5",
                "bytes -1/5",
                "bytes 0-/5",
                "bytes */*",
                "bytes 0-1/2, bytes 3-4/5",
                "bytes 0 - 1/2",
                "bytes +0-1/2",
                "bytes 0-1/0x2",
                "bytes 0-18446744073709551616/18446744073709551617",
                "bytes 0-1/18446744073709551615",
                "bytes 0-1/2 x",
        };

        for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
                HttpContentRange r = {.first_byte = 4711};

                assert_int_equal(http_content_range_parse(BAD[i], &r), -EINVAL);
                assert_int_equal(r.first_byte, 4711);
        }
}

/* Whatever is accepted means what it says; whatever says something sound is accepted. */
static void random_ranges_are_taken_at_their_word(void **state)
{
        Random random = random_seeded("random ranges");

        for (int i = 0; i < 20000; i++) {
                uint64_t first = random_below(&random, 1000) << random_below(&random, 50);
                uint64_t last = first + random_below(&random, 1000) - 10;
                uint64_t total = last + random_below(&random, 20) - 5;
                HttpContentRange r;
                char text[100];
                int got;

                (void) snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                                last, total);
                got = http_content_range_parse(text, &r);
                assert_int_equal(got == 0,
                                 first <= last && last < total && total != HTTP_RANGE_UNKNOWN);
                if (got == 0)
                        assert_true(r.satisfied && r.first_byte == first && r.last_byte == last &&
                                    r.total_bytes == total);
        }
}

static void lengths_are_whole_numbers(void **state)
{
        static const char *const BAD[] = {"",
                                          "-1",
                                          "+1",
                                          "1.0",
                                          "0x10",
                                          "1 2",
                                          "1,2",
                                          "1, 1,",
                                          ",1",
                                          "many",
                                          "18446744073709551616"};
        uint64_t bytes = 4711;

        for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
                assert_int_equal(http_content_length_parse(BAD[i], &bytes), -EINVAL);
                assert_int_equal(bytes, 4711);
        }
        assert_int_equal(http_content_length_parse("0", &bytes), 0);
        assert_int_equal(bytes, 0);
        assert_int_equal(http_content_length_parse("5368709120 ", &bytes), 0);
        assert_true(bytes == UINT64_C(5368709120));
        assert_int_equal(http_content_length_parse("7, 7 ,7", &bytes), 0);
        assert_int_equal(bytes, 7);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_range_from_somewhere_has_no_end),
                cmocka_unit_test(ranges_of_content_are_understood),
                cmocka_unit_test(what_is_no_range_of_content_is_refused),
                cmocka_unit_test(random_ranges_are_taken_at_their_word),
                cmocka_unit_test(lengths_are_whole_numbers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
