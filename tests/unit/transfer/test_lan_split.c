/* SPDX-License-Identifier: Apache-2.0 */
/* An interface through which ours, neighbours and somebody beyond the router move bytes, in steps
 * of 100 ms, with a governor that judges what is left. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bandwidth/governor.h"
#include "base/clock.h"
#include "transfer/lan_split.h"

#define STEP_USEC GOVERNOR_STEP_USEC
#define READ_USEC (USEC_PER_MSEC)
#define LINE_BPS 2500000 /* 20 Mbit/s */
#define LAN_BPS 12500000

typedef struct Rig {
        LanSplit split;
        Governor governor;
        LanLook look;
        uint64_t near_bytes; /* since the last reading */
        uint64_t counted[2];
        unsigned readings;

} Rig;

static int set_up(void **state)
{
        static Rig rig;

        rig = (Rig){.look.now_usec = 1000 * USEC_PER_SEC, .look.total_bytes = {7777, 0}};
        governor_init(&rig.governor, false);
        *state = &rig;
        return 0;
}

static void ask(Rig *r, bool is_step)
{
        uint64_t near[2] = {r->near_bytes, 0};

        if (!lan_split_wants_reading(&r->split, &r->look, is_step))
                return;
        lan_split_reading(&r->split, &r->look, near, READ_USEC);
        r->near_bytes = 0;
        r->readings++;
}

static void add(Rig *r, uint64_t own, uint64_t near, uint64_t other)
{
        r->look.own_bytes[0] += own;
        r->look.total_bytes[0] += own + near + other;
        r->near_bytes += near;
}

static void take_step(Rig *r)
{
        uint64_t before = r->counted[0];

        ask(r, true);
        lan_split_step(&r->split, &r->look, r->counted);
        assert_true(r->counted[0] >= before);
        governor_step(&r->governor, r->look.now_usec, r->counted[0], r->look.own_bytes[0], 20000);
}

/* Rates; says whether the governor saw anybody. */
static bool run(Rig *r, unsigned steps, uint64_t own, uint64_t near, uint64_t other)
{
        bool seen = false;

        for (unsigned i = 0; i < steps; i++) {
                r->look.now_usec += STEP_USEC;
                add(r, own / 10, near / 10, other / 10);
                take_step(r);
                seen |= governor_state(&r->governor) != GOVERNOR_IDLE;
        }
        return seen;
}

static void what_neighbours_move_is_nobody(void **state)
{
        Rig *r = *state;

        assert_false(run(r, 30, LINE_BPS, 0, 0));
        assert_false(run(r, 300, LINE_BPS, LAN_BPS, 0));
        assert_false(run(r, 30, LINE_BPS, 0, 0));
        assert_true(governor_capacity_bps(&r->governor) < 1.1 * LINE_BPS);
}

static void without_neighbours_somebody_is_seen_as_ever(void **state)
{
        Rig *r = *state;

        assert_false(run(r, 30, LINE_BPS, 0, 0));
        assert_true(run(r, 2, LINE_BPS / 2, 0, LINE_BPS / 2));
}

static void somebody_beside_neighbours_is_seen_within_a_second(void **state)
{
        Rig *r = *state;

        assert_false(run(r, 30, LINE_BPS, 0, 0));
        assert_false(run(r, 30, LINE_BPS, LAN_BPS, 0));
        assert_true(run(r, 10, LINE_BPS / 2, LAN_BPS, LINE_BPS / 2));
        (void) run(r, 30, 0, LAN_BPS, LINE_BPS);
        assert_in_range(governor_foreign_bps(&r->governor), (uint64_t) (0.85 * LINE_BPS),
                        (uint64_t) (1.15 * LINE_BPS));
        (void) run(r, 20, 0, LAN_BPS, 0);
        assert_int_equal(governor_state(&r->governor), GOVERNOR_IDLE);
}

static void neighbours_are_seen_while_somebody_is_there(void **state)
{
        Rig *r = *state;

        (void) run(r, 30, LINE_BPS, 0, 0);
        (void) run(r, 50, 0, 0, LINE_BPS);
        (void) run(r, 30, 0, LAN_BPS, LINE_BPS);
        assert_true(governor_foreign_bps(&r->governor) < 1.2 * LINE_BPS);
        (void) run(r, 20, 0, LAN_BPS, 0);
        assert_int_equal(governor_state(&r->governor), GOVERNOR_IDLE);
}

/* In the queue of a socket whose program is busy, say: a part of a second later it is there. */
static void what_sockets_count_late_is_nobody(void **state)
{
        Rig *r = *state;

        assert_false(run(r, 30, LINE_BPS, 0, 0));
        assert_false(run(r, 10, LINE_BPS, LAN_BPS, 0));
        for (unsigned i = 0; i < 100; i++) {
                r->look.now_usec += STEP_USEC;
                add(r, LINE_BPS / 10, LAN_BPS / 10, 0);
                r->near_bytes -= i % 7 == 0 ? 400000 : 0;
                take_step(r);
                r->near_bytes += i % 7 == 0 ? 400000 : 0;
                assert_int_equal(governor_state(&r->governor), GOVERNOR_IDLE);
        }
}

/* A tick that shows a neighbour's first packets is asked about before anybody ducks. */
static void the_first_packets_of_a_neighbour_are_asked_about_at_once(void **state)
{
        Rig *r = *state;
        uint64_t counted[2];

        (void) run(r, 25, LINE_BPS, 0, 0);
        r->look.now_usec += 10 * USEC_PER_MSEC;
        add(r, LINE_BPS / 100, 0, 0);
        ask(r, false);
        assert_true(lan_split_glance(&r->split, &r->look, counted));
        assert_int_equal(counted[0] - r->counted[0], LINE_BPS / 100);
        r->readings = 0;
        add(r, 0, 20000, 0);
        ask(r, false);
        assert_int_equal(r->readings, 1);
        assert_false(lan_split_glance(&r->split, &r->look, counted));
        assert_false(run(r, 5, LINE_BPS, LAN_BPS, 0));
}

static void it_does_not_ask_often(void **state)
{
        Rig *r = *state;

        (void) run(r, 100, LINE_BPS, 0, 0);
        assert_in_range(r->readings, 9, 12); /* so that the last one is new */
        r->readings = 0;
        (void) run(r, 100, LINE_BPS, LAN_BPS, 0);
        assert_in_range(r->readings, 40, 55);
        r->readings = 0;
        (void) run(r, 100, 0, 0, LINE_BPS); /* others */
        assert_in_range(r->readings, 9, 100);
}

static void a_reading_that_is_dear_is_rare(void **state)
{
        const uint64_t none[2] = {0, 0};
        Rig *r = *state;

        (void) run(r, 10, LINE_BPS, 0, 0);
        r->look.now_usec += 2 * USEC_PER_SEC;
        assert_true(lan_split_wants_reading(&r->split, &r->look, true));
        lan_split_reading(&r->split, &r->look, none, 100 * USEC_PER_MSEC);
        r->look.now_usec += 4 * USEC_PER_SEC;
        assert_false(lan_split_wants_reading(&r->split, &r->look, true));
        r->look.now_usec += 2 * USEC_PER_SEC;
        assert_true(lan_split_wants_reading(&r->split, &r->look, true));
}

static void an_interface_that_begins_anew_is_no_trouble(void **state)
{
        Rig *r = *state;

        (void) run(r, 30, LINE_BPS, LAN_BPS, 0);
        r->look.total_bytes[0] = 5;
        r->look.now_usec += STEP_USEC;
        lan_split_step(&r->split, &r->look, r->counted);
        assert_int_equal(r->counted[0], 5);
        r->look.now_usec += 3600 * USEC_PER_SEC;
        add(r, 0, LAN_BPS, 0);
        lan_split_step(&r->split, &r->look, r->counted);
        assert_int_equal(r->counted[0], r->look.total_bytes[0]);
}

static void stopped_it_counts_everybody(void **state)
{
        Rig *r = *state;
        uint64_t before;

        (void) run(r, 30, LINE_BPS, LAN_BPS, 0);
        lan_split_stop(&r->split);
        before = r->counted[0];
        r->look.now_usec += STEP_USEC;
        add(r, 1000, 1000, 1000);
        lan_split_step(&r->split, &r->look, r->counted);
        assert_int_equal(r->counted[0] - before, 3000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(what_neighbours_move_is_nobody, set_up),
                cmocka_unit_test_setup(without_neighbours_somebody_is_seen_as_ever, set_up),
                cmocka_unit_test_setup(somebody_beside_neighbours_is_seen_within_a_second, set_up),
                cmocka_unit_test_setup(neighbours_are_seen_while_somebody_is_there, set_up),
                cmocka_unit_test_setup(what_sockets_count_late_is_nobody, set_up),
                cmocka_unit_test_setup(the_first_packets_of_a_neighbour_are_asked_about_at_once,
                                       set_up),
                cmocka_unit_test_setup(it_does_not_ask_often, set_up),
                cmocka_unit_test_setup(a_reading_that_is_dear_is_rare, set_up),
                cmocka_unit_test_setup(an_interface_that_begins_anew_is_no_trouble, set_up),
                cmocka_unit_test_setup(stopped_it_counts_everybody, set_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
