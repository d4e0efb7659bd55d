/* SPDX-License-Identifier: Apache-2.0 */
/* What bitsd and its workers say to each other, and the socket it travels on.
 *
 * A message is a u32 length, a u8 kind and the fields of base/pack.h in a fixed order. The first
 * one is CONFIG with the version of this table; a worker of another version ends. Decoding is
 * total: any bytes give a message or -EBADMSG. Both ends check what they are told as if it came
 * from a stranger: the worker reads the network, so its word is not trusted by the broker.
 *
 *   down  CONFIG START STOP FAREWELL SESSION_STORED BULK BULK_FILES PING LIMITS RETUNE
 *   up    EVENT PONG LINES
 *
 * A bulk operation (sync, publish, discard) is one BULK, then BULK_FILES until one is marked
 * `last`; the engine's object is read only while it is encoded. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/port/transfer.h"
#include "transfer/auth_set.h"
#include "transfer/line_report.h"
#include "transfer/transfer_config.h"
#include "transfer/worker_event.h"

enum {
        WORKER_SOCKET_FD = 3,
        WORKER_MSG_VERSION = 6,
        /* Two proxy lists of 32,000 units, credentials, and the rest. */
        WORKER_MSG_MAX_BYTES = 1024 * 1024 + AUTH_SET_PACKED_BYTES_MAX,
        WORKER_MSG_ETAG_BYTES = 1024,
        WORKER_MSG_REPLY_URL_BYTES = 32 * 1024, /* all that proto/bup_url.h makes */
        WORKER_BULK_FILES_MAX = 256,            /* files in one BULK_FILES */
        WORKER_LINK_OUT_MAX_BYTES = 256 * 1024 * 1024,
};

typedef enum WorkerMsgKind {
        WORKER_MSG_NONE,
        WORKER_MSG_CONFIG,
        WORKER_MSG_START,
        WORKER_MSG_STOP,
        WORKER_MSG_FAREWELL,
        WORKER_MSG_SESSION_STORED,
        WORKER_MSG_BULK,
        WORKER_MSG_BULK_FILES,
        WORKER_MSG_EVENT,
        WORKER_MSG_PING, /* answered at once with a PONG */
        WORKER_MSG_PONG,
        WORKER_MSG_LIMITS,
        WORKER_MSG_RETUNE,
        WORKER_MSG_LINES, /* once a second while something is transferred, and once at the end */
        WORKER_MSG_MAX,
} WorkerMsgKind;

/* What is known of the reply to an upload. */
typedef struct WorkerReply {
        char *remote; /* "" when the server has not said yet */
        char *local;
        uint64_t size_bytes;
        uint64_t done_bytes;
        uint64_t synced_bytes;
        char *etag; /* NULL when none */
        int64_t modified_sec;
        bool whole; /* nothing of it is left to fetch */
} WorkerReply;

/* A START, or a FAREWELL: what is to be cancelled. */
typedef struct WorkerStart {
        uint64_t op;
        GUID job;
        BG_JOB_TYPE type;
        uint8_t priority;   /* BG_JOB_PRIORITY */
        uint64_t limit_bps; /* of the job; 0: none */
        uint32_t file_index;
        char *remote;
        char *local;
        uint64_t size_bytes;
        uint64_t done_bytes;
        uint64_t synced_bytes;
        char *etag; /* NULL when none */
        int64_t modified_sec;
        BG_JOB_PROXY_USAGE proxy_usage;
        char *proxy_list;     /* NULL = not set */
        char *proxy_bypass;   /* NULL = not set */
        AuthSet *credentials; /* NULL = none; a reference */

        /* Uploads. */
        uint8_t *session; /* bup_client_state_encode(); NULL when there is none */
        uint32_t session_bytes;
        bool reply_optional;
        bool has_reply; /* BG_JOB_TYPE_UPLOAD_REPLY */
        WorkerReply reply;

        /* Not part of the message: a worker's own, about a reply. */
        bool foreign;  /* the URL is not of the job's server, whose credentials are not for it */
        bool keep_out; /* a stranger chose the URL: not to this machine or its link */
        struct PaceTask *pace; /* borrowed */
} WorkerStart;
void worker_start_done(WorkerStart *s);

typedef enum WorkerBulkKind {
        WORKER_BULK_SYNC,
        WORKER_BULK_PUBLISH,
        WORKER_BULK_DISCARD,
        WORKER_BULK_KIND_MAX,
} WorkerBulkKind;

typedef struct WorkerBulk {
        uint64_t op;
        WorkerBulkKind kind;
        GUID job;
} WorkerBulk;

typedef struct WorkerBulkFile {
        uint32_t index;
        char *dir; /* NULL: that of the file before; jobs mostly fill few directories */
        char *leaf;
        uint64_t size_bytes;
        int64_t modified_sec;
        bool synced;      /* its contents are known to be on disk */
        bool may_be_made; /* publish: it is empty, so that it may be made when it is not there */
} WorkerBulkFile;

typedef struct WorkerBulkFiles {
        uint64_t op;
        bool last;
        WorkerBulkFile *files;
        uint32_t files_len;
} WorkerBulkFiles;

typedef struct WorkerRetune {
        uint64_t op;
        uint8_t priority;
        uint64_t limit_bps;
} WorkerRetune;

typedef struct WorkerMsg {
        WorkerMsgKind kind;
        union {
                TransferConfig config;
                WorkerStart start;
                uint64_t number; /* of the operation: STOP, SESSION_STORED */
                WorkerBulk bulk;
                WorkerBulkFiles bulk_files;
                WorkerEvent event;
                TransferLimits limits;
                WorkerRetune retune;
                LineReport lines;
        };
} WorkerMsg;

/* Encoders append to `b`, whose sticky error says whether all fitted. */
void worker_msg_encode_config(Buf *b, const TransferConfig *config);
/* `credentials`: those of the job, open; NULL: none. The buffer should be one that wipes. */
void worker_msg_encode_start(Buf *b, uint64_t op, const Job *job, const JobFile *file,
                             const AuthSet *credentials);
/* `job` is an upload with its file. */
void worker_msg_encode_farewell(Buf *b, uint64_t op, const Job *job, const AuthSet *credentials);
void worker_msg_encode_stop(Buf *b, uint64_t op);
void worker_msg_encode_session_stored(Buf *b, uint64_t op);
/* Every message of one bulk operation. Sync and publish name the files in FILE_DONE, discard all
 * that are not published; of an upload that is its reply or nothing, never the source. 0 or
 * negative errno (then nothing was appended). */
_must_use_ int worker_msg_encode_bulk(Buf *b, uint64_t op, WorkerBulkKind kind, const Job *job);
void worker_msg_encode_event(Buf *b, const TransferEvent *ev);
void worker_msg_encode_limits(Buf *b, const TransferLimits *limits);
void worker_msg_encode_retune(Buf *b, uint64_t op, const Job *job);
void worker_msg_encode_lines(Buf *b, const LineReport *report);
void worker_msg_encode_ping(Buf *b);
void worker_msg_encode_pong(Buf *b);

/* Decodes one message without its length. Caller owns what is inside: worker_msg_done(). 0,
 * -EBADMSG or -ENOMEM with *ret untouched. */
_must_use_ int worker_msg_decode(const void *data, size_t bytes, WorkerMsg *ret);
void worker_msg_done(WorkerMsg *m);

/* One end of the socket. Owns the descriptor. Functions do not wait. */
typedef struct WorkerLink {
        int fd; /* -1 = closed; what is sent then waits in `out` */
        Buf in;
        Buf out;
} WorkerLink;

void worker_link_init(WorkerLink *l, int take_fd);
/* Starts the worker program at the other end of a link that has no descriptor yet: the socket is
 * its WORKER_SOCKET_FD, `lock_fd` (-1: none) the one after, all else but stdout and stderr is
 * closed. 0 with a pidfd of the child, or negative errno. */
_must_use_ int worker_link_spawn(WorkerLink *l, const char *path, int lock_fd, int *ret_pid_fd);
void worker_link_done(WorkerLink *l);
/* Reads once what has come in: 1, 0 at the end of the stream, -EAGAIN, or negative errno. */
_must_use_ int worker_link_fill(WorkerLink *l);
/* Cuts the next whole message out: 1 with *ret owned by the caller, 0 when there is none, or
 * -EBADMSG/-ENOMEM, after which the link is of no use. */
_must_use_ int worker_link_next(WorkerLink *l, WorkerMsg *ret);
/* Sends what it can: 1 all sent, 0 some left (wait for the socket to take more), negative errno. */
_must_use_ int worker_link_flush(WorkerLink *l);
