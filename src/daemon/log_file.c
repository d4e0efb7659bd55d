/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/guid.h"
#include "base/log.h"
#include "base/str.h"

#define NAME "log"
#define OLD_NAME "log.1"
#define MODE 0600

enum {
        LINE_BYTES_MAX = 4096 + 128, /* log.c's own limit, and what stands before the text */
};

struct LogFile {
        int dir_fd;
        int fd;
        uint64_t bytes;
        uint64_t max_bytes;
};

static int open_file(LogFile *f)
{
        struct stat st;
        int fd = openat(f->dir_fd, NAME,
                        O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, MODE);

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                (void) close(fd); /* nothing was written to it */
                return -EINVAL;
        }
        f->fd = fd;
        f->bytes = (uint64_t) st.st_size;
        return 0;
}

/* A log that cannot be turned goes on: better too long than lost. */
static void turn_over(LogFile *f)
{
        int old_fd = f->fd;

        if (renameat(f->dir_fd, NAME, f->dir_fd, OLD_NAME) == 0 && open_file(f) == 0)
                (void) close(old_fd); /* its writes were all looked at */
        else
                f->bytes = 0; /* try again after as much again */
}

static void write_line(void *ctx, int level, const LogFields *fields, const char *text)
{
        LogFile *f = ctx;
        char line[LINE_BYTES_MAX], when[32], job[GUID_TEXT_LEN + 1] = "-";
        size_t bytes;
        int n;

        if (fields && fields->job)
                guid_format(fields->job, job);
        n = snprintf(line, sizeof(line), "%s %ld %d %s %s\n",
                     str_format_rfc3339(when, sizeof(when), clock_wall_usec(&CLOCK_SYSTEM)),
                     (long) getpid(), level, job, text);
        if (n <= 0)
                return;
        bytes = MIN((size_t) n, sizeof(line) - 1);
        if (f->bytes > 0 && f->bytes + bytes > f->max_bytes)
                turn_over(f);
        if (write(f->fd, line, bytes) > 0) /* nobody is left to tell when it fails */
                f->bytes += bytes;
}

int log_file_open(const char *dir, uint64_t max_bytes, LogFile **ret)
{
        _cleanup_(log_file_freep) LogFile *f = mem_new(LogFile);
        int r;

        if (!f)
                return -ENOMEM;
        *f = (LogFile){.dir_fd = -1, .fd = -1, .max_bytes = max_bytes};
        f->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (f->dir_fd < 0)
                return -errno;
        r = open_file(f);
        if (r < 0)
                return r;
        log_set_sink(write_line, f);
        *ret = TAKE_PTR(f);
        return 0;
}

LogFile *log_file_free(LogFile *f)
{
        if (!f)
                return NULL;
        log_set_sink(NULL, NULL);
        if (f->fd >= 0)
                (void) close(f->fd);
        if (f->dir_fd >= 0)
                (void) close(f->dir_fd);
        mem_free(f);
        return NULL;
}
