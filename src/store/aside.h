/* SPDX-License-Identifier: Apache-2.0 */
/* Setting a database that cannot be used aside, with the files SQLite keeps next to it, so that
 * nothing is lost and somebody may look. Names: NAME.corrupt-20261122T080000Z, its log with the
 * same ending SQLite expects (…Z-wal); a number is added when the name is taken. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum { ASIDE_NAME_BYTES = 80 };

/* Renames inside the directory and makes that durable; never replaces a file. 0 or negative
 * errno. */
_must_use_ int aside_move(int dir_fd, const char *name, uint64_t wall_usec,
                          char ret_name[ASIDE_NAME_BYTES]);

/* True when a log or journal with content stands there without its database (or with an empty
 * one): SQLite would delete it unread. */
bool aside_is_orphaned(int dir_fd, const char *name);
