/* SPDX-License-Identifier: Apache-2.0 */
/* One upload as the client of the BITS Upload Protocol sees it. Says what to do next, is told what
 * came of it, and decides what that means. Does no I/O, keeps no clock.
 *
 *         bup_client_init(…, &state)           fresh, or decoded from the store
 *         bup_client_start(c)                  an attempt begins (also after every pause and retry)
 *         loop:
 *                 bup_client_next(c, now, &do)
 *                 do.save                      → store c->state, durably, before acting
 *                 BUP_DO_SEND                  → send do.request to do.url, then
 *                                                bup_client_ack() or bup_client_failed()
 *                 BUP_DO_GET_REPLY             → download do.url, make it safe, then
 *                                                bup_client_reply_done() or _reply_failed()
 *                 BUP_DO_NOTHING               → the upload (or the cancel) is over: success
 *                 BUP_DO_STOP                  → the last outcome said so; start() for a new
 * attempt outcome.save                         → store c->state when convenient, at the latest
 *                                                before the attempt ends
 *
 * One request at a time. The state may be copied and stored between any two calls; what is lost of
 * it at a crash is told by the server again. Cancelling is another state of the same machine: after
 * bup_client_cancel(), start and next go on until BUP_DO_NOTHING; the caller repeats attempts
 * that end transiently, and gives up after its 24 hours. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "bits_enums.h"
#include "proto/bup_client_state.h"
#include "proto/bup_packet.h"
#include "proto/bup_pace.h"
#include "wintypes.h"

enum {
        BUP_SEND_TIMEOUT_SEC = 120,          /* without progress of the body */
        BUP_RESPONSE_TIMEOUT_SEC = 300,      /* from the last byte sent to the Ack */
        BUP_LAST_RESPONSE_TIMEOUT_SEC = 330, /* the application behind the server may take 300 */
        BUP_RESTARTS_MAX = 5,    /* sessions lost without new bytes before BG_E_NO_PROGRESS */
        BUP_SETBACKS_MAX = 3,    /* Acks in a row that took nothing of what was sent */
        BUP_AUTH_ROUNDS_MAX = 6, /* challenges of one packet */
        BUP_REDIRECTS_MAX = 5,
};

typedef struct BupClientConfig {  /* all borrowed while the client lives */
        const char *url;          /* destination: absolute, http or https */
        const char *content_name; /* local file; sanitised before it is sent; NULL = do not tell */
        uint64_t fragment_start_bytes; /* 0 = default */
        uint64_t fragment_cap_bytes;   /* 0 = default */
        bool has_credentials;          /* shake hands on a Ping before a body is spent */
        bool reply_optional;           /* no reply URL means an empty reply */
} BupClientConfig;

typedef enum BupDoKind {
        BUP_DO_SEND,
        BUP_DO_GET_REPLY,
        BUP_DO_NOTHING,
        BUP_DO_STOP,
} BupDoKind;

typedef struct BupDo {
        BupDoKind kind;
        bool save;           /* store the state before doing it */
        const char *url;     /* valid until the next call of next() or done() */
        bool credentials_ok; /* the job's server credentials may go to that URL */
        BupRequest request;  /* SEND; its range says which bytes are the body */
        bool via_host_id;    /* SEND goes to the host id */
        uint32_t response_timeout_sec;
} BupDo;

typedef enum BupVerdict {
        BUP_GO_ON,        /* ask next() */
        BUP_AUTHENTICATE, /* http_status 401 or 407: pick credentials, then ask next(), which
                             repeats the packet; no others left: bup_client_auth_failed() */
        BUP_TRANSIENT,    /* the attempt is over; try again after the retry delay */
        BUP_FATAL,        /* the attempt is over; somebody has to act */
} BupVerdict;

typedef struct BupOutcome {
        BupVerdict verdict;
        bool save;       /* the state is worth storing */
        bool progressed; /* best_bytes grew: no-progress timers start anew */
        bool moved;      /* the offset was set to something else than the end of the fragment */
        bool restarted;  /* the session was lost; a new one is created */
        HRESULT error;   /* of TRANSIENT and FATAL */
        BG_ERROR_CONTEXT context;
        uint16_t http_status; /* 0 when there was no answer */
        uint32_t retry_after_sec;
        const char *why; /* a few words for the log; static */
} BupOutcome;

/* How the exchange went, as far as the HTTP side knows. */
typedef struct BupExchange {
        uint64_t usec;          /* from the first byte sent to the Ack; 0 = not measured */
        bool credentials_sent;  /* the answered request carried credentials */
        bool connection_closed; /* the next request needs a new connection */
} BupExchange;

typedef struct BupFailure {
        HRESULT code; /* as the API reports it: BG_E_CONNECT_FAILURE, a WinHTTP number … */
        BG_ERROR_CONTEXT context; /* NONE = GENERAL_TRANSPORT */
        bool fatal;               /* no retry helps (say, a certificate that is not trusted) */
        bool maybe_received;      /* some of the request was sent */
        bool reused_connection;   /* … on a connection that had been idle, and no answer began */
        uint64_t body_sent_bytes;
} BupFailure;

typedef struct BupClient {
        BupClientState state; /* readable at any time; written by this module only */
        BupClientConfig config;
        BupPace pace;
        Buf url;
        /* This attempt. */
        bool started;
        bool stopped; /* the last verdict ended it */
        bool unsaved; /* the state changed in a way that has to be stored before it is acted on */
        bool ping_due;
        bool unsure;     /* how far the server is: the next fragment is small and asks */
        bool challenged; /* the server has asked for credentials before */
        bool in_flight;
        bool close_was_sent; /* before the request in flight */
        bool repeated;       /* the request in flight follows one that a stale connection lost */
        uint8_t auth_rounds;
        uint8_t auth_refusals;
        uint8_t redirects;
        uint8_t setbacks;
        BupPacketType sent_type;
        bool sent_via_host_id;
        BupRange sent_range;
} BupClient;

/* `state` is copied; a redirect in it that does not lead to the host of `url` is forgotten. Owns a
 * buffer: bup_client_done(). */
void bup_client_init(BupClient *c, const BupClientConfig *config, const BupClientState *state);
void bup_client_done(BupClient *c);
void bup_client_start(BupClient *c);
/* The job was cancelled. A request in flight may be abandoned or fed, as the caller likes. */
void bup_client_cancel(BupClient *c);
/* 0 or -ENOMEM (ask again later). Asked twice, it answers the same. */
_must_use_ int bup_client_next(BupClient *c, uint64_t now_wall_usec, BupDo *ret);
BupOutcome bup_client_ack(BupClient *c, const BupAck *ack, const BupExchange *exchange,
                          uint64_t now_wall_usec);
BupOutcome bup_client_failed(BupClient *c, const BupFailure *failure, uint64_t now_wall_usec);
/* After BUP_AUTHENTICATE: there is nothing (else) to authenticate with. */
BupOutcome bup_client_auth_failed(BupClient *c, uint16_t http_status);
/* The reply is complete and on disk. */
BupOutcome bup_client_reply_done(BupClient *c);
/* The reply URL answered with a status that is no success. Failures below HTTP are the download's
 * own to classify; the machine stays where it is. */
BupOutcome bup_client_reply_failed(BupClient *c, uint16_t http_status, uint32_t retry_after_sec);
