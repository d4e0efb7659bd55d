/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's side of port "transfer": starts bitsd-worker processes (one per active owner; a
 * user instance has one), sends them operations, turns their messages into TransferEvents, retires
 * them when they have had nothing to do for a while, and reports BITS_E_WORKER_LOST for what a dead
 * one left open. One that hangs is killed, and when not even that ends it (it sleeps in the kernel)
 * its operations are reported and new ones refused with -EBUSY until it is gone, so that two never
 * write one file. The pool is owned by app.c; it runs on the daemon's event loop. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "engine/port/transfer.h"
#include "transfer/line_report.h"
#include "transfer/transfer_config.h"

struct Credential; /* vault/vault.h */

typedef struct WorkerPool WorkerPool;

typedef struct WorkerPoolOptions {
        const char *worker_path; /* absolute path of the bitsd-worker program */
        int lock_fd;             /* the state directory's lock, inherited by workers so that a new
                                    bitsd waits until the last worker of the old one is gone */
        const TransferConfig *config; /* copied */
        uint64_t idle_usec;           /* retire after; 10 s */
        uint64_t answer_usec;         /* one that does not answer for so long is killed; 60 s */
        /* Opens a slot of the job (vault_open): 0, VAULT_KEY_LOST, VAULT_KEY_REFUSED or negative
         * errno. A slot that cannot be opened is left out, and the worker told why. NULL: no vault.
         */
        int (*open_credential)(void *ctx, const GUID *job, const JobCredential *c,
                               struct Credential *ret);
        void *credential_ctx;
} WorkerPoolOptions;

/* `on_event` is called from the event loop, never from inside a port call. 0 or negative errno. */
_must_use_ int worker_pool_new(sd_event *loop, const WorkerPoolOptions *options,
                               void (*on_event)(void *ctx, const TransferEvent *ev), void *ctx,
                               WorkerPool **ret);
/* Closes the sockets: workers end by themselves at once. */
WorkerPool *worker_pool_free(WorkerPool *p);
DEFINE_CLEANUP(WorkerPool *, worker_pool_free)
TransferPort worker_pool_port(WorkerPool *p);
/* How the lines were used when a worker last said so; empty once none runs. NULL: none has said
 * anything yet. Borrowed until the loop turns. */
const LineReport *worker_pool_lines(const WorkerPool *p);
