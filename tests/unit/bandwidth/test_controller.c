/* SPDX-License-Identifier: Apache-2.0 */
/* The delay controller, rule by rule, against a line that is a formula: 2.5 MB/s, 20 ms, and a
 * queue of what is in flight beyond that and of what others put there. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bandwidth/group.h"

enum { SEC = 1000000, LINE = 2500000, BASE = 20000, MSS = 1448 };

typedef struct Rig {
        PathMemory path;
        BwController c;
        BwSample s;
        BwDecision d;
        uint64_t cap;
        uint64_t foreign_queue_usec; /* of others */
        uint64_t foreign_bps;
        uint64_t far_usec;     /* what the way has beyond BASE */
        uint64_t sender_bytes; /* what it sends in a round trip; 0 all it may */
        bool sensor;
} Rig;

static void setup_far(Rig *r, BwDirection direction, uint64_t far_usec)
{
        *r = (Rig){.cap = UINT64_MAX, .sensor = true, .far_usec = far_usec};
        path_memory_init(&r->path);
        controller_init(&r->c, direction, &r->path, BW_TARGET_NORMAL_USEC);
        r->s = (BwSample){.now_usec = 100 * (uint64_t) SEC,
                          .rtt_usec = BASE + far_usec,
                          .mss = MSS,
                          .has_timestamps = true};
        r->d = controller_tick(&r->c, &r->s, r->cap, r->sensor);
}

static void setup(Rig *r, BwDirection direction)
{
        setup_far(r, direction, 0);
}

static void tick(Rig *r)
{
        double window = r->d.stall ? 0 : r->d.window_bytes, rate;
        double free_bps = LINE - (double) r->foreign_bps;
        double rtt = (double) (BASE + r->far_usec + r->foreign_queue_usec), full;

        if (r->sender_bytes > 0 && window > (double) r->sender_bytes)
                window = (double) r->sender_bytes;
        full = window * 1e6 / free_bps;
        if (full > rtt)
                rtt = full;
        rate = window * 1e6 / rtt;
        r->s.now_usec += BW_TICK_USEC;
        r->s.rtt_usec = (uint64_t) rtt;
        r->s.bytes += (uint64_t) (rate * BW_TICK_USEC / 1e6);
        r->d = controller_tick(&r->c, &r->s, r->cap, r->sensor);
}

static void run(Rig *r, double sec)
{
        for (unsigned i = 0; i < sec * 100 + 0.5; i++)
                tick(r);
}

/* At most so many seconds until the state is there. */
static double until(Rig *r, BwState state, double sec)
{
        for (unsigned i = 0; i < sec * 100; i++) {
                if (controller_state(&r->c) == state)
                        return i / 100.0;
                tick(r);
        }
        fail_msg("never in %s, but in %s", bw_state_to_string(state),
                 bw_state_to_string(controller_state(&r->c)));
        return 0;
}

static void it_starts_with_ten_segments_and_grows_to_the_line(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        assert_int_equal(r.d.window_bytes, 10 * MSS);
        assert_int_equal(controller_state(&r.c), BW_START);
        assert_false(r.d.at_floor);
        (void) until(&r, BW_CRUISE, 1);
        run(&r, 3);
        assert_in_range(controller_rate_bps(&r.c), LINE * 97 / 100, LINE * 101 / 100);
        assert_in_range(controller_queue_usec(&r.c), 2000, 8000);
        assert_in_range(controller_base_usec(&r.c), BASE, BASE + 500);
}

static void alone_for_a_while_it_wants_less_of_a_queue(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 2);
        assert_in_range(controller_queue_usec(&r.c), 5500, 8000);
        for (unsigned i = 0; i < 6; i++) { /* with a DRAIN among them */
                run(&r, 1);
                assert_in_range(controller_rate_bps(&r.c), LINE * 94 / 100, LINE * 101 / 100);
        }
        assert_in_range(controller_queue_usec(&r.c), 2500, 5000);
        r.foreign_bps = LINE / 4; /* somebody has a part of it, and no queue */
        run(&r, 1);
        assert_in_range(controller_queue_usec(&r.c), 5500, 8500);
}

/* A sender that asks only after 0.7 s whether it may go on, and the round trip that this makes. */
static void a_sender_that_comes_back_late_is_no_rival(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 4);
        r.cap = 0;
        run(&r, 2);
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
        run(&r, 1);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        assert_in_range(controller_rate_bps(&r.c), LINE * 90 / 100, LINE * 101 / 100);
}

/* The window of a long pipe is not opened further than a short queue bears while the sender still
 * doubles, however long that takes. */
static void the_window_waits_for_a_distant_sender_to_catch_up(void **state)
{
        double pipe = LINE / 10.0;
        Rig r;

        setup_far(&r, BW_DOWN, 80000);
        run(&r, 12);
        assert_in_range(controller_rate_bps(&r.c), LINE * 95 / 100, LINE * 101 / 100);
        r.cap = 0;
        run(&r, 2);
        r.cap = UINT64_MAX;
        r.sender_bytes = LINE / 40; /* a quarter of the pipe */
        run(&r, 1);
        assert_in_range(r.d.window_bytes, pipe * 30 / 100, pipe * 37 / 100);
        r.sender_bytes = 0;
        run(&r, 1.5);
        assert_true(r.d.window_bytes > 80 * pipe / 100);
}

/* Where the cap leaves next to nothing there is a packet under way and nothing to judge. */
static void a_cap_of_a_packet_is_the_floor_and_no_rival(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 4);
        r.cap = LINE / 100;
        r.foreign_queue_usec = 100000;
        for (unsigned i = 0; i < 100; i++) {
                tick(&r);
                assert_int_equal(controller_state(&r.c), BW_CRUISE);
                assert_false(r.d.stall);
        }
        assert_true(r.d.at_floor);
        r.foreign_queue_usec = 0;
        r.cap = UINT64_MAX;
        run(&r, 0.3);
        assert_true(r.d.window_bytes > LINE / 50 * 80 / 100);
}

/* One that ended; a round of silence; and the first bytes of the next one come back in a queue. The
 * window after it in percent of that before. */
static uint32_t after_a_gap(bool is_told)
{
        Rig r;
        uint32_t before;

        setup(&r, BW_UP);
        run(&r, 3);
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

static void loss_ends_the_start(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 0.05);
        assert_int_equal(controller_state(&r.c), BW_START);
        r.s.loss++;
        tick(&r);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
}

static void loss_takes_three_tenths_once_a_round(void **state)
{
        Rig r;
        uint32_t before;

        setup(&r, BW_DOWN);
        run(&r, 3);
        before = r.d.window_bytes;
        r.s.loss++;
        tick(&r);
        assert_in_range(r.d.window_bytes, before * 69 / 100, before * 71 / 100);
        before = r.d.window_bytes;
        r.s.loss++;
        tick(&r);
        assert_true(r.d.window_bytes >= before);
}

static void it_drains_now_and_then_and_comes_back(void **state)
{
        Rig r;
        uint32_t before;

        setup(&r, BW_DOWN);
        run(&r, 3);
        before = r.d.window_bytes;
        (void) until(&r, BW_DRAIN, 5);
        assert_true(r.d.window_bytes < LINE / 1000 * BASE / 1000);
        run(&r, 0.04);
        assert_int_equal(controller_queue_usec(&r.c), 0);
        (void) until(&r, BW_CRUISE, 0.1);
        assert_true(r.d.window_bytes >= LINE / 1000 * BASE / 1000 * 89 / 100);
        run(&r, 1);
        assert_in_range(r.d.window_bytes, before * 9 / 10, before * 11 / 10);
}

static void it_yields_to_a_queue_that_is_not_its_own(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 3);
        r.foreign_queue_usec = 40000;
        r.foreign_bps = LINE / 2;
        assert_true(until(&r, BW_YIELD, 1) <= 0.2);
        assert_int_equal(r.d.window_bytes, (uint32_t) (1.01 * MSS));
        assert_true(r.d.at_floor);
        assert_false(r.d.stall);
        run(&r, 10);
        assert_int_equal(controller_state(&r.c), BW_YIELD);
}

static void it_yields_when_pushed_to_the_floor(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 3);
        r.foreign_queue_usec = 12000; /* below 2.5 targets, but it stays */
        r.foreign_bps = LINE / 2;
        assert_true(until(&r, BW_YIELD, 2) <= 0.6);
}

static void it_comes_back_after_the_hold_which_doubles_in_vain(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 3);
        r.foreign_queue_usec = 40000;
        (void) until(&r, BW_YIELD, 1);
        r.foreign_queue_usec = 0;
        assert_in_range((uint64_t) (until(&r, BW_RAMP, 2) * 100), 95, 112);
        run(&r, 0.1);
        r.foreign_queue_usec = 40000;
        (void) until(&r, BW_YIELD, 1);
        r.foreign_queue_usec = 0;
        assert_in_range((uint64_t) (until(&r, BW_RAMP, 3) * 100), 195, 212);
        run(&r, 8);
        assert_in_range(controller_rate_bps(&r.c), LINE * 97 / 100, LINE * 101 / 100);
        r.foreign_queue_usec = 40000;
        (void) until(&r, BW_YIELD, 1);
        assert_int_equal(r.path.hold_usec, SEC);
}

/* And more patiently when it had to go again soon. */
static void it_comes_back_to_a_scavenger_after_seven_seconds(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 3);
        r.foreign_queue_usec = 40000;
        (void) until(&r, BW_YIELD, 1);
        r.foreign_queue_usec = 7000;
        assert_in_range((uint64_t) until(&r, BW_CRUISE, 10), 7, 8);
        assert_true(r.d.window_bytes > 4 * MSS);
        r.foreign_queue_usec = 40000;
        (void) until(&r, BW_YIELD, 1);
        r.foreign_queue_usec = 7000;
        assert_in_range((uint64_t) until(&r, BW_CRUISE, 20), 14, 15);
}

static void it_does_not_come_back_to_who_fills_the_queue_at_times(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 3);
        r.foreign_queue_usec = 40000;
        (void) until(&r, BW_YIELD, 1);
        for (unsigned i = 0; i < 8; i++) {
                r.foreign_queue_usec = 7000;
                run(&r, 5);
                assert_int_equal(controller_state(&r.c), BW_YIELD);
                r.foreign_queue_usec = 30000;
                run(&r, 1);
                assert_int_equal(controller_state(&r.c), BW_YIELD);
        }
}

static void a_cap_of_nothing_stalls_and_freezes(void **state)
{
        Rig r;
        uint32_t before;

        setup(&r, BW_DOWN);
        run(&r, 3);
        before = r.d.window_bytes;
        r.cap = 0;
        tick(&r);
        assert_true(r.d.stall);
        run(&r, 2);
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
        run(&r, 1);
        assert_in_range(controller_rate_bps(&r.c), LINE * 9 / 10, LINE * 101 / 100);
        assert_in_range(controller_base_usec(&r.c), BASE, BASE + 500);
}

static void after_the_settling_time_a_queue_is_a_queue(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 3);
        r.cap = 0;
        run(&r, 1);
        r.cap = UINT64_MAX;
        r.foreign_queue_usec = 60000;
        r.foreign_bps = LINE / 2;
        run(&r, 0.5);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        assert_true(until(&r, BW_YIELD, 1) <= 0.4);
}

static void a_cap_bounds_the_window(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 3);
        r.cap = LINE / 4;
        run(&r, 1);
        assert_in_range(r.d.window_bytes, 12000, 12500 * 103 / 100);
        r.cap = 1; /* never below the floor */
        run(&r, 0.1);
        assert_int_equal(r.d.window_bytes, (uint32_t) (1.01 * MSS));
}

static void a_cap_of_a_moment_does_not_cost_the_window(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 3);
        r.cap = 0;
        run(&r, 1);
        r.cap = 16384;
        tick(&r);
        assert_int_equal(r.d.window_bytes, (uint32_t) (1.01 * MSS));
        r.cap = UINT64_MAX;
        tick(&r);
        assert_in_range(r.d.window_bytes, LINE / 1000 * (BASE / 1000) * 8 / 10, 45000);
}

static void in_company_it_grows_by_segments(void **state)
{
        Rig r;
        uint32_t before;

        setup(&r, BW_DOWN);
        run(&r, 3);
        r.foreign_bps = LINE * 4 / 10;
        r.foreign_queue_usec = 5000;
        r.c.window = r.d.window_bytes = 30000;
        run(&r, 0.3);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        r.foreign_queue_usec = 0;
        r.foreign_bps = 0;
        before = r.d.window_bytes;
        assert_in_range(before, 25000, 36000);
        run(&r, 0.1);
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

        setup(&r, BW_DOWN);
        run(&r, 5);
        join(&r, 40000);
        run(&r, 3);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        assert_in_range(r.d.window_bytes, 27000, 32000);
        join(&r, 18000);
        run(&r, 0.8);
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        assert_in_range(r.d.window_bytes, 24000, 30000);
}

/* The queue goes for 60 ms, which nobody but one who drains does. */
static BwState after_a_dip(bool in_company)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 5);
        if (in_company) {
                join(&r, 30000);
                run(&r, 3);
        }
        assert_int_equal(controller_state(&r.c), BW_CRUISE);
        r.foreign_queue_usec = r.foreign_bps = 0;
        r.c.window = r.d.window_bytes = 30000;
        run(&r, 0.03);
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

        setup(&r, BW_DOWN);
        run(&r, 5);
        join(&r, 30000);
        run(&r, 2);
        assert_true(r.c.company_usec > 0);
        r.foreign_bps = 0;
        r.foreign_queue_usec = 5000;
        r.c.window = r.d.window_bytes = 62000;
        run(&r, 0.6);
        assert_int_equal(r.c.company_usec, 0);
}

/* The line is ours for a moment, and then not. */
static BwState after_a_moment_of_strength(bool in_company)
{
        Rig r;

        setup(&r, BW_DOWN);
        run(&r, 5);
        if (in_company) {
                join(&r, 30000);
                run(&r, 2);
        }
        r.foreign_bps = 0;
        r.foreign_queue_usec = 5000;
        r.c.window = r.d.window_bytes = 60000;
        run(&r, 0.3);
        join(&r, 14000);
        r.foreign_queue_usec = 5000;
        run(&r, 0.3);
        return controller_state(&r.c);
}

static void company_that_comes_back_from_a_drain_does_not_push_us_aside(void **state)
{
        assert_int_equal(after_a_moment_of_strength(true), BW_CRUISE);
        assert_int_equal(after_a_moment_of_strength(false), BW_YIELD);
}

/* There the queue is empty most of the time, by rule. */
static void an_upload_at_the_floor_is_not_idle(void **state)
{
        Rig r;

        setup(&r, BW_UP);
        run(&r, 3);
        r.c.window = 0;
        for (unsigned i = 0; i < 50; i++) {
                tick(&r);
                r.s.is_idle = r.d.at_floor;
        }
        assert_true(r.d.window_bytes > 8 * MSS);
}

static void who_is_no_sensor_stalls_in_yield(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        r.sensor = false;
        run(&r, 3);
        assert_false(r.d.stall);
        r.foreign_queue_usec = 40000;
        (void) until(&r, BW_YIELD, 1);
        assert_true(r.d.stall);
        r.foreign_queue_usec = 0;
        run(&r, 5);
        assert_int_equal(controller_state(&r.c), BW_YIELD);
        controller_resume(&r.c, r.s.now_usec);
        assert_int_equal(controller_state(&r.c), BW_RAMP);
        run(&r, 3);
        assert_in_range(controller_rate_bps(&r.c), LINE * 9 / 10, LINE * 101 / 100);
}

static void an_upload_has_a_floor_of_two_segments(void **state)
{
        Rig r;

        setup(&r, BW_UP);
        run(&r, 3);
        assert_in_range(controller_rate_bps(&r.c), LINE * 97 / 100, LINE * 101 / 100);
        r.foreign_queue_usec = 40000;
        (void) until(&r, BW_YIELD, 1);
        assert_int_equal(r.d.window_bytes, 2 * MSS);
        assert_true(r.d.at_floor);
}

static void without_timestamps_it_estimates_the_round_trip(void **state)
{
        Rig r;

        setup(&r, BW_DOWN);
        for (unsigned i = 0; i < 400; i++) {
                tick(&r);
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

        setup(&r, BW_DOWN);
        run(&r, 5);
        setup(&next, BW_DOWN);
        next.path = r.path;
        next.s.now_usec = r.s.now_usec + SEC;
        next.foreign_queue_usec = 50000; /* whoever came in between */
        tick(&next);
        assert_in_range(controller_base_usec(&next.c), BASE, BASE + 500);
        assert_in_range((uint64_t) path_memory_capacity_bps(&next.path), LINE * 97 / 100,
                        LINE * 101 / 100);
        assert_true(until(&next, BW_YIELD, 1) <= 0.3);
}

static void jumps_of_the_clock_and_of_counters_keep_the_window(void **state)
{
        Rig r;
        uint32_t before;

        setup(&r, BW_DOWN);
        run(&r, 3);
        before = r.d.window_bytes;
        r.s.now_usec -= 50 * (uint64_t) SEC;
        r.d = controller_tick(&r.c, &r.s, r.cap, true);
        assert_in_range(r.d.window_bytes, before * 9 / 10, before * 11 / 10);
        run(&r, 1);
        r.s.now_usec += 3600 * (uint64_t) SEC;
        r.d = controller_tick(&r.c, &r.s, r.cap, true);
        run(&r, 1);
        assert_in_range(controller_rate_bps(&r.c), LINE * 9 / 10, LINE * 101 / 100);
        r.s.bytes = 5;
        r.s.loss = 0;
        run(&r, 1);
        assert_in_range(controller_rate_bps(&r.c), LINE * 9 / 10, LINE * 101 / 100);
        r.s.bytes += 1000000000000000;
        run(&r, 1);
        assert_in_range((uint64_t) path_memory_capacity_bps(&r.path), LINE * 9 / 10,
                        LINE * 101 / 100);
}

static void calls_in_quick_succession_change_nothing(void **state)
{
        Rig r;
        uint32_t before;

        setup(&r, BW_DOWN);
        run(&r, 0.1);
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

        setup(&r, BW_DOWN);
        run(&r, 3);
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
        run(&r, 2);
        assert_in_range(controller_rate_bps(&r.c), LINE * 9 / 10, LINE * 101 / 100);
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
                setup(&r[i], BW_DOWN);
                run(&r[i], 3);
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
                cmocka_unit_test(a_sender_that_comes_back_late_is_no_rival),
                cmocka_unit_test(the_window_waits_for_a_distant_sender_to_catch_up),
                cmocka_unit_test(a_cap_of_a_packet_is_the_floor_and_no_rival),
                cmocka_unit_test(loss_ends_the_start),
                cmocka_unit_test(loss_takes_three_tenths_once_a_round),
                cmocka_unit_test(it_drains_now_and_then_and_comes_back),
                cmocka_unit_test(it_yields_to_a_queue_that_is_not_its_own),
                cmocka_unit_test(it_yields_when_pushed_to_the_floor),
                cmocka_unit_test(it_comes_back_after_the_hold_which_doubles_in_vain),
                cmocka_unit_test(it_comes_back_to_a_scavenger_after_seven_seconds),
                cmocka_unit_test(it_does_not_come_back_to_who_fills_the_queue_at_times),
                cmocka_unit_test(a_cap_of_nothing_stalls_and_freezes),
                cmocka_unit_test(after_the_settling_time_a_queue_is_a_queue),
                cmocka_unit_test(a_cap_bounds_the_window),
                cmocka_unit_test(a_cap_of_a_moment_does_not_cost_the_window),
                cmocka_unit_test(in_company_it_grows_by_segments),
                cmocka_unit_test(who_has_more_gives_to_who_has_less),
                cmocka_unit_test(it_drains_when_its_company_drains),
                cmocka_unit_test(who_has_the_whole_line_has_no_company),
                cmocka_unit_test(company_that_comes_back_from_a_drain_does_not_push_us_aside),
                cmocka_unit_test(an_upload_at_the_floor_is_not_idle),
                cmocka_unit_test(who_is_no_sensor_stalls_in_yield),
                cmocka_unit_test(an_upload_has_a_floor_of_two_segments),
                cmocka_unit_test(without_timestamps_it_estimates_the_round_trip),
                cmocka_unit_test(the_next_connection_knows_the_path),
                cmocka_unit_test(the_first_round_of_a_fragment_is_not_judged),
                cmocka_unit_test(jumps_of_the_clock_and_of_counters_keep_the_window),
                cmocka_unit_test(calls_in_quick_succession_change_nothing),
                cmocka_unit_test(absurd_samples_are_borne),
                cmocka_unit_test(a_group_has_one_sensor),
                cmocka_unit_test(states_and_targets_have_their_values),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
