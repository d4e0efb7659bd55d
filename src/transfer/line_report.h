/* SPDX-License-Identifier: Apache-2.0 */
/* How the lines of this machine are used, as a worker last saw it: one state per interface that
 * transfers go through. Rates in bytes per second; [0] down, [1] up. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/pack.h"

enum {
        LINE_NAME_BYTES = 16,
        LINE_REPORT_LINES_MAX = 8,
        LINE_GOVERNOR_MAX = 4, /* 0 idle, 1 duck, 2 hold, 3 share */
};

typedef struct LineState {
        char interface[LINE_NAME_BYTES];
        uint64_t capacity_bps[2];
        uint64_t own_bps[2];        /* background transfers of this instance */
        uint64_t foreground_bps[2]; /* its FOREGROUND transfers */
        uint64_t foreign_bps[2];    /* everybody else */
        uint8_t governor[2];
        uint16_t connections; /* of background transfers … */
        uint16_t yielding;    /* … that keep out of others' way */
        uint32_t base_usec;   /* shortest round trip of the last minute, of any of them; 0: none */
        uint32_t queue_usec;  /* what the longest is over its own shortest now */
} LineState;

typedef struct LineReport {
        uint64_t wall_usec;
        LineState lines[LINE_REPORT_LINES_MAX];
        size_t lines_len;
} LineReport;

void line_report_pack(Buf *b, const LineReport *report);
/* Marks the reader bad when these bytes are no report: too many lines, no such state, a name that
 * is no interface's. */
void line_report_unpack(PackReader *r, LineReport *ret);
