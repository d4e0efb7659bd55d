/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/worker_msg.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_FD (WORKER_SOCKET_FD + 1)
#define FIRST_HIGH_FD 10

extern char **environ;

static int spawn_actions(posix_spawn_file_actions_t *actions, int socket_fd, int lock_fd)
{
        int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

        if (r == 0)
                r = posix_spawn_file_actions_adddup2(actions, socket_fd, WORKER_SOCKET_FD);
        if (r == 0 && lock_fd >= 0)
                r = posix_spawn_file_actions_adddup2(actions, lock_fd, LOCK_FD);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(actions,
                                                             lock_fd >= 0 ? LOCK_FD + 1 : LOCK_FD);
        return -r;
}

/* No signal of ours is the worker's, nor is one from the terminal: it ends when we say so. */
static int spawn_attributes(posix_spawnattr_t *attr)
{
        sigset_t none, all;
        int r;

        (void) sigemptyset(&none);
        (void) sigfillset(&all);
        r = posix_spawnattr_setsigmask(attr, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(attr, &all);
        if (r == 0)
                r = posix_spawnattr_setpgroup(attr, 0);
        if (r == 0)
                r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                           POSIX_SPAWN_SETPGROUP);
        return -r;
}

static int spawn(const char *path, int socket_fd, int lock_fd, pid_t *ret_pid)
{
        /* Out of the way of the numbers they are to get. */
        _cleanup_close_ int socket_high = fcntl(socket_fd, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
        _cleanup_close_ int lock_high =
                lock_fd >= 0 ? fcntl(lock_fd, F_DUPFD_CLOEXEC, FIRST_HIGH_FD) : -1;
        char *argv[] = {(char *) path, NULL}; /* only read */
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attr;
        int r;

        if (socket_high < 0 || (lock_fd >= 0 && lock_high < 0))
                return -errno;
        r = -posix_spawn_file_actions_init(&actions);
        if (r < 0)
                return r;
        r = -posix_spawnattr_init(&attr);
        if (r == 0) {
                r = spawn_actions(&actions, socket_high, lock_high);
                if (r == 0)
                        r = spawn_attributes(&attr);
                if (r == 0)
                        r = -posix_spawn(ret_pid, path, &actions, &attr, argv, environ);
                (void) posix_spawnattr_destroy(&attr);
        }
        (void) posix_spawn_file_actions_destroy(&actions);
        return r;
}

int worker_link_spawn(WorkerLink *l, const char *path, int lock_fd, int *ret_pid_fd)
{
        int pair[2], pid_fd, r;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        r = spawn(path, pair[1], lock_fd, &pid);
        close_fdp(&pair[1]);
        if (r == 0) {
                pid_fd = pidfd_open(pid, 0);
                if (pid_fd >= 0) {
                        l->fd = pair[0];
                        *ret_pid_fd = pid_fd;
                        return 0;
                }
                r = -errno;
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0); /* killed before it did anything */
        }
        close_fdp(&pair[0]);
        return r;
}
