/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of the upload protocol against each other, thousands of times: everything that a
 * network, two servers, an application and both machines can do goes wrong now and then, then it
 * heals, and the upload has to arrive. TEST_SEED repeats one run of all; BUP_SEED repeats one
 * upload. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>

#include "bitsmsg.h"
#include "proto/bup_client.h"

#include "bup_farm.h"

#define DESTINATION "http://up.example.net/drop/a%20file.bin?site=7"
#define USEC_PER_SEC ((uint64_t) 1000000)

enum {
        UPLOADS = 4000,
        EXCHANGES_MAX = 4000, /* of one upload; more is a loop */
        LATE_MAX = 4,
};

/* A request that is under way for long. */
typedef struct Late {
        BupRequest request;
        int node;
} Late;

typedef struct Sim {
        Random random;
        Farm farm;
        uint8_t source[FARM_FILE_BYTES];
        BupClientConfig config;
        BupClient client;
        uint8_t stored[BUP_CLIENT_STATE_MAX_BYTES];
        size_t stored_bytes;
        uint64_t now_usec;
        int origin_node;
        uint64_t proxy_limit_bytes; /* 413 over it */
        bool may_lose;
        bool challenged; /* the last answer was a 401 */
        unsigned exchanges, heals_at, cancels_at;
        Late late[LATE_MAX];
        unsigned late_n;
        /* What the client was told and has done. */
        char session_id[BUP_SESSION_ID_BYTES];
        uint64_t acked_bytes[FARM_SESSIONS]; /* highest, of each session */
        bool close_sent;
        bool has_reply;
        bool purged_after_ack;
        uint64_t bytes_sent, refused_bytes; /* … with 413 */
        unsigned packets[BUP_PACKET_TYPE_MAX];
        bool over, success;
        bool traced;
} Sim;

static void store_client(Sim *sim)
{
        BupClientState copy;
        Buf b;

        buf_init(&b, 2 * BUP_CLIENT_STATE_MAX_BYTES);
        bup_client_state_encode(&sim->client.state, &b);
        farm_check(&sim->farm, buf_error(&b) == 0, "a client state does not fit");
        farm_check(&sim->farm, bup_client_state_decode(b.data, b.len, &copy) == 0,
                   "a client state is unsound");
        bup_client_state_encode(&copy, &b);
        farm_check(&sim->farm, b.len % 2 == 0 && memcmp(b.data, b.data + b.len / 2, b.len / 2) == 0,
                   "a client state changed by being stored");
        b.len /= 2;
        memcpy(sim->stored, b.data, b.len);
        sim->stored_bytes = b.len;
        buf_done(&b);
}

/* The daemon dies: what was not stored is forgotten. */
static void crash_client(Sim *sim)
{
        BupClientState state;

        farm_check(&sim->farm, bup_client_state_decode(sim->stored, sim->stored_bytes, &state) == 0,
                   "a stored client state cannot be read");
        bup_client_done(&sim->client);
        bup_client_init(&sim->client, &sim->config, &state);
        bup_client_start(&sim->client);
}

static void disturb_servers(Sim *sim)
{
        Farm *f = &sim->farm;

        if (farm_may(f, 2))
                farm_crash(f, (int) random_below(&sim->random, FARM_NODES), farm_may(f, 50));
        if (farm_may(f, 5) && sim->may_lose)
                sim->origin_node = !sim->origin_node;
        if (farm_may(f, 4))
                f->node_down[random_below(&sim->random, FARM_NODES)] ^= true;
        if (farm_may(f, 2) && sim->may_lose && f->n > 0) {
                FarmSession *s = &f->sessions[random_below(&sim->random, f->n)];

                s->exists = false;
                sim->purged_after_ack |= s->success_acked;
        }
        if (sim->late_n > 0 && farm_may(f, 30)) {
                Late *late = &sim->late[--sim->late_n];
                BupAck nobody;
                Wire wire;

                wire_print_request(&wire, &late->request);
                (void) farm_receive(f, late->node, &wire,
                                    random_below(&sim->random, late->request.body_bytes + 1),
                                    (int64_t) (sim->now_usec / USEC_PER_SEC), &nobody);
        }
}

static uint64_t *acked_of(Sim *sim, const char *session_id)
{
        static uint64_t nothing;

        for (unsigned i = 0; i < sim->farm.n; i++)
                if (strcmp(sim->farm.sessions[i].id, session_id) == 0)
                        return &sim->acked_bytes[i];
        farm_check(&sim->farm, false, "a session that no server made");
        return &nothing;
}

static void check_sent(Sim *sim, const BupDo *d)
{
        const BupRequest *r = &d->request;
        Farm *f = &sim->farm;

        if (r->type == BUP_FRAGMENT) {
                farm_check(f, r->range.first_byte <= *acked_of(sim, r->session_id),
                           "a fragment skips bytes that nobody acknowledged");
                farm_check(f, r->range.total_bytes == f->source_bytes, "a wrong total");
                farm_check(f, !sim->close_sent, "bytes are sent after Close");
                sim->bytes_sent += r->body_bytes;
        }
        sim->packets[r->type]++;
        farm_check(f, r->type != BUP_CREATE_SESSION || !sim->close_sent || f->source_bytes == 0,
                   "an upload is repeated after its Close");
        sim->close_sent |= r->type == BUP_CLOSE_SESSION && f->source_bytes > 0;
        farm_check(f, (strstr(d->url, "http://up.example.net/drop/") != NULL) == !d->via_host_id,
                   "the URL is not that of the host");
}

/* What the network makes of a request before a server sees it. True: there is an answer already. */
static bool answer_of_the_way(Sim *sim, const BupDo *d, BupAck *ack)
{
        static const uint16_t statuses[] = {502, 503, 408, 429, 200};
        Farm *f = &sim->farm;

        if (d->request.body_bytes > sim->proxy_limit_bytes) {
                bup_ack_init(ack, 413);
                ack->is_ack = false;
                return true;
        }
        if (!sim->challenged && farm_may(f, 3)) {
                sim->challenged = true;
                bup_ack_init(ack, 401);
                ack->is_ack = false;
                return true;
        }
        if (farm_may(f, 3)) {
                bup_ack_init(ack, statuses[random_below(&sim->random, ARRAY_LEN(statuses))]);
                ack->is_ack = false;
                return true;
        }
        return false;
}

/* The server's answer as it travels: printed, sometimes with less in it than ours say, parsed. */
static BupAck travel(Sim *sim, const BupAck *sent)
{
        BupAck ack = *sent, got;
        Wire wire;

        if (farm_may(&sim->farm, 10) && !ack.is_our_protocol)
                ack.session_id[0] = '\0';
        if (farm_may(&sim->farm, 10) && ack.status == 200 && ack.has_received &&
            ack.reply_url[0] == '\0')
                ack.status = 416; /* a server that is strict with duplicates */
        wire_print_ack(&wire, &ack);
        bup_ack_parse(ack.status, wire.fields, wire.n, 0, &got);
        return got;
}

static void keep_late(Sim *sim, const BupRequest *request, int node)
{
        if (sim->late_n < LATE_MAX && farm_may(&sim->farm, 20))
                sim->late[sim->late_n++] = (Late){*request, node};
}

static void note_ack(Sim *sim, const BupDo *d, const BupAck *ack)
{
        Farm *f = &sim->farm;
        bool good = ack->status == 200 && ack->is_ack;
        uint64_t *acked;
        FarmSession *s;

        if (ack->status == 413)
                sim->refused_bytes += d->request.body_bytes;
        if (d->request.type == BUP_CREATE_SESSION && good)
                (void) strcpy(sim->session_id, ack->session_id);
        if (d->request.type == BUP_FRAGMENT && ack->has_received) {
                acked = acked_of(sim, d->request.session_id);
                *acked = MAX(*acked, ack->received_bytes);
        }
        if (d->request.type != BUP_FRAGMENT || !good || ack->received_bytes != f->source_bytes)
                return;
        for (int node = 0; node < FARM_NODES; node++) {
                s = farm_find(f, node, d->request.session_id);
                if (s)
                        s->success_acked = true;
        }
}

/* One request out, and an Ack or a failure in. True: there is an Ack. */
static bool exchange(Sim *sim, const BupDo *d, BupAck *ack, BupFailure *failure)
{
        int64_t now_sec = (int64_t) (sim->now_usec / USEC_PER_SEC);
        uint64_t arrived = d->request.body_bytes;
        Farm *f = &sim->farm;
        BupAck sent;
        FarmEnd end;
        Wire wire;
        int node = sim->origin_node;

        wire_print_request(&wire, &d->request);
        *failure =
                (BupFailure){.code = BG_E_CONNECTION_CLOSED, .reused_connection = farm_may(f, 30)};
        if (d->via_host_id)
                node = strstr(d->url, FARM_HOSTS[1]) ? 1 : 0;
        if ((f->node_down[node] && d->via_host_id) || farm_may(f, 4)) {
                failure->code = BG_E_CONNECT_FAILURE;
                return false;
        }
        if (answer_of_the_way(sim, d, ack)) {
                note_ack(sim, d, ack);
                return true;
        }
        failure->maybe_received = true;
        if (farm_may(f, 4)) { /* lost on the way, or only late */
                keep_late(sim, &d->request, node);
                failure->body_sent_bytes = random_below(&sim->random, arrived + 1);
                return false;
        }
        if (farm_may(f, 3)) /* twice, the first time in part */
                (void) farm_receive(f, node, &wire, random_below(&sim->random, arrived + 1),
                                    now_sec, &sent);
        if (farm_may(f, 5))
                arrived = random_below(&sim->random, arrived + 1);
        end = farm_receive(f, node, &wire, arrived, now_sec, &sent);
        failure->body_sent_bytes = arrived;
        keep_late(sim, &d->request, node);
        if (end == FARM_SILENT || arrived < d->request.body_bytes || farm_may(f, 5))
                return false;
        *ack = travel(sim, &sent);
        note_ack(sim, d, ack);
        return true;
}

static void get_reply(Sim *sim)
{
        Farm *f = &sim->farm;
        bool there = false;

        for (int node = 0; node < FARM_NODES; node++) {
                FarmSession *s = farm_find(f, node, sim->client.state.session_id);

                there |= s && s->has_reply;
        }
        if (farm_may(f, 20)) { /* a download that fails is the caller's own business */
                bup_client_start(&sim->client);
        } else if (!there) {
                (void) bup_client_reply_failed(&sim->client, 404, 0);
                farm_check(f, sim->purged_after_ack || f->n > 1, "the reply is gone");
                sim->over = true;
        } else {
                sim->has_reply = true;
                (void) bup_client_reply_done(&sim->client);
        }
}

static void follow(Sim *sim, BupOutcome out)
{
        Farm *f = &sim->farm;

        farm_check(f,
                   out.verdict == BUP_GO_ON || out.verdict == BUP_AUTHENTICATE ||
                           (FAILED(out.error) && out.context != BG_ERROR_CONTEXT_NONE),
                   "an error without a code");
        if (out.save && random_below(&sim->random, 2) == 0)
                store_client(sim);
        sim->now_usec += random_below(&sim->random, 3 * USEC_PER_SEC);
        if (out.verdict == BUP_TRANSIENT) {
                store_client(sim); /* at the latest when the attempt ends */
                sim->now_usec += 600 * USEC_PER_SEC;
                bup_client_start(&sim->client);
        }
        if (out.verdict == BUP_FATAL)
                sim->over = true;
        if (farm_may(f, 3))
                crash_client(sim);
}

/* With BUP_SEED set, one line an exchange. */
static void trace(const Sim *sim, const BupDo *d, const BupAck *ack, const BupOutcome *out)
{
        if (!sim->traced)
                return;
        print_message("# %3u %-14s %s [%" PRIu64 ", %" PRIu64 "] of %" PRIu64
                      " -> %u 0x%08x offset %" PRIu64 "; verdict %d %s\n",
                      sim->exchanges, bup_packet_type_text(d->request.type), d->request.session_id,
                      d->request.range.first_byte, d->request.range.last_byte,
                      sim->farm.source_bytes, ack ? ack->status : 0,
                      ack ? (unsigned) ack->error : 0, ack ? ack->received_bytes : 0, out->verdict,
                      out->why ? out->why : "");
}

static void step(Sim *sim)
{
        Farm *f = &sim->farm;
        BupExchange facts = {.usec = 1 + random_below(&sim->random, 8 * USEC_PER_SEC),
                             .credentials_sent = sim->challenged,
                             .connection_closed = farm_may(f, 10)};
        BupFailure failure;
        BupOutcome out;
        BupAck ack;
        BupDo d;

        if (sim->exchanges == sim->heals_at) {
                f->faults = false;
                memset(f->node_down, 0, sizeof(f->node_down));
        }
        if (sim->exchanges++ == sim->cancels_at) {
                bup_client_cancel(&sim->client);
                bup_client_start(&sim->client);
                store_client(sim);
        }
        disturb_servers(sim);
        farm_check(f, bup_client_next(&sim->client, sim->now_usec, &d) == 0, "no memory");
        if (d.save)
                store_client(sim);
        if (d.kind == BUP_DO_SEND) {
                check_sent(sim, &d);
                bool answered = exchange(sim, &d, &ack, &failure);

                sim->challenged &= answered && ack.status == 401;
                out = answered ? bup_client_ack(&sim->client, &ack, &facts, sim->now_usec)
                               : bup_client_failed(&sim->client, &failure, sim->now_usec);
                trace(sim, &d, answered ? &ack : NULL, &out);
                follow(sim, out);
        } else if (d.kind == BUP_DO_GET_REPLY) {
                get_reply(sim);
        } else {
                farm_check(f, d.kind == BUP_DO_NOTHING, "the client stops without a reason");
                sim->over = sim->success = true;
        }
}

static void set_up(Sim *sim, uint64_t seed)
{
        Farm *f = &sim->farm;
        static const unsigned BADNESS[] = {0, 1, 1, 2, 4, 8};
        BupSource source = {.modified_nsec = 1, .inode = 2};
        BupClientState state;
        bool empty, at_close, tiny;

        memset(sim, 0, sizeof(*sim));
        sim->random.state = seed;
        sim->traced = getenv("BUP_SEED");
        empty = random_below(&sim->random, 20) == 0;
        tiny = random_below(&sim->random, 10) == 0;
        source.size_bytes = empty ? 0 : 1 + random_below(&sim->random, tiny ? 3 : FARM_FILE_BYTES);
        for (size_t i = 0; i < sizeof(sim->source); i++)
                sim->source[i] = (uint8_t) random_u64(&sim->random);
        at_close = random_below(&sim->random, 8) == 0;
        *f = (Farm){
                .random = &sim->random,
                .source = sim->source,
                .source_bytes = source.size_bytes,
                .rules = {.max_upload_bytes = UINT64_MAX,
                          .max_fragment_bytes =
                                  random_below(&sim->random, 2) ? UINT64_MAX : 20 * 1024,
                          .notification = (BupNotification) random_below(&sim->random, 3),
                          .publish_at_close = at_close,
                          .fallback_sec = 3600},
                .faults = true,
                .badness = BADNESS[random_below(&sim->random, ARRAY_LEN(BADNESS))],
                .app_may_refuse = random_below(&sim->random, 5) == 0,
                /* These two may end a session between the last Ack and Close, or around the only
                 * packet of an empty file: what is lost then is lost (docs/design). */
                .with_host_ids = !empty && !at_close && random_below(&sim->random, 2),
        };
        sim->may_lose = !empty && !at_close;
        sim->proxy_limit_bytes = random_below(&sim->random, 3) ? UINT64_MAX : 6 * 1024;
        sim->heals_at = (unsigned) random_below(&sim->random, 120);
        sim->cancels_at = random_below(&sim->random, 5) ? UINT32_MAX
                                                        : (unsigned) random_below(&sim->random, 40);
        sim->now_usec = 1767225600 * USEC_PER_SEC;
        sim->config = (BupClientConfig){
                .url = DESTINATION,
                .content_name = "a file.bin",
                .fragment_start_bytes = 8 * 1024,
                .fragment_cap_bytes = 32 * 1024,
                .has_credentials = random_below(&sim->random, 4) == 0,
        };
        bup_client_state_init(&state, &source,
                              f->rules.notification != BUP_NOTIFY_NONE &&
                                      random_below(&sim->random, 2));
        bup_client_init(&sim->client, &sim->config, &state);
        store_client(sim);
        bup_client_start(&sim->client);
}

static void check_end(Sim *sim)
{
        const BupClientState *state = &sim->client.state;
        Farm *f = &sim->farm;
        unsigned calls = 0, successes = 0, open = 0;

        for (unsigned i = 0; i < f->n; i++) {
                calls += f->sessions[i].app_calls;
                successes += f->sessions[i].app_successes;
                open += f->sessions[i].exists &&
                        strcmp(f->sessions[i].id, state->session_id) == 0 &&
                        !bup_session_is_tombstone(&f->sessions[i].live.session);
        }
        farm_check(f, successes <= calls, "counting");
        if (sim->success && !sim->may_lose) /* else it may have been asked where it is not */
                farm_check(f, open == 0, "the session was left open");
        if (state->cancelling)
                return;
        if (!sim->success) {
                farm_check(f, f->app_may_refuse || sim->purged_after_ack || f->n > 1,
                           "the upload failed for good without a reason");
                return;
        }
        farm_check(f, f->published > 0, "success, but the file is not there");
        if (f->rules.notification != BUP_NOTIFY_NONE)
                farm_check(f, successes > 0, "success, but the application never heard of it");
        if (state->wants_reply && f->source_bytes > 0)
                farm_check(f, sim->has_reply, "success without the reply");
        if (f->badness == 0) {
                unsigned pings = (sim->config.has_credentials ? 1 : 0) + f->with_host_ids;

                farm_check(f, sim->packets[BUP_PING] <= pings, "Pings that serve no purpose");
                farm_check(f,
                           sim->packets[BUP_CREATE_SESSION] == 1 &&
                                   sim->packets[BUP_CLOSE_SESSION] == 1,
                           "packets that serve no purpose");
                farm_check(f, sim->refused_bytes + f->source_bytes == sim->bytes_sent,
                           "bytes are sent twice");
        }
        farm_check(f, f->source_bytes == 0 || state->all_acked, "success before the last Ack");
}

static const char *upload_once(Sim *sim, uint64_t seed)
{
        set_up(sim, seed);
        while (!sim->over && !sim->farm.broken && sim->exchanges < EXCHANGES_MAX)
                step(sim);
        farm_check(&sim->farm, sim->over, "the client does not come to an end");
        check_end(sim);
        bup_client_done(&sim->client);
        farm_done(&sim->farm);
        return sim->farm.broken;
}

static void uploads_arrive_whatever_happens_on_the_way(void **unused)
{
        static Sim sim;
        const char *one = getenv("BUP_SEED");
        Random seeds = random_seeded(__func__);
        unsigned successes = 0, exchanges = 0, restarts = 0;

        for (unsigned i = 0; i < (one ? 1 : UPLOADS); i++) {
                uint64_t seed = one ? strtoull(one, NULL, 0) : random_u64(&seeds);
                const char *broken = upload_once(&sim, seed);

                if (broken)
                        fail_msg("BUP_SEED=%" PRIu64 ": %s (exchange %u)", seed, broken,
                                 sim.exchanges);
                successes += sim.success;
                exchanges += sim.exchanges;
                restarts += sim.farm.n > 1;
        }
        print_message("# %u of %u uploads arrived, in %u exchanges; %u had to begin again\n",
                      successes, UPLOADS, exchanges, restarts);
        assert_true(one || successes > UPLOADS / 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(uploads_arrive_whatever_happens_on_the_way),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
