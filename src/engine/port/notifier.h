/* SPDX-License-Identifier: Apache-2.0 */
/* Port "notifier": how the engine speaks to clients. Nothing calls back into the engine from
 * inside these functions. */
#pragma once

#include "engine/types.h"

typedef struct NotifierPort {
        /* Answers a call that manager.h said is answered later. `file`: the one that a failure is
         * about; NULL when it is about none. */
        void (*reply)(void *ctx, uint64_t token, HRESULT hr, const JobFile *file);
        /* The job changed (state_changed: also its state). For watchers; may be merged and
         * rate-limited by the other side, which always sends the last state. */
        void (*changed)(void *ctx, const Job *job, bool state_changed);
        /* Calls the callback that `client` registered. Answered once by
         * manager_notify_result(delivery), or by manager_client_gone(client). 0 or negative errno
         * (then the callback counts as invalid). */
        int (*deliver)(void *ctx, uint64_t client, uint64_t delivery, const Job *job,
                       NotifyKind kind);
        /* Runs the job's notify_program for a sticky event, as the service's user and without
         * waiting for it. Answered once by manager_program_result(delivery), also when the start
         * fails later or the program runs too long. 0 or negative errno (it cannot be started). */
        int (*run_program)(void *ctx, uint64_t delivery, const Job *job, NotifyKind kind);
        void *ctx;
} NotifierPort;
