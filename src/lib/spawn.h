/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a program that is to outlive us, from inside any process: threads, signal handlers,
 * SIGCHLD ignored or handled, descriptors 0 to 2 closed. See autostart.h for what it gets.
 *
 * A short-lived process in between (the starter) does the waiting and becomes no zombie: it is
 * cloned without an exit signal and collected here. After the clone nothing but system calls is
 * used, so that locks of other threads do not matter. */
#pragma once

#include "base/attr.h"

/* The descriptor on which the program reports: a byte when it is ready, or "!" and a sentence that
 * says why it never will be. */
enum { SPAWN_READY_FD = 3, SPAWN_WHY_BYTES = 512 };

typedef enum SpawnOutcome {
        SPAWN_READY,   /* the byte has come; also when none was to be waited for */
        SPAWN_LEFT,    /* the program ended with status 0 first */
        SPAWN_FAILED,  /* it could not be run, or ended with another status or a signal */
        SPAWN_TIMEOUT, /* neither in time; it may still be starting */
} SpawnOutcome;

typedef struct SpawnEnd {
        SpawnOutcome outcome;
        int status;                /* with SPAWN_FAILED the exit status (127: could not be run) */
        char why[SPAWN_WHY_BYTES]; /* with SPAWN_FAILED one line of the program's own; may be "" */
} SpawnEnd;

/* timeout_ms 0: start and wait for nothing. argv and envp as for execve(2). Negative errno when no
 * process could be made. */
_must_use_ int spawn_detached(const char *path, char *const argv[], char *const envp[],
                              unsigned timeout_ms, SpawnEnd *ret);
