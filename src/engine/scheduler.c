/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/scheduler.h"

#include "base/clock.h"

enum { FIRST_BACKGROUND = BG_JOB_PRIORITY_HIGH };

static Job *job_of(const List *link)
{
        return list_item(link, JobRun, in_sched)->job;
}

void scheduler_init(Scheduler *s)
{
        *s = (Scheduler){0};
        for (int level = 0; level < SCHED_LEVELS; level++) {
                list_init(&s->waiting[level]);
                list_init(&s->active[level]);
        }
}

void scheduler_enqueue(Scheduler *s, Job *job, bool front)
{
        List *head = &s->waiting[job->props.priority];

        /* Appending before the first item of a ring is prepending. */
        list_append(front ? head->next : head, &job->run->in_sched);
        job->run->place = JOB_PLACE_WAITING;
        s->waiting_len++;
}

void scheduler_activate(Scheduler *s, Job *job, uint64_t now_mono)
{
        scheduler_remove(s, job, now_mono);
        list_append(&s->active[job->props.priority], &job->run->in_sched);
        s->active_len[job->props.priority]++;
        job->run->place = JOB_PLACE_ACTIVE;
        job->run->active_since = now_mono;
}

void scheduler_remove(Scheduler *s, Job *job, uint64_t now_mono)
{
        JobRun *run = job->run;

        if (run->place == JOB_PLACE_WAITING) {
                s->waiting_len--;
        } else if (run->place == JOB_PLACE_ACTIVE) {
                s->active_len[job->props.priority]--;
                run->slice_used_usec += now_mono - run->active_since;
        }
        run->place = JOB_PLACE_NONE;
        list_remove(&run->in_sched);
}

void scheduler_change_level(Scheduler *s, Job *job, BG_JOB_PRIORITY level)
{
        JobRun *run = job->run;

        if (level == job->props.priority)
                return;
        if (run->place == JOB_PLACE_WAITING) {
                list_remove(&run->in_sched);
                list_append(&s->waiting[level], &run->in_sched);
        } else if (run->place == JOB_PLACE_ACTIVE) {
                list_remove(&run->in_sched);
                list_append(&s->active[level], &run->in_sched);
                s->active_len[job->props.priority]--;
                s->active_len[level]++;
        }
}

static uint32_t background_active(const Scheduler *s)
{
        uint32_t n = 0;

        for (int level = FIRST_BACKGROUND; level < SCHED_LEVELS; level++)
                n += s->active_len[level];
        return n;
}

static int most_urgent_waiting(const Scheduler *s)
{
        for (int level = FIRST_BACKGROUND; level < SCHED_LEVELS; level++)
                if (!list_is_empty(&s->waiting[level]))
                        return level;
        return SCHED_LEVELS;
}

static int least_urgent_active(const Scheduler *s)
{
        for (int level = SCHED_LEVELS - 1; level >= FIRST_BACKGROUND; level--)
                if (!list_is_empty(&s->active[level]))
                        return level;
        return -1;
}

static SchedAction take_first(SchedVerb verb, const List *list)
{
        return (SchedAction){verb, job_of(list->next)};
}

static SchedAction take_last(SchedVerb verb, const List *list)
{
        return (SchedAction){verb, job_of(list->prev)};
}

static SchedAction decide_foreground(const Scheduler *s, const Policy *policy)
{
        const int fg = BG_JOB_PRIORITY_FOREGROUND;

        if (s->active_len[fg] > policy->foreground_jobs)
                return take_last(SCHED_PREEMPT, &s->active[fg]);
        if (s->active_len[fg] < policy->foreground_jobs && !list_is_empty(&s->waiting[fg]))
                return take_first(SCHED_START, &s->waiting[fg]);
        return (SchedAction){SCHED_NOTHING, NULL};
}

static SchedAction decide_slices(const Scheduler *s, const Policy *policy, uint64_t now_mono)
{
        for (int level = BG_JOB_PRIORITY_FOREGROUND; level < SCHED_LEVELS; level++) {
                if (list_is_empty(&s->waiting[level]))
                        continue;
                LIST_FOREACH (it, &s->active[level])
                        if (scheduler_slice_end(s, policy, job_of(it)) <= now_mono)
                                return (SchedAction){SCHED_SLICE_END, job_of(it)};
        }
        return (SchedAction){SCHED_NOTHING, NULL};
}

SchedAction scheduler_decide(const Scheduler *s, const Policy *policy, uint64_t now_mono)
{
        SchedAction action = decide_foreground(s, policy);
        uint32_t used = background_active(s);
        int urgent = most_urgent_waiting(s);
        int lazy = least_urgent_active(s);

        if (action.verb != SCHED_NOTHING)
                return action;
        if (used > policy->background_jobs)
                return take_last(SCHED_PREEMPT, &s->active[lazy]);
        if (urgent < SCHED_LEVELS && used < policy->background_jobs)
                return take_first(SCHED_START, &s->waiting[urgent]);
        if (lazy > urgent)
                return take_last(SCHED_PREEMPT, &s->active[lazy]);
        return decide_slices(s, policy, now_mono);
}

uint64_t scheduler_slice_end(const Scheduler *s, const Policy *policy, const Job *job)
{
        const JobRun *run = job->run;
        uint64_t slice_usec = policy->time_slice_sec * USEC_PER_SEC;
        uint64_t left = slice_usec - MIN(slice_usec, run->slice_used_usec);

        if (run->place != JOB_PLACE_ACTIVE || list_is_empty(&s->waiting[job->props.priority]))
                return USEC_INFINITY;
        return run->active_since + left;
}

uint64_t scheduler_next_slice(const Scheduler *s, const Policy *policy)
{
        uint64_t next = USEC_INFINITY;

        for (int level = BG_JOB_PRIORITY_FOREGROUND; level < SCHED_LEVELS; level++) {
                if (list_is_empty(&s->waiting[level]))
                        continue;
                LIST_FOREACH (it, &s->active[level])
                        next = MIN(next, scheduler_slice_end(s, policy, job_of(it)));
        }
        return next;
}

const Job *scheduler_behind(const Scheduler *s, const Policy *policy, const Job *job)
{
        bool fg = job_is_foreground(job);
        const List *waiting = &s->waiting[job->props.priority];

        if (job->run->place != JOB_PLACE_WAITING)
                return NULL;
        if (fg && s->active_len[BG_JOB_PRIORITY_FOREGROUND] < policy->foreground_jobs)
                return NULL;
        if (!fg && background_active(s) < policy->background_jobs)
                return NULL;
        for (int level = fg ? 0 : FIRST_BACKGROUND; level <= (int) job->props.priority; level++)
                if (!list_is_empty(&s->active[level]))
                        return job_of(s->active[level].next);
        return waiting->next != &job->run->in_sched ? job_of(waiting->next) : NULL;
}
