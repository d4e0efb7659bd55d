/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <stddef.h>
#include <time.h>

#define TICKS_PER_USEC 10
#define EPOCH_TICKS ((uint64_t) 116444736000000000) /* 1601-01-01 to 1970-01-01 */

static uint64_t read_clock_usec(clockid_t id)
{
        struct timespec ts = {0};

        (void) clock_gettime(id, &ts); /* cannot fail for the clocks of Linux asked here */
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

static uint64_t system_mono_usec(void *ctx)
{
        return read_clock_usec(CLOCK_BOOTTIME);
}

static uint64_t system_wall_usec(void *ctx)
{
        return read_clock_usec(CLOCK_REALTIME);
}

const Clock CLOCK_SYSTEM = {
        .mono_usec = system_mono_usec,
        .wall_usec = system_wall_usec,
        .ctx = NULL,
};

uint64_t filetime_from_wall_usec(uint64_t wall_usec)
{
        uint64_t ticks;

        if (wall_usec == 0)
                return 0;
        if (__builtin_mul_overflow(wall_usec, (uint64_t) TICKS_PER_USEC, &ticks) ||
            __builtin_add_overflow(ticks, EPOCH_TICKS, &ticks))
                return UINT64_MAX;
        return ticks;
}

uint64_t filetime_to_wall_usec(uint64_t ticks)
{
        if (ticks <= EPOCH_TICKS) /* 0, and what 1970 cannot express */
                return 0;
        return (ticks - EPOCH_TICKS) / TICKS_PER_USEC;
}
