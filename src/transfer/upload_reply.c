/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/upload_reply.h"

#include <errno.h>

#include "base/path.h"
#include "base/str.h"
#include "transfer/download.h"
#include "transfer/publish.h"
#include "transfer/transfer_error.h"

/* The last step, on the disk thread. It may outlive its reply. */
typedef struct ReplySync {
        DiskTask task;
        UploadReply *reply; /* NULL: gone */
        Bulk bulk;
} ReplySync;

struct UploadReply {
        UploadReplyHost host;
        FetchHost own; /* the download talks to us */
        Fetch *fetch;
        ReplySync *sync;
        uint64_t op;
        GUID job;
        char *url;
        char *local;
        /* Once it is whole. */
        uint64_t size_bytes;
        char *etag;
        int64_t modified_sec;
};

static void emit(UploadReply *r, const TransferEvent *ev)
{
        TransferEvent out = *ev;

        out.reply_url = r->url;
        r->host.host->emit(r->host.host->ctx, &out);
}

static void end(UploadReply *r, const JobError *error)
{
        r->host.done(r->host.ctx, error); /* may free `r` */
}

static void run_sync(DiskTask *task)
{
        bulk_sync(&((ReplySync *) task)->bulk);
}

static void free_sync(ReplySync *s)
{
        bulk_done(&s->bulk);
        mem_free(s);
}

static void sync_done(DiskTask *task)
{
        ReplySync *s = (ReplySync *) task;
        UploadReply *r = s->reply;
        JobError error = s->bulk.error;
        TransferEvent ev;

        free_sync(s);
        if (!r)
                return;
        r->sync = NULL;
        if (error.code != S_OK) {
                end(r, &error);
                return;
        }
        ev = (TransferEvent){
                .kind = TRANSFER_REPLY,
                .op = r->op,
                .file_index = JOB_REPLY_INDEX,
                .size_bytes = r->size_bytes,
                .done_bytes = r->size_bytes,
                .synced_bytes = r->size_bytes,
                .etag = r->etag,
                .modified_sec = r->modified_sec,
                .error = {.file_index = JOB_NO_FILE},
        };
        emit(r, &ev);
        end(r, NULL);
}

/* The one file of the bulk operation. */
static int name_file(const UploadReply *r, Bulk *bulk)
{
        WorkerBulkFile file = {
                .index = JOB_REPLY_INDEX,
                .size_bytes = r->size_bytes,
                .modified_sec = r->modified_sec,
        };
        WorkerBulkFiles files = {.files = &file, .files_len = 1};
        const char *leaf;
        int k = path_split(r->local, &file.dir, &leaf);

        if (k < 0)
                return k;
        file.leaf = mem_strdup(leaf);
        k = file.leaf ? bulk_add(bulk, &files) : -ENOMEM;
        mem_free(file.dir);
        mem_free(file.leaf);
        return k;
}

static void start_sync(UploadReply *r)
{
        ReplySync *s = mem_new(ReplySync);
        JobError error = fetch_no_memory();

        if (!s) {
                end(r, &error);
                return;
        }
        *s = (ReplySync){.task = {.run = run_sync, .done = sync_done}, .reply = r};
        s->bulk.what = (WorkerBulk){.op = r->op, .kind = WORKER_BULK_SYNC, .job = r->job};
        list_init(&s->task.link);
        if (name_file(r, &s->bulk) < 0 || disk_submit(r->host.host->disk, &s->task) < 0) {
                free_sync(s);
                end(r, &error);
                return;
        }
        r->sync = s;
}

static void on_whole(UploadReply *r, const TransferEvent *ev)
{
        JobError error = fetch_no_memory();

        int k = str_replace(&r->etag, ev->etag);

        r->size_bytes = ev->size_bytes;
        r->modified_sec = ev->modified_sec;
        r->fetch = fetch_free(r->fetch); /* `ev` pointed into it */
        if (k < 0)
                end(r, &error);
        else
                start_sync(r);
}

/* How much is kept, so that a later attempt goes on there. */
static void report_kept(UploadReply *r, const TransferEvent *last)
{
        TransferEvent ev = *last;

        ev.kind = TRANSFER_PROGRESS;
        ev.etag = NULL;
        ev.result = S_OK;
        ev.error = (JobError){.file_index = JOB_NO_FILE};
        emit(r, &ev);
}

static void on_fetch_event(void *ctx, const TransferEvent *ev)
{
        UploadReply *r = ctx;
        JobError error = ev->error;

        switch (ev->kind) {
        case TRANSFER_META:
        case TRANSFER_PROGRESS:
                emit(r, ev);
                break;
        case TRANSFER_DONE:
                on_whole(r, ev);
                break;
        case TRANSFER_FAILED:
                report_kept(r, ev);
                r->fetch = fetch_free(r->fetch);
                end(r, &error);
                break;
        case TRANSFER_STOPPED:
                report_kept(r, ev);
                break;
        default:
                break;
        }
}

/* What the download is to do; goes on with what is there only if it comes from the same place. */
static int make_start(const WorkerStart *upload, const char *url, bool foreign, bool keep_out,
                      WorkerStart *ret)
{
        const WorkerReply *known = &upload->reply;
        bool same = str_equal(known->remote, url);
        WorkerStart s = {
                .op = upload->op,
                .job = upload->job,
                .type = BG_JOB_TYPE_DOWNLOAD,
                .pace = upload->pace,
                .file_index = JOB_REPLY_INDEX,
                .remote = mem_strdup(url),
                .local = mem_strdup(known->local),
                .size_bytes = same ? known->size_bytes : BG_SIZE_UNKNOWN,
                .done_bytes = same ? known->done_bytes : 0,
                .synced_bytes = same ? known->synced_bytes : 0,
                .etag = mem_strdup(same ? known->etag : NULL),
                .modified_sec = same ? known->modified_sec : FILE_NO_TIME,
                .proxy_usage = upload->proxy_usage,
                .proxy_list = mem_strdup(upload->proxy_list),
                .proxy_bypass = mem_strdup(upload->proxy_bypass),
                .credentials = auth_set_ref(upload->credentials),
                .foreign = foreign,
                .keep_out = keep_out,
        };

        if (!s.remote || !s.local || (same && known->etag && !s.etag) ||
            (upload->proxy_list && !s.proxy_list) || (upload->proxy_bypass && !s.proxy_bypass)) {
                worker_start_done(&s);
                return -ENOMEM;
        }
        *ret = s;
        return 0;
}

/* Where the reply is, before a byte of it is there. */
static void announce(UploadReply *r, const WorkerStart *s)
{
        TransferEvent ev = {
                .kind = TRANSFER_META,
                .op = r->op,
                .file_index = JOB_REPLY_INDEX,
                .size_bytes = s->size_bytes,
                .done_bytes = s->done_bytes,
                .synced_bytes = s->synced_bytes,
                .etag = s->etag,
                .modified_sec = s->modified_sec,
                .error = {.file_index = JOB_NO_FILE},
        };

        emit(r, &ev);
}

int upload_reply_start(const UploadReplyHost *host, const WorkerStart *start, const char *url,
                       bool foreign, bool keep_out, UploadReply **ret, JobError *ret_error)
{
        _cleanup_(upload_reply_freep) UploadReply *r = mem_new(UploadReply);
        WorkerStart fetch_start;
        int failed;

        *ret_error = fetch_no_memory();
        if (!r)
                return 1;
        r->host = *host;
        r->own = *host->host;
        r->own.emit = on_fetch_event;
        r->own.ctx = r;
        r->op = start->op;
        r->job = start->job;
        r->url = mem_strdup(url);
        r->local = mem_strdup(start->reply.local);
        if (!r->url || !r->local || make_start(start, url, foreign, keep_out, &fetch_start) < 0)
                return 1;
        announce(r, &fetch_start);
        failed = download_start(&r->own, &fetch_start, &r->fetch, ret_error);
        worker_start_done(&fetch_start);
        if (failed)
                return 1;
        *ret = TAKE_PTR(r);
        return 0;
}

void upload_reply_tick(UploadReply *r)
{
        if (r->fetch)
                r->fetch->type->tick(r->fetch);
}

void upload_reply_stored(UploadReply *r)
{
        if (r->fetch)
                r->fetch->type->session_stored(r->fetch);
}

UploadReply *upload_reply_stop(UploadReply *r)
{
        if (r->fetch)
                r->fetch->type->stop(r->fetch);
        return upload_reply_free(r);
}

UploadReply *upload_reply_free(UploadReply *r)
{
        if (!r)
                return NULL;
        if (r->sync)
                r->sync->reply = NULL;
        fetch_free(r->fetch);
        mem_free(r->url);
        mem_free(r->local);
        mem_free(r->etag);
        mem_free(r);
        return NULL;
}
