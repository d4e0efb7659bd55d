/* SPDX-License-Identifier: Apache-2.0 */
/* One store under test, of either kind, with the accidents that may befall it. Anything that goes
 * wrong inside aborts the test program. */
#pragma once

#include "store/store.h"
#include "store/store_mem.h"
#include "store/stored.h"

enum { RIG_PATH_BYTES = 128 };

typedef struct StoreRig StoreRig;

typedef struct RigKind {
        const char *name;
        void (*start)(StoreRig *rig);
        void (*kill)(StoreRig *rig);       /* the process dies; a new one opens */
        void (*power_loss)(StoreRig *rig); /* nothing unsynced survives; another boot */
        void (*reboot)(StoreRig *rig);     /* in good order; another boot */
        void (*stop)(StoreRig *rig);
} RigKind;

struct StoreRig {
        const RigKind *kind;
        StorePort port;
        StoreMem *mem;
        Store *store;
        char root[RIG_PATH_BYTES];
        char dir[RIG_PATH_BYTES]; /* state directory in `root`; a new one after each accident */
        unsigned generation;
        char boot_id[16];
};

extern const RigKind RIG_MEM;
extern const RigKind RIG_SQLITE;

StoreRig *rig_new(const RigKind *kind);
void rig_free(StoreRig *rig);

/* A fresh empty directory under $TMPDIR, /dev/shm or /tmp, and its removal with everything in it.
 */
void rig_make_dir(char ret_path[RIG_PATH_BYTES]);
void rig_remove_dir(const char *path);

/* What load() gave. */
typedef struct RigQueue {
        Job **jobs; /* with files */
        size_t len;
        bool same_boot;
        uint64_t next_serial;
        int result;
} RigQueue;

/* Loads and checks the order that the port promises. */
RigQueue rig_load(StorePort port);
void rig_queue_done(RigQueue *queue);
const Job *rig_queue_find(const RigQueue *queue, uint64_t serial); /* NULL when absent */

/* begin, what the name says, commit; each must succeed. */
void rig_save_job(StorePort port, const Job *job, bool durable);
void rig_insert_file(StorePort port, const Job *job, JobFile *file, bool durable);
void rig_insert_upload(StorePort port, const Job *job, JobFile *file, JobFile *reply, bool durable);
void rig_save_credential(StorePort port, const Job *job, const JobCredential *c, bool durable);
void rig_delete_credential(StorePort port, const Job *job, uint32_t target, uint32_t scheme,
                           bool durable);
void rig_save_file(StorePort port, const Job *job, const JobFile *file, bool durable);
void rig_delete_job(StorePort port, const Job *job, bool durable);
