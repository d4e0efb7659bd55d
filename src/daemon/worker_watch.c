/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker_watch.h"

#include "base/clock.h"

#define ACCURACY_PART 10 /* of the period: nothing hangs on the moment */

/* A timer that cannot be set would be a daemon out of memory: then nobody is watched. */
static void arm(WorkerWatch *w, uint64_t usec)
{
        if (sd_event_source_set_time_relative(w->timer, usec) >= 0)
                (void) sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static void arm_round(WorkerWatch *w)
{
        arm(w, w->answer_usec / WORKER_WATCH_ROUNDS);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        WorkerWatch *w = userdata;

        if (w->what == WORKER_WATCH_DYING) {
                w->what = WORKER_WATCH_OFF;
                w->host.undead(w->host.ctx);
        } else if (w->what == WORKER_WATCH_LIVING && w->silent_rounds >= WORKER_WATCH_ROUNDS) {
                w->what = WORKER_WATCH_OFF;
                w->host.hangs(w->host.ctx);
        } else if (w->what == WORKER_WATCH_LIVING) {
                w->silent_rounds++;
                arm_round(w); /* before the ping, which may end it */
                w->host.ping(w->host.ctx);
        }
        return 0;
}

int worker_watch_init(WorkerWatch *w, sd_event *loop, uint64_t answer_usec,
                      const WorkerWatchHost *host)
{
        int r;

        *w = (WorkerWatch){.host = *host, .answer_usec = answer_usec};
        r = sd_event_add_time_relative(loop, &w->timer, CLOCK_MONOTONIC, answer_usec,
                                       answer_usec / WORKER_WATCH_ROUNDS / ACCURACY_PART, on_timer,
                                       w);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
}

void worker_watch_done(WorkerWatch *w)
{
        w->timer = sd_event_source_disable_unref(w->timer);
}

void worker_watch_begin(WorkerWatch *w)
{
        if (w->what != WORKER_WATCH_OFF)
                return;
        w->what = WORKER_WATCH_LIVING;
        w->silent_rounds = 0;
        arm_round(w);
}

void worker_watch_heard(WorkerWatch *w)
{
        w->silent_rounds = 0;
}

void worker_watch_dying(WorkerWatch *w)
{
        w->what = WORKER_WATCH_DYING;
        arm(w, w->answer_usec / WORKER_WATCH_DEATH_PART);
}

void worker_watch_rest(WorkerWatch *w)
{
        w->what = WORKER_WATCH_OFF;
        (void) sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
}
