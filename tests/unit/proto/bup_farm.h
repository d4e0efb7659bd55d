/* SPDX-License-Identifier: Apache-2.0 */
/* Upload servers in memory, for the simulation: sessions with their data files, stored states,
 * notified application and destination, run by the server machine, and checked at every operation
 * against what must never be. Crashes drop what was not stored. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "proto/bup_server.h"

#include "../base/random.h"
#include "bup_wire.h"

enum {
        FARM_NODES = 2,
        FARM_SESSIONS = 64,
        FARM_FILE_BYTES = 96 * 1024,
};

static const char *const FARM_HOSTS[FARM_NODES] = {"node0.up.example.net", "node1.up.example.net"};

typedef struct FarmSession {
        bool exists;
        int node;
        char id[BUP_SESSION_ID_BYTES];
        BupServer live;
        bool lives; /* the server has it in memory */
        uint8_t stored[BUP_SESSION_MAX_BYTES];
        size_t stored_bytes;
        uint8_t *data;
        uint64_t data_bytes; /* length of the data file */
        uint64_t counted;    /* offset of the stored state: these bytes are never written again */
        uint64_t synced;
        bool has_reply;
        unsigned app_calls, app_successes;
        bool success_acked; /* the client has seen the Ack of a success */
        bool was_published;
        /* A body or an application that is waited for after its client left. */
        bool waits;
        BupStep waiting;
        uint64_t body_first; /* offset of the body's first byte */
} FarmSession;

typedef struct Farm {
        Random *random;
        const uint8_t *source;
        uint64_t source_bytes;
        BupServerRules rules;
        FarmSession sessions[FARM_SESSIONS];
        unsigned n;
        bool faults;         /* whatever may go wrong does now and then … */
        unsigned badness;    /* … so often: 0 = never, 4 = as the percentages say */
        bool app_may_refuse; /* … for good */
        bool with_host_ids;
        bool node_down[FARM_NODES];
        unsigned published; /* times that the destination was written */
        const char *broken; /* what must never be; NULL while all is well */
} Farm;

static inline bool farm_may(Farm *f, unsigned percent)
{
        return f->faults && random_below(f->random, 400) < percent * f->badness;
}

static inline void farm_check(Farm *f, bool holds, const char *what)
{
        if (!holds && !f->broken)
                f->broken = what;
}

static inline void farm_store(Farm *f, FarmSession *s)
{
        Buf b;
        BupSession copy;

        buf_init(&b, 2 * BUP_SESSION_MAX_BYTES);
        bup_session_encode(&s->live.session, &b);
        farm_check(f, buf_error(&b) == 0, "a session does not fit its record");
        farm_check(f, bup_session_decode(b.data, b.len, &copy) == 0, "a stored session is unsound");
        bup_session_encode(&copy, &b);
        farm_check(f, b.len % 2 == 0 && memcmp(b.data, b.data + b.len / 2, b.len / 2) == 0,
                   "a session changed by being stored");
        b.len /= 2;
        memcpy(s->stored, b.data, b.len);
        s->stored_bytes = b.len;
        s->counted = s->live.session.next_bytes;
        buf_done(&b);
}

/* The process ends; memory is gone. With `power`, so is what was not synchronised. */
static inline void farm_crash(Farm *f, int node, bool power)
{
        for (unsigned i = 0; i < f->n; i++) {
                FarmSession *s = &f->sessions[i];
                BupSession session;

                if (!s->exists || s->node != node)
                        continue;
                s->waits = false;
                if (power && s->data_bytes > s->synced)
                        s->data_bytes =
                                s->synced + random_below(f->random, s->data_bytes - s->synced + 1);
                farm_check(f, bup_session_decode(s->stored, s->stored_bytes, &session) == 0,
                           "a stored session cannot be read");
                (void) bup_session_recover(&session, s->data_bytes, !power);
                bup_server_init(&s->live, &session);
                s->counted = session.next_bytes;
        }
}

static inline FarmSession *farm_find(Farm *f, int node, const char *id)
{
        char canonical[BUP_SESSION_ID_BYTES];

        if (bup_session_id_canonical(id, canonical) < 0)
                return NULL;
        for (unsigned i = 0; i < f->n; i++)
                if (f->sessions[i].exists && f->sessions[i].node == node &&
                    strcmp(f->sessions[i].id, canonical) == 0)
                        return &f->sessions[i];
        return NULL;
}

static inline void farm_create(Farm *f, int node, const BupRequest *request, int64_t now_sec,
                               BupAck *ack)
{
        BupServerFacts facts = {.now_wall_sec = now_sec};
        FarmSession *s = &f->sessions[f->n];
        BupServerRules rules = f->rules;
        BupSession session;
        char id[BUP_SESSION_ID_BYTES];

        if (f->n == FARM_SESSIONS || farm_may(f, 3)) {
                bup_refuse(BUP_OVERLOADED, ack);
                return;
        }
        (void) snprintf(id, sizeof(id), "{%08x-%04x}", f->n, (unsigned) node);
        rules.host_id = f->with_host_ids ? FARM_HOSTS[node] : NULL;
        if (!bup_server_create(&rules, &facts, request, id, &session, ack)) {
                farm_check(f, false, "a session was refused without a reason");
                return;
        }
        *s = (FarmSession){.exists = true, .node = node, .data = calloc(1, FARM_FILE_BYTES)};
        (void) strcpy(s->id, id);
        bup_server_init(&s->live, &session);
        farm_store(f, s);
        f->n++;
}

static inline bool farm_data_is_source(const Farm *f, const FarmSession *s)
{
        return s->data_bytes == f->source_bytes &&
               (s->data_bytes == 0 || memcmp(s->data, f->source, s->data_bytes) == 0);
}

/* `arrived` bytes of the body come in, from its first byte on. */
static inline BupResult farm_write(Farm *f, FarmSession *s, const BupStep *step, uint64_t arrived)
{
        uint64_t usable = arrived > step->skip_bytes ? arrived - step->skip_bytes : 0;
        BupResult result = {.stored_bytes = MIN(usable, step->store_bytes)};

        farm_check(f, step->offset_bytes == s->body_first + step->skip_bytes,
                   "body and offset do not fit");
        farm_check(f, step->offset_bytes >= s->counted, "counted bytes are written again");
        farm_check(f, step->offset_bytes <= s->data_bytes, "a hole in the data");
        farm_check(f, !s->was_published, "a published file is written to");
        if (farm_may(f, 2)) {
                result.why = BUP_DISK_FULL;
                result.stored_bytes = random_below(f->random, result.stored_bytes + 1);
        }
        if (result.stored_bytes < step->store_bytes && result.why == BUP_FINE)
                result.cut = true;
        if (step->offset_bytes + result.stored_bytes > f->source_bytes) {
                farm_check(f, false, "bytes behind the end");
                return result;
        }
        memcpy(s->data + step->offset_bytes, f->source + step->offset_bytes, result.stored_bytes);
        if (result.stored_bytes > 0)
                s->data_bytes = step->offset_bytes + result.stored_bytes;
        return result;
}

static inline BupResult farm_notify(Farm *f, FarmSession *s)
{
        static const uint16_t statuses[] = {500, 503, 0, 302, 201, 401, 413, 416, 404};
        BupResult result = {.application_status = 200, .reply_url = "/drop/.bits/replies/1"};

        farm_check(f, farm_data_is_source(f, s), "the application is shown something else");
        farm_check(f, !s->success_acked, "the application is called after its success was Acked");
        farm_check(f, s->synced == s->data_bytes, "the application is told of volatile bytes");
        s->app_calls++;
        result.copies = true;
        if (farm_may(f, 10)) {
                result.why = BUP_APPLICATION_TIMED_OUT;
        } else if (farm_may(f, 15)) {
                /* Fatal for the client only with those that it takes for fatal. */
                size_t n = f->app_may_refuse ? ARRAY_LEN(statuses) : 3;

                result.application_status = statuses[random_below(f->random, n)];
        } else if (f->app_may_refuse && farm_may(f, 20)) {
                result.application_status = 403;
        } else {
                s->app_successes++;
                s->has_reply = true;
        }
        return result;
}

static inline BupResult farm_operate(Farm *f, FarmSession *s, const BupStep *step)
{
        switch (step->op) {
        case BUP_OP_SYNC:
                if (farm_may(f, 3))
                        return (BupResult){.why = BUP_IO_ERROR};
                s->synced = s->data_bytes;
                break;
        case BUP_OP_NOTIFY:
                return farm_notify(f, s);
        case BUP_OP_PUBLISH:
                farm_check(f, farm_data_is_source(f, s), "something else is published");
                farm_check(f, s->synced == s->data_bytes, "volatile bytes are published");
                if (farm_may(f, 3))
                        return (BupResult){.why = BUP_DISK_FULL};
                s->was_published = true;
                f->published++;
                break;
        case BUP_OP_DISCARD:
                s->has_reply = false;
                break;
        default:
                farm_check(f, false, "an operation that is none");
        }
        return (BupResult){0};
}

typedef enum FarmEnd {
        FARM_ANSWERED,
        FARM_SILENT, /* the connection ends without an answer */
} FarmEnd;

/* Runs the steps of a request to its end. A crash may come before and after each of them. */
static inline FarmEnd farm_run(Farm *f, FarmSession *s, BupStep *step, uint64_t arrived,
                               bool may_wait, BupAck *ack)
{
        for (;;) {
                BupResult result;

                if (farm_may(f, 2)) {
                        farm_crash(f, s->node, farm_may(f, 50));
                        return FARM_SILENT;
                }
                if (step->save)
                        farm_store(f, s);
                if (farm_may(f, 2)) {
                        farm_crash(f, s->node, farm_may(f, 50));
                        return FARM_SILENT;
                }
                if (step->kind == BUP_STEP_HANG_UP)
                        return FARM_SILENT;
                if (step->kind == BUP_STEP_ANSWER) {
                        *ack = step->ack;
                        return FARM_ANSWERED;
                }
                farm_check(f, step->kind == BUP_STEP_DO, "a step that nobody waits for");
                if (may_wait && (step->op == BUP_OP_STORE || step->op == BUP_OP_NOTIFY) &&
                    farm_may(f, 10)) {
                        s->waits = true;
                        s->waiting = *step;
                        return FARM_SILENT; /* the client's patience ends first */
                }
                result = step->op == BUP_OP_STORE ? farm_write(f, s, step, arrived)
                                                  : farm_operate(f, s, step);
                bup_server_done(&s->live, &f->rules, &result, step);
        }
}

/* A request for a session, whose body arrives in part or whole. */
static inline FarmEnd farm_session(Farm *f, FarmSession *s, const BupRequest *request,
                                   uint64_t arrived, int64_t now_sec, BupAck *ack)
{
        BupServerFacts facts = {.now_wall_sec = now_sec};
        BupStep step;

        for (;;) {
                bool running = s->live.running != BUP_OP_NONE;
                BupStep old = s->waiting;
                BupAck nobody;

                bup_server_feed(&s->live, &f->rules, &facts, request, &step);
                farm_check(f,
                           running == (step.kind == BUP_STEP_PREEMPT || step.kind == BUP_STEP_HOLD),
                           "two operations at a time");
                if (!running)
                        break;
                farm_check(f, s->waits, "an operation runs that nobody began");
                farm_check(f, (step.kind == BUP_STEP_PREEMPT) == (old.op == BUP_OP_STORE),
                           "held and pre-empted are mixed up");
                s->waits = false;
                (void) farm_run(f, s, &old,
                                random_below(f->random, old.skip_bytes + old.store_bytes + 1),
                                false, &nobody);
        }
        if (request->type == BUP_FRAGMENT)
                s->body_first = request->range.first_byte;
        return farm_run(f, s, &step, arrived, true, ack);
}

/* Anything that arrives at a node. `arrived`: bytes of the body. */
static inline FarmEnd farm_receive(Farm *f, int node, const Wire *wire, uint64_t arrived,
                                   int64_t now_sec, BupAck *ack)
{
        FarmSession *s;
        BupRequest request;
        BupRefusal why;

        if (bup_request_parse(wire->fields, wire->n, NULL, &request, &why) < 0) {
                farm_check(f, false, bup_refusal_text(why));
                bup_refuse(why, ack);
                return FARM_ANSWERED;
        }
        if (request.type == BUP_PING) {
                bup_server_ping(ack);
                return FARM_ANSWERED;
        }
        if (request.type == BUP_CREATE_SESSION) {
                farm_create(f, node, &request, now_sec, ack);
                return FARM_ANSWERED;
        }
        s = farm_find(f, node, request.session_id);
        if (!s) {
                bup_server_unknown(ack);
                return FARM_ANSWERED;
        }
        return farm_session(f, s, &request, arrived, now_sec, ack);
}

static inline void farm_done(Farm *f)
{
        for (unsigned i = 0; i < f->n; i++)
                free(f->sessions[i].data);
}
