/* SPDX-License-Identifier: Apache-2.0 */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "guid.h"
#include "str.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define MESSAGE_FIELD "MESSAGE="
#define MESSAGE_MAX_BYTES 2048
#define LINE_MAX_BYTES 4096
#define FIELD_MAX_BYTES 320 /* a host name has 255 at most */

typedef enum LogTarget {
        LOG_TARGET_STDERR,
        LOG_TARGET_STDERR_PRIORITY, /* lines start with <N> */
        LOG_TARGET_JOURNAL,
} LogTarget;

/* Written by the functions below while there are no other threads, then only read. */
static struct {
        const char *program;
        int max_level;
        LogTarget target;
        char *kept_error; /* log_keep_error(); NULL */
        size_t kept_bytes;
        log_sink sink; /* NULL: none */
        void *sink_ctx;
} settings = {.program = "bitsd", .max_level = LOG_INFO, .target = LOG_TARGET_STDERR};

/* $JOURNAL_STREAM names the socket by "device:inode"; a redirected stderr is another one. Where
 * the journal's own socket is out of reach, sd_journal_sendv() drops entries without an error. */
static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        char text[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0 || access(JOURNAL_SOCKET, W_OK) < 0)
                return false;
        (void) snprintf(text, sizeof(text), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t) st.st_dev,
                        (uintmax_t) st.st_ino);
        return str_equal(stream, text);
}

void log_setup(const char *program, int max_level)
{
        bool service = getenv("INVOCATION_ID") || getenv("JOURNAL_STREAM");

        settings.program = program;
        settings.max_level = max_level;
        if (stderr_is_journal())
                settings.target = LOG_TARGET_JOURNAL;
        else if (service && !isatty(STDERR_FILENO))
                settings.target = LOG_TARGET_STDERR_PRIORITY;
        else
                settings.target = LOG_TARGET_STDERR;
}

void log_keep_error(char *dst, size_t dst_bytes)
{
        settings.kept_error = dst;
        settings.kept_bytes = dst_bytes;
}

bool log_is_lost(void)
{
        struct stat st, null;

        if (settings.target == LOG_TARGET_JOURNAL)
                return false;
        if (fstat(STDERR_FILENO, &st) < 0)
                return true;
        return S_ISCHR(st.st_mode) && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev;
}

void log_set_sink(log_sink sink, void *ctx)
{
        settings.sink = sink;
        settings.sink_ctx = ctx;
}

typedef struct JournalEntry {
        char text[6][FIELD_MAX_BYTES];
        struct iovec iov[7];
        int len;
} JournalEntry;

static void entry_add(JournalEntry *e, const char *text)
{
        e->iov[e->len++] = (struct iovec){.iov_base = (void *) text, .iov_len = strlen(text)};
}

_printf_(2, 3) static void entry_printf(JournalEntry *e, const char *fmt, ...)
{
        char *text = e->text[e->len - 1]; /* the first field is the message, kept elsewhere */
        va_list ap;

        va_start(ap, fmt);
        (void) vsnprintf(text, FIELD_MAX_BYTES, fmt, ap); /* fields are short; a cut is fine */
        va_end(ap);
        entry_add(e, text);
}

static int send_to_journal(int level, const LogFields *f, const char *message)
{
        char guid[GUID_TEXT_LEN + 1], host[FIELD_MAX_BYTES - 32];
        JournalEntry e = {.len = 0};

        entry_add(&e, message);
        entry_printf(&e, "PRIORITY=%d", level);
        entry_printf(&e, "SYSLOG_IDENTIFIER=%s", settings.program);
        if (f && f->job) {
                guid_format(f->job, guid);
                entry_printf(&e, "BITS_JOB=%s", guid);
        }
        if (f && f->owner_uid >= 0)
                entry_printf(&e, "BITS_OWNER=%ld", f->owner_uid);
        if (f && f->hresult)
                entry_printf(&e, "BITS_HRESULT=0x%08" PRIX32, (uint32_t) *f->hresult);
        if (f && f->url_host)
                entry_printf(&e, "BITS_URL_HOST=%s", str_escape(host, sizeof(host), f->url_host));
        return sd_journal_sendv(e.iov, e.len);
}

static void send_to_stderr(int level, const char *message)
{
        char line[LINE_MAX_BYTES + 128];
        char prefix[8] = "";
        int n;

        if (settings.target != LOG_TARGET_STDERR)
                (void) snprintf(prefix, sizeof(prefix), "<%d>", level);
        n = snprintf(line, sizeof(line), "%s%.64s: %s\n", prefix, settings.program, message);
        if (n <= 0)
                return;
        /* One write, so that lines of several processes do not mix. There is nobody left to tell
         * when it fails, and waiting for a reader would stop the service. */
        (void) !write(STDERR_FILENO, line, MIN((size_t) n, sizeof(line) - 1));
}

void log_line(int level, const LogFields *fields, const char *fmt, ...)
{
        char message[MESSAGE_MAX_BYTES] = "", line[LINE_MAX_BYTES] = MESSAGE_FIELD;
        char *text = line + strlen(MESSAGE_FIELD);
        int saved_errno = errno;
        va_list ap;

        level &= LOG_PRIMASK;
        if (level > settings.max_level)
                return;
        va_start(ap, fmt);
        (void) vsnprintf(message, sizeof(message), fmt, ap); /* a cut line is still a line */
        va_end(ap);
        (void) str_escape(text, sizeof(line) - strlen(MESSAGE_FIELD), message);

        if (level <= LOG_ERR && settings.kept_error)
                (void) str_copy(settings.kept_error, settings.kept_bytes, text);
        if (settings.sink)
                settings.sink(settings.sink_ctx, level, fields, text);
        else if (settings.target != LOG_TARGET_JOURNAL || send_to_journal(level, fields, line) < 0)
                send_to_stderr(level, text);
        errno = saved_errno;
}
