/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/idle.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "daemon/client.h"

#define ACCURACY_USEC (100 * USEC_PER_MSEC)
#define IDLE_MAX_SEC (UINT64_C(100) * 365 * 24 * 3600) /* so that no sum overflows */

struct Idle {
        Service *service;
        uint64_t after_usec; /* 0 = never */
        void (*expired)(void *ctx);
        void *ctx;
        sd_event_source *timer; /* enabled while it counts */
};

static bool is_idle(const Idle *idle)
{
        const Service *s = idle->service;

        return clients_count(s->clients) == 0 && !manager_has_work(s->manager);
}

static bool is_counting(const Idle *idle)
{
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(idle->timer, &enabled);
        return enabled != SD_EVENT_OFF;
}

void idle_check(Idle *idle)
{
        int r = 0;

        if (!idle || idle->after_usec == 0)
                return;
        if (!is_idle(idle)) {
                r = sd_event_source_set_enabled(idle->timer, SD_EVENT_OFF);
        } else if (!is_counting(idle)) {
                r = sd_event_source_set_time(idle->timer, clock_mono_usec(&idle->service->clock) +
                                                                  idle->after_usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(idle->timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_error("event loop: unexpected error %d", -r);
}

void idle_set(Idle *idle, uint64_t idle_sec)
{
        idle->after_usec = MIN(idle_sec, IDLE_MAX_SEC) * USEC_PER_SEC;
        (void) sd_event_source_set_enabled(idle->timer, SD_EVENT_OFF); /* off cannot fail */
        idle_check(idle);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *ctx)
{
        Idle *idle = ctx;

        if (is_idle(idle))
                idle->expired(idle->ctx);
        idle_check(idle);
        return 0;
}

int idle_new(Service *s, uint64_t idle_sec, void (*expired)(void *ctx), void *ctx, Idle **ret)
{
        _cleanup_(idle_freep) Idle *idle = mem_new(Idle);
        int r;

        if (!idle)
                return -ENOMEM;
        *idle = (Idle){
                .service = s,
                .after_usec = MIN(idle_sec, IDLE_MAX_SEC) * USEC_PER_SEC,
                .expired = expired,
                .ctx = ctx,
        };
        r = sd_event_add_time(s->loop, &idle->timer, CLOCK_BOOTTIME, 0, ACCURACY_USEC, on_idle,
                              idle);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(idle->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(idle);
        return 0;
}

Idle *idle_free(Idle *idle)
{
        if (!idle)
                return NULL;
        (void) sd_event_source_disable_unref(idle->timer);
        mem_free(idle);
        return NULL;
}
