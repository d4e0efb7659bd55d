/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/turn.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"

/* How late the timer may be: a hundredth of the wait, so that the kernel can merge far deadlines
 * with other wake-ups, within these bounds. Never 0, which would mean 250 ms. */
#define ACCURACY_PART 100
#define ACCURACY_MIN_USEC (1 * USEC_PER_MSEC)
#define ACCURACY_MAX_USEC (1 * USEC_PER_SEC)

struct Turn {
        Service *service;
        void (*after)(void *ctx);
        void *ctx;
        sd_event_source *batch; /* a defer source: enabled while a run is wanted */
        sd_event_source *timer;
};

/* Changing a source that exists cannot fail but by a bug. */
static void must(int r)
{
        if (r < 0)
                log_error("event loop: unexpected error %d", -r);
}

static void arm_wakeup(Turn *t)
{
        uint64_t now = clock_mono_usec(&t->service->clock);
        uint64_t at = manager_next_wakeup_mono(t->service->manager);
        uint64_t accuracy;

        if (at == USEC_INFINITY) {
                must(sd_event_source_set_enabled(t->timer, SD_EVENT_OFF));
                return;
        }
        if (at <= now) {
                must(sd_event_source_set_enabled(t->timer, SD_EVENT_OFF));
                turn_request(t);
                return;
        }
        accuracy = MIN(MAX((at - now) / ACCURACY_PART, ACCURACY_MIN_USEC), ACCURACY_MAX_USEC);
        must(sd_event_source_set_time_accuracy(t->timer, accuracy));
        must(sd_event_source_set_time(t->timer, at));
        must(sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT));
}

static int on_batch(sd_event_source *source, void *ctx)
{
        Turn *t = ctx;

        manager_run(t->service->manager);
        if (t->after)
                t->after(t->ctx);
        arm_wakeup(t);
        return 0;
}

static int on_wakeup(sd_event_source *source, uint64_t usec, void *ctx)
{
        turn_request(ctx);
        return 0;
}

void turn_request(Turn *t)
{
        if (t)
                must(sd_event_source_set_enabled(t->batch, SD_EVENT_ONESHOT));
}

int turn_new(Service *s, void (*after)(void *ctx), void *ctx, Turn **ret)
{
        _cleanup_(turn_freep) Turn *t = mem_new(Turn);
        int r;

        if (!t)
                return -ENOMEM;
        *t = (Turn){.service = s, .after = after, .ctx = ctx};
        r = sd_event_add_defer(s->loop, &t->batch, on_batch, t);
        if (r < 0)
                return r;
        r = sd_event_add_time(s->loop, &t->timer, CLOCK_BOOTTIME, 0, ACCURACY_MIN_USEC, on_wakeup,
                              t);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(t->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

Turn *turn_free(Turn *t)
{
        if (!t)
                return NULL;
        (void) sd_event_source_disable_unref(t->batch);
        (void) sd_event_source_disable_unref(t->timer);
        mem_free(t);
        return NULL;
}
