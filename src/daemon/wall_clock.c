/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/wall_clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

struct WallClock {
        int fd;
        sd_event_source *source;
        void (*set)(void *ctx);
        void *ctx;
};

/* A timer for a day that never comes, which the kernel cancels when the clock is set. */
static int arm(const WallClock *w)
{
        const struct itimerspec never = {.it_value.tv_sec = INT32_MAX};

        return timerfd_settime(w->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0
                       ? -errno
                       : 0;
}

static int on_timer(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
        WallClock *w = ctx;
        uint64_t expirations;
        ssize_t n = read(fd, &expirations, sizeof(expirations));
        bool was_set = n < 0 && errno == ECANCELED;

        /* In 2038, or where that does not work: schedules are then looked at when they are due. */
        if (!was_set || arm(w) < 0)
                (void) sd_event_source_set_enabled(w->source, SD_EVENT_OFF);
        if (was_set)
                w->set(w->ctx);
        return 0;
}

int wall_clock_new(sd_event *loop, void (*set)(void *ctx), void *ctx, WallClock **ret)
{
        _cleanup_(wall_clock_freep) WallClock *w = mem_new(WallClock);
        int r;

        if (!w)
                return -ENOMEM;
        w->set = set;
        w->ctx = ctx;
        w->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (w->fd < 0)
                return -errno;
        r = arm(w);
        if (r >= 0)
                r = sd_event_add_io(loop, &w->source, w->fd, EPOLLIN, on_timer, w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

WallClock *wall_clock_free(WallClock *w)
{
        if (!w)
                return NULL;
        sd_event_source_unref(w->source);
        if (w->fd >= 0)
                (void) close(w->fd); /* nothing was written to it */
        mem_free(w);
        return NULL;
}

static void local_at(void *ctx, uint64_t wall_usec, LocalTime *ret)
{
        time_t sec = (time_t) (wall_usec / USEC_PER_SEC);
        struct tm tm;

        tzset(); /* the zone may be another one by now */
        if (!localtime_r(&sec, &tm))
                return; /* out of its range: as in UTC */
        *ret = (LocalTime){
                .day = (uint8_t) tm.tm_wday,
                .hour = (uint8_t) tm.tm_hour,
                .minute = (uint8_t) tm.tm_min,
                .second = (uint8_t) tm.tm_sec,
        };
}

LocalTimePort wall_clock_port(void)
{
        return (LocalTimePort){.at = local_at};
}
