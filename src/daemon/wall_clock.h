/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock of this place: what it shows (port "local time"), and when somebody sets it. */
#pragma once

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "engine/port/local_time.h"

typedef struct WallClock WallClock;

/* `set` is called from the event loop after the clock jumped, also after a suspend; nothing is
 * woken up otherwise. 0 or negative errno. */
_must_use_ int wall_clock_new(sd_event *loop, void (*set)(void *ctx), void *ctx, WallClock **ret);
WallClock *wall_clock_free(WallClock *w); /* NULL allowed; returns NULL */
DEFINE_CLEANUP(WallClock *, wall_clock_free)
/* By the time zone of the system as it is at the moment of the question. */
LocalTimePort wall_clock_port(void);
