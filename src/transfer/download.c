/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/download.h"

#include <errno.h>

#include "transfer/target.h"
#include "transfer/transfer_error.h"
#include "transfer/validator.h"

typedef struct Download {
        Fetch fetch;
        FetchHost host;
        Target target;
        ProxyPlan proxies;
        HttpOp *request;
        char if_range[VALIDATOR_TEXT_BYTES];

        /* The request under way. */
        uint64_t from_byte;
        uint64_t end_bytes; /* where its body must end; BG_SIZE_UNKNOWN: where the framing says */
        Verdict verdict;
        JobError error;  /* our own verdict on the answer or the file */
        bool whole_only; /* a part was of no use once; no more of them */
        bool held_up;    /* given up, to be made again once the target is held no more … */
        bool idle;       /* … and over */
} Download;

static JobError short_body(void)
{
        return transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR),
                                   BG_ERROR_CONTEXT_REMOTE_FILE, false,
                                   "the server closed the connection before the end of the file");
}

static JobError long_body(void)
{
        return transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_INVALID_SERVER_RESPONSE),
                                   BG_ERROR_CONTEXT_REMOTE_FILE, false,
                                   "the server sent more than the file has");
}

static Validator validator_of(const Download *d)
{
        return (Validator){
                .etag = d->target.etag[0] != '\0' ? d->target.etag : NULL,
                .modified_sec = d->target.modified_sec,
                .size_bytes = d->target.size_bytes,
                .from_byte = d->from_byte,
        };
}

static void accept_whole(Download *d, const HttpHead *head, uint64_t size_bytes)
{
        TargetVersion version = {
                .etag = head->etag,
                .modified_sec = validator_strong_modified(head),
                .file_time_sec = head->modified_sec,
                .size_bytes = size_bytes,
        };

        target_begin(&d->target, &version, &d->error);
}

static HttpTake on_head(void *ctx, const HttpHead *head)
{
        Download *d = ctx;
        Validator v = validator_of(d);
        uint64_t size_bytes;

        d->verdict = validator_judge(&v, head, &d->error);
        if (d->verdict == VERDICT_FAIL || d->verdict == VERDICT_RETRY)
                return head->status == 200 || head->status == 206 ? HTTP_ABANDON : HTTP_SKIP_BODY;

        target_connected(&d->target);
        validator_extent(&v, head, &d->end_bytes, &size_bytes);
        if (d->verdict == VERDICT_WHOLE)
                accept_whole(d, head, size_bytes);
        else
                target_continue(&d->target, d->from_byte, size_bytes, head->modified_sec,
                                &d->error);
        /* Rare, so another request later costs less than a way to let this one wait. */
        d->held_up = d->target.held;
        return d->error.code == S_OK && !d->held_up ? HTTP_TAKE_BODY : HTTP_ABANDON;
}

static bool on_body(void *ctx, const void *data, size_t bytes)
{
        Download *d = ctx;

        if (d->end_bytes != BG_SIZE_UNKNOWN &&
            bytes > d->end_bytes - d->target.file.written_bytes) {
                d->error = long_body();
                return false;
        }
        return target_append(&d->target, data, bytes, &d->error);
}

static void on_done(void *ctx, HttpOutcome outcome, const JobError *error);

/* Asks for what is missing. 0, or 1 with *ret_error. */
static int ask(Download *d, JobError *ret_error)
{
        const HttpHandler handler = {on_head, on_body, on_done, d};
        HttpRequest request = {
                .url = d->target.start.remote,
                .proxies = &d->proxies,
                .credentials = d->target.start.credentials,
                .task = d->target.start.pace,
                .foreign = d->target.start.foreign,
                .keep_out = d->target.start.keep_out,
        };
        Validator v;
        int r;

        d->from_byte = d->whole_only ? 0
                                     : validator_resume_from(d->target.file.written_bytes,
                                                             d->target.size_bytes);
        d->verdict = VERDICT_FAIL;
        d->error = (JobError){.code = S_OK};
        d->request = http_op_free(d->request);
        v = validator_of(d);
        request.from_byte = d->from_byte;
        if (d->from_byte > 0 && validator_if_range(&v, d->if_range))
                request.if_range = d->if_range;
        r = http_op_start(d->host.http, &request, &handler, &d->request);
        if (r == 0)
                return 0;
        *ret_error = fetch_url_error(r);
        return 1;
}

static void ask_again(Download *d)
{
        JobError error;

        if (ask(d, &error) != 0)
                target_fail(&d->target, &error);
}

static void ask_when_stored(Download *d)
{
        if (!d->idle || d->target.held)
                return;
        d->idle = d->held_up = false;
        ask_again(d);
}

/* The framing was kept to the end. Is the file whole? */
static void on_complete(Download *d)
{
        Target *t = &d->target;
        uint64_t done = t->file.written_bytes;

        if (d->end_bytes != BG_SIZE_UNKNOWN && done < d->end_bytes) {
                d->error = short_body();
                target_fail(t, &d->error);
        } else if (t->size_bytes != BG_SIZE_UNKNOWN && done < t->size_bytes) {
                /* A server may send less than was asked for, as long as it goes on. */
                if (done > d->from_byte) {
                        ask_again(d);
                } else {
                        d->error = short_body();
                        target_fail(t, &d->error);
                }
        } else {
                target_finish(t);
        }
}

static void on_done(void *ctx, HttpOutcome outcome, const JobError *error)
{
        Download *d = ctx;

        if (d->error.code != S_OK) {
                transfer_error_set_host(&d->error, error->host);
                target_fail(&d->target, &d->error);
        } else if (d->held_up) {
                d->idle = true;
                ask_when_stored(d);
        } else if (d->verdict == VERDICT_RETRY) {
                d->whole_only = true;
                ask_again(d);
        } else if (outcome == HTTP_COMPLETE) {
                on_complete(d);
        } else {
                target_fail(&d->target, error);
        }
}

static Fetch *download_free(Fetch *f)
{
        Download *d = (Download *) f;

        http_op_free(d->request);
        target_done(&d->target);
        proxy_plan_done(&d->proxies);
        mem_free(d);
        return NULL;
}

static void download_stop(Fetch *f)
{
        Download *d = (Download *) f;

        d->request = http_op_free(d->request);
        target_stop(&d->target);
}

static void download_tick(Fetch *f)
{
        Download *d = (Download *) f;

        target_tick(&d->target);
}

static void download_session_stored(Fetch *f)
{
        Download *d = (Download *) f;

        if (!d->target.held)
                return;
        target_stored(&d->target);
        ask_when_stored(d);
}

static const FetchType DOWNLOAD = {download_free, download_stop, download_tick,
                                   download_session_stored};

int download_start(const FetchHost *host, WorkerStart *take_start, Fetch **ret, JobError *ret_error)
{
        _cleanup_(fetch_freep) Fetch *f = NULL;
        Download *d = mem_new(Download);

        if (!d) {
                *ret_error = fetch_no_memory();
                return 1;
        }
        f = &d->fetch;
        f->type = &DOWNLOAD;
        d->host = *host;
        target_init(&d->target, &d->host, take_start, ret_error);
        if (ret_error->code != S_OK ||
            fetch_init_proxies(&d->target.start, &d->proxies, ret_error) != 0 ||
            ask(d, ret_error) != 0)
                return 1;
        *ret = TAKE_PTR(f);
        return 0;
}
