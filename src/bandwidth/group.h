/* SPDX-License-Identifier: Apache-2.0 */
/* Several background connections of one interface and direction must together be no more aggressive
 * than one: of those that yield, one keeps the floor and feels for the others, which stall. When it
 * finds the line free all come back; while it does not, the place goes round, since their
 * bottlenecks need not be the same. */
#pragma once

#include "bandwidth/controller.h"

typedef struct BwGroup {
        BwController *sensor; /* borrowed; NULL nobody */
        uint64_t sensor_usec; /* when it took the place */
        uint64_t turns;
        uint64_t least_turn; /* of those that wait */
        uint64_t free_usec;  /* when a sensor last found the line free; 0 never */
} BwGroup;

void bw_group_init(BwGroup *g);
/* controller_tick() with `sensor` decided and the others released by the group. */
BwDecision bw_group_tick(BwGroup *g, BwController *c, const BwSample *s,
                         uint64_t cap_bytes_per_sec);
/* Before `c` goes away. */
void bw_group_forget(BwGroup *g, const BwController *c);
