/* SPDX-License-Identifier: Apache-2.0 */
/* Port "transfer": whatever moves bytes and touches the user's files, as the job's owner.
 *
 * The engine starts operations under numbers of its own (op, never 0, never reused in a process);
 * the other side answers with events through manager_transfer_event(). Nothing is called back
 * from inside a port call: events come on a later turn of the loop.
 *
 *   start    → CONNECTED? META* PROGRESS* then exactly one of DONE, FAILED, STOPPED
 *   stop     → makes a running start end soon, with STOPPED (or DONE/FAILED that was under way)
 *   sync     → SYNCED: the named DONE files are on disk, contents and directory entry
 *   publish  → FILE_PUBLISHED for each file tried, then PUBLISHED
 *   discard  → DISCARDED: the temporary files of all unpublished files of the job are gone
 *   farewell → FAREWELL: the server was told that a cancelled upload will not go on
 *
 * Uploads use the same operations. start sends file 0 (`local` → `remote`), fetches the reply of an
 * UPLOAD_REPLY job, closes the session, and then ends with DONE:
 *
 *   CONNECTED? META (SESSION* PROGRESS*)* UPLOADED, then for a reply META* PROGRESS* REPLY, DONE
 *
 * META of an upload brings size and done_bytes as the worker knows them from the session.
 * SESSION events carry what has to be stored to go on after a crash; PROGRESS of file 0 is what the
 * server acknowledged and goes down when it forgot the session; UPLOADED says that it has every
 * byte; META, PROGRESS and REPLY with file_index JOB_REPLY_INDEX are about the reply (META also
 * brings its URL). No sync() is asked for uploads. publish puts the reply in place (an empty file
 * when there was none), discard removes its temporary file; the source is never touched.
 *
 * When a worker dies, the other side reports FAILED, SYNCED, PUBLISHED or DISCARDED with
 * BITS_E_WORKER_LOST for every operation it had; all operations may be asked again (idempotent).
 *
 * Temporary files are named transfer_temp_leaf() in the directory of the local name, so that after
 * any crash they can be found again from the job alone. */
#pragma once

#include "engine/types.h"

/* HRESULT_FROM_WIN32(ERROR_PROCESS_ABORTED): the helper process ended; transient. */
#define BITS_E_WORKER_LOST ((HRESULT) 0x8007042BL)

enum { TEMP_LEAF_BYTES = 48 };
/* ".BIT" + 20 hex digits of the job's GUID and the file's index + ".tmp". */
void transfer_temp_leaf(const GUID *job, uint32_t file_index, char leaf[TEMP_LEAF_BYTES]);

typedef enum TransferEventKind {
        TRANSFER_CONNECTED,      /* first header of a usable answer: CONNECTING → TRANSFERRING */
        TRANSFER_META,           /* size, etag, modified learnt; done_bytes (0: starts afresh; then
                                    perhaps durable: the bytes before must not come back) */
        TRANSFER_PROGRESS,       /* done_bytes, synced_bytes; at most 4 a second and file */
        TRANSFER_DONE,           /* file whole in its temporary file; size, done, etag, modified */
        TRANSFER_FAILED,         /* error; done_bytes is what is kept for a resume */
        TRANSFER_STOPPED,        /* done_bytes is what is kept */
        TRANSFER_SYNCED,         /* result */
        TRANSFER_FILE_PUBLISHED, /* file_index, result */
        TRANSFER_PUBLISHED,      /* result: S_OK or the first file's failure, with error */
        TRANSFER_DISCARDED,      /* result: S_OK or BG_S_UNABLE_TO_DELETE_FILES */
        TRANSFER_SESSION,        /* session, session_bytes: store before anything else */
        TRANSFER_UPLOADED,       /* the server acknowledged every byte */
        TRANSFER_FAREWELL,       /* result: S_OK, or a failure worth another try */
        TRANSFER_REPLY,          /* the reply is whole in its temporary file and on disk; size,
                                    etag, modified; size 0: it is empty (there may be no temporary
                                    file then) */
        TRANSFER_PACE,           /* why no more than this is taken just now: pace (below) */
        TRANSFER_EVENT_MAX,
} TransferEventKind;

/* Sent when it changes only, at most once a second and operation; each holds for a second or more.
 */
typedef enum TransferPaceKind {
        PACE_FREE,
        PACE_LINK_BUSY, /* others use the line, and we yield */
        PACE_LIMIT,     /* an administrator's or the job's limit binds */
        PACE_KIND_MAX,
} TransferPaceKind;

/* What background transfers may use in bytes per second, by BG_JOB_PRIORITY; UINT64_MAX: as much
 * as is idle. FOREGROUND is never limited. */
typedef struct TransferLimits {
        uint64_t level_bps[4];
        bool lan_exempt; /* peers in the same subnet are not limited */
} TransferLimits;

typedef struct TransferEvent {
        TransferEventKind kind;
        uint64_t op;
        uint32_t file_index;
        uint64_t size_bytes;
        uint64_t done_bytes;
        uint64_t synced_bytes;
        const char *etag; /* borrowed; NULL when none */
        int64_t modified_sec;
        HRESULT result;
        JobError error;
        const char *reply_url;  /* META of the reply; borrowed */
        const uint8_t *session; /* SESSION; borrowed */
        uint32_t session_bytes;
        bool durable; /* SESSION, META: the worker waits for session_stored() before acting on it */
        TransferPaceKind pace; /* PACE */
} TransferEvent;

typedef struct TransferPort {
        /* Downloads job->files[file] into its temporary file, from file->done_bytes on when the
         * validators still hold. 0 or negative errno (then no event follows). */
        int (*start)(void *ctx, uint64_t op, const Job *job, const JobFile *file);
        void (*stop)(void *ctx, uint64_t op);
        int (*sync)(void *ctx, uint64_t op, const Job *job);
        /* Publishes every file in FILE_DONE, syncing first what synced_bytes says is not on disk.
         * A file whose temporary is gone but whose final name holds the same file (size and time)
         * counts as published: the roll-forward after a crash. */
        int (*publish)(void *ctx, uint64_t op, const Job *job);
        int (*discard)(void *ctx, uint64_t op, const Job *job);
        int (*farewell)(void *ctx, uint64_t op, const Job *job);
        /* What SESSION or META with `durable` said is in the store; the worker goes on. */
        void (*session_stored)(void *ctx, uint64_t op);
        /* The reply's bytes, from its temporary or its published file; S_OK with *ret_data owned
         * by the caller (NULL when empty), BG_E_TOO_LARGE with *ret_bytes set over
         * REPLY_DATA_BYTES_MAX, or the file's error. Answered at once. */
        HRESULT (*read_reply)(void *ctx, const Job *job, uint8_t **ret_data, uint64_t *ret_bytes);
        /* May this owner create files in the directory of `local`? Answered at once: S_OK,
         * E_ACCESSDENIED, or HRESULT_FROM_WIN32(path not found, not a directory …). */
        HRESULT (*check_destination)(void *ctx, uint32_t owner_uid, const char *local);
        /* The next two may be called at any time and never fail. */
        void (*set_limits)(void *ctx, const TransferLimits *limits);
        /* The job's limit, or its priority among HIGH, NORMAL and LOW, has changed. Between
         * FOREGROUND and the others the engine stops the transfer and starts it anew. */
        void (*retune)(void *ctx, uint64_t op, const Job *job);
        void *ctx;
} TransferPort;
