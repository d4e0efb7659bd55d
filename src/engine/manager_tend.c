/* SPDX-License-Identifier: Apache-2.0 */
/* What a job's state and facts ask for, and the scheduler's decisions. Called from manager_run()
 * only; everything here may be repeated at any time. */
#include <assert.h>

#include "engine/job_error.h"
#include "engine/job_file.h"
#include "engine/job_upload.h"
#include "engine/manager_state.h"
#include "engine/retry.h"

enum { WORKERS_LOST_MAX = 3 }; /* in a row, then the job waits its retry delay */

static uint64_t after(uint64_t since, uint64_t usec)
{
        return usec >= USEC_INFINITY - since ? USEC_INFINITY : since + usec;
}

static uint64_t sec_to_usec(uint64_t sec)
{
        return sec >= USEC_INFINITY / USEC_PER_SEC ? USEC_INFINITY : sec * USEC_PER_SEC;
}

static uint64_t inactivity_end(const Manager *m, const Job *job)
{
        uint64_t limit = sec_to_usec(m->policy.job_inactivity_sec);

        return after(job->run->touched, limit - MIN(limit, job->run->idle_usec));
}

static uint64_t download_time_end(const Manager *m, const Job *job)
{
        uint64_t limit = sec_to_usec(m->policy.max_download_time_sec);

        if (!job_state_is_active(job->status.state) || job->run->failed ||
            !job_has_pending_files(job))
                return USEC_INFINITY;
        return after(job->run->active_since, limit - MIN(limit, job->status.active_usec));
}

/* Steps that need a commit are held back while the store refuses them. */
static bool is_blocked(const Job *job, uint64_t now)
{
        return job->run->blocked_until > now;
}

/* The node is in the heap since the job exists, so this is a move and cannot fail. */
void manager_set_timer(Manager *m, Job *job, uint64_t deadline_mono)
{
        int r = heap_set(&m->timers, &job->run->timer, deadline_mono);

        assert(r == 0);
}

static void set_timer(Manager *m, Job *job)
{
        uint64_t now = manager_now(m);
        uint64_t deadline = USEC_INFINITY;

        if (job->status.intent == INTENT_NONE) {
                deadline = MIN(deadline, inactivity_end(m, job));
                deadline = MIN(deadline, retry_due(job));
                deadline = MIN(deadline, retry_give_up(job));
                deadline = MIN(deadline, download_time_end(m, job));
        }
        if (is_blocked(job, now))
                deadline = job->run->blocked_until;
        deadline = MIN(deadline, notify_plan_deadline(&m->notify, job));
        manager_set_timer(m, job, deadline);
}

static void step_or_block(Manager *m, Job *job, JobEvent event, const JobError *error)
{
        if (FAILED(manager_step(m, job, event, error)))
                manager_block(m, job);
}

static void brake_or_block(Manager *m, Job *job, HRESULT obstacle)
{
        if (FAILED(manager_brake(m, job, obstacle)))
                manager_block(m, job);
}

static void tend_transient(Manager *m, Job *job)
{
        uint64_t now = manager_now(m);
        HRESULT obstacle = manager_obstacle(m, job);

        /* The network may have come back while a final step that failed held the job. */
        if (job->status.error.event_driven && obstacle != job->status.error.code)
                brake_or_block(m, job, obstacle);
        else if (retry_give_up(job) <= now && retry_give_up(job) <= retry_due(job))
                step_or_block(m, job, JOB_EVENT_GIVE_UP, NULL);
        else if (retry_due(job) <= now)
                step_or_block(m, job, JOB_EVENT_RETRY_DUE, NULL);
}

/* All operations have ended after the first failure: now the job may leave its state. */
static void settle_failure(Manager *m, Job *job)
{
        JobRun *run = job->run;
        JobError error =
                run->failure ? *run->failure
                             : job_error_make(E_OUTOFMEMORY, BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER,
                                              JOB_NO_FILE, "out of memory");

        if (error.code == BITS_E_WORKER_LOST && run->workers_lost < WORKERS_LOST_MAX) {
                step_or_block(m, job, JOB_EVENT_WORKER_LOST, NULL);
                return;
        }
        /* Nobody would wake the job if what it waits for is not known to be missing. */
        if (manager_obstacle(m, job) != error.code)
                error.event_driven = false;
        if (error.fatal || retry_is_hopeless(job, &error, manager_now(m)))
                step_or_block(m, job, JOB_EVENT_FATAL, &error);
        else
                step_or_block(m, job, JOB_EVENT_TRANSIENT, &error);
}

static void tend_active(Manager *m, Job *job)
{
        HRESULT obstacle = manager_obstacle(m, job);

        /* All were told when it began, but this one may have needed no network then: files were
         * added, or the reply of an upload is on another server. */
        if (!job->run->failed && FAILED(obstacle)) {
                brake_or_block(m, job, obstacle);
                return;
        }
        if (download_time_end(m, job) <= manager_now(m)) {
                JobError error =
                        job_error_make(BG_E_MAXDOWNLOAD_TIMEOUT,
                                       BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER, JOB_NO_FILE, NULL);

                manager_fail(m, job, &error);
        }
        if (!job->run->failed)
                manager_start_ops(m, job);
        if (job->run->failed && job->run->ops_len == 0)
                settle_failure(m, job);
}

static void tend_queued(Manager *m, Job *job)
{
        JobRun *run = job->run;
        HRESULT obstacle = manager_obstacle(m, job);

        if (run->place != JOB_PLACE_NONE || run->ops_len > 0)
                return;
        /* Else it would take the place of one that may run, just to give it back. */
        if (FAILED(obstacle) && obstacle != BG_E_NETWORK_DISCONNECTED) {
                brake_or_block(m, job, obstacle);
                return;
        }
        scheduler_enqueue(&m->scheduler, job, run->requeue_front);
        run->requeue_front = false;
        m->schedule = true;
}

static void tend_state(Manager *m, Job *job)
{
        switch (job->status.state) {
        case BG_JOB_STATE_QUEUED:
                tend_queued(m, job);
                break;
        case BG_JOB_STATE_CONNECTING:
        case BG_JOB_STATE_TRANSFERRING:
                tend_active(m, job);
                break;
        case BG_JOB_STATE_TRANSIENT_ERROR:
                tend_transient(m, job);
                break;
        case BG_JOB_STATE_TRANSFERRED:
                if (job->props.auto_complete)
                        manager_begin_auto_complete(m, job);
                break;
        default:
                break;
        }
}

void manager_tend(Manager *m, Job *job)
{
        uint64_t now = manager_now(m);

        if (!is_blocked(job, now) && !job_state_is_final(job->status.state)) {
                if (!manager_store_awaited(m, job))
                        manager_block(m, job);
                if (job->status.intent == INTENT_NONE && inactivity_end(m, job) <= now)
                        step_or_block(m, job, JOB_EVENT_INACTIVE, NULL);
                if (job->status.intent != INTENT_NONE)
                        manager_tend_final(m, job);
                else if (!is_blocked(job, now))
                        tend_state(m, job);
        }
        manager_tend_notify(m, job);
        if (!job_state_is_final(job->status.state))
                set_timer(m, job);
        else if (job->status.farewell_wall != 0)
                manager_tend_farewell(m, job);
}

/* False when the store refused. */
static bool start_job(Manager *m, Job *job)
{
        HRESULT obstacle = manager_obstacle(m, job);

        if (SUCCEEDED(obstacle))
                return SUCCEEDED(manager_step(m, job, JOB_EVENT_START, NULL));
        return SUCCEEDED(manager_brake(m, job, obstacle));
}

void manager_schedule(Manager *m)
{
        uint64_t now = manager_now(m);

        if (!m->schedule && scheduler_next_slice(&m->scheduler, &m->policy) > now &&
            (m->schedule_after == 0 || m->schedule_after > now))
                return;
        m->schedule = false;
        if (m->schedule_after > now)
                return;
        m->schedule_after = 0;
        for (;;) {
                SchedAction action = scheduler_decide(&m->scheduler, &m->policy, now);

                switch (action.verb) {
                case SCHED_NOTHING:
                        m->schedule = false;
                        return;
                case SCHED_START:
                        if (!start_job(m, action.job)) {
                                m->schedule_after = now + COMMIT_RETRY_USEC;
                                m->schedule = false;
                                return;
                        }
                        break;
                case SCHED_PREEMPT:
                        (void) manager_step(m, action.job, JOB_EVENT_PREEMPT, NULL);
                        break;
                case SCHED_SLICE_END:
                        (void) manager_step(m, action.job, JOB_EVENT_SLICE_END, NULL);
                        break;
                }
        }
}
