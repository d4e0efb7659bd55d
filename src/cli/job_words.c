/* SPDX-License-Identifier: Apache-2.0 */
#include "job_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"

#include "must.h"
#include "out_table.h"

char *job_prefix(const GUID *id, unsigned digits, char dst[JOB_ID_BYTES])
{
        char *p = dst;

        bits_guid_format(id, dst);
        for (; *p && digits > 0; p++)
                digits -= *p != '-';
        *p = '\0';
        return dst;
}

char *job_short_id(const GUID *id, char dst[JOB_ID_BYTES])
{
        return job_prefix(id, JOB_ID_DIGITS, dst);
}

const char *job_state_word(const bits_job_info *job)
{
        static const char *const words[] = {
                [BG_JOB_STATE_QUEUED] = "queued",
                [BG_JOB_STATE_CONNECTING] = "connecting",
                [BG_JOB_STATE_TRANSFERRING] = "transferring",
                [BG_JOB_STATE_SUSPENDED] = "suspended",
                [BG_JOB_STATE_ERROR] = "error",
                [BG_JOB_STATE_TRANSIENT_ERROR] = "retrying",
                [BG_JOB_STATE_TRANSFERRED] = "transferred",
                [BG_JOB_STATE_ACKNOWLEDGED] = "done",
                [BG_JOB_STATE_CANCELLED] = "cancelled",
        };

        if (job->state == BG_JOB_STATE_QUEUED && job->why != BITS_WHY_NONE)
                return "waiting";
        return (size_t) job->state < ARRAY_LEN(words) ? words[job->state] : "unknown";
}

static const char *word_at(const char *const *words, size_t n, unsigned i)
{
        return i < n ? words[i] : "unknown";
}

const char *job_type_word(BG_JOB_TYPE type)
{
        static const char *const words[] = {"down", "up", "up+reply"};

        return word_at(words, ARRAY_LEN(words), type);
}

const char *job_type_name(BG_JOB_TYPE type)
{
        static const char *const words[] = {"download", "upload", "upload-reply"};

        return word_at(words, ARRAY_LEN(words), type);
}

const char *job_priority_word(BG_JOB_PRIORITY prio)
{
        static const char *const words[] = {"fg", "high", "norm", "low"};

        return word_at(words, ARRAY_LEN(words), prio);
}

const char *job_priority_name(BG_JOB_PRIORITY prio)
{
        static const char *const words[] = {"foreground", "high", "normal", "low"};

        return word_at(words, ARRAY_LEN(words), prio);
}

const char *job_proxy_name(BG_JOB_PROXY_USAGE usage)
{
        static const char *const words[] = {"system", "none", "override", "detect"};

        return word_at(words, ARRAY_LEN(words), usage);
}

bool job_is_upload(const bits_job_info *job)
{
        return job->type == BG_JOB_TYPE_UPLOAD || job->type == BG_JOB_TYPE_UPLOAD_REPLY;
}

UploadPhase job_upload_phase(const bits_job_info *job)
{
        if (!job_is_upload(job) || job->state != BG_JOB_STATE_TRANSFERRING)
                return UPLOAD_IDLE;
        if (job->bytes_total == BG_SIZE_UNKNOWN || job->bytes_transferred < job->bytes_total)
                return UPLOAD_SENDING;
        if (job->type == BG_JOB_TYPE_UPLOAD)
                return UPLOAD_CLOSING;
        if (job->reply_bytes_total == BG_SIZE_UNKNOWN)
                return UPLOAD_ASKING;
        return job->reply_bytes_transferred < job->reply_bytes_total ? UPLOAD_REPLY
                                                                     : UPLOAD_CLOSING;
}

char *job_upload_note(const bits_job_info *job, bool stalled)
{
        char pair[JOB_SIZE_BYTES];

        switch (job_upload_phase(job)) {
        case UPLOAD_IDLE:
                break;
        case UPLOAD_SENDING: /* every piece needs an answer, the last one sometimes for long */
                return stalled ? must(mem_strdup("waiting for the server's answer")) : NULL;
        case UPLOAD_ASKING:
                return must(mem_strdup("waiting for the reply"));
        case UPLOAD_REPLY:
                return must(mem_printf("fetching the reply  %s",
                                       format_size_pair(job->reply_bytes_transferred,
                                                        job->reply_bytes_total, pair)));
        case UPLOAD_CLOSING:
                return must(mem_strdup("closing"));
        }
        return NULL;
}

char *format_reply(const bits_job_info *job, char dst[JOB_SIZE_BYTES])
{
        if (job->reply_bytes_total == BG_SIZE_UNKNOWN)
                return str_copy(dst, JOB_SIZE_BYTES, "not begun");
        if (job->reply_bytes_total == 0)
                return str_copy(dst, JOB_SIZE_BYTES, "empty");
        return format_size_pair(job->reply_bytes_transferred, job->reply_bytes_total, dst);
}

const char *file_state_word(const bits_file_info *file, BG_JOB_TYPE type)
{
        if (file->completed)
                return type == BG_JOB_TYPE_DOWNLOAD ? "saved" : "sent";
        if (file->bytes_total != BG_SIZE_UNKNOWN && file->bytes_total > 0 &&
            file->bytes_transferred == file->bytes_total)
                return "done";
        return file->bytes_transferred > 0 ? "partial" : "pending";
}

int percent_done(uint64_t bytes, uint64_t total)
{
        if (total == BG_SIZE_UNKNOWN)
                return -1;
        if (bytes >= total)
                return 100;
        return (int) ((__extension__(unsigned __int128) bytes) * 100 / total);
}

static char *format_sizes(uint64_t bytes, uint64_t total, const char *between,
                          char dst[JOB_SIZE_BYTES])
{
        static const char units[] = "KMGTPE";
        char all[24];
        const char *unit;
        unsigned shift;

        if (total == BG_SIZE_UNKNOWN)
                return str_format_size(dst, JOB_SIZE_BYTES, bytes);
        (void) str_format_size(all, sizeof(all), total);
        unit = strchr(all, ' ');
        if (!unit || unit[1] == 'B') {
                (void) snprintf(dst, JOB_SIZE_BYTES, "%" PRIu64 " %s %s", bytes, between, all);
                return dst;
        }
        if (bytes == total) { /* the same number, however it was rounded */
                (void) snprintf(dst, JOB_SIZE_BYTES, "%.*s %s %s", (int) (unit - all), all, between,
                                all);
                return dst;
        }
        shift = 10 * (unsigned) (strchr(units, unit[1]) - units + 1);
        (void) snprintf(dst, JOB_SIZE_BYTES, "%" PRIu64 ".%u %s %s", bytes >> shift,
                        (unsigned) ((bytes >> (shift - 10) & 1023) * 10 >> 10), between, all);
        return dst;
}

char *format_size_pair(uint64_t bytes, uint64_t total, char dst[JOB_SIZE_BYTES])
{
        return format_sizes(bytes, total, "/", dst);
}

char *format_size_of(uint64_t bytes, uint64_t total, char dst[JOB_SIZE_BYTES])
{
        return format_sizes(bytes, total, "of", dst);
}

char *format_rate(uint64_t bytes_per_sec, char dst[JOB_SIZE_BYTES])
{
        size_t len;

        (void) str_format_size(dst, JOB_SIZE_BYTES, bytes_per_sec);
        len = strlen(dst);
        (void) snprintf(dst + len, JOB_SIZE_BYTES - len, "/s");
        return dst;
}

char *format_eta(const bits_job_info *job, char dst[JOB_SIZE_BYTES])
{
        uint64_t left = job->bytes_total - job->bytes_transferred;

        if (job->state != BG_JOB_STATE_TRANSFERRING || job->rate_bps == 0 ||
            job->bytes_total == BG_SIZE_UNKNOWN || job->bytes_transferred > job->bytes_total)
                return str_copy(dst, JOB_SIZE_BYTES, "-");
        return str_format_duration(dst, JOB_SIZE_BYTES,
                                   left / job->rate_bps + (left % job->rate_bps != 0));
}

char *format_span(uint64_t sec, char dst[JOB_SIZE_BYTES])
{
        static const struct {
                uint64_t sec;
                char letter;
        } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
        size_t i = 0;

        while (sec == 0 ? units[i].sec > 1 : sec % units[i].sec != 0)
                i++;
        (void) snprintf(dst, JOB_SIZE_BYTES, "%" PRIu64 "%c", sec / units[i].sec, units[i].letter);
        return dst;
}

char *format_local_time(uint64_t filetime, char dst[JOB_SIZE_BYTES])
{
        time_t sec = (time_t) (filetime_to_wall_usec(filetime) / USEC_PER_SEC);
        struct tm tm;

        if (filetime == 0 || !localtime_r(&sec, &tm) ||
            strftime(dst, JOB_SIZE_BYTES, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                (void) str_copy(dst, JOB_SIZE_BYTES, "-");
        return dst;
}

char *format_time_of_day(char dst[JOB_SIZE_BYTES])
{
        time_t sec = (time_t) (clock_wall_usec(&CLOCK_SYSTEM) / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&sec, &tm) || strftime(dst, JOB_SIZE_BYTES, "%H:%M:%S", &tm) == 0)
                (void) str_copy(dst, JOB_SIZE_BYTES, "-");
        return dst;
}

char *format_took(uint64_t usec, char dst[JOB_SIZE_BYTES])
{
        uint64_t tenths = (usec + 50000) / 100000;

        if (tenths == 0)
                (void) str_copy(dst, JOB_SIZE_BYTES, "under 0.1 s");
        else if (tenths < 100)
                (void) snprintf(dst, JOB_SIZE_BYTES, "%" PRIu64 ".%" PRIu64 " s", tenths / 10,
                                tenths % 10);
        else
                (void) str_format_duration(dst, JOB_SIZE_BYTES, tenths / 10);
        return dst;
}

char *job_error_brief(const bits_job_info *job)
{
        static const struct {
                HRESULT code;
                const char *text;
        } briefs[] = {
                {BG_E_NETWORK_DISCONNECTED, "no network"},
                {BG_E_BLOCKED_BY_POLICY, "not at this hour"},
                {BG_E_BLOCKED_BY_COST_TRANSFER_POLICY, "metered network"},
                {BG_E_BLOCKED_BY_BATTERY_POLICY, "on battery"},
                {HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT), "cannot connect"},
                {HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR), "connection cut"},
                {HRESULT_FROM_WIN32(ERROR_WINHTTP_NAME_NOT_RESOLVED), "host not found"},
                {HRESULT_FROM_WIN32(ERROR_WINHTTP_TIMEOUT), "no answer"},
                {HRESULT_FROM_WIN32(ERROR_WINHTTP_SECURE_CHANNEL_ERROR), "TLS failed"},
                {HRESULT_FROM_WIN32(ERROR_WINHTTP_SECURE_INVALID_CA), "certificate not trusted"},
                {HRESULT_FROM_WIN32(ERROR_WINHTTP_SECURE_CERT_DATE_INVALID), "certificate expired"},
                {HRESULT_FROM_WIN32(ERROR_WINHTTP_SECURE_CERT_CN_INVALID),
                 "certificate of another host"},
                {HRESULT_FROM_WIN32(ERROR_WINHTTP_SECURE_CERT_REVOKED), "certificate revoked"},
                {BG_E_NO_PROGRESS, "no progress"},
                {BG_E_REMOTE_FILE_CHANGED, "remote file changed"},
                {BG_E_LOCAL_FILE_CHANGED, "local file changed"},
                {BG_E_SESSION_NOT_FOUND, "the server forgot the upload"},
                {BG_E_TOO_LARGE, "too large for the server"},
                {BG_E_CLIENT_SERVER_PROTOCOL_MISMATCH, "the server takes no uploads"},
                {HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND), "no such file"},
                {HRESULT_FROM_WIN32(ERROR_DISK_FULL), "disk full"},
                {HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND), "directory is gone"},
                {E_ACCESSDENIED, "not permitted"},
        };

        if (job->error_http_status >= 400)
                return must(mem_printf("HTTP %" PRId32, job->error_http_status));
        for (size_t i = 0; i < ARRAY_LEN(briefs); i++)
                if (briefs[i].code == job->error_code)
                        return must(mem_strdup(briefs[i].text));
        if (job->error_text && *job->error_text)
                return must(mem_strdup(job->error_text));
        return must(mem_strdup(job->error_code == S_OK ? "" : bits_error_text(job->error_code)));
}

static char *why_retry(const bits_job_info *job, uint64_t now_wall_usec)
{
        _cleanup_free_ char *brief = job_error_brief(job);
        uint64_t at_usec = filetime_to_wall_usec(job->retry_time);
        const char *colon = *brief ? ": " : "";
        char left[JOB_SIZE_BYTES];

        if (at_usec <= now_wall_usec)
                return must(mem_printf("retry now%s%s", colon, brief));
        (void) str_format_duration(left, sizeof(left),
                                   (at_usec - now_wall_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        return must(mem_printf("retry in %s%s%s", left, colon, brief));
}

bool job_needs_proxy_login(const bits_job_info *job)
{
        return job->error_code == BG_E_HTTP_ERROR_407;
}

bool job_needs_login(const bits_job_info *job)
{
        return job->error_code == BG_E_HTTP_ERROR_401 || job_needs_proxy_login(job);
}

static char *why_limit(const bits_job_info *job)
{
        char rate[JOB_SIZE_BYTES];

        return must(job->limit_bps > 0
                            ? mem_printf("limited to %s", format_rate(job->limit_bps, rate))
                            : mem_strdup("limited by the schedule"));
}

static char *why_schedule(const bits_job_info *job, uint64_t now_wall_usec)
{
        uint64_t at_usec = filetime_to_wall_usec(job->retry_time);
        char left[JOB_SIZE_BYTES];

        if (job->retry_time == 0 || at_usec <= now_wall_usec)
                return must(mem_strdup("schedule: not now"));
        (void) str_format_duration(left, sizeof(left),
                                   (at_usec - now_wall_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        return must(mem_printf("schedule: not for another %s", left));
}

static char *why_words(const bits_job_info *job, const char *prefix, uint64_t now_wall_usec)
{
        switch (job->why) {
        case BITS_WHY_NONE:
                break;
        case BITS_WHY_QUEUED_BEHIND:
                return must(job->behind ? mem_printf("behind %s", job->behind)
                                        : mem_strdup("behind other jobs"));
        case BITS_WHY_RETRY_AT:
                return why_retry(job, now_wall_usec);
        case BITS_WHY_NETWORK_DOWN:
                return must(mem_strdup("no network"));
        case BITS_WHY_PAUSED_BY_USER:
                return must(mem_printf("run: bitsctl resume %s", prefix));
        case BITS_WHY_DISK_FULL:
                return must(mem_strdup("disk full"));
        case BITS_WHY_NEEDS_COMPLETE:
                return must(job->auto_complete ? mem_strdup("about to complete itself")
                                               : mem_printf("run: bitsctl complete %s", prefix));
        case BITS_WHY_NEEDS_CREDENTIALS:
                return must(mem_printf("run: bitsctl cred set %s%s", prefix,
                                       job_needs_proxy_login(job) ? " --proxy" : ""));
        case BITS_WHY_ERROR:
                return job_error_brief(job);
        case BITS_WHY_LINK_BUSY:
                return must(mem_strdup("others use the line"));
        case BITS_WHY_LIMIT_RATE:
                return why_limit(job);
        case BITS_WHY_SCHEDULE:
                return why_schedule(job, now_wall_usec);
        case BITS_WHY_METERED:
                return must(mem_strdup("metered network"));
        case BITS_WHY_BATTERY:
                return must(mem_strdup("on battery"));
        case BITS_WHY_CANNOT_SAVE:
                return must(mem_strdup("cannot save; see: bitsctl status"));
        case BITS_WHY_EMPTY:
                return must(mem_printf("no files; run: bitsctl add %s", prefix));
        }
        return must(mem_strdup(bits_why_name(job->why)));
}

char *job_why(const bits_job_info *job, const char *prefix, uint64_t now_wall_usec, bool utf8,
              bool full)
{
        _cleanup_free_ char *words = why_words(job, prefix, now_wall_usec), *safe = NULL;

        safe = out_escape(words);
        return full ? TAKE_PTR(safe) : text_cut(safe, JOB_WHY_COLUMNS, utf8);
}
