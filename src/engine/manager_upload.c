/* SPDX-License-Identifier: Apache-2.0 */
/* The run of an upload: what its events teach, the session that has to be stored before it is acted
 * upon, and the fresh start after the source changed. */
#include <errno.h>

#include "base/hresult.h"
#include "base/str.h"
#include "engine/job_error.h"
#include "engine/job_upload.h"
#include "engine/manager_state.h"
#include "engine/retry.h"

enum { ACK_CHECKPOINT_USEC = 50 * 1000 };

static void hurry_checkpoint(Manager *m)
{
        m->checkpoint_at = MIN(m->checkpoint_at, manager_now(m));
}

/* What a server acknowledged is written down soon, so that after a crash it is not sent again. A
 * fast line, or many uploads, share a commit. */
static void checkpoint_soon(Manager *m)
{
        m->checkpoint_at = MIN(m->checkpoint_at, manager_now(m) + ACK_CHECKPOINT_USEC);
}

static void broken_worker(Manager *m, Job *job, HRESULT code, const char *text)
{
        JobError error = job_error_make(code, BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER, 0, text);

        manager_fail(m, job, &error);
}

static void learn_session(Manager *m, Op *op, const TransferEvent *ev)
{
        Job *job = op->job;
        int r = job_set_session(job, ev->session, ev->session_bytes);

        if (r < 0) {
                broken_worker(m, job, r == -ENOMEM ? E_OUTOFMEMORY : BITS_E_WORKER_LOST,
                              "upload session not taken");
                return;
        }
        manager_mark_dirty(m, job);
        checkpoint_soon(m);
        op->awaits_store |= ev->durable;
}

static void learn_reply_meta(Manager *m, Op *op, const TransferEvent *ev)
{
        Job *job = op->job;
        JobFile *reply = job->reply;
        FileFacts facts = job_file_facts(reply);
        bool same = str_equal(reply->etag, ev->etag) && reply->modified_sec == ev->modified_sec;

        if (ev->reply_url && str_replace(&reply->remote, ev->reply_url) < 0) {
                broken_worker(m, job, E_OUTOFMEMORY, "out of memory");
                return;
        }
        facts.size_bytes = ev->size_bytes;
        facts.done_bytes = ev->done_bytes;
        facts.synced_bytes = same ? MIN(facts.synced_bytes, ev->done_bytes) : 0;
        facts.state = ev->done_bytes > 0 ? FILE_PARTIAL : FILE_PENDING;
        job_file_learn(job, reply, &facts);
        job_file_set_validators(reply, ev->etag, ev->modified_sec);
        manager_note_progress(m, job, reply, 0);
        hurry_checkpoint(m); /* its temporary file comes into being now */
        op->awaits_store |= ev->durable;
}

static void learn_reply_progress(Manager *m, Job *job, const TransferEvent *ev)
{
        JobFile *reply = job->reply;
        uint64_t had = reply->done_bytes;

        job_file_keep(job, reply, ev->done_bytes, MAX(ev->synced_bytes, reply->synced_bytes));
        manager_note_progress(m, job, reply, reply->done_bytes - MIN(had, reply->done_bytes));
}

/* The worker brought it to disk already. */
static void learn_reply(Manager *m, Job *job, const TransferEvent *ev)
{
        JobFile *reply = job->reply;
        uint64_t had = reply->done_bytes;
        uint64_t size = ev->size_bytes == BG_SIZE_UNKNOWN ? ev->done_bytes : ev->size_bytes;
        FileFacts facts = {
                .state = FILE_DONE,
                .size_bytes = size,
                .done_bytes = size,
                .synced_bytes = size,
        };

        job_file_learn(job, reply, &facts);
        job_file_set_validators(reply, ev->etag, ev->modified_sec);
        retry_progress(job->run); /* also an empty one */
        manager_note_progress(m, job, reply, reply->done_bytes - MIN(had, reply->done_bytes));
        hurry_checkpoint(m);
}

static void reply_event(Manager *m, Op *op, const TransferEvent *ev)
{
        Job *job = op->job;

        if (!job->reply || job->reply->state == FILE_PUBLISHED)
                return;
        if (job->run->upload.moved) {
                job->run->upload.astray = true; /* the next start fetches it anew */
                return;
        }
        if (ev->kind == TRANSFER_META)
                learn_reply_meta(m, op, ev);
        else if (ev->kind == TRANSFER_PROGRESS)
                learn_reply_progress(m, job, ev);
        else if (ev->kind == TRANSFER_REPLY)
                learn_reply(m, job, ev);
}

static void learn_acknowledged(Manager *m, Job *job, uint64_t size_bytes, uint64_t done_bytes)
{
        JobFile *source = job->files[0];
        uint64_t gain;

        if (job->status.uploaded && done_bytes >= source->done_bytes)
                return; /* said once more */
        gain = job_upload_learn(job, size_bytes, done_bytes);
        manager_note_progress(m, job, source, gain);
}

/* GetProgress says n of n and Completed, though the answer of the application and the closing of
 * the session are still to come. */
static void learn_uploaded(Manager *m, Job *job, uint64_t size_bytes)
{
        JobFile *source = job->files[0];
        uint64_t had = job->run->upload.best_bytes;
        uint64_t size = size_bytes == BG_SIZE_UNKNOWN ? source->done_bytes : size_bytes;

        if (job->status.uploaded)
                return;
        if (job_upload_complete(job, size))
                retry_progress(job->run); /* also of a file of no bytes */
        manager_note_progress(m, job, source, size - MIN(had, size));
        hurry_checkpoint(m);
}

/* A reply comes with the answer to the last packet of data, and an empty file has none: what the
 * server's application might have said of it is never heard. Not to be taken for an empty reply
 * unless the user does (upload-protocol §16.10, §16.11). */
static bool misses_reply(const Job *job)
{
        return job->type == BG_JOB_TYPE_UPLOAD_REPLY && !job->props.reply_optional &&
               job->files[0]->size_bytes == 0;
}

static void fail_without_reply(Manager *m, Job *job)
{
        JobError error = job_error_make(BG_E_INVALID_SERVER_RESPONSE, BG_ERROR_CONTEXT_REMOTE_FILE,
                                        0, "no server can answer an empty file with a reply");

        error.fatal = true;
        manager_fail(m, job, &error);
}

static void end_op(Manager *m, Op *op)
{
        JobUpload *upload = &op->job->run->upload;

        if (op->awaits_store)
                op->job->run->harden = true; /* before another worker acts on it */
        if (upload->astray) {
                mem_free(upload->stray);
                upload->stray = TAKE_PTR(upload->moved);
        }
        mem_free(TAKE_PTR(upload->moved));
        upload->astray = false;
        manager_op_end(m, op);
}

static void learn_over(Manager *m, Op *op, const TransferEvent *ev)
{
        Job *job = op->job;

        (void) manager_step(m, job, JOB_EVENT_CONNECTED, NULL);
        learn_uploaded(m, job, ev->size_bytes);
        end_op(m, op);
        if (job->reply && job->reply->state != FILE_DONE) {
                JobError error = job_error_make(HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND),
                                                BG_ERROR_CONTEXT_LOCAL_FILE, JOB_REPLY_INDEX,
                                                "the reply is not there any more");

                manager_fail(m, job, &error);
                return;
        }
        if (misses_reply(job)) {
                fail_without_reply(m, job);
                return;
        }
        job->run->upload.over = true;
        manager_note_progress(m, job, job->files[0], 0);
}

/* The operation ended before the upload did. The counts of the last events stand; more than those
 * is believed, less is not: only an acknowledgement of the server takes bytes away. */
static void learn_end(Manager *m, Op *op, const TransferEvent *ev, const JobError *error)
{
        Job *job = op->job;
        bool lost = ev->kind == TRANSFER_FAILED && ev->error.code == BITS_E_WORKER_LOST;

        if (!lost && ev->file_index == 0 && ev->done_bytes > job->files[0]->done_bytes)
                learn_acknowledged(m, job, job->files[0]->size_bytes, ev->done_bytes);
        if (!lost && ev->file_index == JOB_REPLY_INDEX && job->reply &&
            job->reply->state != FILE_DONE && ev->done_bytes > job->reply->done_bytes)
                learn_reply_progress(m, job, ev);
        end_op(m, op);
        if (error)
                manager_fail(m, job, error);
}

static void upload_failed(Manager *m, Op *op, const TransferEvent *ev)
{
        JobError lost = job_error_make(BITS_E_WORKER_LOST, BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER,
                                       0, "stopped without being asked");
        const JobError *error = ev->kind == TRANSFER_FAILED ? &ev->error : &lost;

        /* Asked to stop: however it ended, it is not the job's fault. */
        learn_end(m, op, ev, op->file->stopping ? NULL : error);
}

/* Early, before the session is closed and the server has a file of it. */
static void learn_source(Manager *m, Job *job, const TransferEvent *ev)
{
        learn_acknowledged(m, job, ev->size_bytes, ev->done_bytes);
        if (misses_reply(job))
                fail_without_reply(m, job);
}

void manager_upload_event(Manager *m, Op *op, const TransferEvent *ev)
{
        Job *job = op->job;

        switch (ev->kind) {
        case TRANSFER_CONNECTED:
                (void) manager_step(m, job, JOB_EVENT_CONNECTED, NULL);
                break;
        case TRANSFER_SESSION:
                learn_session(m, op, ev);
                break;
        case TRANSFER_META:
        case TRANSFER_PROGRESS:
        case TRANSFER_REPLY:
                if (ev->file_index == JOB_REPLY_INDEX)
                        reply_event(m, op, ev);
                else if (ev->kind == TRANSFER_PROGRESS)
                        learn_acknowledged(m, job, job->files[0]->size_bytes, ev->done_bytes);
                else if (ev->kind == TRANSFER_META)
                        learn_source(m, job, ev);
                break;
        case TRANSFER_UPLOADED:
                learn_uploaded(m, job, job->files[0]->size_bytes);
                break;
        case TRANSFER_DONE:
                learn_over(m, op, ev);
                break;
        case TRANSFER_FAILED:
        case TRANSFER_STOPPED:
                upload_failed(m, op, ev);
                break;
        default:
                break;
        }
}

/* The store has both states of affairs or one of them; so has memory. */
HRESULT manager_resume_anew(Manager *m, Job *job)
{
        Job old = *job;
        FileFacts source = job_file_facts(job->files[0]);
        _cleanup_(job_file_freep) JobFile *reply = NULL;
        bool had_begun = job_reply_begun(job);
        HRESULT hr;

        if (old.reply) {
                reply = job_file_new(JOB_REPLY_INDEX, "", old.reply->local);
                if (!reply)
                        return E_OUTOFMEMORY;
                job->reply = reply;
                job_file_mark_dirty(job, reply);
        }
        job->session = NULL;
        job->session_bytes = 0;
        (void) job_upload_learn(job, BG_SIZE_UNKNOWN, 0);
        job_file_mark_dirty(job, job->files[0]);
        hr = manager_step(m, job, JOB_EVENT_RESUME, NULL);
        if (FAILED(hr)) {
                job->session = old.session;
                job->session_bytes = old.session_bytes;
                job->reply = old.reply;
                if (old.reply)
                        job_file_mark_dirty(job, old.reply); /* the file may have the new one */
                job->status.uploaded = old.status.uploaded;
                job_file_learn(job, job->files[0], &source);
                return hr;
        }
        (void) TAKE_PTR(reply);
        if (had_begun) {
                mem_free(job->run->upload.stray);
                job->run->upload.stray = TAKE_PTR(old.reply->local);
        }
        (void) job_file_free(old.reply);
        mem_free(old.session);
        job->run->upload.best_bytes = 0;
        job->run->upload.was_complete = false;
        return hr;
}
