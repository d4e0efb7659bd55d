/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_clock.h"

void fake_clock_init(FakeClock *c)
{
        c->mono = 1000 * USEC_PER_SEC;
        c->wall = 1790000000 * USEC_PER_SEC;
}

static uint64_t get_mono(void *ctx)
{
        return ((const FakeClock *) ctx)->mono;
}

static uint64_t get_wall(void *ctx)
{
        return ((const FakeClock *) ctx)->wall;
}

Clock fake_clock_port(FakeClock *c)
{
        return (Clock){.mono_usec = get_mono, .wall_usec = get_wall, .ctx = c};
}

void fake_clock_advance(FakeClock *c, uint64_t usec)
{
        c->mono += usec;
        c->wall += usec;
}
