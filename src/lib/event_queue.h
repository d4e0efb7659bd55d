/* SPDX-License-Identifier: Apache-2.0 */
/* Events waiting for the program: at most one CHANGED a job (the newest, in the place of the
 * first), one LOST and one RECONNECTED, so that a program that never reads costs a bounded amount
 * of memory. Noting a loss needs no memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/list.h"
#include "bits_native.h"

/* Jobs with an unread change; more count as a loss. */
enum { EVENT_QUEUE_JOBS_MAX = 65536 };

typedef struct EventQueue {
        List changes;
        Hash *by_job;
        size_t changes_before_loss; /* these come before LOST, the others after RECONNECTED */
        bool lost;
        bool reconnected;
} EventQueue;

_must_use_ int event_queue_init(EventQueue *q);
void event_queue_done(EventQueue *q);
bool event_queue_is_empty(const EventQueue *q);
/* Takes `info` also on failure: -ENOMEM, -ENOBUFS when there are too many. */
_must_use_ int event_queue_take_change(EventQueue *q, bits_job_info *info);
void event_queue_note_lost(EventQueue *q);
void event_queue_note_reconnected(EventQueue *q);
/* The next event, which the caller owns; NULL in *ret when there is none. -ENOMEM loses nothing. */
_must_use_ int event_queue_next(EventQueue *q, bits_event **ret);
