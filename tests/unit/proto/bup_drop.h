/* SPDX-License-Identifier: Apache-2.0 */
/* An upload session on a string: feeds packets to the server machine, checks which operation it
 * asks for, says what came of it. Includes cmocka's asserts, so after cmocka.h only. */
#pragma once

#include "bitsmsg.h"
#include "proto/bup_server.h"

#include "bup_wire.h"

#define DROP_ID "{3f0c6d0a-51b5-4c0e-9c7a-0b6c1c1d2e33}"
#define DROP_NOW 1767225600

typedef struct Drop {
        BupServer server;
        BupServerRules rules;
        BupServerFacts facts;
        BupStep step;
} Drop;

static inline void drop_begin(Drop *d, BupNotification notification)
{
        BupRequest create = {.type = BUP_CREATE_SESSION, .content_name = "report.bin"};
        BupSession session;
        BupAck ack;

        *d = (Drop){.rules = {.max_upload_bytes = UINT64_MAX,
                              .max_fragment_bytes = UINT64_MAX,
                              .notification = notification},
                    .facts = {.now_wall_sec = DROP_NOW}};
        assert_true(bup_server_create(&d->rules, &d->facts, &create, DROP_ID, &session, &ack));
        bup_server_init(&d->server, &session);
}

/* The process is restarted; the session is what was stored. */
static inline void drop_restart(Drop *d)
{
        BupSession session;
        Buf b;

        buf_init(&b, BUP_SESSION_MAX_BYTES);
        bup_session_encode(&d->server.session, &b);
        assert_int_equal(bup_session_decode(b.data, b.len, &session), 0);
        buf_done(&b);
        bup_server_init(&d->server, &session);
}

static inline void drop_packet(Drop *d, BupPacketType type)
{
        BupRequest r = {.type = type, .session_id = DROP_ID};

        bup_server_feed(&d->server, &d->rules, &d->facts, &r, &d->step);
}

static inline void drop_fragment(Drop *d, uint64_t first, uint64_t last, uint64_t total)
{
        BupRequest r = {.type = BUP_FRAGMENT,
                        .session_id = DROP_ID,
                        .range = {first, last, total},
                        .body_bytes = last - first + 1};

        bup_server_feed(&d->server, &d->rules, &d->facts, &r, &d->step);
}

static inline void drop_asks(const Drop *d, BupOp op, bool save)
{
        assert_int_equal(d->step.kind, BUP_STEP_DO);
        assert_int_equal(d->step.op, op);
        assert_int_equal(d->step.save, save);
}

static inline void drop_asks_to_store(const Drop *d, uint64_t offset, uint64_t skip, uint64_t bytes)
{
        drop_asks(d, BUP_OP_STORE, false);
        assert_int_equal(d->step.offset_bytes, offset);
        assert_int_equal(d->step.skip_bytes, skip);
        assert_int_equal(d->step.store_bytes, bytes);
        assert_false(d->step.drop_body);
}

static inline void drop_did(Drop *d, BupResult result)
{
        bup_server_done(&d->server, &d->rules, &result, &d->step);
}

static inline void drop_stored(Drop *d, uint64_t bytes)
{
        drop_did(d, (BupResult){.stored_bytes = bytes});
}

static inline void drop_answers(const Drop *d, uint16_t status)
{
        assert_int_equal(d->step.kind, BUP_STEP_ANSWER);
        assert_int_equal(d->step.ack.status, status);
        assert_true(d->step.ack.is_ack);
}

static inline void drop_acks(const Drop *d, uint64_t received)
{
        drop_answers(d, 200);
        assert_true(d->step.ack.has_received);
        assert_int_equal(d->step.ack.received_bytes, received);
        assert_int_equal(d->step.ack.error, S_OK);
        assert_string_equal(d->step.ack.session_id, DROP_ID);
}

static inline void drop_refuses(const Drop *d, BupRefusal why)
{
        BupAck expected;

        bup_refuse(why, &expected);
        drop_answers(d, expected.status);
        assert_int_equal((uint32_t) d->step.ack.error, (uint32_t) expected.error);
        assert_int_equal(d->step.ack.context, expected.context);
}

/* One fragment, all in order, with its Ack. */
static inline void drop_send(Drop *d, uint64_t first, uint64_t last, uint64_t total)
{
        drop_fragment(d, first, last, total);
        drop_asks_to_store(d, first, 0, last - first + 1);
        drop_stored(d, last - first + 1);
        drop_acks(d, last + 1);
        assert_true(d->step.save);
}

/* 100 bytes up to where they are on disk. */
static inline void drop_all(Drop *d)
{
        drop_fragment(d, 0, 99, 100);
        drop_stored(d, 100);
        drop_asks(d, BUP_OP_SYNC, false);
        drop_did(d, (BupResult){0});
}
