/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"

#define BROKER_LEAF "broker.lock"
#define SHARED_LEAF "lock"
#define POLL_USEC (10 * USEC_PER_MSEC)
#define ANNOUNCEMENT_MAX_BYTES 4096

static int open_lock_file(const char *dir, const char *leaf, int *ret_fd)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", dir, leaf);
        int fd;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

/* 1 locked, 0 somebody else has it, or negative errno. */
static int try_lock(int fd)
{
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
                return 1;
        return errno == EWOULDBLOCK ? 0 : -errno;
}

/* Two lines: the process id and the socket. A torn or foreign file says nothing. */
static void read_announcement(int fd, LiveBroker *live)
{
        char text[ANNOUNCEMENT_MAX_BYTES + 1];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
        char *socket, *end;
        uint32_t pid;

        if (n <= 0)
                return;
        text[n] = '\0';
        socket = strchr(text, '\n');
        if (!socket)
                return;
        *socket++ = '\0';
        if (parse_u32(text, &pid) == 0)
                live->pid = (pid_t) pid;
        end = strchr(socket, '\n');
        if (!end || end == socket)
                return;
        *end = '\0';
        live->socket = mem_strdup(socket);
}

void live_broker_done(LiveBroker *live)
{
        mem_free(live->socket);
        *live = (LiveBroker){0};
}

int state_lock_try_broker(StateLock *l, const char *dir, LiveBroker *ret_live)
{
        _cleanup_close_ int fd = -1;
        int r = open_lock_file(dir, BROKER_LEAF, &fd);

        if (r < 0)
                return r;
        r = try_lock(fd);
        if (r < 0)
                return r;
        if (r == 0) {
                *ret_live = (LiveBroker){0};
                read_announcement(fd, ret_live);
                return 0;
        }
        if (ftruncate(fd, 0) < 0) /* what the one before has said */
                return -errno;
        l->broker_fd = TAKE_FD(fd);
        return 1;
}

int state_lock_wait_workers(StateLock *l, const char *dir, uint64_t timeout_usec)
{
        const struct timespec pause = {.tv_nsec = POLL_USEC * 1000};
        uint64_t deadline = clock_mono_usec(&CLOCK_SYSTEM) + timeout_usec;
        _cleanup_close_ int fd = -1;
        int r = open_lock_file(dir, SHARED_LEAF, &fd);

        if (r < 0)
                return r;
        for (;;) {
                r = try_lock(fd);
                if (r < 0)
                        return r;
                if (r > 0)
                        break;
                if (clock_mono_usec(&CLOCK_SYSTEM) >= deadline)
                        return 0;
                (void) nanosleep(&pause, NULL); /* cut short by a signal, it is tried sooner */
        }
        l->shared_fd = TAKE_FD(fd);
        return 1;
}

int state_lock_announce(const StateLock *l, const char *socket)
{
        _cleanup_free_ char *text = mem_printf("%ld\n%s\n", (long) getpid(), socket);

        if (!text)
                return -ENOMEM;
        if (ftruncate(l->broker_fd, 0) < 0)
                return -errno;
        return fd_pwrite_all(l->broker_fd, text, strlen(text), 0);
}

void state_lock_leave(StateLock *l)
{
        if (l->broker_fd < 0)
                return;
        (void) close(TAKE_FD(l->broker_fd));
}

void state_lock_done(StateLock *l)
{
        state_lock_leave(l);
        if (l->shared_fd >= 0)
                (void) close(TAKE_FD(l->shared_fd));
}
