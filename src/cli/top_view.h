/* SPDX-License-Identifier: Apache-2.0 */
/* What `bitsctl top` shows: jobs with their last rates, and the lines they share with others. */
#pragma once

#include "base/cleanup.h"

#include "cli.h"
#include "spark.h"

typedef struct TopJob { /* rates of a job so far */
        GUID id;
        Spark spark;
        bool seen; /* in the last picture */
} TopJob;

typedef struct TopView {
        bits_job_list *jobs;
        bits_line *lines;
        size_t lines_len;
        bits_status *status;
        TopJob *history;
        size_t history_len;
} TopView;

void top_view_done(TopView *v);
/* Asks the service, and adds to the history. On failure the old picture stays. */
HRESULT top_view_read(TopView *v, Cli *cli);
/* Prints the picture to `out`; at most `rows` lines of it (0: all). */
void top_view_print(const TopView *v, const Out *out, unsigned rows);
void top_view_print_json(const TopView *v, const Out *out);

/* Bytes per second of this service, both ways. */
uint64_t line_rate(const bits_line *line);
/* What holds background transfers back there, in words. */
const char *line_state_words(const bits_line *line);
