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
        uint64_t now, iface, own, cap;
} Rig;

static void setup(Rig *r)
{
        *r = (Rig){.now = 1000000};
        governor_init(&r->g);
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
                r->cap = governor_step(&r->g, r->now, r->iface, r->own, 20000);
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

        governor_init(&g);
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
                        assert_int_equal(cap, 0);
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
