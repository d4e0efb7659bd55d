/* SPDX-License-Identifier: Apache-2.0 */
#include "up_port.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "transfer/transfer_error.h"

enum { PREFIX_BYTES = 4 }; /* of a message: its length */

static UpPort *led; /* upload.c is handed no context for its files */

UpPort *up_port_current(void)
{
        return led;
}

static void end(void *ctx, FakeOp *op)
{
        UpOp *u = op->upload;
        UpPort *p = ctx;

        op->upload = NULL;
        if (p->current == u)
                p->current = NULL;
        (void) fetch_free(u->fetch);
        free(u->told);
        free(u);
}

static void keep_told(UpOp *u, const TransferEvent *ev)
{
        free(u->told);
        u->told = malloc(ev->session_bytes + 1);
        if (!u->told)
                abort();
        memcpy(u->told, ev->session, ev->session_bytes);
        u->told_bytes = ev->session_bytes;
}

static void emit(void *ctx, const TransferEvent *ev)
{
        UpOp *u = ctx;
        UpPort *p = u->port;
        TransferEvent copy = *ev;

        switch (ev->kind) {
        case TRANSFER_DONE:
        case TRANSFER_FAILED:
        case TRANSFER_STOPPED:
        case TRANSFER_FAREWELL:
                fake_op_end(p->transfer, p->m, u->op, &copy);
                return;
        case TRANSFER_SESSION:
                if (ev->durable) {
                        u->op->waits = true;
                        keep_told(u, ev);
                }
                break;
        default:
                break;
        }
        manager_transfer_event(p->m, &copy);
}

/* As the worker is told. */
static void decode_start(UpOp *u, const Job *job, WorkerMsg *ret)
{
        Buf b;

        buf_init(&b, WORKER_MSG_MAX_BYTES);
        if (u->op->kind == FAKE_FAREWELL)
                worker_msg_encode_farewell(&b, u->op->op, job, NULL);
        else
                worker_msg_encode_start(&b, u->op->op, job, job->files[0], NULL);
        if (buf_error(&b) < 0 ||
            worker_msg_decode(b.data + PREFIX_BYTES, b.len - PREFIX_BYTES, ret) < 0)
                abort();
        buf_done(&b);
}

static void begin(void *ctx, FakeOp *op, const Job *job)
{
        UpPort *p = ctx;
        UpOp *u = calloc(1, sizeof(*u));
        WorkerMsg msg;
        int r;

        if (!u)
                abort();
        *u = (UpOp){.port = p, .op = op};
        u->host = (FetchHost){.http = &p->http, .emit = emit, .ctx = u};
        op->upload = u;
        decode_start(u, job, &msg);
        p->current = u;
        led = p;
        r = op->kind == FAKE_FAREWELL ? upload_farewell(&u->host, &msg.start, &u->fetch, &u->failed)
                                      : upload_start(&u->host, &msg.start, &u->fetch, &u->failed);
        up_server_check(&p->server, (r == 0) == (u->fetch != NULL), "an upload half begun");
        led = NULL;
        p->current = NULL;
        worker_msg_done(&msg);
}

/* As worker.c says it. */
static void emit_no_start(UpOp *u)
{
        TransferEvent ev = {
                .kind = u->op->kind == FAKE_FAREWELL ? TRANSFER_FAREWELL : TRANSFER_FAILED,
                .op = u->op->op,
                .size_bytes = BG_SIZE_UNKNOWN,
                .modified_sec = FILE_NO_TIME,
                .error = u->failed,
                .result = u->failed.code,
        };

        ev.error.file_index = u->op->kind == FAKE_FAREWELL ? JOB_NO_FILE : 0;
        emit(u, &ev);
}

static void step(UpPort *p, UpOp *u)
{
        const FetchType *type = u->fetch->type;

        if (u->op->stopped && !u->stop_told && fake_random_chance(&p->random, 700)) {
                u->stop_told = true;
                type->stop(u->fetch);
        } else if (u->stored) {
                u->stored = false;
                type->session_stored(u->fetch);
        } else if (u->op->waits) {
                return;
        } else if (u->turn) {
                sd_event_handler_t turn = u->turn;

                u->turn = NULL;
                (void) turn(NULL, u->turn_ctx);
        } else if (u->reply) {
                up_reply_step(u->reply);
        } else if (u->post && up_wire_is_busy(u->post)) {
                up_wire_step(u->post);
        }
}

static void change_source(UpPort *p, const FakeOp *op)
{
        const FakeTransfer *t = p->transfer;

        if (op->source && t->faults.source > 0 &&
            fake_random_chance(&p->random, t->faults.source / 5))
                fake_disk_remote(t->disk, op->source)->version++;
}

static void walk(void *ctx, Manager *m, FakeOp *op)
{
        UpPort *p = ctx;
        UpOp *u = op->upload;

        p->server.now_sec = 1790000000 + (int64_t) (*p->elapsed_usec / USEC_PER_SEC);
        up_server_disturb(&p->server);
        change_source(p, op);
        p->m = m;
        p->current = u;
        led = p;
        if (!u->fetch)
                emit_no_start(u);
        else if (fake_random_chance(&p->random, 200))
                u->fetch->type->tick(u->fetch);
        else
                step(p, u);
        p->current = NULL;
        led = NULL;
        if (p->server.broken)
                p->transfer->violation = p->server.broken;
}

static const char *stored(void *ctx, FakeOp *op, const Job *job)
{
        UpOp *u = op->upload;

        u->stored = true;
        if (!job || job->session_bytes != u->told_bytes ||
            memcmp(job->session, u->told, u->told_bytes) != 0)
                return "told that a session is stored which is not";
        return NULL;
}

static const FakeUploader UPLOADER = {begin, walk, stored, end};

void up_port_init(UpPort *p, const bool *trace, FakeTransfer *t, FakeClock *clock,
                  const uint64_t *elapsed_usec, uint64_t seed)
{
        *p = (UpPort){.trace = trace, .transfer = t, .clock = clock, .elapsed_usec = elapsed_usec};
        fake_random_init(&p->random, seed ^ 0xb175);
        transfer_config_init(&p->config);
        p->config.upload_fragment_bytes =
                5 * 1024 * (1 + (uint32_t) fake_random_below(&p->random, 3));
        p->http.config = &p->config;
        up_server_init(&p->server, &p->random);
        t->uploader = &UPLOADER;
        t->uploader_ctx = p;
}

void up_port_done(UpPort *p)
{
        up_server_done(&p->server);
        transfer_config_done(&p->config);
}
