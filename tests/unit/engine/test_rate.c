/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/rate.h"

static void a_steady_stream_is_its_rate(void **state)
{
        Rate rate;
        uint64_t now = 100 * USEC_PER_SEC;

        (void) state;
        rate_start(&rate, now);
        for (int i = 0; i < 40; i++) {
                now += USEC_PER_SEC / 4;
                rate_add(&rate, now, 250);
        }
        assert_in_range(rate_bps(&rate, now), 900, 1100);
}

static void a_first_second_is_not_blown_up(void **state)
{
        Rate rate;

        (void) state;
        rate_start(&rate, 100 * USEC_PER_SEC);
        rate_add(&rate, 100 * USEC_PER_SEC + 10, 1000);
        assert_int_equal(rate_bps(&rate, 100 * USEC_PER_SEC + 20), 1000);
        assert_int_equal(rate_bps(&rate, 102 * USEC_PER_SEC), 500);
}

static void silence_brings_it_to_nothing(void **state)
{
        Rate rate;

        (void) state;
        rate_start(&rate, 0);
        rate_add(&rate, 1 * USEC_PER_SEC, 100000);
        assert_true(rate_bps(&rate, 3 * USEC_PER_SEC) > 0);
        assert_int_equal(rate_bps(&rate, 7 * USEC_PER_SEC), 0);
        assert_int_equal(rate_bps(&rate, 1000000 * USEC_PER_SEC), 0);
        rate_add(&rate, 1000000 * USEC_PER_SEC, 4000);
        assert_in_range(rate_bps(&rate, 1000000 * USEC_PER_SEC), 900, 1100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_steady_stream_is_its_rate),
                cmocka_unit_test(a_first_second_is_not_blown_up),
                cmocka_unit_test(silence_brings_it_to_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
