/* SPDX-License-Identifier: Apache-2.0 */
/* The random walk of fake_transfer.h. */
#include "base/attr.h"
#include "engine/job_error.h"
#include "fake_transfer.h"

enum { STAGE_BEGIN, STAGE_CONNECTED, STAGE_BODY, STAGE_LIED };

static bool is_unlucky(FakeTransfer *t, uint32_t per_mille)
{
        return per_mille > 0 && fake_random_chance(t->random, per_mille);
}

static JobError lost_error(void)
{
        return job_error_make(BITS_E_WORKER_LOST, BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER,
                              JOB_NO_FILE, NULL);
}

static void lose_op(FakeTransfer *t, Manager *m, FakeOp *op)
{
        JobError error = lost_error();

        switch (op->kind) {
        case FAKE_FILE:
                fake_op_failed(t, m, op, &error);
                break;
        case FAKE_SYNC:
                fake_op_synced(t, m, op, BITS_E_WORKER_LOST, JOB_NO_FILE);
                break;
        case FAKE_PUBLISH:
                op->first_failure = BITS_E_WORKER_LOST;
                fake_op_published(t, m, op);
                break;
        case FAKE_DISCARD:
                fake_op_discarded(t, m, op, BITS_E_WORKER_LOST);
                break;
        case FAKE_FAREWELL:
                fake_op_farewell(t, m, op, BITS_E_WORKER_LOST);
                break;
        }
}

void fake_transfer_lose_worker(FakeTransfer *t, Manager *m)
{
        for (uint32_t n = t->ops_len; n > 0; n--)
                lose_op(t, m, list_item(t->ops.next, FakeOp, in_all));
}

static void fail_file(FakeTransfer *t, Manager *m, FakeOp *op, HRESULT code,
                      BG_ERROR_CONTEXT context)
{
        JobError error = job_error_make(code, context, (int32_t) op->file, NULL);

        fake_op_failed(t, m, op, &error);
}

static bool fail_status(FakeTransfer *t, Manager *m, FakeOp *op)
{
        static const int32_t TRANSIENT[] = {408, 429, 500, 502, 503, 504};
        static const int32_t FATAL[] = {401, 403, 404, 410, 501};
        JobError error;

        if (is_unlucky(t, t->faults.transient_status))
                error = job_error_http(TRANSIENT[fake_random_below(t->random, 6)],
                                       (uint32_t) fake_random_below(t->random, 4000),
                                       (int32_t) op->file);
        else if (is_unlucky(t, t->faults.fatal_status))
                error = job_error_http(FATAL[fake_random_below(t->random, 5)], 0,
                                       (int32_t) op->file);
        else
                return false;
        fake_op_failed(t, m, op, &error);
        return true;
}

static void walk_body(FakeTransfer *t, Manager *m, FakeOp *op)
{
        const FakeTemp *temp = fake_disk_temp(t->disk, &op->job, op->file);
        uint64_t have = temp ? temp->bytes : 0;
        uint64_t left = op->size - MIN(op->size, have);
        uint64_t step = 1 + fake_random_below(t->random, MAX(left, 1U));

        if (is_unlucky(t, t->faults.reset))
                fail_file(t, m, op, HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR),
                          BG_ERROR_CONTEXT_REMOTE_FILE);
        else if (is_unlucky(t, t->faults.disk_full))
                fail_file(t, m, op, HRESULT_FROM_WIN32(ERROR_DISK_FULL),
                          BG_ERROR_CONTEXT_LOCAL_FILE);
        else if (left > 0)
                fake_op_progress(t, m, op, have + MIN(step, left),
                                 fake_random_below(t->random, have + 1));
        else
                fake_op_done(t, m, op);
}

/* A server says something about a file that is not so, in sizes of all kinds, and the truth comes
 * out later. What was there of another version is gone. */
static void walk_lie(FakeTransfer *t, Manager *m, FakeOp *op)
{
        static const uint64_t SIZES[] = {
                1, UINT32_MAX, INT64_MAX, (uint64_t) INT64_MAX + 1, BG_SIZE_UNKNOWN - 1,
        };
        TransferEvent ev = {
                .kind = TRANSFER_META,
                .op = op->op,
                .file_index = op->file,
                .size_bytes = SIZES[fake_random_below(t->random, ARRAY_LEN(SIZES))],
                .etag = fake_random_chance(t->random, 500) ? "\"0\"" : NULL,
                .modified_sec = fake_random_chance(t->random, 500) ? INT64_MAX : FILE_NO_TIME,
                .error.file_index = JOB_NO_FILE,
        };

        (void) fake_disk_make_temp(t->disk, &op->job, op->file, 0);
        op->stage = STAGE_LIED;
        manager_transfer_event(m, &ev);
}

/* It breaks off, is caught, or tells the truth after all. */
static void walk_lied(FakeTransfer *t, Manager *m, FakeOp *op)
{
        switch (fake_random_below(t->random, 4)) {
        case 0:
                fail_file(t, m, op, BG_E_INVALID_SERVER_RESPONSE, BG_ERROR_CONTEXT_REMOTE_FILE);
                break;
        case 1:
                fail_file(t, m, op, BG_E_INSUFFICIENT_RANGE_SUPPORT, BG_ERROR_CONTEXT_REMOTE_FILE);
                break;
        default:
                op->stage = STAGE_CONNECTED;
                break;
        }
}

static void walk_file(FakeTransfer *t, Manager *m, FakeOp *op)
{
        if (op->stopped && fake_random_chance(t->random, 700)) {
                fake_op_stopped(t, m, op);
        } else if (op->waits) {
                return;
        } else if (op->stage == STAGE_BEGIN) {
                if (is_unlucky(t, t->faults.connect)) {
                        fail_file(t, m, op, HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT),
                                  BG_ERROR_CONTEXT_GENERAL_TRANSPORT);
                        return;
                }
                if (fail_status(t, m, op))
                        return;
                op->stage = STAGE_CONNECTED;
                if (fake_random_chance(t->random, 800))
                        fake_op_connected(t, m, op);
        } else if (op->stage == STAGE_LIED) {
                walk_lied(t, m, op);
        } else if (op->stage == STAGE_CONNECTED && is_unlucky(t, t->faults.lies)) {
                walk_lie(t, m, op);
        } else if (op->stage == STAGE_CONNECTED) {
                if (is_unlucky(t, t->faults.changed))
                        fake_disk_remote(t->disk, op->remote)->version++;
                op->stage = STAGE_BODY;
                op->gives_up = is_unlucky(t, t->faults.tagless);
                fake_op_meta(t, m, op);
        } else {
                walk_body(t, m, op);
        }
}

static void walk_sync(FakeTransfer *t, Manager *m, FakeOp *op)
{
        if (is_unlucky(t, t->faults.sync_lost))
                fake_op_synced(t, m, op, HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND), 0);
        else if (is_unlucky(t, t->faults.sync))
                fake_op_synced(t, m, op, HRESULT_FROM_WIN32(ERROR_IO_DEVICE), JOB_NO_FILE);
        else
                fake_op_synced(t, m, op, S_OK, JOB_NO_FILE);
}

static void walk_publish(FakeTransfer *t, Manager *m, FakeOp *op)
{
        if (op->published == op->files_len)
                fake_op_published(t, m, op);
        else
                fake_op_publish_next(t, m, op,
                                     is_unlucky(t, t->faults.publish) ? E_ACCESSDENIED : S_OK);
}

bool fake_transfer_step(FakeTransfer *t, Manager *m)
{
        List *link = t->ops.next;
        FakeOp *op;

        if (t->ops_len == 0)
                return false;
        if (is_unlucky(t, t->faults.worker)) {
                fake_transfer_lose_worker(t, m);
                return true;
        }
        for (uint64_t n = fake_random_below(t->random, t->ops_len); n > 0; n--)
                link = link->next;
        op = list_item(link, FakeOp, in_all);
        switch (op->kind) {
        case FAKE_FILE:
                if (op->type == BG_JOB_TYPE_DOWNLOAD)
                        walk_file(t, m, op);
                else
                        fake_transfer_walk_upload(t, m, op);
                break;
        case FAKE_FAREWELL:
                if (t->uploader)
                        t->uploader->walk(t->uploader_ctx, m, op);
                else
                        fake_op_farewell(t, m, op,
                                         is_unlucky(t, t->faults.farewell) ? E_FAIL : S_OK);
                break;
        case FAKE_SYNC:
                walk_sync(t, m, op);
                break;
        case FAKE_PUBLISH:
                walk_publish(t, m, op);
                break;
        case FAKE_DISCARD:
                fake_op_discarded(t, m, op,
                                  is_unlucky(t, t->faults.discard) ? BG_S_UNABLE_TO_DELETE_FILES
                                                                   : S_OK);
                break;
        }
        return true;
}
