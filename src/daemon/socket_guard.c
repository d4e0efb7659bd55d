/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/socket_guard.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"

/* Whoever empties the directory is left to finish; what was restored too early is looked at again,
 * since unmounting a directory in use is reported to nobody. */
#define SETTLE_USEC (500 * USEC_PER_MSEC)
#define SECOND_LOOK_USEC (5 * USEC_PER_SEC)
#define RETRY_USEC (60 * USEC_PER_SEC)
#define ACCURACY_USEC (50 * USEC_PER_MSEC)

#define CHANGES (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct SocketGuard {
        SocketGuardOptions options;
        sd_event_source *changes; /* of the directory; NULL when it cannot be watched */
        sd_event_source *timer;
};

static void look_after(SocketGuard *g, uint64_t usec)
{
        int r = sd_event_source_set_time_relative(g->timer, usec);

        if (r >= 0)
                r = sd_event_source_set_enabled(g->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("event loop: unexpected error %d", -r);
}

static int on_change(sd_event_source *source, const struct inotify_event *event, void *ctx)
{
        SocketGuard *g = ctx;

        if (!g->options.is_there(g->options.ctx))
                look_after(g, SETTLE_USEC);
        return 0;
}

static int watch_dir_of(SocketGuard *g, const char *path)
{
        _cleanup_free_ char *dir = NULL;
        const char *leaf;
        int r = path_split(path, &dir, &leaf);

        if (r < 0)
                return r;
        g->changes = sd_event_source_disable_unref(g->changes);
        return sd_event_add_inotify(g->options.loop, &g->changes, dir, CHANGES, on_change, g);
}

static int on_look(sd_event_source *source, uint64_t usec, void *ctx)
{
        SocketGuard *g = ctx;
        const char *path;
        int r;

        if (g->options.is_there(g->options.ctx))
                return 0;
        path = g->options.restore(g->options.ctx);
        if (!path) {
                look_after(g, RETRY_USEC);
                return 0;
        }
        r = watch_dir_of(g, path);
        if (r < 0)
                log_warning("the directory of %s cannot be watched: %s", path, strerror(-r));
        look_after(g, SECOND_LOOK_USEC);
        return 0;
}

int socket_guard_new(const SocketGuardOptions *options, const char *path, SocketGuard **ret)
{
        _cleanup_(socket_guard_freep) SocketGuard *g = mem_new(SocketGuard);
        int r;

        if (!g)
                return -ENOMEM;
        g->options = *options;
        r = sd_event_add_time_relative(options->loop, &g->timer, CLOCK_BOOTTIME, 0, ACCURACY_USEC,
                                       on_look, g);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(g->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = watch_dir_of(g, path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

SocketGuard *socket_guard_free(SocketGuard *g)
{
        if (!g)
                return NULL;
        (void) sd_event_source_disable_unref(g->changes);
        (void) sd_event_source_disable_unref(g->timer);
        mem_free(g);
        return NULL;
}
