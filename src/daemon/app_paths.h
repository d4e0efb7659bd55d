/* SPDX-License-Identifier: Apache-2.0 */
/* Where this instance listens, keeps its queue and takes its locks: options, environment and
 * defaults made definite. All paths are absolute. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "daemon/options.h"

typedef struct AppPaths {
        char *socket;
        bool socket_is_chosen; /* by option or environment */
        char *state_dir;       /* NULL: nothing is kept */
        char *lock_dir;
} AppPaths;

/* Makes the directories that are missing and checks that they are private. Returns an exit status
 * of app.h; what is wrong has been logged. *ret_paths must be zeroed; app_paths_done() frees it,
 * also after a failure. */
_must_use_ int app_paths_prepare(const Options *options, uid_t uid, AppPaths *ret_paths);
/* Looks again where the socket belongs; the environment's directories may have gone since. 0 or
 * negative errno with *paths unchanged. */
_must_use_ int app_paths_find_socket_again(const Options *options, uid_t uid, AppPaths *paths);
void app_paths_done(AppPaths *paths);
