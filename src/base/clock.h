/* SPDX-License-Identifier: Apache-2.0 */
/* Time behind one struct, so that tests own it. `mono` runs through suspend (CLOCK_BOOTTIME) and
 * ignores wall-clock jumps; `wall` is microseconds since 1970 UTC. */
#pragma once

#include <stdint.h>

typedef struct Clock {
        uint64_t (*mono_usec)(void *ctx);
        uint64_t (*wall_usec)(void *ctx);
        void *ctx;
} Clock;

#define USEC_PER_SEC ((uint64_t) 1000000)
#define USEC_PER_MSEC ((uint64_t) 1000)
#define USEC_INFINITY UINT64_MAX

extern const Clock CLOCK_SYSTEM;

static inline uint64_t clock_mono_usec(const Clock *c)
{
        return c->mono_usec(c->ctx);
}

static inline uint64_t clock_wall_usec(const Clock *c)
{
        return c->wall_usec(c->ctx);
}

/* FILETIME ticks: 100 ns since 1601-01-01 UTC. 0 stays 0 ("never"). */
uint64_t filetime_from_wall_usec(uint64_t wall_usec);
uint64_t filetime_to_wall_usec(uint64_t ticks);
