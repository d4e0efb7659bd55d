/* SPDX-License-Identifier: Apache-2.0 */
/* What the transfer port asks of the pool: worker_pool_port.c says what, worker_pool.c whom. */
#pragma once

#include "daemon/worker_op.h"
#include "daemon/worker_pool.h"
#include "transfer/worker_msg.h"

/* One of the three kinds of message that begin an operation. */
typedef struct WorkerOrder {
        const Job *job;
        const JobFile *file; /* a start; else NULL */
        WorkerBulkKind bulk; /* of sync, publish and discard */
} WorkerOrder;

/* 0, -EBUSY while a worker that was killed is still there, or negative errno; then no event
 * follows. */
_must_use_ int worker_pool_begin(WorkerPool *p, uint64_t number, const WorkerOpRules *rules,
                                 const WorkerOrder *order);
/* A word to a transfer that is running; nothing when it is not. */
void worker_pool_tell(WorkerPool *p, uint64_t number, void (*encode)(Buf *b, uint64_t op));
/* Its job's priority or limit has changed. */
void worker_pool_retune(WorkerPool *p, uint64_t number, const Job *job);
/* Remembered for the workers to come. */
void worker_pool_set_limits(WorkerPool *p, const TransferLimits *limits);
