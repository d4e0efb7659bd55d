/* SPDX-License-Identifier: Apache-2.0 */
/* From the staged file to its destination: all or nothing, never through a link, and without
 * replacing anything unless that is allowed. The staged file keeps its own name until the session
 * ends, so that publishing again after a crash finds its own work and counts it as done. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/guid.h"
#include "proto/bup_refusal.h"
#include "server/session_store.h"

typedef struct PublishPlace {
        int root_fd;
        const char *path; /* relative to it */
        bool overwrite;
} PublishPlace;

/* Whether a file could be published there now: what Create-Session is told. */
BupRefusal publish_check(const PublishPlace *place, const SessionStore *store);
/* Does it. *ret_dir_fd: the destination's directory, to be synced before anybody is told; the
 * caller owns it. Mode: of the file. */
BupRefusal publish_file(const PublishPlace *place, const SessionStore *store, const GUID *id,
                        mode_t mode, int *ret_dir_fd);
