/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads in the fake transfer: a server that keeps sessions (or loses them), an application that
 * answers (or fails), and a worker that waits until what it must not forget is stored. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "engine/job_error.h"
#include "fake_transfer.h"

enum {
        STAGE_BEGIN,
        STAGE_CONNECTED,
        STAGE_PING,
        STAGE_CREATE,
        STAGE_CREATED,
        STAGE_BODY,
        STAGE_REPLY,
        STAGE_REPLY_BODY,
        STAGE_CLOSE,
        STAGE_CLOSED,
        FAREWELLS_MAX = 4,
};

FakeSession *fake_transfer_session(const FakeTransfer *t, uint32_t id)
{
        return id == 0 || id > t->sessions_len || !t->sessions[id - 1].open ? NULL
                                                                            : &t->sessions[id - 1];
}

static FakeSession *make_session(FakeTransfer *t, const GUID *job)
{
        FakeSession *grown = realloc(t->sessions, (t->sessions_len + 1) * sizeof(*grown));

        if (!grown)
                abort();
        t->sessions = grown;
        t->sessions[t->sessions_len] =
                (FakeSession){.job = *job, .id = t->sessions_len + 1, .open = true};
        return &t->sessions[t->sessions_len++];
}

void fake_reply_url(const GUID *job, char *url, size_t bytes)
{
        (void) snprintf(url, bytes, "http://host/reply/%08x", (unsigned) job->Data1);
}

static FakeRemote *reply_of(FakeTransfer *t, const FakeOp *op)
{
        char url[64];

        fake_reply_url(&op->job, url, sizeof(url));
        return fake_disk_remote(t->disk, url);
}

void fake_upload_begin(FakeTransfer *t, FakeOp *op, const Job *job)
{
        const JobFile *reply = job->reply;
        const FakeTemp *temp = fake_disk_temp(t->disk, &job->id, JOB_REPLY_INDEX);

        op->source = strdup(job->files[0]->local);
        op->reply_done = reply && reply->state == FILE_DONE;
        if (t->uploader)
                t->uploader->begin(t->uploader_ctx, op, job);
        else if (job->session_bytes == sizeof(op->blob))
                memcpy(&op->blob, job->session, sizeof(op->blob));
        else if (job->session_bytes != 0)
                t->violation = "a session that nobody gave";
        if (reply && temp && reply->etag && temp->bytes < reply->done_bytes &&
            temp->version == strtoul(reply->etag + 1, NULL, 10))
                t->violation = "resumes a reply from bytes that are not there";
}

static TransferEvent event_of(const FakeOp *op, TransferEventKind kind, uint32_t index)
{
        return (TransferEvent){
                .kind = kind,
                .op = op->op,
                .file_index = index,
                .size_bytes = BG_SIZE_UNKNOWN,
                .modified_sec = FILE_NO_TIME,
                .error.file_index = JOB_NO_FILE,
        };
}

static void op_end(FakeTransfer *t, FakeOp *op)
{
        if (op->upload)
                t->uploader->end(t->uploader_ctx, op);
        list_remove(&op->in_all);
        t->ops_len--;
        free(op->remote);
        free(op->source);
        free(op);
}

void fake_op_upload_meta(FakeTransfer *t, Manager *m, FakeOp *op)
{
        TransferEvent ev = event_of(op, TRANSFER_META, 0);

        const FakeSession *session = fake_transfer_session(t, op->blob.session);

        op->size = ev.size_bytes = fake_disk_remote(t->disk, op->source)->size;
        ev.done_bytes = op->blob.uploaded ? op->size : session ? session->acked : 0;
        manager_transfer_event(m, &ev);
}

void fake_op_session(FakeTransfer *t, Manager *m, FakeOp *op, bool durable)
{
        TransferEvent ev = event_of(op, TRANSFER_SESSION, 0);

        (void) t;
        ev.session = (const uint8_t *) &op->blob;
        ev.session_bytes = sizeof(op->blob);
        ev.durable = op->waits = durable;
        manager_transfer_event(m, &ev);
}

void fake_op_acknowledged(FakeTransfer *t, Manager *m, FakeOp *op, uint64_t done)
{
        TransferEvent ev = event_of(op, TRANSFER_PROGRESS, 0);

        (void) t;
        ev.size_bytes = op->size;
        ev.done_bytes = done;
        manager_transfer_event(m, &ev);
}

void fake_op_uploaded(FakeTransfer *t, Manager *m, FakeOp *op)
{
        TransferEvent ev = event_of(op, TRANSFER_UPLOADED, 0);

        (void) t;
        ev.size_bytes = op->size;
        manager_transfer_event(m, &ev);
}

void fake_op_reply_meta(FakeTransfer *t, Manager *m, FakeOp *op)
{
        TransferEvent ev = event_of(op, TRANSFER_META, JOB_REPLY_INDEX);
        const FakeRemote *remote = reply_of(t, op);
        FakeTemp *temp = fake_disk_temp(t->disk, &op->job, JOB_REPLY_INDEX);
        char etag[16];

        if (!temp || temp->version != remote->version || temp->bytes > remote->size)
                temp = fake_disk_make_temp(t->disk, &op->job, JOB_REPLY_INDEX, remote->version);
        (void) snprintf(etag, sizeof(etag), "\"%u\"", remote->version);
        ev.size_bytes = remote->size;
        ev.done_bytes = temp->bytes;
        ev.etag = etag;
        ev.reply_url = remote->url;
        manager_transfer_event(m, &ev);
}

void fake_op_reply_progress(FakeTransfer *t, Manager *m, FakeOp *op, uint64_t done, uint64_t synced)
{
        TransferEvent ev = event_of(op, TRANSFER_PROGRESS, JOB_REPLY_INDEX);
        FakeTemp *temp = fake_disk_temp(t->disk, &op->job, JOB_REPLY_INDEX);

        temp->bytes = done;
        temp->synced = MAX(temp->synced, synced);
        ev.done_bytes = done;
        ev.synced_bytes = temp->synced;
        manager_transfer_event(m, &ev);
}

void fake_op_reply(FakeTransfer *t, Manager *m, FakeOp *op)
{
        TransferEvent ev = event_of(op, TRANSFER_REPLY, JOB_REPLY_INDEX);
        const FakeRemote *remote = reply_of(t, op);
        FakeTemp *temp = fake_disk_temp(t->disk, &op->job, JOB_REPLY_INDEX);
        char etag[16];

        (void) snprintf(etag, sizeof(etag), "\"%u\"", remote->version);
        ev.size_bytes = remote->size;
        ev.etag = etag;
        op->reply_done = true;
        if (remote->size > 0) {
                if (!temp)
                        temp = fake_disk_make_temp(t->disk, &op->job, JOB_REPLY_INDEX,
                                                   remote->version);
                temp->bytes = temp->synced = remote->size;
                temp->named = true;
        }
        manager_transfer_event(m, &ev);
}

void fake_op_upload_done(FakeTransfer *t, Manager *m, FakeOp *op)
{
        TransferEvent ev = event_of(op, TRANSFER_DONE, 0);

        ev.size_bytes = ev.done_bytes = op->size;
        op_end(t, op);
        manager_transfer_event(m, &ev);
}

static void fail(FakeTransfer *t, Manager *m, FakeOp *op, HRESULT code, BG_ERROR_CONTEXT context)
{
        JobError error = job_error_make(code, context, 0, NULL);

        fake_op_failed(t, m, op, &error);
}

static bool is_unlucky(FakeTransfer *t, uint32_t per_mille)
{
        return per_mille > 0 && fake_random_chance(t->random, per_mille);
}

static void connection_breaks(FakeTransfer *t, Manager *m, FakeOp *op)
{
        fail(t, m, op, HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR),
             BG_ERROR_CONTEXT_REMOTE_FILE);
}

static void walk_begin(FakeTransfer *t, Manager *m, FakeOp *op)
{
        if (is_unlucky(t, t->faults.connect)) {
                fail(t, m, op, HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT),
                     BG_ERROR_CONTEXT_GENERAL_TRANSPORT);
        } else if (is_unlucky(t, t->faults.fatal_status)) {
                fail(t, m, op, BG_E_HTTP_ERROR_401, BG_ERROR_CONTEXT_REMOTE_FILE);
        } else {
                op->stage = STAGE_CONNECTED;
                if (fake_random_chance(t->random, 800))
                        fake_op_connected(t, m, op);
        }
}

static void walk_connected(FakeTransfer *t, Manager *m, FakeOp *op)
{
        FakeRemote *source = fake_disk_remote(t->disk, op->source);

        if (is_unlucky(t, t->faults.source))
                source->version++;
        if (op->blob.source != 0 && op->blob.source != source->version && !op->blob.uploaded) {
                fail(t, m, op, BG_E_LOCAL_FILE_CHANGED, BG_ERROR_CONTEXT_LOCAL_FILE);
                return;
        }
        op->stage = op->blob.session != 0 ? STAGE_PING : STAGE_CREATE;
        fake_op_upload_meta(t, m, op);
}

static void walk_ping(FakeTransfer *t, Manager *m, FakeOp *op)
{
        const FakeSession *session = fake_transfer_session(t, op->blob.session);

        if (op->blob.closing) {
                /* Unknown to the server: closed then. A lost reply is fetched once more. */
                op->stage = op->type == BG_JOB_TYPE_UPLOAD_REPLY && !op->reply_done ? STAGE_REPLY
                                                                                    : STAGE_CLOSE;
        } else if (!session) {
                op->blob = (FakeBlob){0};
                op->reply_done = false;
                op->stage = STAGE_CREATE;
                fake_op_acknowledged(t, m, op, 0);
        } else {
                op->stage = STAGE_BODY;
                fake_op_acknowledged(t, m, op, session->acked);
        }
}

static void walk_create(FakeTransfer *t, Manager *m, FakeOp *op)
{
        op->blob = (FakeBlob){
                .creating = true,
                .source = fake_disk_remote(t->disk, op->source)->version,
        };
        op->stage = STAGE_CREATED;
        fake_op_session(t, m, op, true);
}

static void walk_created(FakeTransfer *t, Manager *m, FakeOp *op)
{
        op->blob.session = make_session(t, &op->job)->id;
        op->blob.creating = false;
        op->stage = STAGE_BODY;
        if (is_unlucky(t, t->faults.reset))
                connection_breaks(t, m, op); /* nobody ever hears of that session */
        else
                fake_op_session(t, m, op, false);
}

static void walk_last_fragment(FakeTransfer *t, Manager *m, FakeOp *op)
{
        if (is_unlucky(t, t->faults.application)) {
                fail(t, m, op, BG_E_HTTP_ERROR_500, BG_ERROR_CONTEXT_REMOTE_APPLICATION);
                return;
        }
        op->blob.uploaded = true;
        op->stage =
                op->type == BG_JOB_TYPE_UPLOAD_REPLY && !op->reply_done ? STAGE_REPLY : STAGE_CLOSE;
        fake_op_session(t, m, op, false);
        fake_op_uploaded(t, m, op);
}

static void walk_body(FakeTransfer *t, Manager *m, FakeOp *op)
{
        FakeSession *session = fake_transfer_session(t, op->blob.session);
        uint64_t left;

        if (session && is_unlucky(t, t->faults.session_lost)) {
                session->open = false;
                session = NULL;
        }
        if (!session) {
                op->stage = STAGE_PING;
                return;
        }
        left = op->size - MIN(op->size, session->acked);
        if (left == 0) {
                walk_last_fragment(t, m, op);
                return;
        }
        session->acked += 1 + fake_random_below(t->random, left);
        if (is_unlucky(t, t->faults.reset)) /* the server has it, its word is lost */
                connection_breaks(t, m, op);
        else
                fake_op_acknowledged(t, m, op, session->acked);
}

static void walk_reply_body(FakeTransfer *t, Manager *m, FakeOp *op)
{
        const FakeTemp *temp = fake_disk_temp(t->disk, &op->job, JOB_REPLY_INDEX);
        uint64_t size = reply_of(t, op)->size;
        uint64_t have = temp ? temp->bytes : 0;

        if (is_unlucky(t, t->faults.reset)) {
                connection_breaks(t, m, op);
        } else if (is_unlucky(t, t->faults.disk_full)) {
                fail(t, m, op, HRESULT_FROM_WIN32(ERROR_DISK_FULL), BG_ERROR_CONTEXT_LOCAL_FILE);
        } else if (have < size && temp) {
                fake_op_reply_progress(t, m, op,
                                       have + 1 + fake_random_below(t->random, size - have),
                                       fake_random_below(t->random, have + 1));
        } else {
                op->stage = STAGE_CLOSE;
                fake_op_reply(t, m, op);
        }
}

static void walk_reply(FakeTransfer *t, Manager *m, FakeOp *op)
{
        op->stage = STAGE_REPLY_BODY;
        if (reply_of(t, op)->size > 0)
                fake_op_reply_meta(t, m, op);
}

static void walk_closed(FakeTransfer *t, Manager *m, FakeOp *op)
{
        FakeSession *session = fake_transfer_session(t, op->blob.session);

        if (session)
                session->open = false;
        if (is_unlucky(t, t->faults.reset))
                connection_breaks(t, m, op); /* a lost answer: it asks again */
        else
                fake_op_upload_done(t, m, op);
}

void fake_transfer_walk_upload(FakeTransfer *t, Manager *m, FakeOp *op)
{
        if (t->uploader) {
                t->uploader->walk(t->uploader_ctx, m, op);
                return;
        }
        if (op->stopped && fake_random_chance(t->random, 700)) {
                fake_op_stopped(t, m, op);
                return;
        }
        if (op->waits)
                return;
        switch (op->stage) {
        case STAGE_BEGIN:
                walk_begin(t, m, op);
                break;
        case STAGE_CONNECTED:
                walk_connected(t, m, op);
                break;
        case STAGE_PING:
                walk_ping(t, m, op);
                break;
        case STAGE_CREATE:
                walk_create(t, m, op);
                break;
        case STAGE_CREATED:
                walk_created(t, m, op);
                break;
        case STAGE_BODY:
                walk_body(t, m, op);
                break;
        case STAGE_REPLY:
                walk_reply(t, m, op);
                break;
        case STAGE_REPLY_BODY:
                walk_reply_body(t, m, op);
                break;
        case STAGE_CLOSE:
                op->blob.closing = true;
                op->stage = STAGE_CLOSED;
                fake_op_session(t, m, op, true);
                break;
        default:
                walk_closed(t, m, op);
                break;
        }
}

static void note_farewell(FakeTransfer *t, const GUID *job)
{
        GUID *grown = realloc(t->farewells, (t->farewells_len + 1) * sizeof(*grown));

        if (!grown)
                abort();
        t->farewells = grown;
        t->farewells[t->farewells_len++] = *job;
}

bool fake_transfer_said_farewell(const FakeTransfer *t, const GUID *job)
{
        for (uint32_t i = 0; i < t->farewells_len; i++)
                if (guid_equal(&t->farewells[i], job))
                        return true;
        return false;
}

void fake_op_end(FakeTransfer *t, Manager *m, FakeOp *op, const TransferEvent *ev)
{
        if (op->kind == FAKE_FAREWELL && SUCCEEDED(ev->result))
                note_farewell(t, &op->job);
        op_end(t, op);
        manager_transfer_event(m, ev);
}

void fake_op_farewell(FakeTransfer *t, Manager *m, FakeOp *op, HRESULT hr)
{
        TransferEvent ev = event_of(op, TRANSFER_FAREWELL, 0);
        FakeSession *session = fake_transfer_session(t, op->blob.session);

        if (SUCCEEDED(hr)) {
                if (session)
                        session->open = false;
                note_farewell(t, &op->job);
        }
        ev.result = hr;
        op_end(t, op);
        manager_transfer_event(m, &ev);
}

/* False when the process is gone. */
static bool is_alive(FakeTransfer *t)
{
        if (t->on_call)
                t->on_call(t->on_call_ctx);
        return !t->dead;
}

static void check_stored(FakeTransfer *t, FakeOp *op)
{
        const Job *stored = t->store ? fake_store_durable_job(t->store, &op->job) : NULL;

        if (!t->store)
                return;
        if (op->type == BG_JOB_TYPE_DOWNLOAD) {
                if (!stored || stored->files[op->file]->done_bytes > 0)
                        t->violation = "told that bytes are given up which are not";
                return;
        }
        if (t->uploader) {
                const char *wrong = t->uploader->stored(t->uploader_ctx, op, stored);

                if (wrong)
                        t->violation = wrong;
                return;
        }
        if (!stored || stored->session_bytes != sizeof(op->blob) ||
            memcmp(stored->session, &op->blob, sizeof(op->blob)) != 0)
                t->violation = "told that a session is stored which is not";
}

static void fake_session_stored(void *ctx, uint64_t number)
{
        FakeTransfer *t = ctx;
        bool found = false;

        if (!is_alive(t))
                return;
        LIST_FOREACH (it, &t->ops) {
                FakeOp *op = list_item(it, FakeOp, in_all);

                if (op->op != number)
                        continue;
                if (op->kind != FAKE_FILE || !op->waits)
                        t->violation = "session_stored for nobody who waits";
                check_stored(t, op);
                op->waits = false;
                found = true;
        }
        if (!found)
                t->violation = "session_stored for an operation that ended";
}

static int fake_farewell(void *ctx, uint64_t number, const Job *job)
{
        FakeTransfer *t = ctx;
        const Job *stored = t->store ? fake_store_durable_job(t->store, &job->id) : NULL;
        FakeOp *op;

        if (!is_alive(t))
                return 0;
        if (fake_transfer_find(t, FAKE_FAREWELL, &job->id))
                t->violation = "two farewells of one job";
        if (fake_transfer_count(t, FAKE_FAREWELL, NULL) >= FAREWELLS_MAX)
                t->violation = "too many farewells at once";
        if ((!t->uploader && job->session_bytes != sizeof(op->blob)) || job->files_len != 1)
                t->violation = "a farewell without a session";
        if (t->store && (!stored || stored->status.state != BG_JOB_STATE_CANCELLED))
                t->violation = "a farewell before the end is stored";
        if (is_unlucky(t, t->faults.start))
                return -EMFILE;
        op = calloc(1, sizeof(*op));
        if (!op)
                abort();
        op->op = number;
        op->kind = FAKE_FAREWELL;
        op->job = job->id;
        op->type = job->type;
        if (t->uploader)
                t->uploader->begin(t->uploader_ctx, op, job);
        else if (job->session_bytes == sizeof(op->blob))
                memcpy(&op->blob, job->session, sizeof(op->blob));
        list_append(&t->ops, &op->in_all);
        t->ops_len++;
        return 0;
}

/* As many bytes as the reply has, all the same. */
static HRESULT fake_read_reply(void *ctx, const Job *job, uint8_t **ret_data, uint64_t *ret_bytes)
{
        FakeTransfer *t = ctx;
        const FakeTemp *temp = fake_disk_temp(t->disk, &job->id, JOB_REPLY_INDEX);
        const FakeFinal *final = fake_disk_final(t->disk, job->reply->local);
        uint64_t bytes = temp ? temp->bytes : final ? final->bytes : 0;

        if (!is_alive(t))
                return E_FAIL;
        if (job->reply->state == FILE_PUBLISHED && temp)
                t->violation = "a published reply has a temporary file";
        if (!temp && !final)
                return HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND);
        *ret_data = calloc(1, bytes + 1);
        *ret_bytes = bytes;
        return *ret_data ? S_OK : E_OUTOFMEMORY;
}

void fake_upload_port(TransferPort *port)
{
        port->session_stored = fake_session_stored;
        port->farewell = fake_farewell;
        port->read_reply = fake_read_reply;
}
