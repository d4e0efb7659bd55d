/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks of clients: who is registered, what is delivered, and what came of it. */
#include "engine/job_file.h"
#include "engine/manager_state.h"

static void close_delivery(Manager *m, Delivery *d, bool taken)
{
        Job *job = d->job;
        bool consumed;
        Job *next = notify_plan_close(&m->notify, d, taken, manager_now(m), &consumed);

        if (consumed) {
                /* Losing this in a crash only means that the event is delivered once more. */
                job->status.undelivered = NOTIFY_NONE;
                manager_mark_dirty(m, job);
        }
        if (job)
                manager_todo(m, job);
        if (next)
                manager_todo(m, next);
}

/* False when nothing more can go out for this job now. */
static bool deliver(Manager *m, Job *job, NotifyKind kind)
{
        NotifierPort *port = &m->ports.notifier;
        uint64_t now = manager_now(m);
        Delivery *d;

        if (!notify_plan_may_deliver(job, kind))
                return false;
        d = notify_plan_open(&m->notify, job, kind, now);
        if (!d) { /* no memory: again after a while */
                job->run->notify.sticky_after_mono = now + COMMIT_RETRY_USEC;
                job->run->notify.modified_after_mono = now + COMMIT_RETRY_USEC;
                return false;
        }
        if (port->deliver(port->ctx, d->client, d->id, job, kind) < 0) {
                notify_plan_unregister(&m->notify, job); /* the callback is not valid any more */
                close_delivery(m, d, false);
                return false;
        }
        return true;
}

void manager_tend_notify(Manager *m, Job *job)
{
        NotifyKind kind;

        do
                kind = notify_plan_due(job, manager_now(m));
        while (kind != NOTIFY_NONE && deliver(m, job, kind));
        if (job_state_is_final(job->status.state))
                notify_plan_unregister(&m->notify, job);
}

void manager_expire_deliveries(Manager *m)
{
        Delivery *d = notify_plan_oldest(&m->notify);

        for (; d && d->deadline_mono <= manager_now(m); d = notify_plan_oldest(&m->notify))
                close_delivery(m, d, false);
}

HRESULT manager_set_notify_client(Manager *m, const Caller *caller, const GUID *id, bool on)
{
        Job *job;
        HRESULT hr = manager_open_job(m, caller, id, JOB_EVENT_SET_PROPERTY, &job);

        if (FAILED(hr))
                return hr;
        if (!on)
                notify_plan_unregister(&m->notify, job);
        else if (notify_plan_register(&m->notify, job, caller->client) < 0)
                return E_OUTOFMEMORY;
        /* The registration itself lives in memory only; the change of the job can wait. */
        manager_touch(m, job);
        job->status.modified_wall = manager_wall(m);
        manager_mark_dirty(m, job);
        m->ports.notifier.changed(m->ports.notifier.ctx, job, false);
        manager_todo(m, job);
        return S_OK;
}

bool manager_has_notify_client(Manager *m, const Job *job)
{
        return job->run->notify.has_client;
}

void manager_notify_result(Manager *m, uint64_t delivery, HRESULT hr)
{
        Delivery *d = notify_plan_find(&m->notify, delivery);

        if (d)
                close_delivery(m, d, hr == S_OK);
}

void manager_client_gone(Manager *m, uint64_t client)
{
        for (;;) {
                Job *job = notify_plan_job_of_client(&m->notify, client);

                if (!job)
                        break;
                notify_plan_unregister(&m->notify, job);
        }
        for (;;) {
                Delivery *d = notify_plan_of_client(&m->notify, client);

                if (!d)
                        break;
                close_delivery(m, d, false);
        }
}
