/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/http_op.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "transfer/auth.h"
#include "transfer/http_lane.h"
#include "transfer/http_url.h"
#include "transfer/transfer_error.h"

#define SKIP_MAX_USEC (HTTP_SKIP_MAX_SEC * USEC_PER_SEC)
#define HEAD_MAX_USEC (300 * USEC_PER_SEC) /* from request to head, however it trickles */

struct HttpOp {
        HttpTicking ticking;
        HttpClient *client;
        CURL *easy;
        EventCurlTransfer transfer;
        PaceFlow flow;
        HttpRequest request;
        HttpHandler handler;
        struct curl_slist *fields;

        /* The hop. */
        HttpUrl url;
        uint32_t redirects;
        size_t proxy_nth;
        const char *proxy; /* borrowed from the plan */
        Auth auth;
        bool easy_is_used_up; /* credentials were given to the handle … */
        bool easy_is_odd;     /* … or it has a buffer of its own size */
        HttpLane *lane;       /* where requests with credentials go; NULL: not yet */
        uint32_t refusals;    /* heads of 401 and 407 to this request */
        bool asking;          /* the request is out; else heads are what a proxy says to CONNECT */

        HttpHead head;
        bool head_done;
        HttpTake take;
        bool abandoned;
        uint64_t skipped_bytes;
        JobError error;        /* our own verdict, which goes before curl's */
        uint64_t request_usec; /* when the request went out, 0 = not yet */
        uint64_t head_usec;
        uint64_t active_usec; /* last sign of life */
        uint64_t tick_usec;
        char curl_text[CURL_ERROR_SIZE];
};

static int64_t wall_sec(void)
{
        return (int64_t) (clock_wall_usec(&CLOCK_SYSTEM) / USEC_PER_SEC);
}

static JobError invalid_answer(const char *text)
{
        return transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_INVALID_SERVER_RESPONSE),
                                   BG_ERROR_CONTEXT_REMOTE_FILE, false, text);
}

static JobError bad_redirect(const char *text)
{
        return transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_REDIRECT_FAILED),
                                   BG_ERROR_CONTEXT_REMOTE_FILE, true, text);
}

static bool is_challenge(int status)
{
        return status == 401 || status == 407;
}

/* The head is whole: what happens to the body? */
static bool judge_head(HttpOp *op)
{
        op->head_done = true;
        op->head_usec = http_client_now_usec(op->client);
        if (op->head.malformed) {
                op->error = invalid_answer("the server's answer contradicts itself");
                return false;
        }
        if (is_challenge(op->head.status)) { /* curl goes on by itself, or on_challenge() will */
                op->take = HTTP_SKIP_BODY;
                op->asking = false;
                return auth_follows(
                        &op->auth, &op->refusals,
                        op->head.length_bytes == BG_SIZE_UNKNOWN ? 0 : op->head.length_bytes);
        }
        if (!http_head_is_redirect(&op->head))
                op->take = op->handler.head(op->handler.ctx, &op->head);
        else if (op->redirects < op->client->config->redirects_max)
                op->take = HTTP_SKIP_BODY;
        else
                op->error = bad_redirect("the server redirects too many times");
        op->abandoned = op->take == HTTP_ABANDON;
        if (op->abandoned || op->error.code != S_OK)
                return false;
        return op->take == HTTP_TAKE_BODY || op->head.length_bytes == BG_SIZE_UNKNOWN ||
               op->head.length_bytes <= HTTP_SKIP_MAX_BYTES;
}

/* curl keeps every trailer until the end of the transfer, so they count like the head. A verdict
 * that is made stands. */
static bool trailer_fits(HttpOp *op, size_t n)
{
        op->head.seen_bytes += n;
        if (op->head.seen_bytes <= HTTP_HEAD_MAX_BYTES)
                return true;
        if (op->take == HTTP_TAKE_BODY)
                op->error = invalid_answer("the trailer of the server's answer is too long");
        return false;
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata)
{
        HttpOp *op = userdata;
        int r;

        op->active_usec = http_client_now_usec(op->client);
        if (!op->asking)
                return auth_heads_are_few(&op->refusals, data, n) ? n : 0;
        if (op->head_done) {
                if (n < 5 || memcmp(data, "HTTP/", 5) != 0)
                        return trailer_fits(op, n) ? n : 0;
                op->head_done = false;
        }
        r = http_head_feed(&op->head, data, n, wall_sec());
        if (r < 0) {
                op->error = invalid_answer("the head of the server's answer is too long");
                return 0;
        }
        return r == 1 && !judge_head(op) ? 0 : n;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
        HttpOp *op = userdata;

        op->active_usec = http_client_now_usec(op->client);
        if (op->abandoned || op->error.code != S_OK)
                return 0; /* curl does not listen to that while it goes on after a pause */
        if (!pace_flow_may_take(&op->flow, n))
                return CURL_WRITEFUNC_PAUSE;
        if (!op->head_done) {
                op->error = invalid_answer("the server sent a body without a head");
                return 0;
        }
        if (op->take == HTTP_SKIP_BODY) {
                op->skipped_bytes += n;
                return op->skipped_bytes > HTTP_SKIP_MAX_BYTES ? 0 : n;
        }
        if (op->handler.body(op->handler.ctx, data, n))
                return n;
        op->abandoned = true;
        return 0;
}

static int on_request(void *userdata, char *peer, char *own, int peer_port, int own_port)
{
        HttpOp *op = userdata;

        op->request_usec = op->active_usec = http_client_now_usec(op->client);
        op->head_done = false; /* of the request before, which was challenged */
        op->asking = true;
        pace_flow_connected(&op->flow, &(PaceEnds){peer, own_port, peer_port});
        if (!op->request.keep_out || !http_client_keeps_out(peer, op->proxy, op->url.scheme))
                return CURL_PREREQFUNC_OK;
        op->error = transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT),
                                        BG_ERROR_CONTEXT_REMOTE_FILE, false,
                                        "the server points into the local machine or link");
        return CURL_PREREQFUNC_ABORT;
}

/* A new connection, maybe in the middle: curl asks again when an idle one was closed. */
static int on_socket(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
        HttpOp *op = userdata;

        op->asking = false;
        return CURL_SOCKOPT_OK;
}

static void finish(HttpOp *op, HttpOutcome outcome, JobError error)
{
        transfer_error_set_host(&error, op->url.host);
        list_remove(&op->ticking.link);
        op->handler.done(op->handler.ctx, outcome, &error); /* may free `op` */
}

static int set_hop_options(HttpOp *op)
{
        CURL *e = op->easy;

        if (http_client_set_proxy(e, op->proxy) < 0 ||
            curl_easy_setopt(e, CURLOPT_URL, op->url.text) ||
            curl_easy_setopt(e, CURLOPT_HTTPHEADER, op->fields) ||
            curl_easy_setopt(e, CURLOPT_PIPEWAIT, str_equal(op->url.scheme, "https") ? 1L : 0L) ||
            curl_easy_setopt(e, CURLOPT_HEADERDATA, op) ||
            curl_easy_setopt(e, CURLOPT_WRITEDATA, op) ||
            curl_easy_setopt(e, CURLOPT_PREREQDATA, op) ||
            curl_easy_setopt(e, CURLOPT_SOCKOPTDATA, op) ||
            curl_easy_setopt(e, CURLOPT_ERRORBUFFER, op->curl_text))
                return -ENOMEM;
        return auth_apply(&op->auth, e);
}

static CURL *new_handle(const HttpClient *c, long buffer_bytes);

/* Credentials go only where the job's own URL points. */
static int prepare_auth(HttpOp *op)
{
        bool direct = op->proxy && *op->proxy == '\0';

        (void) auth_hop(&op->auth,
                        !op->request.foreign && http_url_same_origin(op->request.url, op->url.text),
                        !direct);
        auth_expect_digest(&op->auth);
        if (op->easy_is_used_up) {
                curl_easy_cleanup(op->easy);
                op->easy_is_used_up = false;
                op->easy = new_handle(op->client, pace_task_buffer_bytes(op->request.task));
                if (!op->easy)
                        return -ENOMEM;
        }
        op->easy_is_used_up = auth_is_applied(&op->auth);
        if (auth_binds_connection(&op->auth) &&
            curl_easy_setopt(op->easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1))
                return -ENOMEM;
        return http_lane_fit(op->client, &op->auth, op->request.task, &op->lane);
}

/* Sends the request of this hop through the nth proxy. 0, -ENOENT when there is none, -ENOMEM. */
static int start_hop(HttpOp *op)
{
        int r;

        if (!proxy_plan_pick(op->request.proxies, op->url.scheme, op->url.host, op->proxy_nth,
                             &op->proxy))
                return -ENOENT;
        r = prepare_auth(op);
        if (r < 0)
                return r;
        op->refusals = 0;
        op->asking = false;
        op->head = (HttpHead){0};
        op->head_done = false;
        op->take = HTTP_SKIP_BODY;
        op->skipped_bytes = 0;
        op->request_usec = op->active_usec = 0;
        op->curl_text[0] = '\0';
        r = set_hop_options(op);
        if (r < 0)
                return r;
        return pace_flow_begin(&op->flow, op->easy,
                               http_lane_curl(op->client, op->lane, op->request.task),
                               &op->transfer);
}

static JobError hop_error(int r)
{
        switch (r) {
        case -EINVAL:
                return bad_redirect("the server redirects to something that is no address");
        case -EPROTONOSUPPORT:
                return bad_redirect("the server redirects to a scheme that is not followed");
        default:
                return transfer_error_make(E_OUTOFMEMORY, BG_ERROR_CONTEXT_GENERAL_TRANSPORT, false,
                                           "out of memory");
        }
}

static void follow(HttpOp *op)
{
        int r = http_url_resolve(&op->url, op->head.location);

        if (r == 0) {
                op->redirects++;
                op->proxy_nth = 0;
                auth_forget(&op->auth);
                r = start_hop(op);
        }
        if (r < 0)
                finish(op, HTTP_FAILED, hop_error(r));
}

/* The next proxy may do better when this one was not even reached. */
static bool try_next_proxy(HttpOp *op, CURLcode code)
{
        if (op->request_usec != 0 || !http_client_proxy_failed(code))
                return false;
        op->proxy_nth++;
        auth_forget(&op->auth);
        return start_hop(op) == 0;
}

static void on_challenge(HttpOp *op, int status)
{
        int r;

        op->easy_is_used_up = true; /* curl remembers what it was asked for */
        if (!auth_challenged(&op->auth, op->easy, status)) {
                finish(op, HTTP_FAILED, auth_error(&op->auth, status));
                return;
        }
        r = start_hop(op);
        if (r < 0)
                finish(op, HTTP_FAILED, hop_error(r));
}

/* curl has no line of a head over 100 KiB, and calls that a lack of memory. */
static JobError error_of(HttpOp *op, CURLcode code)
{
        if (code == CURLE_OUT_OF_MEMORY && !op->transfer.starved && op->request_usec != 0 &&
            !op->head_done)
                return invalid_answer("a line in the head of the server's answer is too long");
        return transfer_error_curl(op->easy, code, op->curl_text);
}

static void on_done(void *ctx, CURLcode code)
{
        HttpOp *op = ctx;
        bool skipped = op->head_done && op->take == HTTP_SKIP_BODY;

        pace_flow_end(&op->flow);
        if (op->error.code != S_OK)
                finish(op, HTTP_FAILED, op->error);
        else if (op->abandoned)
                finish(op, HTTP_ABANDONED, (JobError){0});
        else if (skipped && is_challenge(op->head.status))
                on_challenge(op, op->head.status);
        else if (op->request_usec == 0 && transfer_error_connect_status(op->easy) == 407)
                on_challenge(op, 407);
        else if (skipped && http_head_is_redirect(&op->head))
                follow(op);
        else if (skipped || (code == CURLE_OK && op->head_done))
                finish(op, HTTP_COMPLETE, (JobError){0});
        else if (code == CURLE_OK)
                finish(op, HTTP_FAILED, invalid_answer("the server's answer has no head"));
        else if (!try_next_proxy(op, code))
                finish(op, HTTP_FAILED, error_of(op, code));
}

static int add_field(struct curl_slist **list, const char *text)
{
        struct curl_slist *grown = curl_slist_append(*list, text);

        if (!grown)
                return -ENOMEM;
        *list = grown;
        return 0;
}

static int make_fields(HttpOp *op)
{
        char range[HTTP_RANGE_BYTES], text[HTTP_ETAG_BYTES + HTTP_RANGE_BYTES];
        int r = add_field(&op->fields, "Accept-Encoding: identity");

        if (r < 0 || op->request.from_byte == 0)
                return r;
        http_range_format_from(op->request.from_byte, range);
        (void) snprintf(text, sizeof(text), "Range: %s", range); /* fits */
        r = add_field(&op->fields, text);
        if (r < 0 || !op->request.if_range)
                return r;
        if ((size_t) snprintf(text, sizeof(text), "If-Range: %s", op->request.if_range) >=
            sizeof(text))
                return -EINVAL;
        return add_field(&op->fields, text);
}

static CURL *new_handle(const HttpClient *c, long buffer_bytes)
{
        CURL *e = curl_easy_init();

        if (e && (http_client_set_up(c, e) < 0 || curl_easy_setopt(e, CURLOPT_HTTPGET, 1L) ||
                  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS) ||
                  curl_easy_setopt(e, CURLOPT_BUFFERSIZE, buffer_bytes) ||
                  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) ||
                  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) ||
                  curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_socket) ||
                  curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_request))) {
                curl_easy_cleanup(e);
                return NULL;
        }
        return e;
}

static void on_tick(HttpTicking *t, uint64_t now, bool was_blocked);

int http_op_start(HttpClient *c, const HttpRequest *request, const HttpHandler *handler,
                  HttpOp **ret)
{
        _cleanup_(http_op_freep) HttpOp *op = mem_new(HttpOp);
        long buffer_bytes = pace_task_buffer_bytes(request->task);
        int r;

        if (!op)
                return -ENOMEM;
        op->client = c;
        op->ticking.tick = on_tick;
        list_init(&op->ticking.link);
        op->request = *request;
        op->handler = *handler;
        auth_init(&op->auth, request->credentials);
        pace_flow_init(&op->flow, c->pace, request->task, false);
        op->transfer = (EventCurlTransfer){.done = on_done, .ctx = op};
        op->easy_is_odd = buffer_bytes != PACE_BUFFER_BYTES;
        op->easy = c->spare_len > 0 && !op->easy_is_odd ? c->spare[--c->spare_len]
                                                        : new_handle(c, buffer_bytes);
        if (!op->easy)
                return -ENOMEM;
        r = http_url_resolve(&op->url, request->url);
        if (r < 0)
                return r;
        r = make_fields(op);
        if (r < 0)
                return r;
        r = start_hop(op);
        if (r < 0)
                return r;
        list_append(&c->ticking, &op->ticking.link);
        *ret = TAKE_PTR(op);
        return 0;
}

HttpOp *http_op_free(HttpOp *op)
{
        if (!op)
                return NULL;
        list_remove(&op->ticking.link);
        if (op->easy) {
                pace_flow_stop(&op->flow, &op->transfer);
                /* The handle must not point into the freed operation. */
                (void) curl_easy_setopt(op->easy, CURLOPT_HTTPHEADER, NULL);
                (void) curl_easy_setopt(op->easy, CURLOPT_ERRORBUFFER, NULL);
                if (!op->easy_is_used_up && !op->easy_is_odd &&
                    op->client->spare_len < HTTP_SPARE_HANDLES)
                        op->client->spare[op->client->spare_len++] = op->easy;
                else
                        curl_easy_cleanup(op->easy);
        }
        http_lane_unref(op->lane);
        auth_done(&op->auth);
        curl_slist_free_all(op->fields);
        http_url_done(&op->url);
        mem_free(op);
        return NULL;
}

static void end_silent(HttpOp *op, const char *text)
{
        pace_flow_stop(&op->flow, &op->transfer);
        if (op->head_done && op->take == HTTP_SKIP_BODY)
                on_done(op, CURLE_OK);
        else
                finish(op, HTTP_FAILED,
                       transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_TIMEOUT),
                                           BG_ERROR_CONTEXT_REMOTE_FILE, false, text));
}

static void on_tick(HttpTicking *t, uint64_t now, bool was_blocked)
{
        HttpOp *op = list_item(&t->link, HttpOp, ticking.link);
        uint64_t stall_usec = op->client->config->stall_timeout_sec * USEC_PER_SEC;

        if (was_blocked || pace_flow_is_held(&op->flow)) {
                op->active_usec = now;
                if (op->request_usec != 0) /* the head may have to wait, too */
                        op->request_usec += now - MAX(op->tick_usec, op->request_usec);
        }
        op->tick_usec = now;
        if (op->request_usec == 0)
                return; /* waits for a connection; curl's own time-out runs */
        if (now - op->active_usec >= stall_usec)
                end_silent(op, "the server has sent nothing for too long");
        else if (!op->head_done && now - op->request_usec >= HEAD_MAX_USEC)
                end_silent(op, "the server's answer did not begin in time");
        else if (op->head_done && op->take == HTTP_SKIP_BODY &&
                 now - op->head_usec >= SKIP_MAX_USEC)
                end_silent(op, "the server's error text did not end in time");
}
