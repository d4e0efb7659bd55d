/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of the transfer port: starting and stopping them, and what their events teach. */
#include "base/str.h"
#include "engine/job_error.h"
#include "engine/job_file.h"
#include "engine/manager_state.h"
#include "engine/retry.h"

Op *manager_op_new(Manager *m, OpKind kind, Job *job, JobFile *file)
{
        Op *op = mem_new(Op);

        if (!op)
                return NULL;
        op->id = m->next_op++;
        op->kind = kind;
        op->job = job;
        op->file = file;
        list_init(&op->in_job);
        if (hash_put(m->ops, &op->id, op) < 0) {
                mem_free(op);
                return NULL;
        }
        if (kind == OP_FILE) {
                file->op = op->id;
                file->pace = PACE_FREE;
        }
        if (kind == OP_FILE || kind == OP_SYNC || kind == OP_SWEEP) {
                list_append(&job->run->ops, &op->in_job);
                job->run->ops_len++;
        }
        return op;
}

void manager_op_end(Manager *m, Op *op)
{
        JobRun *run = op->job->run;

        if (op->file) {
                op->file->op = 0;
                op->file->stopping = false;
                op->file->pace = PACE_FREE;
        }
        if (op->kind == OP_SYNC)
                run->syncing = false;
        if (op->kind == OP_FILE || op->kind == OP_SYNC || op->kind == OP_SWEEP)
                run->ops_len--;
        list_remove(&op->in_job);
        (void) hash_remove(m->ops, &op->id);
        mem_free(op);
}

void manager_stop_ops(Manager *m, Job *job)
{
        LIST_FOREACH (it, &job->run->ops) {
                const Op *op = list_item(it, Op, in_job);

                if (op->kind != OP_FILE || op->file->stopping)
                        continue; /* a sync ends by itself */
                op->file->stopping = true;
                m->ports.transfer.stop(m->ports.transfer.ctx, op->id);
        }
}

void manager_retune(Manager *m, Job *job)
{
        LIST_FOREACH (it, &job->run->ops) {
                const Op *op = list_item(it, Op, in_job);

                if (op->kind == OP_FILE && !op->file->stopping)
                        m->ports.transfer.retune(m->ports.transfer.ctx, op->id, job);
        }
}

static bool is_awaited(const Job *job)
{
        LIST_FOREACH (it, &job->run->ops)
                if (list_item(it, Op, in_job)->awaits_store)
                        return true;
        return false;
}

bool manager_store_awaited(Manager *m, Job *job)
{
        TransferPort *port = &m->ports.transfer;

        if (!is_awaited(job))
                return true;
        if (manager_save(m, job, job, true) < 0)
                return false;
        LIST_FOREACH (it, &job->run->ops) {
                Op *op = list_item(it, Op, in_job);

                if (!op->awaits_store)
                        continue;
                op->awaits_store = false;
                port->session_stored(port->ctx, op->id);
        }
        return true;
}

/* Known to WHY only; nothing to store, and no sign of life. */
static void learn_pace(Manager *m, const Op *op, TransferPaceKind pace)
{
        if (op->kind != OP_FILE || (unsigned) pace >= PACE_KIND_MAX || op->file->pace == pace)
                return;
        op->file->pace = (uint8_t) pace;
        m->ports.notifier.changed(m->ports.notifier.ctx, op->job, false);
}

void manager_fail(Manager *m, Job *job, const JobError *error)
{
        JobRun *run = job->run;

        if (run->failed || !job_state_is_active(job->status.state))
                return; /* the first one counts; a job on its way out has none */
        run->failed = true;
        run->failure = mem_new(JobError);
        if (run->failure) {
                *run->failure = *error;
                job_error_classify(run->failure);
        }
        if (error->code == BITS_E_WORKER_LOST)
                run->workers_lost++;
        manager_stop_ops(m, job);
        manager_todo(m, job);
}

static void start_failed(Manager *m, Op *op, int r, const char *text)
{
        Job *job = op->job;
        JobError error = job_error_errno(r, BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER,
                                         op->file ? (int32_t) op->file->index : JOB_NO_FILE, text);

        manager_op_end(m, op);
        manager_fail(m, job, &error);
}

static void no_memory(Manager *m, Job *job)
{
        JobError error = job_error_make(E_OUTOFMEMORY, BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER,
                                        JOB_NO_FILE, "out of memory");

        manager_fail(m, job, &error);
}

static uint32_t files_in_flight(const Manager *m, const Job *job)
{
        uint32_t n = job->props.files_in_flight;

        if (n == 0)
                n = job_is_foreground(job) ? m->policy.files_in_flight_foreground
                                           : m->policy.files_in_flight_background;
        return MAX(n, 1U);
}

static void start_files(Manager *m, Job *job)
{
        TransferPort *port = &m->ports.transfer;
        uint32_t limit = files_in_flight(m, job);

        if (job->run->harden && manager_save(m, job, job, true) < 0) {
                manager_block(m, job);
                return;
        }
        while (!job->run->failed && job->run->ops_len < limit) {
                JobFile *file = job_file_next(job);
                Op *op;
                int r;

                if (!file)
                        return;
                op = manager_op_new(m, OP_FILE, job, file);
                if (!op) {
                        no_memory(m, job);
                        return;
                }
                r = port->start(port->ctx, op->id, job, file);
                if (r < 0)
                        start_failed(m, op, r, "transfer not started");
        }
}

/* Bytes that a crash of the machine would take: a zero-byte file counts for its name. */
static bool needs_sync(const Job *job)
{
        if (job_is_upload(job))
                return false; /* the reply came with its word that it is on disk */
        for (uint32_t i = 0; i < job->files_len; i++) {
                const JobFile *file = job->files[i];

                if (file->state == FILE_DONE &&
                    (file->size_bytes == 0 || file->synced_bytes < file->size_bytes))
                        return true;
        }
        return false;
}

static void start_sync(Manager *m, Job *job)
{
        TransferPort *port = &m->ports.transfer;
        Op *op;
        int r;

        if (!needs_sync(job)) {
                job->run->synced = true;
                return;
        }
        op = manager_op_new(m, OP_SYNC, job, NULL);
        if (!op) {
                no_memory(m, job);
                return;
        }
        job->run->syncing = true;
        r = port->sync(port->ctx, op->id, job);
        if (r < 0)
                start_failed(m, op, r, "sync not started");
}

/* Every file is whole: the place in the scheduler is free for others while the disk works. */
static void finish_job(Manager *m, Job *job)
{
        JobRun *run = job->run;

        (void) manager_step(m, job, JOB_EVENT_CONNECTED, NULL); /* never connected: nothing left */
        if (run->place == JOB_PLACE_ACTIVE) {
                scheduler_remove(&m->scheduler, job, manager_now(m));
                m->schedule = true;
        }
        if (run->ops_len == 0 && !run->synced)
                start_sync(m, job);
        if (run->ops_len > 0 || !run->synced || run->failed)
                return;
        if (FAILED(manager_step(m, job, JOB_EVENT_ALL_DONE, NULL)))
                manager_block(m, job);
}

void manager_start_ops(Manager *m, Job *job)
{
        if (manager_sweep_reply(m, job))
                return;
        if (!job_has_pending_files(job))
                finish_job(m, job);
        else if (job->run->place == JOB_PLACE_ACTIVE)
                start_files(m, job);
        else if (job->run->ops_len == 0) /* files were added while it waited for the disk */
                (void) manager_step(m, job, JOB_EVENT_PREEMPT, NULL);
}

void manager_note_progress(Manager *m, Job *job, JobFile *file, uint64_t bytes)
{
        if (bytes > 0) {
                rate_add(&job->run->rate, manager_now(m), bytes);
                retry_progress(job->run);
        }
        manager_touch(m, job);
        job->status.modified_wall = manager_wall(m);
        job_file_mark_dirty(job, file);
        manager_mark_dirty(m, job);
        notify_plan_modified(job);
        m->ports.notifier.changed(m->ports.notifier.ctx, job, false);
}

static uint64_t gain(const JobFile *file, uint64_t done_bytes)
{
        return done_bytes > file->done_bytes ? done_bytes - file->done_bytes : 0;
}

/* What was on disk of another version counts for nothing. */
static uint64_t synced_before(const JobFile *file, const TransferEvent *ev)
{
        return str_equal(file->etag, ev->etag) && file->modified_sec == ev->modified_sec
                       ? file->synced_bytes
                       : 0;
}

static void learn_meta(Manager *m, Op *op, const TransferEvent *ev)
{
        Job *job = op->job;
        JobFile *file = op->file;
        FileFacts facts = job_file_facts(file);
        bool starts_afresh = ev->done_bytes < file->done_bytes;

        facts.size_bytes = ev->size_bytes;
        facts.done_bytes = ev->done_bytes;
        facts.synced_bytes = MIN(synced_before(file, ev), ev->done_bytes);
        facts.state = ev->done_bytes > 0 ? FILE_PARTIAL : FILE_PENDING;
        job_file_learn(job, file, &facts);
        job_file_set_validators(file, ev->etag, ev->modified_sec);
        manager_note_progress(m, job, file, 0);
        if (starts_afresh) /* the store should not promise the old bytes for long */
                m->checkpoint_at = MIN(m->checkpoint_at, manager_now(m));
        op->awaits_store |= ev->durable;
}

static void learn_progress(Manager *m, Job *job, JobFile *file, const TransferEvent *ev)
{
        uint64_t bytes = gain(file, ev->done_bytes);

        job_file_keep(job, file, ev->done_bytes, MAX(ev->synced_bytes, file->synced_bytes));
        manager_note_progress(m, job, file, bytes);
}

static void learn_done(Manager *m, Op *op, const TransferEvent *ev)
{
        Job *job = op->job;
        JobFile *file = op->file;
        uint64_t bytes = gain(file, ev->done_bytes);
        FileFacts facts = {
                .state = FILE_DONE,
                .size_bytes = ev->size_bytes == BG_SIZE_UNKNOWN ? ev->done_bytes : ev->size_bytes,
                .done_bytes = ev->done_bytes,
                .synced_bytes = MAX(ev->synced_bytes, synced_before(file, ev)),
        };

        (void) manager_step(m, job, JOB_EVENT_CONNECTED, NULL);
        job_file_learn(job, file, &facts);
        job_file_set_validators(file, ev->etag, ev->modified_sec);
        manager_op_end(m, op);
        retry_progress(job->run); /* also a file of no bytes */
        manager_note_progress(m, job, file, bytes);
}

/* A transfer that was stopped before it did anything leaves nothing to store. */
static void note_end(Manager *m, Job *job, JobFile *file, const FileFacts *before)
{
        if (file->done_bytes > before->done_bytes) {
                manager_note_progress(m, job, file, file->done_bytes - before->done_bytes);
        } else if (file->done_bytes != before->done_bytes || file->state != before->state ||
                   file->synced_bytes != before->synced_bytes) {
                job_file_mark_dirty(job, file);
                manager_mark_dirty(m, job);
        }
}

/* The operation ended before its file did. */
static void learn_end(Manager *m, Op *op, const TransferEvent *ev, const JobError *error)
{
        Job *job = op->job;
        JobFile *file = op->file;

        /* A dead worker cannot say what it wrote; what it had reported is still there. */
        if (ev->kind == TRANSFER_STOPPED || ev->error.code != BITS_E_WORKER_LOST) {
                FileFacts before = job_file_facts(file);

                job_file_keep(job, file, ev->done_bytes, MAX(ev->synced_bytes, file->synced_bytes));
                note_end(m, job, file, &before);
        }
        job_file_rewind(job, file);
        manager_op_end(m, op);
        if (error)
                manager_fail(m, job, error);
}

static void file_event(Manager *m, Op *op, const TransferEvent *ev)
{
        JobError lost;

        switch (ev->kind) {
        case TRANSFER_CONNECTED:
                (void) manager_step(m, op->job, JOB_EVENT_CONNECTED, NULL);
                break;
        case TRANSFER_META:
                learn_meta(m, op, ev);
                break;
        case TRANSFER_PROGRESS:
                learn_progress(m, op->job, op->file, ev);
                break;
        case TRANSFER_DONE:
                learn_done(m, op, ev);
                break;
        case TRANSFER_FAILED:
                /* Asked to stop: however it ended, it is not the job's fault. */
                learn_end(m, op, ev, op->file->stopping ? NULL : &ev->error);
                break;
        case TRANSFER_STOPPED:
                lost = job_error_make(BITS_E_WORKER_LOST, BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER,
                                      (int32_t) op->file->index, "stopped without being asked");
                learn_end(m, op, ev, op->file->stopping ? NULL : &lost);
                break;
        default:
                break;
        }
}

static void note_synced(Manager *m, Job *job)
{
        for (uint32_t i = 0; i < job->files_len; i++) {
                JobFile *file = job->files[i];
                FileFacts facts = job_file_facts(file);

                if (file->state != FILE_DONE || file->synced_bytes == file->size_bytes)
                        continue;
                facts.synced_bytes = facts.size_bytes;
                job_file_learn(job, file, &facts);
                job_file_mark_dirty(job, file);
        }
        job->run->synced = !job_has_pending_files(job);
        manager_mark_dirty(m, job);
}

static void sync_event(Manager *m, Op *op, const TransferEvent *ev)
{
        Job *job = op->job;
        JobError error = ev->error;

        if (ev->kind != TRANSFER_SYNCED)
                return;
        manager_op_end(m, op);
        if (SUCCEEDED(ev->result)) {
                note_synced(m, job);
                return;
        }
        if (SUCCEEDED(error.code))
                error = job_error_make(ev->result, BG_ERROR_CONTEXT_LOCAL_FILE, JOB_NO_FILE, NULL);
        /* A temporary file that cannot be brought to disk, or is gone, is fetched again. */
        if (error.code != BITS_E_WORKER_LOST && !job_error_is_disk_full(error.code) &&
            error.file_index >= 0 && (uint32_t) error.file_index < job->files_len &&
            job->files[error.file_index]->state == FILE_DONE) {
                job_file_restart(job, job->files[error.file_index]);
                manager_mark_dirty(m, job);
        }
        manager_fail(m, job, &error);
}

void manager_transfer_event(Manager *m, const TransferEvent *ev)
{
        Op *op = hash_get(m->ops, &ev->op);
        Job *job;

        if (!op)
                return; /* of an operation that ended long ago */
        job = op->job;
        if (ev->kind == TRANSFER_PACE) {
                learn_pace(m, op, ev->pace);
                return;
        }
        if (op->kind == OP_FAREWELL)
                manager_farewell_event(m, op, ev);
        else if (op->kind == OP_SWEEP)
                manager_sweep_event(m, op, ev);
        else if (op->kind == OP_FILE && job_is_upload(job))
                manager_upload_event(m, op, ev);
        else if (op->kind == OP_FILE)
                file_event(m, op, ev);
        else if (op->kind == OP_SYNC)
                sync_event(m, op, ev);
        else
                manager_final_event(m, op, ev);
        manager_todo(m, job);
}
