/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of hours and days, the limits they give, and when those change next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/limit_schedule.h"

#define HOUR_USEC (3600 * USEC_PER_SEC)
#define DAY_USEC (24 * HOUR_USEC)
/* 2026-03-01, a Sunday, 00:00 UTC. */
#define SUNDAY_USEC (1772323200 * USEC_PER_SEC)

enum { HIGH = BG_JOB_PRIORITY_HIGH, NORMAL = BG_JOB_PRIORITY_NORMAL, LOW = BG_JOB_PRIORITY_LOW };

static const LocalTimePort UTC = {0};

static LocalTime local(uint8_t day, uint8_t hour)
{
        return (LocalTime){.day = day, .hour = hour, .minute = 59, .second = 59};
}

static uint64_t bps_at(const LimitPolicy *p, int level, uint8_t day, uint8_t hour)
{
        LocalTime at = local(day, hour);
        TransferLimits limits;

        limit_schedule_at(p, &at, &limits);
        assert_true(limits.level_bps[BG_JOB_PRIORITY_FOREGROUND] == UINT64_MAX);
        return limits.level_bps[level];
}

static void rates_are_bytes_and_tiny_ones_are_two_kilobits(void **state)
{
        (void) state;
        assert_int_equal(limit_rate_bps(&(LimitRate){0, LIMIT_KBPS}), 0);
        assert_int_equal(limit_rate_bps(&(LimitRate){1, LIMIT_KBPS}), 250);
        assert_int_equal(limit_rate_bps(&(LimitRate){2, LIMIT_KBPS}), 250);
        assert_int_equal(limit_rate_bps(&(LimitRate){3, LIMIT_KBPS}), 375);
        assert_int_equal(limit_rate_bps(&(LimitRate){8, LIMIT_MBPS}), 1000000);
        assert_int_equal(limit_rate_bps(&(LimitRate){4294967200u, LIMIT_MBPS}),
                         (uint64_t) 4294967200u * 125000);
        assert_true(limit_rate_bps(&(LimitRate){5, LIMIT_NONE}) == UINT64_MAX);
}

static void windows_hold_within_hours_and_days_and_run_over_their_ends(void **state)
{
        static const struct {
                LimitWindow w;
                uint8_t day, hour;
                bool holds;
        } cases[] = {
                {{1, 5, 8, 17}, 1, 8, true},  {{1, 5, 8, 17}, 1, 7, false},
                {{1, 5, 8, 17}, 5, 16, true}, {{1, 5, 8, 17}, 5, 17, false},
                {{1, 5, 8, 17}, 6, 9, false}, {{1, 5, 8, 17}, 0, 9, false},
                {{5, 1, 8, 17}, 0, 9, true},  {{5, 1, 8, 17}, 1, 9, true},
                {{5, 1, 8, 17}, 2, 9, false}, {{5, 5, 22, 6}, 5, 22, true},
                {{5, 5, 22, 6}, 6, 5, true}, /* Friday's night ends on Saturday */
                {{5, 5, 22, 6}, 6, 6, false}, {{5, 5, 22, 6}, 5, 5, false},
                {{6, 6, 22, 6}, 0, 3, true},  {{0, 6, 9, 9}, 3, 0, true},
                {{2, 2, 9, 9}, 2, 0, true},   {{2, 2, 9, 9}, 3, 0, false},
                {{0, 6, 0, 23}, 3, 22, true}, {{0, 6, 0, 23}, 3, 23, false},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                LocalTime at = local(cases[i].day, cases[i].hour);

                if (limit_window_holds(&cases[i].w, &at) != cases[i].holds)
                        fail_msg("case %zu", i);
        }
}

static void by_default_nothing_is_limited_and_nothing_changes(void **state)
{
        LimitPolicy p = limit_policy_default();

        (void) state;
        for (uint8_t hour = 0; hour < 24; hour++)
                assert_true(bps_at(&p, LOW, 1, hour) == UINT64_MAX);
        assert_true(limit_schedule_next(&p, &UTC, SUNDAY_USEC) == USEC_INFINITY);
}

static void the_daily_limit_has_a_window_and_another_one_outside(void **state)
{
        LimitPolicy p = limit_policy_default();

        (void) state;
        p.daily = true;
        p.daily_kbps = 80;
        assert_int_equal(bps_at(&p, NORMAL, 0, 8), 10000);
        assert_int_equal(bps_at(&p, HIGH, 0, 16), 10000);
        assert_true(bps_at(&p, NORMAL, 0, 17) == UINT64_MAX);
        p.daily_off_unlimited = false;
        p.daily_off_kbps = 1;
        assert_int_equal(bps_at(&p, NORMAL, 0, 17), 250);
        p.daily_from = 22;
        p.daily_to = 6;
        assert_int_equal(bps_at(&p, NORMAL, 0, 23), 10000);
        assert_int_equal(bps_at(&p, NORMAL, 0, 5), 10000);
        assert_int_equal(bps_at(&p, NORMAL, 0, 6), 250);
}

static LimitPolicy week_policy(void)
{
        LimitPolicy p = limit_policy_default();

        p.week = true;
        p.work_rate[HIGH] = (LimitRate){2, LIMIT_MBPS};
        p.work_rate[NORMAL] = (LimitRate){800, LIMIT_KBPS};
        p.work_rate[LOW] = (LimitRate){0, LIMIT_KBPS};
        p.off_rate[LOW] = (LimitRate){1, LIMIT_MBPS};
        return p;
}

static void the_week_has_limits_for_each_level(void **state)
{
        LimitPolicy p = week_policy();

        (void) state;
        assert_int_equal(bps_at(&p, HIGH, 1, 10), 250000);
        assert_int_equal(bps_at(&p, NORMAL, 1, 10), 100000);
        assert_int_equal(bps_at(&p, LOW, 1, 10), 0);
        assert_true(bps_at(&p, HIGH, 0, 10) == UINT64_MAX);
        assert_int_equal(bps_at(&p, LOW, 0, 10), 125000);
}

static void of_two_limits_the_lower_holds_and_maintenance_overrides_both(void **state)
{
        LimitPolicy p = week_policy();

        (void) state;
        p.daily = true;
        p.daily_kbps = 1600;
        assert_int_equal(bps_at(&p, HIGH, 1, 10), 200000);
        assert_int_equal(bps_at(&p, NORMAL, 1, 10), 100000);
        p.maintenance = true;
        p.maintenance_window = (LimitWindow){1, 1, 10, 11};
        p.maintenance_rate[HIGH] = (LimitRate){80, LIMIT_MBPS};
        assert_int_equal(bps_at(&p, HIGH, 1, 10), 10000000);
        assert_true(bps_at(&p, LOW, 1, 10) == UINT64_MAX);
        assert_int_equal(bps_at(&p, LOW, 1, 11), 0);
}

static void the_next_change_is_the_next_hour_with_other_limits(void **state)
{
        LimitPolicy p = week_policy();
        uint64_t monday = SUNDAY_USEC + DAY_USEC;

        (void) state;
        assert_true(limit_schedule_next(&p, &UTC, SUNDAY_USEC + 1) == monday + 8 * HOUR_USEC);
        assert_true(limit_schedule_next(&p, &UTC, monday + 8 * HOUR_USEC) ==
                    monday + 17 * HOUR_USEC);
        assert_true(limit_schedule_next(&p, &UTC, monday + 17 * HOUR_USEC - 1) ==
                    monday + 17 * HOUR_USEC);
        assert_true(limit_schedule_next(&p, &UTC, monday + 4 * DAY_USEC + 20 * HOUR_USEC) ==
                    monday + 7 * DAY_USEC + 8 * HOUR_USEC);
        /* Windows that change nothing have no next change. */
        for (int level = HIGH; level < LIMIT_LEVELS; level++)
                p.work_rate[level] = p.off_rate[level];
        assert_true(limit_schedule_next(&p, &UTC, SUNDAY_USEC) == USEC_INFINITY);
}

/* Ahead of UTC by `minutes` from a moment on. */
typedef struct Zone {
        uint64_t from_usec;
        uint32_t minutes;
} Zone;

static void zone_at(void *ctx, uint64_t wall_usec, LocalTime *ret)
{
        const Zone *zone = ctx;
        uint64_t ahead = wall_usec >= zone->from_usec ? zone->minutes * 60 * USEC_PER_SEC : 0;

        *ret = local_time_at(&UTC, wall_usec + ahead);
}

static void summer_time_brings_the_next_change_forward(void **state)
{
        static const uint32_t minutes[] = {60, 30};
        LimitPolicy p = week_policy();
        uint64_t monday = SUNDAY_USEC + DAY_USEC;

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(minutes); i++) {
                Zone zone = {monday + 2 * HOUR_USEC, minutes[i]};
                LocalTimePort port = {zone_at, &zone};

                assert_true(limit_schedule_next(&p, &port, SUNDAY_USEC) ==
                            monday + 8 * HOUR_USEC - minutes[i] * 60 * USEC_PER_SEC);
        }
}

static int nothing_changes_before(const LimitPolicy *p, uint64_t from, uint64_t next)
{
        LocalTime at = local_time_at(&UTC, from);
        TransferLimits before, then;

        limit_schedule_at(p, &at, &before);
        for (uint64_t t = from; t < next; t += 600 * USEC_PER_SEC) {
                at = local_time_at(&UTC, t);
                limit_schedule_at(p, &at, &then);
                if (!limits_equal(&before, &then))
                        return 0;
        }
        at = local_time_at(&UTC, next);
        limit_schedule_at(p, &at, &then);
        return !limits_equal(&before, &then);
}

static void every_change_is_found_whatever_the_windows(void **state)
{
        uint64_t seed = 20260301;

        (void) state;
        for (int round = 0; round < 300; round++) {
                LimitPolicy p = week_policy();
                uint32_t *fields[] = {&p.work.start_day,
                                      &p.work.end_day,
                                      &p.work.start_hour,
                                      &p.work.end_hour,
                                      &p.daily_from,
                                      &p.daily_to,
                                      &p.maintenance_window.start_day,
                                      &p.maintenance_window.end_day,
                                      &p.maintenance_window.start_hour,
                                      &p.maintenance_window.end_hour};
                uint64_t from, next;

                for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
                        bool is_day = i < 2 || i == 6 || i == 7;

                        seed = seed * 6364136223846793005u + 1442695040888963407u;
                        *fields[i] = (uint32_t) (seed >> 33) % (is_day ? 7 : 24);
                }
                p.daily = seed >> 40 & 1;
                p.maintenance = seed >> 41 & 1;
                from = SUNDAY_USEC + (seed >> 20) % (7 * DAY_USEC);
                next = limit_schedule_next(&p, &UTC, from);
                if (next == USEC_INFINITY ? nothing_changes_before(&p, from, from + 7 * DAY_USEC)
                                          : !nothing_changes_before(&p, from, next))
                        fail_msg("round %d", round);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rates_are_bytes_and_tiny_ones_are_two_kilobits),
                cmocka_unit_test(windows_hold_within_hours_and_days_and_run_over_their_ends),
                cmocka_unit_test(by_default_nothing_is_limited_and_nothing_changes),
                cmocka_unit_test(the_daily_limit_has_a_window_and_another_one_outside),
                cmocka_unit_test(the_week_has_limits_for_each_level),
                cmocka_unit_test(of_two_limits_the_lower_holds_and_maintenance_overrides_both),
                cmocka_unit_test(the_next_change_is_the_next_hour_with_other_limits),
                cmocka_unit_test(summer_time_brings_the_next_change_forward),
                cmocka_unit_test(every_change_is_found_whatever_the_windows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
