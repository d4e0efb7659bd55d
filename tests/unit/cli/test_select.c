/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/cleanup.h"
#include "cli/select.h"

static bits_job_info job_with(const char *guid, const char *name)
{
        bits_job_info job = {.name = (char *) name};

        assert_int_equal(bits_guid_parse(guid, &job.id), S_OK);
        return job;
}

static void words_pick_jobs_by_id_name_or_pattern(void **state)
{
        bits_job_info job = job_with("3f2a91c4-7c1d-4f0e-9f5a-2f1b3a7d9c10", "night [1]");

        assert_true(job_fits(&job, "3f2a"));
        assert_true(job_fits(&job, "3F2A91C4"));
        assert_true(job_fits(&job, "3f2a91c4-7c1d"));
        assert_true(job_fits(&job, "3f2a91c47c1d4f0e9f5a2f1b3a7d9c10"));
        assert_true(job_fits(&job, "3"));
        assert_false(job_fits(&job, "3f2b"));
        assert_false(job_fits(&job, "3f2a91c47c1d4f0e9f5a2f1b3a7d9c100"));
        assert_false(job_fits(&job, ""));
        assert_false(job_fits(&job, "-"));
        assert_false(job_fits(&job, "nigh"));
        assert_false(job_fits(&job, "NIGHT [1]"));
        assert_true(job_fits(&job, "night [1]")); /* the name itself, though it is a pattern too */
        assert_true(job_fits(&job, "n*"));
        assert_true(job_fits(&job, "night ?1?"));
        assert_false(job_fits(&job, "n?"));
}

static void prefixes_are_as_long_as_they_must_be(void **state)
{
        bits_job_info jobs[] = {
                job_with("abcd1111-0000-0000-0000-000000000000", "a"),
                job_with("ffff0000-0000-0000-0000-000000000000", "b"),
                job_with("abcd1112-0000-0000-0000-000000000000", "c"),
                job_with("abcd1111-0000-0000-0000-000000000001", "d"),
                job_with("abce0000-0000-0000-0000-000000000000", "e"),
        };
        bits_job_list list = {.count = ARRAY_LEN(jobs), .jobs = jobs};
        _cleanup_free_ unsigned *digits = select_prefix_digits(&list, 4);

        assert_int_equal(digits[0], 32);
        assert_int_equal(digits[1], 4);
        assert_int_equal(digits[2], 8);
        assert_int_equal(digits[3], 32);
        assert_int_equal(digits[4], 4);
}

static void a_lone_job_and_none_are_no_trouble(void **state)
{
        bits_job_info job = job_with("abcd1111-0000-0000-0000-000000000000", "a");
        bits_job_list list = {.count = 1, .jobs = &job}, none = {0};
        _cleanup_free_ unsigned *one = select_prefix_digits(&list, 4);
        _cleanup_free_ unsigned *zero = select_prefix_digits(&none, 4);

        assert_int_equal(one[0], 4);
        assert_non_null(zero);
}

/* Whatever prefix is shown must pick its job and no other. */
static void every_prefix_shown_picks_its_job_alone(void **state)
{
        enum { JOBS = 2000 };
        _cleanup_free_ bits_job_info *jobs = mem_array(JOBS, sizeof(*jobs));
        bits_job_list list = {.count = JOBS, .jobs = jobs};
        _cleanup_free_ unsigned *digits = NULL;
        uint32_t x = 12345;

        for (size_t i = 0; i < JOBS; i++) {
                x = x * 1664525 + 1013904223;
                jobs[i].id.Data1 = x & 0xffff0000; /* crowded beginnings */
                jobs[i].id.Data2 = (uint16_t) i;
                jobs[i].name = (char *) "x";
        }
        digits = select_prefix_digits(&list, 4);
        for (size_t i = 0; i < JOBS; i += 37) {
                char text[37], word[33] = "";
                size_t n = 0, fits = 0;

                bits_guid_format(&jobs[i].id, text);
                for (const char *p = text; n < digits[i]; p++)
                        if (*p != '-')
                                word[n++] = *p;
                for (size_t k = 0; k < JOBS; k++)
                        fits += job_fits(&jobs[k], word);
                assert_int_equal(fits, 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_pick_jobs_by_id_name_or_pattern),
                cmocka_unit_test(prefixes_are_as_long_as_they_must_be),
                cmocka_unit_test(a_lone_job_and_none_are_no_trouble),
                cmocka_unit_test(every_prefix_shown_picks_its_job_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
