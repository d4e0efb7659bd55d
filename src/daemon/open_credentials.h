/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials of a job, opened for its worker. */
#pragma once

#include "engine/types.h"
#include "transfer/worker_msg.h"

struct Credential; /* vault/vault.h */

/* WorkerPoolOptions.open_credential; open NULL: no vault. */
typedef struct OpenCredential {
        int (*open)(void *ctx, const GUID *job, const JobCredential *c, struct Credential *ret);
        void *ctx;
} OpenCredential;

/* *ret NULL when the job has none. What cannot be opened is left out, with the reason: jobs whose
 * servers ask for nothing must go on. 0 or -ENOMEM. */
_must_use_ int open_credentials(const OpenCredential *open, const Job *job, AuthSet **ret);
