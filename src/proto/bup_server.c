/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_server.h"

#include <string.h>

#include "base/str.h"

#define STATUS_OK 200
#define STATUS_FORBIDDEN 403
#define STATUS_RANGE 416

void bup_server_ping(BupAck *ret)
{
        bup_ack_init(ret, STATUS_OK);
}

void bup_server_unknown(BupAck *ret)
{
        bup_refuse(BUP_SESSION_UNKNOWN, ret);
}

bool bup_server_create(const BupServerRules *rules, const BupServerFacts *facts,
                       const BupRequest *request, const char *id, BupSession *ret_session,
                       BupAck *ret_ack)
{
        if (facts->access != BUP_FINE) {
                bup_refuse(facts->access, ret_ack);
                ret_ack->retry_after_sec = facts->retry_after_sec;
                return false;
        }
        bup_session_init(ret_session, id, facts->now_wall_sec);
        (void) str_copy(ret_session->content_name, sizeof(ret_session->content_name),
                        request->content_name);

        bup_ack_init(ret_ack, STATUS_OK);
        ret_ack->has_protocol = ret_ack->is_our_protocol = true;
        ret_ack->accepts_identity = true;
        (void) str_copy(ret_ack->session_id, sizeof(ret_ack->session_id), ret_session->id);
        if (rules->host_id && bup_host_id_parse(rules->host_id, ret_ack->host_id) == 0)
                ret_ack->fallback_sec = rules->fallback_sec;
        return true;
}

void bup_server_init(BupServer *s, const BupSession *session)
{
        *s = (BupServer){.session = *session};
}

/* Every answer about a session names it, and says once that the body is not wanted. */
static void answer(BupServer *s, bool save, BupStep *ret)
{
        ret->kind = BUP_STEP_ANSWER;
        ret->save = save;
        ret->drop_body = s->drop_body;
        s->drop_body = false;
        (void) str_copy(ret->ack.session_id, sizeof(ret->ack.session_id), s->session.id);
}

static void refuse(BupServer *s, BupRefusal why, bool save, BupStep *ret)
{
        bup_refuse(why, &ret->ack);
        answer(s, save, ret);
}

static void touch(BupServer *s)
{
        s->session.touched_wall_sec = MAX(s->session.touched_wall_sec, s->now_wall_sec);
}

static void accept_packet(BupServer *s, bool save, BupStep *ret)
{
        touch(s);
        bup_ack_init(&ret->ack, STATUS_OK);
        answer(s, save, ret);
}

/* The Ack of a fragment tells the offset, and the last one where the reply is. */
static void accept_fragment(BupServer *s, bool save, BupStep *ret)
{
        const BupSession *session = &s->session;

        accept_packet(s, save, ret);
        ret->ack.has_received = true;
        ret->ack.received_bytes = session->next_bytes;
        if (session->phase == BUP_SESSION_DELIVERED || session->phase == BUP_SESSION_CLOSED)
                (void) str_copy(ret->ack.reply_url, sizeof(ret->ack.reply_url), session->reply_url);
}

static void refuse_gap(BupServer *s, bool save, BupStep *ret)
{
        touch(s);
        bup_ack_init(&ret->ack, STATUS_RANGE);
        ret->ack.has_received = true;
        ret->ack.received_bytes = s->session.next_bytes;
        answer(s, save, ret);
}

static void operate(BupServer *s, BupOp op, bool save, BupStep *ret)
{
        s->running = op;
        ret->kind = BUP_STEP_DO;
        ret->op = op;
        ret->save = save;
        ret->drop_body = s->drop_body;
        s->drop_body = false;
}

/* Nothing of the session is left but a tombstone, and that is stored first: a crash in between
 * leaves files for the sweep, not a session without files. */
static void discard(BupServer *s, BupSessionPhase tombstone, BupStep *ret)
{
        s->session.phase = tombstone;
        touch(s);
        operate(s, BUP_OP_DISCARD, true, ret);
}

/* What is still to be done before the file counts as delivered; then the answer. `save`: the
 * session has changed since it was last stored. */
static void deliver(BupServer *s, const BupServerRules *rules, bool save, BupStep *ret)
{
        BupSession *session = &s->session;

        bool owed = session->phase == BUP_SESSION_OWED;

        if (owed && session->synced_bytes < session->total_bytes) {
                operate(s, BUP_OP_SYNC, false, ret);
                return;
        }
        if (owed && !session->notified && rules->notification != BUP_NOTIFY_NONE) {
                operate(s, BUP_OP_NOTIFY, save, ret);
                return;
        }
        if (owed && !session->notified)
                session->copies = true;
        if (session->copies && !session->published &&
            (!rules->publish_at_close || s->type == BUP_CLOSE_SESSION)) {
                operate(s, BUP_OP_PUBLISH, save, ret);
                return;
        }
        session->phase = BUP_SESSION_DELIVERED;
        if (s->type == BUP_CLOSE_SESSION)
                discard(s, BUP_SESSION_CLOSED, ret);
        else
                accept_fragment(s, true, ret);
}

/* All bytes are there: delivers, unless the application has said no for good. */
static void deliver_again(BupServer *s, const BupServerRules *rules, bool save, BupStep *ret)
{
        if (s->session.final_status == 0) {
                deliver(s, rules, save, ret);
                return;
        }
        bup_refuse_application(s->session.final_status, &ret->ack);
        answer(s, save, ret);
}

static BupRefusal check_fragment(const BupServer *s, const BupServerRules *rules,
                                 const BupRequest *request)
{
        const BupSession *session = &s->session;

        if (session->phase == BUP_SESSION_ABANDONED || session->phase == BUP_SESSION_CANCELLED)
                return BUP_SESSION_UNKNOWN;
        if (session->total_known && request->range.total_bytes != session->total_bytes)
                return BUP_TOTAL_CHANGED;
        if (request->range.total_bytes > rules->max_upload_bytes)
                return BUP_FILE_TOO_LARGE;
        if (request->body_bytes > rules->max_fragment_bytes)
                return BUP_FRAGMENT_TOO_LARGE;
        return BUP_FINE;
}

/* In order, or overlapping what is there: the new bytes are stored, the others never again. */
static void store(BupServer *s, const BupRequest *request, BupStep *ret)
{
        BupSession *session = &s->session;

        session->total_known = true;
        session->total_bytes = request->range.total_bytes;
        if (session->content_name[0] == '\0')
                (void) str_copy(session->content_name, sizeof(session->content_name),
                                request->content_name);
        ret->offset_bytes = session->next_bytes;
        ret->skip_bytes = session->next_bytes - request->range.first_byte;
        ret->store_bytes = request->range.last_byte + 1 - session->next_bytes;
        s->store_bytes = ret->store_bytes;
        operate(s, BUP_OP_STORE, false, ret);
}

static void take_fragment(BupServer *s, const BupServerRules *rules, const BupRequest *request,
                          BupStep *ret)
{
        BupSession *session = &s->session;
        BupRefusal why = check_fragment(s, rules, request);
        bool save = !session->fragment_seen;

        session->fragment_seen = true;
        s->drop_body = true;
        if (why != BUP_FINE) {
                refuse(s, why, save, ret);
        } else if (session->phase == BUP_SESSION_OWED) {
                deliver_again(s, rules, false, ret);
        } else if (session->phase != BUP_SESSION_RECEIVING) {
                accept_fragment(s, false, ret);
        } else if (request->range.first_byte > session->next_bytes) {
                refuse_gap(s, save, ret);
        } else if (request->range.last_byte < session->next_bytes) {
                accept_fragment(s, save, ret);
        } else {
                s->drop_body = false;
                store(s, request, ret);
        }
}

static void take_close(BupServer *s, const BupServerRules *rules, BupStep *ret)
{
        BupSession *session = &s->session;
        bool empty = session->phase == BUP_SESSION_RECEIVING && !session->fragment_seen;

        switch (session->phase) {
        case BUP_SESSION_CLOSED:
                accept_packet(s, false, ret);
                return;
        case BUP_SESSION_ABANDONED:
                refuse(s, BUP_CLOSED_EARLY, false, ret);
                return;
        case BUP_SESSION_CANCELLED:
                refuse(s, BUP_SESSION_UNKNOWN, false, ret);
                return;
        case BUP_SESSION_DELIVERED:
                deliver(s, rules, false, ret);
                return;
        default:
                break;
        }
        if (empty && !rules->refuse_empty) {
                session->total_known = true;
                session->phase = BUP_SESSION_OWED;
                deliver(s, rules, true, ret);
        } else if (session->phase == BUP_SESSION_OWED && session->total_bytes == 0) {
                deliver_again(s, rules, false, ret);
        } else {
                discard(s, BUP_SESSION_ABANDONED, ret);
        }
}

static void take_cancel(BupServer *s, BupStep *ret)
{
        if (bup_session_is_tombstone(&s->session))
                accept_packet(s, false, ret);
        else
                discard(s, BUP_SESSION_CANCELLED, ret);
}

/* What stands against the packet before the session is looked at. */
static BupRefusal check_packet(const BupServerFacts *facts)
{
        if (facts->other_owner)
                return BUP_SESSION_UNKNOWN;
        if (facts->access != BUP_FINE)
                return facts->access;
        return facts->other_target ? BUP_TARGET_CHANGED : BUP_FINE;
}

void bup_server_feed(BupServer *s, const BupServerRules *rules, const BupServerFacts *facts,
                     const BupRequest *request, BupStep *ret)
{
        BupRefusal why = check_packet(facts);

        *ret = (BupStep){0};
        if (why != BUP_FINE) {
                bup_refuse(why, &ret->ack);
                ret->kind = BUP_STEP_ANSWER;
                ret->drop_body = request->body_bytes > 0;
                if (why == BUP_OVERLOADED)
                        ret->ack.retry_after_sec = facts->retry_after_sec;
                return;
        }
        if (s->running != BUP_OP_NONE) {
                ret->kind = s->running == BUP_OP_STORE ? BUP_STEP_PREEMPT : BUP_STEP_HOLD;
                return;
        }
        s->type = request->type;
        s->now_wall_sec = facts->now_wall_sec;
        s->drop_body = false;
        switch (request->type) {
        case BUP_FRAGMENT:
                take_fragment(s, rules, request, ret);
                break;
        case BUP_CLOSE_SESSION:
                take_close(s, rules, ret);
                break;
        case BUP_CANCEL_SESSION:
                take_cancel(s, ret);
                break;
        default:
                refuse(s, BUP_UNEXPECTED, false, ret);
        }
}

static void stored(BupServer *s, const BupServerRules *rules, const BupResult *result, BupStep *ret)
{
        BupSession *session = &s->session;
        uint64_t bytes = MIN(result->stored_bytes, s->store_bytes);

        session->next_bytes += bytes;
        if (bytes > 0)
                touch(s);
        if (session->next_bytes == session->total_bytes) {
                session->phase = BUP_SESSION_OWED;
                deliver(s, rules, true, ret);
        } else if (result->why != BUP_FINE) {
                s->drop_body = true;
                refuse(s, result->why, true, ret);
        } else if (bytes < s->store_bytes) { /* cut: what arrived stays */
                ret->kind = BUP_STEP_HANG_UP;
                ret->save = true;
        } else {
                accept_fragment(s, true, ret);
        }
}

static void notified(BupServer *s, const BupServerRules *rules, const BupResult *result,
                     BupStep *ret)
{
        BupSession *session = &s->session;
        const char *url = result->reply_url ? result->reply_url : "";

        if (result->why != BUP_FINE) {
                refuse(s, result->why, false, ret);
        } else if (result->application_status != STATUS_OK) {
                if (result->application_status == STATUS_FORBIDDEN)
                        session->final_status = STATUS_FORBIDDEN;
                bup_refuse_application(result->application_status, &ret->ack);
                answer(s, session->final_status != 0, ret);
        } else if (strlen(url) > BUP_REPLY_URL_MAX_CHARS) {
                refuse(s, BUP_URL_TOO_LONG, false, ret);
        } else {
                session->notified = true;
                session->copies = result->copies;
                (void) str_copy(session->reply_url, sizeof(session->reply_url), url);
                deliver(s, rules, true, ret);
        }
}

void bup_server_done(BupServer *s, const BupServerRules *rules, const BupResult *result,
                     BupStep *ret)
{
        BupOp op = s->running;

        *ret = (BupStep){0};
        s->running = BUP_OP_NONE;
        switch (op) {
        case BUP_OP_STORE:
                stored(s, rules, result, ret);
                return;
        case BUP_OP_NOTIFY:
                notified(s, rules, result, ret);
                return;
        case BUP_OP_DISCARD: /* what could not be removed is the sweep's */
                if (s->session.phase == BUP_SESSION_ABANDONED)
                        refuse(s, BUP_CLOSED_EARLY, false, ret);
                else
                        accept_packet(s, false, ret);
                return;
        default:
                break;
        }
        if (result->why != BUP_FINE) { /* SYNC or PUBLISH; asked for again with the next repeat */
                refuse(s, result->why, true, ret);
                return;
        }
        if (op == BUP_OP_SYNC)
                s->session.synced_bytes = s->session.next_bytes;
        if (op == BUP_OP_PUBLISH)
                s->session.published = true;
        deliver(s, rules, true, ret);
}

void bup_server_synced(BupServer *s, uint64_t bytes)
{
        s->session.synced_bytes = MAX(s->session.synced_bytes, MIN(bytes, s->session.next_bytes));
}
