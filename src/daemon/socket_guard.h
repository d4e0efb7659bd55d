/* SPDX-License-Identifier: Apache-2.0 */
/* Notices when the name of the listening socket has vanished, and has it restored. That happens
 * in everyday life: when a user's last session ends, /run/user/UID is emptied and unmounted, while
 * his transfers go on. It sleeps until the kernel reports a change of the directory. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"

typedef struct SocketGuard SocketGuard;

typedef struct SocketGuardOptions {
        sd_event *loop;
        /* Is the name there, and does it lead to our socket? */
        bool (*is_there)(void *ctx);
        /* Makes the socket anew, maybe elsewhere; its path (borrowed), or NULL when it failed. */
        const char *(*restore)(void *ctx);
        void *ctx;
} SocketGuardOptions;

/* 0 or negative errno (a file system without change reports cannot be guarded). */
_must_use_ int socket_guard_new(const SocketGuardOptions *options, const char *path,
                                SocketGuard **ret);
SocketGuard *socket_guard_free(SocketGuard *g);
DEFINE_CLEANUP(SocketGuard *, socket_guard_free)
