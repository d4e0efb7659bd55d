/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs now. Foreground jobs all run at once up to a bound; beside them run `background_jobs`
 * of the other levels, the most urgent level first: a waiting job of a higher level takes the
 * place of a running one of a lower level, and jobs of one level share their places by time
 * slices. Jobs in TRANSIENT_ERROR, ERROR, SUSPENDED or TRANSFERRED are not here and block nobody;
 * a job whose files are all whole (it only waits for the disk) holds no place either.
 *
 * Pure bookkeeping: it says what should happen next; the manager makes it happen and reports back
 * by moving jobs. A decision looks at the heads of eight lists and at the running jobs. */
#pragma once

#include "engine/job.h"
#include "engine/policy.h"

enum { SCHED_LEVELS = BG_JOB_PRIORITY_LOW + 1 };

typedef struct Scheduler {
        List waiting[SCHED_LEVELS]; /* JobRun.in_sched, next one first */
        List active[SCHED_LEVELS];  /* JobRun.in_sched, longest running first */
        uint32_t active_len[SCHED_LEVELS];
        uint32_t waiting_len;
} Scheduler;

typedef enum SchedVerb {
        SCHED_NOTHING,
        SCHED_START,     /* a waiting job takes a free place */
        SCHED_PREEMPT,   /* an active job makes room for a more urgent one */
        SCHED_SLICE_END, /* an active job makes room for its own level */
} SchedVerb;

typedef struct SchedAction {
        SchedVerb verb;
        Job *job;
} SchedAction;

void scheduler_init(Scheduler *s);
/* front: it goes on with its slice as soon as there is a place (pre-empted jobs). */
void scheduler_enqueue(Scheduler *s, Job *job, bool front);
void scheduler_activate(Scheduler *s, Job *job, uint64_t now_mono);
/* Out of wherever it is; an active job's slice so far is kept. No-op when it is nowhere. */
void scheduler_remove(Scheduler *s, Job *job, uint64_t now_mono);
/* The job's priority becomes `level`: call before changing it. */
void scheduler_change_level(Scheduler *s, Job *job, BG_JOB_PRIORITY level);

SchedAction scheduler_decide(const Scheduler *s, const Policy *policy, uint64_t now_mono);
/* When the active job has to make room for its own level; USEC_INFINITY while nobody waits. */
uint64_t scheduler_slice_end(const Scheduler *s, const Policy *policy, const Job *job);
/* The earliest of those; USEC_INFINITY when no slice has an end. */
uint64_t scheduler_next_slice(const Scheduler *s, const Policy *policy);
/* The job whose end would let this waiting one run; NULL when nothing stands in its way. */
const Job *scheduler_behind(const Scheduler *s, const Policy *policy, const Job *job);
