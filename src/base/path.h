/* SPDX-License-Identifier: Apache-2.0 */
/* Path text and directories. Negative errno on failure. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "attr.h"

bool path_is_absolute(const char *path);
/* Splits at the last slash: the directory ("/" for "/x") and the borrowed leaf inside `path`.
 * -EINVAL when there is no leaf ("/", "/a/", "/a/.", "/a/.."). Caller owns *ret_dir. */
_must_use_ int path_split(const char *path, char **ret_dir, const char **ret_leaf);
/* mkdir -p with the mode for each new part; 0 when it exists already as a directory. */
_must_use_ int path_make_dirs(const char *path, mode_t mode);
/* 0 when `path` is a directory (no symlink) owned by uid and closed to group and others. */
_must_use_ int path_check_private_dir(const char *path, uid_t uid);
