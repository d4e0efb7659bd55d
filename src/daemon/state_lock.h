/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps two services off one state directory. Two files in it are locked with flock(2):
 *
 *   broker.lock  by the living bitsd alone. It says who that is and where it listens.
 *   lock         by bitsd and its workers together (they inherit the descriptor), so that it is
 *                free only when the last worker of a killed bitsd is gone too.
 *
 * A new bitsd that finds the first one taken leaves; one that finds only the second one taken
 * waits. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

typedef struct StateLock {
        int broker_fd; /* -1 = not held */
        int shared_fd; /* likewise; may be handed to workers */
} StateLock;

#define STATE_LOCK_INIT ((StateLock){-1, -1})

/* What broker.lock says about the living one. */
typedef struct LiveBroker {
        pid_t pid;    /* as it sees itself; 0 when not written yet */
        char *socket; /* NULL when it does not listen yet; owned by the caller */
} LiveBroker;

void live_broker_done(LiveBroker *live);

/* Tries to become the living one. 1: taken; 0: another one lives, and *ret_live says who (the
 * caller frees its strings); negative errno: the directory cannot be used. */
_must_use_ int state_lock_try_broker(StateLock *l, const char *dir, LiveBroker *ret_live);
/* Waits until the workers of the one before are gone. 1: taken; 0: still there after the time;
 * or negative errno. */
_must_use_ int state_lock_wait_workers(StateLock *l, const char *dir, uint64_t timeout_usec);
/* Writes who lives here into broker.lock, which must be held. 0 or negative errno. */
_must_use_ int state_lock_announce(const StateLock *l, const char *socket);
/* From now on a new bitsd may begin to take over; the shared lock stays until it is released by
 * state_lock_done() and the end of the workers. */
void state_lock_leave(StateLock *l);
void state_lock_done(StateLock *l);
