/* SPDX-License-Identifier: Apache-2.0 */
#include "bandwidth/group.h"

#include <stddef.h>

#define TURN_USEC (8 * 1000 * 1000)

void bw_group_init(BwGroup *g)
{
        *g = (BwGroup){.least_turn = UINT64_MAX};
}

static void take_place(BwGroup *g, BwController *c, uint64_t now_usec)
{
        g->sensor = c;
        g->sensor_usec = now_usec;
        g->least_turn = UINT64_MAX;
        c->sensor_turn = ++g->turns;
}

/* Whether `c`, which yields, is the one that feels. The place goes to whoever had it the longest
 * time ago when its holder has had it for a while. */
static bool is_sensor(BwGroup *g, BwController *c, uint64_t now_usec)
{
        bool is_vacant = !g->sensor || controller_state(g->sensor) != BW_YIELD;

        if (g->sensor == c)
                return true;
        if (now_usec < g->sensor_usec) /* the clock went back */
                g->sensor_usec = now_usec;
        if (is_vacant ||
            (now_usec - g->sensor_usec >= TURN_USEC && c->sensor_turn <= g->least_turn)) {
                take_place(g, c, now_usec);
                return true;
        }
        if (c->sensor_turn < g->least_turn)
                g->least_turn = c->sensor_turn;
        return false;
}

BwDecision bw_group_tick(BwGroup *g, BwController *c, const BwSample *s, uint64_t cap_bytes_per_sec)
{
        bool feels = true, was_yielding = controller_state(c) == BW_YIELD;
        BwDecision d;

        if (was_yielding) {
                if (g->free_usec > c->yield_usec)
                        controller_resume(c, s->now_usec);
                else
                        feels = is_sensor(g, c, s->now_usec);
        }
        d = controller_tick(c, s, cap_bytes_per_sec, feels);
        if (was_yielding && feels && g->sensor == c && controller_state(c) == BW_RAMP)
                g->free_usec = s->now_usec;
        if (!was_yielding && controller_state(c) == BW_YIELD) {
                c->yield_usec = s->now_usec;
                d.stall = d.stall || !is_sensor(g, c, s->now_usec);
                c->decision.stall = d.stall;
        }
        return d;
}

void bw_group_forget(BwGroup *g, const BwController *c)
{
        if (g->sensor == c)
                g->sensor = NULL;
}
