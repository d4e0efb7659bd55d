/* SPDX-License-Identifier: Apache-2.0 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/signals.h"

/* Exit codes of the starter that no program uses for itself; others are the program's. */
enum {
        STARTER_READY = 200,
        STARTER_LEFT = 201,
        STARTER_TIMEOUT = 202,
        STARTER_SIGNALLED = 203,
        CANNOT_RUN = 127,
};

#define FAILURE_MARK '!'

enum {
        SAFE_FD_MIN = 10,           /* clear of what the program's own descriptors will be */
        CLOSE_FALLBACK_MAX = 65536, /* without close_range(2) */
};

typedef struct Starter {
        const char *path;
        char *const *argv;
        char *const *envp;
        unsigned timeout_ms;
        int null_fd;
        int ready_read_fd;
        int ready_write_fd;
} Starter;

static void close_from(unsigned first)
{
        struct rlimit limit;
        unsigned end = CLOSE_FALLBACK_MAX;

        if (syscall(SYS_close_range, first, ~0U, 0) == 0)
                return;
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < end)
                end = (unsigned) limit.rlim_cur;
        for (unsigned fd = first; fd < end; fd++)
                (void) close((int) fd);
}

static _noreturn_ void become_program(const Starter *s)
{
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
                if (dup2(s->null_fd, fd) < 0)
                        _exit(CANNOT_RUN);
        if (s->timeout_ms > 0 && dup2(s->ready_write_fd, SPAWN_READY_FD) < 0)
                _exit(CANNOT_RUN);
        close_from(s->timeout_ms > 0 ? SPAWN_READY_FD + 1 : SPAWN_READY_FD);
        (void) execve(s->path, s->argv, s->envp);
        _exit(CANNOT_RUN);
}

/* The program ended, or closed its end without a word and is about to. */
static _noreturn_ void report_end(pid_t program)
{
        int status;

        while (waitpid(program, &status, 0) < 0)
                if (errno != EINTR)
                        _exit(STARTER_SIGNALLED);
        if (!WIFEXITED(status))
                _exit(STARTER_SIGNALLED);
        _exit(WEXITSTATUS(status) == 0 ? STARTER_LEFT : WEXITSTATUS(status));
}

static _noreturn_ void run_starter(const Starter *s)
{
        struct pollfd p = {.fd = s->ready_read_fd, .events = POLLIN};
        pid_t program;
        char byte;
        int r;

        signals_reset();
        (void) setsid();
        if (chdir("/") < 0)
                _exit(CANNOT_RUN);
        program = (pid_t) syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        if (program < 0)
                _exit(CANNOT_RUN);
        if (program == 0)
                become_program(s);
        if (s->timeout_ms == 0)
                _exit(STARTER_READY);

        (void) close(s->ready_write_fd);
        (void) alarm(s->timeout_ms / 1000 + 2); /* whatever happens, this process ends */
        do
                r = poll(&p, 1, (int) s->timeout_ms);
        while (r < 0 && errno == EINTR);
        if (r <= 0)
                _exit(STARTER_TIMEOUT);
        if (read(s->ready_read_fd, &byte, 1) == 1 && byte != FAILURE_MARK)
                _exit(STARTER_READY); /* what stands behind the mark is for read_why() */
        report_end(program);
}

/* Moves a descriptor away from 0 to 3, where the program's own ones will be put. */
static int move_up(int *fd)
{
        int high = fcntl(*fd, F_DUPFD_CLOEXEC, SAFE_FD_MIN);

        if (high < 0)
                return -errno;
        (void) close(*fd);
        *fd = high;
        return 0;
}

/* Signals stay blocked over the clone, so that no handler of the program runs in the starter. */
static pid_t clone_starter(const Starter *s)
{
        sigset_t all, before;
        pid_t pid;

        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        pid = (pid_t) syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
        if (pid == 0)
                run_starter(s);
        if (pid < 0)
                pid = -errno;
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        return pid;
}

static SpawnOutcome outcome_of(int status, int *ret_exit)
{
        if (!WIFEXITED(status))
                return SPAWN_TIMEOUT;
        switch (WEXITSTATUS(status)) {
        case STARTER_READY:
                return SPAWN_READY;
        case STARTER_LEFT:
                return SPAWN_LEFT;
        case STARTER_TIMEOUT:
                return SPAWN_TIMEOUT;
        default:
                *ret_exit = WEXITSTATUS(status);
                return SPAWN_FAILED;
        }
}

/* What the program left in the pipe: one line, "" when there is none. Never waits: whoever still
 * holds the other end says no more. */
static void read_why(int fd, char dst[SPAWN_WHY_BYTES])
{
        ssize_t n = fd_set_nonblock(fd) < 0 ? 0 : read(fd, dst, SPAWN_WHY_BYTES - 1);

        dst[n > 0 ? n : 0] = '\0';
        dst[strcspn(dst, "\n")] = '\0';
}

int spawn_detached(const char *path, char *const argv[], char *const envp[], unsigned timeout_ms,
                   SpawnEnd *ret)
{
        _cleanup_close_ int null_fd = -1, read_fd = -1, write_fd = -1;
        int ends[2], status, r;
        Starter starter;
        pid_t pid;

        null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null_fd < 0)
                return -errno;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        read_fd = ends[0];
        write_fd = ends[1];
        if ((r = move_up(&null_fd)) < 0 || (r = move_up(&read_fd)) < 0 ||
            (r = move_up(&write_fd)) < 0)
                return r;

        starter = (Starter){
                .path = path,
                .argv = argv,
                .envp = envp,
                .timeout_ms = timeout_ms,
                .null_fd = null_fd,
                .ready_read_fd = read_fd,
                .ready_write_fd = write_fd,
        };
        pid = clone_starter(&starter);
        if (pid < 0)
                return pid;
        (void) close(TAKE_FD(write_fd)); /* its closing there is to be seen here */
        /* Children without an exit signal are collected only by those who ask for them. */
        while (waitpid(pid, &status, __WALL) < 0)
                if (errno != EINTR)
                        return -errno;
        *ret = (SpawnEnd){.status = 0};
        ret->outcome = outcome_of(status, &ret->status);
        if (ret->outcome == SPAWN_FAILED)
                read_why(read_fd, ret->why);
        return 0;
}
