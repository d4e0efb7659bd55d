/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_client_ack.h"

#include <string.h>

#include "base/str.h"
#include "bitsmsg.h"
#include "proto/bup_url.h"

HRESULT bup_status_error(uint16_t status)
{
        return (HRESULT) (0x80190000u + status);
}

bool bup_status_is_fatal(uint16_t status)
{
        if (status >= 300 && status <= 399)
                return status <= 305 || status == 307 || status == 308;
        if (status >= 400 && status <= 499)
                return status != 408 && status != 409 && status != 425 && status != 429;
        return status == 501 || status == 505;
}

static bool is_success(const BupAck *ack)
{
        return ack->is_ack && (ack->status == 200 || ack->status == 201);
}

static bool says_session_lost(const BupAck *ack)
{
        return !is_success(ack) && ack->error == BG_E_SESSION_NOT_FOUND &&
               ack->context != BG_ERROR_CONTEXT_REMOTE_APPLICATION;
}

static BupOutcome go_on(const BupAck *ack, bool save)
{
        return (BupOutcome){.verdict = BUP_GO_ON, .http_status = ack->status, .save = save};
}

static BupOutcome stop(BupClient *c, const BupAck *ack, BupVerdict verdict, HRESULT error,
                       const char *why)
{
        c->stopped = true;
        return (BupOutcome){
                .verdict = verdict,
                .save = true,
                .error = error,
                .context = ack->error != S_OK && ack->context != BG_ERROR_CONTEXT_NONE
                                   ? ack->context
                                   : BG_ERROR_CONTEXT_REMOTE_FILE,
                .http_status = ack->status,
                .retry_after_sec = ack->retry_after_sec,
                .why = why,
        };
}

static BupOutcome bad_response(BupClient *c, const BupAck *ack, uint64_t now_usec, const char *why)
{
        bup_client_host_failed(c, now_usec);
        return stop(c, ack, BUP_TRANSIENT, BG_E_INVALID_SERVER_RESPONSE, why);
}

/* Codes that end the job whatever their status. */
static bool error_is_fatal(const BupClient *c, const BupAck *ack)
{
        return ack->error == BG_E_TOO_LARGE || ack->error == E_INVALIDARG ||
               (c->sent_type == BUP_CREATE_SESSION && ack->status == 409);
}

/* Any answer that says no and means the packet as such. */
static BupOutcome refused(BupClient *c, const BupAck *ack, uint64_t now_usec)
{
        HRESULT error = ack->error != S_OK ? ack->error : bup_status_error(ack->status);

        if (ack->status >= 200 && ack->status <= 299 && !ack->is_ack)
                return bad_response(c, ack, now_usec, "the answer is not of a BITS server");
        if (error_is_fatal(c, ack) || bup_status_is_fatal(ack->status))
                return stop(c, ack, BUP_FATAL, error, "the server refuses the upload");
        bup_client_host_failed(c, now_usec);
        return stop(c, ack, BUP_TRANSIENT, error, "the server refuses the upload for now");
}

/* Only where nothing but the address of the same upload changes. */
static bool follow_redirect(BupClient *c, const BupAck *ack)
{
        const char *from = bup_client_target(c), *to;
        bool same;

        if (c->sent_via_host_id || c->redirects >= BUP_REDIRECTS_MAX || ack->location[0] == '\0')
                return false;
        if (ack->status != 301 && ack->status != 302 && ack->status != 307 && ack->status != 308)
                return false;
        if (bup_url_resolve(from, ack->location, &c->url, &same) != BUP_URL_OK)
                return false;
        to = buf_cstr(&c->url);
        if (!to || !bup_url_is_moved(from, to) || strlen(to) >= sizeof(c->state.moved_url))
                return false;
        (void) str_copy(c->state.moved_url, sizeof(c->state.moved_url), to);
        c->redirects++;
        return true;
}

/* The session is gone: begin again, but not for ever. */
static BupOutcome session_lost(BupClient *c, const BupAck *ack, uint64_t now_usec)
{
        BupClientState *s = &c->state;
        BupOutcome out = go_on(ack, true);

        s->phase = BUP_PHASE_CREATE;
        s->session_id[0] = '\0';
        s->reply_url[0] = '\0';
        s->offset_bytes = 0;
        s->all_acked = s->close_sent = s->reply_missed = s->application_failed = false;
        if (s->restarts >= BUP_RESTARTS_MAX) {
                bup_client_host_failed(c, now_usec);
                return stop(c, ack, BUP_TRANSIENT, BG_E_NO_PROGRESS,
                            "the server loses its sessions");
        }
        s->restarts++;
        out.restarted = true;
        out.why = "the server does not know the session";
        return out;
}

static bool host_is_usable(BupClient *c, const char *host_id)
{
        return bup_url_with_host(bup_client_target(c), host_id, &c->url) == BUP_URL_OK;
}

static void take_host_id(BupClient *c, const BupAck *ack)
{
        BupClientState *s = &c->state;

        if (ack->host_id[0] == '\0' || !host_is_usable(c, ack->host_id))
                return;
        (void) str_copy(s->host_id, sizeof(s->host_id), ack->host_id);
        s->fallback_sec = ack->fallback_sec;
        s->fallback_at_usec = 0;
        c->ping_due = true;
}

static BupOutcome created(BupClient *c, const BupAck *ack, uint64_t now_usec)
{
        BupClientState *s = &c->state;

        if (!is_success(ack)) {
                if (follow_redirect(c, ack))
                        return go_on(ack, true);
                return refused(c, ack, now_usec);
        }
        if (!ack->is_our_protocol)
                return stop(c, ack, BUP_FATAL, BG_E_CLIENT_SERVER_PROTOCOL_MISMATCH,
                            "the server chose another protocol");
        if (ack->session_id[0] == '\0')
                return bad_response(c, ack, now_usec, "no session id");
        (void) str_copy(s->session_id, sizeof(s->session_id), ack->session_id);
        s->offset_bytes = 0;
        c->unsure = false;
        s->phase = BUP_PHASE_UPLOAD;
        if (s->source.size_bytes == 0) { /* no fragment can say this: Close alone delivers it */
                s->phase = BUP_PHASE_CLOSE;
                s->reply_done = true;
        }
        take_host_id(c, ack);
        return go_on(ack, true);
}

static BupOutcome pinged(BupClient *c, const BupAck *ack, uint64_t now_usec)
{
        bool lost = says_session_lost(ack) && c->state.session_id[0] != '\0';

        if (is_success(ack) || lost)
                c->ping_due = false;
        if (lost && c->state.phase == BUP_PHASE_UPLOAD && !c->state.all_acked)
                return session_lost(c, ack, now_usec);
        if (is_success(ack) || lost)
                return go_on(ack, false);
        if (follow_redirect(c, ack))
                return go_on(ack, true);
        return refused(c, ack, now_usec);
}

/* The server has everything, but gave no place to fetch the reply from. Uploading again could run
 * the application twice, so the last byte is repeated once, and then somebody has to look. */
static BupOutcome reply_missing(BupClient *c, const BupAck *ack, const char *why)
{
        BupClientState *s = &c->state;

        if (c->config.reply_optional) {
                s->reply_done = true;
                s->phase = BUP_PHASE_CLOSE;
                return (BupOutcome){.verdict = BUP_GO_ON, .save = true, .why = why};
        }
        if (s->reply_missed)
                return stop(c, ack, BUP_FATAL, BG_E_INVALID_SERVER_RESPONSE, why);
        s->reply_missed = true;
        return stop(c, ack, BUP_TRANSIENT, BG_E_INVALID_SERVER_RESPONSE, why);
}

static BupOutcome delivered(BupClient *c, const BupAck *ack)
{
        BupClientState *s = &c->state;
        BupUrlVerdict verdict;
        bool same_origin;

        if (!s->wants_reply) {
                s->phase = BUP_PHASE_CLOSE;
                return go_on(ack, true);
        }
        if (ack->reply_url[0] == '\0')
                return reply_missing(c, ack, "the server gave no reply");
        verdict = bup_url_resolve(bup_client_target(c), ack->reply_url, &c->url, &same_origin);
        if (verdict != BUP_URL_OK && verdict != BUP_URL_NO_MEMORY)
                return reply_missing(c, ack, bup_url_verdict_text(verdict));
        (void) str_copy(s->reply_url, sizeof(s->reply_url), ack->reply_url);
        s->phase = BUP_PHASE_REPLY;
        return go_on(ack, true);
}

/* The server's offset is the truth, ahead or behind. What must not be is that it stays for ever
 * where nothing of what is sent is taken. */
static BupOutcome moved(BupClient *c, const BupAck *ack, const BupExchange *x, uint64_t now_usec)
{
        BupClientState *s = &c->state;
        uint64_t received = ack->received_bytes, length = bup_range_length(&c->sent_range);
        bool in_step = is_success(ack) && received == c->sent_range.last_byte + 1;
        bool grew = received > s->best_bytes;
        BupOutcome out;

        if (!ack->has_received || received > s->source.size_bytes)
                return bad_response(c, ack, now_usec, "no usable offset");
        s->fallback_at_usec = 0;
        s->application_failed = false;
        s->offset_bytes = received;
        c->unsure = false;
        s->all_acked = received == s->source.size_bytes;
        if (received <= c->sent_range.first_byte)
                c->setbacks++;
        if (grew) {
                s->best_bytes = received;
                s->restarts = 0;
                c->setbacks = 0;
        }
        if (in_step && !s->all_acked) /* the last Ack waits for the application */
                bup_pace_measured(&c->pace, length, x->usec);
        if (s->all_acked)
                out = delivered(c, ack);
        else if (c->setbacks >= BUP_SETBACKS_MAX)
                out = bad_response(c, ack, now_usec, "the server takes nothing");
        else
                out = go_on(ack, false);
        out.progressed = grew;
        out.moved = received != c->sent_range.last_byte + 1;
        return out;
}

static BupOutcome fragment_acked(BupClient *c, const BupAck *ack, const BupExchange *x,
                                 uint64_t now_usec)
{
        BupClientState *s = &c->state;

        if (ack->status == 413) {
                if (!bup_pace_refused(&c->pace, bup_range_length(&c->sent_range)))
                        return refused(c, ack, now_usec);
                s->fragment_limit_bytes = c->pace.limit_bytes;
                return go_on(ack, true);
        }
        if (is_success(ack) || (ack->status == 416 && (ack->is_ack || ack->has_received))) {
                if (ack->session_id[0] != '\0' && !str_equal_nocase(ack->session_id, s->session_id))
                        return bad_response(c, ack, now_usec, "an Ack of another session");
                return moved(c, ack, x, now_usec);
        }
        if (!says_session_lost(ack))
                return refused(c, ack, now_usec);
        if (s->all_acked)
                return reply_missing(c, ack, "the session is gone, and its reply with it");
        return session_lost(c, ack, now_usec);
}

static BupOutcome closed(BupClient *c, const BupAck *ack, uint64_t now_usec)
{
        BupClientState *s = &c->state;

        if (says_session_lost(ack) && !s->all_acked && !c->close_was_sent)
                return session_lost(c, ack, now_usec);
        if (!is_success(ack) && !says_session_lost(ack))
                return refused(c, ack, now_usec);
        /* A session that is gone after all was acknowledged was closed: only the Ack was lost. */
        s->phase = BUP_PHASE_CLOSED;
        return go_on(ack, true);
}

static BupOutcome cancelled(BupClient *c, const BupAck *ack, uint64_t now_usec)
{
        if (!is_success(ack) && !says_session_lost(ack))
                return refused(c, ack, now_usec);
        c->state.phase = BUP_PHASE_CLOSED;
        return go_on(ack, true);
}

static BupOutcome challenged(BupClient *c, const BupAck *ack, const BupExchange *x)
{
        c->challenged = true;
        c->auth_rounds++;
        c->auth_refusals += x->credentials_sent;
        if (c->auth_refusals >= 2 || c->auth_rounds >= BUP_AUTH_ROUNDS_MAX)
                return bup_client_auth_failed(c, ack->status);
        if (c->sent_type == BUP_FRAGMENT) /* no second body for the handshake */
                c->ping_due = true;
        return (BupOutcome){.verdict = BUP_AUTHENTICATE, .http_status = ack->status};
}

/* Everything arrived; it is the program behind the server that says no. The status is its own, so
 * none of the protocol's meanings apply. */
static BupOutcome application_failed(BupClient *c, const BupAck *ack)
{
        bool fatal = bup_status_is_fatal(ack->status);

        if (c->sent_type == BUP_FRAGMENT &&
            c->sent_range.last_byte + 1 == c->sent_range.total_bytes)
                c->state.application_failed = true;
        return stop(c, ack, fatal ? BUP_FATAL : BUP_TRANSIENT, ack->error,
                    "the application behind the server failed");
}

static BupOutcome evaluate(BupClient *c, const BupAck *ack, const BupExchange *x, uint64_t now_usec)
{
        if (ack->is_ack && !is_success(ack) && ack->error != S_OK &&
            ack->context == BG_ERROR_CONTEXT_REMOTE_APPLICATION)
                return application_failed(c, ack);
        if (ack->status == 401 || ack->status == 407)
                return challenged(c, ack, x);
        if (ack->malformed)
                return bad_response(c, ack, now_usec, "contradictory fields");
        switch (c->sent_type) {
        case BUP_CREATE_SESSION:
                return created(c, ack, now_usec);
        case BUP_PING:
                return pinged(c, ack, now_usec);
        case BUP_FRAGMENT:
                return fragment_acked(c, ack, x, now_usec);
        case BUP_CLOSE_SESSION:
                return closed(c, ack, now_usec);
        default:
                return cancelled(c, ack, now_usec);
        }
}

BupOutcome bup_client_ack(BupClient *c, const BupAck *ack, const BupExchange *exchange,
                          uint64_t now_wall_usec)
{
        BupOutcome out;

        if (!c->in_flight)
                return (BupOutcome){.verdict = BUP_GO_ON};
        c->in_flight = false;
        c->repeated = false;
        if (!c->state.cancelling || c->sent_type == BUP_CANCEL_SESSION)
                c->unsaved = false; /* it was stored before this packet was sent */
        out = evaluate(c, ack, exchange, now_wall_usec);
        if (c->sent_type != BUP_PING && ack->status != 401 && ack->status != 407)
                c->auth_rounds = c->auth_refusals = 0;
        /* Handshakes of connections begin anew with each; a Ping is cheaper than a body. */
        if (exchange->connection_closed && c->sent_type != BUP_PING &&
            (c->challenged || c->config.has_credentials))
                c->ping_due = true;
        return out;
}
