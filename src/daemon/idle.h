/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving when there is nothing to do: no client connected, and no job that can run without
 * anybody's help, for the whole time. */
#pragma once

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "daemon/service.h"

typedef struct Idle Idle;

/* `expired` is called once the time is over. idle_sec 0: never. 0 or negative errno. */
_must_use_ int idle_new(Service *s, uint64_t idle_sec, void (*expired)(void *ctx), void *ctx,
                        Idle **ret);
Idle *idle_free(Idle *idle);
DEFINE_CLEANUP(Idle *, idle_free)
/* Another time, which begins now. */
void idle_set(Idle *idle, uint64_t idle_sec);
/* Something has changed: begins to count, goes on counting, or stops. NULL allowed. */
void idle_check(Idle *idle);
