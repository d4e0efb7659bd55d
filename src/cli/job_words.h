/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs in words: the fixed vocabulary of tables, messages and JSON. Pure functions. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "bits_native.h"

enum {
        JOB_ID_DIGITS = 8,     /* shown unless more are needed to tell jobs apart */
        JOB_ID_BYTES = 36 + 1, /* room for an id of any length */
        JOB_PREFIX_DIGITS = 4, /* least digits that name a job */
        JOB_WHY_COLUMNS = 40,  /* bound of the WHY column */
        JOB_SIZE_BYTES = 48,   /* room for a size, a pair of sizes, a rate or a time */
};

/* The first eight digits, or as many as `digits` says; gives dst. Dashes are not counted but
 * kept. */
char *job_short_id(const GUID *id, char dst[JOB_ID_BYTES]);
char *job_prefix(const GUID *id, unsigned digits, char dst[JOB_ID_BYTES]);

const char *job_state_word(const bits_job_info *job); /* "retrying"; "waiting" = queued behind */
const char *job_type_word(BG_JOB_TYPE type);          /* "down", "up", "up+reply" */
const char *job_type_name(BG_JOB_TYPE type);          /* "download", "upload", "upload-reply" */
const char *job_priority_word(BG_JOB_PRIORITY prio);  /* "fg", "high", "norm", "low" */
const char *job_priority_name(BG_JOB_PRIORITY prio);  /* "foreground", "high", "normal", "low" */
const char *job_proxy_name(BG_JOB_PROXY_USAGE usage); /* "system", "none", "override", "detect" */
/* "saved" or "sent", "done", "partial", "pending". */
const char *file_state_word(const bits_file_info *file, BG_JOB_TYPE type);
bool job_is_upload(const bits_job_info *job);
/* It failed for want of credentials, be it at the server or the proxy; only at the proxy. */
bool job_needs_login(const bits_job_info *job);
bool job_needs_proxy_login(const bits_job_info *job);

/* How far an upload has come. */
typedef enum UploadPhase {
        UPLOAD_IDLE,    /* it does not run, or is no upload */
        UPLOAD_SENDING, /* bytes are on their way, or the server thinks about them */
        UPLOAD_ASKING,  /* all is sent, the reply has not begun */
        UPLOAD_REPLY,   /* the reply comes */
        UPLOAD_CLOSING, /* all is there but the server's last word */
} UploadPhase;
UploadPhase job_upload_phase(const bits_job_info *job);
/* "fetching the reply 1.2 / 3.4 KiB"; NULL while there is nothing to say. `stalled`: no byte moved
 * for a while. Caller owns it. */
char *job_upload_note(const bits_job_info *job, bool stalled);
/* "1.2 / 3.4 KiB", "not begun", "empty": the reply of an upload-reply job. */
char *format_reply(const bits_job_info *job, char dst[JOB_SIZE_BYTES]);

/* Whole percent, never 100 before the last byte; -1 when the size is unknown. */
int percent_done(uint64_t bytes, uint64_t total);
/* "2.1 / 3.7 GiB", in the unit of the total. */
char *format_size_pair(uint64_t bytes, uint64_t total, char dst[JOB_SIZE_BYTES]);
/* "2.1 of 3.7 GiB", likewise. */
char *format_size_of(uint64_t bytes, uint64_t total, char dst[JOB_SIZE_BYTES]);
/* "41.2 MiB/s". */
char *format_rate(uint64_t bytes_per_sec, char dst[JOB_SIZE_BYTES]);
/* Seconds left, or "-" when nobody can know. */
char *format_eta(const bits_job_info *job, char dst[JOB_SIZE_BYTES]);
/* A setting in seconds as it is typed: "90s", "10m", "14d". */
char *format_span(uint64_t sec, char dst[JOB_SIZE_BYTES]);
/* "2026-11-22 08:09:02" in local time; "-" for never. */
char *format_local_time(uint64_t filetime, char dst[JOB_SIZE_BYTES]);
/* "08:12:40", now, in local time. */
char *format_time_of_day(char dst[JOB_SIZE_BYTES]);
/* "0.4 s", "9.9 s", "0:12", "1:02:03": how long something took. */
char *format_took(uint64_t usec, char dst[JOB_SIZE_BYTES]);

/* Why it failed, in a few words: "HTTP 503", "disk full". Caller owns it. */
char *job_error_brief(const bits_job_info *job);
/* What the job waits for; "" while bytes flow. `prefix` names the job in commands, now_wall_usec is
 * the time of day. At most JOB_WHY_COLUMNS columns unless `full`. Caller owns it. */
char *job_why(const bits_job_info *job, const char *prefix, uint64_t now_wall_usec, bool utf8,
              bool full);
