/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/program_output.h"
#include "engine/types.h"

enum {
        KILL_WAIT_MSEC = 1000,
        LAST_READS_MAX = 64, /* turns' worth of output after the end */
};

#define TIMEOUT_ACCURACY_USEC (100 * USEC_PER_MSEC)

struct Program {
        ProgramOptions options; /* without path, argv and envp */
        ProgramProcess process; /* pid 0: reaped */
        ProgramOutput output;
        sd_event_source *end_source;
        sd_event_source *output_source;
        sd_event_source *timer;
        uint64_t started_usec;
        bool timed_out;
};

static uint64_t now_usec(void)
{
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts); /* always there */
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

/* The number stays the group's as long as its leader is not reaped, so this never meets others.
 * Before the leader has made its session there is no group, but there is the leader. */
static void signal_group(const Program *p, int signal)
{
        if (p->process.pid <= 0)
                return;
        (void) kill(-p->process.pid, signal);
        if (signal == SIGKILL)
                (void) kill(p->process.pid, signal);
}

static void close_all(Program *p)
{
        p->end_source = sd_event_source_disable_unref(p->end_source);
        p->output_source = sd_event_source_disable_unref(p->output_source);
        p->timer = sd_event_source_disable_unref(p->timer);
        close_fdp(&p->process.pid_fd);
        close_fdp(&p->process.output_fd);
        close_fdp(&p->process.status_fd);
        p->process.pid_fd = p->process.output_fd = p->process.status_fd = -1;
}

/* What else is in the group dies before the leader is reaped. */
static int reap(Program *p, siginfo_t *ret_info)
{
        if (waitid(P_PIDFD, (id_t) p->process.pid_fd, ret_info, WEXITED | WNOHANG | WNOWAIT) < 0)
                return -errno;
        if (ret_info->si_pid == 0)
                return -EAGAIN;
        signal_group(p, SIGKILL);
        (void) waitid(P_PIDFD, (id_t) p->process.pid_fd, ret_info, WEXITED | WNOHANG);
        p->process.pid = 0;
        return 0;
}

static int32_t result_of(const Program *p, const siginfo_t *info)
{
        int error = program_exec_error(&p->process);

        if (error < 0)
                return PROGRAM_NOT_STARTED + error;
        return info->si_code == CLD_EXITED ? info->si_status : -info->si_status;
}

/* Whoever left the group may still hold the other end, and fill it. */
static void read_the_rest(Program *p)
{
        bool end;

        for (int i = 0; i < LAST_READS_MAX; i++)
                if (!program_output_read(&p->output, p->process.output_fd, &end))
                        break;
        program_output_end(&p->output);
}

static int on_end(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Program *p = userdata;
        siginfo_t info = {0};
        ProgramEnd end = {0};
        int r = reap(p, &info);

        if (r == -EAGAIN)
                return 0;
        read_the_rest(p);
        end.result = r < 0 ? PROGRAM_NOT_STARTED + r : result_of(p, &info);
        end.timed_out = p->timed_out;
        end.duration_usec = now_usec() - p->started_usec;
        end.dropped_bytes = p->output.dropped_bytes;
        close_all(p);
        p->options.ended(p->options.ctx, p, &end);
        return 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Program *p = userdata;
        bool end;

        (void) program_output_read(&p->output, fd, &end);
        if (end)
                p->output_source = sd_event_source_disable_unref(p->output_source);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        Program *p = userdata;

        if (p->timed_out) {
                signal_group(p, SIGKILL);
                return 0;
        }
        p->timed_out = true;
        program_terminate(p);
        (void) sd_event_source_set_time_relative(source, p->options.grace_usec);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int watch_it(Program *p, sd_event *loop)
{
        int r = sd_event_add_io(loop, &p->end_source, p->process.pid_fd, EPOLLIN, on_end, p);

        if (r >= 0)
                r = sd_event_add_io(loop, &p->output_source, p->process.output_fd, EPOLLIN,
                                    on_output, p);
        if (r >= 0)
                r = sd_event_add_time_relative(loop, &p->timer, CLOCK_MONOTONIC,
                                               p->options.timeout_usec, TIMEOUT_ACCURACY_USEC,
                                               on_timeout, p);
        return r < 0 ? r : 0;
}

int program_start(sd_event *loop, const ProgramOptions *options, Program **ret)
{
        _cleanup_(program_freep) Program *p = mem_new(Program);
        int r;

        if (!p)
                return -ENOMEM;
        p->options = *options;
        p->process = (ProgramProcess){.pid_fd = -1, .output_fd = -1, .status_fd = -1};
        program_output_init(&p->output, options->line, options->ctx);
        p->started_usec = now_usec();
        r = program_exec(options->path, options->argv, options->envp, &p->process);
        p->options.path = NULL;
        p->options.argv = p->options.envp = NULL;
        if (r == 0)
                r = watch_it(p, loop);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

pid_t program_pid(const Program *p)
{
        return p->process.pid;
}

void program_terminate(const Program *p)
{
        signal_group(p, SIGTERM);
        signal_group(p, SIGCONT); /* one that is stopped would never notice */
}

bool program_wait(const Program *p, int msec)
{
        struct pollfd end = {.fd = p->process.pid_fd, .events = POLLIN};

        return p->process.pid == 0 || poll(&end, 1, msec) > 0;
}

Program *program_free(Program *p)
{
        siginfo_t info = {0};

        if (!p)
                return NULL;
        if (p->process.pid > 0) {
                signal_group(p, SIGKILL);
                (void) program_wait(p, KILL_WAIT_MSEC); /* one that hangs in the kernel is init's */
                (void) reap(p, &info);
        }
        close_all(p);
        mem_free(p);
        return NULL;
}
