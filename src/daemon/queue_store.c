/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/queue_store.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "store/store.h"
#include "store/store_mem.h"

struct QueueStore {
        Store *file;
        StoreMem *memory;
        char *note; /* NULL: nothing to say */
};

/* ---- the store that refuses ---- */

static int refuse_begin(void *ctx)
{
        return -EROFS;
}

static int refuse_commit(void *ctx, bool durable)
{
        return -EROFS;
}

static void refuse_rollback(void *ctx)
{
}

static int refuse_job(void *ctx, const Job *job)
{
        return -EROFS;
}

static int refuse_files(void *ctx, const Job *job, JobFile *const *files, uint32_t n)
{
        return -EROFS;
}

static int refuse_file(void *ctx, const Job *job, const JobFile *file)
{
        return -EROFS;
}

static int refuse_credential(void *ctx, const Job *job, const JobCredential *credential)
{
        return -EROFS;
}

static int refuse_slot(void *ctx, const Job *job, uint32_t target, uint32_t scheme)
{
        return -EROFS;
}

static int load_nothing(void *ctx, const StoreSink *sink, bool *ret_same_boot,
                        uint64_t *ret_next_serial)
{
        *ret_same_boot = false;
        *ret_next_serial = 1;
        return 0;
}

static const StorePort refusing_port = {
        .begin = refuse_begin,
        .commit = refuse_commit,
        .rollback = refuse_rollback,
        .job_save = refuse_job,
        .job_delete = refuse_job,
        .files_insert = refuse_files,
        .file_save = refuse_file,
        .credential_save = refuse_credential,
        .credential_delete = refuse_slot,
        .load = load_nothing,
};

/* ---- */

static int take_outcome(QueueStore *q, const char *dir, const StoreStatus *status, int r)
{
        switch (status->outcome) {
        case STORE_OPENED:
        case STORE_CREATED:
                return 0;
        case STORE_REPLACED:
                q->note = mem_printf("the queue was damaged (%s); it was set aside as %s, and a "
                                     "new one begun",
                                     status->detail, status->aside_path);
                break;
        case STORE_NEWER:
                q->note = mem_printf("the queue in %s was written by a newer bitsd (format %u); it "
                                     "is left alone, and no job can be made until that version "
                                     "is back",
                                     dir, status->version);
                break;
        case STORE_LOCKED:
                log_error("another program has the queue in %s open; end it and start bitsd again "
                          "(fuser -v %s/queue.db says which)",
                          dir, dir);
                return r < 0 ? r : -EBUSY;
        default:
                log_error("cannot open the queue in %s: %s (%s)", dir, status->detail,
                          strerror(-r));
                return r < 0 ? r : -EIO;
        }
        if (!q->note)
                return -ENOMEM;
        log_error("%s", q->note);
        return 0;
}

int queue_store_open(const char *dir, bool in_memory, QueueStore **ret)
{
        _cleanup_(queue_store_closep) QueueStore *q = mem_new(QueueStore);
        StoreStatus status = {0};
        int r;

        if (!q)
                return -ENOMEM;
        if (in_memory) {
                q->memory = store_mem_new();
                if (!q->memory)
                        return -ENOMEM;
        } else {
                r = store_open(dir, NULL, &status, &q->file);
                r = take_outcome(q, dir, &status, r);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(q);
        return 0;
}

QueueStore *queue_store_close(QueueStore *q)
{
        if (!q)
                return NULL;
        (void) store_close(q->file);
        (void) store_mem_free(q->memory);
        mem_free(q->note);
        mem_free(q);
        return NULL;
}

StorePort queue_store_port(QueueStore *q)
{
        if (q->file)
                return store_port(q->file);
        if (q->memory)
                return store_mem_port(q->memory);
        return refusing_port;
}

bool queue_store_refuses(const QueueStore *q)
{
        return !q->file && !q->memory;
}

const char *queue_store_note(const QueueStore *q)
{
        return q->note ? q->note : "";
}
