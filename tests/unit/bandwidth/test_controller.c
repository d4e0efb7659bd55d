/* SPDX-License-Identifier: Apache-2.0 */
/* The delay controller, rule by rule: a connection that has its line for itself, or a cap. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "controller_rig.h"

static void it_starts_with_ten_segments_and_grows_to_the_line(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        assert_int_equal(r.d.window_bytes, 10 * MSS);
        assert_int_equal(controller_state(&r.c), BW_START);
        assert_false(r.d.at_floor);
        (void) rig_until(&r, BW_CRUISE, 1);
        rig_run(&r, 3);
        assert_in_range(controller_rate_bps(&r.c), LINE * 97 / 100, LINE * 101 / 100);
        assert_in_range(controller_queue_usec(&r.c), 2000, 8000);
        assert_in_range(controller_base_usec(&r.c), BASE, BASE + 500);
}

static void alone_for_a_while_it_wants_less_of_a_queue(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 2);
        assert_in_range(controller_queue_usec(&r.c), 5500, 8000);
        for (unsigned i = 0; i < 6; i++) { /* with a DRAIN among them */
                rig_run(&r, 1);
                assert_in_range(controller_rate_bps(&r.c), LINE * 94 / 100, LINE * 101 / 100);
        }
        assert_in_range(controller_queue_usec(&r.c), 2500, 5000);
        r.foreign_bps = LINE / 4; /* somebody has a part of it, and no queue */
        rig_run(&r, 1);
        assert_in_range(controller_queue_usec(&r.c), 5500, 8500);
}

/* The window of a long pipe is not opened further than a short queue bears while the sender still
 * doubles, however long that takes. */
static void the_window_waits_for_a_distant_sender_to_catch_up(void **state)
{
        double pipe = LINE / 10.0;
        Rig r;

        rig_setup_far(&r, BW_DOWN, 80000);
        rig_run(&r, 12);
        assert_in_range(controller_rate_bps(&r.c), LINE * 95 / 100, LINE * 101 / 100);
        r.cap = 0;
        rig_run(&r, 2);
        r.cap = UINT64_MAX;
        r.sender_bytes = LINE / 40; /* a quarter of the pipe */
        rig_run(&r, 1);
        assert_in_range(r.d.window_bytes, pipe * 30 / 100, pipe * 37 / 100);
        r.sender_bytes = 0;
        rig_run(&r, 1.5);
        assert_true(r.d.window_bytes > 80 * pipe / 100);
}

/* Where the cap leaves next to nothing there is a packet under way and nothing to judge. */
static void a_cap_of_a_packet_is_the_floor_and_no_rival(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 4);
        r.cap = LINE / 100;
        r.foreign_queue_usec = 100000;
        for (unsigned i = 0; i < 100; i++) {
                rig_tick(&r);
                assert_int_equal(controller_state(&r.c), BW_CRUISE);
                assert_false(r.d.stall);
        }
        assert_true(r.d.at_floor);
        r.foreign_queue_usec = 0;
        r.cap = UINT64_MAX;
        rig_run(&r, 0.3);
        assert_true(r.d.window_bytes > LINE / 50 * 80 / 100);
}

/* One that ended; a round of silence; and the first bytes of the next one come back in a queue. The
 * window after it in percent of that before. */
static uint32_t after_a_gap(bool is_told)
{
        Rig r;
        uint32_t before;

        rig_setup(&r, BW_UP);
        rig_run(&r, 3);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        before = r.d.window_bytes;
        for (unsigned i = 0; i < 6; i++) {
                r.s.now_usec += BW_TICK_USEC;
                r.s.is_idle = is_told && i < 2;
                r.s.rtt_usec = i < 1 ? BASE : BASE + 20000;
                r.d = controller_tick(&r.c, &r.s, r.cap, r.sensor);
        }
        return r.d.window_bytes * 100 / before;
}

static void the_first_round_of_a_fragment_is_not_judged(void **state)
{
        assert_in_range(after_a_gap(true), 99, 106);
        assert_true(after_a_gap(false) < 95);
}

/* While little is sent a pair of segments takes long to leave, and its acknowledgement as long to
 * come. */
static void an_acknowledgement_that_waits_for_its_pair_is_no_queue(void **state)
{
        Rig r;

        rig_setup_far(&r, BW_UP, 80000);
        for (unsigned t = 0; r.d.window_bytes < LINE / 20; t++) {
                assert_int_equal(controller_state(&r.c), BW_START);
                assert_true(t < 400);
                r.foreign_queue_usec = t % 11 < 7 ? 2 * MSS * 100000 / r.d.window_bytes : 0;
                rig_tick(&r);
        }
}

static void loss_ends_the_start(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 0.05);
        assert_int_equal(controller_state(&r.c), BW_START);
        r.s.loss++;
        rig_tick(&r);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
}

static void loss_takes_three_tenths_once_a_round(void **state)
{
        Rig r;
        uint32_t before;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        before = r.d.window_bytes;
        r.s.loss++;
        rig_tick(&r);
        assert_in_range(r.d.window_bytes, before * 69 / 100, before * 71 / 100);
        before = r.d.window_bytes;
        r.s.loss++;
        rig_tick(&r);
        assert_true(r.d.window_bytes >= before);
}

static void it_drains_now_and_then_and_comes_back(void **state)
{
        Rig r;
        uint32_t before;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        before = r.d.window_bytes;
        (void) rig_until(&r, BW_DRAIN, 5);
        assert_true(r.d.window_bytes < LINE / 1000 * BASE / 1000);
        rig_run(&r, 0.04);
        assert_int_equal(controller_queue_usec(&r.c), 0);
        (void) rig_until(&r, BW_CRUISE, 0.1);
        assert_true(r.d.window_bytes >= LINE / 1000 * BASE / 1000 * 89 / 100);
        rig_run(&r, 1);
        assert_in_range(r.d.window_bytes, before * 9 / 10, before * 11 / 10);
}

static void a_cap_of_nothing_stalls_and_freezes(void **state)
{
        Rig r;
        uint32_t before;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        before = r.d.window_bytes;
        r.cap = 0;
        rig_tick(&r);
        assert_true(r.d.stall);
        rig_run(&r, 2);
        assert_true(r.d.stall);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        /* What the persist timer gave for a round trip is no queue. */
        r.cap = UINT64_MAX;
        r.s.rtt_usec = 300000;
        for (unsigned i = 0; i < 55; i++) {
                r.s.now_usec += BW_TICK_USEC;
                r.d = controller_tick(&r.c, &r.s, r.cap, true);
                assert_false(r.d.stall);
                assert_int_equal(controller_state(&r.c), BW_CRUISE);
                assert_int_equal(r.d.window_bytes, before);
        }
        rig_run(&r, 1);
        assert_in_range(controller_rate_bps(&r.c), LINE * 9 / 10, LINE * 101 / 100);
        assert_in_range(controller_base_usec(&r.c), BASE, BASE + 500);
}

static void after_the_settling_time_a_queue_is_a_queue(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        r.cap = 0;
        rig_run(&r, 1);
        r.cap = UINT64_MAX;
        r.foreign_queue_usec = 60000;
        r.foreign_bps = LINE / 2;
        rig_run(&r, 0.5);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        assert_true(rig_until(&r, BW_YIELD, 1) <= 0.4);
}

/* What comes first after a stall is next to nothing, and a DRAIN would keep it so. */
static void who_comes_back_does_not_drain(void **state)
{
        Rig r;

        rig_setup(&r, BW_UP);
        rig_run(&r, 3);
        r.cap = 0;
        while (r.s.now_usec + SEC / 4 < r.path.next_drain_usec)
                rig_tick(&r);
        r.cap = UINT64_MAX;
        for (unsigned t = 0; t < 100; t++) {
                rig_tick(&r);
                assert_int_not_equal(controller_state(&r.c), BW_DRAIN);
        }
        assert_true(controller_rate_bps(&r.c) > LINE * 8 / 10);
        rig_until(&r, BW_DRAIN, 1);
}

static void a_cap_bounds_the_window(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        r.cap = LINE / 4;
        rig_run(&r, 1);
        assert_in_range(r.d.window_bytes, 12000, 12500 * 103 / 100);
        r.cap = 1; /* never below the floor */
        rig_run(&r, 0.1);
        assert_int_equal(r.d.window_bytes, (uint32_t) (1.01 * MSS));
}

static void a_cap_of_a_moment_does_not_cost_the_window(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        r.cap = 0;
        rig_run(&r, 1);
        r.cap = 16384;
        rig_tick(&r);
        assert_int_equal(r.d.window_bytes, (uint32_t) (1.01 * MSS));
        r.cap = UINT64_MAX;
        rig_tick(&r);
        assert_in_range(r.d.window_bytes, LINE / 1000 * (BASE / 1000) * 8 / 10, 45000);
}

/* There the queue is empty most of the time, by rule. */
static void an_upload_at_the_floor_is_not_idle(void **state)
{
        Rig r;

        rig_setup(&r, BW_UP);
        rig_run(&r, 3);
        r.c.window = 0;
        for (unsigned i = 0; i < 50; i++) {
                rig_tick(&r);
                r.s.is_idle = r.d.at_floor;
        }
        assert_true(r.d.window_bytes > 8 * MSS);
}

static void an_upload_has_a_floor_of_two_segments(void **state)
{
        Rig r;

        rig_setup(&r, BW_UP);
        rig_run(&r, 3);
        assert_in_range(controller_rate_bps(&r.c), LINE * 97 / 100, LINE * 101 / 100);
        r.foreign_queue_usec = 40000;
        (void) rig_until(&r, BW_YIELD, 1);
        assert_int_equal(r.d.window_bytes, 2 * MSS);
        assert_true(r.d.at_floor);
}

static void without_timestamps_it_estimates_the_round_trip(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        for (unsigned i = 0; i < 400; i++) {
                rig_tick(&r);
                r.s.has_timestamps = false;
                r.s.rcv_ssthresh = 10000000;
                r.s.rtt_usec = BASE; /* it only ever falls */
                r.d = controller_tick(&r.c, &r.s, UINT64_MAX, true);
        }
        r.s.has_timestamps = false;
        for (unsigned i = 0; i < 300; i++) {
                double rtt = r.d.window_bytes * 1e6 / LINE;

                r.s.now_usec += BW_TICK_USEC;
                r.s.rtt_usec = BASE;
                r.s.bytes += (uint64_t) (rtt > BASE ? LINE / 100 : r.d.window_bytes / 2);
                r.d = controller_tick(&r.c, &r.s, UINT64_MAX, true);
        }
        /* It does not run away, as it would if it believed the socket. */
        assert_in_range(r.d.window_bytes, LINE / 1000 * 15, LINE / 1000 * 40);
        assert_in_range(controller_rate_bps(&r.c), LINE * 8 / 10, LINE * 101 / 100);
}

static void the_next_connection_knows_the_path(void **state)
{
        Rig r, next;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 5);
        rig_setup(&next, BW_DOWN);
        next.path = r.path;
        next.s.now_usec = r.s.now_usec + SEC;
        next.foreign_queue_usec = 50000; /* whoever came in between */
        rig_tick(&next);
        assert_in_range(controller_base_usec(&next.c), BASE, BASE + 500);
        assert_in_range((uint64_t) path_memory_capacity_bps(&next.path), LINE * 97 / 100,
                        LINE * 101 / 100);
        assert_true(rig_until(&next, BW_YIELD, 1) <= 0.3);
}

static void jumps_of_the_clock_and_of_counters_keep_the_window(void **state)
{
        Rig r;
        uint32_t before;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        before = r.d.window_bytes;
        r.s.now_usec -= 50 * (uint64_t) SEC;
        r.d = controller_tick(&r.c, &r.s, r.cap, true);
        assert_in_range(r.d.window_bytes, before * 9 / 10, before * 11 / 10);
        rig_run(&r, 1);
        r.s.now_usec += 3600 * (uint64_t) SEC;
        r.d = controller_tick(&r.c, &r.s, r.cap, true);
        rig_run(&r, 1);
        assert_in_range(controller_rate_bps(&r.c), LINE * 9 / 10, LINE * 101 / 100);
        r.s.bytes = 5;
        r.s.loss = 0;
        rig_run(&r, 1);
        assert_in_range(controller_rate_bps(&r.c), LINE * 9 / 10, LINE * 101 / 100);
        r.s.bytes += 1000000000000000;
        rig_run(&r, 1);
        assert_in_range((uint64_t) path_memory_capacity_bps(&r.path), LINE * 9 / 10,
                        LINE * 101 / 100);
}

static void calls_in_quick_succession_change_nothing(void **state)
{
        Rig r;
        uint32_t before;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 0.1);
        before = r.d.window_bytes;
        for (unsigned i = 0; i < 100; i++) {
                r.s.now_usec += 5;
                r.d = controller_tick(&r.c, &r.s, r.cap, true);
        }
        assert_int_equal(r.d.window_bytes, before);
        r.d = controller_tick(&r.c, &r.s, 0, true); /* but a stall is at once */
        assert_true(r.d.stall);
}

static void absurd_samples_are_borne(void **state)
{
        Rig r;

        rig_setup(&r, BW_DOWN);
        rig_run(&r, 3);
        r.s.mss = 0;
        r.s.rtt_usec = 0;
        r.s.now_usec += BW_TICK_USEC;
        r.d = controller_tick(&r.c, &r.s, r.cap, true);
        r.s.rtt_usec = UINT64_MAX;
        r.s.mss = UINT32_MAX;
        r.s.now_usec += BW_TICK_USEC;
        r.d = controller_tick(&r.c, &r.s, r.cap, true);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        assert_in_range(controller_base_usec(&r.c), BASE, BASE + 500);
        r.s.mss = MSS;
        rig_run(&r, 2);
        assert_in_range(controller_rate_bps(&r.c), LINE * 9 / 10, LINE * 101 / 100);
}

static void states_and_targets_have_their_values(void **state)
{
        static const char *const names[] = {"start", "cruise", "drain", "yield", "ramp"};

        for (unsigned i = 0; i < BW_STATE_MAX; i++)
                assert_string_equal(bw_state_to_string((BwState) i), names[i]);
        assert_null(bw_state_to_string(BW_STATE_MAX));
        assert_null(bw_state_to_string((BwState) -1));
        assert_int_equal(BW_TARGET_USEC(1), 10000);
        assert_int_equal(BW_TARGET_USEC(2), 7000);
        assert_int_equal(BW_TARGET_USEC(3), 5000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_starts_with_ten_segments_and_grows_to_the_line),
                cmocka_unit_test(alone_for_a_while_it_wants_less_of_a_queue),
                cmocka_unit_test(the_window_waits_for_a_distant_sender_to_catch_up),
                cmocka_unit_test(a_cap_of_a_packet_is_the_floor_and_no_rival),
                cmocka_unit_test(the_first_round_of_a_fragment_is_not_judged),
                cmocka_unit_test(an_acknowledgement_that_waits_for_its_pair_is_no_queue),
                cmocka_unit_test(loss_ends_the_start),
                cmocka_unit_test(loss_takes_three_tenths_once_a_round),
                cmocka_unit_test(it_drains_now_and_then_and_comes_back),
                cmocka_unit_test(a_cap_of_nothing_stalls_and_freezes),
                cmocka_unit_test(after_the_settling_time_a_queue_is_a_queue),
                cmocka_unit_test(who_comes_back_does_not_drain),
                cmocka_unit_test(a_cap_bounds_the_window),
                cmocka_unit_test(a_cap_of_a_moment_does_not_cost_the_window),
                cmocka_unit_test(an_upload_at_the_floor_is_not_idle),
                cmocka_unit_test(an_upload_has_a_floor_of_two_segments),
                cmocka_unit_test(without_timestamps_it_estimates_the_round_trip),
                cmocka_unit_test(the_next_connection_knows_the_path),
                cmocka_unit_test(jumps_of_the_clock_and_of_counters_keep_the_window),
                cmocka_unit_test(calls_in_quick_succession_change_nothing),
                cmocka_unit_test(absurd_samples_are_borne),
                cmocka_unit_test(states_and_targets_have_their_values),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
