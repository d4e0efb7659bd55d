/* SPDX-License-Identifier: Apache-2.0 */
/* A session at work: the protocol's machine (proto/bup_server.h) tied to its files. A packet goes
 * in, the operations that the machine asks for are done one after the other, some of them beside
 * the loop, and the answer goes to whoever sent the packet, if he is still there.
 *
 * Packets of one session never overlap. One that comes while another is still sending its body
 * ends that one, whose bytes stay; one that comes while the file is being delivered waits and gets
 * the outcome. A session lives in a SessionTable and is freed by it alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/guid.h"
#include "base/list.h"
#include "proto/bup_server.h"
#include "server/backend.h"
#include "server/config.h"
#include "server/metrics.h"
#include "server/session_store.h"
#include "server/sync_queue.h"

enum {
        SESSION_CHECKPOINT_BYTES = 64 * 1024 * 1024, /* made durable after so many */
        SESSION_WRITEBACK_BYTES = 8 * 1024 * 1024,   /* handed to the disk after so many */
        SESSION_TEXT_BYTES = 256,
};

typedef struct SessionTable SessionTable;
typedef struct SessionClient SessionClient;

/* Who sent a packet. The calls come from inside session_* functions or from the loop. */
typedef struct SessionClientCalls {
        /* The body is wanted: hand it to session_body(), then call session_body_end(). */
        void (*store_body)(SessionClient *c);
        /* It is not: throw it away, then call session_body_end(). */
        void (*drop_body)(SessionClient *c);
        /* The last call. `drop_body`: the body, if it was not read yet, is not wanted. */
        void (*answer)(SessionClient *c, const BupAck *ack, bool drop_body);
        void (*hang_up)(SessionClient *c); /* also the last */
} SessionClientCalls;

struct SessionClient {
        const SessionClientCalls *calls;
        Config *config; /* borrowed; the session takes a reference */
        const Site *site;
        BupServerFacts facts;
        BupRequest request;
};

/* What sessions need of their surroundings. */
typedef struct SessionWorld {
        sd_event *loop;
        SyncQueue *sync;
        Backend *backend;
        Metrics *metrics;
        Room *room;
        char *local_origin; /* "http://127.0.0.1:8080": for relative notification URLs */
} SessionWorld;

typedef struct Session {
        BupServer server;
        GUID id;
        SessionLabel label;
        SessionStore *store; /* borrowed */
        SessionTable *table;
        const SessionWorld *world;
        unsigned pins; /* callbacks that will come: not to be freed before */

        SessionClient *client;  /* whose packet is worked on; NULL: he has gone */
        SessionClient *waiting; /* came meanwhile */
        Config *config;         /* while a packet is worked on */
        const Site *site;
        BupStep *step; /* put off until the body was dropped or the state is durable */
        bool awaits_body;

        bool counted;       /* in the table's tallies */
        bool total_on_disk; /* so that the length of the data file alone tells the offset */
        bool dirty;         /* the state on disk is behind, which costs nothing but time stamps */
        bool unsaved;       /* it could not be written */
        bool saving;        /* <id>.new is being made durable */
        void (*saved)(struct Session *s, int result);
        bool checkpointing;
        uint64_t checkpoint_bytes; /* received when it began */

        int data_fd; /* open while a body is stored */
        uint64_t skip_bytes, left_bytes, offset_bytes, stored_bytes, handed_bytes;
        BupRefusal store_why;

        char *reply_url; /* of a notification that is being made durable */
        bool copies;
} Session;

/* A packet for this session. The client stays the caller's until answer() or hang_up(). */
void session_take_packet(Session *s, SessionClient *c);
void session_body(Session *s, SessionClient *c, const void *data, size_t bytes);
void session_body_end(Session *s, SessionClient *c);
/* The connection is gone, whatever was going on; no call comes any more. */
void session_client_gone(Session *s, SessionClient *c);
/* Brings a delivery to its end that a crash has cut off. */
void session_roll_forward(Session *s, Config *config, const Site *site);
bool session_is_idle(const Session *s);
/* For the log: `session {1234abcd… for /drop/f`; of the identifier only enough to tell sessions
 * apart. Returns text. */
const char *session_describe(const Session *s, char text[SESSION_TEXT_BYTES]);

/* For session_io.c and session_notify.c: an operation that went on beside the loop has ended. */
void session_operation_ended(Session *s, const BupResult *result);
/* A callback that will come holds the session. */
void session_pin(Session *s);
void session_unpin(Session *s);
