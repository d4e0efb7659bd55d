/* SPDX-License-Identifier: Apache-2.0 */
/* Port "store": where the queue survives. Implemented by src/store (SQLite, and in memory for
 * tests and --no-persist); called by the engine only. One writer. All functions return 0 or a
 * negative errno (-ENOSPC, -EIO, -EROFS …); after a failure inside a transaction the engine rolls
 * back, also after a failed commit, but not after a failed begin. Objects are borrowed for the
 * call; strings are copied. */
#pragma once

#include <stdbool.h>

#include "engine/types.h"

/* What load() hands out. Each takes ownership of what it is given, also when it fails; a negative
 * return stops the load and is returned by it. Jobs come in order of their serial, each followed
 * by its files in order of their index. */
typedef struct StoreSink {
        int (*job)(void *ctx, Job *take_job); /* with credentials; files NULL, run NULL */
        int (*file)(void *ctx, const GUID *job, JobFile *take_file);
        void *ctx;
} StoreSink;

typedef struct StorePort {
        int (*begin)(void *ctx);
        /* durable: hardened against power loss, with everything committed before. */
        int (*commit)(void *ctx, bool durable);
        void (*rollback)(void *ctx);

        int (*job_save)(void *ctx, const Job *job);   /* insert or replace: props and status */
        int (*job_delete)(void *ctx, const Job *job); /* with its files and credentials */
        int (*files_insert)(void *ctx, const Job *job, JobFile *const *files, uint32_t n);
        int (*file_save)(void *ctx, const Job *job, const JobFile *file);
        /* Inserts or replaces what the slot (target, scheme) holds; -ENOENT: no such job. */
        int (*credential_save)(void *ctx, const Job *job, const JobCredential *credential);
        /* 0 also when the slot is empty. Once this is committed its blob is in no file any more. */
        int (*credential_delete)(void *ctx, const Job *job, uint32_t target, uint32_t scheme);

        /* *ret_same_boot: the machine has not restarted since the last write, so done_bytes of
         * files may be trusted; else only synced_bytes. *ret_next_serial: first unused. */
        int (*load)(void *ctx, const StoreSink *sink, bool *ret_same_boot,
                    uint64_t *ret_next_serial);
        void *ctx;
} StorePort;
