/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming the one service of a state directory, or finding out who is. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "daemon/state_lock.h"

typedef struct InstancePlace {
        const char *lock_dir; /* exists */
        const char *socket;   /* where this instance is to listen */
        bool socket_is_chosen;
        uid_t uid;
} InstancePlace;

typedef enum InstanceClaim {
        INSTANCE_OURS,   /* the locks are held */
        INSTANCE_SERVED, /* if_needed: a living one answers at the socket's path */
        INSTANCE_TAKEN,  /* another one lives, or its workers do */
        INSTANCE_FAILED,
} InstanceClaim;

/* The outcome has been logged when it is one of the last two. */
_must_use_ InstanceClaim instance_claim(const InstancePlace *place, bool if_needed, StateLock *l);
