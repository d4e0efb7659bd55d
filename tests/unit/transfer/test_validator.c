/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/str.h"
#include "transfer/validator.h"

#include "../base/random.h"

#define OLD 1600000000

static const Validator KNOWN = {"\"a\"", OLD, 100, 40};

/* The part that a good server sends for KNOWN. */
static HttpHead good_part(void)
{
        HttpHead h = {
                .status = 206,
                .has_range = true,
                .range = {true, 40, 99, 100},
                .length_bytes = 60,
                .etag = "\"a\"",
                .modified_sec = OLD,
                .date_sec = OLD + 1000,
        };

        return h;
}

static HttpHead good_whole(void)
{
        HttpHead h = good_part();

        h.status = 200;
        h.has_range = false;
        h.length_bytes = 100;
        return h;
}

static void assert_judged(const Validator *v, const HttpHead *h, Verdict verdict)
{
        JobError error = {.code = S_OK};

        assert_int_equal(validator_judge(v, h, &error), verdict);
        assert_int_equal(error.code != S_OK, verdict == VERDICT_FAIL);
}

static void the_right_part_goes_on(void **state)
{
        HttpHead h = good_part();
        uint64_t end, size;

        assert_judged(&KNOWN, &h, VERDICT_CONTINUE);
        validator_extent(&KNOWN, &h, &end, &size);
        assert_int_equal(end, 100);
        assert_int_equal(size, 100);
        h.modified_sec = OLD + 5; /* mirrors of one file may differ in this */
        assert_judged(&KNOWN, &h, VERDICT_CONTINUE);
        h.length_bytes = BG_SIZE_UNKNOWN;
        h.chunked = true;
        assert_judged(&KNOWN, &h, VERDICT_CONTINUE);
}

static void a_part_of_another_place_or_size_is_asked_for_whole(void **state)
{
        HttpHead h = good_part();

        h.range.first_byte = 41;
        assert_judged(&KNOWN, &h, VERDICT_RETRY);
        h = good_part();
        h.range.total_bytes = 101;
        assert_judged(&KNOWN, &h, VERDICT_RETRY);
        h.range.total_bytes = HTTP_RANGE_UNKNOWN;
        assert_judged(&KNOWN, &h, VERDICT_RETRY);
        h = good_part();
        h.has_range = false;
        assert_judged(&KNOWN, &h, VERDICT_RETRY);
        h = good_part();
        h.range.satisfied = false;
        assert_judged(&KNOWN, &h, VERDICT_RETRY);
        h = good_part();
        h.length_bytes = 61;
        assert_judged(&KNOWN, &h, VERDICT_RETRY);
}

static void a_part_without_proof_of_its_version_is_asked_for_whole(void **state)
{
        Validator dated = {NULL, OLD, 100, 40}, tagged = {"\"a\"", FILE_NO_TIME, 100, 40};
        HttpHead h = good_part();

        (void) str_copy(h.etag, sizeof(h.etag), "\"b\"");
        assert_judged(&KNOWN, &h, VERDICT_RETRY); /* although the date is the same */
        h.etag[0] = '\0';
        assert_judged(&KNOWN, &h, VERDICT_CONTINUE); /* the date speaks */
        assert_judged(&tagged, &h, VERDICT_RETRY);
        assert_judged(&dated, &h, VERDICT_CONTINUE);
        h.modified_sec = OLD + 1;
        assert_judged(&KNOWN, &h, VERDICT_RETRY);
        assert_judged(&dated, &h, VERDICT_RETRY);
        h.modified_sec = FILE_NO_TIME;
        assert_judged(&KNOWN, &h, VERDICT_RETRY);
        assert_judged(&tagged, &h, VERDICT_RETRY);
        assert_judged(&dated, &h, VERDICT_RETRY);
}

static void a_whole_file_is_taken_whole(void **state)
{
        Validator first = {NULL, FILE_NO_TIME, BG_SIZE_UNKNOWN, 0};
        HttpHead h = good_whole();
        uint64_t end, size;

        assert_judged(&KNOWN, &h, VERDICT_WHOLE);
        assert_judged(&first, &h, VERDICT_WHOLE);
        validator_extent(&first, &h, &end, &size);
        assert_int_equal(end, 100);
        assert_int_equal(size, 100);
        h.length_bytes = BG_SIZE_UNKNOWN;
        h.chunked = true;
        assert_judged(&first, &h, VERDICT_WHOLE);
        validator_extent(&first, &h, &end, &size);
        assert_true(end == BG_SIZE_UNKNOWN && size == BG_SIZE_UNKNOWN);
}

static void a_body_needs_an_end_and_no_coding(void **state)
{
        Validator first = {NULL, FILE_NO_TIME, BG_SIZE_UNKNOWN, 0};
        HttpHead h = good_whole();
        JobError error;

        h.length_bytes = BG_SIZE_UNKNOWN;
        assert_int_equal(validator_judge(&first, &h, &error), VERDICT_FAIL);
        assert_int_equal(error.code, BG_E_MISSING_FILE_SIZE);
        assert_true(error.fatal);
        h.keeps_framing = true;
        assert_judged(&first, &h, VERDICT_WHOLE);
        h = good_whole();
        (void) str_copy(h.encoding, sizeof(h.encoding), "gzip");
        assert_int_equal(validator_judge(&first, &h, &error), VERDICT_FAIL);
        assert_int_equal(error.code, BG_E_INSUFFICIENT_HTTP_SUPPORT);
}

static void a_part_nobody_asked_for_is_the_file_or_nothing(void **state)
{
        Validator first = {NULL, FILE_NO_TIME, BG_SIZE_UNKNOWN, 0};
        HttpHead h = good_part();

        assert_judged(&first, &h, VERDICT_FAIL);
        h.range = (HttpContentRange){true, 0, 99, 100};
        h.length_bytes = 100;
        assert_judged(&first, &h, VERDICT_WHOLE);
        h.range.last_byte = 98;
        assert_judged(&first, &h, VERDICT_FAIL);
}

static void refused_ranges_are_asked_for_whole_once(void **state)
{
        Validator whole = {"\"a\"", OLD, 100, 0};
        HttpHead h = {.status = 416, .length_bytes = 0};

        assert_judged(&KNOWN, &h, VERDICT_RETRY);
        assert_judged(&whole, &h, VERDICT_FAIL);
        h.status = 412;
        assert_judged(&KNOWN, &h, VERDICT_RETRY);
        assert_judged(&whole, &h, VERDICT_FAIL);
}

static void no_other_status_is_data(void **state)
{
        for (int status = 201; status < 600; status++) {
                HttpHead h = good_whole();
                JobError error = {0};

                h.status = status;
                if (status == 206 || status == 412 || status == 416)
                        continue;
                assert_int_equal(validator_judge(&KNOWN, &h, &error), VERDICT_FAIL);
                assert_int_equal(error.http_status, status);
        }
}

static void dates_are_strong_after_a_minute(void **state)
{
        HttpHead h = good_whole();

        h.date_sec = OLD + 60;
        assert_int_equal(validator_strong_modified(&h), OLD);
        h.date_sec = OLD + 59;
        assert_true(validator_strong_modified(&h) == FILE_NO_TIME);
        h.date_sec = OLD - 1000;
        assert_true(validator_strong_modified(&h) == FILE_NO_TIME);
        h.date_sec = FILE_NO_TIME;
        assert_true(validator_strong_modified(&h) == FILE_NO_TIME);
        h.date_sec = INT64_MAX;
        h.modified_sec = -10;
        assert_true(validator_strong_modified(&h) == FILE_NO_TIME); /* the age overflows */
}

static void the_etag_goes_before_the_date(void **state)
{
        char text[VALIDATOR_TEXT_BYTES];
        Validator v = KNOWN;

        assert_true(validator_if_range(&v, text));
        assert_string_equal(text, "\"a\"");
        v.etag = NULL;
        assert_true(validator_if_range(&v, text));
        assert_string_equal(text, "Sun, 13 Sep 2020 12:26:40 GMT");
        v.modified_sec = FILE_NO_TIME;
        assert_false(validator_if_range(&v, text));
}

static void something_is_always_left_to_ask_for(void **state)
{
        assert_int_equal(validator_resume_from(0, 100), 0);
        assert_int_equal(validator_resume_from(40, 100), 40);
        assert_int_equal(validator_resume_from(100, 100), 99);
        assert_int_equal(validator_resume_from(101, 100), 100);
        assert_int_equal(validator_resume_from(40, BG_SIZE_UNKNOWN), 39);
        assert_int_equal(validator_resume_from(0, BG_SIZE_UNKNOWN), 0);
}

static void versions_have_tags_of_their_own(void **state)
{
        assert_true(validator_tag("\"a\"", OLD) == validator_tag("\"a\"", OLD));
        assert_true(validator_tag("\"a\"", OLD) != validator_tag("\"b\"", OLD));
        assert_true(validator_tag("\"a\"", OLD) != validator_tag("\"a\"", OLD + 1));
        assert_true(validator_tag("\"a\"", OLD) != validator_tag(NULL, OLD));
        assert_true(validator_tag(NULL, FILE_NO_TIME) != validator_tag(NULL, 0));
}

/* Whatever the answer is: it goes on only with the bytes at from_byte of a file of the known size
 * and of a version that was proven. */
static void nothing_is_spliced(void **state)
{
        static const char *const ETAGS[] = {"", "\"a\"", "\"b\""};
        static const int64_t TIMES[] = {FILE_NO_TIME, OLD, OLD + 1};
        Random random = random_seeded("nothing is spliced");

        for (int i = 0; i < 200000; i++) {
                Validator v = {ETAGS[random_below(&random, 3)], TIMES[random_below(&random, 3)],
                               random_below(&random, 2) ? 100 : BG_SIZE_UNKNOWN,
                               random_below(&random, 3)};
                HttpHead h = {
                        .status = random_below(&random, 4) ? 206 : 200,
                        .has_range = random_below(&random, 4),
                        .range = {random_below(&random, 8), random_below(&random, 3), 99,
                                  random_below(&random, 2) ? 100 : 101},
                        .length_bytes = 95 + random_below(&random, 8),
                        .modified_sec = TIMES[random_below(&random, 3)],
                };
                JobError error;

                if (*v.etag == '\0')
                        v.etag = NULL;
                (void) str_copy(h.etag, sizeof(h.etag), ETAGS[random_below(&random, 3)]);
                if (validator_judge(&v, &h, &error) != VERDICT_CONTINUE)
                        continue;
                assert_true(v.from_byte > 0 && h.status == 206 && h.has_range);
                assert_true(h.range.satisfied && h.range.first_byte == v.from_byte);
                assert_true(v.size_bytes == BG_SIZE_UNKNOWN || v.size_bytes == h.range.total_bytes);
                assert_true(h.length_bytes == 100 - h.range.first_byte);
                if (v.etag && h.etag[0] != '\0')
                        assert_string_equal(v.etag, h.etag);
                else
                        assert_true(v.modified_sec == h.modified_sec &&
                                    v.modified_sec != FILE_NO_TIME);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_right_part_goes_on),
                cmocka_unit_test(a_part_of_another_place_or_size_is_asked_for_whole),
                cmocka_unit_test(a_part_without_proof_of_its_version_is_asked_for_whole),
                cmocka_unit_test(a_whole_file_is_taken_whole),
                cmocka_unit_test(a_body_needs_an_end_and_no_coding),
                cmocka_unit_test(a_part_nobody_asked_for_is_the_file_or_nothing),
                cmocka_unit_test(refused_ranges_are_asked_for_whole_once),
                cmocka_unit_test(no_other_status_is_data),
                cmocka_unit_test(dates_are_strong_after_a_minute),
                cmocka_unit_test(the_etag_goes_before_the_date),
                cmocka_unit_test(something_is_always_left_to_ask_for),
                cmocka_unit_test(versions_have_tags_of_their_own),
                cmocka_unit_test(nothing_is_spliced),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
