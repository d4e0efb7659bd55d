/* SPDX-License-Identifier: Apache-2.0 */
/* The governor of one interface and direction: from the interface's counter and our own bytes it
 * sees the traffic of others on this host at once, also where delay shows nothing, and says how
 * much all background connections together may take. Pure, as the controller. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bandwidth/path.h"

enum { GOVERNOR_STEP_USEC = 100 * 1000, GOVERNOR_PEAKS = 8, GOVERNOR_SEEN = 32 };

typedef enum GovernorState {
        GOVERNOR_IDLE,  /* nobody else */
        GOVERNOR_DUCK,  /* out of the way: how much does the newcomer take? */
        GOVERNOR_HOLD,  /* it takes all it can get */
        GOVERNOR_SHARE, /* it takes what it needs; the rest is ours */
        GOVERNOR_STATE_MAX
} GovernorState;

typedef struct Governor {
        GovernorState state;
        bool is_upload;
        WindowFilter capacity; /* bytes/s */
        double told_bps;       /* the same by the administrator; 0 learn it */
        bool has_step;
        uint64_t now_usec, iface_bytes, own_bytes; /* of the last step */
        double total_bps;                          /* smoothed */
        double foreign_bps;                        /* smoothed */
        double peaks[GOVERNOR_PEAKS]; /* foreign, the last steps, newest at `next` - 1 */
        unsigned next;
        double seen[GOVERNOR_SEEN]; /* the same unsmoothed; the newest at `seen_next` - 1 */
        unsigned seen_next, seen_len;
        double last_bytes, earlier_bytes; /* foreign, the last two steps; below 0: ours came late */
        unsigned glances;                 /* in a row that showed a newcomer */
        double known_bps;                 /* what the others took when they could take all */
        double shared_bps;                /* their mean when SHARE began */
        uint64_t state_usec;              /* when the state was entered */
        uint64_t duck_usec;               /* when the last duck began; 0 never */
        uint64_t duck_until_usec;
        uint64_t quiet_usec; /* since when nobody else is there; 0 somebody is */
        uint64_t cap_bps;
} Governor;

/* `is_upload`: the senders are ours, and begin as soon as they may. */
void governor_init(Governor *g, bool is_upload);
/* Every 100 ms: the interface's byte counter, the wire bytes of our background connections so far
 * (what went away with closed connections included), and the least round trip among them (0 =
 * unknown). Returns the cap on the sum of our background rates in bytes/s: UINT64_MAX none, 0
 * nothing. Steps that come early (below 50 ms) change nothing. */
uint64_t governor_step(Governor *g, uint64_t now_usec, uint64_t iface_bytes,
                       uint64_t own_wire_bytes, uint64_t base_usec);
/* Between the steps, every tick: a newcomer on a long line must not wait for the next step, since
 * what is under way takes a round trip more. Returns the cap, as governor_step(). */
uint64_t governor_glance(Governor *g, uint64_t now_usec, uint64_t iface_bytes,
                         uint64_t own_wire_bytes, uint64_t base_usec);
/* The line's capacity as told by the administrator, bytes/s; 0 learns it. */
void governor_set_capacity(Governor *g, uint64_t capacity_bps);
uint64_t governor_foreign_bps(const Governor *g);  /* bytes/s of others on this host */
uint64_t governor_capacity_bps(const Governor *g); /* bytes/s; 0 = unknown */
GovernorState governor_state(const Governor *g);
const char *governor_state_to_string(GovernorState state); /* NULL outside the enumeration */
