/* SPDX-License-Identifier: Apache-2.0 */
/* What an operation given to a worker may be answered with. A worker reads the network, so that its
 * word is checked: an event that its operation cannot have ends the worker. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/port/transfer.h"

typedef enum WorkerOpKind {
        WORKER_OP_DOWNLOAD,
        WORKER_OP_UPLOAD,
        WORKER_OP_FAREWELL,
        WORKER_OP_SYNC,
        WORKER_OP_PUBLISH,
        WORKER_OP_DISCARD,
        WORKER_OP_KIND_MAX,
} WorkerOpKind;

typedef struct WorkerOpRules {
        WorkerOpKind kind;
        uint32_t file_index; /* of a download or upload */
        bool has_reply;      /* of an upload */
} WorkerOpRules;

/* May this operation have this event, as it is? *ret_ends: it is the last one. */
bool worker_op_allows(const WorkerOpRules *op, const TransferEvent *ev, bool *ret_ends);
/* The event that says that the operation's worker is gone. */
TransferEvent worker_op_lost(const WorkerOpRules *op, uint64_t number);
static inline bool worker_op_is_transfer(WorkerOpKind kind)
{
        return kind == WORKER_OP_DOWNLOAD || kind == WORKER_OP_UPLOAD;
}
