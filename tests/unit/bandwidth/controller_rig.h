/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the delay controller hold it against: a line that is a formula, 2.5 MB/s, 20
 * ms, and a queue of what is in flight beyond that and of what others put there. */
#pragma once

#include "bandwidth/controller.h"

enum { SEC = 1000000, LINE = 2500000, BASE = 20000, MSS = 1448 };

typedef struct Rig {
        PathMemory path;
        BwController c;
        BwSample s;
        BwDecision d;
        uint64_t cap;
        uint64_t foreign_queue_usec; /* of others */
        uint64_t foreign_bps;
        uint64_t far_usec;     /* what the way has beyond BASE */
        uint64_t sender_bytes; /* what it sends in a round trip; 0 all it may */
        bool sensor;
} Rig;

/* NORMAL's target, no cap, nobody else, and the first sample taken. */
void rig_setup(Rig *r, BwDirection direction);
/* The same on a way that is longer by so much. */
void rig_setup_far(Rig *r, BwDirection direction, uint64_t far_usec);
void rig_tick(Rig *r);
void rig_run(Rig *r, double sec);
/* Runs until the state is there, and says how many seconds that took; beyond `sec` the test fails.
 */
double rig_until(Rig *r, BwState state, double sec);
