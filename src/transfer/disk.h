/* SPDX-License-Identifier: Apache-2.0 */
/* One helper thread for what may wait long for a disk (syncs, publishing), so that the loop and
 * its transfers live on. Tasks run in the order they were handed in; `done` comes on the loop. */
#pragma once

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/list.h"

typedef struct Disk Disk;

typedef struct DiskTask DiskTask;
struct DiskTask {
        List link;
        void (*run)(DiskTask *t);  /* on the thread */
        void (*done)(DiskTask *t); /* on the loop; may free the task */
};

_must_use_ int disk_new(sd_event *loop, Disk **ret);
/* Waits for the task under way; the rest is neither run nor done. NULL allowed. */
Disk *disk_free(Disk *d);
DEFINE_CLEANUP(Disk *, disk_free)
/* The task is borrowed until `done`. 0 or negative errno. */
_must_use_ int disk_submit(Disk *d, DiskTask *t);
