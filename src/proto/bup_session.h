/* SPDX-License-Identifier: Apache-2.0 */
/* What an upload server must remember of a session: a plain value without pointers, stored beside
 * the data file by whoever runs the session. The stored value is always at or behind the data:
 * bytes are written first, the state that counts them afterwards, the Ack last. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "proto/bup_field.h"

enum {
        BUP_SESSION_MAX_BYTES = 8 * 1024, /* encoded */
        BUP_SESSION_TIMEOUT_SEC = 1209600,
        BUP_TOMBSTONE_SEC = 24 * 60 * 60,
};

typedef enum BupSessionPhase {
        BUP_SESSION_RECEIVING,
        BUP_SESSION_OWED, /* all bytes are there; telling the application or publishing is not done
                           */
        BUP_SESSION_DELIVERED, /* waits for Close */
        /* Tombstones: nothing is left but this value, so that a repeat gets its old answer. */
        BUP_SESSION_CLOSED,    /* after delivery */
        BUP_SESSION_ABANDONED, /* closed before the last byte was delivered */
        BUP_SESSION_CANCELLED,
        BUP_SESSION_PHASE_MAX,
} BupSessionPhase;

typedef struct BupSession {
        char id[BUP_SESSION_ID_BYTES]; /* canonical */
        BupSessionPhase phase;
        bool total_known;
        bool notified;  /* the application answered 200; it is not called again */
        bool published; /* the file stands at the destination */
        bool copies;    /* … or shall: no notification, or the application asked for it */
        bool fragment_seen;
        uint64_t total_bytes;  /* when known */
        uint64_t next_bytes;   /* the next expected offset */
        uint64_t synced_bytes; /* of these, known to be on disk */
        uint16_t final_status; /* 403 of the application: final, not asked again; 0 = none */
        int64_t created_wall_sec;
        int64_t touched_wall_sec; /* last packet that counts (16.19), or the end for a tombstone */
        char reply_url[BUP_REPLY_URL_MAX_CHARS + 1]; /* "" when none */
        char content_name[BUP_NAME_BYTES];
} BupSession;

/* `id` canonical. */
void bup_session_init(BupSession *s, const char *id, int64_t now_wall_sec);
void bup_session_encode(const BupSession *s, Buf *out);
/* Any bytes give a session that holds the invariants, or -EBADMSG with *ret untouched. */
_must_use_ int bup_session_decode(const void *data, size_t bytes, BupSession *ret);
/* After a restart: fits the offset to the data that is really there. `data_bytes`: length of the
 * data file (UINT64_MAX: not looked at); `same_boot`: the machine has not gone down since, so what
 * was written is there. True when the session changed. */
bool bup_session_recover(BupSession *s, uint64_t data_bytes, bool same_boot);
bool bup_session_is_tombstone(const BupSession *s);
/* To be swept: no progress for `timeout_sec`, or a tombstone over BUP_TOMBSTONE_SEC. Clocks that
 * went backward keep a session, they never end one. */
bool bup_session_is_over(const BupSession *s, int64_t now_wall_sec, uint32_t timeout_sec);
