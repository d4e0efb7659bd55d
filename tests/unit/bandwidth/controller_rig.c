/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "controller_rig.h"

void rig_setup_far(Rig *r, BwDirection direction, uint64_t far_usec)
{
        *r = (Rig){.cap = UINT64_MAX, .sensor = true, .far_usec = far_usec};
        path_memory_init(&r->path);
        controller_init(&r->c, direction, &r->path, BW_TARGET_NORMAL_USEC);
        r->s = (BwSample){.now_usec = 100 * (uint64_t) SEC,
                          .rtt_usec = BASE + far_usec,
                          .mss = MSS,
                          .has_timestamps = true};
        r->d = controller_tick(&r->c, &r->s, r->cap, r->sensor);
}

void rig_setup(Rig *r, BwDirection direction)
{
        rig_setup_far(r, direction, 0);
}

void rig_tick(Rig *r)
{
        double window = r->d.stall ? 0 : r->d.window_bytes, rate;
        double free_bps = LINE - (double) r->foreign_bps;
        double rtt = (double) (BASE + r->far_usec + r->foreign_queue_usec), full;

        if (r->sender_bytes > 0 && window > (double) r->sender_bytes)
                window = (double) r->sender_bytes;
        full = window * 1e6 / free_bps;
        if (full > rtt)
                rtt = full;
        rate = window * 1e6 / rtt;
        r->s.now_usec += BW_TICK_USEC;
        r->s.rtt_usec = (uint64_t) rtt;
        r->s.bytes += (uint64_t) (rate * BW_TICK_USEC / 1e6);
        r->d = controller_tick(&r->c, &r->s, r->cap, r->sensor);
}

void rig_run(Rig *r, double sec)
{
        for (unsigned i = 0; i < sec * 100 + 0.5; i++)
                rig_tick(r);
}

double rig_until(Rig *r, BwState state, double sec)
{
        for (unsigned i = 0; i < sec * 100; i++) {
                if (controller_state(&r->c) == state)
                        return i / 100.0;
                rig_tick(r);
        }
        fail_msg("never in %s, but in %s", bw_state_to_string(state),
                 bw_state_to_string(controller_state(&r->c)));
        return 0;
}
