/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks of clients and programs of jobs: who is registered, what is delivered, and what came
 * of it. */
#include "engine/job_file.h"
#include "engine/manager_state.h"

/* Losing this in a crash only means that the event is delivered once more. */
static void consume(Manager *m, Job *job)
{
        job->status.undelivered = NOTIFY_NONE;
        manager_mark_dirty(m, job);
}

static void close_delivery(Manager *m, Delivery *d, DeliveryEnd end)
{
        Job *job = d->job;
        bool consumed;
        Job *next = notify_plan_close(&m->notify, d, end, manager_now(m), &consumed);

        if (consumed)
                consume(m, job);
        if (job)
                manager_todo(m, job);
        if (next)
                manager_todo(m, next);
}

/* How a run ended is told of any job that still has the program, also when the event was void by
 * then: a program that completes its job always ends after it. */
static void note_run(Manager *m, const Delivery *d, int32_t result)
{
        Job *job = queue_find(&m->queue, &d->job_id);

        if (!job || job->run->notify.program_setting != d->setting)
                return;
        job->status.program_result = result;
        job->status.program_time_wall = manager_wall(m);
        job->status.program_runs++;
        manager_mark_dirty(m, job);
        m->ports.notifier.changed(m->ports.notifier.ctx, job, false);
}

static bool run_program(Manager *m, Job *job, Delivery *d)
{
        NotifierPort *port = &m->ports.notifier;
        int r = port->run_program(port->ctx, d->id, job, d->kind);

        if (r >= 0)
                return true;
        note_run(m, d, PROGRAM_NOT_STARTED + r);
        close_delivery(m, d, DELIVERY_NOT_STARTED);
        return false;
}

static bool call_client(Manager *m, Job *job, Delivery *d)
{
        NotifierPort *port = &m->ports.notifier;

        if (port->deliver(port->ctx, d->client, d->id, job, d->kind) >= 0)
                return true;
        notify_plan_unregister(&m->notify, job); /* the callback is not valid any more */
        close_delivery(m, d, DELIVERY_FAILED);
        manager_todo(m, job); /* its program may be */
        return false;
}

/* An ended job has no later; for the others it comes. */
static void no_memory(Manager *m, Job *job)
{
        uint64_t later = manager_now(m) + COMMIT_RETRY_USEC;

        job->run->notify.sticky_after_mono = later;
        job->run->notify.modified_after_mono = later;
        if (job_state_is_final(job->status.state) && job->status.undelivered != NOTIFY_NONE)
                consume(m, job);
}

/* False when nothing more can go out for this job now. */
static bool deliver(Manager *m, Job *job, NotifyKind kind)
{
        Delivery *d;

        if (!notify_plan_may_deliver(job, kind))
                return false;
        d = notify_plan_open(&m->notify, job, kind, manager_now(m));
        if (!d) {
                no_memory(m, job);
                return false;
        }
        return d->is_program ? run_program(m, job, d) : call_client(m, job, d);
}

void manager_tend_notify(Manager *m, Job *job)
{
        NotifyKind kind;

        do
                kind = notify_plan_due(&m->notify, job, manager_now(m));
        while (kind != NOTIFY_NONE && deliver(m, job, kind));
        if (kind == NOTIFY_NONE) /* a place kept for nothing would be lost for the others */
                list_remove(&job->run->notify.in_waiting);
        notify_plan_count(&m->notify, job);
        if (job_state_is_final(job->status.state) && !notify_plan_holds(&m->notify, job))
                notify_plan_unregister(&m->notify, job);
}

void manager_expire_deliveries(Manager *m)
{
        Delivery *d = notify_plan_oldest(&m->notify);

        for (; d && d->deadline_mono <= manager_now(m); d = notify_plan_oldest(&m->notify))
                close_delivery(m, d, DELIVERY_FAILED);
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

        if (d && !d->is_program)
                close_delivery(m, d, hr == S_OK ? DELIVERY_TAKEN : DELIVERY_FAILED);
}

void manager_program_result(Manager *m, uint64_t delivery, int32_t result)
{
        Delivery *d = notify_plan_find(&m->notify, delivery);

        if (!d || !d->is_program)
                return;
        note_run(m, d, result);
        close_delivery(m, d,
                       result == 0                     ? DELIVERY_TAKEN
                       : result <= PROGRAM_NOT_STARTED ? DELIVERY_NOT_STARTED
                                                       : DELIVERY_FAILED);
}

bool manager_has_programs(const Manager *m)
{
        return m->notify.programs_wanted > 0 || !list_is_empty(&m->notify.programs);
}

void manager_client_gone(Manager *m, uint64_t client)
{
        for (;;) {
                Job *job = notify_plan_job_of_client(&m->notify, client);

                if (!job)
                        break;
                notify_plan_unregister(&m->notify, job);
                manager_todo(m, job); /* its program may be due now */
        }
        for (;;) {
                Delivery *d = notify_plan_of_client(&m->notify, client);

                if (!d)
                        break;
                close_delivery(m, d, DELIVERY_FAILED);
        }
}
