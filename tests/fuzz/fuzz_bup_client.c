/* SPDX-License-Identifier: Apache-2.0 */
/* The client machine of the upload protocol against a server, a network and a crashing process that
 * do whatever the input says. */
#include <string.h>

#include "base/str.h"
#include "proto/bup_client.h"
#include "proto/bup_url.h"

#include "../unit/proto/bup_wire.h"
#include "fuzz.h"

enum {
        STEPS_MAX = 300,
        STATE_MAX_BYTES = 255,
        TEXT_MAX_BYTES = 256,
};

#define SECOND_USEC ((uint64_t) 1000000)

typedef struct Play {
        FuzzInput in;
        BupClientConfig config;
        BupClient client;
        bool invented; /* began with a state that only the store's rules made */
        bool challenged;
        uint64_t now_usec;
} Play;

static const char *const URLS[] = {
        "http://up.example.net/drop/report.bin",
        "https://up.example.net:8443/drop/report.bin?x=1",
        "http://127.0.0.1/r",
        "https://user:secret@[2001:db8::1]/a/b",
};

/* It may be stored between any two calls, so it has to be a state at any time. */
static void check_state(const Play *p, BupClientState *ret)
{
        const BupClientState *s = &p->client.state;
        BupClientState again;
        Buf b;

        FUZZ_CHECK(s->offset_bytes <= s->best_bytes);
        FUZZ_CHECK(s->best_bytes <= s->source.size_bytes);
        FUZZ_CHECK(bup_client_state_progress(s) <= s->source.size_bytes);
        buf_init(&b, BUP_CLIENT_STATE_MAX_BYTES);
        bup_client_state_encode(s, &b);
        FUZZ_CHECK(buf_error(&b) == 0);
        FUZZ_CHECK(bup_client_state_decode(b.data, b.len, &again) == 0);
        FUZZ_CHECK(again.phase == s->phase && again.offset_bytes == s->offset_bytes);
        FUZZ_CHECK(str_equal(again.session_id, s->session_id));
        buf_done(&b);
        if (ret)
                *ret = again;
}

static void begin(Play *p)
{
        BupSource source;
        BupClientState state;
        uint8_t flags = fuzz_u8(&p->in);
        size_t bytes;

        p->config = (BupClientConfig){
                .url = URLS[fuzz_below(&p->in, ARRAY_LEN(URLS))],
                .content_name = flags & 1 ? "report.bin" : NULL,
                .fragment_start_bytes = flags & 2 ? fuzz_number(&p->in) : 0,
                .fragment_cap_bytes = flags & 2 ? fuzz_number(&p->in) : 0,
                .has_credentials = flags & 4,
                .reply_optional = flags & 8,
        };
        source = (BupSource){.size_bytes = fuzz_number(&p->in) & INT64_MAX, .inode = 1};
        bup_client_state_init(&state, &source, flags & 16);
        bytes = flags & 32 ? fuzz_u8(&p->in) : 0;
        bytes = MIN(bytes, p->in.left);
        if (bytes > 0) {
                p->invented = bup_client_state_decode(p->in.data, bytes, &state) == 0;
                p->in.data += bytes;
                p->in.left -= bytes;
        }
        p->now_usec = flags & 64 ? fuzz_number(&p->in) : 1767225600 * SECOND_USEC;
        bup_client_init(&p->client, &p->config, &state);
}

/* The process ends and another one takes the upload up. */
static void restart(Play *p)
{
        BupClientState state;

        check_state(p, &state);
        bup_client_done(&p->client);
        bup_client_init(&p->client, &p->config, &state);
}

static uint64_t some_offset(Play *p, const BupDo *d)
{
        switch (fuzz_below(&p->in, 6)) {
        case 0:
                return d->request.range.last_byte + 1;
        case 1:
                return d->request.range.first_byte;
        case 2:
                return p->client.state.source.size_bytes;
        case 3:
                return 0;
        case 4:
                return p->client.state.offset_bytes / 2;
        default:
                return fuzz_number(&p->in);
        }
}

/* An answer in the words of a server, read by the parser as the worker does. */
static void make_ack(Play *p, const BupDo *d, BupAck *ret)
{
        static const uint16_t statuses[] = {200, 201, 204, 301, 307, 400, 401, 403, 404,
                                            407, 408, 409, 413, 416, 429, 500, 501, 503};
        static const HRESULT codes[] = {S_OK, (HRESULT) 0x8020001f, (HRESULT) 0x80200020,
                                        (HRESULT) 0x80070005, (HRESULT) 0x80190194};
        static const char *const ids[] = {"{3f0c}", "{3f0d}", "x"};
        uint8_t flags = fuzz_u8(&p->in), choice = fuzz_u8(&p->in);
        char *text;

        bup_ack_init(ret, statuses[choice % ARRAY_LEN(statuses)]);
        if (flags & 1) { /* all of it out of the input's text */
                Wire w;

                text = fuzz_line(&p->in, TEXT_MAX_BYTES);
                for (char *c = text; *c; c++)
                        if (*c == '|')
                                *c = '\n';
                wire_read(&w, text);
                bup_ack_parse(ret->status, w.fields, w.n, (int64_t) (p->now_usec / SECOND_USEC),
                              ret);
                mem_free(text);
                return;
        }
        ret->is_ack = !(flags & 2);
        ret->has_protocol = ret->is_our_protocol = !(flags & 4);
        ret->accepts_identity = flags & 8;
        ret->has_received = flags & 16;
        ret->received_bytes = ret->has_received ? some_offset(p, d) : 0;
        ret->error = flags & 32 ? codes[fuzz_below(&p->in, ARRAY_LEN(codes))] : S_OK;
        if (FAILED(ret->error))
                ret->context = choice & 128 ? BG_ERROR_CONTEXT_REMOTE_APPLICATION
                                            : BG_ERROR_CONTEXT_REMOTE_FILE;
        if (flags & 64)
                (void) str_copy(ret->session_id, sizeof(ret->session_id),
                                ids[fuzz_below(&p->in, ARRAY_LEN(ids))]);
        if (flags & 128) {
                text = fuzz_line(&p->in, TEXT_MAX_BYTES);
                if (d->request.type == BUP_CREATE_SESSION) {
                        if (bup_host_id_parse(text, ret->host_id) < 0)
                                ret->host_id[0] = '\0';
                        ret->fallback_sec = (uint32_t) fuzz_number(&p->in);
                } else if (ret->status / 100 == 3) {
                        (void) str_copy(ret->location, sizeof(ret->location), text);
                } else {
                        (void) str_copy(ret->reply_url, sizeof(ret->reply_url), text);
                }
                mem_free(text);
        }
}

static void check_outcome(Play *p, const BupOutcome *out, uint64_t best_before)
{
        BupDo d;

        FUZZ_CHECK(!out->progressed || p->client.state.best_bytes > best_before);
        FUZZ_CHECK(p->client.state.best_bytes >= best_before);
        p->challenged = out->verdict == BUP_AUTHENTICATE;
        FUZZ_CHECK(!p->challenged || out->http_status == 401 || out->http_status == 407);
        if (out->verdict != BUP_TRANSIENT && out->verdict != BUP_FATAL)
                return;
        FUZZ_CHECK(FAILED(out->error));
        FUZZ_CHECK(bup_client_next(&p->client, p->now_usec, &d) == 0);
        FUZZ_CHECK(d.kind == BUP_DO_STOP);
}

static void check_send(const Play *p, const BupDo *d)
{
        const BupRequest *r = &d->request;
        Wire w;

        FUZZ_CHECK(r->type < BUP_PACKET_TYPE_MAX);
        FUZZ_CHECK((r->session_id[0] != '\0') ==
                   (r->type != BUP_CREATE_SESSION && r->type != BUP_PING));
        if (r->type == BUP_FRAGMENT) {
                FUZZ_CHECK(r->range.total_bytes == p->client.state.source.size_bytes);
                FUZZ_CHECK(r->range.first_byte <= r->range.last_byte);
                FUZZ_CHECK(r->range.last_byte < r->range.total_bytes);
                FUZZ_CHECK(r->range.first_byte <= p->client.state.offset_bytes);
        }
        FUZZ_CHECK(r->body_bytes == (r->type == BUP_FRAGMENT ? bup_range_length(&r->range) : 0));
        wire_print_request(&w, r);
        FUZZ_CHECK(w.n > 0);
}

static void check_do(const Play *p, const BupDo *d)
{
        const BupClientState *s = &p->client.state;

        if (d->kind == BUP_DO_SEND || d->kind == BUP_DO_GET_REPLY) {
                FUZZ_CHECK(bup_url_is_https(d->url) || str_starts_with_nocase(d->url, "http://"));
                FUZZ_CHECK(!bup_url_is_https(p->config.url) || bup_url_is_https(d->url));
                FUZZ_CHECK(!d->credentials_ok || bup_url_is_https(d->url) ||
                           bup_url_same_origin(p->config.url, d->url));
        }
        if (d->kind == BUP_DO_SEND)
                check_send(p, d);
        if (d->kind == BUP_DO_GET_REPLY)
                FUZZ_CHECK(s->wants_reply && s->all_acked);
        /* Success is claimed only for what the server has acknowledged whole. */
        if (d->kind == BUP_DO_NOTHING && !s->cancelling && !p->invented) {
                FUZZ_CHECK(s->phase == BUP_PHASE_CLOSED);
                FUZZ_CHECK(s->all_acked || s->source.size_bytes == 0);
                FUZZ_CHECK(s->source.size_bytes == 0 || !s->wants_reply || s->reply_done ||
                           p->config.reply_optional);
        }
}

static void answer(Play *p, const BupDo *d)
{
        uint64_t best_before = p->client.state.best_bytes;
        uint8_t choice = fuzz_u8(&p->in);
        BupExchange exchange = {.usec = fuzz_number(&p->in),
                                .credentials_sent = choice & 128,
                                .connection_closed = choice & 64};
        BupOutcome out;
        BupAck ack;

        if (choice % 8 < 6) {
                make_ack(p, d, &ack);
                out = bup_client_ack(&p->client, &ack, &exchange, p->now_usec);
        } else {
                BupFailure failure = {.code = (HRESULT) 0x80072efe,
                                      .fatal = choice & 8,
                                      .maybe_received = choice & 16,
                                      .reused_connection = choice & 32,
                                      .body_sent_bytes = exchange.usec};

                out = bup_client_failed(&p->client, &failure, p->now_usec);
        }
        check_outcome(p, &out, best_before);
        if (p->challenged && fuzz_bool(&p->in)) {
                out = bup_client_auth_failed(&p->client, out.http_status);
                check_outcome(p, &out, best_before);
        }
}

static void fetch_reply(Play *p)
{
        uint64_t best_before = p->client.state.best_bytes;
        BupOutcome out;

        if (fuzz_bool(&p->in))
                out = bup_client_reply_done(&p->client);
        else
                out = bup_client_reply_failed(&p->client, (uint16_t) (400 + fuzz_u8(&p->in) % 200),
                                              0);
        check_outcome(p, &out, best_before);
}

static bool step(Play *p)
{
        BupDo d, again;

        FUZZ_CHECK(bup_client_next(&p->client, p->now_usec, &d) == 0);
        check_do(p, &d);
        check_state(p, NULL);
        FUZZ_CHECK(bup_client_next(&p->client, p->now_usec, &again) == 0);
        FUZZ_CHECK(d.kind == again.kind);
        FUZZ_CHECK(d.kind != BUP_DO_SEND || (d.request.type == again.request.type &&
                                             memcmp(&d.request.range, &again.request.range,
                                                    sizeof(again.request.range)) == 0));
        switch (fuzz_below(&p->in, 16)) {
        case 0:
                restart(p);
                return true;
        case 1:
                p->now_usec += fuzz_number(&p->in) >> 8;
                return true;
        case 2:
                bup_client_cancel(&p->client);
                return true;
        default:
                break;
        }
        switch (again.kind) {
        case BUP_DO_SEND:
                answer(p, &again);
                return true;
        case BUP_DO_GET_REPLY:
                fetch_reply(p);
                return true;
        case BUP_DO_STOP:
                bup_client_start(&p->client);
                return true;
        default:
                return false;
        }
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        Play p = {.in = {data, bytes}};

        begin(&p);
        for (unsigned i = 0; i < STEPS_MAX && p.in.left > 0; i++)
                if (!step(&p))
                        break;
        check_state(&p, NULL);
        bup_client_done(&p.client);
}
