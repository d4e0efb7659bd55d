/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/http_op.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/str.h"
#include "transfer/event_curl.h"
#include "transfer/transfer_error.h"

#define HOST_BYTES 256
#define SCHEME_BYTES 8
#define SPARE_HANDLES 16
#define RECEIVE_BUFFER_BYTES (256L * 1024)
/* An unwanted body is worth reading when that is cheaper than a new connection. */
#define SKIP_MAX_BYTES (64 * 1024)
#define SKIP_MAX_USEC (5 * USEC_PER_SEC)
/* Longer than between two ticks: the loop itself stood still, for a slow disk perhaps, and the
 * silence was ours. */
#define BLOCKED_USEC (5 * USEC_PER_SEC)
#define HEAD_MAX_USEC (300 * USEC_PER_SEC) /* from request to head, however it trickles */

struct HttpClient {
        sd_event *loop;               /* borrowed */
        const TransferConfig *config; /* borrowed */
        EventCurl *curl;
        List ops;
        uint64_t tick_usec; /* the last one */
        CURL *spare[SPARE_HANDLES];
        size_t spare_len;
};

struct HttpOp {
        HttpClient *client;
        List link;
        CURL *easy;
        EventCurlTransfer transfer;
        HttpRequest request;
        HttpHandler handler;
        struct curl_slist *fields;

        /* The hop. */
        char *url;
        char scheme[SCHEME_BYTES];
        char host[HOST_BYTES];
        uint32_t redirects;
        size_t proxy_nth;

        HttpHead head;
        bool head_done;
        HttpTake take;
        bool abandoned;
        uint64_t skipped_bytes;
        JobError error;        /* our own verdict, which goes before curl's */
        uint64_t request_usec; /* when the request went out, 0 = not yet */
        uint64_t head_usec;
        uint64_t active_usec; /* last sign of life */
        char curl_text[CURL_ERROR_SIZE];
};

static uint64_t now_usec(HttpClient *c)
{
        uint64_t now = 0;

        (void) sd_event_now(c->loop, CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
        return now;
}

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

/* The head is whole: what happens to the body? */
static bool judge_head(HttpOp *op)
{
        op->head_done = true;
        op->head_usec = now_usec(op->client);
        if (op->head.malformed) {
                op->error = invalid_answer("the server's answer contradicts itself");
                return false;
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
               op->head.length_bytes <= SKIP_MAX_BYTES;
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata)
{
        HttpOp *op = userdata;
        int r;

        op->active_usec = now_usec(op->client);
        if (op->head_done) {
                if (n < 5 || memcmp(data, "HTTP/", 5) != 0)
                        return n; /* a trailer */
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

        op->active_usec = now_usec(op->client);
        if (!op->head_done) {
                op->error = invalid_answer("the server sent a body without a head");
                return 0;
        }
        if (op->take == HTTP_SKIP_BODY) {
                op->skipped_bytes += n;
                return op->skipped_bytes > SKIP_MAX_BYTES ? 0 : n;
        }
        if (op->handler.body(op->handler.ctx, data, n))
                return n;
        op->abandoned = true;
        return 0;
}

static int on_request(void *userdata, char *peer, char *own, int peer_port, int own_port)
{
        HttpOp *op = userdata;

        op->request_usec = op->active_usec = now_usec(op->client);
        return CURL_PREREQFUNC_OK;
}

static void finish(HttpOp *op, HttpOutcome outcome, JobError error)
{
        transfer_error_set_host(&error, op->host);
        list_remove(&op->link);
        op->handler.done(op->handler.ctx, outcome, &error); /* may free `op` */
}

static int set_hop_options(HttpOp *op, const char *proxy)
{
        CURL *e = op->easy;

        /* An explicit proxy is used whatever no_proxy in the environment says. */
        if (curl_easy_setopt(e, CURLOPT_URL, op->url) ||
            curl_easy_setopt(e, CURLOPT_PROXY, proxy) ||
            curl_easy_setopt(e, CURLOPT_NOPROXY, proxy ? "" : NULL) ||
            curl_easy_setopt(e, CURLOPT_HTTPHEADER, op->fields) ||
            curl_easy_setopt(e, CURLOPT_PIPEWAIT, str_equal(op->scheme, "https") ? 1L : 0L) ||
            curl_easy_setopt(e, CURLOPT_HEADERDATA, op) ||
            curl_easy_setopt(e, CURLOPT_WRITEDATA, op) ||
            curl_easy_setopt(e, CURLOPT_PREREQDATA, op) ||
            curl_easy_setopt(e, CURLOPT_ERRORBUFFER, op->curl_text))
                return -ENOMEM;
        return 0;
}

/* Sends the request of this hop through the nth proxy. 0, -ENOENT when there is none, -ENOMEM. */
static int start_hop(HttpOp *op)
{
        const char *proxy;
        int r;

        if (!proxy_plan_pick(op->request.proxies, op->scheme, op->host, op->proxy_nth, &proxy))
                return -ENOENT;
        op->head = (HttpHead){0};
        op->head_done = false;
        op->take = HTTP_SKIP_BODY;
        op->skipped_bytes = 0;
        op->request_usec = op->active_usec = 0;
        op->curl_text[0] = '\0';
        r = set_hop_options(op, proxy);
        if (r < 0)
                return r;
        return event_curl_add(op->client->curl, op->easy, &op->transfer);
}

static int copy_url_part(CURLU *u, CURLUPart part, char *dst, size_t dst_bytes)
{
        char *text = NULL;
        int r = 0;

        if (curl_url_get(u, part, &text, 0) != CURLUE_OK)
                return -EINVAL;
        if (strlen(text) < dst_bytes)
                (void) str_copy(dst, dst_bytes, text);
        else
                r = -EINVAL;
        curl_free(text);
        return r;
}

/* Makes `target` (which may be relative to the URL of the last hop) the URL of the next one.
 * 0, -EINVAL for no URL, -EPROTONOSUPPORT for a scheme that must not be followed, -ENOMEM. */
static int set_url(HttpOp *op, const char *target)
{
        const unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE | CURLU_ALLOW_SPACE;
        char scheme[SCHEME_BYTES], host[HOST_BYTES], *text = NULL, *copy;
        CURLU *u = curl_url();
        int r = 0;

        if (!u)
                return -ENOMEM;
        if ((op->url && curl_url_set(u, CURLUPART_URL, op->url, flags) != CURLUE_OK) ||
            curl_url_set(u, CURLUPART_URL, target, flags) != CURLUE_OK ||
            copy_url_part(u, CURLUPART_HOST, host, sizeof(host)) < 0)
                r = -EINVAL;
        else if (copy_url_part(u, CURLUPART_SCHEME, scheme, sizeof(scheme)) < 0 ||
                 (!str_equal(scheme, "https") &&
                  (!str_equal(scheme, "http") || str_equal(op->scheme, "https"))))
                r = -EPROTONOSUPPORT;
        else if (curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK)
                r = -ENOMEM;
        curl_url_cleanup(u);
        if (r < 0)
                return r;

        copy = mem_strdup(text);
        curl_free(text);
        if (!copy)
                return -ENOMEM;
        mem_free(op->url);
        op->url = copy;
        memcpy(op->scheme, scheme, sizeof(scheme));
        memcpy(op->host, host, sizeof(host));
        return 0;
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
        int r = set_url(op, op->head.location);

        if (r == 0) {
                op->redirects++;
                op->proxy_nth = 0;
                r = start_hop(op);
        }
        if (r < 0)
                finish(op, HTTP_FAILED, hop_error(r));
}

/* The next proxy may do better when this one was not even reached. */
static bool try_next_proxy(HttpOp *op, CURLcode code)
{
        if (op->request_usec != 0)
                return false;
        if (code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_PROXY &&
            code != CURLE_PROXY && code != CURLE_OPERATION_TIMEDOUT && code != CURLE_RECV_ERROR &&
            code != CURLE_SEND_ERROR)
                return false;
        op->proxy_nth++;
        return start_hop(op) == 0;
}

static void on_done(void *ctx, CURLcode code)
{
        HttpOp *op = ctx;
        bool skipped = op->head_done && op->take == HTTP_SKIP_BODY;

        if (op->error.code != S_OK)
                finish(op, HTTP_FAILED, op->error);
        else if (op->abandoned)
                finish(op, HTTP_ABANDONED, (JobError){0});
        else if (skipped && http_head_is_redirect(&op->head))
                follow(op);
        else if (skipped || (code == CURLE_OK && op->head_done))
                finish(op, HTTP_COMPLETE, (JobError){0});
        else if (code == CURLE_OK)
                finish(op, HTTP_FAILED, invalid_answer("the server's answer has no head"));
        else if (!try_next_proxy(op, code))
                finish(op, HTTP_FAILED, transfer_error_curl(op->easy, code, op->curl_text));
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

typedef struct NumberOption {
        CURLoption option;
        long value;
} NumberOption;

/* What never changes. QUICK_EXIT: ending a request does not wait for a name server that does not
 * answer. */
static const NumberOption NUMBERS[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_QUICK_EXIT, 1},
        {CURLOPT_HTTPGET, 1},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
        {CURLOPT_HTTP_CONTENT_DECODING, 0},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
        {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES},
};

static int set_fixed_options(CURL *e, const TransferConfig *config)
{
        const char *agent = config->user_agent ?: "bitsd/" BITSD_VERSION;

        for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++)
                if (curl_easy_setopt(e, NUMBERS[i].option, NUMBERS[i].value))
                        return -ENOMEM;
        if (curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") ||
            (config->ca_bundle && curl_easy_setopt(e, CURLOPT_CAINFO, config->ca_bundle)) ||
            curl_easy_setopt(e, CURLOPT_USERAGENT, agent) ||
            curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long) config->connect_timeout_sec) ||
            curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) ||
            curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) ||
            curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_request))
                return -ENOMEM;
        return 0;
}

static CURL *new_handle(const TransferConfig *config)
{
        CURL *e = curl_easy_init();

        if (e && set_fixed_options(e, config) < 0) {
                curl_easy_cleanup(e);
                return NULL;
        }
        return e;
}

int http_op_start(HttpClient *c, const HttpRequest *request, const HttpHandler *handler,
                  HttpOp **ret)
{
        _cleanup_(http_op_freep) HttpOp *op = mem_new(HttpOp);
        int r;

        if (!op)
                return -ENOMEM;
        op->client = c;
        list_init(&op->link);
        op->request = *request;
        op->handler = *handler;
        op->transfer = (EventCurlTransfer){.done = on_done, .ctx = op};
        op->easy = c->spare_len > 0 ? c->spare[--c->spare_len] : new_handle(c->config);
        if (!op->easy)
                return -ENOMEM;
        r = set_url(op, request->url);
        if (r < 0)
                return r;
        r = make_fields(op);
        if (r < 0)
                return r;
        r = start_hop(op);
        if (r < 0)
                return r;
        list_append(&c->ops, &op->link);
        *ret = TAKE_PTR(op);
        return 0;
}

HttpOp *http_op_free(HttpOp *op)
{
        if (!op)
                return NULL;
        list_remove(&op->link);
        if (op->easy) {
                event_curl_remove(op->client->curl, op->easy, &op->transfer);
                /* The handle must not point into the freed operation. */
                (void) curl_easy_setopt(op->easy, CURLOPT_HTTPHEADER, NULL);
                (void) curl_easy_setopt(op->easy, CURLOPT_ERRORBUFFER, NULL);
                if (op->client->spare_len < SPARE_HANDLES)
                        op->client->spare[op->client->spare_len++] = op->easy;
                else
                        curl_easy_cleanup(op->easy);
        }
        curl_slist_free_all(op->fields);
        mem_free(op->url);
        mem_free(op);
        return NULL;
}

int http_client_new(sd_event *loop, const TransferConfig *config, HttpClient **ret)
{
        _cleanup_(http_client_freep) HttpClient *c = mem_new(HttpClient);
        int r;

        if (!c)
                return -ENOMEM;
        c->loop = loop;
        c->config = config;
        list_init(&c->ops);
        r = event_curl_new(loop, (long) config->connections_per_host, &c->curl);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

HttpClient *http_client_free(HttpClient *c)
{
        if (!c)
                return NULL;
        while (c->spare_len > 0)
                curl_easy_cleanup(c->spare[--c->spare_len]);
        event_curl_free(c->curl);
        mem_free(c);
        return NULL;
}

static void end_silent(HttpOp *op, const char *text)
{
        event_curl_remove(op->client->curl, op->easy, &op->transfer);
        if (op->head_done && op->take == HTTP_SKIP_BODY)
                on_done(op, CURLE_OK);
        else
                finish(op, HTTP_FAILED,
                       transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_TIMEOUT),
                                           BG_ERROR_CONTEXT_REMOTE_FILE, false, text));
}

void http_client_tick(HttpClient *c)
{
        uint64_t stall_usec = c->config->stall_timeout_sec * USEC_PER_SEC;
        uint64_t now = now_usec(c);

        bool was_blocked = now - c->tick_usec >= BLOCKED_USEC;

        c->tick_usec = now;
        LIST_FOREACH (it, &c->ops) {
                HttpOp *op = list_item(it, HttpOp, link);

                if (was_blocked)
                        op->active_usec = now;
                if (op->request_usec == 0)
                        continue; /* waits for a connection; curl's own time-out runs */
                if (now - op->active_usec >= stall_usec)
                        end_silent(op, "the server has sent nothing for too long");
                else if (!op->head_done && now - op->request_usec >= HEAD_MAX_USEC)
                        end_silent(op, "the server's answer did not begin in time");
                else if (op->head_done && op->take == HTTP_SKIP_BODY &&
                         now - op->head_usec >= SKIP_MAX_USEC)
                        end_silent(op, "the server's error text did not end in time");
        }
}
