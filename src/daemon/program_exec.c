/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/program_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/signals.h"

enum {
        STATUS_FD = STDERR_FILENO + 1, /* in the child, until its execve() */
        FIRST_HIGH_FD = 10,            /* out of the way of these four */
        FDS_MAX = 1048576,
        UMASK = 022,
        EXIT_NOT_STARTED = 127,
};

/* Everything that the child needs, ready before the fork: after it only system calls. */
typedef struct Launch {
        const char *path;
        char *const *argv;
        char *const *envp;
        int null_fd;
        int output_fd;
        int status_fd;
} Launch;

/* Whoever opened them; and at once, since some of them are locks and the execve() may hang. */
static void close_others(void)
{
        struct rlimit limit = {.rlim_cur = FDS_MAX};

        if (close_range(STATUS_FD + 1, UINT_MAX, 0) == 0)
                return;
        /* Some containers do not let it through. */
        (void) getrlimit(RLIMIT_NOFILE, &limit);
        for (int fd = STATUS_FD + 1; fd < (int) MIN(limit.rlim_cur, (rlim_t) FDS_MAX); fd++)
                (void) close(fd); /* most are not open */
}

/* In the child. Returns the errno when it failed. */
static int become(Launch *l)
{
        if (dup3(l->status_fd, STATUS_FD, O_CLOEXEC) < 0)
                return errno;
        l->status_fd = STATUS_FD;
        if (setsid() < 0 || chdir("/") < 0)
                return errno;
        (void) umask(UMASK);
        if (dup2(l->null_fd, STDIN_FILENO) < 0 || dup2(l->output_fd, STDOUT_FILENO) < 0 ||
            dup2(l->output_fd, STDERR_FILENO) < 0)
                return errno;
        close_others();
        signals_reset();
        (void) execve(l->path, l->argv, l->envp);
        return errno;
}

_Noreturn static void child(Launch *l)
{
        int error = become(l);

        (void) !write(l->status_fd, &error, sizeof(error)); /* 4 bytes into an empty pipe */
        _exit(EXIT_NOT_STARTED);
}

static int high_fd(int *fd)
{
        int high = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);

        if (high < 0)
                return -errno;
        (void) close(*fd);
        *fd = high;
        return 0;
}

/* All signals wait until the child has become somebody else: a handler of ours, or of the loop, has
 * no business in it. */
static pid_t fork_child(Launch *l)
{
        sigset_t all, before;
        pid_t pid;

        (void) sigfillset(&all);
        if (sigprocmask(SIG_BLOCK, &all, &before) < 0)
                return -1;
        pid = fork();
        if (pid == 0)
                child(l);
        (void) sigprocmask(SIG_SETMASK, &before, NULL); /* cannot fail: it was the mask */
        return pid;
}

static int spawn(Launch *l, pid_t *ret_pid, int *ret_pid_fd)
{
        pid_t pid = fork_child(l);
        int pid_fd, r;

        if (pid < 0)
                return -errno;
        pid_fd = pidfd_open(pid, 0); /* close-on-exec by itself */
        if (pid_fd < 0) {
                r = -errno;
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
                return r;
        }
        *ret_pid = pid;
        *ret_pid_fd = pid_fd;
        return 0;
}

int program_exec(const char *path, char *const *argv, char *const *envp, ProgramProcess *ret)
{
        _cleanup_close_ int null_fd = -1, out_read = -1, out_write = -1;
        _cleanup_close_ int status_read = -1, status_write = -1;
        int out[2], status[2], r;
        ProgramProcess p;
        Launch l;

        null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null_fd < 0 || pipe2(out, O_CLOEXEC) < 0)
                return -errno;
        out_read = out[0];
        out_write = out[1];
        if (pipe2(status, O_CLOEXEC) < 0)
                return -errno;
        status_read = status[0];
        status_write = status[1];
        r = high_fd(&null_fd);
        if (r == 0)
                r = high_fd(&out_write);
        if (r == 0)
                r = high_fd(&status_write);
        if (r == 0)
                r = fd_set_nonblock(out_read);
        if (r == 0)
                r = fd_set_nonblock(status_read);
        if (r < 0)
                return r;
        l = (Launch){path, argv, envp, null_fd, out_write, status_write};
        r = spawn(&l, &p.pid, &p.pid_fd);
        if (r < 0)
                return r;
        p.output_fd = TAKE_FD(out_read);
        p.status_fd = TAKE_FD(status_read);
        *ret = p;
        return 0;
}

int program_exec_error(const ProgramProcess *p)
{
        int error;

        if (read(p->status_fd, &error, sizeof(error)) != (ssize_t) sizeof(error))
                return 0; /* closed by the execve(), or by a death before it */
        return error > 0 ? -error : -EIO;
}
