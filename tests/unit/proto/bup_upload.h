/* SPDX-License-Identifier: Apache-2.0 */
/* An upload client on a string: says what it should send, answers by text, checks what it makes of
 * the answer. Includes cmocka's asserts, so after cmocka.h only. */
#pragma once

#include "proto/bup_client.h"

#include "bup_wire.h"

#define USEC_PER_SEC ((uint64_t) 1000000)
#define START_USEC (1767225600 * USEC_PER_SEC)
#define SESSION "{3f0c6d0a-51b5-4c0e-9c7a-0b6c1c1d2e33}"
#define ACK "BITS-Packet-Type: Ack\n"
#define CREATED                                                                                    \
        ACK "BITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\nBITS-Session-Id: " SESSION "\n"
#define ERROR_TEXT(code) ACK "BITS-Error: " code "\nBITS-Error-Context: 0x5\n"
#define APPLICATION_ERROR(code) ACK "BITS-Error: " code "\nBITS-Error-Context: 0x7\n"
#define SESSION_LOST ERROR_TEXT("0x8020001F")

typedef struct Upload {
        BupClient client;
        BupClientConfig config;
        BupDo what;
        uint64_t now_usec;
        BupExchange exchange; /* facts of the next answer; cleared by it */
} Upload;

static inline void upload_begin(Upload *u, const char *url, uint64_t size_bytes, bool wants_reply)
{
        BupSource source = {.size_bytes = size_bytes, .modified_nsec = 5, .inode = 6};
        BupClientState state;

        *u = (Upload){.now_usec = START_USEC};
        u->config = (BupClientConfig){.url = url,
                                      .content_name = "/home/u/report.bin",
                                      .fragment_start_bytes = 8192,
                                      .fragment_cap_bytes = 8192};
        bup_client_state_init(&state, &source, wants_reply);
        bup_client_init(&u->client, &u->config, &state);
        bup_client_start(&u->client);
}

static inline void upload_end(Upload *u)
{
        bup_client_done(&u->client);
}

static inline BupDoKind upload_next(Upload *u)
{
        assert_int_equal(bup_client_next(&u->client, u->now_usec, &u->what), 0);
        return u->what.kind;
}

static inline const BupRequest *upload_expect(Upload *u, BupPacketType type)
{
        assert_int_equal(upload_next(u), BUP_DO_SEND);
        if (u->what.request.type != type)
                fail_msg("%s instead of %s", bup_packet_type_text(u->what.request.type),
                         bup_packet_type_text(type));
        return &u->what.request;
}

static inline void upload_expect_fragment(Upload *u, uint64_t first, uint64_t last)
{
        const BupRequest *r = upload_expect(u, BUP_FRAGMENT);

        assert_int_equal(r->range.first_byte, first);
        assert_int_equal(r->range.last_byte, last);
        assert_int_equal(r->range.total_bytes, u->client.state.source.size_bytes);
        assert_int_equal(r->body_bytes, last - first + 1);
        assert_string_equal(r->session_id, u->client.state.session_id);
}

static inline BupOutcome upload_answer(Upload *u, uint16_t status, const char *text)
{
        BupAck ack = wire_parse_ack(status, text);
        BupExchange exchange = u->exchange;

        u->exchange = (BupExchange){0};
        return bup_client_ack(&u->client, &ack, &exchange, u->now_usec);
}

static inline void upload_goes_on(Upload *u, uint16_t status, const char *text)
{
        BupOutcome out = upload_answer(u, status, text);

        if (out.verdict != BUP_GO_ON)
                fail_msg("verdict %d, 0x%08x: %s", out.verdict, (unsigned) out.error, out.why);
}

static inline void upload_goes_on_at(Upload *u, uint16_t status, uint64_t received)
{
        char text[100];

        (void) snprintf(text, sizeof(text), ACK "BITS-Received-Content-Range: %llu\n",
                        (unsigned long long) received);
        upload_goes_on(u, status, text);
}

static inline BupOutcome upload_stops(Upload *u, uint16_t status, const char *text,
                                      BupVerdict verdict, HRESULT error)
{
        BupOutcome out = upload_answer(u, status, text);

        assert_int_equal(out.verdict, verdict);
        assert_int_equal((uint32_t) out.error, (uint32_t) error);
        assert_int_equal(out.http_status, status);
        assert_int_equal(upload_next(u), BUP_DO_STOP);
        return out;
}

/* The attempt ends and the next one begins, perhaps in another process. */
static inline void upload_restart(Upload *u)
{
        BupClientState state;
        Buf b;

        buf_init(&b, BUP_CLIENT_STATE_MAX_BYTES);
        bup_client_state_encode(&u->client.state, &b);
        assert_int_equal(bup_client_state_decode(b.data, b.len, &state), 0);
        buf_done(&b);
        bup_client_done(&u->client);
        bup_client_init(&u->client, &u->config, &state);
        bup_client_start(&u->client);
}

static inline void upload_create(Upload *u)
{
        (void) upload_expect(u, BUP_CREATE_SESSION);
        upload_goes_on(u, 200, CREATED);
}

static inline BupOutcome upload_fail(Upload *u, const BupFailure *failure)
{
        return bup_client_failed(&u->client, failure, u->now_usec);
}
