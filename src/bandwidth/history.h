/* SPDX-License-Identifier: Apache-2.0 */
/* The last few seconds of one connection: a ring of points, one per tick, and the questions that
 * the controller asks of it. All windows end at the newest point and hold at least that one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_POINTS = 256 }; /* 2.5 s of ticks of 10 ms */

typedef struct HistoryPoint {
        uint64_t usec;
        uint64_t bytes;  /* delivered so far */
        double rtt_usec; /* 0 = no sample */
        double window;   /* that was in force until then, bytes */
} HistoryPoint;

typedef struct History {
        HistoryPoint points[HISTORY_POINTS];
        uint32_t next;
        uint32_t len;
} History;

void history_clear(History *h);
void history_add(History *h, const HistoryPoint *p);  /* not older than the newest */
const HistoryPoint *history_newest(const History *h); /* NULL when empty */
/* Bytes/s over the last `usec`, or over what there is, if that is at least half of it; else 0. */
double history_rate_bps(const History *h, double usec);
double history_min_rtt(const History *h, double usec); /* 0 = no sample there */
double history_max_window(const History *h, double usec);
double history_min_window(const History *h, double usec);
