/* SPDX-License-Identifier: Apache-2.0 */
#include "event_queue.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/fd.h"

typedef struct Change {
        List link;
        GUID job; /* the key */
        bits_job_info *info;
} Change;

int event_queue_init(EventQueue *q)
{
        uint64_t seed;
        int r;

        r = fd_random(&seed, sizeof(seed));
        if (r < 0)
                return r;
        *q = (EventQueue){.by_job = hash_new(sizeof(GUID), seed)};
        if (!q->by_job)
                return -ENOMEM;
        list_init(&q->changes);
        return 0;
}

/* The information inside, which the caller owns then. */
static bits_job_info *remove_change(EventQueue *q, Change *change)
{
        bits_job_info *info = change->info;

        (void) hash_remove(q->by_job, &change->job);
        list_remove(&change->link);
        mem_free(change);
        return info;
}

void event_queue_done(EventQueue *q)
{
        if (!q->by_job)
                return;
        LIST_FOREACH (it, &q->changes)
                bits_job_info_free(remove_change(q, list_item(it, Change, link)));
        q->by_job = hash_free(q->by_job);
}

bool event_queue_is_empty(const EventQueue *q)
{
        return list_is_empty(&q->changes) && !q->lost && !q->reconnected;
}

int event_queue_take_change(EventQueue *q, bits_job_info *info)
{
        Change *change = hash_get(q->by_job, &info->id);
        int r = -ENOBUFS;

        if (change) {
                bits_job_info_free(change->info);
                change->info = info;
                return 0;
        }
        if (hash_size(q->by_job) < EVENT_QUEUE_JOBS_MAX) {
                change = mem_new(Change);
                r = -ENOMEM;
                if (change) {
                        change->job = info->id;
                        change->info = info;
                        r = hash_put(q->by_job, &change->job, change);
                }
        }
        if (r < 0) {
                mem_free(change);
                bits_job_info_free(info);
                return r;
        }
        list_append(&q->changes, &change->link);
        return 0;
}

void event_queue_note_lost(EventQueue *q)
{
        q->lost = true;
        q->reconnected = false;
        q->changes_before_loss = hash_size(q->by_job);
}

void event_queue_note_reconnected(EventQueue *q)
{
        q->reconnected = true;
}

int event_queue_next(EventQueue *q, bits_event **ret)
{
        bits_event *event;

        *ret = NULL;
        if (event_queue_is_empty(q))
                return 0;
        event = mem_new(bits_event);
        if (!event)
                return -ENOMEM;
        if (q->lost && q->changes_before_loss == 0) {
                event->kind = BITS_EVENT_LOST;
                q->lost = false;
        } else if (q->reconnected && !q->lost) {
                event->kind = BITS_EVENT_RECONNECTED;
                q->reconnected = false;
        } else {
                event->kind = BITS_EVENT_CHANGED;
                event->info = remove_change(q, list_item(q->changes.next, Change, link));
                if (q->changes_before_loss > 0)
                        q->changes_before_loss--;
        }
        *ret = event;
        return 0;
}
