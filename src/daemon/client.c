/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "ipc/protocol.h"

/* Large answers to a client that never once has read everything it was sent. One answer has 64 MiB
 * at most; a client that reads its answers one by one never gets here. */
#define UNREAD_MAX_BYTES ((uint64_t) 128 * 1024 * 1024)

/* sd-bus asks for 8 MiB, which root gets: too much for each of 512 clients that do not read. */
#define SOCKET_BUFFER_BYTES (512 * 1024)

/* More than there can be messages behind a handshake in what sd-bus reads at once (256 bytes). */
#define STEPS_MAX 32

struct Clients {
        ClientsOptions options;
        List live;     /* also those gone and not yet reaped */
        List starting; /* Client.starting_link */
        Hash *by_number;
        uint64_t next_number;
        uint32_t count;
        sd_event_source *reaper;
        sd_event_source *starter; /* runs after every event while somebody is starting */
        sd_id128_t server_id;
};

static void client_free(Client *c)
{
        Clients *cs = c->table;

        list_remove(&c->link);
        list_remove(&c->starting_link);
        (void) hash_remove(cs->by_number, &c->number);
        cs->count--;
        if (cs->options.ended)
                cs->options.ended(cs->options.ctx, c);
        (void) sd_bus_close_unref(c->bus);
        mem_free(c);
}

static void reap(Clients *cs, bool all)
{
        uint32_t before = cs->count;

        LIST_FOREACH (it, &cs->live) {
                Client *c = list_item(it, Client, link);

                if (all || c->gone)
                        client_free(c);
        }
        if (before != cs->count && cs->options.count_changed)
                cs->options.count_changed(cs->options.ctx);
}

static int on_reap(sd_event_source *source, void *ctx)
{
        reap(ctx, false);
        return 0;
}

/* What a client sends right behind the handshake may arrive together with its end. sd-bus keeps
 * such bytes, but looks at them only when more arrive, which may be never. */
static int on_start(sd_event_source *source, void *ctx)
{
        Clients *cs = ctx;

        LIST_FOREACH (it, &cs->starting) {
                Client *c = list_item(it, Client, starting_link);
                int r = 1;

                if (!c->gone && sd_bus_is_ready(c->bus) <= 0)
                        continue;
                list_remove(&c->starting_link);
                for (int i = 0; i < STEPS_MAX && r > 0 && !c->gone; i++)
                        r = sd_bus_process(c->bus, NULL);
                if (r < 0)
                        client_drop(c, strerror(-r));
        }
        if (list_is_empty(&cs->starting))
                return sd_event_source_set_enabled(cs->starter, SD_EVENT_OFF);
        return 0;
}

int clients_new(const ClientsOptions *options, Clients **ret)
{
        _cleanup_(clients_freep) Clients *cs = mem_new(Clients);
        uint64_t seed;
        int r;

        if (!cs)
                return -ENOMEM;
        cs->options = *options;
        list_init(&cs->live);
        list_init(&cs->starting);
        r = fd_random(&seed, sizeof(seed));
        if (r < 0)
                return r;
        r = fd_random(&cs->server_id, sizeof(cs->server_id));
        if (r < 0)
                return r;
        cs->by_number = hash_new(sizeof(uint64_t), seed);
        if (!cs->by_number)
                return -ENOMEM;
        r = sd_event_add_defer(options->loop, &cs->reaper, on_reap, cs);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(cs->reaper, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_post(options->loop, &cs->starter, on_start, cs);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(cs->starter, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(cs);
        return 0;
}

Clients *clients_free(Clients *cs)
{
        if (!cs)
                return NULL;
        reap(cs, true);
        (void) sd_event_source_disable_unref(cs->reaper);
        (void) sd_event_source_disable_unref(cs->starter);
        (void) hash_free(cs->by_number);
        mem_free(cs);
        return NULL;
}

void *client_context(const Client *c)
{
        return c->table->options.ctx;
}

void client_drop(Client *c, const char *why)
{
        if (c->gone)
                return;
        c->gone = true;
        log_debug("client %llu (pid %ld): %s", (unsigned long long) c->number, (long) c->peer.pid,
                  why);
        (void) sd_event_source_set_enabled(c->table->reaper, SD_EVENT_ONESHOT);
}

static void check_queue(Client *c)
{
        uint64_t queued = 0;

        if (c->gone || sd_bus_get_n_queued_write(c->bus, &queued) < 0)
                return;
        if (queued <= IPC_QUEUED_MESSAGES_MAX)
                return;
        log_warning("client with pid %ld does not read; connection cut off", (long) c->peer.pid);
        client_drop(c, "too many unread messages");
}

/* Sees every message first, also the one by which sd-bus says that the connection has ended. The
 * look at the queue bounds the answers that sd-bus makes by itself (unknown methods and such).
 * Memory of a message with secrets is wiped when it is freed, whether or not it fits its method. */
static int on_message(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
        Client *c = ctx;

        if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected"))
                client_drop(c, "disconnected");
        else if (str_equal(sd_bus_message_get_member(message), IPC_CALL_WITH_SECRETS) &&
                 sd_bus_message_sensitive(message) < 0)
                client_drop(c, "a message that cannot be wiped");
        check_queue(c);
        return c->gone ? 1 : 0;
}

static int limit_buffer(int fd)
{
        int bytes = SOCKET_BUFFER_BYTES;

        if (fd < 0)
                return fd;
        return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0 ? -errno : 0;
}

/* When memory runs out in sd_bus_add_object_vtable(), sd-bus may keep a path on which nothing is,
 * and its end is then an assertion that fails. Something else that is put there and taken away
 * again takes the path along. Should there be no memory for that either, one bus stays behind,
 * closed. */
static int withdraw_path(Client *c, int why)
{
        sd_bus_slot *slot = NULL;

        if (sd_bus_add_object(c->bus, &slot, IPC_PATH, on_message, c) >= 0) {
                (void) sd_bus_slot_unref(slot);
                return why;
        }
        (void) sd_bus_detach_event(c->bus);
        sd_bus_close(c->bus);
        c->bus = NULL;
        return why;
}

static int start_bus(Client *c, int take_fd)
{
        _cleanup_close_ int fd = take_fd;
        Clients *cs = c->table;
        sd_bus *bus;
        int r;

        r = sd_bus_new(&c->bus);
        if (r < 0)
                return r;
        bus = c->bus;
        r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0)
                return r;
        (void) TAKE_FD(fd); /* the bus closes it from now on */
        r = sd_bus_set_server(bus, 1, cs->server_id);
        if (r < 0)
                return r;
        /* Who the peer is was settled by the kernel before a byte was read; what it says about
         * itself (and a user namespace may make it say something else) does not matter. */
        r = sd_bus_set_anonymous(bus, 1);
        if (r < 0)
                return r;
        r = sd_bus_negotiate_fds(bus, 0);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        r = limit_buffer(sd_bus_get_fd(bus));
        if (r < 0)
                return r;
        r = sd_bus_attach_event(bus, cs->options.loop, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        r = sd_bus_add_filter(bus, NULL, on_message, c);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(bus, NULL, IPC_PATH, IPC_INTERFACE, cs->options.vtable, c);
        return r < 0 ? withdraw_path(c, r) : r;
}

int clients_add(Clients *cs, int take_fd, const Peer *peer)
{
        _cleanup_close_ int fd = take_fd;
        Client *c;
        int r;

        if (cs->count >= IPC_CLIENTS_MAX)
                return -EUSERS;
        c = mem_new(Client);
        if (!c)
                return -ENOMEM;
        *c = (Client){
                .table = cs,
                .number = ++cs->next_number,
                .peer = *peer,
                /* Only the user and root get here, and transfers run as the user in any case. */
                .caller = {.uid = cs->options.uid, .is_admin = peer->uid == 0},
        };
        c->caller.client = c->number;
        list_init(&c->starting_link);
        list_init(&c->deliveries);
        list_init(&c->watch_link);
        list_append(&cs->live, &c->link);
        cs->count++;
        r = hash_put(cs->by_number, &c->number, c);
        if (r == 0)
                r = start_bus(c, TAKE_FD(fd));
        if (r >= 0)
                r = sd_event_source_set_enabled(cs->starter, SD_EVENT_ON);
        if (r < 0) {
                client_free(c);
                return r;
        }
        list_append(&cs->starting, &c->starting_link);
        if (cs->options.count_changed)
                cs->options.count_changed(cs->options.ctx);
        return 0;
}

Client *clients_find(const Clients *cs, uint64_t number)
{
        Client *c = hash_get(cs->by_number, &number);

        return c && !c->gone ? c : NULL;
}

uint32_t clients_count(const Clients *cs)
{
        return cs->count;
}

bool client_charge(Client *c, size_t bytes)
{
        uint64_t queued = 0;

        if (c->gone)
                return false;
        if (sd_bus_get_n_queued_write(c->bus, &queued) < 0 || queued == 0)
                c->unread_bytes = 0;
        c->unread_bytes += bytes;
        if (c->unread_bytes <= UNREAD_MAX_BYTES)
                return true;
        log_warning("client with pid %ld asks more than it reads; connection cut off",
                    (long) c->peer.pid);
        client_drop(c, "too many unread bytes");
        return false;
}

void client_send(Client *c, sd_bus_message *message)
{
        int r;

        if (c->gone)
                return;
        r = sd_bus_send(c->bus, message, NULL);
        if (r < 0) {
                client_drop(c, strerror(-r));
                return;
        }
        check_queue(c);
}
