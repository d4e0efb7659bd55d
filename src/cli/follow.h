/* SPDX-License-Identifier: Apache-2.0 */
/* Watching jobs until they are done: for get, wait and resume --wait. Race-free when opened before
 * the jobs are resumed: events are subscribed first, and the jobs are read afterwards.
 *
 * On a terminal one line shows the progress, with JSON there is one object a line, otherwise it is
 * silent. Losing the service is no reason to stop: the library connects again. */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "bits_native.h"

#include "cli.h"
#include "progress.h"
#include "signals.h"

typedef struct FollowJob {
        GUID id;
        bits_job_info *info;  /* as last heard; NULL before the first reading */
        uint64_t start_bytes; /* that were there before */
        uint64_t moved_mono;  /* when it last changed in any way */
        bool ended;           /* nothing more to wait for; it has been reported */
} FollowJob;

typedef struct Follow {
        Cli *cli;
        Signals *signals;  /* borrowed */
        const char *go_on; /* also to run by hand when the job goes on without us; NULL */
        bool pauses;       /* Ctrl-C pauses the jobs; otherwise it only ends the looking on */
        const char *what;  /* "get", "wait for": names the undertaking in messages */
        uint64_t wait_usec;
        FollowJob *jobs;
        size_t count, n_ended;
        bits_events **events;
        size_t n_events;
        Progress progress;
        uint64_t started_mono;
        uint64_t lost_mono; /* since when the service is away; 0 = it is there */
        int status;
} Follow;

/* `jobs` as known before (bytes that are there already do not count as moved). On failure the
 * message is printed and the status given. */
int follow_open(Follow *f, Cli *cli, const bits_job_info *const *jobs, size_t count,
                const char *what, Signals *signals);
/* Begins to watch signals, before there is anything to follow. Gives the status, as above. */
int follow_watch_signals(Cli *cli, Signals *signals);
/* The job at `index` is not to be waited for: it failed before, with this status. */
void follow_drop(Follow *f, size_t index, int status);
/* Gives the exit status. */
int follow_run(Follow *f);
void follow_close(Follow *f);
