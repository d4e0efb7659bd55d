/* SPDX-License-Identifier: Apache-2.0 */
/* What a notification program writes, as lines of the log: long ones in pieces, and no more than a
 * bound for each run. What is over the bound is still read, so that the program does not stop at a
 * full pipe, and counted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        PROGRAM_LINE_BYTES = 500, /* of a piece */
        PROGRAM_OUTPUT_BYTES_MAX = 65536,
};

typedef struct ProgramOutput {
        void (*line)(void *ctx, const char *text); /* without its end; any bytes but NUL */
        void *ctx;
        char text[PROGRAM_LINE_BYTES + 1];
        size_t len;
        uint64_t total_bytes;
        uint64_t dropped_bytes; /* of the total */
} ProgramOutput;

void program_output_init(ProgramOutput *o, void (*line)(void *ctx, const char *text), void *ctx);
void program_output_add(ProgramOutput *o, const char *data, size_t bytes);
/* The last line need not end. */
void program_output_end(ProgramOutput *o);
/* Reads what there is, but no more than a turn's worth. True when there may be more at once, false
 * when there is nothing now or (*ret_end) ever. */
bool program_output_read(ProgramOutput *o, int fd, bool *ret_end);
