/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions as the server of the BITS Upload Protocol sees them: a parsed request and what the
 * server found out about it go in, an answer or a file operation comes out, then what came of the
 * operation goes in, until there is an answer. Does no I/O, keeps no clock.
 *
 *         Ping              bup_server_ping()
 *         Create-Session    bup_server_create(), with an id out of the system's random numbers
 *         all others        step = bup_server_feed(); while step is BUP_STEP_DO: do it, then
 *                           step = bup_server_done()
 *
 * Every step may ask to store the session first (save): then the state must be on disk before the
 * operation begins or the Ack leaves. Operations are idempotent, because after a crash the same one
 * is asked for again:
 *
 *         STORE    drop skip_bytes of the body, write the next store_bytes at offset_bytes. Ends
 *                  early with the connection: what arrived in order stays
 *         SYNC     the data file is on disk
 *         NOTIFY   call the application (at least once; the session id is its idempotency key)
 *         PUBLISH  link the data into place, atomically, without replacing unless that is allowed;
 * a destination that is the very data file already counts as done DISCARD  remove data and reply;
 * what was published stays
 *
 * One operation a session runs at a time. A request that comes meanwhile gets
 * BUP_STEP_PREEMPT (the running STORE belongs to a connection the client gave up: end it, feed
 * its result, then feed this request again) or BUP_STEP_HOLD (feed again when the operation has
 * ended). The session is the caller's to lock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "proto/bup_packet.h"
#include "proto/bup_session.h"

typedef enum BupNotification {
        BUP_NOTIFY_NONE,
        BUP_NOTIFY_BY_REFERENCE,
        BUP_NOTIFY_BY_VALUE,
} BupNotification;

/* Of the directory that a request goes to. */
typedef struct BupServerRules {
        uint64_t max_upload_bytes;   /* UINT64_MAX = no limit */
        uint64_t max_fragment_bytes; /* UINT64_MAX = no limit */
        BupNotification notification;
        bool refuse_empty;     /* a Close without any fragment publishes nothing */
        bool publish_at_close; /* instead of before the last fragment's Ack */
        const char *host_id;   /* NULL or "" = none */
        uint32_t fallback_sec; /* with a host id; BUP_FALLBACK_NEVER = not announced */
} BupServerRules;

/* Of one request. */
typedef struct BupServerFacts {
        /* First of these that holds: UPLOADS_DISABLED, DENIED, EXECUTE_ENABLED, DIRECTORY_MISSING,
         * OVERLOADED, and for Create-Session TARGET_IS_DIRECTORY, TARGET_EXISTS, TARGET_BUSY. */
        BupRefusal access;
        uint32_t retry_after_sec; /* with OVERLOADED */
        bool other_owner;         /* the session was created by another identity */
        bool other_target;        /* normalised path and query differ from the session's */
        int64_t now_wall_sec;
} BupServerFacts;

typedef enum BupOp {
        BUP_OP_NONE,
        BUP_OP_STORE,
        BUP_OP_SYNC,
        BUP_OP_NOTIFY,
        BUP_OP_PUBLISH,
        BUP_OP_DISCARD,
        BUP_OP_MAX,
} BupOp;

typedef enum BupStepKind {
        BUP_STEP_ANSWER,
        BUP_STEP_DO,
        BUP_STEP_HANG_UP, /* the client is gone; nothing to answer */
        BUP_STEP_HOLD,
        BUP_STEP_PREEMPT,
} BupStepKind;

typedef struct BupStep {
        BupStepKind kind;
        bool save;             /* store the session before going on */
        BupOp op;              /* DO */
        uint64_t offset_bytes; /* STORE */
        uint64_t skip_bytes;
        uint64_t store_bytes;
        /* Of the body, nothing is wanted: read it and throw it away, or answer and close the
         * connection. Stands in the first step of a request only. */
        bool drop_body;
        BupAck ack; /* ANSWER */
} BupStep;

/* What came of an operation. `why` is one of FINE, DISK_FULL, IO_ERROR, DENIED, TARGET_EXISTS,
 * TARGET_IS_DIRECTORY, DIRECTORY_MISSING, TARGET_VANISHED, URL_TOO_LONG, APPLICATION_TIMED_OUT. */
typedef struct BupResult {
        BupRefusal why;
        uint64_t stored_bytes; /* STORE, also when it failed: in order, from offset_bytes on */
        bool cut;              /* STORE: the body ended before it was whole */
        /* NOTIFY */
        uint16_t application_status; /* 0 = it could not be asked */
        bool copies;                 /* BITS-Copy-File-To-Destination */
        const char *reply_url;       /* NULL or "" = no reply */
} BupResult;

typedef struct BupServer {
        BupSession session; /* readable at any time; written by this module only */
        BupOp running;
        BupPacketType type; /* of the request that is being worked on */
        uint64_t store_bytes;
        int64_t now_wall_sec;
        bool drop_body;
        bool drop_said;
} BupServer;

/* Answers a Ping, which needs no session. */
void bup_server_ping(BupAck *ret);
/* Answers a Create-Session. True: *ret_session is a new session, which has to be stored, and its
 * empty data file created, before the Ack leaves; if that fails, bup_refuse() instead. `id` is
 * canonical. */
_must_use_ bool bup_server_create(const BupServerRules *rules, const BupServerFacts *facts,
                                  const BupRequest *request, const char *id,
                                  BupSession *ret_session, BupAck *ret_ack);
/* Answers a packet for a session that is not there. */
void bup_server_unknown(BupAck *ret);

/* Takes a session up, fresh or from the store; owns nothing. */
void bup_server_init(BupServer *s, const BupSession *session);
/* A Fragment, Close-Session or Cancel-Session for this session. */
void bup_server_feed(BupServer *s, const BupServerRules *rules, const BupServerFacts *facts,
                     const BupRequest *request, BupStep *ret);
/* The operation of the last step has ended. */
void bup_server_done(BupServer *s, const BupServerRules *rules, const BupResult *result,
                     BupStep *ret);
/* The data is on disk up to what was stored when the caller began to sync. */
void bup_server_synced(BupServer *s, uint64_t bytes);
