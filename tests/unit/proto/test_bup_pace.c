/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/bup_pace.h"

#include "../base/random.h"

#define KIB ((uint64_t) 1024)
#define MIB (1024 * KIB)
#define SEC ((uint64_t) 1000000)

/* Uploads at a rate and gives the size that comes out. */
static uint64_t settle(BupPace *p, uint64_t bytes_per_sec)
{
        for (int i = 0; i < 30; i++) {
                uint64_t bytes = bup_pace_next(p, UINT64_MAX);

                bup_pace_measured(p, bytes, MAX(bytes * SEC / bytes_per_sec, 1));
        }
        return bup_pace_next(p, UINT64_MAX);
}

static void fragments_begin_with_a_mebibyte_and_end_at_thirteen(void **state)
{
        BupPace p;

        bup_pace_init(&p, 0, 0, 0);
        assert_int_equal(bup_pace_next(&p, UINT64_MAX), MIB);
        assert_int_equal(bup_pace_next(&p, 10), 10);
        assert_int_equal(settle(&p, 1000 * MIB), 13 * MIB);
        bup_pace_init(&p, 4 * MIB, 64 * MIB, 0);
        assert_int_equal(bup_pace_next(&p, UINT64_MAX), 4 * MIB);
        assert_int_equal(settle(&p, 1000 * MIB), 64 * MIB);
}

static void fragments_take_four_to_seven_seconds(void **state)
{
        static const uint64_t rates[] = {8 * KIB, 100 * KIB, 500 * KIB, MIB, 2 * MIB, 3 * MIB};

        for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
                BupPace p;
                uint64_t bytes, usec;

                bup_pace_init(&p, 0, 0, 0);
                bytes = settle(&p, rates[i]);
                usec = bytes * SEC / rates[i];
                if (usec < BUP_FRAGMENT_SHORT_USEC || usec > BUP_FRAGMENT_LONG_USEC)
                        fail_msg("%llu bytes/s: fragments of %llu usec",
                                 (unsigned long long) rates[i], (unsigned long long) usec);
        }
}

static void a_slow_line_gets_no_less_than_five_kibibytes(void **state)
{
        BupPace p;

        bup_pace_init(&p, 0, 0, 0);
        assert_int_equal(settle(&p, 100), 5 * KIB);
        bup_pace_init(&p, 1, 1, 1);
        assert_int_equal(bup_pace_next(&p, UINT64_MAX), 5 * KIB);
}

static void the_rest_of_a_file_and_what_was_not_measured_say_nothing(void **state)
{
        BupPace p;

        bup_pace_init(&p, 0, 0, 0);
        bup_pace_measured(&p, MIB / 2 - 1, 60 * SEC);
        bup_pace_measured(&p, MIB, 0);
        assert_int_equal(bup_pace_next(&p, UINT64_MAX), MIB);
}

static void a_lost_connection_halves_and_success_grows_again(void **state)
{
        BupPace p;

        bup_pace_init(&p, 0, 0, 0);
        bup_pace_lost(&p, MIB);
        assert_int_equal(bup_pace_next(&p, UINT64_MAX), MIB / 2);
        for (int i = 0; i < 20; i++)
                bup_pace_lost(&p, bup_pace_next(&p, UINT64_MAX));
        assert_int_equal(bup_pace_next(&p, UINT64_MAX), 5 * KIB);
        assert_int_equal(settle(&p, 1000 * MIB), 13 * MIB);
}

/* C6 */
static void refused_sizes_halve_to_the_floor_and_never_come_back(void **state)
{
        BupPace p;
        unsigned steps = 0;

        bup_pace_init(&p, 0, 0, 0);
        assert_true(bup_pace_refused(&p, MIB));
        assert_int_equal(bup_pace_next(&p, UINT64_MAX), MIB / 2);
        assert_int_equal(settle(&p, 1000 * MIB), MIB / 2);
        while (bup_pace_refused(&p, bup_pace_next(&p, UINT64_MAX)))
                assert_true(++steps < 20);
        assert_int_equal(bup_pace_next(&p, UINT64_MAX), 5 * KIB);
        assert_false(bup_pace_refused(&p, 3));

        bup_pace_init(&p, 0, 0, 64 * KIB); /* learnt before */
        assert_int_equal(settle(&p, 1000 * MIB), 64 * KIB);
}

static void sizes_stay_within_their_bounds_whatever_is_measured(void **state)
{
        Random random = random_seeded(__func__);
        BupPace p;

        bup_pace_init(&p, 0, 0, 0);
        for (int i = 0; i < 100000; i++) {
                uint64_t bytes = random_u64(&random) >> random_below(&random, 64);
                uint64_t usec = random_u64(&random) >> random_below(&random, 64);
                uint64_t size;

                if (random_below(&random, 10) == 0)
                        bup_pace_lost(&p, bytes);
                else if (random_below(&random, 100) == 0)
                        bup_pace_init(&p, bytes, 0, 0);
                else
                        bup_pace_measured(&p, bytes, usec);
                size = bup_pace_next(&p, UINT64_MAX);
                assert_true(size >= 5 * KIB && size <= 13 * MIB);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fragments_begin_with_a_mebibyte_and_end_at_thirteen),
                cmocka_unit_test(fragments_take_four_to_seven_seconds),
                cmocka_unit_test(a_slow_line_gets_no_less_than_five_kibibytes),
                cmocka_unit_test(the_rest_of_a_file_and_what_was_not_measured_say_nothing),
                cmocka_unit_test(a_lost_connection_halves_and_success_grows_again),
                cmocka_unit_test(refused_sizes_halve_to_the_floor_and_never_come_back),
                cmocka_unit_test(sizes_stay_within_their_bounds_whatever_is_measured),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
