/* SPDX-License-Identifier: Apache-2.0 */
/* Where the program bitsd-worker is: $BITSD_WORKER, beside this program, ../libexec/bitsd/ as
 * installed under any prefix, ../transfer/ as in a build tree, and the place it was built for. */
#pragma once

#include "base/attr.h"

/* Caller owns *ret, an absolute path. 0, -ENOENT or -ENOMEM. */
_must_use_ int worker_path_find(char **ret);
