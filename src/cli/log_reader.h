/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the service's log file and its predecessor, line by line, and goes on with what comes, over
 * the turn to a new file too. */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/cleanup.h"

typedef struct LogReader LogReader;

/* `dir` is the service's state directory. -ENOENT when there is no log, or another negative errno.
 */
_must_use_ int log_reader_open(const char *dir, LogReader **ret);
LogReader *log_reader_free(LogReader *r);
DEFINE_CLEANUP(LogReader *, log_reader_free)
/* The next whole line without its end, borrowed until the next call; NULL when there is none yet.
 */
const char *log_reader_next(LogReader *r);
/* Waits for ever until there may be more. Negative errno. */
_must_use_ int log_reader_wait(LogReader *r);
