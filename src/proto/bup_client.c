/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_client.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "bitsmsg.h"
#include "proto/bup_client_ack.h"
#include "proto/bup_url.h"

#define USEC_PER_SEC ((uint64_t) 1000000)
/* Up to that is sent again rather than asked for. */
#define ASK_FROM_BYTES ((uint64_t) 256 * 1024)

void bup_client_init(BupClient *c, const BupClientConfig *config, const BupClientState *state)
{
        *c = (BupClient){.config = *config, .state = *state};
        /* Credentials go there: a state that was tampered with, or that of another destination,
         * must not lead to another host. */
        if (!bup_url_is_moved(config->url, state->moved_url))
                c->state.moved_url[0] = '\0';
        buf_init(&c->url, BUP_URL_MAX_BYTES);
        bup_pace_init(&c->pace, config->fragment_start_bytes, config->fragment_cap_bytes,
                      state->fragment_limit_bytes);
}

void bup_client_done(BupClient *c)
{
        buf_done(&c->url);
}

void bup_client_start(BupClient *c)
{
        c->started = true;
        c->stopped = false;
        c->in_flight = false;
        c->challenged = false;
        c->repeated = false;
        c->auth_rounds = c->auth_refusals = c->redirects = c->setbacks = 0;
        /* A session that was left alone, or a handshake that should not cost a body. */
        c->ping_due = c->state.session_id[0] != '\0' || c->config.has_credentials;
        c->unsure = c->state.session_id[0] != '\0';
}

void bup_client_cancel(BupClient *c)
{
        c->state.cancelling = true;
        c->stopped = false;
        c->unsaved = true;
}

const char *bup_client_target(const BupClient *c)
{
        return c->state.moved_url[0] != '\0' ? c->state.moved_url : c->config.url;
}

/* The host id is given up for good: from now on every packet goes to the origin. What a Close may
 * have done over there is of no meaning here. */
static void leave_host(BupClient *c)
{
        c->state.host_id[0] = '\0';
        c->state.fallback_sec = BUP_FALLBACK_NEVER;
        c->state.fallback_at_usec = 0;
        if (!c->state.all_acked)
                c->state.close_sent = false;
        c->unsaved = true;
}

/* A wall clock that jumped back does not make the wait longer than it was announced. */
static void check_fallback(BupClient *c, uint64_t now_usec)
{
        BupClientState *s = &c->state;
        uint64_t longest = now_usec + s->fallback_sec * USEC_PER_SEC;

        if (s->fallback_at_usec == 0 || s->host_id[0] == '\0')
                return;
        if (s->fallback_at_usec > longest)
                s->fallback_at_usec = longest;
        if (s->fallback_at_usec <= now_usec)
                leave_host(c);
}

/* What is next, leaving Pings aside. False: nothing is. */
static bool packet_is_due(const BupClient *c, BupPacketType *ret)
{
        const BupClientState *s = &c->state;

        if (s->cancelling) {
                *ret = BUP_CANCEL_SESSION;
                return s->session_id[0] != '\0' && s->phase != BUP_PHASE_CLOSED;
        }
        switch (s->phase) {
        case BUP_PHASE_CREATE:
                *ret = BUP_CREATE_SESSION;
                return true;
        case BUP_PHASE_UPLOAD:
                *ret = BUP_FRAGMENT;
                return true;
        case BUP_PHASE_CLOSE:
                *ret = BUP_CLOSE_SESSION;
                return true;
        default: /* REPLY is no packet */
                return false;
        }
}

/* The server may have more than was heard of: it keeps the beginning of a fragment that was cut,
 * and what we knew may be older. No packet asks for its offset; the answer to a fragment tells it,
 * and a small one costs least. */
static uint64_t next_length(const BupClient *c, uint64_t left_bytes)
{
        uint64_t length = bup_pace_next(&c->pace, left_bytes);

        return c->unsure && length > ASK_FROM_BYTES ? BUP_FRAGMENT_FLOOR_BYTES : length;
}

/* At the end of the file there is only the answer to a repeated last byte to be had. */
static BupRange next_range(const BupClient *c)
{
        const BupClientState *s = &c->state;
        uint64_t total = s->source.size_bytes;
        uint64_t first = MIN(s->offset_bytes, total - 1);

        return (BupRange){
                .first_byte = first,
                .last_byte = first + next_length(c, total - first) - 1,
                .total_bytes = total,
        };
}

static BupUrlVerdict build_target(BupClient *c, BupDo *d)
{
        const char *target = bup_client_target(c);
        BupUrlVerdict verdict;

        d->via_host_id = c->state.host_id[0] != '\0';
        if (!d->via_host_id) {
                d->url = target;
                d->credentials_ok = true; /* a redirect stays on the host, see bup_url_is_moved() */
                return BUP_URL_OK;
        }
        verdict = bup_url_with_host(target, c->state.host_id, &c->url);
        if (verdict != BUP_URL_OK)
                return verdict;
        d->url = buf_cstr(&c->url);
        d->credentials_ok = bup_url_is_https(d->url) || bup_url_same_origin(target, d->url);
        return BUP_URL_OK;
}

static void describe_request(BupClient *c, BupPacketType type, BupDo *d)
{
        BupRequest *r = &d->request;
        bool last;

        r->type = type;
        if (type != BUP_CREATE_SESSION && type != BUP_PING)
                (void) str_copy(r->session_id, sizeof(r->session_id), c->state.session_id);
        if (c->config.content_name && (type == BUP_CREATE_SESSION || type == BUP_FRAGMENT))
                bup_name_sanitise(c->config.content_name, r->content_name);
        if (type == BUP_FRAGMENT) {
                r->range = next_range(c);
                r->body_bytes = bup_range_length(&r->range);
        }
        /* An empty file is delivered by its Close. */
        last = type == BUP_FRAGMENT ? r->range.last_byte + 1 == r->range.total_bytes
                                    : type == BUP_CLOSE_SESSION;
        d->response_timeout_sec = last ? BUP_LAST_RESPONSE_TIMEOUT_SEC : BUP_RESPONSE_TIMEOUT_SEC;
}

static int send_packet(BupClient *c, BupPacketType type, BupDo *d)
{
        BupUrlVerdict verdict = build_target(c, d);

        if (verdict == BUP_URL_NO_MEMORY)
                return -ENOMEM;
        if (verdict != BUP_URL_OK) { /* checked when it came; the destination must have changed */
                leave_host(c);
                if (build_target(c, d) != BUP_URL_OK)
                        return -ENOMEM;
        }
        describe_request(c, type, d);
        if (!c->in_flight)
                c->close_was_sent = c->state.close_sent;
        if (type == BUP_CLOSE_SESSION && !c->state.close_sent) {
                c->state.close_sent = true;
                c->unsaved = true;
        }
        d->kind = BUP_DO_SEND;
        c->in_flight = true;
        c->sent_type = type;
        c->sent_via_host_id = d->via_host_id;
        c->sent_range = d->request.range;
        return 0;
}

/* 1 when the reply has to be fetched, 0 when its URL is of no use, -ENOMEM. */
static int fetch_reply(BupClient *c, BupDo *d)
{
        BupUrlVerdict verdict = bup_url_resolve(bup_client_target(c), c->state.reply_url, &c->url,
                                                &d->credentials_ok);

        if (verdict == BUP_URL_NO_MEMORY)
                return -ENOMEM;
        if (verdict != BUP_URL_OK)
                return 0;
        d->url = buf_cstr(&c->url);
        d->kind = BUP_DO_GET_REPLY;
        return 1;
}

static int decide(BupClient *c, uint64_t now_usec, BupDo *d)
{
        BupPacketType type;
        int r;

        check_fallback(c, now_usec);
        if (c->ping_due && !c->state.cancelling && c->state.phase != BUP_PHASE_CLOSED)
                return send_packet(c, BUP_PING, d);
        if (c->state.phase == BUP_PHASE_REPLY && !c->state.cancelling) {
                r = fetch_reply(c, d);
                if (r != 0)
                        return r < 0 ? r : 0;
                c->state.phase = BUP_PHASE_UPLOAD; /* ask for another URL */
                c->state.reply_url[0] = '\0';
        }
        if (packet_is_due(c, &type))
                return send_packet(c, type, d);
        d->kind = BUP_DO_NOTHING;
        return 0;
}

int bup_client_next(BupClient *c, uint64_t now_wall_usec, BupDo *ret)
{
        BupDo d = {.kind = BUP_DO_STOP};
        int r = 0;

        if (c->started && !c->stopped)
                r = decide(c, now_wall_usec, &d);
        if (r < 0)
                return r;
        d.save = c->unsaved;
        *ret = d;
        return 0;
}

BupOutcome bup_client_reply_done(BupClient *c)
{
        if (c->state.phase == BUP_PHASE_REPLY) {
                c->state.reply_done = true;
                c->state.phase = BUP_PHASE_CLOSE;
                c->unsaved = true;
        }
        return (BupOutcome){.verdict = BUP_GO_ON, .save = true};
}

BupOutcome bup_client_reply_failed(BupClient *c, uint16_t http_status, uint32_t retry_after_sec)
{
        c->stopped = true;
        return (BupOutcome){
                .verdict = bup_status_is_fatal(http_status) ? BUP_FATAL : BUP_TRANSIENT,
                .error = bup_status_error(http_status),
                .context = BG_ERROR_CONTEXT_REMOTE_FILE,
                .http_status = http_status,
                .retry_after_sec = retry_after_sec,
                .why = "the reply cannot be fetched",
        };
}

/* The wait for the host begins with the first exchange that failed on it. */
void bup_client_host_failed(BupClient *c, uint64_t now_usec)
{
        BupClientState *s = &c->state;

        if (!c->sent_via_host_id || s->host_id[0] == '\0' ||
            s->fallback_sec == BUP_FALLBACK_NEVER || s->fallback_at_usec != 0)
                return;
        s->fallback_at_usec = MAX(now_usec + s->fallback_sec * USEC_PER_SEC, (uint64_t) 1);
}

BupOutcome bup_client_failed(BupClient *c, const BupFailure *failure, uint64_t now_wall_usec)
{
        BupOutcome out = {
                .verdict = failure->fatal ? BUP_FATAL : BUP_TRANSIENT,
                .save = true,
                .error = failure->code,
                .context = failure->context != BG_ERROR_CONTEXT_NONE
                                   ? failure->context
                                   : BG_ERROR_CONTEXT_GENERAL_TRANSPORT,
                .why = "no answer",
        };

        if (!c->in_flight)
                return (BupOutcome){.verdict = BUP_GO_ON};
        c->in_flight = false;
        if (c->sent_type == BUP_CLOSE_SESSION && !failure->maybe_received)
                c->state.close_sent = c->close_was_sent;
        if (failure->reused_connection && !failure->fatal && !c->repeated) {
                c->repeated = true;
                c->ping_due |= c->sent_type == BUP_FRAGMENT &&
                               (c->challenged || c->config.has_credentials);
                return (BupOutcome){.verdict = BUP_GO_ON, .why = "the idle connection was closed"};
        }
        if (c->sent_type == BUP_FRAGMENT && failure->body_sent_bytes > 0)
                bup_pace_lost(&c->pace, bup_range_length(&c->sent_range));
        bup_client_host_failed(c, now_wall_usec);
        c->stopped = true;
        return out;
}

BupOutcome bup_client_auth_failed(BupClient *c, uint16_t http_status)
{
        c->stopped = true;
        return (BupOutcome){
                .verdict = BUP_FATAL,
                .error = bup_status_error(http_status),
                .context = BG_ERROR_CONTEXT_REMOTE_FILE,
                .http_status = http_status,
                .why = "credentials missing or refused",
        };
}
