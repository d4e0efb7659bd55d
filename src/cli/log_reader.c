/* SPDX-License-Identifier: Apache-2.0 */
#include "log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"

#include "must.h"

enum {
        CHUNK_BYTES = 16384,
        LINE_BYTES_MAX = 1 << 20, /* far beyond what the service writes */
};

struct LogReader {
        int dir_fd;
        int watch_fd;
        int fd;     /* what is being read */
        int new_fd; /* the file after it, while the old one is read; -1 */
        Buf pending;
        char *line;
};

static int open_named(const LogReader *r, const char *name)
{
        int fd = openat(r->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

/* Watched before it is read, so that nothing comes unseen; the new file opened before the old, so
 * that a turn in between loses nothing. */
static int open_all(LogReader *r, const char *dir)
{
        int old_fd;

        r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (r->dir_fd < 0)
                return -errno;
        r->watch_fd = inotify_init1(IN_CLOEXEC);
        if (r->watch_fd < 0 ||
            inotify_add_watch(r->watch_fd, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
                return -errno;
        r->fd = open_named(r, "log");
        if (r->fd < 0)
                return r->fd;
        old_fd = open_named(r, "log.1");
        if (old_fd >= 0) {
                r->new_fd = r->fd;
                r->fd = old_fd;
        }
        return 0;
}

int log_reader_open(const char *dir, LogReader **ret)
{
        _cleanup_(log_reader_freep) LogReader *r = must(mem_new(LogReader));
        int e;

        *r = (LogReader){.dir_fd = -1, .watch_fd = -1, .fd = -1, .new_fd = -1};
        buf_init(&r->pending, LINE_BYTES_MAX);
        e = open_all(r, dir);
        if (e < 0)
                return e;
        *ret = TAKE_PTR(r);
        return 0;
}

LogReader *log_reader_free(LogReader *r)
{
        if (!r)
                return NULL;
        close_fdp(&r->dir_fd);
        close_fdp(&r->watch_fd);
        close_fdp(&r->fd);
        close_fdp(&r->new_fd);
        buf_done(&r->pending);
        mem_free(r->line);
        mem_free(r);
        return NULL;
}

static bool is_same_file(int a, int b)
{
        struct stat here, there;

        return fstat(a, &here) == 0 && fstat(b, &there) == 0 && here.st_dev == there.st_dev &&
               here.st_ino == there.st_ino;
}

/* At the end of a file: true when reading may give more. A file that was turned over is read to
 * its end once more before the new one: lines may have come before the turn. */
static bool go_on(LogReader *r)
{
        int fd;

        if (r->new_fd >= 0) {
                close_fdp(&r->fd);
                r->fd = r->new_fd;
                r->new_fd = -1;
                return true;
        }
        fd = open_named(r, "log");
        if (fd < 0)
                return false;
        if (is_same_file(r->fd, fd)) {
                close_fdp(&fd);
                return false;
        }
        r->new_fd = fd;
        return true;
}

static bool read_more(LogReader *r)
{
        char chunk[CHUNK_BYTES];
        ssize_t n;

        do
                n = read(r->fd, chunk, sizeof(chunk));
        while (n == 0 && go_on(r));
        if (n <= 0)
                return false;
        if (buf_append(&r->pending, chunk, (size_t) n) < 0) /* no line of ours is so long */
                buf_clear(&r->pending);
        return true;
}

const char *log_reader_next(LogReader *r)
{
        const char *end;
        size_t len;

        for (;;) {
                end = r->pending.len > 0 ? memchr(r->pending.data, '\n', r->pending.len) : NULL;
                if (end)
                        break;
                if (!read_more(r))
                        return NULL;
        }
        len = (size_t) (end - (const char *) r->pending.data);
        mem_free(r->line);
        r->line = must(mem_strndup((const char *) r->pending.data, len));
        buf_consume(&r->pending, len + 1);
        return r->line;
}

int log_reader_wait(LogReader *r)
{
        char events[sizeof(struct inotify_event) + NAME_MAX + 1];

        if (read(r->watch_fd, events, sizeof(events)) < 0 && errno != EINTR)
                return -errno;
        return 0;
}
