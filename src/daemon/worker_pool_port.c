/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "daemon/owner_files.h"
#include "daemon/worker_order.h"

static int port_start(void *ctx, uint64_t number, const Job *job, const JobFile *file)
{
        const WorkerOpRules rules = {
                .kind = job->type == BG_JOB_TYPE_DOWNLOAD ? WORKER_OP_DOWNLOAD : WORKER_OP_UPLOAD,
                .file_index = file->index,
                .has_reply = job->type == BG_JOB_TYPE_UPLOAD_REPLY,
        };

        return worker_pool_begin(ctx, number, &rules, &(WorkerOrder){.job = job, .file = file});
}

static void port_stop(void *ctx, uint64_t number)
{
        worker_pool_tell(ctx, number, worker_msg_encode_stop);
}

static void port_session_stored(void *ctx, uint64_t number)
{
        worker_pool_tell(ctx, number, worker_msg_encode_session_stored);
}

static void port_set_limits(void *ctx, const TransferLimits *limits)
{
        worker_pool_set_limits(ctx, limits);
}

static void port_retune(void *ctx, uint64_t number, const Job *job)
{
        worker_pool_retune(ctx, number, job);
}

static int port_farewell(void *ctx, uint64_t number, const Job *job)
{
        static const WorkerOpRules RULES = {.kind = WORKER_OP_FAREWELL};

        if (job->type == BG_JOB_TYPE_DOWNLOAD || job->files_len == 0)
                return -EINVAL;
        return worker_pool_begin(ctx, number, &RULES, &(WorkerOrder){.job = job});
}

static int begin_bulk(WorkerPool *p, uint64_t number, WorkerOpKind kind, WorkerBulkKind bulk,
                      const Job *job)
{
        return worker_pool_begin(p, number, &(WorkerOpRules){.kind = kind},
                                 &(WorkerOrder){.job = job, .bulk = bulk});
}

static int port_sync(void *ctx, uint64_t number, const Job *job)
{
        return begin_bulk(ctx, number, WORKER_OP_SYNC, WORKER_BULK_SYNC, job);
}

static int port_publish(void *ctx, uint64_t number, const Job *job)
{
        return begin_bulk(ctx, number, WORKER_OP_PUBLISH, WORKER_BULK_PUBLISH, job);
}

static int port_discard(void *ctx, uint64_t number, const Job *job)
{
        return begin_bulk(ctx, number, WORKER_OP_DISCARD, WORKER_BULK_DISCARD, job);
}

static HRESULT port_read_reply(void *ctx, const Job *job, uint8_t **ret_data, uint64_t *ret_bytes)
{
        return owner_files_read_reply(job, ret_data, ret_bytes);
}

static HRESULT port_check_destination(void *ctx, uint32_t owner_uid, const char *local)
{
        return owner_files_check_destination(local);
}

TransferPort worker_pool_port(WorkerPool *p)
{
        return (TransferPort){
                .start = port_start,
                .stop = port_stop,
                .sync = port_sync,
                .publish = port_publish,
                .discard = port_discard,
                .farewell = port_farewell,
                .session_stored = port_session_stored,
                .read_reply = port_read_reply,
                .check_destination = port_check_destination,
                .set_limits = port_set_limits,
                .retune = port_retune,
                .ctx = p,
        };
}
