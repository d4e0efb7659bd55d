/* SPDX-License-Identifier: Apache-2.0 */
/* The transfer port in the hands of a test: operations are recorded, and events are sent when the
 * test says so, either one by one (fake_op_*) or by a random walk with faults
 * (fake_transfer_step). It checks what the engine promises: what is resumed is there, two
 * operations never share a file, nothing is published or removed before the intent is durable,
 * and nothing is published that is not whole. */
#pragma once

#include "base/list.h"
#include "engine/manager.h"
#include "fake_disk.h"
#include "fake_random.h"
#include "fake_store.h"

typedef enum FakeOpKind {
        FAKE_FILE,
        FAKE_SYNC,
        FAKE_PUBLISH,
        FAKE_DISCARD,
        FAKE_FAREWELL,
} FakeOpKind;

/* What an upload keeps in the store to go on, as the engine sees it: bytes. */
typedef struct FakeBlob {
        uint32_t session; /* 0 = none yet */
        uint32_t source;  /* version of the file that is sent */
        bool creating, uploaded, closing;
} FakeBlob;

typedef struct FakeSession { /* on the server */
        GUID job;
        uint32_t id;
        uint64_t acked;
        bool open;
} FakeSession;

typedef struct FakeOpFile { /* a file to publish */
        uint32_t index;
        char *local;
        char *etag;
        uint64_t size;
} FakeOpFile;

typedef struct FakeTransfer FakeTransfer;
typedef struct FakeOp FakeOp;

/* Who leads uploads instead of the walk of fake_upload.c: something that has sessions of its own.
 */
typedef struct FakeUploader {
        void (*begin)(void *ctx, FakeOp *op, const Job *job); /* FAKE_FILE or FAKE_FAREWELL */
        void (*walk)(void *ctx, Manager *m, FakeOp *op);
        /* What `op` waits for is said to be in the store: NULL, or what is wrong with that. */
        const char *(*stored)(void *ctx, FakeOp *op, const Job *stored);
        void (*end)(void *ctx, FakeOp *op); /* it ended, or the process did */
} FakeUploader;

struct FakeOp {
        uint64_t op;
        FakeOpKind kind;
        GUID job;
        uint32_t file; /* FAKE_FILE */
        char *remote;
        bool stopped; /* a stop was asked for */
        uint8_t stage;
        uint32_t version;
        uint64_t size;
        FakeOpFile *files; /* FAKE_PUBLISH */
        uint32_t files_len;
        uint32_t published;
        HRESULT first_failure;
        int32_t failed_file;
        /* Uploads. */
        BG_JOB_TYPE type;
        char *source;
        char *reply; /* FAKE_DISCARD: the reply's name as it was told */
        FakeBlob blob;
        bool waits;    /* for session_stored() */
        bool gives_up; /* META that begins anew is durable: nothing in the file tells versions apart
                        */
        bool reply_done;
        void *upload; /* the uploader's */
        List in_all;
};

/* Odds in 1000 per step of an operation. */
typedef struct FakeFaults {
        uint32_t connect, reset, transient_status, fatal_status, disk_full, changed, worker,
                sync_lost, sync, publish, discard, start, session_lost, application, source,
                farewell, lies, tagless;
} FakeFaults;

struct FakeTransfer {
        FakeDisk *disk;
        const FakeStore *store; /* for the check of intents; NULL = no check */
        List ops;               /* FakeOp.in_all, oldest first */
        uint32_t ops_len;
        FakeRandom *random;
        FakeFaults faults;
        FakeSession *sessions; /* of the upload server */
        uint32_t sessions_len;
        GUID *farewells; /* jobs whose server was told */
        uint32_t farewells_len;
        HRESULT destination; /* answer of check_destination */
        uint32_t destination_asked;
        int start_error; /* negative errno of the next start, once */
        bool dead;       /* the process is gone: calls do nothing */
        const char *violation;
        TransferLimits limits; /* as last told … */
        uint32_t limits_told;  /* … and how often */
        uint64_t retuned_op;   /* the last one, … */
        uint64_t retuned_bps;  /* … the job's limit and level then, … */
        BG_JOB_PRIORITY retuned_level;
        uint32_t retunes;           /* … and how often */
        void (*on_call)(void *ctx); /* before every call of the port; NULL = nothing */
        void *on_call_ctx;
        /* What a worker is started with; NULL = nothing. */
        void (*on_start)(void *ctx, const Job *job);
        void *on_start_ctx;
        const FakeUploader *uploader; /* NULL: fake_upload.c */
        void *uploader_ctx;
};

void fake_transfer_init(FakeTransfer *t, FakeDisk *disk, const FakeStore *store, FakeRandom *r);
void fake_transfer_done(FakeTransfer *t);
TransferPort fake_transfer_port(FakeTransfer *t);
/* The process ended: nothing runs any more, and calls do nothing until the next init. */
void fake_transfer_drop_ops(FakeTransfer *t);

/* The oldest running operation of a kind, optionally of one job (NULL = any); NULL when none. */
FakeOp *fake_transfer_find(const FakeTransfer *t, FakeOpKind kind, const GUID *job);
FakeOp *fake_transfer_find_file(const FakeTransfer *t, const GUID *job, uint32_t file);
uint32_t fake_transfer_count(const FakeTransfer *t, FakeOpKind kind, const GUID *job);

/* One event each; those that end the operation free it. */
void fake_op_connected(FakeTransfer *t, Manager *m, FakeOp *op);
void fake_op_pace(FakeTransfer *t, Manager *m, FakeOp *op, TransferPaceKind pace);
void fake_op_meta(FakeTransfer *t, Manager *m, FakeOp *op);
void fake_op_progress(FakeTransfer *t, Manager *m, FakeOp *op, uint64_t done, uint64_t synced);
void fake_op_done(FakeTransfer *t, Manager *m, FakeOp *op);
void fake_op_failed(FakeTransfer *t, Manager *m, FakeOp *op, const JobError *error);
void fake_op_stopped(FakeTransfer *t, Manager *m, FakeOp *op);
void fake_op_synced(FakeTransfer *t, Manager *m, FakeOp *op, HRESULT hr, int32_t file);
void fake_op_publish_next(FakeTransfer *t, Manager *m, FakeOp *op, HRESULT hr);
void fake_op_published(FakeTransfer *t, Manager *m, FakeOp *op);
void fake_op_discarded(FakeTransfer *t, Manager *m, FakeOp *op, HRESULT hr);

/* fake_upload.c. One event each, again; the server remembers its sessions. */
void fake_op_upload_meta(FakeTransfer *t, Manager *m, FakeOp *op);
/* SESSION with the operation's blob; durable: the operation waits until it is stored. */
void fake_op_session(FakeTransfer *t, Manager *m, FakeOp *op, bool durable);
void fake_op_acknowledged(FakeTransfer *t, Manager *m, FakeOp *op, uint64_t done);
void fake_op_uploaded(FakeTransfer *t, Manager *m, FakeOp *op);
void fake_op_reply_meta(FakeTransfer *t, Manager *m, FakeOp *op);
void fake_op_reply_progress(FakeTransfer *t, Manager *m, FakeOp *op, uint64_t done,
                            uint64_t synced);
void fake_op_reply(FakeTransfer *t, Manager *m, FakeOp *op);
void fake_op_upload_done(FakeTransfer *t, Manager *m, FakeOp *op);
void fake_op_farewell(FakeTransfer *t, Manager *m, FakeOp *op, HRESULT hr);
/* The operation of an uploader ends with this event. */
void fake_op_end(FakeTransfer *t, Manager *m, FakeOp *op, const TransferEvent *ev);
void fake_transfer_walk_upload(FakeTransfer *t, Manager *m, FakeOp *op);
/* NULL when the server does not know it (any more). */
bool fake_transfer_said_farewell(const FakeTransfer *t, const GUID *job);
FakeSession *fake_transfer_session(const FakeTransfer *t, uint32_t id);
/* The server's answer to the job: "http://host/reply/<n>"; its size is that of the remote file. */
void fake_reply_url(const GUID *job, char *url, size_t bytes);
void fake_upload_begin(FakeTransfer *t, FakeOp *op, const Job *job);
void fake_upload_port(TransferPort *port);

/* The next event of some operation by the dice. False when nothing runs. */
bool fake_transfer_step(FakeTransfer *t, Manager *m);
/* Every operation of every worker ends with BITS_E_WORKER_LOST. */
void fake_transfer_lose_worker(FakeTransfer *t, Manager *m);
