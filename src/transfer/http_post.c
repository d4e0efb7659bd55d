/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/http_post.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "proto/bup_pace.h"
#include "transfer/ack_head.h"
#include "transfer/auth.h"
#include "transfer/http_lane.h"
#include "transfer/http_url.h"
#include "transfer/transfer_error.h"

/* A read of the file, and a trip round the loop, for so many bytes. */
#define UPLOAD_BUFFER_BYTES (1024L * 1024)
#define RECEIVE_BUFFER_BYTES (16L * 1024)

struct HttpPost {
        HttpTicking ticking;
        HttpClient *client;
        const ProxyPlan *proxies;
        HttpPostDone done;
        void *ctx;
        CURL *easy;
        EventCurlTransfer transfer;
        PaceFlow flow;
        PaceTask *task;
        HttpUrl url;
        HttpPacket packet;
        struct curl_slist *fields;
        size_t proxy_nth;
        const char *proxy; /* borrowed from the plan */
        Auth auth;
        bool easy_is_used_up; /* credentials were given to the handle */
        HttpLane *lane;       /* where packets with credentials go; NULL: not yet */
        uint32_t refusals;    /* heads of 401 and 407 to this packet */
        bool asking;          /* the packet is out; else heads are what a proxy says to CONNECT */

        /* This attempt to send it; curl may make a second one by itself, on a fresh connection. */
        bool kept_out;
        uint64_t read_bytes;    /* of the body, handed to curl */
        uint64_t request_mono;  /* when the request began to go out, 0 = not yet */
        uint64_t seen_bytes;    /* of the body, known to have left this machine … */
        uint64_t progress_usec; /* … since when */
        bool all_sent;          /* progress_usec is when the last byte left */
        uint64_t head_usec;
        bool head_done;
        bool head_began;
        bool ended_early; /* the answer says all there is to say: the rest is not waited for */
        uint64_t skipped_bytes;
        AckHead head;
        HttpAnswer answer;
        char curl_text[CURL_ERROR_SIZE];
};

static JobError invalid_answer(const char *text)
{
        return transfer_error_make(BG_E_INVALID_SERVER_RESPONSE, BG_ERROR_CONTEXT_REMOTE_FILE,
                                   false, text);
}

static JobError no_memory(void)
{
        return transfer_error_make(E_OUTOFMEMORY, BG_ERROR_CONTEXT_GENERAL_TRANSPORT, false,
                                   "out of memory");
}

static bool is_challenge(int status)
{
        return status == 401 || status == 407;
}

/* The head is whole. True when what may follow is worth waiting for: a short body, which nobody
 * wants, on a connection that somebody may want. An Ack has none; one that does not even say so
 * would be waited for until the server closes. */
static bool judge_head(HttpPost *p)
{
        const AckHead *h = &p->head;

        p->head_done = true;
        p->head_usec = http_client_now_usec(p->client);
        if (is_challenge(h->status))
                p->asking = false;
        if (is_challenge(h->status) && auth_is_applied(&p->auth))
                return (h->chunked || h->has_length) &&
                       auth_follows(&p->auth, &p->refusals, h->has_length ? h->length_bytes : 0);
        if (p->read_bytes < p->packet.request->body_bytes)
                return false; /* nobody listens any more */
        if (h->chunked)
                return true;
        return h->has_length && h->length_bytes <= HTTP_SKIP_MAX_BYTES;
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata)
{
        HttpPost *p = userdata;
        int r;

        if (!p->asking)
                return auth_heads_are_few(&p->refusals, data, n) ? n : 0;
        if (p->head_done) { /* a trailer; curl keeps them all */
                p->skipped_bytes += n;
                p->ended_early = p->skipped_bytes > HTTP_SKIP_MAX_BYTES;
                return p->ended_early ? 0 : n;
        }
        p->head_began = true;
        r = ack_head_feed(&p->head, data, n);
        if (r < 0) {
                p->answer.error = r == -ENOMEM ? no_memory()
                                               : invalid_answer("the head of the server's answer "
                                                                "cannot be read");
                return 0;
        }
        if (r == 0 || judge_head(p))
                return n;
        p->ended_early = true;
        return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
        HttpPost *p = userdata;

        if (!p->head_done) {
                p->answer.error = invalid_answer("the server sent a body without a head");
                return 0;
        }
        p->skipped_bytes += n;
        if (p->skipped_bytes <= HTTP_SKIP_MAX_BYTES)
                return n;
        p->ended_early = true;
        return 0;
}

static size_t on_read(char *data, size_t size, size_t n, void *userdata)
{
        HttpPost *p = userdata;
        const BupRequest *request = p->packet.request;
        uint64_t left = request->body_bytes - p->read_bytes;
        size_t room;
        ssize_t got;

        if (left == 0)
                return 0;
        room = pace_flow_may_send(&p->flow, (size_t) MIN((uint64_t) (size * n), left));
        if (room == 0)
                return CURL_READFUNC_PAUSE;
        do
                got = pread(p->packet.source_fd, data, room,
                            (off_t) (request->range.first_byte + p->read_bytes));
        while (got < 0 && errno == EINTR);
        if (got <= 0) {
                p->answer.source_failed = true;
                p->answer.source_shrank = got == 0;
                p->answer.error = transfer_error_local(got < 0 ? errno : ENODATA, "local file");
                return CURL_READFUNC_ABORT;
        }
        p->read_bytes += (uint64_t) got;
        pace_flow_sent(&p->flow, (size_t) got);
        return (size_t) got;
}

/* curl begins anew on another connection. */
static int on_seek(void *userdata, curl_off_t offset, int origin)
{
        HttpPost *p = userdata;

        if (origin != SEEK_SET || offset < 0 || (uint64_t) offset > p->packet.request->body_bytes)
                return CURL_SEEKFUNC_FAIL;
        p->read_bytes = (uint64_t) offset;
        return CURL_SEEKFUNC_OK;
}

static int on_request(void *userdata, char *peer, char *own, int peer_port, int own_port)
{
        HttpPost *p = userdata;

        p->kept_out = p->packet.keep_out && http_client_keeps_out(peer, p->proxy, p->url.scheme);
        if (p->kept_out)
                return CURL_PREREQFUNC_ABORT;
        p->answer.peer_is_local = http_client_keeps_out(peer, p->proxy, p->url.scheme);
        p->asking = true;
        pace_flow_connected(&p->flow, &(PaceEnds){peer, own_port, peer_port});
        p->head_done = p->head_began = false; /* of the request before, which was challenged */
        ack_head_clear(&p->head);
        p->skipped_bytes = 0;
        p->request_mono = clock_mono_usec(&CLOCK_SYSTEM);
        p->progress_usec = http_client_now_usec(p->client);
        p->seen_bytes = 0;
        p->all_sent = false;
        return CURL_PREREQFUNC_OK;
}

/* A new connection, maybe in the middle: curl asks again when an idle one was closed. */
static int on_socket(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
        HttpPost *p = userdata;

        p->asking = false;
        return CURL_SOCKOPT_OK;
}

static void finish(HttpPost *p)
{
        list_remove(&p->ticking.link);
        transfer_error_set_host(&p->answer.error, p->url.host);
        p->done(p->ctx, &p->answer); /* may send the next one, or free `p` */
}

/* What the exchange would have taken on a line of ours alone: sizes of fragments follow from it,
 * and should not shrink to nothing because somebody else was served first. Nor does a fragment that
 * stood back pass for a quick one. A limit is another matter: it lasts. */
static uint64_t paced_usec(const HttpPost *p, uint64_t usec)
{
        uint64_t least = MIN(usec, (uint64_t) BUP_FRAGMENT_SHORT_USEC);

        return MAX(usec - MIN(p->flow.yield_usec, usec - least), (uint64_t) 1);
}

static void answered(HttpPost *p)
{
        HttpAnswer *a = &p->answer;
        int64_t now_sec = (int64_t) (clock_wall_usec(&CLOCK_SYSTEM) / USEC_PER_SEC);

        a->answered = ack_head_read(&p->head, now_sec, &a->ack) == 0;
        if (!a->answered) {
                a->error = no_memory();
                a->failure = (BupFailure){.code = a->error.code, .maybe_received = true};
        }
        if (!is_challenge(p->head.status))
                auth_passed(&p->auth);
        a->exchange.usec = paced_usec(p, clock_mono_usec(&CLOCK_SYSTEM) - p->request_mono);
        a->exchange.connection_closed = p->head.closes || p->ended_early;
        finish(p);
}

static void failed(HttpPost *p, JobError error)
{
        HttpAnswer *a = &p->answer;
        curl_off_t sent = 0;

        (void) curl_easy_getinfo(p->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
        a->error = error;
        a->failure.code = error.code;
        /* Whoever did not answer said nothing about the file. */
        a->failure.context = p->head_began ? error.context : BG_ERROR_CONTEXT_GENERAL_TRANSPORT;
        a->failure.fatal = error.fatal;
        a->failure.maybe_received = p->request_mono != 0;
        a->failure.body_sent_bytes = p->request_mono != 0 ? (uint64_t) sent : 0;
        finish(p);
}

static void answered_challenge_of_proxy(HttpPost *p)
{
        p->head = (AckHead){.text = p->head.text, .status = 407, .closes = true};
        p->request_mono = clock_mono_usec(&CLOCK_SYSTEM);
        answered(p);
}

static int start_attempt(HttpPost *p);

static bool try_next_proxy(HttpPost *p, CURLcode code)
{
        if (p->request_mono != 0 || p->kept_out || !http_client_proxy_failed(code))
                return false;
        p->proxy_nth++;
        auth_forget(&p->auth);
        p->easy_is_used_up = true;
        return start_attempt(p) == 0;
}

/* A connection that was idle may have been closed by the server at any time. */
static bool lost_idle_connection(HttpPost *p, CURLcode code)
{
        long connects = 1;

        if (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR && code != CURLE_GOT_NOTHING)
                return false;
        (void) curl_easy_getinfo(p->easy, CURLINFO_NUM_CONNECTS, &connects);
        return connects == 0 && p->request_mono != 0 && !p->head_began;
}

static void on_done(void *ctx, CURLcode code)
{
        HttpPost *p = ctx;
        HttpAnswer *a = &p->answer;

        pace_flow_end(&p->flow);
        if (a->error.code != S_OK) {
                failed(p, a->error);
        } else if (p->kept_out) {
                failed(p, transfer_error_make(BG_E_CONNECT_FAILURE, BG_ERROR_CONTEXT_REMOTE_FILE,
                                              false,
                                              "the server points into the local machine or link"));
        } else if (p->head_done) {
                p->ended_early |= code != CURLE_OK;
                answered(p);
        } else if (p->request_mono == 0 && transfer_error_connect_status(p->easy) == 407) {
                answered_challenge_of_proxy(p);
        } else if (code == CURLE_OK) {
                failed(p, invalid_answer("the server's answer has no head"));
        } else if (code == CURLE_OUT_OF_MEMORY && !p->transfer.starved && p->request_mono != 0) {
                /* So curl calls a line of a head over 100 KiB. */
                failed(p, invalid_answer("a line in the head of the server's answer is too long"));
        } else if (!try_next_proxy(p, code)) {
                a->failure.reused_connection = lost_idle_connection(p, code);
                failed(p, transfer_error_curl(p->easy, code, p->curl_text));
        }
}

static void end_silent(HttpPost *p, const char *text)
{
        pace_flow_stop(&p->flow, &p->transfer);
        failed(p, transfer_error_make(HRESULT_FROM_WIN32(ERROR_WINHTTP_TIMEOUT),
                                      BG_ERROR_CONTEXT_REMOTE_FILE, false, text));
}

/* How much of the body has left this machine; what waits in the socket has not. */
static uint64_t sent_bytes(HttpPost *p)
{
        curl_off_t bytes = 0;
        int waiting = 0;

        (void) curl_easy_getinfo(p->easy, CURLINFO_SIZE_UPLOAD_T, &bytes);
        if (p->transfer.fd >= 0 && ioctl(p->transfer.fd, SIOCOUTQ, &waiting) == 0 && waiting > 0)
                bytes -= MIN((curl_off_t) waiting, bytes);
        return (uint64_t) bytes;
}

/* The server has closed its side and said nothing. curl would go on offering the body to it. */
static bool has_hung_up(const HttpPost *p)
{
        char byte;

        return p->transfer.fd >= 0 && recv(p->transfer.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void end_hung_up(HttpPost *p)
{
        pace_flow_stop(&p->flow, &p->transfer);
        failed(p, transfer_error_make(BG_E_CONNECTION_CLOSED, BG_ERROR_CONTEXT_REMOTE_FILE, false,
                                      "the server hung up in the middle"));
}

static void on_tick(HttpTicking *t, uint64_t now, bool was_blocked)
{
        HttpPost *p = list_item(&t->link, HttpPost, ticking.link);
        uint64_t sent, waited;

        if (p->request_mono == 0)
                return; /* waits for a connection; curl's own time-out runs */
        if (p->head_done) {
                if (now - p->head_usec >= HTTP_SKIP_MAX_SEC * USEC_PER_SEC) {
                        pace_flow_stop(&p->flow, &p->transfer);
                        p->ended_early = true;
                        answered(p);
                }
                return;
        }
        sent = sent_bytes(p);
        if (sent != p->seen_bytes || was_blocked || pace_flow_is_held(&p->flow))
                p->progress_usec = now;
        p->seen_bytes = sent;
        p->all_sent = sent == p->packet.request->body_bytes;
        waited = now - p->progress_usec;
        if (!p->all_sent && waited > 0 && has_hung_up(p))
                end_hung_up(p);
        else if (!p->all_sent && waited >= p->packet.send_timeout_sec * USEC_PER_SEC)
                end_silent(p, "the server has taken nothing for too long");
        else if (p->all_sent && waited >= p->packet.response_timeout_sec * USEC_PER_SEC)
                end_silent(p, "the server's answer did not come in time");
}

static int set_up(HttpPost *p);

/* A new handle where the old one knows what it must not, and a pool of connections where others
 * must not use them. */
static int prepare_auth(HttpPost *p)
{
        bool direct = p->proxy && *p->proxy == '\0';

        p->easy_is_used_up |= auth_hop(&p->auth, !p->packet.foreign, !direct);
        if (p->easy_is_used_up) {
                curl_easy_cleanup(p->easy);
                p->easy_is_used_up = false;
                p->easy = curl_easy_init();
                if (!p->easy || set_up(p) < 0)
                        return -ENOMEM;
        }
        return http_lane_fit(p->client, &p->auth, p->task, &p->lane);
}

static int set_packet_options(HttpPost *p)
{
        CURL *e = p->easy;

        if (http_client_set_proxy(e, p->proxy) < 0 ||
            curl_easy_setopt(e, CURLOPT_URL, p->url.text) ||
            curl_easy_setopt(e, CURLOPT_HTTPHEADER, p->fields) ||
            curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE,
                             (curl_off_t) p->packet.request->body_bytes))
                return -ENOMEM;
        return auth_apply(&p->auth, e);
}

/* Sends the packet through the nth proxy. 0, -ENOENT when there is none, -ENOMEM. */
static int start_attempt(HttpPost *p)
{
        int r;

        if (!proxy_plan_pick(p->proxies, p->url.scheme, p->url.host, p->proxy_nth, &p->proxy))
                return -ENOENT;
        r = prepare_auth(p);
        if (r < 0)
                return r;
        ack_head_clear(&p->head);
        p->refusals = 0;
        p->asking = false;
        p->answer = (HttpAnswer){.answered = false};
        p->kept_out = p->head_done = p->head_began = p->ended_early = p->all_sent = false;
        p->read_bytes = p->skipped_bytes = p->seen_bytes = p->request_mono = 0;
        p->curl_text[0] = '\0';
        r = set_packet_options(p);
        if (r < 0)
                return r;
        return pace_flow_begin(&p->flow, p->easy, http_lane_curl(p->client, p->lane, p->task),
                               &p->transfer);
}

static int add_field(void *ctx, const char *name, const char *value)
{
        HttpPost *p = ctx;
        _cleanup_free_ char *line = mem_printf("%s: %s", name, value);
        struct curl_slist *grown = line ? curl_slist_append(p->fields, line) : NULL;

        if (!grown)
                return -ENOMEM;
        p->fields = grown;
        return 0;
}

/* curl adds "Expect" by itself to large bodies, and not every server answers it. */
static int make_fields(HttpPost *p)
{
        struct curl_slist *list;

        curl_slist_free_all(p->fields);
        p->fields = NULL;
        list = curl_slist_append(NULL, "Expect:");
        if (!list)
                return -ENOMEM;
        p->fields = list;
        return bup_request_print(p->packet.request, add_field, p);
}

int http_post_send(HttpPost *p, const HttpPacket *packet)
{
        HttpUrl url = {.text = NULL};
        int r = http_url_resolve(&url, packet->url);

        if (r < 0)
                return r;
        http_url_done(&p->url);
        p->url = url;
        p->packet = *packet;
        p->proxy_nth = 0;
        r = make_fields(p);
        if (r < 0)
                return r;
        r = start_attempt(p);
        if (r < 0)
                return r;
        list_append(&p->client->ticking, &p->ticking.link);
        return 0;
}

bool http_post_authenticate(HttpPost *p, int status)
{
        bool again = auth_challenged(&p->auth, p->easy, status);

        p->easy_is_used_up = true; /* curl remembers what it was asked for */
        return again;
}

JobError http_post_auth_error(const HttpPost *p, int status)
{
        return auth_error(&p->auth, status);
}

void http_post_cancel(HttpPost *p)
{
        pace_flow_stop(&p->flow, &p->transfer);
        list_remove(&p->ticking.link);
}

const char *http_post_host(const HttpPost *p)
{
        return p->url.host;
}

/* A request without a body says "Content-Length: 0", as the protocol wants it. */
static int set_up(HttpPost *p)
{
        CURL *e = p->easy;

        if (http_client_set_up(p->client, e) < 0 || curl_easy_setopt(e, CURLOPT_UPLOAD, 1L) ||
            curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, BUP_METHOD) ||
            curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) ||
            curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES) ||
            curl_easy_setopt(e, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES) ||
            curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) ||
            curl_easy_setopt(e, CURLOPT_HEADERDATA, p) ||
            curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) ||
            curl_easy_setopt(e, CURLOPT_WRITEDATA, p) ||
            curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read) ||
            curl_easy_setopt(e, CURLOPT_READDATA, p) ||
            curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek) ||
            curl_easy_setopt(e, CURLOPT_SEEKDATA, p) ||
            curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_socket) ||
            curl_easy_setopt(e, CURLOPT_SOCKOPTDATA, p) ||
            curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_request) ||
            curl_easy_setopt(e, CURLOPT_PREREQDATA, p) ||
            curl_easy_setopt(e, CURLOPT_ERRORBUFFER, p->curl_text))
                return -ENOMEM;
        return 0;
}

int http_post_new(HttpClient *c, const ProxyPlan *proxies, const AuthSet *credentials,
                  PaceTask *task, HttpPostDone done, void *ctx, HttpPost **ret)
{
        _cleanup_(http_post_freep) HttpPost *p = mem_new(HttpPost);

        if (!p)
                return -ENOMEM;
        p->client = c;
        p->ticking.tick = on_tick;
        list_init(&p->ticking.link);
        ack_head_init(&p->head);
        p->proxies = proxies;
        auth_init(&p->auth, credentials);
        p->task = task;
        pace_flow_init(&p->flow, c->pace, task, true);
        p->done = done;
        p->ctx = ctx;
        p->transfer = (EventCurlTransfer){.done = on_done, .ctx = p};
        p->easy = curl_easy_init();
        if (!p->easy || set_up(p) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(p);
        return 0;
}

HttpPost *http_post_free(HttpPost *p)
{
        if (!p)
                return NULL;
        http_post_cancel(p);
        if (p->easy)
                curl_easy_cleanup(p->easy);
        http_lane_unref(p->lane);
        auth_done(&p->auth);
        curl_slist_free_all(p->fields);
        ack_head_done(&p->head);
        http_url_done(&p->url);
        mem_free(p);
        return NULL;
}
