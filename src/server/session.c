/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "server/session_io.h"
#include "server/session_table.h"

/* Long enough to tell sessions apart, too short to take one over. */
#define ID_SHOWN_CHARS 9

static void act(Session *s, BupStep *step);

const char *session_describe(const Session *s, char text[SESSION_TEXT_BYTES])
{
        const char *key = s->label.target_key ?: "";
        int head = snprintf(text, SESSION_TEXT_BYTES, "session %.*s… for ", ID_SHOWN_CHARS,
                            s->server.session.id);
        _cleanup_free_ char *path = mem_strndup(key, strcspn(key, "?")); /* a query may be secret */

        (void) str_escape(text + head, SESSION_TEXT_BYTES - (size_t) head, path ?: "?");
        return text;
}

void session_pin(Session *s)
{
        s->pins++;
}

void session_unpin(Session *s)
{
        s->pins--;
        session_table_tend_one(s->table, s);
}

bool session_is_idle(const Session *s)
{
        return s->pins == 0 && !s->client && !s->waiting && !s->step &&
               s->server.running == BUP_OP_NONE;
}

/* From here on the connection means nothing to the session. */
static SessionClient *detach(Session *s)
{
        SessionClient *c = s->client;

        s->client = NULL;
        return c;
}

static bool is_delivered(const BupSession *session)
{
        return session->phase == BUP_SESSION_DELIVERED || session->phase == BUP_SESSION_CLOSED;
}

static void operation_over(Session *s, const BupResult *result, BupStep *ret)
{
        const BupSession *session = &s->server.session;
        BupServerRules rules = site_rules(s->site);
        bool delivered = is_delivered(session);

        bup_server_done(&s->server, &rules, result, ret);
        if (!delivered && is_delivered(session))
                s->world->metrics->sessions_delivered++;
        if (session->next_bytes - session->synced_bytes >= SESSION_CHECKPOINT_BYTES)
                session_io_checkpoint(s);
}

/* One packet is through; the next one may have been waiting. */
static void finish(Session *s)
{
        SessionClient *next = TAKE_PTR(s->waiting);

        s->config = config_unref(s->config);
        s->site = NULL;
        if (next) {
                session_pin(s); /* it may end as well, but not the session */
                session_take_packet(s, next);
                s->pins--;
        }
        session_table_tend_one(s->table, s);
}

static void answer(Session *s, const BupStep *step)
{
        SessionClient *c = detach(s);

        if (c)
                c->calls->answer(c, &step->ack, step->drop_body);
}

static void hang_up(Session *s)
{
        SessionClient *c = detach(s);

        if (c)
                c->calls->hang_up(c);
}

/* Keeps a step for later; without memory, later is now. */
static bool put_off(Session *s, const BupStep *step)
{
        s->step = mem_alloc(sizeof(*step));
        if (!s->step)
                return false;
        *s->step = *step;
        return true;
}

static void act_on_kept_step(Session *s)
{
        _cleanup_free_ BupStep *step = TAKE_PTR(s->step);

        s->awaits_body = false;
        if (step)
                act(s, step);
}

/* What is stored with the next packets anyhow, and found again through the length of the data file
 * if the process dies before, need not be written after each fragment. */
static bool may_wait(const Session *s)
{
        return s->server.session.phase == BUP_SESSION_RECEIVING && s->total_on_disk && !s->unsaved;
}

/* Publishing is what the client is told of last: a power cut afterwards must find a session that
 * knows about its file. The same holds for what an application answered. */
static bool must_be_durable(const Session *s, const BupStep *step)
{
        if (step->kind == BUP_STEP_DO)
                return step->op == BUP_OP_PUBLISH;
        return step->kind == BUP_STEP_ANSWER && !s->server.session.published &&
               s->server.session.phase == BUP_SESSION_DELIVERED;
}

/* The state cannot be written: whoever waits hears it, the next packet tries again. */
static void fail_save(Session *s, BupStep *step, int error)
{
        BupResult result = {.why = session_io_refusal(error)};
        char text[SESSION_TEXT_BYTES];

        log_warning("%s: its state cannot be written in %s: %s; the client is told, and its next "
                    "packet tries again",
                    session_describe(s, text), session_store_path(s->store), strerror(-error));
        s->unsaved = true;
        if (step->kind == BUP_STEP_DO && step->op != BUP_OP_DISCARD)
                operation_over(s, &result, step);
        else if (step->kind == BUP_STEP_ANSWER)
                bup_refuse(result.why, &step->ack);
        step->save = false;
}

static void on_durable(Session *s, int result)
{
        if (result < 0 && s->step)
                fail_save(s, s->step, result);
        act_on_kept_step(s);
}

/* True: put off until it is durable. */
static bool save_first(Session *s, BupStep *step)
{
        int r;

        step->save = false;
        if (may_wait(s)) {
                s->dirty = true;
                return false;
        }
        if (must_be_durable(s, step) && put_off(s, step)) {
                r = session_io_save_durably(s, on_durable);
                if (r == 0)
                        return true;
                mem_free(TAKE_PTR(s->step));
        } else {
                r = session_io_save(s);
        }
        if (r < 0)
                fail_save(s, step, r);
        return false;
}

/* True: over, with the outcome in *ret. */
static bool operate(Session *s, const BupStep *step, BupResult *ret)
{
        SessionClient *c = s->client;

        *ret = (BupResult){0};
        switch (step->op) {
        case BUP_OP_STORE:
                ret->why = session_io_begin_store(s, step);
                if (ret->why != BUP_FINE)
                        return true;
                if (!c) { /* he went away while we were thinking */
                        session_io_end_store(s, true, ret);
                        return true;
                }
                c->calls->store_body(c);
                return false;
        case BUP_OP_SYNC:
                return session_io_sync(s, ret);
        case BUP_OP_PUBLISH:
                return session_io_publish(s, ret);
        case BUP_OP_NOTIFY:
                return session_notify(s, ret);
        case BUP_OP_DISCARD:
                session_io_discard(s, ret);
                return true;
        default:
                ret->why = BUP_IO_ERROR;
                return true;
        }
}

/* A body that is not wanted comes to its end before anything else begins: an operation may take
 * minutes, in which the client would wait to get rid of it. */
static bool drop_first(Session *s, BupStep *step)
{
        SessionClient *c = s->client;

        if (!step->drop_body || !c || step->kind != BUP_STEP_DO || !put_off(s, step))
                return false;
        s->step->drop_body = false;
        s->awaits_body = true;
        c->calls->drop_body(c);
        return true;
}

static void act(Session *s, BupStep *step)
{
        for (;;) {
                BupResult result;

                if (drop_first(s, step))
                        return;
                if ((step->save || s->unsaved) && save_first(s, step))
                        return;
                if (step->kind != BUP_STEP_DO)
                        break;
                if (!operate(s, step, &result))
                        return;
                operation_over(s, &result, step);
        }
        if (step->kind == BUP_STEP_ANSWER)
                answer(s, step);
        else
                hang_up(s);
        finish(s);
}

void session_operation_ended(Session *s, const BupResult *result)
{
        BupStep step;

        operation_over(s, result, &step);
        act(s, &step);
}

/* The client has a new connection, so the old one is dead, whether the kernel knows or not. What it
 * brought stays. */
static void pre_empt(Session *s)
{
        SessionClient *old = detach(s);
        BupResult result;

        session_io_end_store(s, true, &result);
        if (old)
                old->calls->hang_up(old);
        session_operation_ended(s, &result);
}

static void hold(Session *s, SessionClient *c)
{
        SessionClient *old = TAKE_PTR(s->waiting);

        if (old)
                old->calls->hang_up(old);
        s->waiting = c;
        if (s->awaits_body) { /* no need to wait for an old connection's rest */
                hang_up(s);
                act_on_kept_step(s);
        }
}

static bool is_busy(const Session *s)
{
        return s->client || s->step || s->server.running != BUP_OP_NONE;
}

/* A packet that may not even disturb the one that is worked on. */
static bool is_out_of_place(const SessionClient *c)
{
        return c->facts.other_owner || c->facts.other_target || c->facts.access != BUP_FINE;
}

void session_take_packet(Session *s, SessionClient *c)
{
        BupServerRules rules = site_rules(c->site);
        BupStep step;

        if (is_out_of_place(c)) {
                bup_server_feed(&s->server, &rules, &c->facts, &c->request, &step);
                c->calls->answer(c, &step.ack, step.drop_body);
                return;
        }
        if (s->server.running == BUP_OP_STORE) {
                session_pin(s);
                pre_empt(s);
                s->pins--;
        }
        if (is_busy(s)) {
                hold(s, c);
                return;
        }
        s->client = c;
        config_unref(s->config);
        s->config = config_ref(c->config);
        s->site = c->site;
        bup_server_feed(&s->server, &rules, &c->facts, &c->request, &step);
        act(s, &step);
}

void session_body(Session *s, SessionClient *c, const void *data, size_t bytes)
{
        if (s->client == c && s->server.running == BUP_OP_STORE)
                session_io_store(s, data, bytes);
}

void session_body_end(Session *s, SessionClient *c)
{
        BupResult result;

        if (s->client != c)
                return;
        if (s->awaits_body) {
                act_on_kept_step(s);
        } else if (s->server.running == BUP_OP_STORE) {
                session_io_end_store(s, false, &result);
                session_operation_ended(s, &result);
        }
}

void session_client_gone(Session *s, SessionClient *c)
{
        BupResult result;

        if (s->waiting == c)
                s->waiting = NULL;
        if (s->client != c)
                return;
        s->client = NULL;
        if (s->awaits_body) {
                act_on_kept_step(s);
        } else if (s->server.running == BUP_OP_STORE) {
                session_io_end_store(s, true, &result);
                session_operation_ended(s, &result);
        }
}

void session_roll_forward(Session *s, Config *config, const Site *site)
{
        const BupSession *session = &s->server.session;
        BupServerRules rules = site_rules(site);
        BupServerFacts facts = {.now_wall_sec = session->touched_wall_sec};
        BupRequest request = {.type = BUP_FRAGMENT};
        BupStep step;

        if (session->phase != BUP_SESSION_OWED || session->total_bytes == 0 ||
            rules.notification != BUP_NOTIFY_NONE || rules.publish_at_close)
                return;
        /* As if the last byte came once more. */
        request.range = (BupRange){session->total_bytes - 1, session->total_bytes - 1,
                                   session->total_bytes};
        request.body_bytes = 1;
        bup_server_feed(&s->server, &rules, &facts, &request, &step);
        if (step.kind != BUP_STEP_DO && step.kind != BUP_STEP_ANSWER)
                return;
        step.drop_body = false;
        s->config = config_ref(config);
        s->site = site;
        act(s, &step);
}
