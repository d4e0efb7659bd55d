/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/program_pool.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/guid.h"
#include "base/list.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "daemon/orphans.h"
#include "daemon/program.h"
#include "daemon/program_env.h"
#include "proto/cmd_line.h"

enum {
        STOP_WAIT_MSEC = 2000,
        OUTCOME_BYTES = 80,
};

/* The job may be gone before its program is. */
typedef struct Run {
        ProgramPool *pool;
        List link;
        uint64_t delivery;
        GUID job;
        uid_t owner;
        char *path;
        pid_t pid; /* and session */
        Program *program;
} Run;

struct ProgramPool {
        ProgramPoolOptions options;
        ProgramUser user; /* looked for when the first program is run */
        char *socket;     /* NULL: not known */
        List runs;
        Orphans *orphans;
};

static Run *run_free(Run *run)
{
        if (!run)
                return NULL;
        list_remove(&run->link);
        (void) program_free(run->program);
        mem_free(run->path);
        mem_free(run);
        return NULL;
}
DEFINE_CLEANUP(Run *, run_free)

static Run *run_new(ProgramPool *p, uint64_t delivery, const Job *job)
{
        _cleanup_(run_freep) Run *run = mem_new(Run);

        if (!run)
                return NULL;
        list_init(&run->link);
        run->pool = p;
        run->delivery = delivery;
        run->job = job->id;
        run->owner = job->owner_uid;
        run->path = mem_strdup(job->props.notify_program);
        return run->path ? TAKE_PTR(run) : NULL;
}

/* ---- the log ---- */

_printf_(3, 4) static void log_run(const Run *run, int level, const char *fmt, ...)
{
        const LogFields fields = {.job = &run->job, .owner_uid = (long) run->owner};
        char id[GUID_TEXT_LEN + 1], text[1024];
        va_list ap;

        va_start(ap, fmt);
        (void) vsnprintf(text, sizeof(text), fmt, ap); /* cut when too long */
        va_end(ap);
        guid_format(&run->job, id);
        log_line(level, &fields, "job %.8s: %s", id, text);
}

static void on_line(void *ctx, const char *text)
{
        log_run(ctx, LOG_INFO, "program says: %s", text);
}

static const char *outcome(const ProgramEnd *end, char text[OUTCOME_BYTES])
{
        int32_t result = end->result;

        if (result <= PROGRAM_NOT_STARTED)
                (void) snprintf(text, OUTCOME_BYTES, "could not be started: %s",
                                strerror(PROGRAM_NOT_STARTED - result));
        else if (result < 0)
                (void) snprintf(text, OUTCOME_BYTES, "was ended by SIG%s%s",
                                sigabbrev_np(-result) ? sigabbrev_np(-result) : "?",
                                end->timed_out ? ", having run too long" : "");
        else
                (void) snprintf(text, OUTCOME_BYTES, "ended with status %" PRId32 "%s", result,
                                end->timed_out ? ", asked to because it had run too long" : "");
        return text;
}

static void log_end(const Run *run, const ProgramEnd *end)
{
        char text[OUTCOME_BYTES];

        if (end->dropped_bytes > 0)
                log_run(run, LOG_NOTICE,
                        "program wrote too much: %" PRIu64 " bytes are not in the log",
                        end->dropped_bytes);
        log_run(run, end->result == 0 ? LOG_INFO : LOG_WARNING,
                "program %s %s, after %" PRIu64 ".%03" PRIu64 " s", run->path, outcome(end, text),
                end->duration_usec / USEC_PER_SEC,
                end->duration_usec % USEC_PER_SEC / USEC_PER_MSEC);
}

/* ---- runs ---- */

static void on_ended(void *ctx, Program *program, const ProgramEnd *end)
{
        Run *run = ctx;
        ProgramPool *p = run->pool;
        uint64_t delivery = run->delivery;
        pid_t session = run->pid;

        log_end(run, end);
        (void) run_free(run);
        orphans_session_ended(p->orphans, session);
        p->options.ended(p->options.ctx, delivery, end->result);
}

/* Programs run with the service's own rights. Root may have set them for the user, whose instance
 * this is; what anybody else may have set is not for us to run. */
static int check_rights(const ProgramPool *p, const Job *job)
{
        return job->props.notify_uid == p->options.uid || job->props.notify_uid == 0 ? 0 : -EPERM;
}

static int start(ProgramPool *p, Run *run, const Job *job, NotifyKind event)
{
        _cleanup_free_ char **argv = NULL, **envp = NULL;
        ProgramOptions options;
        int r = check_rights(p, job);

        /* No directory is searched: a path that is not absolute leads nowhere. */
        if (r == 0 && !path_is_absolute(run->path))
                r = -ENOENT;
        if (r == 0)
                r = cmd_line_split(run->path, job->props.notify_parameters, &argv);
        if (r == 0 && !p->user.name)
                r = program_user_find(p->options.uid, &p->user);
        if (r < 0)
                return r;
        envp = program_env_new(&p->user, p->socket, &job->id, event);
        if (!envp)
                return -ENOMEM;
        options = (ProgramOptions){
                .path = run->path,
                .argv = argv,
                .envp = envp,
                .timeout_usec = p->options.timeout_usec,
                .grace_usec = p->options.grace_usec,
                .line = on_line,
                .ended = on_ended,
                .ctx = run,
        };
        return program_start(p->options.loop, &options, &run->program);
}

int program_pool_run(ProgramPool *p, uint64_t delivery, const Job *job, NotifyKind event)
{
        _cleanup_(run_freep) Run *run = run_new(p, delivery, job);
        int r;

        if (!run)
                return -ENOMEM;
        r = start(p, run, job, event);
        if (r < 0) {
                log_run(run, LOG_WARNING, "program %s could not be started: %s", run->path,
                        strerror(-r));
                return r;
        }
        run->pid = program_pid(run->program);
        log_run(run, LOG_INFO,
                "program %s started as user %ld for \"%s\", set by user %ld, pid %ld", run->path,
                (long) p->options.uid, event == NOTIFY_ERROR ? "error" : "transferred",
                (long) job->props.notify_uid, (long) run->pid);
        list_append(&p->runs, &run->link);
        (void) TAKE_PTR(run);
        orphans_check(p->orphans);
        return 0;
}

/* ---- the pool ---- */

static bool is_running(void *ctx, pid_t pid)
{
        ProgramPool *p = ctx;

        LIST_FOREACH (it, &p->runs)
                if (list_item(it, Run, link)->pid == pid)
                        return true;
        return false;
}

static bool any_running(void *ctx)
{
        ProgramPool *p = ctx;

        return !list_is_empty(&p->runs);
}

int program_pool_new(const ProgramPoolOptions *options, ProgramPool **ret)
{
        _cleanup_(program_pool_freep) ProgramPool *p = mem_new(ProgramPool);
        int r;

        if (!p)
                return -ENOMEM;
        p->options = *options;
        list_init(&p->runs);
        r = orphans_new(
                &(OrphansOptions){
                        .loop = options->loop,
                        .is_running = is_running,
                        .any_running = any_running,
                        .ctx = p,
                        .is_init = getpid() == 1,
                },
                &p->orphans);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

static void stop_all(ProgramPool *p)
{
        int left = STOP_WAIT_MSEC;

        LIST_FOREACH (it, &p->runs)
                program_terminate(list_item(it, Run, link)->program);
        LIST_FOREACH (it, &p->runs) {
                Run *run = list_item(it, Run, link);
                Clock clock = CLOCK_SYSTEM;
                uint64_t before = clock_mono_usec(&clock);

                if (!program_wait(run->program, left))
                        log_run(run, LOG_WARNING, "program %s is killed: bitsd leaves", run->path);
                else
                        log_run(run, LOG_NOTICE, "program %s was ended: bitsd leaves", run->path);
                left -= (int) MIN((clock_mono_usec(&clock) - before) / USEC_PER_MSEC,
                                  (uint64_t) left);
                (void) run_free(run);
        }
}

ProgramPool *program_pool_free(ProgramPool *p)
{
        if (!p)
                return NULL;
        stop_all(p);
        if (p->orphans)
                orphans_kill_all(p->orphans, STOP_WAIT_MSEC);
        (void) orphans_free(p->orphans);
        program_user_done(&p->user);
        mem_free(p->socket);
        mem_free(p);
        return NULL;
}

void program_pool_set_timeout(ProgramPool *p, uint64_t timeout_usec)
{
        p->options.timeout_usec = timeout_usec;
}

int program_pool_set_socket(ProgramPool *p, const char *path)
{
        return str_replace(&p->socket, path);
}
