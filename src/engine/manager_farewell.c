/* SPDX-License-Identifier: Apache-2.0 */
/* Farewells: the server of a cancelled upload is told that nothing more will come, so that it can
 * drop the session and the half file. The user has had the answer long since, and the job is a
 * tombstone; only this is left to do. An unreachable server is asked again after the job's retry
 * delay and when the network returns, until a day is over or the job's no-progress time-out if that
 * is shorter; then its own time-out has to do. */
#include "engine/job_upload.h"
#include "engine/manager_state.h"

#define FAREWELL_MAX_USEC (24 * 3600 * USEC_PER_SEC)

enum {
        FAREWELLS_AT_ONCE = 4,
        FAREWELLS_MAX = 1000, /* owed at a time; the servers of more are left to their time-out */
};

uint64_t manager_farewell_wall(const Manager *m, const Job *job)
{
        uint64_t patience = job->props.no_progress_sec * USEC_PER_SEC;

        if (!job_has_session(job) || m->queue.farewells_len >= FAREWELLS_MAX)
                return 0;
        return manager_wall(m) + MIN(patience, FAREWELL_MAX_USEC);
}

/* The end counts on the steady clock: a wall clock that jumps makes nothing last longer. */
void manager_begin_farewell(Manager *m, Job *job)
{
        JobUpload *upload = &job->run->upload;
        uint64_t wall = manager_wall(m);
        uint64_t until = job->status.farewell_wall;
        uint64_t left = until > wall ? until - wall : 0;

        upload->farewell_due = manager_now(m);
        upload->farewell_until = manager_now(m) + MIN(left, FAREWELL_MAX_USEC);
        manager_todo(m, job);
}

/* Told or given up. A store that refuses this only costs one more question after a restart, so the
 * checkpoint may bring it. */
static void end_farewell(Manager *m, Job *job)
{
        job->status.farewell_wall = 0;
        mem_free(TAKE_PTR(job->session));
        job->session_bytes = 0;
        manager_forget_credentials(m, job);
        list_remove(&job->run->upload.in_farewell);
        heap_remove(&m->timers, &job->run->timer);
        queue_end_farewell(&m->queue, job);
        manager_mark_dirty(m, job);
}

static void retry_later(Manager *m, Job *job)
{
        job->run->upload.farewell_due = manager_now(m) + job->props.retry_delay_sec * USEC_PER_SEC;
}

static void start_farewell(Manager *m, Job *job)
{
        TransferPort *port = &m->ports.transfer;
        Op *op = manager_op_new(m, OP_FAREWELL, job, NULL);

        if (op && port->farewell(port->ctx, op->id, job) < 0) {
                manager_op_end(m, op);
                op = NULL;
        }
        if (!op) {
                retry_later(m, job);
                return;
        }
        job->run->upload.farewell_op = op->id;
        m->farewells_running++;
}

static bool is_reachable(const Manager *m, const Job *job)
{
        return m->network_up || !job_needs_network(job);
}

void manager_tend_farewell(Manager *m, Job *job)
{
        JobUpload *upload = &job->run->upload;
        uint64_t now = manager_now(m);

        if (upload->farewell_op != 0)
                return; /* its answer comes, whatever it is */
        if (!job_has_session(job)) {
                end_farewell(m, job);
                return;
        }
        if (upload->farewell_due <= now && is_reachable(m, job)) {
                /* A last try also for those whose time was up before their turn came. */
                if (m->farewells_running >= FAREWELLS_AT_ONCE) {
                        if (list_is_empty(&upload->in_farewell))
                                list_append(&m->farewells_waiting, &upload->in_farewell);
                        manager_set_timer(m, job, USEC_INFINITY);
                        return;
                }
                start_farewell(m, job);
                if (upload->farewell_op != 0) {
                        manager_set_timer(m, job, USEC_INFINITY);
                        return;
                }
        }
        if (upload->farewell_until <= now)
                end_farewell(m, job);
        else
                manager_set_timer(m, job,
                                  is_reachable(m, job)
                                          ? MIN(upload->farewell_due, upload->farewell_until)
                                          : upload->farewell_until);
}

static void next_in_line(Manager *m)
{
        List *first = m->farewells_waiting.next;

        if (list_is_empty(&m->farewells_waiting))
                return;
        list_remove(first);
        manager_todo(m, list_item(first, JobRun, upload.in_farewell)->job);
}

void manager_farewell_event(Manager *m, Op *op, const TransferEvent *ev)
{
        Job *job = op->job;

        if (ev->kind != TRANSFER_FAREWELL)
                return;
        job->run->upload.farewell_op = 0;
        m->farewells_running--;
        manager_op_end(m, op);
        next_in_line(m);
        if (SUCCEEDED(ev->result))
                end_farewell(m, job);
        else
                retry_later(m, job);
}

void manager_hurry_farewells(Manager *m)
{
        LIST_FOREACH (it, &m->queue.farewells) {
                Job *job = QUEUE_JOB(it);

                job->run->upload.farewell_due = MIN(job->run->upload.farewell_due, manager_now(m));
                manager_todo(m, job);
        }
}
