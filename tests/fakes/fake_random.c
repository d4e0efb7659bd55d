/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_random.h"

/* An additive counter through a mixing function: fast, well spread, and never stuck. */
uint64_t fake_random_next(FakeRandom *r)
{
        uint64_t z = r->state += 0x9E3779B97F4A7C15u;

        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        return z ^ z >> 31;
}

void fake_random_init(FakeRandom *r, uint64_t seed)
{
        r->state = seed;
        (void) fake_random_next(r);
}

uint64_t fake_random_below(FakeRandom *r, uint64_t n)
{
        return fake_random_next(r) % n;
}

bool fake_random_chance(FakeRandom *r, uint32_t per_mille)
{
        return fake_random_below(r, 1000) < per_mille;
}

static void fill(void *ctx, void *data, size_t bytes)
{
        uint8_t *at = data;

        for (size_t i = 0; i < bytes; i++)
                at[i] = (uint8_t) fake_random_next(ctx);
}

RandomPort fake_random_port(FakeRandom *r)
{
        return (RandomPort){.fill = fill, .ctx = r};
}
