/* SPDX-License-Identifier: Apache-2.0 */
/* Every method of bitsd's socket, called by a client that says what the input wants, over a real
 * connection; engine and handlers are bitsd's own, store and transfer are the tests' fakes. Each
 * call is answered exactly once, with the signature that methods.def promises or with an error of
 * ours. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pack.h"
#include "base/str.h"
#include "daemon/bus_server.h"
#include "daemon/client.h"
#include "daemon/notifier.h"
#include "daemon/rekey.h"
#include "daemon/turn.h"
#include "daemon/watch.h"
#include "fake_rig.h"
#include "ipc/protocol.h"
#include "vault/vault.h"

#include "fuzz.h"

enum {
        CALLS_MAX = 48,
        JOBS_MAX = 4,
        ID_BYTES = 16,
        TEXT_MAX_BYTES = 300,
        IDLE_ROUNDS = 2,
        ROUNDS_MAX = 2000,
        UID = 1000,
        WORLD = 0xc0,
};

#define IDLE_USEC 100

typedef struct Method {
        const char *name, *in, *out;
} Method;

static const Method METHODS[] = {
#define METHOD(name, in, out, handler) {#name, in, out},
#include "ipc/methods.def"
#undef METHOD
};

typedef struct Play Play;

typedef struct Sent {
        Play *play;
        const Method *method;
        bool answered;
} Sent;

struct Play {
        FuzzInput in;
        Service service;
        FakeRandom random;
        FakeStore store;
        FakeDisk disk;
        FakeTransfer transfer;
        sd_bus *bus;
        Sent sent[CALLS_MAX];
        unsigned sent_len;
        uint8_t jobs[JOBS_MAX][ID_BYTES];
        unsigned jobs_len;
};

static void on_client_ended(void *ctx, Client *c)
{
        Service *s = ctx;

        watch_client_ended(s->watch, c);
        notifier_client_ended(s->notifier, c);
}

static void after_turn(void *ctx)
{
        Service *s = ctx;

        watch_flush(s->watch);
}

static void start_service(Play *p)
{
        Service *s = &p->service;
        ManagerPorts ports;

        *s = (Service){.clock = CLOCK_SYSTEM,
                       .uid = UID,
                       .policy = policy_default(false),
                       .state_dir = "/state",
                       .store_note = ""};
        FUZZ_CHECK(sd_event_new(&s->loop) >= 0);
        FUZZ_CHECK(clients_new(&(ClientsOptions){.loop = s->loop,
                                                 .uid = UID,
                                                 .vtable = bus_server_vtable(),
                                                 .ended = on_client_ended,
                                                 .ctx = s},
                               &s->clients) >= 0);
        FUZZ_CHECK(watch_new(s, &s->watch) >= 0);
        FUZZ_CHECK(notifier_new(s, &s->notifier) >= 0);
        FUZZ_CHECK(vault_new(NULL, NULL, UID, &s->vault) >= 0);
        s->rekey = rekey_new(s);
        FUZZ_CHECK(s->rekey);
        fake_random_init(&p->random, 1);
        fake_store_init(&p->store);
        fake_disk_init(&p->disk);
        fake_transfer_init(&p->transfer, &p->disk, &p->store, &p->random);
        ports = (ManagerPorts){.store = fake_store_port(&p->store),
                               .transfer = fake_transfer_port(&p->transfer),
                               .notifier = notifier_port(s->notifier),
                               .vault = vault_port(s->vault),
                               .random = fake_random_port(&p->random),
                               .clock = CLOCK_SYSTEM};
        s->policy.max_files_per_job = 50;
        s->policy.allow_programs = false; /* any bytes as a program: better not */
        s->manager = manager_new(&ports, &s->policy);
        FUZZ_CHECK(s->manager && manager_load(s->manager) == 0);
        FUZZ_CHECK(turn_new(s, after_turn, s, &s->turn) >= 0);
}

static void stop_service(Play *p)
{
        Service *s = &p->service;

        s->turn = turn_free(s->turn);
        s->clients = clients_free(s->clients);
        s->notifier = notifier_free(s->notifier);
        s->watch = watch_free(s->watch);
        s->manager = manager_free(s->manager);
        s->rekey = rekey_free(s->rekey);
        s->vault = vault_free(s->vault);
        fake_transfer_done(&p->transfer);
        fake_disk_done(&p->disk);
        fake_store_done(&p->store);
        s->loop = sd_event_unref(s->loop);
}

static void connect_client(Play *p)
{
        Peer peer = {.uid = fuzz_bool(&p->in) ? 0 : UID, .gid = UID, .pid = 1};
        int pair[2];

        FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
        FUZZ_CHECK(clients_add(p->service.clients, pair[1], &peer) == 0);
        FUZZ_CHECK(sd_bus_new(&p->bus) >= 0);
        FUZZ_CHECK(sd_bus_set_fd(p->bus, pair[0], pair[0]) >= 0);
        FUZZ_CHECK(sd_bus_set_anonymous(p->bus, 1) >= 0);
        FUZZ_CHECK(sd_bus_start(p->bus) >= 0);
        FUZZ_CHECK(sd_bus_attach_event(p->bus, p->service.loop, SD_EVENT_PRIORITY_NORMAL) >= 0);
}

static void pump(Play *p)
{
        unsigned idle = 0;

        for (unsigned i = 0; i < ROUNDS_MAX && idle < IDLE_ROUNDS; i++) {
                int r = sd_event_run(p->service.loop, idle > 0 ? IDLE_USEC : 0);

                FUZZ_CHECK(r >= 0);
                idle = r > 0 ? 0 : idle + 1;
        }
}

static int on_answer(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
        Sent *sent = ctx;
        Play *p = sent->play;
        const sd_bus_error *e = sd_bus_message_get_error(m);
        const void *id;
        size_t bytes;

        FUZZ_CHECK(!sent->answered);
        sent->answered = true;
        if (e) {
                FUZZ_CHECK(str_starts_with(e->name, IPC_ERROR_PREFIX) ||
                           str_starts_with(e->name, "org.freedesktop.DBus.Error."));
                FUZZ_CHECK(e->message && *e->message);
                return 0;
        }
        FUZZ_CHECK(str_equal(sd_bus_message_get_signature(m, 1), sent->method->out));
        if (str_equal(sent->method->name, "CreateJob")) {
                FUZZ_CHECK(sd_bus_message_read_array(m, 'y', &id, &bytes) > 0 && bytes == ID_BYTES);
                memcpy(p->jobs[p->jobs_len++ % JOBS_MAX], id, ID_BYTES);
        }
        return 0;
}

static char *some_text(Play *p)
{
        static const char *const texts[] = {"http://host/a", "/home/u/a", "http://host/b?c",
                                            "/home/u/b",     "name",      "http=proxy:80"};
        unsigned n = fuzz_below(&p->in, 2 * ARRAY_LEN(texts));
        char *text =
                n < ARRAY_LEN(texts) ? mem_strdup(texts[n]) : fuzz_line(&p->in, TEXT_MAX_BYTES);

        FUZZ_CHECK(text);
        return text;
}

static int append_id(Play *p, sd_bus_message *m)
{
        uint8_t choice = fuzz_u8(&p->in), id[ID_BYTES] = {0};

        if (choice < 0xe0 && p->jobs_len > 0)
                return sd_bus_message_append_array(
                        m, 'y', p->jobs[choice % MIN(p->jobs_len, (unsigned) JOBS_MAX)], ID_BYTES);
        if (choice & 1)
                id[0] = choice;
        return sd_bus_message_append_array(m, 'y', id, choice & 2 ? ID_BYTES : choice % ID_BYTES);
}

/* AddFiles: a count and pairs of names, or what the input has instead. */
static int append_files(Play *p, sd_bus_message *m)
{
        unsigned n = fuzz_below(&p->in, 8);
        Buf b;
        int r;

        buf_init(&b, 64 * 1024);
        if (n == 0) {
                char *text = fuzz_line(&p->in, TEXT_MAX_BYTES);

                (void) buf_append_str(&b, text);
                mem_free(text);
        } else {
                pack_u32(&b, fuzz_bool(&p->in) ? n : (uint32_t) fuzz_number(&p->in));
        }
        for (unsigned i = 0; i < 2 * n; i++) {
                char *text = some_text(p);

                pack_str(&b, text);
                mem_free(text);
        }
        r = sd_bus_message_append_array(m, 'y', b.data, b.len);
        buf_done(&b);
        return r;
}

static int append(Play *p, sd_bus_message *m, const Method *method)
{
        bool first = true;
        int r = 0;

        for (const char *t = method->in; *t && r >= 0; t++) {
                char *text;

                switch (*t) {
                case 'a': /* always of bytes */
                        r = first || str_equal(method->name, "Watch") ? append_id(p, m)
                                                                      : append_files(p, m);
                        t++;
                        break;
                case 's':
                        text = some_text(p);
                        r = sd_bus_message_append_basic(m, 's', text);
                        mem_free(text);
                        break;
                case 'b':
                        r = sd_bus_message_append(m, "b", fuzz_bool(&p->in));
                        break;
                case 't':
                        r = sd_bus_message_append(m, "t", fuzz_number(&p->in));
                        break;
                default:
                        r = sd_bus_message_append(m, "u", (uint32_t) fuzz_number(&p->in));
                }
                first = false;
        }
        return r;
}

static void call(Play *p)
{
        const Method *method = &METHODS[fuzz_below(&p->in, ARRAY_LEN(METHODS))];
        const Method *arguments = method;
        Sent *sent = &p->sent[p->sent_len];
        sd_bus_message *m = NULL;

        if (fuzz_u8(&p->in) == 0xff) /* those of another method */
                arguments = &METHODS[fuzz_below(&p->in, ARRAY_LEN(METHODS))];
        if (sd_bus_message_new_method_call(p->bus, &m, NULL, IPC_PATH, IPC_INTERFACE,
                                           method->name) < 0)
                return;
        /* Text that is no UTF-8 cannot even be sent. */
        if (append(p, m, arguments) >= 0) {
                *sent = (Sent){.play = p, .method = method};
                if (sd_bus_call_async(p->bus, NULL, m, on_answer, sent, UINT64_MAX) >= 0)
                        p->sent_len++;
        }
        sd_bus_message_unref(m);
}

static void transfer(Play *p)
{
        for (unsigned i = fuzz_below(&p->in, 16); i > 0; i--)
                if (!fake_transfer_step(&p->transfer, p->service.manager))
                        break;
        turn_request(p->service.turn);
}

static LimitRate some_rate(Play *p)
{
        return (LimitRate){.amount = fuzz_below(&p->in, 3) * 100u,
                           .unit = LIMIT_KBPS + fuzz_below(&p->in, 3)};
}

/* Another file of configuration: as much as it can say about hours, cost and battery. */
static void change_policy(Play *p)
{
        Policy *policy = &p->service.policy;
        LimitPolicy *limits = &policy->limits;

        limits->daily = fuzz_bool(&p->in);
        limits->daily_kbps = fuzz_below(&p->in, 3);
        limits->daily_from = fuzz_below(&p->in, 24);
        limits->daily_to = fuzz_below(&p->in, 24);
        limits->week = fuzz_bool(&p->in);
        limits->maintenance = fuzz_bool(&p->in);
        for (int level = 0; level < LIMIT_LEVELS; level++) {
                limits->work_rate[level] = limits->off_rate[level] = some_rate(p);
                limits->maintenance_rate[level] = some_rate(p);
                policy->run_on_metered[level] = fuzz_bool(&p->in);
                policy->run_on_battery[level] = fuzz_bool(&p->in);
        }
        manager_set_policy(p->service.manager, policy);
}

/* What holds jobs up comes and goes, and workers say what their connections do. */
static void change_world(Play *p)
{
        Manager *m = p->service.manager;
        FakeOp *op;

        switch (fuzz_below(&p->in, 5)) {
        case 0:
                manager_network_changed(m, fuzz_bool(&p->in));
                break;
        case 1:
                manager_metered_changed(m, fuzz_bool(&p->in));
                break;
        case 2:
                manager_battery_changed(m, fuzz_bool(&p->in));
                break;
        case 3:
                change_policy(p);
                break;
        default:
                op = fake_transfer_find(&p->transfer, FAKE_FILE, NULL);
                if (op)
                        fake_op_pace(&p->transfer, m, op,
                                     (TransferPaceKind) fuzz_below(&p->in, PACE_KIND_MAX + 1));
        }
        turn_request(p->service.turn);
}

/* Complete and Cancel are answered when their files are done with. */
static void finish(Play *p)
{
        pump(p);
        for (unsigned i = 0; i < ROUNDS_MAX; i++) {
                if (!fake_transfer_step(&p->transfer, p->service.manager))
                        break;
                turn_request(p->service.turn);
                pump(p);
        }
        for (unsigned i = 0; i < p->sent_len; i++)
                FUZZ_CHECK(p->sent[i].answered || sd_bus_is_open(p->bus) <= 0);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        Play *p = mem_new(Play);

        FUZZ_CHECK(p);
        p->in = (FuzzInput){data, bytes};
        start_service(p);
        connect_client(p);
        while (p->in.left > 0 && p->sent_len < CALLS_MAX) {
                uint8_t turn = fuzz_u8(&p->in);

                if (turn % 6 == 0 && turn >= WORLD)
                        change_world(p);
                else if (turn % 6 == 0)
                        transfer(p);
                else
                        call(p);
                if (fuzz_below(&p->in, 4) > 0)
                        pump(p);
        }
        finish(p);
        sd_bus_flush_close_unref(p->bus);
        pump(p);
        FUZZ_CHECK(clients_count(p->service.clients) == 0);
        FUZZ_CHECK(!p->transfer.violation && !p->store.violation);
        stop_service(p);
        mem_free(p);
}
