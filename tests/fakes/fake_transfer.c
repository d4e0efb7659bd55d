/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/guid.h"

void fake_transfer_init(FakeTransfer *t, FakeDisk *disk, const FakeStore *store, FakeRandom *r)
{
        *t = (FakeTransfer){.disk = disk, .store = store, .random = r};
        list_init(&t->ops);
}

static void op_free(FakeTransfer *t, FakeOp *op)
{
        if (op->upload)
                t->uploader->end(t->uploader_ctx, op);
        list_remove(&op->in_all);
        t->ops_len--;
        for (uint32_t i = 0; i < op->files_len; i++) {
                free(op->files[i].local);
                free(op->files[i].etag);
        }
        free(op->files);
        free(op->remote);
        free(op->source);
        free(op->reply);
        free(op);
}

void fake_transfer_drop_ops(FakeTransfer *t)
{
        LIST_FOREACH (it, &t->ops)
                op_free(t, list_item(it, FakeOp, in_all));
}

void fake_transfer_done(FakeTransfer *t)
{
        fake_transfer_drop_ops(t);
        free(t->sessions);
        free(t->farewells);
}

FakeOp *fake_transfer_find(const FakeTransfer *t, FakeOpKind kind, const GUID *job)
{
        LIST_FOREACH (it, &t->ops) {
                FakeOp *op = list_item(it, FakeOp, in_all);

                if (op->kind == kind && (!job || guid_equal(&op->job, job)))
                        return op;
        }
        return NULL;
}

FakeOp *fake_transfer_find_file(const FakeTransfer *t, const GUID *job, uint32_t file)
{
        LIST_FOREACH (it, &t->ops) {
                FakeOp *op = list_item(it, FakeOp, in_all);

                if (op->kind == FAKE_FILE && op->file == file && guid_equal(&op->job, job))
                        return op;
        }
        return NULL;
}

uint32_t fake_transfer_count(const FakeTransfer *t, FakeOpKind kind, const GUID *job)
{
        uint32_t n = 0;

        LIST_FOREACH (it, &t->ops) {
                const FakeOp *op = list_item(it, FakeOp, in_all);

                n += op->kind == kind && (!job || guid_equal(&op->job, job));
        }
        return n;
}

static FakeOp *op_new(FakeTransfer *t, FakeOpKind kind, uint64_t number, const Job *job)
{
        FakeOp *op = calloc(1, sizeof(FakeOp));

        if (!op)
                abort();
        op->op = number;
        op->kind = kind;
        op->job = job->id;
        op->failed_file = JOB_NO_FILE;
        list_append(&t->ops, &op->in_all);
        t->ops_len++;
        return op;
}

static bool is_unlucky(FakeTransfer *t, uint32_t per_mille)
{
        return t->random && per_mille > 0 && fake_random_chance(t->random, per_mille);
}

static uint32_t etag_version(const char *etag)
{
        return etag && etag[0] == '"' ? (uint32_t) strtoul(etag + 1, NULL, 10) : 0;
}

static void check_start(FakeTransfer *t, const Job *job, const JobFile *file)
{
        const FakeTemp *temp = fake_disk_temp(t->disk, &job->id, file->index);

        if (fake_transfer_find_file(t, &job->id, file->index))
                t->violation = "two operations on one file";
        if (fake_transfer_find(t, FAKE_PUBLISH, &job->id) ||
            fake_transfer_find(t, FAKE_DISCARD, &job->id))
                t->violation = "transfer started during a final step";
        if (job->status.state != BG_JOB_STATE_CONNECTING &&
            job->status.state != BG_JOB_STATE_TRANSFERRING)
                t->violation = "transfer started for a job that does not run";
        if (job->status.intent != INTENT_NONE)
                t->violation = "transfer started for a job that ends";
        /* A file that somebody took away is the port's to notice, if a crash kept the engine from
         * storing that; so is a server that goes back to an older version, which a kill keeps the
         * engine from hearing of. */
        if (temp && temp->version == etag_version(file->etag) && temp->bytes < file->done_bytes &&
            t->faults.sync_lost == 0 && t->faults.lies == 0)
                t->violation = "resumes from bytes that are not there";
}

/* False when the process is gone. */
static bool is_alive(FakeTransfer *t)
{
        if (t->on_call)
                t->on_call(t->on_call_ctx);
        return !t->dead;
}

static int fake_start(void *ctx, uint64_t number, const Job *job, const JobFile *file)
{
        FakeTransfer *t = ctx;
        FakeOp *op;
        int r = t->start_error;

        if (!is_alive(t))
                return 0;
        t->start_error = 0;
        if (is_unlucky(t, t->faults.start))
                r = -EMFILE;
        check_start(t, job, file);
        if (t->on_start)
                t->on_start(t->on_start_ctx, job);
        if (r < 0)
                return r;
        op = op_new(t, FAKE_FILE, number, job);
        op->file = file->index;
        op->remote = strdup(file->remote);
        op->type = job->type;
        if (job->type != BG_JOB_TYPE_DOWNLOAD)
                fake_upload_begin(t, op, job);
        return 0;
}

static void fake_stop(void *ctx, uint64_t number)
{
        FakeTransfer *t = ctx;

        if (!is_alive(t))
                return;
        LIST_FOREACH (it, &t->ops) {
                FakeOp *op = list_item(it, FakeOp, in_all);

                if (op->op != number)
                        continue;
                if (op->kind != FAKE_FILE)
                        t->violation = "stop of something that is no transfer";
                op->stopped = true;
        }
}

static int fake_sync(void *ctx, uint64_t number, const Job *job)
{
        FakeTransfer *t = ctx;

        if (is_alive(t))
                (void) op_new(t, FAKE_SYNC, number, job);
        return 0;
}

static void check_final(FakeTransfer *t, const Job *job, bool publish)
{
        const Job *stored = t->store ? fake_store_durable_job(t->store, &job->id) : NULL;

        if (fake_transfer_count(t, FAKE_FILE, &job->id) > 0)
                t->violation = "final step while transfers run";
        if (fake_transfer_find(t, FAKE_PUBLISH, &job->id) ||
            fake_transfer_find(t, FAKE_DISCARD, &job->id))
                t->violation = "two final steps at once";
        if (!t->store)
                return;
        if (!stored || stored->status.intent == INTENT_NONE)
                t->violation = "files touched before the intent is durable";
        else if (publish && stored->status.intent != INTENT_COMPLETE)
                t->violation = "published without Complete";
}

static void check_reply_publish(FakeTransfer *t, const Job *job)
{
        if (!job->reply)
                t->violation = "publish of an upload without a reply";
        else if (strcmp(job->reply->local, job->files[0]->local) == 0)
                t->violation = "the reply would replace the source";
}

static int fake_publish(void *ctx, uint64_t number, const Job *job)
{
        FakeTransfer *t = ctx;
        FakeOp *op;

        if (!is_alive(t))
                return 0;
        check_final(t, job, true);
        op = op_new(t, FAKE_PUBLISH, number, job);
        op->files = calloc(job->files_len + 1, sizeof(*op->files));
        if (job->type != BG_JOB_TYPE_DOWNLOAD)
                check_reply_publish(t, job);
        for (uint32_t i = 0; i < job->files_len; i++) {
                const JobFile *file =
                        job->type == BG_JOB_TYPE_DOWNLOAD ? job->files[i] : job->reply;

                if (file->state == FILE_DONE)
                        op->files[op->files_len++] = (FakeOpFile){
                                .index = file->index,
                                .local = strdup(file->local),
                                .etag = file->etag ? strdup(file->etag) : NULL,
                                .size = file->size_bytes,
                        };
        }
        if (op->files_len == 0)
                t->violation = "publish of nothing";
        return 0;
}

/* Of a job that goes on only a reply is removed that nobody counts on any more. */
static void check_sweep(FakeTransfer *t, const Job *job)
{
        if (fake_transfer_count(t, FAKE_FILE, &job->id) > 0)
                t->violation = "a reply is removed under a worker";
        if (job->reply->state != FILE_PENDING || job->reply->done_bytes > 0)
                t->violation = "a reply is removed that the job counts on";
}

static int fake_discard(void *ctx, uint64_t number, const Job *job)
{
        FakeTransfer *t = ctx;
        FakeOp *op;

        if (!is_alive(t))
                return 0;
        if (job->status.intent == INTENT_NONE && job->type == BG_JOB_TYPE_UPLOAD_REPLY)
                check_sweep(t, job);
        else
                check_final(t, job, false);
        op = op_new(t, FAKE_DISCARD, number, job);
        op->reply = job->reply ? strdup(job->reply->local) : NULL;
        return 0;
}

static HRESULT fake_check_destination(void *ctx, uint32_t owner_uid, const char *local)
{
        FakeTransfer *t = ctx;

        (void) owner_uid;
        (void) local;
        (void) is_alive(t);
        t->destination_asked++;
        return t->destination;
}

static void fake_set_limits(void *ctx, const TransferLimits *limits)
{
        FakeTransfer *t = ctx;

        (void) is_alive(t);
        t->limits = *limits;
        t->limits_told++;
}

static void fake_retune(void *ctx, uint64_t number, const Job *job)
{
        FakeTransfer *t = ctx;
        bool found = false;

        if (!is_alive(t))
                return;
        LIST_FOREACH (it, &t->ops) {
                const FakeOp *op = list_item(it, FakeOp, in_all);

                found = found || (op->op == number && op->kind == FAKE_FILE && !op->stopped);
        }
        if (!found)
                t->violation = "retune of something that does not run";
        t->retuned_op = number;
        t->retuned_bps = job->props.limit_bps;
        t->retuned_level = job->props.priority;
        t->retunes++;
}

TransferPort fake_transfer_port(FakeTransfer *t)
{
        TransferPort port = {
                .start = fake_start,
                .stop = fake_stop,
                .sync = fake_sync,
                .publish = fake_publish,
                .discard = fake_discard,
                .check_destination = fake_check_destination,
                .set_limits = fake_set_limits,
                .retune = fake_retune,
                .ctx = t,
        };

        fake_upload_port(&port);
        return port;
}

static TransferEvent event_of(const FakeOp *op, TransferEventKind kind)
{
        return (TransferEvent){
                .kind = kind,
                .op = op->op,
                .file_index = op->file,
                .size_bytes = op->size,
                .modified_sec = FILE_NO_TIME,
                .error.file_index = JOB_NO_FILE,
        };
}

void fake_op_connected(FakeTransfer *t, Manager *m, FakeOp *op)
{
        TransferEvent ev = event_of(op, TRANSFER_CONNECTED);

        (void) t;
        manager_transfer_event(m, &ev);
}

void fake_op_pace(FakeTransfer *t, Manager *m, FakeOp *op, TransferPaceKind pace)
{
        TransferEvent ev = event_of(op, TRANSFER_PACE);

        (void) t;
        ev.pace = pace;
        manager_transfer_event(m, &ev);
}

static void fill_etag(char *text, size_t bytes, uint32_t version)
{
        (void) snprintf(text, bytes, "\"%u\"", version);
}

/* The server's answer: what is there already is kept when it is the same version. */
void fake_op_meta(FakeTransfer *t, Manager *m, FakeOp *op)
{
        const FakeRemote *remote = fake_disk_remote(t->disk, op->remote);
        FakeTemp *temp = fake_disk_temp(t->disk, &op->job, op->file);
        TransferEvent ev;
        char etag[16];

        if (!temp || temp->version != remote->version || temp->bytes > remote->size)
                temp = fake_disk_make_temp(t->disk, &op->job, op->file, remote->version);
        op->version = remote->version;
        op->size = remote->size;
        fill_etag(etag, sizeof(etag), op->version);
        ev = event_of(op, TRANSFER_META);
        ev.done_bytes = temp->bytes;
        ev.etag = etag;
        ev.durable = op->waits = op->gives_up && temp->bytes == 0;
        manager_transfer_event(m, &ev);
}

static FakeTemp *temp_of(FakeTransfer *t, const FakeOp *op)
{
        FakeTemp *temp = fake_disk_temp(t->disk, &op->job, op->file);

        return temp ? temp : fake_disk_make_temp(t->disk, &op->job, op->file, op->version);
}

void fake_op_progress(FakeTransfer *t, Manager *m, FakeOp *op, uint64_t done, uint64_t synced)
{
        TransferEvent ev = event_of(op, TRANSFER_PROGRESS);
        FakeTemp *temp = temp_of(t, op);

        temp->bytes = done;
        temp->synced = MAX(temp->synced, synced);
        ev.done_bytes = done;
        ev.synced_bytes = temp->synced;
        manager_transfer_event(m, &ev);
}

void fake_op_done(FakeTransfer *t, Manager *m, FakeOp *op)
{
        TransferEvent ev;
        FakeTemp *temp = temp_of(t, op);
        char etag[16];

        if (op->version == 0) {
                const FakeRemote *remote = fake_disk_remote(t->disk, op->remote);

                op->version = temp->version = remote->version;
                op->size = remote->size;
        }
        fill_etag(etag, sizeof(etag), op->version);
        temp->bytes = op->size;
        ev = event_of(op, TRANSFER_DONE);
        ev.done_bytes = op->size;
        ev.synced_bytes = temp->synced;
        ev.etag = etag;
        op_free(t, op);
        manager_transfer_event(m, &ev);
}

static void end_file(FakeTransfer *t, Manager *m, FakeOp *op, TransferEvent ev)
{
        const FakeTemp *temp = fake_disk_temp(t->disk, &op->job, op->file);

        if (op->type != BG_JOB_TYPE_DOWNLOAD)
                temp = NULL; /* the acknowledgements said it */
        ev.done_bytes = temp ? temp->bytes : 0;
        ev.synced_bytes = temp ? temp->synced : 0;
        op_free(t, op);
        manager_transfer_event(m, &ev);
}

void fake_op_failed(FakeTransfer *t, Manager *m, FakeOp *op, const JobError *error)
{
        TransferEvent ev = event_of(op, TRANSFER_FAILED);

        ev.error = *error;
        ev.result = error->code;
        end_file(t, m, op, ev);
}

void fake_op_stopped(FakeTransfer *t, Manager *m, FakeOp *op)
{
        end_file(t, m, op, event_of(op, TRANSFER_STOPPED));
}

void fake_op_synced(FakeTransfer *t, Manager *m, FakeOp *op, HRESULT hr, int32_t file)
{
        TransferEvent ev = event_of(op, TRANSFER_SYNCED);

        for (uint32_t i = 0; SUCCEEDED(hr) && i < t->disk->temps_len; i++) {
                FakeTemp *temp = &t->disk->temps[i];

                if (!temp->used || !guid_equal(&temp->job, &op->job))
                        continue;
                temp->synced = temp->bytes;
                temp->named = true;
        }
        if (FAILED(hr) && file >= 0) {
                FakeTemp *temp = fake_disk_temp(t->disk, &op->job, (uint32_t) file);

                if (temp)
                        temp->used = false;
        }
        ev.result = hr;
        ev.error.code = hr;
        ev.error.context = BG_ERROR_CONTEXT_LOCAL_FILE;
        ev.error.file_index = file;
        op_free(t, op);
        manager_transfer_event(m, &ev);
}

/* A temporary file that is gone counts as published when its final name holds the same. */
static HRESULT publish_one(FakeTransfer *t, const FakeOp *op, const FakeOpFile *file)
{
        FakeTemp *temp = fake_disk_temp(t->disk, &op->job, file->index);
        bool is_reply = file->index == JOB_REPLY_INDEX && file->size == 0;
        const FakeFinal *final = fake_disk_final(t->disk, file->local);

        if (!temp && is_reply && !final) /* an empty reply has no temporary file */
                temp = fake_disk_make_temp(t->disk, &op->job, file->index,
                                           etag_version(file->etag));
        if (!temp)
                return final && final->version == etag_version(file->etag)
                               ? S_OK
                               : HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND);
        if (temp->bytes != file->size || (file->etag && temp->version != etag_version(file->etag)))
                t->violation = "published a file that is not whole";
        temp->synced = temp->bytes;
        fake_disk_publish(t->disk, temp, file->local);
        return S_OK;
}

void fake_op_publish_next(FakeTransfer *t, Manager *m, FakeOp *op, HRESULT hr)
{
        TransferEvent ev = event_of(op, TRANSFER_FILE_PUBLISHED);
        const FakeOpFile *file = &op->files[op->published++];

        ev.file_index = file->index;
        ev.result = FAILED(hr) ? hr : publish_one(t, op, file);
        if (FAILED(ev.result) && SUCCEEDED(op->first_failure)) {
                op->first_failure = ev.result;
                op->failed_file = (int32_t) file->index;
        }
        manager_transfer_event(m, &ev);
}

void fake_op_published(FakeTransfer *t, Manager *m, FakeOp *op)
{
        TransferEvent ev = event_of(op, TRANSFER_PUBLISHED);

        fake_disk_harden(t->disk);
        ev.result = op->first_failure;
        ev.error.code = op->first_failure;
        ev.error.file_index = op->failed_file;
        op_free(t, op);
        manager_transfer_event(m, &ev);
}

void fake_op_discarded(FakeTransfer *t, Manager *m, FakeOp *op, HRESULT hr)
{
        TransferEvent ev = event_of(op, TRANSFER_DISCARDED);

        if (hr == S_OK)
                fake_disk_remove_temps(t->disk, &op->job);
        ev.result = hr;
        op_free(t, op);
        manager_transfer_event(m, &ev);
}
