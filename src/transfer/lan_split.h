/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what neighbours get and send out of the counter by which a governor judges an interface:
 * they are no users of the line behind the router. What they moved is known only now and then
 * (lan_meter.h), so this says when it is worth asking, and spreads what remains, which is somebody
 * else's traffic beyond the router. Pure: no clock, no system call. Bytes; [0] down, [1] up. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

typedef struct LanLook {
        uint64_t now_usec;
        uint64_t total_bytes[2]; /* the interface's counters */
        uint64_t own_bytes[2];   /* of our background connections */
        uint64_t line_bps[2];    /* capacity in bytes per second; 0 not known */
} LanLook;

typedef struct LanSplit {
        bool began;
        bool active; /* neighbours move something */
        LanLook last;
        uint64_t counted[2]; /* the counter without the neighbours, at the last step */
        double open[2];      /* seen, and neither the neighbours' nor passed on yet */
        double open_before[2];
        double rate_bps[2]; /* at which it is passed on */
        bool has_reading;   /* since the last step */
        double reading[2];
        uint64_t read_usec;        /* the last reading; 0 never */
        uint64_t read_before_usec; /* … while active, the one that rates go back to */
        uint64_t not_before_usec;  /* the next one */
        uint64_t near_usec;        /* when neighbours last moved something */
} LanSplit;

/* Should be asked now what the neighbours moved? `is_step`: lan_split_step() follows. */
bool lan_split_wants_reading(const LanSplit *s, const LanLook *look, bool is_step);
/* They moved so much since the last reading; to find that out took `cost_usec` of a
 * processor. */
void lan_split_reading(LanSplit *s, const LanLook *look, const uint64_t near_bytes[2],
                       uint64_t cost_usec);
/* The counters for governor_step(). They never go back, but where the interface's do. */
void lan_split_step(LanSplit *s, const LanLook *look, uint64_t ret_counted[2]);
/* The counters for governor_glance(). False: between steps nothing can be told now. */
_must_use_ bool lan_split_glance(const LanSplit *s, const LanLook *look, uint64_t ret_counted[2]);
/* From now on everybody counts. */
void lan_split_stop(LanSplit *s);
