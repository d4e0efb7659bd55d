/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of the BITS Upload Protocol: five requests, and the Ack that answers each. Header fields
 * in, values out, and the other way round. Both ends use it: a client prints requests and parses
 * Acks, a server parses requests and prints Acks, so that what one sends the other understands.
 *
 * Parsing never trusts: any fields give a value or a refusal. Names are compared without case. A
 * protocol field that stands twice with different values is refused (in an Ack: `malformed`).
 *
 * Printing calls a sink for each field; name and value are borrowed for the call. Content-Length
 * is not printed, because every HTTP library writes it itself out of the body that it is given (a
 * request without a body has to say 0). The values hold no pointers and may be copied. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bits_enums.h"
#include "proto/bup_field.h"
#include "proto/bup_refusal.h"
#include "wintypes.h"

typedef enum BupPacketType {
        BUP_CREATE_SESSION,
        BUP_PING,
        BUP_FRAGMENT,
        BUP_CLOSE_SESSION,
        BUP_CANCEL_SESSION,
        BUP_PACKET_TYPE_MAX,
} BupPacketType;

typedef struct BupRequest {
        BupPacketType type;
        char session_id[BUP_SESSION_ID_BYTES]; /* "" for Create and Ping */
        BupRange range;                        /* Fragment only */
        uint64_t body_bytes;                   /* Content-Length; that of the range, or 0 */
        char content_name[BUP_NAME_BYTES];     /* sanitised; "" when none */
} BupRequest;

typedef struct BupAck {
        uint16_t status;       /* of HTTP */
        bool is_ack;           /* "BITS-Packet-Type: Ack" stood there: a BITS server speaks */
        bool malformed;        /* fields contradict each other or are too long */
        bool accepts_identity; /* "Accept-Encoding: identity", on a Create */
        bool has_protocol;     /* BITS-Protocol is there … */
        bool is_our_protocol;  /* … and is the one we speak */
        bool has_received;     /* BITS-Received-Content-Range is there and a number */
        uint64_t received_bytes;
        uint32_t fallback_sec;                 /* BUP_FALLBACK_NEVER when not announced */
        uint32_t retry_after_sec;              /* 0 when none */
        HRESULT error;                         /* S_OK when none */
        BG_ERROR_CONTEXT context;              /* REMOTE_FILE, REMOTE_APPLICATION or NONE */
        char session_id[BUP_SESSION_ID_BYTES]; /* "" when none */
        char host_id[BUP_HOST_ID_BYTES];       /* "" when none or unusable */
        char reply_url[BUP_REPLY_URL_BYTES];   /* as sent: may be relative; "" when none */
        char location[BUP_REPLY_URL_BYTES];    /* Location of a 3xx; never printed */
} BupAck;

/* Called once a field; 0, or negative to stop. */
typedef int (*BupFieldSink)(void *ctx, const char *name, const char *value);

/* "Create-Session"; never NULL. */
const char *bup_packet_type_text(BupPacketType type);

typedef struct BupRequestRules {
        bool length_optional; /* packets without a body may leave Content-Length out */
} BupRequestRules;

/* 0, or -EBADMSG with *ret_refusal saying which answer it deserves (bup_refuse()) and *ret
 * untouched. rules NULL: strict. */
_must_use_ int bup_request_parse(const BupField *fields, size_t n, const BupRequestRules *rules,
                                 BupRequest *ret, BupRefusal *ret_refusal);
/* 0, or what the sink returned. */
_must_use_ int bup_request_print(const BupRequest *request, BupFieldSink sink, void *ctx);

/* Any fields make an answer. `now_wall_sec` is for a Retry-After that is a date. */
void bup_ack_init(BupAck *ack, uint16_t status); /* an Ack without anything optional */
void bup_ack_parse(uint16_t status, const BupField *fields, size_t n, int64_t now_wall_sec,
                   BupAck *ret);
/* 0, or what the sink returned. A status of 401 gets its challenge from the caller. */
_must_use_ int bup_ack_print(const BupAck *ack, BupFieldSink sink, void *ctx);
