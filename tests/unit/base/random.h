/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness of property tests: a small generator under a seed that is printed and that
 * $TEST_SEED repeats. */
#pragma once

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

typedef struct Random {
        uint64_t state;
} Random;

static inline uint64_t random_u64(Random *r)
{
        uint64_t z = r->state += 0x9e3779b97f4a7c15; /* splitmix64 */

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
}

/* 0 … limit - 1 */
static inline uint64_t random_below(Random *r, uint64_t limit)
{
        return random_u64(r) % limit;
}

static inline Random random_seeded(const char *test)
{
        const char *text = getenv("TEST_SEED");
        Random r = {0};

        if (text)
                r.state = strtoull(text, NULL, 0);
        else if (getrandom(&r.state, sizeof(r.state), 0) != (ssize_t) sizeof(r.state))
                abort();
        printf("# %s: TEST_SEED=%" PRIu64 "\n", test, r.state);
        return r;
}
