/* SPDX-License-Identifier: Apache-2.0 */
/* Does a worker still answer? While it has something to do it is pinged three times within
 * `answer_usec`; one that leaves all three unanswered hangs and is to be killed. One that was
 * killed has a sixth of that time to be gone: what sleeps in the kernel (a dead NFS server) cannot
 * even die, and nobody is to wait for it. Rounds are counted, not time, so that a broker that was
 * stopped itself blames nobody. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/attr.h"

enum { WORKER_WATCH_ROUNDS = 3, WORKER_WATCH_DEATH_PART = 6 };

typedef struct WorkerWatchHost {
        void (*ping)(void *ctx);
        void (*hangs)(void *ctx);  /* nothing was heard for all rounds */
        void (*undead)(void *ctx); /* it should be gone and is not */
        void *ctx;
} WorkerWatchHost;

typedef struct WorkerWatch {
        WorkerWatchHost host;
        sd_event_source *timer;
        uint64_t answer_usec;
        unsigned silent_rounds;
        enum { WORKER_WATCH_OFF, WORKER_WATCH_LIVING, WORKER_WATCH_DYING } what;
} WorkerWatch;

/* 0 or negative errno. worker_watch_done() may be called in any case when `w` was zero. */
_must_use_ int worker_watch_init(WorkerWatch *w, sd_event *loop, uint64_t answer_usec,
                                 const WorkerWatchHost *host);
void worker_watch_done(WorkerWatch *w);
/* It has something to do; goes on where it was when it had before. */
void worker_watch_begin(WorkerWatch *w);
void worker_watch_heard(WorkerWatch *w);
/* It was killed. */
void worker_watch_dying(WorkerWatch *w);
/* It has nothing to do, or is gone. */
void worker_watch_rest(WorkerWatch *w);
