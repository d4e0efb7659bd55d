/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"

#include "job_words.h"
#include "must.h"
#include "out_json.h"

enum {
        CODE_TEXT_BYTES = 96,
        LINE_BYTES_MAX = 1 << 16,
};

static const struct {
        HRESULT hr;
        int status;
} STATUSES[] = {
        {BG_S_PARTIAL_COMPLETE, STATUS_PARTIAL},
        {BG_E_NOT_FOUND, STATUS_NO_JOB},
        {E_ACCESSDENIED, STATUS_DENIED},
        {BG_E_BLOCKED_BY_POLICY, STATUS_DENIED},
        {BG_E_BLOCKED_BY_SYSTEM_POLICY, STATUS_DENIED},
        {BG_E_NEW_OWNER_DIFF_MAPPING, STATUS_DENIED},
        {BG_E_NEW_OWNER_NO_FILE_ACCESS, STATUS_DENIED},
        {HRESULT_FROM_WIN32(ERROR_WRITE_PROTECT), STATUS_DENIED},
        {HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED), STATUS_NO_SERVICE},
        {HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE), STATUS_NO_SERVICE},
        {HRESULT_FROM_WIN32(RPC_S_CALL_FAILED), STATUS_NO_SERVICE},
        {HRESULT_FROM_WIN32(ERROR_TIMEOUT), STATUS_NO_SERVICE},
        {RPC_E_TIMEOUT, STATUS_NO_SERVICE},
        {RPC_E_DISCONNECTED, STATUS_NO_SERVICE},
        {CO_E_SERVER_EXEC_FAILURE, STATUS_NO_SERVICE},
        {BG_E_TOO_MANY_JOBS_PER_USER, STATUS_LIMIT},
        {BG_E_TOO_MANY_JOBS_PER_MACHINE, STATUS_LIMIT},
        {BG_E_TOO_MANY_FILES_IN_JOB, STATUS_LIMIT},
        {BG_E_TOO_MANY_RANGES_IN_FILE, STATUS_LIMIT},
        {BG_E_TOO_MANY_FILES, STATUS_LIMIT},
        {BG_E_TOO_LARGE, STATUS_LIMIT},
        {BG_E_MAX_DOWNLOAD_SIZE_LIMIT_REACHED, STATUS_LIMIT},
        {HRESULT_FROM_WIN32(ERROR_DISK_FULL), STATUS_LIMIT},
        {HRESULT_FROM_WIN32(ERROR_DISK_QUOTA_EXCEEDED), STATUS_LIMIT},
};

int status_of(HRESULT hr)
{
        for (size_t i = 0; i < ARRAY_LEN(STATUSES); i++)
                if (STATUSES[i].hr == hr)
                        return STATUSES[i].status;
        return SUCCEEDED(hr) ? STATUS_OK : STATUS_FAILED;
}

int status_worse(int a, int b)
{
        return MAX(a, b);
}

const char *context_name(BG_ERROR_CONTEXT context)
{
        static const char *const names[] = {
                [BG_ERROR_CONTEXT_UNKNOWN] = "BG_ERROR_CONTEXT_UNKNOWN",
                [BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER] = "BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER",
                [BG_ERROR_CONTEXT_QUEUE_MANAGER_NOTIFICATION] =
                        "BG_ERROR_CONTEXT_QUEUE_MANAGER_NOTIFICATION",
                [BG_ERROR_CONTEXT_LOCAL_FILE] = "BG_ERROR_CONTEXT_LOCAL_FILE",
                [BG_ERROR_CONTEXT_REMOTE_FILE] = "BG_ERROR_CONTEXT_REMOTE_FILE",
                [BG_ERROR_CONTEXT_GENERAL_TRANSPORT] = "BG_ERROR_CONTEXT_GENERAL_TRANSPORT",
                [BG_ERROR_CONTEXT_REMOTE_APPLICATION] = "BG_ERROR_CONTEXT_REMOTE_APPLICATION",
                [BG_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK] =
                        "BG_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK",
        };

        return (size_t) context < ARRAY_LEN(names) ? names[context] : NULL;
}

char *code_format(HRESULT hr, char *dst, size_t dst_bytes)
{
        const char *name = bits_error_name(hr);

        (void) snprintf(dst, dst_bytes, "0x%08" PRIX32 "%s%s", (uint32_t) hr, name ? " " : "",
                        name ? name : "");
        return dst;
}

/* The first line: what failed, on which job, and why. */
static char *headline(const Message *m)
{
        char id[JOB_ID_BYTES];
        Buf line;

        buf_init(&line, LINE_BYTES_MAX); /* errors stick to the buffer */
        (void) buf_append_str(&line, m->what);
        if (m->job)
                (void) buf_printf(&line, " %s", job_short_id(m->job, id));
        if (m->job_name)
                (void) buf_printf(&line, " \"%s\"", m->job_name);
        if (m->why && *m->why)
                (void) buf_printf(&line, ": %s", m->why);
        return must_take_str(&line);
}

static void print_json(const Out *out, const Message *m, const char *text)
{
        _cleanup_(json_freep) Json *json = json_document();
        _cleanup_free_ char *line = NULL;
        char guid[37], code[16];
        Buf buf;

        (void) snprintf(code, sizeof(code), "0x%08" PRIX32, (uint32_t) m->code);
        if (m->job)
                bits_guid_format(m->job, guid);
        json_add_str(json, "error", text);
        json_add_str(json, "code", m->code == S_OK ? NULL : code);
        json_add_str(json, "symbol", m->code == S_OK ? NULL : bits_error_name(m->code));
        json_add_str(json, "context", context_name(m->context));
        json_add_str(json, "job", m->job ? guid : NULL);
        json_add_str(json, "file", m->file);
        json_add_str(json, "hint", m->hint && *m->hint ? m->hint : NULL);
        buf_init(&buf, LINE_BYTES_MAX * 8);
        json_append(json, false, &buf);
        line = must_take_str(&buf);
        (void) fprintf(out->talk, "%s\n", line); /* nowhere to report a failed report */
}

void message_print(const Out *out, const Message *m)
{
        _cleanup_free_ char *text = headline(m);
        char code[CODE_TEXT_BYTES];
        const char *where = m->context ? bits_context_text(m->context) : "";

        if (out_is_json(out)) {
                print_json(out, m, text);
                return;
        }
        out_complain(out, "bitsctl: %s", text);
        if (m->code != S_OK)
                out_complain(out, "  %s%s%s%s%s", code_format(m->code, code, sizeof(code)),
                             *where || m->file ? ", " : "", where, *where && m->file ? " " : "",
                             m->file ? m->file : "");
        if (m->hint && *m->hint)
                out_complain(out, "  %s", m->hint);
}

/* What bitsctl knows better to do than the library; NULL when it does not. Caller owns it. */
static char *own_hint(HRESULT hr, const char *what, const bits_job_info *job)
{
        char id[JOB_ID_BYTES];

        if (hr == BG_E_INVALID_STATE && job && job->state == BG_JOB_STATE_SUSPENDED &&
            str_equal(what, "cannot complete"))
                return must(mem_printf("let it run first: bitsctl resume --wait %s",
                                       job_short_id(&job->id, id)));

        if (hr == BG_E_INVALID_STATE && job && job->state == BG_JOB_STATE_ERROR)
                return must(mem_printf("see why: bitsctl show %s", job_short_id(&job->id, id)));
        if (hr == BG_E_EMPTY && job)
                return must(mem_printf("add one: bitsctl add %s URL%s", job_short_id(&job->id, id),
                                       job_is_upload(job) ? " FILE" : ""));
        if (hr == BG_E_TOO_MANY_JOBS_PER_USER || hr == BG_E_TOO_MANY_JOBS_PER_MACHINE)
                return must(mem_strdup("end those that are done: bitsctl complete --all"));
        if (status_of(hr) == STATUS_NO_JOB)
                return must(mem_strdup("see your jobs: bitsctl list"));
        return NULL;
}

/* A sentence that goes on one of ours begins small, unless its first word is "HTTP" or the like. */
static void begin_small(char *sentence)
{
        if (sentence[0] != '\0' && !isupper((unsigned char) sentence[1]))
                sentence[0] = (char) tolower((unsigned char) sentence[0]);
}

char *message_clause(const char *sentence)
{
        char *clause = must(mem_strdup(sentence));
        size_t len = strlen(clause);

        begin_small(clause);
        if (len > 0 && clause[len - 1] == '.')
                clause[len - 1] = '\0';
        return clause;
}

char *message_job_advice(const bits_job_info *job)
{
        bool remote = job->error_context == BG_ERROR_CONTEXT_REMOTE_FILE ||
                      job->error_context == BG_ERROR_CONTEXT_REMOTE_APPLICATION;
        HRESULT hr = job->error_code;

        /* a code such as E_ACCESSDENIED speaks of things at the server, its hint of things here */
        if (remote && job->error_http_status >= 400)
                hr = (HRESULT) (0x80190000u + (uint32_t) job->error_http_status);
        return message_clause(bits_error_hint(hr));
}

void message_cut_hint(char *clause, const char *hint)
{
        size_t len = strlen(clause), hint_len = strlen(hint);
        char *at;

        if (hint_len == 0 || len < hint_len + 2)
                return;
        at = clause + len - hint_len;
        if (str_equal_nocase(at, hint) && at[-2] == ';' && at[-1] == ' ')
                at[-2] = '\0';
}

/* What the service said may begin with what could not be done to which job: that part is said in
 * our words already. */
static const char *reason_in(const char *said, const char *what, const bits_job_info *job)
{
        _cleanup_free_ char *opening = NULL;
        char id[JOB_ID_BYTES];
        const char *found;

        if (job)
                opening = must(mem_printf("%s \"%s\": ", job_short_id(&job->id, id), job->name));
        else
                opening = must(mem_printf("%s: ", what));
        found = strstr(said, opening);
        return found ? found + strlen(opening) : said;
}

int message_call_failed(const Out *out, HRESULT hr, const char *what, const bits_job_info *job)
{
        _cleanup_free_ char *said = must(mem_strdup(bits_last_message())), *hint = NULL;
        _cleanup_free_ char *text = message_clause(bits_error_text(hr));
        _cleanup_free_ char *advice = message_clause(bits_error_hint(hr));
        char *colon;
        Message m = {
                .what = what,
                .job = job ? &job->id : NULL,
                .job_name = job ? job->name : NULL,
                .why = *said ? reason_in(said, what, job) : text,
                .code = hr,
        };

        message_cut_hint(said, advice);
        colon = memrchr(said, ':', strlen(said)); /* "/path: A sentence" */
        if (colon && colon[1] == ' ' && strchr(colon + 2, ' '))
                begin_small(colon + 2);
        else if (!colon)
                begin_small(said);
        hint = own_hint(hr, what, job);
        m.hint = hint ? hint : advice;
        message_print(out, &m);
        return status_of(hr);
}

void message_job_error(const Out *out, const char *what, const bits_job_info *job,
                       const bits_file_info *file, const char *hint)
{
        bool local = job->error_context == BG_ERROR_CONTEXT_LOCAL_FILE;
        _cleanup_free_ char *text = NULL;
        Message m = {
                .what = what,
                .job = &job->id,
                .job_name = job->name,
                .code = job->error_code,
                .context = job->error_context,
                .file = !file   ? NULL
                        : local ? file->local
                                : file->remote,
                .hint = hint,
        };

        text = message_clause(job->error_text && *job->error_text
                                      ? job->error_text
                                      : bits_error_text(job->error_code));
        m.why = text;
        message_print(out, &m);
}

int message_end_result(const Out *out, HRESULT hr, const bits_job_info *job)
{
        _cleanup_free_ char *why = NULL;
        Message m = {.job = &job->id, .job_name = job->name, .code = hr};

        if (hr == S_OK)
                return STATUS_OK;
        if (hr == BG_S_PARTIAL_COMPLETE) {
                m.what = job->files_total > 0 ? "completed only a part of" : "completed";
                why = job->files_total > 0 ? mem_printf("%" PRIu32 " of %" PRIu32
                                                        " files kept, the others dropped",
                                                        job->files_transferred, job->files_total)
                                           : mem_strdup("it had no files");
                m.why = must(why);
        } else {
                m.what = FAILED(hr) ? "cannot complete" : "completed";
                m.why = bits_error_text(hr);
        }
        message_print(out, &m);
        return status_of(hr);
}

_printf_(4, 0) static int print_sentence(const Out *out, int status, const char *hint,
                                         const char *fmt, va_list ap)
{
        _cleanup_free_ char *text = must_vprintf(fmt, ap);
        Message m = {.what = text, .hint = hint};

        message_print(out, &m);
        return status;
}

int message_plain(const Out *out, int status, const char *hint, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        status = print_sentence(out, status, hint, fmt, ap);
        va_end(ap);
        return status;
}

int message_usage(const Out *out, const char *hint, const char *fmt, ...)
{
        va_list ap;
        int status;

        va_start(ap, fmt);
        status = print_sentence(out, STATUS_USAGE, hint, fmt, ap);
        va_end(ap);
        return status;
}
