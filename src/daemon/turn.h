/* SPDX-License-Identifier: Apache-2.0 */
/* When the engine runs: once after every batch of calls and events, and at its next deadline.
 * Between them the daemon sleeps; there is one timer, and none when the engine waits for nothing.
 */
#pragma once

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "daemon/service.h"

/* `after` is called after each run of the engine, outside of it. 0 or negative errno. */
_must_use_ int turn_new(Service *s, void (*after)(void *ctx), void *ctx, Turn **ret);
Turn *turn_free(Turn *t);
DEFINE_CLEANUP(Turn *, turn_free)
/* The engine was called, or something else happened that it may want to act on. NULL allowed. */
void turn_request(Turn *t);
