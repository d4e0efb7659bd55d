/* SPDX-License-Identifier: Apache-2.0 */
/* The one line that moves while a transfer is watched on a terminal. Formatting is pure; drawing
 * redraws at most ten times a second and leaves the terminal as it was. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"

#include "out.h"

typedef struct ProgressView {
        uint64_t bytes;
        uint64_t bytes_total; /* BG_SIZE_UNKNOWN when not known */
        uint64_t rate_bps;
        uint32_t files, files_total;
        size_t jobs, jobs_total;
        const char *note; /* instead of the numbers' end: "retrying: HTTP 503, next try in 4:12" */
} ProgressView;

/* The line, at most `columns` wide, without escape sequences unless `colour`. Caller owns it. */
char *progress_format(const ProgressView *view, unsigned columns, bool utf8, bool colour);

typedef struct Progress {
        FILE *f;
        bool enabled; /* a person watches a terminal that can do it */
        bool utf8, colour;
        bool drawn; /* a line stands there and the cursor is hidden */
        uint64_t drawn_usec;
} Progress;

void progress_init(Progress *p, const Out *out);
/* Draws unless the last drawing is too fresh and `now` is not urgent. */
void progress_draw(Progress *p, const ProgressView *view, uint64_t mono_usec, bool urgent);
/* Takes the line away and shows the cursor again. */
void progress_clear(Progress *p);
