/* SPDX-License-Identifier: Apache-2.0 */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "alloc.h"
#include "cleanup.h"

#define FIRST_READ_BYTES 4096

int fd_set_nonblock(int fd)
{
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0)
                return -errno;
        if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        return 0;
}

static int wait_writable(int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLOUT};

        if (poll(&p, 1, -1) < 0 && errno != EINTR)
                return -errno;
        return 0; /* an error on the descriptor shows in the next write */
}

int fd_write_all(int fd, const void *data, size_t bytes)
{
        const uint8_t *p = data;
        int r;

        while (bytes > 0) {
                ssize_t n = write(fd, p, bytes);

                if (n > 0) {
                        p += n;
                        bytes -= (size_t) n;
                        continue;
                }
                if (n == 0)
                        return -EIO;
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -errno;
                r = wait_writable(fd);
                if (r < 0)
                        return r;
        }
        return 0;
}

int fd_pwrite_all(int fd, const void *data, size_t bytes, uint64_t offset_bytes)
{
        const uint8_t *p = data;
        uint64_t end;

        if (__builtin_add_overflow(offset_bytes, (uint64_t) bytes, &end) || end > INT64_MAX)
                return -EFBIG;
        while (bytes > 0) {
                ssize_t n = pwrite(fd, p, bytes, (off_t) offset_bytes);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        return -EIO;
                p += n;
                bytes -= (size_t) n;
                offset_bytes += (uint64_t) n;
        }
        return 0;
}

static ssize_t read_retrying(int fd, void *data, size_t bytes)
{
        ssize_t n;

        do
                n = read(fd, data, bytes);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

/* The size is found by reading: that of /proc files is 0, and a file may grow meanwhile. A NUL
 * inside would cut the string short unseen; it is refused with -EBADMSG. */
int fd_read_file(const char *path, size_t max_bytes, char **ret)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_free_ char *text = NULL;
        size_t len = 0, cap = 0;

        if (fd < 0)
                return -errno;
        max_bytes = MIN(max_bytes, (size_t) PTRDIFF_MAX / 2);
        for (;;) {
                ssize_t n;

                if (len == cap) {
                        char *more;

                        /* one byte over the maximum tells a file that is too large */
                        cap = MIN(MAX(cap * 2, (size_t) FIRST_READ_BYTES), max_bytes + 1);
                        more = mem_realloc(text, cap + 1);
                        if (!more)
                                return -ENOMEM;
                        text = more;
                }
                n = read_retrying(fd, text + len, cap - len);
                if (n < 0)
                        return (int) n;
                if (n == 0)
                        break;
                len += (size_t) n;
                if (len > max_bytes)
                        return -EFBIG;
        }
        if (memchr(text, '\0', len))
                return -EBADMSG;
        text[len] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

int fd_random(void *data, size_t bytes)
{
        uint8_t *p = data;

        while (bytes > 0) {
                ssize_t n = getrandom(p, bytes, 0);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                p += n;
                bytes -= (size_t) n;
        }
        return 0;
}
