/* SPDX-License-Identifier: Apache-2.0 */
/* One transition of one job: look the row up, build the next status, store it, apply it. */
#include "base/hresult.h"
#include "engine/job_file.h"
#include "engine/manager_state.h"
#include "engine/retry.h"

void manager_todo(Manager *m, Job *job)
{
        if (list_is_empty(&job->run->in_todo))
                list_append(&m->todo, &job->run->in_todo);
}

void manager_touch(Manager *m, Job *job)
{
        job->run->touched = manager_now(m);
        job->run->idle_usec = 0;
}

uint64_t manager_active_usec(const Manager *m, const Job *job)
{
        return job_state_is_active(job->run->job->status.state)
                       ? manager_now(m) - job->run->active_since
                       : 0;
}

/* Once a final step is recorded nothing else may move the job. */
static bool is_held_by_intent(const Job *job, JobEvent event)
{
        return job->status.intent != INTENT_NONE && event != JOB_EVENT_COMPLETED &&
               event != JOB_EVENT_COMPLETE_FAILED && event != JOB_EVENT_AUTO_COMPLETE_FAILED &&
               event != JOB_EVENT_CANCELLED;
}

/* A job that completes by itself has a program: it runs once the files are in their places. When
 * somebody completes the job, he knows. */
static bool tells_program_later(const Manager *m, const Job *job)
{
        return job->props.auto_complete && !job->run->final.has_token &&
               job->status.undelivered == NOTIFY_TRANSFERRED &&
               notify_plan_has_program(&m->notify, job);
}

/* A farewell may meet a challenge. */
static bool needs_no_credentials(const JobStatus *status)
{
        return job_state_is_final(status->state) && status->farewell_wall == 0;
}

bool manager_step_view(Manager *m, const Job *job, const JobRow *row, const JobError *error,
                       HRESULT end_result, Job *ret_view)
{
        JobStep step = {
                .row = row,
                .error = error,
                .now_wall = manager_wall(m),
                .active_usec = manager_active_usec(m, job),
                .end_result = end_result,
                .keep_event = row->event == JOB_EVENT_COMPLETED && tells_program_later(m, job),
        };

        if (row->kind == JOB_ROW_MOVE && row->to == BG_JOB_STATE_CANCELLED)
                step.farewell_wall = manager_farewell_wall(m, job);

        if (row->kind != JOB_ROW_MOVE && row->kind != JOB_ROW_STAY)
                return false;
        if (row->kind == JOB_ROW_STAY && row->persist == JOB_PERSIST_NONE && row->effects == 0)
                return false; /* nothing happens at all */
        *ret_view = *job;
        ret_view->status = job_status_after(&job->status, &step);
        if (needs_no_credentials(&ret_view->status)) {
                ret_view->credentials = NULL;
                ret_view->credentials_len = 0;
        }
        return true;
}

/* A new tombstone pushes the oldest out, in the same transaction. */
static Job *tombstone_to_evict(const Manager *m, const JobStatus *next)
{
        if (!job_state_is_final(next->state) || next->farewell_wall != 0 ||
            m->queue.tombstones_len < m->policy.tombstones_max)
                return NULL;
        return manager_oldest_tombstone(m);
}

static int persist(Manager *m, Job *job, const JobRow *row, const Job *view)
{
        Job *evicted = tombstone_to_evict(m, &view->status);
        bool durable = row->persist == JOB_PERSIST_DURABLE;
        Txn t;
        int r;

        if (row->persist == JOB_PERSIST_NONE)
                return 0;
        if (!evicted)
                return manager_save(m, job, view, durable);
        txn_begin(&t, m);
        txn_save_view(&t, job, view);
        txn_delete_job(&t, evicted);
        r = txn_commit(&t, durable);
        if (r < 0) {
                manager_take_back(m, job);
                return r;
        }
        manager_mark_clean(job);
        manager_drop_tombstone(m, evicted);
        return 0;
}

static void leave_active(Manager *m, Job *job)
{
        JobRun *run = job->run;

        scheduler_remove(&m->scheduler, job, manager_now(m));
        manager_stop_ops(m, job);
        run->failed = false;
        mem_free(TAKE_PTR(run->failure));
}

static void enter_queued(JobRun *run, JobEvent event)
{
        run->requeue_front = event == JOB_EVENT_PREEMPT || event == JOB_EVENT_WORKER_LOST;
        if (!run->requeue_front)
                run->slice_used_usec = 0;
}

static void apply_move(Manager *m, Job *job, JobEvent event, BG_JOB_STATE from)
{
        JobRun *run = job->run;
        BG_JOB_STATE to = job->status.state;

        if (job_state_is_active(from) && !job_state_is_active(to))
                leave_active(m, job);
        else if (from == BG_JOB_STATE_QUEUED)
                scheduler_remove(&m->scheduler, job, manager_now(m));
        if (job->status.undelivered == NOTIFY_NONE || !job_state_is_final(to))
                notify_plan_void_sticky(job);

        if (job_state_is_final(to)) {
                queue_bury(&m->queue, job, from);
                if (job->status.farewell_wall != 0)
                        manager_begin_farewell(m, job);
                else
                        heap_remove(&m->timers, &run->timer);
                return;
        }
        queue_state_changed(&m->queue, from, to);
        if (to == BG_JOB_STATE_CONNECTING) {
                scheduler_activate(&m->scheduler, job, manager_now(m));
                rate_start(&run->rate, manager_now(m));
        } else if (to == BG_JOB_STATE_QUEUED) {
                enter_queued(run, event);
        } else if (to == BG_JOB_STATE_TRANSIENT_ERROR) {
                retry_begin(run, &job->status.error, manager_now(m));
        }
}

void manager_step_apply(Manager *m, Job *job, const JobRow *row, const JobStatus *next)
{
        BG_JOB_STATE from = job->status.state;

        m->intents -= job->status.intent != INTENT_NONE;
        m->intents += next->intent != INTENT_NONE;
        job->status = *next;
        if (needs_no_credentials(next))
                queue_keep_credentials(job, &(Job){0});
        job->run->blocked_until = 0;
        job->run->unsaved = false;
        if (row->kind == JOB_ROW_MOVE)
                apply_move(m, job, row->event, from);
        if (row->effects & (JOB_EFFECT_INTENT_COMPLETE | JOB_EFFECT_INTENT_CANCEL))
                scheduler_remove(&m->scheduler, job, manager_now(m)); /* others may run */
        if (row->effects & JOB_EFFECT_RESTART_CLOCKS)
                retry_progress(job->run);
        if (row->effects & JOB_EFFECT_MODIFIED)
                notify_plan_modified(job);
        m->ports.notifier.changed(m->ports.notifier.ctx, job, job->status.state != from);
        m->schedule = true;
        manager_todo(m, job);
}

HRESULT manager_step_end(Manager *m, Job *job, JobEvent event, const JobError *error,
                         HRESULT end_result)
{
        const JobRow *row = job_state_row(job->status.state, event);
        Job view;
        int r;

        if (row->kind == JOB_ROW_REFUSED)
                return row->refusal;
        if (is_held_by_intent(job, event) ||
            !manager_step_view(m, job, row, error, end_result, &view))
                return S_OK;
        r = persist(m, job, row, &view);
        if (r < 0)
                return hresult_from_errno(r);
        manager_step_apply(m, job, row, &view.status);
        return S_OK;
}

HRESULT manager_step(Manager *m, Job *job, JobEvent event, const JobError *error)
{
        return manager_step_end(m, job, event, error, S_OK);
}
