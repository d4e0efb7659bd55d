/* SPDX-License-Identifier: Apache-2.0 */
/* Time that only moves when a test says so. */
#pragma once

#include "base/clock.h"

typedef struct FakeClock {
        uint64_t mono;
        uint64_t wall;
} FakeClock;

/* Some seconds after boot, some day of 2026. */
void fake_clock_init(FakeClock *c);
Clock fake_clock_port(FakeClock *c);
/* Both clocks move on. */
void fake_clock_advance(FakeClock *c, uint64_t usec);
