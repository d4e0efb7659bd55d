/* SPDX-License-Identifier: Apache-2.0 */
/* Traces of one connection as CSV, a line per tick: what the socket said and what was decided.
 * `now_usec,rtt_usec,bytes,mss,loss,rcv_ssthresh,timestamps,cap,window,stall,floor,state`; `cap` is
 * `-` for none, and lines that begin with `#` are remarks. Recorded on real lines and replayed
 * here. */
#pragma once

#include <stdio.h>

#include "bandwidth/controller.h"

typedef struct TraceLine {
        BwSample sample;
        uint64_t cap_bps;
        BwDecision decision;
        BwState state;
} TraceLine;

void trace_write(FILE *file, const BwSample *s, uint64_t cap_bps, const BwDecision *d,
                 BwState state);
/* 1 a line, 0 the end, -EINVAL what is no trace. */
int trace_read(FILE *file, TraceLine *ret);
