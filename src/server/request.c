/* SPDX-License-Identifier: Apache-2.0 */
#include "server/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "server/download.h"
#include "server/server.h"
#include "server/upload.h"

#define RETRY_AFTER_SEC "5"

static Request *request_free(Request *r)
{
        target_done(&r->target);
        http_answer_done(&r->answer);
        config_unref(r->config);
        mem_free(r);
        return NULL;
}

bool request_is_upload(const Request *r)
{
        const char *override;

        if (str_equal(r->x->head.method, BUP_METHOD))
                return true;
        if (!r->site || !r->site->method_override || !str_equal(r->x->head.method, "POST"))
                return false;
        override = framing_field(&r->x->head, "X-HTTP-Method-Override");
        return override && str_equal(override, BUP_METHOD);
}

void request_read_body(Request *r)
{
        if (r->body != REQUEST_BODY_UNREAD)
                return;
        r->body = REQUEST_BODY_FLOWING;
        http_exchange_go_on(r->x);
}

static void send_answer(Request *r)
{
        r->has_answer = false;
        http_exchange_answer(r->x, &r->answer);
}

void request_answer(Request *r, HttpAnswer *a, bool drain)
{
        uint64_t drain_max_bytes = drain ? UINT64_MAX : REQUEST_DRAIN_MAX_BYTES;

        http_answer_done(&r->answer);
        r->answer = *a;
        http_answer_init(a, 0);
        r->has_answer = true;
        r->status = r->answer.status;
        r->sent_bytes = r->answer.fd >= 0 ? r->answer.length_bytes : r->answer.text.len;
        /* Who asks before he sends can be told at once; the connection ends with it. */
        if (r->body == REQUEST_BODY_UNREAD && !r->answer.close && !r->framing.expects_continue &&
            r->framing.length_bytes <= drain_max_bytes)
                request_read_body(r);
        if (r->body != REQUEST_BODY_FLOWING)
                send_answer(r);
}

void request_answer_ack(Request *r, const BupAck *ack, bool drain)
{
        HttpAnswer a;

        http_answer_init(&a, ack->status);
        if (bup_ack_print(ack, http_answer_add, &a) < 0)
                log_warning("an Ack holds what cannot be sent");
        request_answer(r, &a, drain);
}

void request_answer_status(Request *r, uint16_t status)
{
        HttpAnswer a;

        http_answer_init(&a, status);
        request_answer(r, &a, false);
}

char *request_url(const Request *r)
{
        if (*r->config->public_url)
                return mem_printf("%s%s", r->config->public_url, r->target.url);
        if (!*r->framing.host)
                return mem_printf("%s%s", r->server->world.local_origin, r->target.url);
        return mem_printf("%s://%s%s", r->https ? "https" : "http", r->framing.host, r->target.url);
}

/* A proxy's word about the client counts when the proxy is one of ours. */
static void identify_client(Request *r)
{
        const HttpHead *head = &r->x->head;
        const HttpPeer *peer = r->x->peer;
        const char *forwarded, *scheme;

        (void) str_copy(r->address, sizeof(r->address), peer->address);
        r->https = peer->is_tls;
        if (!trusted_has(&r->config->trusted, peer->address))
                return;
        forwarded = framing_field(head, "X-Forwarded-For");
        if (forwarded &&
            !trusted_client(&r->config->trusted, forwarded, r->address, sizeof(r->address)))
                (void) str_copy(r->address, sizeof(r->address), peer->address);
        scheme = framing_field(head, "X-Forwarded-Proto");
        if (scheme)
                r->https = str_equal_nocase(scheme, "https");
}

/* Whoever sends such a head gets no second request on this connection. */
static void refuse_framing(Request *r, FramingFlaw flaw)
{
        HttpAnswer a;
        BupAck ack;

        r->server->metrics.framing_flaws++;
        log_debug("%s: %s", r->x->peer->address, framing_text(flaw));
        http_answer_init(&a, framing_status(flaw));
        if (str_equal(r->x->head.method, BUP_METHOD)) {
                bup_refuse(flaw == FRAMING_CHUNKED ? BUP_NO_LENGTH : BUP_BAD_LENGTH, &ack);
                ack.status = framing_status(flaw);
                if (bup_ack_print(&ack, http_answer_add, &a) < 0)
                        log_debug("no memory for an answer");
        }
        a.close = true;
        request_answer(r, &a, false);
}

/* In the words of the upload protocol for its packets, in those of HTTP for others. */
static void refuse(Request *r, BupRefusal why, uint16_t plain_status)
{
        BupAck ack;

        if (!request_is_upload(r)) {
                request_answer_status(r, plain_status);
                return;
        }
        bup_refuse(why, &ack);
        request_answer_ack(r, &ack, false);
}

static bool find_site(Request *r)
{
        int rc = target_parse(r->x->head.target, &r->target);

        if (rc == -EPERM)
                refuse(r, BUP_DENIED, 403);
        else if (rc == -ENAMETOOLONG)
                refuse(r, BUP_BAD_VALUE_LENGTH, 414);
        else if (rc < 0)
                refuse(r, rc == -ENOMEM ? BUP_OVERLOADED : BUP_BAD_VALUE_LENGTH,
                       rc == -ENOMEM ? 503 : 400);
        if (rc < 0)
                return false;
        r->site = config_find_site(r->config, r->target.path);
        if (!r->site) {
                refuse(r, BUP_DIRECTORY_MISSING, 404);
                return false;
        }
        r->below = site_path_below(r->site, r->target.path);
        return true;
}

static void challenge(Request *r)
{
        HttpAnswer a;
        char realm[512];

        r->server->metrics.auth_failures++;
        r->user[0] = '\0'; /* so he says */
        http_answer_init(&a, 401);
        (void) snprintf(realm, sizeof(realm), "Basic realm=\"%s\", charset=\"UTF-8\"",
                        r->site->auth_realm);
        (void) http_answer_add(&a, "WWW-Authenticate", realm);
        request_answer(r, &a, false);
}

static void refuse_method(Request *r)
{
        HttpAnswer a;

        http_answer_init(&a, 405);
        (void) http_answer_add(&a, "Allow", "GET, HEAD, " BUP_METHOD);
        request_answer(r, &a, false);
}

static void dispatch(Request *r)
{
        const char *method = r->x->head.method;

        if (request_is_upload(r))
                upload_begin(r);
        else if (!str_equal(method, "GET") && !str_equal(method, "HEAD"))
                refuse_method(r);
        else if (r->framing.length_bytes > 0)
                request_answer_status(r, 400);
        else
                download_begin(r);
}

static void decide(Request *r, AuthVerdict verdict)
{
        HttpAnswer a;

        switch (verdict) {
        case AUTH_ACCEPTED:
                dispatch(r);
                return;
        case AUTH_BUSY:
                http_answer_init(&a, 503);
                (void) http_answer_add(&a, "Retry-After", RETRY_AFTER_SEC);
                request_answer(r, &a, false);
                return;
        default:
                challenge(r);
        }
}

static void on_verdict(void *ctx, AuthVerdict verdict)
{
        Request *r = ctx;

        r->question = NULL;
        decide(r, verdict);
}

static void authenticate(Request *r)
{
        const char *authorization = framing_field(&r->x->head, "Authorization");
        AuthVerdict verdict;

        if (!*r->site->auth_file) {
                dispatch(r);
                return;
        }
        verdict = auth_check(r->server->auth, r->site->auth_file, authorization, r->user,
                             on_verdict, r, &r->question);
        if (verdict != AUTH_ASKED)
                decide(r, verdict);
}

static void on_head(void *ctx, HttpExchange *x)
{
        Server *server = ctx;
        Request *r = mem_new(Request);
        FramingFlaw flaw;

        if (!r) {
                http_exchange_abort(x);
                return;
        }
        x->user = r;
        r->server = server;
        r->x = x;
        r->config = config_ref(server->config);
        r->began_mono = clock_mono_usec(&CLOCK_SYSTEM);
        http_answer_init(&r->answer, 0);
        flaw = framing_check(&x->head, &r->framing);
        r->body = framing_announces_body(&x->head) ? REQUEST_BODY_UNREAD : REQUEST_BODY_OVER;
        identify_client(r);
        if (flaw != FRAMING_FINE)
                refuse_framing(r, flaw);
        else if (find_site(r))
                authenticate(r);
        /* Nothing is decided yet: neither a body nor an end until it is. */
        if (r->status == 0 && r->body != REQUEST_BODY_FLOWING)
                http_exchange_hold(x);
}

static void on_body(void *ctx, HttpExchange *x, const void *data, size_t bytes)
{
        Request *r = x->user;

        r->received_bytes += bytes;
        if (r->upload && !r->has_answer)
                upload_body(r, data, bytes);
}

static void on_end(void *ctx, HttpExchange *x)
{
        Request *r = x->user;

        r->body = REQUEST_BODY_OVER;
        if (r->has_answer)
                send_answer(r);
        else if (r->upload)
                upload_end(r);
}

static void write_log(const Request *r, bool whole)
{
        Server *server = r->server;
        char range[BUP_RANGE_TEXT_BYTES];
        AccessEntry entry = {
                .address = r->address,
                .user = r->user,
                .method = r->x->head.method,
                .path = r->target.path,
                .version = r->x->head.version,
                .status = whole ? r->status : 0,
                .received_bytes = r->received_bytes,
                .sent_bytes = r->sent_bytes,
                .packet = upload_packet_text(r),
                .session_id = upload_session_id(r),
                .range = range,
                .took_usec = clock_mono_usec(&CLOCK_SYSTEM) - r->began_mono,
                .now_wall_usec = clock_wall_usec(&CLOCK_SYSTEM),
        };

        upload_range_text(r, range);
        if (whole && r->status / 100 < ARRAY_LEN(server->metrics.answers))
                server->metrics.answers[r->status / 100]++;
        access_log_write(server->access_log, &entry);
}

static void on_gone(void *ctx, HttpExchange *x, bool whole)
{
        Request *r = x->user;

        if (!r)
                return;
        write_log(r, whole);
        if (r->question)
                auth_forget(r->question);
        if (r->upload)
                upload_gone(r);
        request_free(r);
}

HttpHandler request_handler(Server *server)
{
        return (HttpHandler){
                .head = on_head, .body = on_body, .end = on_end, .gone = on_gone, .ctx = server};
}
