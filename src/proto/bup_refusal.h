/* SPDX-License-Identifier: Apache-2.0 */
/* Every reason an upload server has to refuse a packet, and the status, code and context that say
 * so on the wire: the table of the protocol in one place, for the answer, the log and the tests. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "bits_enums.h"
#include "wintypes.h"

struct BupAck;

typedef enum BupRefusal {
        BUP_FINE, /* no refusal */
        /* The packet itself. */
        BUP_BAD_VALUE_LENGTH, /* a header value over 4 KiB */
        BUP_BAD_REPEATED,     /* a field twice, with different values */
        BUP_BAD_PACKET_TYPE,  /* missing or unknown */
        BUP_BAD_LENGTH,       /* Content-Length is no number */
        BUP_NO_LENGTH,        /* Content-Length is missing, or the body is chunked: 411 */
        BUP_BAD_BODY,         /* a body on a packet that has none */
        BUP_BAD_ENCODING,     /* Content-Encoding other than identity */
        BUP_NO_PROTOCOLS,     /* Create-Session without BITS-Supported-Protocols */
        BUP_NO_COMMON_PROTOCOL,
        BUP_BAD_SESSION_ID,   /* missing or not 1 to 100 visible characters */
        BUP_BAD_RANGE,        /* missing or not of the form bytes a-b/c */
        BUP_BAD_RANGE_LENGTH, /* not as long as the body */
        /* What it asks for. */
        BUP_UNEXPECTED, /* a packet that the session does not take now */
        BUP_TOTAL_CHANGED,
        BUP_TARGET_CHANGED, /* path or query are not those of the session */
        BUP_CLOSED_EARLY,   /* Close before the last byte */
        BUP_FILE_TOO_LARGE,
        BUP_FRAGMENT_TOO_LARGE,
        BUP_SESSION_UNKNOWN, /* or expired, or somebody else's */
        /* Where it goes. */
        BUP_UPLOADS_DISABLED,
        BUP_DENIED, /* not authorised, or a path outside the directory */
        BUP_EXECUTE_ENABLED,
        BUP_DIRECTORY_MISSING, /* the virtual directory, or the parent of the target */
        BUP_TARGET_IS_DIRECTORY,
        BUP_TARGET_EXISTS,   /* and overwriting is off */
        BUP_TARGET_BUSY,     /* written by another session, where only one may */
        BUP_TARGET_VANISHED, /* the uploaded data is gone: 404 without a code */
        BUP_URL_TOO_LONG,    /* a reply URL over 2,200 characters */
        /* What the server is able to do. */
        BUP_DISK_FULL,
        BUP_IO_ERROR,
        BUP_NO_MEMORY,
        BUP_OVERLOADED, /* 503; the caller adds Retry-After */
        /* The notified application; an error status of its own is bup_refuse_application(). */
        BUP_APPLICATION_TIMED_OUT,
        BUP_REFUSAL_MAX,
} BupRefusal;

/* The Ack that says it; session id and offset are the caller's to add. */
void bup_refuse(BupRefusal why, struct BupAck *ret);
/* The Ack for an application that answered with `status` instead of 200; 0: it gave no answer. A
 * status that would say success or nothing on the wire becomes 502, the code keeps the number. */
void bup_refuse_application(uint16_t status, struct BupAck *ret);
/* A few words for the log; never NULL. */
const char *bup_refusal_text(BupRefusal why);
