/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch.h"

#include <errno.h>
#include <time.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/log.h"
#include "daemon/job_view.h"
#include "daemon/turn.h"
#include "ipc/protocol.h"
#include "ipc/record.h"

#define INTERVAL_USEC (IPC_WATCH_INTERVAL_MS * USEC_PER_MSEC)
#define ACCURACY_USEC (10 * USEC_PER_MSEC)
#define RECORD_MAX_BYTES ((size_t) 1024 * 1024)

/* A job that changed within the last interval. */
typedef struct Entry {
        GUID id;
        HeapNode quiet_until; /* in `resting` from the first signal on; key: mono usec */
        List urgent;          /* in Watch.urgent: to be sent at the end of this turn */
        bool is_dirty;        /* changed since the last signal */
} Entry;

struct Watch {
        Service *service;
        List clients;  /* Client.watch_link */
        Hash *entries; /* Entry.id */
        Heap resting;
        List urgent;
        sd_event_source *timer;
};

static void entry_free(Watch *w, Entry *e)
{
        (void) hash_remove(w->entries, &e->id);
        heap_remove(&w->resting, &e->quiet_until);
        list_remove(&e->urgent);
        mem_free(e);
}

/* An entry is always in the one or the other. */
static void forget_all(Watch *w)
{
        HeapNode *first;

        while ((first = heap_peek(&w->resting)))
                entry_free(w, list_item(first, Entry, quiet_until));
        LIST_FOREACH (it, &w->urgent)
                entry_free(w, list_item(it, Entry, urgent));
}

static bool wants(const Client *c, const Job *job)
{
        if (c->watch_scope == WATCH_OWN)
                return job->owner_uid == c->caller.uid;
        return guid_equal(&c->watch_job, &job->id) &&
               (job->owner_uid == c->caller.uid || c->caller.is_admin);
}

static int send_record(Client *c, const Buf *record)
{
        sd_bus_message *m = NULL;
        int r = sd_bus_message_new_signal(c->bus, &m, IPC_PATH, IPC_INTERFACE, IPC_SIGNAL_CHANGED);

        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', record->data, record->len);
        if (r >= 0)
                client_send(c, m);
        (void) sd_bus_message_unref(m);
        return r;
}

static void send_to_all(Watch *w, const Job *job, const bits_job_info *info)
{
        _cleanup_(buf_done) Buf record;

        buf_init(&record, RECORD_MAX_BYTES);
        record_put_job(&record, info);
        if (buf_error(&record)) {
                log_warning("no memory to tell watchers of a job");
                return;
        }
        LIST_FOREACH (it, &w->clients) {
                Client *c = list_item(it, Client, watch_link);

                /* A signal cannot be made up for later: a watcher that lost one must see that. */
                if (!c->gone && wants(c, job) && send_record(c, &record) < 0)
                        client_drop(c, "no memory for a signal");
        }
}

static void arm_interval(Watch *w)
{
        HeapNode *first = heap_peek(&w->resting);
        int r;

        if (!first) {
                (void) sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
                return;
        }
        r = sd_event_source_set_time(w->timer, first->key);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("event loop: unexpected error %d", -r);
}

static void send_entry(Watch *w, Entry *e)
{
        const Caller self = service_self(w->service);
        Manager *m = w->service->manager;
        bits_job_info info;
        const Job *job;

        e->is_dirty = false;
        if (SUCCEEDED(manager_read_job(m, &self, &e->id, &job))) {
                job_view_fill(m, job, &info);
                send_to_all(w, job, &info);
        }
        /* Without memory the next change is sent at once, which does no harm. */
        if (heap_set(&w->resting, &e->quiet_until,
                     clock_mono_usec(&w->service->clock) + INTERVAL_USEC) < 0)
                entry_free(w, e);
}

void watch_flush(Watch *w)
{
        if (list_is_empty(&w->urgent))
                return;
        LIST_FOREACH (it, &w->urgent) {
                Entry *e = list_item(it, Entry, urgent);

                list_remove(&e->urgent);
                send_entry(w, e);
        }
        arm_interval(w);
}

static int on_interval(sd_event_source *source, uint64_t usec, void *ctx)
{
        Watch *w = ctx;
        uint64_t now = clock_mono_usec(&w->service->clock);
        HeapNode *first;

        while ((first = heap_peek(&w->resting)) && first->key <= now) {
                Entry *e = list_item(first, Entry, quiet_until);

                if (e->is_dirty)
                        send_entry(w, e);
                else
                        entry_free(w, e);
        }
        arm_interval(w);
        return 0;
}

static Entry *entry_of(Watch *w, const Job *job)
{
        Entry *e = hash_get(w->entries, &job->id);

        if (e)
                return e;
        e = mem_new(Entry);
        if (!e)
                return NULL;
        e->id = job->id;
        list_init(&e->urgent);
        if (hash_put(w->entries, &e->id, e) < 0) {
                mem_free(e);
                return NULL;
        }
        return e;
}

/* The last state is sent from here, since the job may be forgotten before the turn ends. */
static void send_end(Watch *w, const Job *job)
{
        Entry *e = hash_get(w->entries, &job->id);
        bits_job_info info;

        if (e)
                entry_free(w, e);
        job_view_fill_plain(job, &info);
        send_to_all(w, job, &info);
}

void watch_changed(Watch *w, const Job *job, bool state_changed)
{
        Entry *e;

        if (list_is_empty(&w->clients))
                return;
        if (job_state_is_final(job->status.state)) {
                if (state_changed)
                        send_end(w, job);
                return;
        }
        e = entry_of(w, job);
        if (!e) {
                log_warning("no memory to tell watchers of a job");
                return;
        }
        e->is_dirty = true;
        /* A first change is sent at once too; only what follows within the interval waits. */
        if ((state_changed || e->quiet_until.slot == 0) && list_is_empty(&e->urgent))
                list_append(&w->urgent, &e->urgent);
        turn_request(w->service->turn);
}

void watch_add(Watch *w, Client *c, const GUID *id)
{
        list_remove(&c->watch_link);
        c->watch_scope = id ? WATCH_ONE : WATCH_OWN;
        if (id)
                c->watch_job = *id;
        list_append(&w->clients, &c->watch_link);
}

void watch_client_ended(Watch *w, Client *c)
{
        list_remove(&c->watch_link);
        if (!list_is_empty(&w->clients))
                return;
        forget_all(w);
        arm_interval(w);
}

int watch_new(Service *s, Watch **ret)
{
        _cleanup_(watch_freep) Watch *w = mem_new(Watch);
        uint64_t seed;
        int r;

        if (!w)
                return -ENOMEM;
        w->service = s;
        list_init(&w->clients);
        list_init(&w->urgent);
        heap_init(&w->resting);
        r = fd_random(&seed, sizeof(seed));
        if (r < 0)
                return r;
        w->entries = hash_new(sizeof(GUID), seed);
        if (!w->entries)
                return -ENOMEM;
        r = sd_event_add_time(s->loop, &w->timer, CLOCK_BOOTTIME, 0, ACCURACY_USEC, on_interval, w);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

Watch *watch_free(Watch *w)
{
        if (!w)
                return NULL;
        if (w->entries)
                forget_all(w);
        (void) hash_free(w->entries);
        heap_done(&w->resting);
        (void) sd_event_source_disable_unref(w->timer);
        mem_free(w);
        return NULL;
}
