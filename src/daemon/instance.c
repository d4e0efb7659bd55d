/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/instance.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/socket_path.h"

/* A living one that is on its way out gives up its lock within this time. */
#define LEAVING_USEC (500 * USEC_PER_MSEC)
/* With if_needed: a living one that is just starting listens within this time. */
#define STARTING_USEC (10 * USEC_PER_SEC)
/* Workers of a killed service end as soon as they notice. */
#define WORKERS_USEC (10 * USEC_PER_SEC)
#define POLL_USEC (10 * USEC_PER_MSEC)

static bool answers(const char *socket)
{
        return socket_path_probe(socket) > 0;
}

/* The same user reaches his service under other addresses too: from cron there may be no
 * XDG_RUNTIME_DIR. A link at this address leads to the living one. */
static bool link_to_live(const InstancePlace *place, const LiveBroker *live)
{
        char *problem = NULL;
        int r;

        if (!live->socket || str_equal(live->socket, place->socket) || !answers(live->socket))
                return false;
        r = socket_path_prepare_dir(place->socket, place->uid, place->socket_is_chosen, &problem);
        if (r == 0)
                r = socket_path_link(place->socket, live->socket);
        if (r < 0)
                log_warning("cannot make %s lead to %s: %s", place->socket, live->socket,
                            problem ? problem : strerror(-r));
        mem_free(problem);
        return r == 0;
}

static InstanceClaim wait_for_workers(const InstancePlace *place, StateLock *l)
{
        int r = state_lock_wait_workers(l, place->lock_dir, WORKERS_USEC);

        if (r > 0)
                return INSTANCE_OURS;
        if (r == 0) {
                log_error("workers of the service before still use %s, perhaps since a disk "
                          "under them hangs; end bitsd-worker, or start bitsd again later",
                          place->lock_dir);
                return INSTANCE_TAKEN;
        }
        log_error("cannot lock %s: %s", place->lock_dir, strerror(-r));
        return INSTANCE_FAILED;
}

static InstanceClaim taken(const InstancePlace *place, const LiveBroker *live)
{
        if (live->socket)
                log_error("bitsd with pid %ld already serves %s, on %s", (long) live->pid,
                          place->lock_dir, live->socket);
        else
                log_error("another bitsd already uses %s", place->lock_dir);
        return INSTANCE_TAKEN;
}

InstanceClaim instance_claim(const InstancePlace *place, bool if_needed, StateLock *l)
{
        const struct timespec pause = {.tv_nsec = POLL_USEC * 1000};
        uint64_t deadline =
                clock_mono_usec(&CLOCK_SYSTEM) + (if_needed ? STARTING_USEC : LEAVING_USEC);
        InstanceClaim claim;
        LiveBroker live;

        for (;;) {
                int r = state_lock_try_broker(l, place->lock_dir, &live);

                if (r > 0)
                        return wait_for_workers(place, l);
                if (r < 0) {
                        log_error("cannot lock %s: %s", place->lock_dir, strerror(-r));
                        return INSTANCE_FAILED;
                }
                if (if_needed && (answers(place->socket) || link_to_live(place, &live)))
                        claim = INSTANCE_SERVED;
                else if (clock_mono_usec(&CLOCK_SYSTEM) >= deadline)
                        claim = taken(place, &live);
                else
                        claim = INSTANCE_OURS;
                live_broker_done(&live);
                if (claim != INSTANCE_OURS)
                        return claim;
                (void) nanosleep(&pause, NULL);
        }
}
