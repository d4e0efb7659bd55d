/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker that a server has taken over may say about its operations, as far as bitsd's own
 * check lets it through (daemon/worker_op.h): the engine keeps its sums, claims no more bytes than
 * a file has, and comes to hold nothing that the store would refuse. */
#include <errno.h>
#include <string.h>

#include "daemon/worker_op.h"
#include "engine/job_error.h"
#include "fake_rig.h"
#include "store/stored.h"

#include "fuzz.h"

enum {
        OPS_MAX = 64,
        JOBS = 3,
        TEXT_MAX_BYTES = 400,
        SESSION_MAX_BYTES = 64,
        TOKENS = 8,
};

typedef struct LiveOp {
        uint64_t number; /* 0: none */
        WorkerOpRules rules;
} LiveOp;

/* The worker does nothing but talk. */
typedef struct Play {
        FuzzInput in;
        FakeRig rig;
        LiveOp ops[OPS_MAX];
        GUID jobs[JOBS];
        uint64_t next_token;
} Play;

/* ---- port "transfer" ---- */

static int note_op(Play *p, uint64_t number, WorkerOpRules rules)
{
        for (size_t i = 0; i < OPS_MAX; i++) {
                if (p->ops[i].number == 0) {
                        p->ops[i] = (LiveOp){number, rules};
                        return 0;
                }
        }
        return -EBUSY;
}

static int start(void *ctx, uint64_t op, const Job *job, const JobFile *file)
{
        bool is_download = job->type == BG_JOB_TYPE_DOWNLOAD;

        return note_op(ctx, op,
                       (WorkerOpRules){.kind = is_download ? WORKER_OP_DOWNLOAD : WORKER_OP_UPLOAD,
                                       .file_index = file->index,
                                       .has_reply = !is_download && job->reply});
}

static int sync_job(void *ctx, uint64_t op, const Job *job)
{
        (void) job;
        return note_op(ctx, op, (WorkerOpRules){.kind = WORKER_OP_SYNC});
}

static int publish(void *ctx, uint64_t op, const Job *job)
{
        (void) job;
        return note_op(ctx, op, (WorkerOpRules){.kind = WORKER_OP_PUBLISH});
}

static int discard(void *ctx, uint64_t op, const Job *job)
{
        (void) job;
        return note_op(ctx, op, (WorkerOpRules){.kind = WORKER_OP_DISCARD});
}

static int farewell(void *ctx, uint64_t op, const Job *job)
{
        (void) job;
        return note_op(ctx, op, (WorkerOpRules){.kind = WORKER_OP_FAREWELL});
}

static void note_number(void *ctx, uint64_t op)
{
        Play *p = ctx;

        FUZZ_CHECK(op != 0 && p->rig.m);
}

static void take_limits(void *ctx, const TransferLimits *limits)
{
        (void) ctx;
        FUZZ_CHECK(limits->level_bps[BG_JOB_PRIORITY_FOREGROUND] == UINT64_MAX);
}

static void retune(void *ctx, uint64_t op, const Job *job)
{
        (void) job;
        note_number(ctx, op);
}

static HRESULT check_destination(void *ctx, uint32_t owner_uid, const char *local)
{
        Play *p = ctx;

        return p->rig.m && owner_uid == FAKE_USER.uid && *local ? S_OK : E_ACCESSDENIED;
}

static void wrap_ports(void *ctx, ManagerPorts *ports)
{
        ports->transfer = (TransferPort){.start = start,
                                         .stop = note_number,
                                         .sync = sync_job,
                                         .publish = publish,
                                         .discard = discard,
                                         .farewell = farewell,
                                         .session_stored = note_number,
                                         .check_destination = check_destination,
                                         .set_limits = take_limits,
                                         .retune = retune,
                                         .ctx = ctx};
}

/* ---- what the worker says ---- */

static HRESULT some_result(Play *p)
{
        static const HRESULT results[] = {
                S_OK,
                BG_S_UNABLE_TO_DELETE_FILES,
                BITS_E_WORKER_LOST,
                BG_E_NETWORK_DISCONNECTED,
                BG_E_BLOCKED_BY_POLICY,
                BG_E_HTTP_ERROR_404,
                E_ACCESSDENIED,
                BG_E_LOCAL_FILE_CHANGED,
                BG_E_SESSION_NOT_FOUND,
                (HRESULT) 0x80070070, /* the disk is full */
                (HRESULT) 0x80072efd,
        };
        unsigned n = fuzz_below(&p->in, ARRAY_LEN(results) + 1);

        return n < ARRAY_LEN(results) ? results[n] : (HRESULT) fuzz_number(&p->in);
}

static JobError some_error(Play *p, HRESULT result)
{
        char *text = fuzz_line(&p->in, TEXT_MAX_BYTES);
        JobError error = job_error_make(result, (BG_ERROR_CONTEXT) fuzz_below(&p->in, 7),
                                        (int32_t) fuzz_below(&p->in, 5) - 1, text);

        mem_free(text);
        error.fatal |= fuzz_bool(&p->in);
        error.event_driven |= fuzz_bool(&p->in);
        error.http_status = (int32_t) fuzz_number(&p->in);
        error.retry_after_sec = (uint32_t) fuzz_number(&p->in);
        return error;
}

/* A size near a border as often as any other. */
static uint64_t some_size(Play *p)
{
        static const uint64_t sizes[] = {0,         1,        1000,           INT64_MAX - 1,
                                         INT64_MAX, 1u << 31, BG_SIZE_UNKNOWN};
        unsigned n = fuzz_below(&p->in, ARRAY_LEN(sizes) + 1);

        return n < ARRAY_LEN(sizes) ? sizes[n] : fuzz_number(&p->in);
}

/* A session has bytes, and only META of a reply an address: others end at the check. */
static void add_extras(Play *p, TransferEvent *ev, char **text)
{
        static const uint8_t session[SESSION_MAX_BYTES] = {1};

        *text = fuzz_line(&p->in, TEXT_MAX_BYTES);
        if (ev->kind == TRANSFER_SESSION) {
                ev->session = session;
                ev->session_bytes = fuzz_below(&p->in, SESSION_MAX_BYTES) + 1;
                ev->durable = fuzz_bool(&p->in);
        } else if (ev->kind == TRANSFER_PACE) {
                ev->pace = (TransferPaceKind) fuzz_below(&p->in, PACE_KIND_MAX);
        } else if (ev->file_index == JOB_REPLY_INDEX && fuzz_bool(&p->in)) {
                ev->reply_url = *text;
        } else if (**text) {
                ev->etag = *text;
        }
}

static void say(Play *p)
{
        LiveOp *op = &p->ops[fuzz_below(&p->in, OPS_MAX)];
        TransferEvent ev = {.op = op->number, .modified_sec = FILE_NO_TIME};
        bool ends = false;
        char *text;

        ev.kind = (TransferEventKind) fuzz_below(&p->in, TRANSFER_EVENT_MAX);
        ev.file_index = fuzz_below(&p->in, 4);
        ev.size_bytes = some_size(p);
        ev.done_bytes = some_size(p);
        ev.synced_bytes = some_size(p);
        if (fuzz_bool(&p->in))
                ev.modified_sec = (int64_t) fuzz_number(&p->in);
        add_extras(p, &ev, &text);
        ev.result = some_result(p);
        if (FAILED(ev.result) && ev.kind != TRANSFER_FILE_PUBLISHED)
                ev.error = some_error(p, ev.result);
        if (op->number != 0 && worker_op_allows(&op->rules, &ev, &ends)) {
                if (ends)
                        *op = (LiveOp){0};
                manager_transfer_event(p->rig.m, &ev);
        }
        mem_free(text);
}

/* It ends, and with it all that it had. */
static void lose_worker(Play *p)
{
        for (size_t i = 0; i < OPS_MAX; i++) {
                LiveOp op = p->ops[i];
                TransferEvent ev;

                if (op.number == 0)
                        continue;
                p->ops[i] = (LiveOp){0};
                ev = worker_op_lost(&op.rules, op.number);
                manager_transfer_event(p->rig.m, &ev);
        }
}

/* ---- the play ---- */

static void call(Play *p)
{
        const GUID *id = &p->jobs[fuzz_below(&p->in, JOBS)];
        Manager *m = p->rig.m;

        switch (fuzz_below(&p->in, 6)) {
        case 0:
                (void) manager_suspend(m, &FAKE_USER, id);
                break;
        case 1:
                (void) manager_resume(m, &FAKE_USER, id);
                break;
        case 2:
                manager_complete(m, &FAKE_USER, id, 1 + p->next_token++ % TOKENS);
                break;
        case 3:
                manager_cancel(m, &FAKE_USER, id, 1 + p->next_token++ % TOKENS);
                break;
        case 4:
                (void) manager_set_priority(m, &FAKE_USER, id, fuzz_below(&p->in, 4));
                break;
        default:
                fake_rig_advance(&p->rig, fuzz_u8(&p->in) * 10 * USEC_PER_SEC);
                break;
        }
}

static void check_file(const JobFile *f)
{
        FUZZ_CHECK(!stored_file_bad_field(f));
        FUZZ_CHECK(f->synced_bytes <= f->done_bytes && f->done_bytes <= f->size_bytes);
}

static void check_job(Play *p, const GUID *id)
{
        const Job *job;
        uint64_t done = 0;

        if (FAILED(manager_read_job(p->rig.m, &FAKE_USER, id, &job)))
                return;
        FUZZ_CHECK(!stored_job_bad_field(job));
        for (uint32_t i = 0; i < job->files_len; i++) {
                check_file(job->files[i]);
                done += job->files[i]->done_bytes;
        }
        FUZZ_CHECK(done == job->bytes_done);
        if (job->reply)
                check_file(job->reply);
}

static void begin(Play *p)
{
        fake_rig_prepare(&p->rig, 1);
        p->rig.wrap_ports = wrap_ports;
        p->rig.wrap_ports_ctx = p;
        p->rig.policy.background_jobs = JOBS;
        FUZZ_CHECK(fake_rig_start(&p->rig));
        p->jobs[0] = fake_rig_resumed(&p->rig, 3);
        p->jobs[1] = fake_rig_upload(&p->rig, BG_JOB_TYPE_UPLOAD);
        p->jobs[2] = fake_rig_upload(&p->rig, BG_JOB_TYPE_UPLOAD_REPLY);
        for (size_t i = 1; i < JOBS; i++)
                FUZZ_CHECK(manager_resume(p->rig.m, &FAKE_USER, &p->jobs[i]) == S_OK);
        fake_rig_run(&p->rig);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        Play *p = mem_new(Play);

        FUZZ_CHECK(p);
        p->in = (FuzzInput){data, bytes};
        begin(p);
        while (p->in.left > 0) {
                unsigned what = fuzz_below(&p->in, 16);

                if (what == 0)
                        call(p);
                else if (what == 1 && fuzz_below(&p->in, 4) == 0)
                        lose_worker(p);
                else
                        say(p);
                fake_rig_run(&p->rig);
                for (size_t i = 0; i < JOBS; i++)
                        check_job(p, &p->jobs[i]);
        }
        FUZZ_CHECK(!p->rig.violation && !p->rig.store.violation);
        fake_rig_done(&p->rig);
        mem_free(p);
}
