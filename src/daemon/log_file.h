/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a service whose standard error leads nowhere, as when the library started it: the file
 * "log" in the directory of the queue, for its owner alone. At its size limit it becomes "log.1",
 * whose predecessor goes. Each line is
 *
 *   2026-11-22T08:12:40Z PID LEVEL JOB TEXT
 *
 * with a level of syslog(3) as a number and "-" for no job; the text is escaped. bitsctl reads it.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/cleanup.h"

enum {
        LOG_FILE_BYTES_MAX = 1 << 20,
};

typedef struct LogFile LogFile;

/* Opens the file in `dir`, which nobody else may write to, and makes log_line() write there until
 * it is freed. One process at a time. Negative errno. */
_must_use_ int log_file_open(const char *dir, uint64_t max_bytes, LogFile **ret);
LogFile *log_file_free(LogFile *f);
DEFINE_CLEANUP(LogFile *, log_file_free)
