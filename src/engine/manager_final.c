/* SPDX-License-Identifier: Apache-2.0 */
/* Complete and Cancel. The intent is stored durably before any file is touched, so that a crash
 * in the middle is rolled forward by manager_load(); the caller is answered after the end is
 * stored. In between, getters show the old state and setters are refused. Steps, each skipped when
 * there is nothing for it to do: running operations end → publish (Complete) → discard what is not
 * published → final state. A publish that fails takes the intent back. */
#include "base/hresult.h"
#include "engine/job_error.h"
#include "engine/job_file.h"
#include "engine/manager_state.h"

enum { FINAL_TRIES = 3 }; /* while workers die over it */

#define FINAL_RETRY_USEC USEC_PER_SEC

static void answer(Manager *m, Job *job, HRESULT hr, const JobFile *file)
{
        JobFinal *final = &job->run->final;

        if (!final->has_token)
                return;
        final->has_token = false;
        m->ports.notifier.reply(m->ports.notifier.ctx, final->token, hr, file);
}

static void reset(JobFinal *final)
{
        final->published = final->discarded = false;
        final->tries = 0;
        final->op = 0;
        final->publish_result = final->discard_result = S_OK;
        final->failed_file = JOB_NO_FILE;
}

/* What was downloaded so far is of use; half an upload is not. */
static bool may_complete(const Job *job)
{
        return !job_is_upload(job) || job->status.state == BG_JOB_STATE_TRANSFERRED;
}

static void begin(Manager *m, const Caller *caller, const GUID *id, JobEvent event, uint64_t token)
{
        Job *job;
        HRESULT hr = manager_open_job(m, caller, id, event, &job);

        if (SUCCEEDED(hr) && event == JOB_EVENT_COMPLETE && !may_complete(job))
                hr = BG_E_INVALID_STATE;
        if (SUCCEEDED(hr))
                hr = manager_step(m, job, event, NULL);
        if (FAILED(hr)) {
                m->ports.notifier.reply(m->ports.notifier.ctx, token, hr, NULL);
                return;
        }
        reset(&job->run->final);
        job->run->final.has_token = true;
        job->run->final.token = token;
        manager_stop_ops(m, job);
}

void manager_complete(Manager *m, const Caller *caller, const GUID *id, uint64_t token)
{
        begin(m, caller, id, JOB_EVENT_COMPLETE, token);
}

void manager_cancel(Manager *m, const Caller *caller, const GUID *id, uint64_t token)
{
        begin(m, caller, id, JOB_EVENT_CANCEL, token);
}

void manager_begin_auto_complete(Manager *m, Job *job)
{
        if (FAILED(manager_step(m, job, JOB_EVENT_COMPLETE, NULL))) {
                manager_block(m, job);
                return;
        }
        reset(&job->run->final);
}

static HRESULT complete_result(const Job *job)
{
        if (job->run->final.discard_result == BG_S_UNABLE_TO_DELETE_FILES)
                return BG_S_UNABLE_TO_DELETE_FILES;
        return job_is_upload(job) ||
                               (job->files_len > 0 && job->run->files_published == job->files_len)
                       ? S_OK
                       : BG_S_PARTIAL_COMPLETE;
}

static void end_job(Manager *m, Job *job)
{
        bool complete = job->status.intent == INTENT_COMPLETE;
        HRESULT result = complete ? complete_result(job) : job->run->final.discard_result;
        HRESULT hr = manager_step_end(m, job, complete ? JOB_EVENT_COMPLETED : JOB_EVENT_CANCELLED,
                                      NULL, result);

        if (FAILED(hr)) {
                manager_block(m, job);
                return;
        }
        answer(m, job, result, NULL);
}

static void mark_published_dirty(Job *job)
{
        if (job->reply && job->reply->state == FILE_PUBLISHED)
                job_file_mark_dirty(job, job->reply);
        for (uint32_t i = 0; i < job->files_len; i++)
                if (job->files[i]->state == FILE_PUBLISHED)
                        job_file_mark_dirty(job, job->files[i]);
}

static JobFile *file_to_publish(const Job *job, uint32_t index)
{
        if (job_is_upload(job))
                return index == JOB_REPLY_INDEX ? job->reply : NULL;
        return index < job->files_len ? job->files[index] : NULL;
}

/* The job goes back to where it was, with the published files marked; a job that wanted to
 * complete by itself shows the error, for nobody waits for an answer. */
static void end_failed_publish(Manager *m, Job *job)
{
        JobFinal *final = &job->run->final;
        HRESULT result = final->publish_result;
        const JobFile *file =
                final->failed_file < 0 ? NULL : file_to_publish(job, (uint32_t) final->failed_file);
        bool by_itself = !final->has_token && job->props.auto_complete;
        JobError error = job_error_make(result, BG_ERROR_CONTEXT_LOCAL_FILE, final->failed_file,
                                        "not made visible under its name");

        mark_published_dirty(job);
        error.fatal = true;
        if (FAILED(manager_step(
                    m, job, by_itself ? JOB_EVENT_AUTO_COMPLETE_FAILED : JOB_EVENT_COMPLETE_FAILED,
                    &error))) {
                manager_block(m, job);
                return;
        }
        reset(final);
        answer(m, job, result, file);
}

/* A step that could not even be started counts like a worker that died over it. */
static void note_lost(Manager *m, Job *job, bool publish)
{
        JobFinal *final = &job->run->final;

        if (++final->tries < FINAL_TRIES) {
                job->run->blocked_until = manager_now(m) + FINAL_RETRY_USEC;
                return;
        }
        final->tries = 0;
        if (publish) {
                final->published = true;
                final->publish_result = BITS_E_WORKER_LOST;
        } else {
                final->discarded = true;
                final->discard_result = BG_S_UNABLE_TO_DELETE_FILES;
        }
        manager_todo(m, job);
}

static void start_final_op(Manager *m, Job *job, OpKind kind)
{
        TransferPort *port = &m->ports.transfer;
        Op *op = manager_op_new(m, kind, job, NULL);
        int r;

        if (!op) {
                note_lost(m, job, kind == OP_PUBLISH);
                return;
        }
        job->run->final.op = op->id;
        r = kind == OP_PUBLISH ? port->publish(port->ctx, op->id, job)
                               : port->discard(port->ctx, op->id, job);
        if (r >= 0)
                return;
        job->run->final.op = 0;
        manager_op_end(m, op);
        note_lost(m, job, kind == OP_PUBLISH);
}

/* Of an upload only the reply is ours: its source belongs to the user. */
static bool has_to_publish(const Job *job)
{
        if (job_is_upload(job))
                return job->reply && job->reply->state == FILE_DONE;
        return job->files_done > job->run->files_published;
}

static bool has_to_discard(const Job *job)
{
        if (job_is_upload(job))
                return job->reply && job->reply->state != FILE_PUBLISHED;
        return job->run->files_published < job->files_len;
}

/* A reply whose temporary file was found missing is not here until a Resume has fetched it again.
 */
static bool misses_reply(const Job *job)
{
        return job->reply && job->reply->state != FILE_DONE && job->reply->state != FILE_PUBLISHED;
}

void manager_tend_final(Manager *m, Job *job)
{
        JobRun *run = job->run;
        JobFinal *final = &run->final;

        if (run->ops_len > 0) {
                manager_stop_ops(m, job);
                return;
        }
        if (final->op != 0 || manager_sweep_reply(m, job))
                return;
        if (run->harden && manager_save(m, job, job, true) < 0) {
                manager_block(m, job);
                return;
        }
        if (job->status.intent == INTENT_COMPLETE && !final->published) {
                if (has_to_publish(job)) {
                        start_final_op(m, job, OP_PUBLISH);
                        return;
                }
                final->published = true;
                if (misses_reply(job)) {
                        final->publish_result = HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND);
                        final->failed_file = JOB_REPLY_INDEX;
                }
        }
        if (FAILED(final->publish_result)) {
                end_failed_publish(m, job);
                return;
        }
        if (!final->discarded && has_to_discard(job)) {
                start_final_op(m, job, OP_DISCARD);
                return;
        }
        end_job(m, job);
}

static void file_published(Manager *m, Job *job, const TransferEvent *ev)
{
        JobFile *file = file_to_publish(job, ev->file_index);
        FileFacts facts;

        if (!file || file->state != FILE_DONE)
                return;
        facts = job_file_facts(file);
        if (SUCCEEDED(ev->result)) {
                facts.state = FILE_PUBLISHED;
                facts.synced_bytes = facts.size_bytes;
                job_file_learn(job, file, &facts);
                return;
        }
        if (job->run->final.failed_file == JOB_NO_FILE)
                job->run->final.failed_file = (int32_t) file->index;
        /* The temporary file is gone: only fetching it again helps, and Resume does that. */
        if (ev->result == HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND)) {
                job_file_restart(job, file);
                job->run->upload.over = false;
                manager_mark_dirty(m, job);
        }
}

static void publish_ended(Manager *m, Job *job, const TransferEvent *ev)
{
        JobFinal *final = &job->run->final;

        if (ev->result == BITS_E_WORKER_LOST) {
                note_lost(m, job, true);
                return;
        }
        final->published = true;
        final->publish_result = FAILED(ev->result) ? ev->result : S_OK;
        if (FAILED(ev->result) && ev->error.code != S_OK && ev->error.file_index >= 0)
                final->failed_file = ev->error.file_index;
}

static void discard_ended(Manager *m, Job *job, const TransferEvent *ev)
{
        if (ev->result == BITS_E_WORKER_LOST) {
                note_lost(m, job, false);
                return;
        }
        job->run->final.discarded = true;
        job->run->final.discard_result = ev->result == S_OK ? S_OK : BG_S_UNABLE_TO_DELETE_FILES;
}

void manager_final_event(Manager *m, Op *op, const TransferEvent *ev)
{
        Job *job = op->job;

        if (op->kind == OP_PUBLISH && ev->kind == TRANSFER_FILE_PUBLISHED) {
                file_published(m, job, ev);
                return;
        }
        if (ev->kind != (op->kind == OP_PUBLISH ? TRANSFER_PUBLISHED : TRANSFER_DISCARDED))
                return;
        job->run->final.op = 0;
        if (op->kind == OP_PUBLISH)
                publish_ended(m, job, ev);
        else
                discard_ended(m, job, ev);
        manager_op_end(m, op);
}

/* One that waits for its program to run stays: nothing else remembers that it is to be told. */
Job *manager_oldest_tombstone(const Manager *m)
{
        LIST_FOREACH (it, &m->queue.tombstones)
                if (!notify_plan_holds(&m->notify, QUEUE_JOB(it)))
                        return QUEUE_JOB(it);
        return NULL;
}

void manager_drop_tombstone(Manager *m, Job *job)
{
        notify_plan_forget(&m->notify, job);
        list_remove(&job->run->in_todo);
        list_remove(&job->run->in_dirty);
        queue_drop(&m->queue, job);
}

static bool is_expired(const Manager *m, const Job *job)
{
        uint64_t now = manager_wall(m);
        uint64_t ended = job->status.ended_wall;

        return m->queue.tombstones_len > m->policy.tombstones_max ||
               (now > ended && (now - ended) / USEC_PER_SEC >= m->policy.tombstone_sec);
}

/* Nothing waits for this: it happens whenever the manager runs anyway. */
void manager_expire_tombstones(Manager *m)
{
        Job *job = manager_oldest_tombstone(m);
        Txn t;

        if (!job || !is_expired(m, job) || manager_now(m) < m->buried_after)
                return;
        txn_begin(&t, m);
        txn_delete_job(&t, job);
        if (txn_commit(&t, false) < 0) {
                m->buried_after = manager_now(m) + COMMIT_RETRY_USEC;
                return;
        }
        manager_drop_tombstone(m, job);
        m->schedule = true; /* one at a time; look again soon */
}
