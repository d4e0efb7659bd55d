/* SPDX-License-Identifier: Apache-2.0 */
/* A store in memory that knows what a crash leaves: everything committed survives the end of the
 * process; after power loss only the last durable commit and some of what came after it, in order,
 * is there. A hook makes any call fail. Misuse by the engine (a save outside a transaction, a
 * commit after a failure …) is noted in `violation`. */
#pragma once

#include "base/list.h"
#include "engine/port/store.h"

typedef enum FakeStoreCall {
        FAKE_STORE_BEGIN,
        FAKE_STORE_COMMIT,
        FAKE_STORE_JOB_SAVE,
        FAKE_STORE_JOB_DELETE,
        FAKE_STORE_FILES_INSERT,
        FAKE_STORE_FILE_SAVE,
        FAKE_STORE_CREDENTIAL_SAVE,
        FAKE_STORE_CREDENTIAL_DELETE,
        FAKE_STORE_LOAD,
        FAKE_STORE_HARDEN, /* committed, but not brought to disk */
} FakeStoreCall;

typedef struct FakeImage { /* jobs with their files and credentials, in order of their serials */
        Job **jobs;
        uint32_t len;
} FakeImage;

typedef struct FakeStore {
        FakeImage image;   /* what a killed process leaves */
        FakeImage durable; /* what power loss leaves at least */
        List pending;      /* changes of the open transaction */
        List journal;      /* transactions since the last durable commit */
        bool in_txn;
        bool must_roll_back;
        bool same_boot;
        GUID *tainted; /* jobs whose refused commit stands in the image, until it is taken back */
        uint32_t tainted_len;
        const char *violation;
        /* Asked before every call; a negative errno fails it. NULL = never. */
        int (*fault)(void *ctx, FakeStoreCall call);
        void *fault_ctx;
        uint32_t commits, durable_commits, job_saves, file_saves;
} FakeStore;

void fake_store_init(FakeStore *s);
void fake_store_done(FakeStore *s);
StorePort fake_store_port(FakeStore *s);

/* The process ended: an open transaction is lost. */
void fake_store_kill(FakeStore *s);
/* The machine ended: of the transactions since the last durable commit the first `keep` remain. */
void fake_store_power_loss(FakeStore *s, uint32_t keep);
/* May what is stored of the job be something that the engine was refused? */
bool fake_store_is_tainted(const FakeStore *s, const GUID *id);
uint32_t fake_store_journal_len(const FakeStore *s);

/* As stored; NULL when it is not there. */
const Job *fake_store_job(const FakeStore *s, const GUID *id);
const Job *fake_store_durable_job(const FakeStore *s, const GUID *id);
