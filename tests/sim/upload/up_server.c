/* SPDX-License-Identifier: Apache-2.0 */
#include "up_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../unit/proto/bup_wire.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/guid.h"

static bool is_of(const UpSession *session, const char *canonical)
{
        return strcmp(session->id, canonical) == 0;
}

uint8_t up_source_byte(const GUID *job, uint32_t version, uint64_t offset)
{
        uint64_t z = job->Data1 + ((uint64_t) version << 32) + offset * 0x9E3779B97F4A7C15u;

        z = (z ^ z >> 29) * 0xBF58476D1CE4E5B9u;
        return (uint8_t) (z >> 56);
}

void up_server_init(UpServer *s, FakeRandom *random)
{
        static const uint32_t ODDS[] = {0, 3, 3, 6, 10};

        *s = (UpServer){
                .random = random,
                .faults = true,
                .odds = ODDS[fake_random_below(random, ARRAY_LEN(ODDS))],
                .may_lose = fake_random_chance(random, 500),
                .app_says_no = fake_random_chance(random, 200),
        };
        s->rules = (BupServerRules){
                .max_upload_bytes = UINT64_MAX,
                .max_fragment_bytes = fake_random_chance(random, 700) ? UINT64_MAX : 6 * 1024,
                .notification = (BupNotification) fake_random_below(random, 3),
                /* What a server forgets between the last Ack and such a Close is lost. */
                .publish_at_close = !s->may_lose && fake_random_chance(random, 200),
                .fallback_sec = 3600,
        };
        if (fake_random_chance(random, 300) && !s->rules.publish_at_close)
                s->host_id = "node.up.example.net";
}

void up_server_done(UpServer *s)
{
        for (uint32_t i = 0; i < s->n; i++) {
                free(s->sessions[i]->data);
                free(s->sessions[i]);
        }
        free(s->sessions);
}

UpSession *up_server_session(const UpServer *s, const char *id)
{
        char canonical[BUP_SESSION_ID_BYTES];

        if (bup_session_id_canonical(id, canonical) < 0)
                return NULL;
        for (uint32_t i = s->n; i-- > 0;)
                if (is_of(s->sessions[i], canonical))
                        return s->sessions[i];
        return NULL;
}

UpSession *up_server_number(const UpServer *s, uint32_t number)
{
        return number == 0 || number > s->n ? NULL : s->sessions[number - 1];
}

uint32_t up_server_number_of(const UpServer *s, const UpSession *session)
{
        for (uint32_t i = 0; i < s->n; i++)
                if (s->sessions[i] == session)
                        return i + 1;
        return 0;
}

static bool data_is_source(const UpSession *session)
{
        if (session->spliced || session->data_bytes != session->live.session.total_bytes)
                return false;
        for (uint64_t i = 0; i < session->data_bytes; i++)
                if (session->data[i] != up_source_byte(&session->job, session->version, i))
                        return false;
        return true;
}

/* The same file twice, and nobody forgot the first one. */
static void check_once(UpServer *s, const UpSession *session)
{
        for (uint32_t i = 0; i < s->n; i++) {
                const UpSession *other = s->sessions[i];

                if (other == session || !other->delivered ||
                    !guid_equal(&other->job, &session->job) || other->version != session->version)
                        continue;
                up_server_check(s, other->lost, "an upload arrives twice");
                s->again++;
        }
}

static void note_delivery(UpServer *s, UpSession *session)
{
        const BupSession *state = &session->live.session;

        if (session->delivered || state->phase < BUP_SESSION_DELIVERED ||
            state->phase > BUP_SESSION_CLOSED)
                return;
        up_server_check(s, data_is_source(session), "an upload is not whole, or not the file");
        up_server_check(s, s->rules.notification == BUP_NOTIFY_NONE || session->app_successes > 0,
                        "an upload arrives, and the application does not know");
        up_server_check(s, !state->copies || session->was_published || s->rules.publish_at_close,
                        "an upload arrives and is not published");
        session->delivered = true;
        check_once(s, session);
}

static void store(UpServer *s, UpSession *session)
{
        BupSession copy;
        Buf b;

        buf_init(&b, BUP_SESSION_MAX_BYTES);
        bup_session_encode(&session->live.session, &b);
        up_server_check(s, buf_error(&b) == 0 && bup_session_decode(b.data, b.len, &copy) == 0,
                        "a stored session is unsound");
        memcpy(session->stored, b.data, b.len);
        session->stored_bytes = b.len;
        session->counted = session->live.session.next_bytes;
        buf_done(&b);
        note_delivery(s, session);
}

/* The process ends, memory is gone; with `power`, so is what was not synchronised. */
static void crash(UpServer *s, bool power)
{
        s->died++;
        for (uint32_t i = 0; i < s->n; i++) {
                UpSession *session = s->sessions[i];
                BupSession state;

                session->waits = false;
                if (session->gone)
                        continue;
                if (power && session->data_bytes > session->synced)
                        session->data_bytes =
                                session->synced +
                                fake_random_below(s->random,
                                                  session->data_bytes - session->synced + 1);
                if (bup_session_decode(session->stored, session->stored_bytes, &state) < 0) {
                        s->broken = "a stored session cannot be read";
                        return;
                }
                (void) bup_session_recover(&state, session->data_bytes, !power);
                bup_server_init(&session->live, &state);
                session->counted = state.next_bytes;
        }
}

/* Every place where the process may end. True: it has. */
static bool dies(UpServer *s)
{
        if (!s->faults)
                return false;
        s->points++;
        if (s->dies_in == 0 || --s->dies_in > 0)
                return false;
        crash(s, s->power);
        return true;
}

static void add_session(UpServer *s, const UpPacket *packet, const char *id,
                        const BupSession *state)
{
        UpSession **grown = realloc(s->sessions, (s->n + 1) * sizeof(UpSession *));
        UpSession *session = calloc(1, sizeof(*session));

        if (!grown || !session)
                abort();
        s->sessions = grown;
        s->sessions[s->n++] = session;
        session->job = packet->job;
        session->version = packet->version;
        (void) snprintf(session->id, sizeof(session->id), "%s", id);
        bup_server_init(&session->live, state);
        store(s, session);
}

static bool create(UpServer *s, const UpPacket *packet, BupAck *ack)
{
        BupServerFacts facts = {.now_wall_sec = s->now_sec + s->jump_sec};
        BupServerRules rules = s->rules;
        BupSession session;
        char id[BUP_SESSION_ID_BYTES];

        if (up_server_may(s, 10)) {
                bup_refuse(BUP_OVERLOADED, ack);
                return true;
        }
        (void) snprintf(id, sizeof(id), "{%08x-%08x}", s->n + 1, (unsigned) packet->job.Data1);
        rules.host_id = s->host_id;
        if (!bup_server_create(&rules, &facts, &packet->request, id, &session, ack)) {
                s->broken = "a session was refused without a reason";
                return true;
        }
        if (dies(s))
                return false;
        add_session(s, packet, session.id, &session);
        return !dies(s);
}

static void take_bytes(UpServer *s, UpSession *session, uint64_t from, uint64_t n)
{
        const UpPacket *p = &session->now;

        if (from + n > p->request.range.total_bytes || from + n < from) {
                s->broken = "bytes behind the end";
                return;
        }
        if (!session->data)
                session->data = calloc(1, p->request.range.total_bytes);
        if (!session->data)
                abort();
        for (uint64_t i = from; i < from + n; i++)
                session->data[i] = up_source_byte(&p->job, p->version, i);
        if (n == 0)
                return;
        session->spliced |= from > 0 && session->version != p->version;
        session->version = p->version;
        session->data_bytes = from + n;
        session->most = MAX(session->most, session->data_bytes);
}

static BupResult write_body(UpServer *s, UpSession *session, const BupStep *step, uint64_t arrived)
{
        uint64_t usable = arrived > step->skip_bytes ? arrived - step->skip_bytes : 0;
        BupResult result = {.stored_bytes = MIN(usable, step->store_bytes)};

        up_server_check(
                s, step->offset_bytes == session->now.request.range.first_byte + step->skip_bytes,
                "body and offset do not fit");
        up_server_check(s, step->offset_bytes >= session->counted,
                        "counted bytes are written again");
        up_server_check(s, step->offset_bytes <= session->data_bytes, "a hole in the data");
        up_server_check(s, !session->was_published, "a published file is written to");
        if (up_server_may(s, 6)) {
                result.why = BUP_DISK_FULL;
                result.stored_bytes = fake_random_below(s->random, result.stored_bytes + 1);
        }
        result.cut = result.stored_bytes < step->store_bytes && result.why == BUP_FINE;
        take_bytes(s, session, step->offset_bytes, result.stored_bytes);
        return result;
}

static BupResult notify(UpServer *s, UpSession *session)
{
        static const uint16_t STATUSES[] = {500, 503, 0, 302, 201, 401, 413, 416, 404};
        static char url[64];
        BupResult result = {.application_status = 200, .reply_url = url, .copies = true};

        (void) snprintf(url, sizeof(url), "/replies/%u", up_server_number_of(s, session));
        up_server_check(s, data_is_source(session), "the application is shown something else");
        up_server_check(s, !session->success_acked, "the application is called after its success");
        up_server_check(s, session->synced == session->data_bytes,
                        "the application is told of volatile bytes");
        session->app_calls++;
        if (up_server_may(s, 20)) {
                result.why = BUP_APPLICATION_TIMED_OUT;
        } else if (up_server_may(s, 30)) {
                result.application_status = STATUSES[fake_random_below(
                        s->random, s->app_says_no ? ARRAY_LEN(STATUSES) : 3)];
        } else if (s->app_says_no && up_server_may(s, 20)) {
                result.application_status = 403;
        } else {
                session->app_successes++;
                session->has_reply = true;
        }
        return result;
}

static BupResult publish(UpServer *s, UpSession *session)
{
        up_server_check(s, data_is_source(session), "something else is published");
        up_server_check(s, session->synced == session->data_bytes, "volatile bytes are published");
        if (up_server_may(s, 6))
                return (BupResult){.why = BUP_DISK_FULL};
        session->was_published = true;
        return (BupResult){0};
}

static BupResult operate(UpServer *s, UpSession *session, const BupStep *step, uint64_t arrived)
{
        switch (step->op) {
        case BUP_OP_STORE:
                return write_body(s, session, step, arrived);
        case BUP_OP_SYNC:
                if (up_server_may(s, 6))
                        return (BupResult){.why = BUP_IO_ERROR};
                session->synced = session->data_bytes;
                break;
        case BUP_OP_NOTIFY:
                return notify(s, session);
        case BUP_OP_PUBLISH:
                return publish(s, session);
        case BUP_OP_DISCARD:
                session->has_reply = false;
                break;
        default:
                s->broken = "an operation that is none";
        }
        return (BupResult){0};
}

static bool client_leaves(UpServer *s, UpSession *session, const BupStep *step)
{
        if ((step->op != BUP_OP_STORE && step->op != BUP_OP_NOTIFY) || !up_server_may(s, 20))
                return false;
        session->waits = true;
        session->waiting = *step;
        session->waiting_for = session->now;
        return true;
}

/* The steps of a packet to its end. False: nobody answers. */
static bool run(UpServer *s, UpSession *session, BupStep *step, uint64_t arrived, bool may_wait,
                BupAck *ack)
{
        for (;;) {
                BupResult result;

                if (dies(s))
                        return false;
                if (step->save)
                        store(s, session);
                if (step->save && dies(s))
                        return false;
                if (step->kind == BUP_STEP_HANG_UP)
                        return false;
                if (step->kind == BUP_STEP_ANSWER) {
                        *ack = step->ack;
                        return true;
                }
                up_server_check(s, step->kind == BUP_STEP_DO, "a step that nobody waits for");
                if (s->broken || (may_wait && client_leaves(s, session, step)))
                        return false;
                result = operate(s, session, step, arrived);
                if (dies(s)) /* done, and nobody has written it down */
                        return false;
                bup_server_done(&session->live, &s->rules, &result, step);
        }
}

/* What still runs of a client that left ends first. */
static void end_waiting(UpServer *s, UpSession *session, const BupStep *why)
{
        BupStep old = session->waiting;
        UpPacket now = session->now;
        BupAck nobody;

        up_server_check(s, session->waits, "an operation runs that nobody began");
        up_server_check(s, (why->kind == BUP_STEP_PREEMPT) == (old.op == BUP_OP_STORE),
                        "held and pre-empted are mixed up");
        session->waits = false;
        session->now = session->waiting_for;
        (void) run(s, session, &old,
                   fake_random_below(s->random, old.skip_bytes + old.store_bytes + 1), false,
                   &nobody);
        session->now = now;
}

static bool feed(UpServer *s, UpSession *session, const UpPacket *packet, uint64_t arrived,
                 BupAck *ack)
{
        BupServerFacts facts = {.now_wall_sec = s->now_sec + s->jump_sec};
        BupStep step;

        for (;;) {
                bool running = session->live.running != BUP_OP_NONE;

                bup_server_feed(&session->live, &s->rules, &facts, &packet->request, &step);
                up_server_check(
                        s, running == (step.kind == BUP_STEP_PREEMPT || step.kind == BUP_STEP_HOLD),
                        "two operations at a time");
                if (!running || s->broken)
                        break;
                end_waiting(s, session, &step);
        }
        session->now = *packet;
        return run(s, session, &step, arrived, true, ack);
}

/* A client must never rely on more than it was told. */
static void check_packet(UpServer *s, const UpSession *session, const UpPacket *packet)
{
        up_server_check(s, guid_equal(&session->job, &packet->job), "a session of another job");
        if (packet->request.type != BUP_FRAGMENT)
                return;
        up_server_check(s, packet->request.range.first_byte <= session->acked,
                        "a fragment skips bytes that nobody acknowledged");
}

static void note_ack(UpServer *s, UpSession *session, const UpPacket *packet, const BupAck *ack)
{
        if (ack->has_received)
                session->acked = MAX(session->acked, ack->received_bytes);
        if (packet->request.type == BUP_FRAGMENT && ack->status == 200 && ack->is_ack &&
            ack->received_bytes == packet->request.range.total_bytes) {
                up_server_check(s, session->delivered, "the last Ack comes before the delivery");
                session->success_acked = true;
        }
}

/* Over the wire as text, as everything. */
static bool parse(const UpPacket *packet, UpPacket *ret, BupAck *ack)
{
        BupRefusal why;
        Wire wire;

        *ret = *packet;
        wire_print_request(&wire, &packet->request);
        if (bup_request_parse(wire.fields, wire.n, NULL, &ret->request, &why) == 0)
                return true;
        bup_refuse(why, ack);
        return false;
}

static void sweep(UpServer *s)
{
        for (uint32_t i = 0; i < s->n; i++) {
                UpSession *session = s->sessions[i];
                const BupSession *state = &session->live.session;

                if (session->gone || session->waits ||
                    !bup_session_is_over(state, s->now_sec + s->jump_sec, BUP_SESSION_TIMEOUT_SEC))
                        continue;
                session->gone = true;
                session->lost = !bup_session_is_tombstone(state);
        }
}

bool up_server_receive(UpServer *s, const UpPacket *sent, uint64_t arrived, BupAck *ret)
{
        UpSession *session;
        UpPacket packet;

        s->packets++;
        sweep(s);
        if (!parse(sent, &packet, ret)) {
                s->broken = "a client sends what no server reads";
                return true;
        }
        if (packet.request.type == BUP_PING) {
                bup_server_ping(ret);
                return true;
        }
        if (packet.request.type == BUP_CREATE_SESSION)
                return create(s, &packet, ret);
        session = up_server_session(s, packet.request.session_id);
        up_server_check(s, session, "a session that no server made");
        if (!session || session->gone) {
                bup_server_unknown(ret);
                return true;
        }
        check_packet(s, session, &packet);
        if (!feed(s, session, &packet, arrived, ret))
                return false;
        note_ack(s, session, &packet, ret);
        return true;
}

static void lose_session(UpServer *s)
{
        UpSession *session = s->n > 0 ? s->sessions[fake_random_below(s->random, s->n)] : NULL;

        if (!session || session->gone || session->waits)
                return;
        session->gone = true;
        session->lost = !bup_session_is_tombstone(&session->live.session);
}

static void move_clock(UpServer *s)
{
        int64_t days = (int64_t) fake_random_below(s->random, 20);

        s->jump_sec += (fake_random_chance(s->random, 700) ? days : -days) * 86400;
}

void up_server_disturb(UpServer *s)
{
        BupAck nobody;

        if (!s->faults)
                return;
        if (!s->planned && s->dies_in == 0 && up_server_may(s, 10)) {
                s->dies_in = 1 + (uint32_t) fake_random_below(s->random, 6);
                s->power = fake_random_chance(s->random, 400);
        }
        if (up_server_may(s, 1))
                crash(s, fake_random_chance(s->random, 500));
        if (s->may_lose && up_server_may(s, 2))
                lose_session(s);
        if (s->may_lose && fake_random_chance(s->random, 1))
                move_clock(s);
        if (s->host_id && up_server_may(s, 2))
                s->host_down = !s->host_down;
        if (s->late_n > 0 && up_server_may(s, 20)) {
                UpPacket late = s->late[--s->late_n];

                (void) up_server_receive(s, &late,
                                         fake_random_below(s->random, late.request.body_bytes + 1),
                                         &nobody);
        }
}

void up_server_calm(UpServer *s)
{
        s->faults = s->host_down = false;
        s->late_n = s->dies_in = 0;
        s->jump_sec = 0;
}
