/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/http_pace.h"

static const HttpFrontLimits LIMITS = {
        .idle_sec = 120, .body_rate_min_bytes = 1024, .body_rate_window_sec = 60};

static void idle_ends(void **state)
{
        HttpPace p = {.phase = HTTP_PACE_IDLE, .since_mono = 5 * USEC_PER_SEC};

        assert_false(http_pace_has_overstayed(&p, &LIMITS, 124 * USEC_PER_SEC));
        assert_true(http_pace_has_overstayed(&p, &LIMITS, 125 * USEC_PER_SEC));
}

static void whoever_waits_for_us_may_stay(void **state)
{
        HttpPace p = {.phase = HTTP_PACE_EXEMPT};

        assert_false(http_pace_has_overstayed(&p, &LIMITS, UINT64_MAX));
}

static void a_body_has_a_least_rate_over_a_window(void **state)
{
        HttpPace p = {.phase = HTTP_PACE_BODY};

        assert_false(http_pace_has_overstayed(&p, &LIMITS, 59 * USEC_PER_SEC));
        p.window_bytes = 60 * 1024;
        assert_false(http_pace_has_overstayed(&p, &LIMITS, 60 * USEC_PER_SEC));
        /* A new window: what was sent before does not help. */
        assert_int_equal(p.window_bytes, 0);
        p.window_bytes = 60 * 1024 - 1;
        assert_false(http_pace_has_overstayed(&p, &LIMITS, 119 * USEC_PER_SEC));
        assert_true(http_pace_has_overstayed(&p, &LIMITS, 120 * USEC_PER_SEC));
}

static void no_least_rate_is_no_limit(void **state)
{
        HttpFrontLimits none = {.idle_sec = 120, .body_rate_window_sec = 60};
        HttpPace p = {.phase = HTTP_PACE_BODY};

        assert_false(http_pace_has_overstayed(&p, &none, 1000 * USEC_PER_SEC));
}

static void looks_come_often_enough(void **state)
{
        HttpFrontLimits quick = {.idle_sec = 1, .body_rate_window_sec = 60};

        assert_true(http_pace_period_usec(&LIMITS) <= 5 * USEC_PER_SEC);
        assert_true(http_pace_period_usec(&quick) <= USEC_PER_SEC / 4);
        assert_true(http_pace_period_usec(&quick) > 0);
}

static void entering_a_phase_starts_its_time(void **state)
{
        HttpPace p = {.phase = HTTP_PACE_IDLE, .window_bytes = 9};

        http_pace_enter(&p, HTTP_PACE_BODY);
        assert_int_equal(p.phase, HTTP_PACE_BODY);
        assert_int_equal(p.window_bytes, 0);
        assert_true(p.since_mono > 0 && p.since_mono <= clock_mono_usec(&CLOCK_SYSTEM));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(idle_ends),
                cmocka_unit_test(whoever_waits_for_us_may_stay),
                cmocka_unit_test(a_body_has_a_least_rate_over_a_window),
                cmocka_unit_test(no_least_rate_is_no_limit),
                cmocka_unit_test(looks_come_often_enough),
                cmocka_unit_test(entering_a_phase_starts_its_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
