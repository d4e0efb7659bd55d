/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "transfer/download.h"
#include "transfer/local_copy.h"
#include "transfer/publish.h"
#include "transfer/transfer_error.h"
#include "transfer/upload.h"

#define TICK_USEC (250 * USEC_PER_MSEC)
#define TICK_ACCURACY_USEC (10 * USEC_PER_MSEC)
#define OUT_EAGER_BYTES 65536 /* so much waits for the end of the turn and no more */
#define OPS_MAX 65536

struct Worker {
        sd_event *loop;
        WorkerLink link;
        sd_event_source *io;
        sd_event_source *flush; /* once a turn: many small events travel together */
        sd_event_source *tick;  /* while there are fetches */
        TransferConfig config;
        bool configured;
        HttpClient *http;
        Disk *disk;
        FetchHost host;
        Hash *ops;      /* of WorkerOp, by number */
        List auth_sets; /* of AuthSet, those in use */
        size_t fetches;
        mode_t file_mode;
};

typedef struct WorkerOp {
        uint64_t op;
        Fetch *fetch; /* a start */
        Bulk bulk;    /* all others */
        DiskTask task;
        PaceTask pace; /* a start or a farewell */
        Worker *worker;
} WorkerOp;

/* Nothing is left to do for a process whose broker is gone or talks nonsense. Its files may stay
 * as they are at any time. */
_noreturn_ static void leave(const char *why)
{
        if (why)
                log_error("worker: %s", why);
        _exit(why ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void flush(Worker *w)
{
        int r = worker_link_flush(&w->link);

        if (r < 0)
                leave(NULL);
        (void) sd_event_source_set_io_events(w->io, EPOLLIN | (r == 0 ? EPOLLOUT : 0u));
}

static int on_flush(sd_event_source *source, void *userdata)
{
        flush(userdata);
        return 0;
}

static void send_out(Worker *w)
{
        if (buf_error(&w->link.out) < 0)
                leave("out of memory");
        if (w->link.out.len > OUT_EAGER_BYTES)
                flush(w);
        else
                (void) sd_event_source_set_enabled(w->flush, SD_EVENT_ONESHOT);
}

static void send_event(Worker *w, const TransferEvent *ev)
{
        worker_msg_encode_event(&w->link.out, ev);
        send_out(w);
}

static WorkerOp *op_free(WorkerOp *op)
{
        if (!op)
                return NULL;
        fetch_free(op->fetch);
        pace_task_done(&op->pace);
        bulk_done(&op->bulk);
        mem_free(op);
        return NULL;
}
DEFINE_CLEANUP(WorkerOp *, op_free)

static void end_op(Worker *w, WorkerOp *op)
{
        hash_remove(w->ops, &op->op);
        if (op->fetch && --w->fetches == 0)
                (void) sd_event_source_set_enabled(w->tick, SD_EVENT_OFF);
        op_free(op);
}

static void on_fetch_event(void *ctx, const TransferEvent *ev)
{
        Worker *w = ctx;
        WorkerOp *op;

        send_event(w, ev);
        if (ev->kind != TRANSFER_DONE && ev->kind != TRANSFER_FAILED &&
            ev->kind != TRANSFER_STOPPED && ev->kind != TRANSFER_FAREWELL)
                return;
        op = hash_get(w->ops, &ev->op);
        if (op)
                end_op(w, op);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
        Worker *w = userdata;
        size_t pos = 0;
        WorkerOp *op;

        (void) sd_event_source_set_time_relative(source, TICK_USEC);
        while ((op = hash_next(w->ops, &pos)))
                if (op->fetch)
                        op->fetch->type->tick(op->fetch);
        http_client_tick(w->http); /* may end fetches, so not from inside the walk above */
        return 0;
}

static WorkerOp *new_op(Worker *w, uint64_t number)
{
        _cleanup_(op_freep) WorkerOp *op = NULL;

        if (hash_size(w->ops) >= OPS_MAX)
                leave("too many operations");
        op = mem_new(WorkerOp);
        if (!op)
                leave("out of memory");
        op->op = number;
        op->worker = w;
        if (hash_put(w->ops, &op->op, op) < 0)
                leave("an operation began twice");
        return TAKE_PTR(op);
}

static void on_pace(void *ctx, uint64_t op, uint32_t file_index, TransferPaceKind kind)
{
        const TransferEvent ev = {
                .kind = TRANSFER_PACE,
                .op = op,
                .file_index = file_index,
                .modified_sec = FILE_NO_TIME,
                .error = {.file_index = JOB_NO_FILE},
                .pace = kind,
        };

        send_event(ctx, &ev);
}

static void on_lines(void *ctx, const LineReport *report)
{
        Worker *w = ctx;

        worker_msg_encode_lines(&w->link.out, report);
        send_out(w);
}

static void on_config(Worker *w, WorkerMsg *m)
{
        const PaceHost pace_host = {on_pace, on_lines, w};
        int r;

        if (w->configured)
                leave("configured twice");
        w->config = m->config;
        m->config = (TransferConfig){0};
        w->configured = true;
        /* curl looks these up by itself, for every scheme anew; no thread runs yet. */
        if ((w->config.http_proxy && setenv("http_proxy", w->config.http_proxy, 1) < 0) ||
            (w->config.https_proxy && setenv("https_proxy", w->config.https_proxy, 1) < 0) ||
            (w->config.no_proxy && setenv("no_proxy", w->config.no_proxy, 1) < 0))
                leave("out of memory");
        r = http_client_new(w->loop, &w->config, &pace_host, &w->http);
        if (r < 0)
                leave("no HTTP client");
        w->host = (FetchHost){w->loop, w->http, w->disk, on_fetch_event, w};
}

static void count_fetch(Worker *w)
{
        if (w->fetches++ > 0)
                return;
        (void) sd_event_source_set_time_relative(w->tick, TICK_USEC);
        (void) sd_event_source_set_enabled(w->tick, SD_EVENT_ON);
}

/* Files of one job bring the same credentials, and guarded memory is dear: they share one set. */
static void share_credentials(Worker *w, WorkerStart *s)
{
        if (!s->credentials)
                return;
        LIST_FOREACH (it, &w->auth_sets) {
                AuthSet *known = list_item(it, AuthSet, link);

                if (!auth_set_equal(known, s->credentials))
                        continue;
                auth_set_unref(s->credentials);
                s->credentials = auth_set_ref(known);
                return;
        }
        list_append(&w->auth_sets, &s->credentials->link);
}

/* Whose bytes an operation moves, and under what limits. */
static void init_pace(Worker *w, WorkerOp *op, WorkerStart *s)
{
        if (pace_task_init(&op->pace, w->http->pace, &s->job, s->op, s->file_index, s->priority,
                           s->limit_bps) < 0)
                leave("out of memory");
        s->pace = &op->pace;
}

static void on_limits(Worker *w, WorkerMsg *m)
{
        pace_set_limits(w->http->pace, &m->limits);
}

static void on_retune(Worker *w, WorkerMsg *m)
{
        WorkerOp *op = hash_get(w->ops, &m->retune.op);

        if (op && op->pace.pace) /* else it ended meanwhile */
                pace_task_retune(&op->pace, m->retune.priority, m->retune.limit_bps);
}

static void on_start(Worker *w, WorkerMsg *m)
{
        WorkerStart *s = &m->start;
        TransferEvent failed = {
                .kind = TRANSFER_FAILED,
                .op = s->op,
                .file_index = s->file_index,
                .size_bytes = s->size_bytes,
                .done_bytes = s->done_bytes,
                .synced_bytes = s->synced_bytes,
                .modified_sec = FILE_NO_TIME,
        };
        WorkerOp *op = new_op(w, s->op);
        int r;

        share_credentials(w, s);
        init_pace(w, op, s);
        if (s->type != BG_JOB_TYPE_DOWNLOAD)
                r = upload_start(&w->host, s, &op->fetch, &failed.error);
        else if (local_copy_handles(s->remote))
                r = local_copy_start(&w->host, s, &op->fetch, &failed.error);
        else
                r = download_start(&w->host, s, &op->fetch, &failed.error);
        if (r == 0) {
                count_fetch(w);
                return;
        }
        failed.result = failed.error.code;
        failed.error.file_index = (int32_t) failed.file_index;
        send_event(w, &failed);
        end_op(w, op);
}

static void on_farewell(Worker *w, WorkerMsg *m)
{
        TransferEvent failed = {
                .kind = TRANSFER_FAREWELL,
                .op = m->start.op,
                .modified_sec = FILE_NO_TIME,
        };
        WorkerOp *op = new_op(w, m->start.op);

        init_pace(w, op, &m->start);
        if (upload_farewell(&w->host, &m->start, &op->fetch, &failed.error) == 0) {
                count_fetch(w);
                return;
        }
        failed.result = failed.error.code;
        send_event(w, &failed);
        end_op(w, op);
}

static void on_session_stored(Worker *w, WorkerMsg *m)
{
        WorkerOp *op = hash_get(w->ops, &m->number);

        if (op && op->fetch)
                op->fetch->type->session_stored(op->fetch);
}

static void on_stop(Worker *w, WorkerMsg *m)
{
        WorkerOp *op = hash_get(w->ops, &m->number);

        if (op && op->fetch) /* else it ended meanwhile, and has said so */
                op->fetch->type->stop(op->fetch);
}

static void on_ping(Worker *w, WorkerMsg *m)
{
        worker_msg_encode_pong(&w->link.out);
        send_out(w);
}

static void run_bulk(DiskTask *task)
{
        WorkerOp *op = list_item(&task->link, WorkerOp, task.link);

        switch (op->bulk.what.kind) {
        case WORKER_BULK_SYNC:
                bulk_sync(&op->bulk);
                break;
        case WORKER_BULK_PUBLISH:
                bulk_publish(&op->bulk);
                break;
        default:
                bulk_discard(&op->bulk);
                break;
        }
}

static void bulk_finished(DiskTask *task)
{
        static const TransferEventKind KINDS[WORKER_BULK_KIND_MAX] = {
                [WORKER_BULK_SYNC] = TRANSFER_SYNCED,
                [WORKER_BULK_PUBLISH] = TRANSFER_PUBLISHED,
                [WORKER_BULK_DISCARD] = TRANSFER_DISCARDED,
        };
        WorkerOp *op = list_item(&task->link, WorkerOp, task.link);
        Bulk *b = &op->bulk;
        TransferEvent ev = {
                .op = op->op,
                .modified_sec = FILE_NO_TIME,
                .error = {.file_index = JOB_NO_FILE},
        };

        for (size_t i = 0; i < b->files_len && b->what.kind == WORKER_BULK_PUBLISH; i++) {
                ev.kind = TRANSFER_FILE_PUBLISHED;
                ev.file_index = b->files[i].file.index;
                ev.result = b->files[i].result;
                send_event(op->worker, &ev);
        }
        ev.kind = KINDS[b->what.kind];
        ev.file_index = 0;
        ev.result = b->result;
        ev.error = b->error;
        send_event(op->worker, &ev);
        end_op(op->worker, op);
}

static void on_bulk(Worker *w, WorkerMsg *m)
{
        WorkerOp *op = new_op(w, m->bulk.op);

        op->bulk.what = m->bulk;
        op->bulk.file_mode = w->file_mode;
        op->bulk.error.file_index = JOB_NO_FILE;
        op->task = (DiskTask){.run = run_bulk, .done = bulk_finished};
}

static void on_bulk_files(Worker *w, WorkerMsg *m)
{
        WorkerOp *op = hash_get(w->ops, &m->bulk_files.op);

        /* `op` is given to the thread with the last message; run is set until then. */
        if (!op || op->fetch || !op->task.run || op->task.link.next)
                leave("files for no operation");
        if (bulk_add(&op->bulk, &m->bulk_files) < 0)
                leave("out of memory");
        if (!m->bulk_files.last)
                return;
        list_init(&op->task.link);
        if (disk_submit(w->disk, &op->task) < 0)
                leave("no disk thread");
}

static void dispatch(Worker *w, WorkerMsg *m)
{
        static void (*const HANDLERS[WORKER_MSG_MAX])(Worker *, WorkerMsg *) = {
                [WORKER_MSG_CONFIG] = on_config,
                [WORKER_MSG_START] = on_start,
                [WORKER_MSG_STOP] = on_stop,
                [WORKER_MSG_FAREWELL] = on_farewell,
                [WORKER_MSG_SESSION_STORED] = on_session_stored,
                [WORKER_MSG_BULK] = on_bulk,
                [WORKER_MSG_BULK_FILES] = on_bulk_files,
                [WORKER_MSG_PING] = on_ping,
                [WORKER_MSG_LIMITS] = on_limits,
                [WORKER_MSG_RETUNE] = on_retune,
        };

        if (!HANDLERS[m->kind] || (!w->configured && m->kind != WORKER_MSG_CONFIG))
                leave("a message out of turn");
        HANDLERS[m->kind](w, m);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Worker *w = userdata;
        WorkerMsg m;
        int r;

        if (revents & EPOLLOUT)
                flush(w);
        if (!(revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                return 0;
        r = worker_link_fill(&w->link);
        if (r == -EAGAIN)
                return 0;
        if (r <= 0)
                leave(NULL);
        while ((r = worker_link_next(&w->link, &m)) > 0) {
                dispatch(w, &m);
                worker_msg_done(&m);
        }
        if (r < 0)
                leave("a malformed message");
        return 0;
}

static int add_sources(Worker *w)
{
        int r = sd_event_add_io(w->loop, &w->io, w->link.fd, EPOLLIN, on_io, w);

        if (r < 0)
                return r;
        r = sd_event_add_defer(w->loop, &w->flush, on_flush, w);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(w->flush, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(w->loop, &w->tick, CLOCK_MONOTONIC, TICK_USEC,
                                       TICK_ACCURACY_USEC, on_tick, w);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(w->tick, SD_EVENT_OFF);
}

int worker_new(sd_event *loop, int take_fd, Worker **ret)
{
        _cleanup_close_ int fd = take_fd;
        _cleanup_(worker_freep) Worker *w = mem_new(Worker);
        uint64_t seed;
        mode_t mask;
        int r;

        if (!w)
                return -ENOMEM;
        worker_link_init(&w->link, TAKE_FD(fd));
        list_init(&w->auth_sets);
        w->loop = sd_event_ref(loop);
        mask = umask(077); /* can only be read by setting it; nothing runs beside yet */
        (void) umask(mask);
        w->file_mode = 0666 & ~mask;
        r = fd_random(&seed, sizeof(seed));
        if (r < 0)
                return r;
        w->ops = hash_new(sizeof(uint64_t), seed);
        if (!w->ops)
                return -ENOMEM;
        r = disk_new(loop, &w->disk);
        if (r < 0)
                return r;
        r = add_sources(w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

Worker *worker_free(Worker *w)
{
        size_t pos = 0;
        WorkerOp *op;

        if (!w)
                return NULL;
        disk_free(w->disk); /* first, since its tasks use the operations */
        while (w->ops && (op = hash_next(w->ops, &pos)))
                op_free(op);
        hash_free(w->ops);
        http_client_free(w->http);
        sd_event_source_disable_unref(w->io);
        sd_event_source_disable_unref(w->flush);
        sd_event_source_disable_unref(w->tick);
        worker_link_done(&w->link);
        transfer_config_done(&w->config);
        sd_event_unref(w->loop);
        mem_free(w);
        return NULL;
}
