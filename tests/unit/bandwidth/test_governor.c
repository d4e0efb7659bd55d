/* SPDX-License-Identifier: Apache-2.0 */
/* The governor's states, step by step: a line of 1 MB/s with others on it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bandwidth/governor.h"

#include "../base/random.h"

enum { LINE = 1000000, STEP = GOVERNOR_STEP_USEC };

typedef struct Rig {
        Governor g;
        uint64_t now, iface, own, cap, base_usec;
} Rig;

static void setup(Rig *r)
{
        *r = (Rig){.now = 1000000, .base_usec = 20000};
        governor_init(&r->g, false);
        r->cap = governor_step(&r->g, r->now, 0, 0, 20000);
}

/* Others take foreign bytes/s, we take ours as far as the cap lets us. */
static void run(Rig *r, unsigned steps, uint64_t foreign, uint64_t own)
{
        for (unsigned i = 0; i < steps; i++) {
                uint64_t mine = own < r->cap ? own : r->cap;

                if (foreign + mine > LINE)
                        mine = LINE - foreign;
                r->now += STEP;
                r->iface += (foreign + mine) / 10;
                r->own += mine / 10;
                r->cap = governor_step(&r->g, r->now, r->iface, r->own, r->base_usec);
        }
}

static void alone_it_caps_nothing_and_learns_the_capacity(void **state)
{
        Rig r;

        setup(&r);
        run(&r, 40, 0, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_IDLE);
        assert_true(r.cap == UINT64_MAX);
        assert_in_range(governor_capacity_bps(&r.g), LINE * 99 / 100, LINE);
        assert_int_equal(governor_foreign_bps(&r.g), 0);
}

static void a_newcomer_makes_it_duck_within_one_step(void **state)
{
        Rig r;

        setup(&r);
        run(&r, 40, 0, LINE);
        run(&r, 1, LINE / 10, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_DUCK);
        assert_int_equal(r.cap, 0);
}

/* Each time, though it ducked for the last fetch a second ago. */
static void who_fetches_something_each_second_finds_the_line_free(void **state)
{
        Rig r;

        setup(&r);
        run(&r, 40, 0, LINE);
        for (unsigned i = 0; i < 5; i++) {
                run(&r, 2, LINE, LINE);
                assert_int_equal(governor_state(&r.g), GOVERNOR_DUCK);
                assert_int_equal(r.cap, 0);
                run(&r, 8, 0, LINE);
                assert_int_equal(governor_state(&r.g), GOVERNOR_IDLE);
        }
}

/* A stalled sender needs time to notice that it may send: a packet, before the others are known to
 * have gone; and nothing as soon as they are there again. */
static void who_may_come_back_soon_has_a_packet_under_way(void **state)
{
        Rig r;

        setup(&r);
        run(&r, 40, 0, LINE);
        run(&r, 20, LINE, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_HOLD);
        run(&r, 2, 0, LINE);
        assert_int_equal(r.cap, 0);
        run(&r, 1, 0, LINE);
        assert_int_not_equal(governor_state(&r.g), GOVERNOR_IDLE);
        assert_in_range(r.cap, LINE * 9 / 1000, LINE * 11 / 1000);
        run(&r, 1, LINE, LINE);
        assert_int_equal(r.cap, 0);
}

/* And the more so when the sender is ours. */
static void who_sends_himself_waits_until_the_others_have_gone(void **state)
{
        Rig r;

        setup(&r);
        r.g.is_upload = true;
        run(&r, 40, 0, LINE);
        run(&r, 20, LINE, LINE);
        run(&r, 4, 0, LINE);
        assert_int_equal(r.cap, 0);
        run(&r, 1, 0, LINE);
        assert_true(r.cap == UINT64_MAX);
}

/* Ten packets, half of them before a step and half after it. */
static void a_newcomer_between_two_steps_is_seen(void **state)
{
        Rig r;

        setup(&r);
        run(&r, 40, 0, LINE);
        run(&r, 1, LINE * 25 / 1000, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_IDLE);
        run(&r, 1, LINE * 25 / 1000, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_DUCK);
        /* Somebody who always takes as much is no newcomer. */
        setup(&r);
        run(&r, 40, LINE * 12 / 1000, LINE);
        run(&r, 40, LINE * 25 / 1000, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_IDLE);
}

/* `usec` after a step, with so many bytes of others since then. */
static void glance(Rig *r, uint64_t usec, uint64_t foreign)
{
        uint64_t own = LINE * usec / 1000000;

        r->cap = governor_glance(&r->g, r->now + usec, r->iface + own + foreign, r->own + own,
                                 r->base_usec);
}

static void a_newcomer_is_seen_between_the_steps(void **state)
{
        Rig r;

        setup(&r);
        run(&r, 40, 0, LINE);
        glance(&r, 10000, 6000);
        assert_int_equal(governor_state(&r.g), GOVERNOR_IDLE); /* an interruption? */
        glance(&r, 20000, 0);
        glance(&r, 30000, 6000);
        assert_int_equal(governor_state(&r.g), GOVERNOR_IDLE);
        assert_true(r.cap == UINT64_MAX);
        glance(&r, 40000, 6000);
        assert_int_equal(governor_state(&r.g), GOVERNOR_DUCK);
        assert_int_equal(r.cap, 0);
        run(&r, 1, LINE / 10, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_DUCK);
}

static void a_glance_bears_anything(void **state)
{
        Rig r;

        setup(&r);
        assert_true(governor_glance(&r.g, r.now + 10000, UINT64_MAX, 0, 0) == UINT64_MAX);
        run(&r, 40, 0, LINE);
        for (unsigned i = 0; i < 3; i++) {
                assert_true(governor_glance(&r.g, 0, r.iface + LINE, r.own, 0) == UINT64_MAX);
                assert_true(governor_glance(&r.g, r.now + 10000, 0, r.own, 0) == UINT64_MAX);
                assert_true(governor_glance(&r.g, r.now + 10000, UINT64_MAX, r.own, 0) ==
                            UINT64_MAX);
                assert_true(governor_glance(&r.g, r.now + 10000, r.iface + LINE, 0, 0) ==
                            UINT64_MAX);
                assert_true(governor_glance(&r.g, UINT64_MAX, r.iface + LINE, r.own, 0) ==
                            UINT64_MAX);
        }
        assert_int_equal(governor_state(&r.g), GOVERNOR_IDLE);
}

/* He lost packets in his slow start and has little, but it becomes more and more. */
static void on_a_long_line_who_still_grows_keeps_it(void **state)
{
        Rig r;
        uint64_t foreign = LINE * 35 / 100;

        setup(&r);
        r.base_usec = 100000;
        run(&r, 40, 0, LINE);
        for (unsigned i = 0; i < 45 && foreign < LINE * 65 / 100; i++) {
                run(&r, 1, foreign, LINE);
                assert_true(r.cap == 0);
                foreign += LINE * 7 / 1000;
        }
        assert_int_equal(governor_state(&r.g), GOVERNOR_HOLD);
}

static void on_a_long_line_who_takes_what_we_leave_gets_more(void **state)
{
        Rig r;
        uint64_t foreign = LINE * 40 / 100;

        setup(&r);
        r.base_usec = 100000;
        run(&r, 40, 0, LINE);
        run(&r, 30, foreign, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_SHARE);
        run(&r, 30, foreign, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_SHARE);
        run(&r, 10, foreign * 114 / 100, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_DUCK);
}

/* BBR's look at the empty line: 0.2 s, and what a round trip takes before and after. */
static void on_a_long_line_a_silence_is_no_end(void **state)
{
        static const uint64_t bases[] = {20000, 100000};

        for (unsigned i = 0; i < 2; i++) {
                Rig r;

                setup(&r);
                r.base_usec = bases[i];
                run(&r, 40, 0, LINE);
                run(&r, 45, LINE, LINE);
                assert_int_equal(governor_state(&r.g), GOVERNOR_HOLD);
                run(&r, 5, LINE * 4 / 100, LINE);
                assert_int_equal(governor_state(&r.g), i ? GOVERNOR_HOLD : GOVERNOR_SHARE);
                run(&r, 3, LINE * 4 / 100, LINE);
                assert_int_equal(governor_state(&r.g), GOVERNOR_SHARE);
        }
}

static void an_elastic_newcomer_keeps_the_line(void **state)
{
        Rig r;

        setup(&r);
        run(&r, 40, 0, LINE);
        run(&r, 10, LINE, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_HOLD);
        run(&r, 100, LINE * 9 / 10, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_HOLD);
        assert_int_equal(r.cap, 0);
        run(&r, 8, LINE * 4 / 10, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_SHARE);
}

static void a_modest_newcomer_leaves_the_rest_to_us(void **state)
{
        Rig r;

        setup(&r);
        run(&r, 40, 0, LINE);
        run(&r, 20, LINE / 4, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_SHARE);
        assert_in_range(r.cap, LINE * 65 / 100, LINE * 72 / 100);
        /* It wants more: is it elastic now? */
        run(&r, 15, LINE / 4, LINE);
        run(&r, 2, LINE * 6 / 10, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_DUCK);
}

static void it_is_over_when_nobody_was_there_for_a_while(void **state)
{
        Rig r;

        setup(&r);
        run(&r, 40, 0, LINE);
        run(&r, 20, LINE, LINE);
        run(&r, 3, 0, LINE);
        assert_int_not_equal(governor_state(&r.g), GOVERNOR_IDLE);
        run(&r, 9, 0, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_IDLE);
        assert_true(r.cap == UINT64_MAX);
        /* The next one within two seconds of the last duck is shared with at once. */
        r.g.duck_usec = r.now;
        run(&r, 1, LINE / 5, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_SHARE);
}

static void a_little_noise_is_nobody(void **state)
{
        Rig r;

        setup(&r);
        run(&r, 40, 0, LINE);
        run(&r, 100, LINE / 50, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_IDLE);
}

static void a_told_capacity_counts_instead_of_the_learnt_one(void **state)
{
        Rig r;

        setup(&r);
        governor_set_capacity(&r.g, 10 * LINE);
        run(&r, 40, LINE, LINE);
        assert_int_equal(governor_capacity_bps(&r.g), 10 * LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_SHARE);
        assert_in_range(r.cap, 8 * LINE, 9 * LINE);
}

static void jumps_of_clock_and_counters_say_nothing(void **state)
{
        Rig r;
        uint64_t foreign;

        setup(&r);
        run(&r, 40, 0, LINE);
        foreign = governor_foreign_bps(&r.g);
        (void) governor_step(&r.g, r.now - 5000000, r.iface, r.own, 0);
        (void) governor_step(&r.g, r.now + 3600000000U, r.iface + 1000000000U, r.own, 0);
        (void) governor_step(&r.g, r.now + 3600100000U, 0, r.own, 0);
        (void) governor_step(&r.g, r.now + 3600200000U, 100000, 0, 0);
        assert_int_equal(governor_foreign_bps(&r.g), foreign);
        assert_in_range(governor_capacity_bps(&r.g), LINE * 99 / 100, LINE);
        assert_int_equal(governor_state(&r.g), GOVERNOR_IDLE);
        /* Too early for a step. */
        (void) governor_step(&r.g, r.now + 3600210000U, 100000000, 0, 0);
        assert_int_equal(governor_foreign_bps(&r.g), foreign);
}

static void random_steps_never_break_it(void **state)
{
        Random random = random_seeded("random_steps_never_break_it");
        Governor g;
        uint64_t now = 0, iface = 0, own = 0;

        governor_init(&g, false);
        for (unsigned i = 0; i < 200000; i++) {
                uint64_t cap;

                now += random_below(&random, 20) ? random_below(&random, 300000)
                                                 : random_u64(&random);
                iface += random_below(&random, 50) ? random_below(&random, 10000000)
                                                   : random_u64(&random);
                own += random_below(&random, 50) ? random_below(&random, 1000000)
                                                 : random_u64(&random);
                cap = governor_step(&g, now, iface, own, random_u64(&random));
                assert_non_null(governor_state_to_string(governor_state(&g)));
                switch (governor_state(&g)) {
                case GOVERNOR_IDLE:
                        break;
                case GOVERNOR_DUCK:
                case GOVERNOR_HOLD:
                        assert_true(cap <= governor_capacity_bps(&g) / 100 + 1);
                        break;
                default:
                        assert_true(cap <= 125000000000U);
                }
                assert_true(g.foreign_bps >= 0 && g.foreign_bps < 1e20);
        }
}

static void states_have_names(void **state)
{
        assert_string_equal(governor_state_to_string(GOVERNOR_IDLE), "idle");
        assert_string_equal(governor_state_to_string(GOVERNOR_DUCK), "duck");
        assert_string_equal(governor_state_to_string(GOVERNOR_HOLD), "hold");
        assert_string_equal(governor_state_to_string(GOVERNOR_SHARE), "share");
        assert_null(governor_state_to_string(GOVERNOR_STATE_MAX));
        assert_null(governor_state_to_string((GovernorState) -1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(alone_it_caps_nothing_and_learns_the_capacity),
                cmocka_unit_test(a_newcomer_makes_it_duck_within_one_step),
                cmocka_unit_test(a_newcomer_between_two_steps_is_seen),
                cmocka_unit_test(who_fetches_something_each_second_finds_the_line_free),
                cmocka_unit_test(who_may_come_back_soon_has_a_packet_under_way),
                cmocka_unit_test(a_newcomer_is_seen_between_the_steps),
                cmocka_unit_test(a_glance_bears_anything),
                cmocka_unit_test(on_a_long_line_who_still_grows_keeps_it),
                cmocka_unit_test(on_a_long_line_who_takes_what_we_leave_gets_more),
                cmocka_unit_test(on_a_long_line_a_silence_is_no_end),
                cmocka_unit_test(who_sends_himself_waits_until_the_others_have_gone),
                cmocka_unit_test(an_elastic_newcomer_keeps_the_line),
                cmocka_unit_test(a_modest_newcomer_leaves_the_rest_to_us),
                cmocka_unit_test(it_is_over_when_nobody_was_there_for_a_while),
                cmocka_unit_test(a_little_noise_is_nobody),
                cmocka_unit_test(a_told_capacity_counts_instead_of_the_learnt_one),
                cmocka_unit_test(jumps_of_clock_and_counters_say_nothing),
                cmocka_unit_test(random_steps_never_break_it),
                cmocka_unit_test(states_have_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
