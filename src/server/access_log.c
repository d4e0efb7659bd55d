/* SPDX-License-Identifier: Apache-2.0 */
#include "server/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

#define LINE_MAX_BYTES (16 * 1024)
#define SHOWN_ID_BYTES 10 /* "{3f0c6d0a" and the terminator */

struct AccessLog {
        char *path; /* "" = standard error or none */
        int fd;     /* -1 = none */
};

static int open_file(const char *path)
{
        int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

        return fd < 0 ? -errno : fd;
}

int access_log_open(const char *target, AccessLog **ret)
{
        _cleanup_(access_log_freep) AccessLog *l = mem_new(AccessLog);

        if (!l)
                return -ENOMEM;
        l->fd = -1;
        l->path = mem_strdup(str_equal(target, "-") ? "" : target);
        if (!l->path)
                return -ENOMEM;
        if (str_equal(target, "-"))
                l->fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        else if (*target)
                l->fd = open_file(target);
        if (l->fd < 0 && *target)
                return *l->path ? l->fd : -errno;
        *ret = TAKE_PTR(l);
        return 0;
}

AccessLog *access_log_free(AccessLog *l)
{
        if (!l)
                return NULL;
        close_fdp(&l->fd);
        mem_free(l->path);
        mem_free(l);
        return NULL;
}

int access_log_reopen(AccessLog *l)
{
        int fd;

        if (!*l->path)
                return 0;
        fd = open_file(l->path);
        if (fd < 0)
                return fd;
        close_fdp(&l->fd);
        l->fd = fd;
        return 0;
}

/* A word of the line: no blanks, no quotes, nothing a terminal would act on. */
static void append_word(Buf *line, const char *text)
{
        char safe[LINE_MAX_BYTES / 4];

        if (!text || !*text) {
                (void) buf_append_str(line, "-");
                return;
        }
        (void) str_escape(safe, sizeof(safe), text);
        for (char *p = safe; *p; p++)
                if (*p == ' ' || *p == '"')
                        *p = '_';
        (void) buf_append_str(line, safe);
}

static void append_time(Buf *line, uint64_t wall_usec)
{
        time_t sec = (time_t) (wall_usec / USEC_PER_SEC);
        char text[64] = "-";
        struct tm tm;

        if (gmtime_r(&sec, &tm))
                (void) strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S +0000", &tm);
        (void) buf_printf(line, " [%s] ", text);
}

void access_log_write(AccessLog *l, const AccessEntry *e)
{
        _cleanup_(buf_done) Buf line;
        char id[SHOWN_ID_BYTES];

        buf_init(&line, LINE_MAX_BYTES);
        if (l->fd < 0)
                return;
        append_word(&line, e->address);
        (void) buf_append_str(&line, " - ");
        append_word(&line, e->user);
        append_time(&line, e->now_wall_usec);
        (void) buf_append_str(&line, "\"");
        append_word(&line, e->method);
        (void) buf_append_str(&line, " ");
        append_word(&line, e->path);
        (void) buf_append_str(&line, " ");
        append_word(&line, e->version);
        (void) buf_printf(&line, "\" %u %" PRIu64 " in=%" PRIu64 " packet=", e->status,
                          e->sent_bytes, e->received_bytes);
        append_word(&line, e->packet);
        (void) buf_append_str(&line, " session=");
        append_word(&line, str_copy(id, sizeof(id), e->session_id ? e->session_id : ""));
        (void) buf_append_str(&line, " range=");
        append_word(&line, e->range);
        (void) buf_printf(&line, " time=%" PRIu64 ".%06" PRIu64 "\n", e->took_usec / USEC_PER_SEC,
                          e->took_usec % USEC_PER_SEC);
        if (!buf_error(&line) && write(l->fd, line.data, line.len) < 0)
                return; /* a full disk shall not keep anybody from reading */
}
