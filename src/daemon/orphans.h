/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that notification programs leave behind. bitsd is made the parent of whatever loses its
 * own below it (PR_SET_CHILD_SUBREAPER), so that none of them gets away: what belongs to the
 * session of a program that has ended is killed, and what made a session of its own, as daemons do,
 * once no program runs any more. What ends by itself meanwhile is collected.
 *
 * The workers are in bitsd's own session and never touched. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"

typedef struct Orphans Orphans;

typedef struct OrphansOptions {
        sd_event *loop;
        /* Is it the process, or the session, of a program that still runs? */
        bool (*is_running)(void *ctx, pid_t pid);
        bool (*any_running)(void *ctx);
        void *ctx;
        bool is_init; /* we are process 1: strangers come to us too, and are not ours to kill */
} OrphansOptions;

/* 0 or negative errno. Where the kernel does not list children there is nothing to do: orphans go
 * to init then, as usual. */
_must_use_ int orphans_new(const OrphansOptions *options, Orphans **ret);
Orphans *orphans_free(Orphans *o);
DEFINE_CLEANUP(Orphans *, orphans_free)

/* A program began. */
void orphans_check(Orphans *o);
/* The program that led this session has ended. */
void orphans_session_ended(Orphans *o, pid_t session);
/* Kills all that are there, and waits for them up to `msec`. */
void orphans_kill_all(Orphans *o, int msec);
