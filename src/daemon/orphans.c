/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/orphans.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"

#define CHILDREN "/proc/thread-self/children"

enum {
        CHILDREN_BYTES_MAX = 1048576,
        KILL_STEP_MSEC = 10,
        SESSIONS_REMEMBERED = 16,
        QUICK_SWEEPS_MAX = 100, /* then only now and then: some processes cannot be killed */
};

/* Dead ones are collected this often while programs run, … */
#define REST_USEC (5 * USEC_PER_SEC)
/* … and killed ones looked after this often: what they leave comes to us next. */
#define KILLED_USEC (20 * USEC_PER_MSEC)
#define ACCURACY_USEC USEC_PER_MSEC

struct Orphans {
        OrphansOptions options;
        sd_event_source *timer;
        bool works;                       /* the kernel lists our children */
        pid_t ended[SESSIONS_REMEMBERED]; /* sessions whose program has ended lately, a ring */
        unsigned ended_next;
        unsigned quick_sweeps; /* in a row */
};

typedef enum Fate { FATE_NOT_OURS, FATE_SPARED, FATE_DOOMED } Fate;

static bool has_ended(const Orphans *o, pid_t session)
{
        for (size_t i = 0; i < SESSIONS_REMEMBERED; i++)
                if (o->ended[i] == session)
                        return true;
        return false;
}

static Fate fate_of(const Orphans *o, pid_t pid)
{
        pid_t session = getsid(pid);

        if (session < 0 || session == getsid(0) || o->options.is_running(o->options.ctx, pid))
                return FATE_NOT_OURS;
        /* 0: a session of another PID namespace, so that of no program, and no ended one's either.
         */
        if (session == 0 || o->options.is_running(o->options.ctx, session))
                return FATE_SPARED;
        if (has_ended(o, session))
                return FATE_DOOMED;
        /* In a session of its own it may belong to any program that still runs. */
        return o->options.is_init || o->options.any_running(o->options.ctx) ? FATE_SPARED
                                                                            : FATE_DOOMED;
}

/* True when it was killed: its children come to us next. */
static bool look_at(const Orphans *o, pid_t pid)
{
        Fate fate = fate_of(o, pid);

        if (fate == FATE_NOT_OURS)
                return false;
        if (fate == FATE_DOOMED)
                (void) kill(pid, SIGKILL);  /* our child, so the number is not anybody else's */
        (void) waitpid(pid, NULL, WNOHANG); /* still there, most often */
        return fate == FATE_DOOMED;
}

/* True when some were killed that may leave others. */
static bool sweep(const Orphans *o)
{
        _cleanup_free_ char *list = NULL;
        bool killed = false;
        char *rest, *word;

        if (fd_read_file(CHILDREN, CHILDREN_BYTES_MAX, &list) < 0)
                return false;
        for (rest = list; (word = strsep(&rest, " \n"));) {
                uint32_t pid;

                if (parse_u32(word, &pid) == 0 && pid > 0 && look_at(o, (pid_t) pid))
                        killed = true;
        }
        return killed;
}

static void arm(Orphans *o, bool killed)
{
        bool quick;

        o->quick_sweeps = killed ? o->quick_sweeps + 1 : 0;
        quick = killed && o->quick_sweeps <= QUICK_SWEEPS_MAX;
        if (!killed && !o->options.any_running(o->options.ctx)) {
                (void) sd_event_source_set_enabled(o->timer, SD_EVENT_OFF);
                return;
        }
        (void) sd_event_source_set_time_relative(o->timer, quick ? KILLED_USEC : REST_USEC);
        (void) sd_event_source_set_enabled(o->timer, SD_EVENT_ONESHOT);
}

void orphans_check(Orphans *o)
{
        if (o->works)
                arm(o, sweep(o));
}

void orphans_session_ended(Orphans *o, pid_t session)
{
        o->ended[o->ended_next++ % SESSIONS_REMEMBERED] = session;
        o->quick_sweeps = 0;
        orphans_check(o);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        orphans_check(userdata);
        return 0;
}

void orphans_kill_all(Orphans *o, int msec)
{
        const struct timespec step = {.tv_nsec = KILL_STEP_MSEC * 1000000L};

        if (!o->works)
                return;
        for (int waited = 0; sweep(o) && waited < msec; waited += KILL_STEP_MSEC)
                (void) nanosleep(&step, NULL);
}

int orphans_new(const OrphansOptions *options, Orphans **ret)
{
        _cleanup_(orphans_freep) Orphans *o = mem_new(Orphans);
        int r;

        if (!o)
                return -ENOMEM;
        o->options = *options;
        o->works = access(CHILDREN, R_OK) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
        if (!o->works)
                log_debug("what programs leave behind is init's: %s", strerror(errno));
        r = sd_event_add_time_relative(options->loop, &o->timer, CLOCK_MONOTONIC, REST_USEC,
                                       ACCURACY_USEC, on_timer, o);
        if (r >= 0)
                r = sd_event_source_set_enabled(o->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

Orphans *orphans_free(Orphans *o)
{
        if (!o)
                return NULL;
        (void) sd_event_source_disable_unref(o->timer);
        mem_free(o);
        return NULL;
}
