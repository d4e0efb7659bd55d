/* SPDX-License-Identifier: Apache-2.0 */
/* The process that fetches, syncs and publishes for one owner: one loop, driven by the messages of
 * worker_msg.h. It has no state that matters: whatever it knows was reported or can be found again
 * from the job, so it may be killed at any time. */
#pragma once

#include <systemd/sd-event.h>

#include "base/cleanup.h"

typedef struct Worker Worker;

/* `take_fd` is the socket to the broker. 0 or negative errno (the descriptor is closed). */
_must_use_ int worker_new(sd_event *loop, int take_fd, Worker **ret);
Worker *worker_free(Worker *w); /* NULL allowed */
DEFINE_CLEANUP(Worker *, worker_free)
