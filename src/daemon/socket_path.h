/* SPDX-License-Identifier: Apache-2.0 */
/* The place of the listening socket in the file system. Negative errno on failure; *ret_problem is
 * then one line for people that the caller owns (untouched: the errno says it all). */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"

/* Makes the directory when it is missing, and checks that nobody but the user (or root) can put
 * something at the path. The directory of a default path must be closed to others altogether. */
_must_use_ int socket_path_prepare_dir(const char *path, uid_t uid, bool is_chosen,
                                       char **ret_problem);
/* 1 when somebody answers at the path, 0 when nobody does, or negative errno. */
_must_use_ int socket_path_probe(const char *path);
/* Removes a dead socket; -EADDRINUSE when it is alive, -EEXIST when it is something else. */
_must_use_ int socket_path_clear(const char *path, char **ret_problem);
/* A bound, not yet listening socket, close-on-exec, open to its owner alone. */
_must_use_ int socket_path_bind(const char *path, int *ret_fd);
/* Makes `path` lead to the socket of a living service. */
_must_use_ int socket_path_link(const char *path, const char *to_socket);
