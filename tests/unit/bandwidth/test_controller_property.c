/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a socket says, and random bytes taken for samples: windows stay in their bounds, nothing
 * becomes infinite, states have names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bandwidth/group.h"

#include "../base/random.h"

#define WINDOW_MOST (1024.0 * 1024 * 1024)

static bool is_sane(double x)
{
        return x >= 0 && x < 1e18; /* false for a NaN, too */
}

static void check(const BwController *c, const BwDecision *d)
{
        const double derived[] = {
                c->window,         c->rtt_usec,       c->base_usec, c->queue_usec,   c->tick_usec,
                c->queue_now_usec, c->own_queue_usec, c->rate_bps,  c->capacity_bps, c->goal_usec};

        for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++)
                assert_true(is_sane(derived[i]));
        assert_non_null(bw_state_to_string(controller_state(c)));
        assert_true(d->window_bytes <= WINDOW_MOST);
        assert_true(d->window_bytes + 1 >= c->floor_bytes);
        assert_true(c->floor_bytes >= 256);
        assert_true(controller_rate_bps(c) <= 12500000000U);
        assert_true(c->path->hold_usec >= PATH_HOLD_MIN_USEC &&
                    c->path->hold_usec <= PATH_HOLD_MAX_USEC);
}

static uint64_t random_cap(Random *random)
{
        switch (random_below(random, 8)) {
        case 0:
                return 0;
        case 1:
                return random_u64(random);
        case 2:
                return random_below(random, 1000000);
        default:
                return UINT64_MAX;
        }
}

/* Plausible most of the time, absurd now and then. */
static void next_sample(Random *random, BwSample *s)
{
        bool absurd = random_below(random, 100) == 0;

        s->now_usec += absurd ? random_u64(random) : random_below(random, 25000);
        s->rtt_usec = absurd                          ? random_u64(random)
                      : random_below(random, 10) == 0 ? 0
                                                      : 20000 + random_below(random, 30000);
        s->bytes += absurd ? random_u64(random) : random_below(random, 40000);
        s->mss = absurd ? (uint32_t) random_u64(random) : 1448;
        s->loss += absurd ? random_u64(random) : random_below(random, 30) == 0;
        s->rcv_ssthresh = (uint32_t) random_u64(random);
        s->has_timestamps = random_below(random, 3) > 0;
}

static void random_samples_keep_the_window_in_its_bounds(void **state)
{
        Random random = random_seeded("random_samples_keep_the_window_in_its_bounds");

        for (unsigned round = 0; round < 60; round++) {
                static BwController c;
                PathMemory path;
                BwSample s = {.now_usec = random_below(&random, 1000000000)};

                path_memory_init(&path);
                controller_init(&c, round % 2 ? BW_UP : BW_DOWN, &path,
                                (uint32_t) (random_below(&random, 2) * random_u64(&random)));
                for (unsigned i = 0; i < 3000; i++) {
                        BwDecision d;
                        uint64_t cap = random_cap(&random);

                        next_sample(&random, &s);
                        d = controller_tick(&c, &s, cap, random_below(&random, 2));
                        check(&c, &d);
                        if (cap == 0 && s.now_usec > 0)
                                assert_true(d.stall);
                        if (random_below(&random, 50) == 0)
                                controller_resume(&c, random_u64(&random));
                }
        }
}

static void random_bytes_are_survived(void **state)
{
        Random random = random_seeded("random_bytes_are_survived");

        for (unsigned round = 0; round < 300; round++) {
                static BwController c[3];
                PathMemory path;
                BwGroup group;

                path_memory_init(&path);
                bw_group_init(&group);
                for (unsigned i = 0; i < 3; i++)
                        controller_init(&c[i], (BwDirection) (i % 2), &path,
                                        (uint32_t) random_u64(&random));
                for (unsigned i = 0; i < 600; i++) {
                        uint64_t words[sizeof(BwSample) / 8];
                        BwSample s;
                        BwDecision d;
                        unsigned k = (unsigned) random_below(&random, 3);

                        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
                                words[w] = random_u64(&random) >> random_below(&random, 64);
                        s = (BwSample){.now_usec = words[0],
                                       .rtt_usec = words[1],
                                       .bytes = words[2],
                                       .mss = (uint32_t) words[3],
                                       .loss = words[4],
                                       .rcv_ssthresh = (uint32_t) words[3] / 3,
                                       .has_timestamps = words[3] & 1};
                        d = bw_group_tick(&group, &c[k], &s, random_u64(&random));
                        check(&c[k], &d);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_samples_keep_the_window_in_its_bounds),
                cmocka_unit_test(random_bytes_are_survived),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
