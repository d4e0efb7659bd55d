/* SPDX-License-Identifier: Apache-2.0 */
/* The server machine of the upload protocol against clients, disks, applications and crashes that
 * do whatever the input says. Of the data file only its length is played; that is what can go
 * wrong. */
#include <string.h>

#include "base/str.h"
#include "proto/bup_server.h"

#include "../unit/proto/bup_wire.h"
#include "fuzz.h"

enum { STEPS_MAX = 300 };

#define ID "{3f0c6d0a}"

typedef struct Play {
        FuzzInput in;
        BupServerRules rules;
        BupServerFacts facts;
        BupServer server;
        BupSession stored;
        uint64_t data_bytes;   /* length of the data file */
        uint64_t synced_bytes; /* of these, on disk */
        BupRequest request;    /* whose operation runs */
        bool told;             /* the application answered 200, and the Ack said so */
} Play;

static void check_session(const BupSession *s)
{
        BupSession again;
        Buf b;

        FUZZ_CHECK(s->synced_bytes <= s->next_bytes);
        FUZZ_CHECK(!s->total_known || s->next_bytes <= s->total_bytes);
        buf_init(&b, BUP_SESSION_MAX_BYTES);
        bup_session_encode(s, &b);
        FUZZ_CHECK(buf_error(&b) == 0);
        FUZZ_CHECK(bup_session_decode(b.data, b.len, &again) == 0);
        FUZZ_CHECK(again.phase == s->phase && again.next_bytes == s->next_bytes &&
                   again.total_bytes == s->total_bytes && again.notified == s->notified &&
                   again.published == s->published && again.final_status == s->final_status);
        buf_done(&b);
}

static bool begin(Play *p)
{
        uint8_t flags = fuzz_u8(&p->in);
        BupRequest create = {.type = BUP_CREATE_SESSION};
        BupAck ack;

        p->rules = (BupServerRules){
                .max_upload_bytes = flags & 1 ? fuzz_number(&p->in) : UINT64_MAX,
                .max_fragment_bytes = flags & 2 ? fuzz_number(&p->in) : UINT64_MAX,
                .notification = fuzz_below(&p->in, BUP_NOTIFY_BY_VALUE + 1),
                .refuse_empty = flags & 4,
                .publish_at_close = flags & 8,
                .host_id = flags & 16 ? "node.example.net" : NULL,
                .fallback_sec = flags & 32 ? 60 : BUP_FALLBACK_NEVER,
        };
        p->facts.now_wall_sec = 1767225600;
        if (!bup_server_create(&p->rules, &p->facts, &create, ID, &p->stored, &ack))
                return false;
        FUZZ_CHECK(ack.is_ack && ack.status / 100 == 2 && str_equal(ack.session_id, ID));
        bup_server_init(&p->server, &p->stored);
        return true;
}

/* What is not stored is gone; with power, so is what is not on disk. */
static void crash(Play *p, bool power)
{
        BupSession s = p->stored;

        if (power && p->data_bytes > p->synced_bytes)
                p->data_bytes = p->synced_bytes +
                                fuzz_number(&p->in) % (p->data_bytes - p->synced_bytes + 1);
        (void) bup_session_recover(&s, p->data_bytes, !power);
        FUZZ_CHECK(bup_session_is_tombstone(&s) || s.published || s.next_bytes <= p->data_bytes ||
                   s.phase == BUP_SESSION_DELIVERED);
        check_session(&s);
        bup_server_init(&p->server, &s);
        p->stored = s;
        if (!s.notified)
                p->told = false;
}

static void check_answer(const Play *p, const BupAck *ack)
{
        const BupSession *s = &p->server.session;
        Wire w;

        FUZZ_CHECK(ack->is_ack && ack->status >= 200 && ack->status <= 599);
        FUZZ_CHECK(ack->status / 100 != 2 || ack->error == S_OK);
        FUZZ_CHECK(!ack->has_received || ack->received_bytes <= s->next_bytes);
        wire_print_ack(&w, ack);
        if (ack->status / 100 != 2 || p->request.type != BUP_FRAGMENT)
                return;
        FUZZ_CHECK(ack->has_received && ack->received_bytes == s->next_bytes);
        /* The last byte is acknowledged only when all is where it shall be. */
        if (ack->received_bytes == s->total_bytes && s->phase == BUP_SESSION_DELIVERED) {
                FUZZ_CHECK(p->rules.notification == BUP_NOTIFY_NONE || s->notified);
                FUZZ_CHECK(!s->copies || s->published || p->rules.publish_at_close);
        }
}

static void check_operation(Play *p, const BupStep *step)
{
        const BupSession *s = &p->server.session;
        const BupRange *range = &p->request.range;

        switch (step->op) {
        case BUP_OP_STORE:
                FUZZ_CHECK(p->request.type == BUP_FRAGMENT && !step->drop_body);
                FUZZ_CHECK(step->offset_bytes == s->next_bytes);
                FUZZ_CHECK(step->offset_bytes == range->first_byte + step->skip_bytes);
                FUZZ_CHECK(step->skip_bytes + step->store_bytes == p->request.body_bytes);
                FUZZ_CHECK(step->store_bytes > 0 &&
                           step->offset_bytes + step->store_bytes <= range->total_bytes);
                FUZZ_CHECK(range->total_bytes <= p->rules.max_upload_bytes);
                FUZZ_CHECK(p->request.body_bytes <= p->rules.max_fragment_bytes);
                FUZZ_CHECK(step->offset_bytes <= p->data_bytes); /* no hole */
                FUZZ_CHECK(!s->published);
                break;
        case BUP_OP_NOTIFY:
                FUZZ_CHECK(!p->told); /* at least once, but not after it was acknowledged */
                FUZZ_CHECK(p->rules.notification != BUP_NOTIFY_NONE);
                FUZZ_CHECK(p->data_bytes >= s->total_bytes && p->synced_bytes >= s->total_bytes);
                break;
        case BUP_OP_PUBLISH:
                FUZZ_CHECK(s->copies);
                FUZZ_CHECK(s->next_bytes == s->total_bytes);
                FUZZ_CHECK(p->data_bytes >= s->total_bytes && p->synced_bytes >= s->total_bytes);
                break;
        default:
                FUZZ_CHECK(step->op == BUP_OP_SYNC || step->op == BUP_OP_DISCARD);
        }
}

static void take_step(Play *p, const BupStep *step)
{
        check_session(&p->server.session);
        if (step->save)
                p->stored = p->server.session;
        if (step->kind == BUP_STEP_ANSWER)
                check_answer(p, &step->ack);
        else if (step->kind == BUP_STEP_DO)
                check_operation(p, step);
        else
                FUZZ_CHECK(step->kind == BUP_STEP_HANG_UP);
        if (step->kind == BUP_STEP_ANSWER && step->ack.status / 100 == 2 &&
            p->server.session.notified)
                p->told = true;
}

static BupRange some_range(Play *p)
{
        const BupSession *s = &p->server.session;
        uint64_t total = s->total_known && fuzz_below(&p->in, 8) ? s->total_bytes
                                                                 : fuzz_number(&p->in) & INT64_MAX;
        uint64_t first, left;

        total = MAX(total, (uint64_t) 1);
        first = fuzz_below(&p->in, 4) ? s->next_bytes : fuzz_number(&p->in);
        first = MIN(first, total - 1);
        left = total - first;
        return (BupRange){first,
                          first + (fuzz_bool(&p->in) ? left : fuzz_number(&p->in) % left + 1) - 1,
                          total};
}

static void feed(Play *p)
{
        static const BupRefusal access[] = {BUP_FINE, BUP_FINE, BUP_FINE, BUP_DENIED,
                                            BUP_OVERLOADED};
        BupRequest request = {.type = fuzz_below(&p->in, 8)};
        uint8_t flags = fuzz_u8(&p->in);
        BupOp running = p->server.running;
        BupStep step;

        if (request.type >= BUP_PACKET_TYPE_MAX)
                request.type = BUP_FRAGMENT;
        (void) str_copy(request.session_id, sizeof(request.session_id), ID);
        if (request.type == BUP_FRAGMENT) {
                request.range = some_range(p);
                request.body_bytes = bup_range_length(&request.range);
        }
        p->facts.access = access[flags % ARRAY_LEN(access)];
        p->facts.other_owner = (flags & 0xf0) == 0x10;
        p->facts.other_target = (flags & 0xf0) == 0x20;
        bup_server_feed(&p->server, &p->rules, &p->facts, &request, &step);
        if (step.kind == BUP_STEP_HOLD || step.kind == BUP_STEP_PREEMPT) {
                FUZZ_CHECK(running != BUP_OP_NONE && !step.save);
                FUZZ_CHECK((step.kind == BUP_STEP_PREEMPT) == (running == BUP_OP_STORE));
                return;
        }
        if (running != BUP_OP_NONE) { /* refused before the session is looked at */
                FUZZ_CHECK(step.kind == BUP_STEP_ANSWER && step.ack.status >= 400);
                return;
        }
        p->request = request;
        take_step(p, &step);
}

/* Ends what runs, well or badly. */
static void finish(Play *p)
{
        static const uint16_t statuses[] = {200, 200, 200, 403, 500, 0, 302, 100};
        static const char *const urls[] = {NULL, "", "/drop/.bits/replies/1"};
        uint8_t choice = fuzz_u8(&p->in);
        BupOp op = p->server.running;
        BupResult result = {0};
        BupStep step;

        if (choice % 8 == 7)
                result.why = choice & 8 ? BUP_DISK_FULL : BUP_IO_ERROR;
        switch (op) {
        case BUP_OP_NONE:
                return;
        case BUP_OP_STORE:
                result.stored_bytes = choice & 16 ? fuzz_number(&p->in) : p->server.store_bytes;
                result.stored_bytes = MIN(result.stored_bytes, p->server.store_bytes);
                result.cut = result.stored_bytes < p->server.store_bytes && result.why == BUP_FINE;
                p->data_bytes =
                        MAX(p->data_bytes, p->server.session.next_bytes + result.stored_bytes);
                break;
        case BUP_OP_SYNC:
                if (result.why == BUP_FINE)
                        p->synced_bytes = p->data_bytes;
                break;
        case BUP_OP_NOTIFY:
                result.application_status = statuses[fuzz_below(&p->in, ARRAY_LEN(statuses))];
                result.copies = choice & 32;
                result.reply_url = urls[fuzz_below(&p->in, ARRAY_LEN(urls))];
                break;
        default:
                break;
        }
        bup_server_done(&p->server, &p->rules, &result, &step);
        take_step(p, &step);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        Play p = {.in = {data, bytes}};

        if (!begin(&p))
                return;
        for (unsigned i = 0; i < STEPS_MAX && p.in.left > 0; i++) {
                switch (fuzz_below(&p.in, 16)) {
                case 0:
                        crash(&p, false);
                        break;
                case 1:
                        crash(&p, true);
                        break;
                case 2:
                        p.synced_bytes = p.data_bytes;
                        bup_server_synced(&p.server, p.data_bytes);
                        break;
                case 3:
                case 4:
                case 5:
                case 6:
                        feed(&p);
                        break;
                default:
                        if (p.server.running == BUP_OP_NONE)
                                feed(&p);
                        else
                                finish(&p);
                }
                check_session(&p.server.session);
        }
}
