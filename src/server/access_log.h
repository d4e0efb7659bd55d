/* SPDX-License-Identifier: Apache-2.0 */
/* One line for each answer: the common log format, then what the upload protocol adds. Query
 * strings, whole session ids and credentials stay out; control characters are made visible. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/cleanup.h"

typedef struct AccessLog AccessLog;

typedef struct AccessEntry { /* texts borrowed, NULL or "" = none */
        const char *address;
        const char *user;
        const char *method;
        const char *path; /* decoded, without query */
        const char *version;
        uint16_t status; /* 0: no answer went out */
        uint64_t received_bytes;
        uint64_t sent_bytes;
        const char *packet;
        const char *session_id;
        const char *range;
        uint64_t took_usec;
        uint64_t now_wall_usec;
} AccessEntry;

/* A file name (appended to), "-" for standard error, "" for none. 0 or negative errno. */
_must_use_ int access_log_open(const char *target, AccessLog **ret);
AccessLog *access_log_free(AccessLog *l);
DEFINE_CLEANUP(AccessLog *, access_log_free)
/* Opens the file again, after it was rotated. The old one stays when that fails. */
_must_use_ int access_log_reopen(AccessLog *l);
void access_log_write(AccessLog *l, const AccessEntry *entry);
