/* SPDX-License-Identifier: Apache-2.0 */
/* What a client must remember of an upload to go on after anything: a lost connection, a pause, the
 * end of the process. A plain value without pointers (some 6 KiB; the encoded form is mostly under
 * 200 bytes, so keep that one where there are many). Times are wall clock microseconds, because
 * the host fall-back counts while nobody runs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "proto/bup_field.h"

enum { BUP_CLIENT_STATE_MAX_BYTES = 16 * 1024 }; /* encoded */

/* The file as it was when the upload began; a change of it is an error of its own. inode 0 where
 * the file system gives none that lasts. */
typedef struct BupSource {
        uint64_t size_bytes;
        int64_t modified_nsec;
        uint64_t inode;
} BupSource;

typedef enum BupClientPhase {
        BUP_PHASE_CREATE, /* no session */
        BUP_PHASE_UPLOAD,
        BUP_PHASE_REPLY, /* all bytes acknowledged; the reply has to be fetched */
        BUP_PHASE_CLOSE, /* nothing is left but Close-Session */
        BUP_PHASE_CLOSED,
        BUP_PHASE_MAX,
} BupClientPhase;

typedef struct BupClientState {
        BupSource source;
        bool wants_reply;
        BupClientPhase phase;
        bool cancelling;         /* Cancel-Session is what is left to do */
        bool all_acked;          /* the server acknowledged the last byte in this session */
        bool reply_done;         /* the caller has the reply, safely */
        bool close_sent;         /* a Close-Session of this session may have reached the server */
        bool reply_missed;       /* a last Ack came without a usable reply URL, once */
        bool application_failed; /* all bytes are there, the application behind the server failed */
        uint8_t restarts;        /* sessions lost since best_bytes last grew */
        uint64_t offset_bytes;   /* acknowledged in this session; may lag behind the server */
        uint64_t best_bytes;     /* highest offset ever acknowledged */
        uint64_t fragment_limit_bytes; /* learnt from 413; 0 = none */
        uint32_t fallback_sec;         /* BUP_FALLBACK_NEVER */
        uint64_t fallback_at_usec;     /* wall clock; 0 = the timer does not run */
        char session_id[BUP_SESSION_ID_BYTES];
        char host_id[BUP_HOST_ID_BYTES];     /* "" = the host of the destination */
        char reply_url[BUP_REPLY_URL_BYTES]; /* as the server sent it */
        char moved_url[BUP_REPLY_URL_BYTES]; /* where a redirect led; "" = the job's destination */
} BupClientState;

void bup_client_state_init(BupClientState *s, const BupSource *source, bool wants_reply);
/* Appends; the buffer's sticky error says whether all fitted. */
void bup_client_state_encode(const BupClientState *s, Buf *out);
/* Any bytes give a state that holds the invariants, or -EBADMSG with *ret untouched. */
_must_use_ int bup_client_state_decode(const void *data, size_t bytes, BupClientState *ret);
/* Size, time stamp or inode are no longer those the upload began with. */
bool bup_client_state_source_changed(const BupClientState *s, const BupSource *now);
/* What a progress display shows: the whole file while its application fails. */
uint64_t bup_client_state_progress(const BupClientState *s);
