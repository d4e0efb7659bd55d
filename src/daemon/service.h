/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the daemon share while it serves: one struct, owned by app.c, whose members
 * are set before the first client is accepted. Everything runs on one event loop in one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "engine/manager.h"
#include "engine/policy.h"

typedef struct Clients Clients;
typedef struct Notifier Notifier;
typedef struct ProgramPool ProgramPool;
typedef struct Rekey Rekey;
typedef struct Turn Turn;
typedef struct Vault Vault;
typedef struct Watch Watch;
typedef struct WorkerPool WorkerPool;

typedef struct Service {
        sd_event *loop;
        Clock clock;
        uint32_t uid; /* the user whose instance this is */
        uint64_t started_mono;
        Policy policy;
        const char *state_dir;  /* borrowed from app.c, like the next */
        const char *store_note; /* "" or what was wrong with the queue's file */
        bool store_refuses;     /* it cannot be used; store_note says why */

        Manager *manager;
        Clients *clients;
        Notifier *notifier;
        ProgramPool *programs;
        const WorkerPool *pool;
        Vault *vault;
        Rekey *rekey;
        Turn *turn;
        Watch *watch;
} Service;

/* The service itself, for questions that no client asks. */
static inline Caller service_self(const Service *s)
{
        return (Caller){.uid = s->uid, .is_admin = true};
}
