/* SPDX-License-Identifier: Apache-2.0 */
/* The delay controller beside others: rivals, company, and the connections of its own group. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bandwidth/alone.h"
#include "bandwidth/group.h"
#include "controller_rig.h"

/* A sender that asks only after 0.7 s whether it may go on, and the round trip that this makes. */
static void a_sender_that_comes_back_late_is_no_rival(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 4);
        r.cap = 0;
        rig_run(&r, 2);
        assert_true(r.d.stall);
        r.cap = UINT64_MAX;
        for (unsigned i = 0; i < 90; i++) {
                r.s.now_usec += BW_TICK_USEC;
                r.s.rtt_usec = 300000;
                r.s.bytes += i == 70 ? 1152 : 0;
                r.d = controller_tick(&r.c, &r.s, r.cap, r.sensor);
                assert_int_equal(controller_state(&r.c), BW_CRUISE);
                assert_false(r.d.stall);
        }
        rig_run(&r, 1);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        assert_in_range(controller_rate_bps(&r.c), LINE * 90 / 100, LINE * 101 / 100);
}

static void it_yields_to_a_queue_that_is_not_its_own(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        r.foreign_queue_usec = 40000;
        r.foreign_bps = LINE / 2;
        assert_true(rig_until(&r, BW_YIELD, 1) <= 0.2);
        assert_int_equal(r.d.window_bytes, (uint32_t) (1.01 * MSS));
        assert_true(r.d.at_floor);
        assert_false(r.d.stall);
        rig_run(&r, 10);
        assert_int_equal(controller_state(&r.c), BW_YIELD);
}

static void it_yields_when_pushed_to_the_floor(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        r.foreign_queue_usec = 12000; /* below 2.5 targets, but it stays */
        r.foreign_bps = LINE / 2;
        assert_true(rig_until(&r, BW_YIELD, 2) <= 0.6);
}

static void it_comes_back_after_the_hold_which_doubles_in_vain(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        r.foreign_queue_usec = 40000;
        (void) rig_until(&r, BW_YIELD, 1);
        r.foreign_queue_usec = 0;
        assert_in_range((uint64_t) (rig_until(&r, BW_RAMP, 2) * 100), 95, 112);
        rig_run(&r, 0.1);
        r.foreign_queue_usec = 40000;
        (void) rig_until(&r, BW_YIELD, 1);
        r.foreign_queue_usec = 0;
        assert_in_range((uint64_t) (rig_until(&r, BW_RAMP, 3) * 100), 195, 212);
        rig_run(&r, 8);
        assert_in_range(controller_rate_bps(&r.c), LINE * 97 / 100, LINE * 101 / 100);
        r.foreign_queue_usec = 40000;
        (void) rig_until(&r, BW_YIELD, 1);
        assert_int_equal(r.path.hold_usec, SEC);
}

/* And more patiently when it had to go again soon. */
static void it_comes_back_to_a_scavenger_after_seven_seconds(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        r.foreign_queue_usec = 40000;
        (void) rig_until(&r, BW_YIELD, 1);
        r.foreign_queue_usec = 7000;
        assert_in_range((uint64_t) rig_until(&r, BW_CRUISE, 10), 7, 8);
        assert_true(r.d.window_bytes > 4 * MSS);
        r.foreign_queue_usec = 40000;
        (void) rig_until(&r, BW_YIELD, 1);
        r.foreign_queue_usec = 7000;
        assert_in_range((uint64_t) rig_until(&r, BW_CRUISE, 20), 14, 15);
}

static void it_does_not_come_back_to_who_fills_the_queue_at_times(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        r.foreign_queue_usec = 40000;
        (void) rig_until(&r, BW_YIELD, 1);
        for (unsigned i = 0; i < 8; i++) {
                r.foreign_queue_usec = 7000;
                rig_run(&r, 5);
                assert_int_equal(controller_state(&r.c), BW_YIELD);
                r.foreign_queue_usec = 30000;
                rig_run(&r, 1);
                assert_int_equal(controller_state(&r.c), BW_YIELD);
        }
}

static void in_company_it_grows_by_segments(void **state)
{
        Rig r;
        uint32_t before;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        r.foreign_bps = LINE * 4 / 10;
        r.foreign_queue_usec = 5000;
        r.c.window = r.d.window_bytes = 30000;
        rig_run(&r, 0.3);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        r.foreign_queue_usec = 0;
        r.foreign_bps = 0;
        before = r.d.window_bytes;
        assert_in_range(before, 25000, 36000);
        rig_run(&r, 0.1);
        assert_in_range(r.d.window_bytes, before + 2 * MSS, before + 6 * MSS);
}

/* Somebody has 40 % of the line, and the queue reads exactly the target whatever we do. */
static void join(Rig *r, uint32_t window)
{
        r->c.alone_usec = 0; /* his coming showed */
        r->foreign_bps = LINE * 4 / 10;
        r->foreign_queue_usec = BW_TARGET_NORMAL_USEC;
        r->c.window = r->d.window_bytes = window;
}

static void who_has_more_gives_to_who_has_less(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 5);
        join(&r, 40000);
        rig_run(&r, 3);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        assert_in_range(r.d.window_bytes, 27000, 32000);
        join(&r, 18000);
        rig_run(&r, 0.8);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        assert_in_range(r.d.window_bytes, 24000, 30000);
}

/* The queue goes for 60 ms, which nobody but one who drains does. */
static BwState after_a_dip(bool in_company)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 5);
        if (in_company) {
                join(&r, 30000);
                rig_run(&r, 3);
        }
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        r.foreign_queue_usec = r.foreign_bps = 0;
        r.c.window = r.d.window_bytes = 30000;
        rig_run(&r, 0.03);
        return controller_state(&r.c);
}

static void it_drains_when_its_company_drains(void **state)
{
        assert_int_equal(after_a_dip(true), BW_DRAIN);
        assert_int_equal(after_a_dip(false), BW_CRUISE);
}

static void who_has_the_whole_line_has_no_company(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 5);
        join(&r, 30000);
        rig_run(&r, 2);
        assert_true(r.c.company_usec > 0);
        r.foreign_bps = 0;
        r.foreign_queue_usec = 5000;
        r.c.window = r.d.window_bytes = 62000;
        rig_run(&r, 0.6);
        assert_int_equal(r.c.company_usec, 0);
}

/* The line is ours for a moment, and then not. */
static BwState after_a_moment_of_strength(bool in_company)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 5);
        if (in_company) {
                join(&r, 30000);
                rig_run(&r, 2);
        }
        r.foreign_bps = 0;
        r.foreign_queue_usec = 5000;
        r.c.window = r.d.window_bytes = 60000;
        rig_run(&r, 0.3);
        join(&r, 14000);
        r.foreign_queue_usec = 5000;
        rig_run(&r, 0.3);
        return controller_state(&r.c);
}

static void company_that_comes_back_from_a_drain_does_not_push_us_aside(void **state)
{
        assert_int_equal(after_a_moment_of_strength(true), BW_CRUISE);
        assert_int_equal(after_a_moment_of_strength(false), BW_YIELD);
}

static void who_is_no_sensor_stalls_in_yield(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        r.sensor = false;
        rig_run(&r, 3);
        assert_false(r.d.stall);
        r.foreign_queue_usec = 40000;
        (void) rig_until(&r, BW_YIELD, 1);
        assert_true(r.d.stall);
        r.foreign_queue_usec = 0;
        rig_run(&r, 5);
        assert_int_equal(controller_state(&r.c), BW_YIELD);
        controller_resume(&r.c, r.s.now_usec);
        assert_int_equal(controller_state(&r.c), BW_RAMP);
        rig_run(&r, 3);
        assert_in_range(controller_rate_bps(&r.c), LINE * 9 / 10, LINE * 101 / 100);
}

/* Each has half of the line and is company for the other; together they are alone, until somebody
 * else has a part of it. */
static void two_connections_of_a_path_are_alone_together(void **state)
{
        static Rig r[2];

        rig_setup(&r[0], BW_DOWN);
        rig_run(&r[0], 3);
        assert_true(alone_is_sure(&r[0].c));
        r[0].c.window = r[0].d.window_bytes = LINE / 1000 * 25 / 2;
        r[0].foreign_bps = LINE / 2;
        rig_run(&r[0], 0.3);
        rig_setup(&r[1], BW_DOWN);
        r[1].c.path = &r[0].path;
        r[1].s.now_usec = r[0].s.now_usec;
        for (unsigned t = 0; t < 600; t++)
                for (unsigned i = 0; i < 2; i++) {
                        if (t == 0)
                                r[i].c.window = r[i].d.window_bytes = LINE / 1000 * 25 / 2;
                        r[i].foreign_bps = t < 500 ? LINE / 2 : LINE * 65 / 100;
                        rig_tick(&r[i]);
                        if (t == 499)
                                assert_true(alone_is_sure(&r[i].c));
                        if (t >= 550)
                                assert_false(alone_is_sure(&r[i].c));
                }
}

/* Three connections that yield: one feels, the others stall, the place goes round, and when the
 * line is free all come back at once. */
static void a_group_has_one_sensor(void **state)
{
        static Rig r[3];
        bool was_sensor[3] = {false};
        BwGroup group;
        unsigned changes = 0;

        bw_group_init(&group);
        for (unsigned i = 0; i < 3; i++) {
                rig_setup(&r[i], BW_DOWN);
                rig_run(&r[i], 3);
                r[i].foreign_queue_usec = 40000;
        }
        for (unsigned t = 0; t < 5000; t++) {
                unsigned floors = 0, yields = 0;

                for (unsigned i = 0; i < 3; i++) {
                        r[i].s.now_usec += BW_TICK_USEC;
                        r[i].s.rtt_usec = BASE + (t < 4500 ? 40000 : 0);
                        r[i].s.bytes += t < 20 ? 10000 : 240;
                        r[i].d = bw_group_tick(&group, &r[i].c, &r[i].s, UINT64_MAX);
                }
                for (unsigned i = 0; i < 3; i++) {
                        bool yielding = controller_state(&r[i].c) == BW_YIELD;

                        yields += yielding;
                        floors += yielding && !r[i].d.stall;
                        was_sensor[i] = was_sensor[i] || (yielding && !r[i].d.stall && t > 200);
                }
                if (t > 50 && t < 4500) {
                        assert_int_equal(yields, 3);
                        assert_in_range(floors, 1, 2); /* two in the tick of the change alone */
                        changes += floors - 1;
                }
        }
        for (unsigned i = 0; i < 3; i++) {
                assert_true(was_sensor[i]);
                assert_int_not_equal(controller_state(&r[i].c), BW_YIELD);
        }
        assert_in_range(changes, 0, 10);
        bw_group_forget(&group, group.sensor);
        assert_null(group.sensor);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_sender_that_comes_back_late_is_no_rival),
                cmocka_unit_test(it_yields_to_a_queue_that_is_not_its_own),
                cmocka_unit_test(it_yields_when_pushed_to_the_floor),
                cmocka_unit_test(it_comes_back_after_the_hold_which_doubles_in_vain),
                cmocka_unit_test(it_comes_back_to_a_scavenger_after_seven_seconds),
                cmocka_unit_test(it_does_not_come_back_to_who_fills_the_queue_at_times),
                cmocka_unit_test(in_company_it_grows_by_segments),
                cmocka_unit_test(who_has_more_gives_to_who_has_less),
                cmocka_unit_test(it_drains_when_its_company_drains),
                cmocka_unit_test(who_has_the_whole_line_has_no_company),
                cmocka_unit_test(company_that_comes_back_from_a_drain_does_not_push_us_aside),
                cmocka_unit_test(who_is_no_sensor_stalls_in_yield),
                cmocka_unit_test(two_connections_of_a_path_are_alone_together),
                cmocka_unit_test(a_group_has_one_sensor),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
