/* SPDX-License-Identifier: Apache-2.0 */
/* The target of a request as a path below a virtual directory: percent-decoded once, and refused
 * when it is anything but a plain downward path. Everything that has led other servers out of
 * their directory ends here: dot segments in any spelling, doubled slashes, encoded slashes and
 * backslashes, NUL. What is left is still opened beneath the directory only (confine.h). */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/cleanup.h"

enum {
        TARGET_PATH_MAX_BYTES = 4096,
        TARGET_SEGMENT_MAX_BYTES = 255,
};

typedef struct Target {
        char *path;  /* decoded, begins with a slash; a trailing slash stays */
        char *query; /* as it came, without the question mark; NULL when there is none */
        char *key;   /* path and query in one normal form: what a session is bound to */
        char *url;   /* path and query as they came: origin form */
} Target;

/* 0; -EINVAL malformed, -EPERM a path that means to leave, -ENAMETOOLONG, -ENOMEM. */
_must_use_ int target_parse(const char *raw, Target *ret);
void target_done(Target *t);
bool target_is_directory(const Target *t); /* ends with a slash */
