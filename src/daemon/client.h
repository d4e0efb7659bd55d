/* SPDX-License-Identifier: Apache-2.0 */
/* The connections. Each is an sd-bus of its own in server mode, with the limits of protocol.h; the
 * table owns them. A connection ends when the peer leaves, breaks the protocol, does not read what
 * it is sent, or is dropped; it is then taken apart on a later turn of the loop, never from inside
 * one of its own callbacks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "engine/manager.h"
#include "ipc/peer.h"

typedef struct Clients Clients;

typedef enum WatchScope {
        WATCH_NONE,
        WATCH_ONE, /* watch_job */
        WATCH_OWN, /* every job of the client's user */
} WatchScope;

typedef struct Client {
        List link;          /* in the table */
        List starting_link; /* until the D-Bus handshake is over */
        Clients *table;
        uint64_t number; /* never 0, never used again */
        Peer peer;
        Caller caller;
        sd_bus *bus;
        uint64_t unread_bytes; /* of large answers, since it last had read everything */
        bool gone;

        uint32_t calls_pending; /* calls answered later; kept by notifier.c */
        List deliveries;        /* callbacks under way; of notifier.c */
        List watch_link;        /* of watch.c, like the next two */
        WatchScope watch_scope;
        GUID watch_job;
} Client;

typedef struct ClientsOptions {
        sd_event *loop;
        uint32_t uid;                /* whose instance; every client acts as this user */
        const sd_bus_vtable *vtable; /* of IPC_INTERFACE; userdata is the Client */
        /* Called before a client is freed, and when the number of clients has changed. */
        void (*ended)(void *ctx, Client *c);
        void (*count_changed)(void *ctx);
        void *ctx;
} ClientsOptions;

/* 0 or -ENOMEM or what sd-event says. */
_must_use_ int clients_new(const ClientsOptions *options, Clients **ret);
Clients *clients_free(Clients *cs); /* NULL allowed; ends all connections */
DEFINE_CLEANUP(Clients *, clients_free)

/* Starts to serve a connected socket. The descriptor is taken in every case. 0, -EUSERS (there
 * are IPC_CLIENTS_MAX already) or another negative errno. */
_must_use_ int clients_add(Clients *cs, int take_fd, const Peer *peer);
/* NULL when it has ended. */
Client *clients_find(const Clients *cs, uint64_t number);
uint32_t clients_count(const Clients *cs);
/* ClientsOptions.ctx. */
void *client_context(const Client *c);

/* Sends on the client's connection. A client that has too much unread is dropped, which is not
 * the sender's failure. */
void client_send(Client *c, sd_bus_message *message);
/* May the client be sent an answer of this size yet? If not, it is dropped. */
bool client_charge(Client *c, size_t bytes);
void client_drop(Client *c, const char *why);
