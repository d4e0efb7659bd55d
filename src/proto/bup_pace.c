/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_pace.h"

enum {
        AIM_USEC = (BUP_FRAGMENT_SHORT_USEC + BUP_FRAGMENT_LONG_USEC) / 2,
        QUICK_USEC = BUP_FRAGMENT_SHORT_USEC / 2, /* so far off that one may hurry */
        ROUND_BYTES = 1024,
};

static uint64_t largest(const BupPace *p)
{
        return p->limit_bytes > 0 ? MIN(p->limit_bytes, p->cap_bytes) : p->cap_bytes;
}

static uint64_t within(const BupPace *p, uint64_t bytes)
{
        bytes -= bytes % ROUND_BYTES;
        return MIN(MAX(bytes, (uint64_t) BUP_FRAGMENT_FLOOR_BYTES), largest(p));
}

void bup_pace_init(BupPace *p, uint64_t start_bytes, uint64_t cap_bytes, uint64_t limit_bytes)
{
        *p = (BupPace){
                .cap_bytes = MAX(cap_bytes ? cap_bytes : (uint64_t) BUP_FRAGMENT_CAP_BYTES,
                                 (uint64_t) BUP_FRAGMENT_FLOOR_BYTES),
                .limit_bytes =
                        limit_bytes ? MAX(limit_bytes, (uint64_t) BUP_FRAGMENT_FLOOR_BYTES) : 0,
        };
        p->size_bytes = within(p, start_bytes ? start_bytes : (uint64_t) BUP_FRAGMENT_START_BYTES);
}

uint64_t bup_pace_next(const BupPace *p, uint64_t left_bytes)
{
        return MIN(p->size_bytes, left_bytes);
}

void bup_pace_measured(BupPace *p, uint64_t bytes, uint64_t usec)
{
        uint64_t aim, most;

        if (usec == 0 || bytes < p->size_bytes / 2) /* the rest of a file says little */
                return;
        if (usec >= BUP_FRAGMENT_SHORT_USEC && usec <= BUP_FRAGMENT_LONG_USEC)
                return;
        if (__builtin_mul_overflow(bytes, (uint64_t) AIM_USEC, &aim))
                return;
        aim /= usec;
        most = bytes * (usec <= QUICK_USEC ? 4 : 2);
        p->size_bytes = within(p, MIN(aim, most));
}

void bup_pace_lost(BupPace *p, uint64_t bytes)
{
        p->size_bytes = within(p, MIN(p->size_bytes, bytes / 2));
}

bool bup_pace_refused(BupPace *p, uint64_t bytes)
{
        if (bytes <= BUP_FRAGMENT_FLOOR_BYTES)
                return false;
        p->limit_bytes = MAX(bytes / 2, (uint64_t) BUP_FRAGMENT_FLOOR_BYTES);
        p->size_bytes = within(p, p->size_bytes);
        return true;
}
