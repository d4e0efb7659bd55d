/* SPDX-License-Identifier: Apache-2.0 */
/* Structured log to the journal when stderr is connected to it, else to stderr with a <N>
 * priority prefix only when not on a terminal. Library code below the deciding layer does not
 * log. Values are escaped; secrets and query strings never come here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h>

#include "attr.h"
#include "wintypes.h"

typedef struct LogFields { /* all optional */
        const GUID *job;
        const HRESULT *hresult;
        const char *url_host;
        long owner_uid; /* -1 = none */
} LogFields;

/* Process-wide settings, made once in main before anything else: program name for the prefix,
 * least important level that is still written (LOG_INFO by default). */
void log_setup(const char *program, int max_level);
/* From now on the latest error's text, as it is written, is kept in dst too, which is terminated;
 * NULL ends that. For what a process that does not get to its work has to tell its starter; no
 * other thread may log meanwhile. */
void log_keep_error(char *dst, size_t dst_bytes);
/* True when standard error is closed or /dev/null, and so lines are lost. */
bool log_is_lost(void);
/* Takes all lines in place of standard error; the text is escaped. NULL: standard error again. */
typedef void (*log_sink)(void *ctx, int level, const LogFields *fields, const char *text);
void log_set_sink(log_sink sink, void *ctx);
void log_line(int level, const LogFields *fields, const char *fmt, ...) _printf_(3, 4);

#define log_error(...) log_line(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, NULL, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, NULL, __VA_ARGS__)
