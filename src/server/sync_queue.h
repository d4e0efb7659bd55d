/* SPDX-License-Identifier: Apache-2.0 */
/* fsync beside the loop: making a gigabyte durable takes seconds, in which everybody else shall go
 * on. Uses the kernel's asynchronous I/O (fsync since Linux 4.18), so there are no threads here;
 * where that is missing, the call is made in the loop.
 *
 * `done` is called from the loop, never from inside sync_queue_add(), with 0 or a negative errno.
 */
#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "base/cleanup.h"

enum { SYNC_QUEUE_IN_FLIGHT_MAX = 64 }; /* others wait */

typedef struct SyncQueue SyncQueue;
typedef void (*SyncDone)(void *ctx, int result);

_must_use_ int sync_queue_new(sd_event *loop, SyncQueue **ret);
/* Waits for what is in flight and forgets it. */
SyncQueue *sync_queue_free(SyncQueue *q);
DEFINE_CLEANUP(SyncQueue *, sync_queue_free)
/* Takes fd, also on failure. `data_only`: what is needed to read the bytes again (fdatasync). */
_must_use_ int sync_queue_add_take(SyncQueue *q, int fd, bool data_only, SyncDone done, void *ctx);
