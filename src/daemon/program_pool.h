/* SPDX-License-Identifier: Apache-2.0 */
/* The notification programs that run, by the engine's number of the delivery. What is run for whom,
 * what it writes and how it ends is told in the log, with the job's id. How many run at once is the
 * engine's business, how long one may run is ours. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "engine/types.h"

typedef struct ProgramPool ProgramPool;

typedef struct ProgramPoolOptions {
        sd_event *loop;
        uid_t uid;             /* the service's; programs run as this user */
        uint64_t timeout_usec; /* of a run */
        uint64_t grace_usec;   /* between SIGTERM and SIGKILL */
        /* A run that program_pool_run() began has ended; never from inside that call. */
        void (*ended)(void *ctx, uint64_t delivery, int32_t result);
        void *ctx;
} ProgramPoolOptions;

/* 0 or negative errno. */
_must_use_ int program_pool_new(const ProgramPoolOptions *options, ProgramPool **ret);
/* Ends what runs, in two seconds at most; nobody is told. */
ProgramPool *program_pool_free(ProgramPool *p);
DEFINE_CLEANUP(ProgramPool *, program_pool_free)

/* Of runs to come. */
void program_pool_set_timeout(ProgramPool *p, uint64_t timeout_usec);
/* Where programs find the service. 0 or -ENOMEM with the old place kept. */
_must_use_ int program_pool_set_socket(ProgramPool *p, const char *path);
/* As NotifierPort.run_program: 0 or negative errno, which has been logged. */
_must_use_ int program_pool_run(ProgramPool *p, uint64_t delivery, const Job *job,
                                NotifyKind event);
