/* SPDX-License-Identifier: Apache-2.0 */
/* What holds jobs up from outside: no network, and the brakes: hours at which nothing may be moved,
 * a network that costs, a battery. A job that has to wait for one of them does so in
 * TRANSIENT_ERROR without a retry time, and goes on when the last of them is gone. */
#include "engine/job_error.h"
#include "engine/job_upload.h"
#include "engine/manager_state.h"

/* Between two looks the clocks drift apart by less than this. */
#define SKEW_USEC_MAX (2 * USEC_PER_SEC)

HRESULT manager_obstacle(const Manager *m, const Job *job)
{
        BG_JOB_PRIORITY level = job->props.priority;

        if (job_needs_network(job)) {
                if (!m->network_up)
                        return BG_E_NETWORK_DISCONNECTED;
                if (m->limits.level_bps[level] == 0)
                        return BG_E_BLOCKED_BY_POLICY;
                if (m->metered && !m->policy.run_on_metered[level])
                        return BG_E_BLOCKED_BY_COST_TRANSFER_POLICY;
        }
        if (m->on_battery && !m->policy.run_on_battery[level] && job_has_pending_files(job))
                return BG_E_BLOCKED_BY_BATTERY_POLICY;
        return S_OK;
}

static JobError obstacle_error(HRESULT obstacle)
{
        return job_error_make(obstacle,
                              obstacle == BG_E_NETWORK_DISCONNECTED
                                      ? BG_ERROR_CONTEXT_GENERAL_TRANSPORT
                                      : BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER,
                              JOB_NO_FILE, NULL);
}

static bool waits(const Job *job)
{
        return job->status.state == BG_JOB_STATE_TRANSIENT_ERROR;
}

static JobEvent event_of(const Job *job, HRESULT obstacle)
{
        if (SUCCEEDED(obstacle))
                return job->status.error.code == BG_E_NETWORK_DISCONNECTED ||
                                       !job->status.error.event_driven
                               ? JOB_EVENT_NETWORK_BACK
                               : JOB_EVENT_RELEASED;
        /* One that waits already changes what it waits for. */
        return obstacle == BG_E_NETWORK_DISCONNECTED && !waits(job) ? JOB_EVENT_NETWORK_LOST
                                                                    : JOB_EVENT_BRAKED;
}

HRESULT manager_brake(Manager *m, Job *job, HRESULT obstacle)
{
        JobError error = obstacle_error(obstacle);

        return manager_step(m, job, event_of(job, obstacle), FAILED(obstacle) ? &error : NULL);
}

/* ---- all jobs ---- */

typedef struct Swept {
        Job *job;
        JobEvent event;
        HRESULT obstacle;
} Swept;

/* Is there anything to tell the job? */
static bool is_swept(const Manager *m, Job *job, Swept *ret)
{
        const JobStatus *status = &job->status;
        HRESULT obstacle = manager_obstacle(m, job);

        if (waits(job) && status->error.event_driven) {
                if (obstacle == status->error.code)
                        return false;
        } else if (waits(job)) {
                if (!m->network_came_back || FAILED(obstacle))
                        return false;
        } else if (SUCCEEDED(obstacle)) {
                return false;
        }
        *ret = (Swept){job, event_of(job, obstacle), obstacle};
        return status->intent == INTENT_NONE &&
               job_state_row(status->state, ret->event)->kind != JOB_ROW_IGNORED;
}

static const JobRow *swept_view(Manager *m, const Swept *s, Job *ret_view)
{
        const JobRow *row = job_state_row(s->job->status.state, s->event);
        JobError error = obstacle_error(s->obstacle);

        return manager_step_view(m, s->job, row, FAILED(s->obstacle) ? &error : NULL, S_OK,
                                 ret_view)
                       ? row
                       : NULL;
}

static int store_all(Manager *m, const Swept *swept, uint32_t n)
{
        Txn t;

        if (n == 0)
                return 0;
        txn_begin(&t, m);
        for (uint32_t i = 0; i < n; i++) {
                Job view;

                if (swept_view(m, &swept[i], &view))
                        txn_save_job(&t, &view);
        }
        return txn_commit(&t, false);
}

static bool sweep(Manager *m)
{
        _cleanup_free_ Swept *swept = mem_array(m->queue.live_len + 1, sizeof(*swept));
        uint32_t n = 0;

        if (!swept)
                return false;
        LIST_FOREACH (it, &m->queue.live)
                if (is_swept(m, QUEUE_JOB(it), &swept[n]))
                        n++;
        if (store_all(m, swept, n) < 0)
                return false;
        for (uint32_t i = 0; i < n; i++) {
                Job view;
                const JobRow *row = swept_view(m, &swept[i], &view);

                if (row)
                        manager_step_apply(m, swept[i].job, row, &view.status);
        }
        return true;
}

void manager_brake_all(Manager *m)
{
        m->network_pending = !sweep(m);
        if (!m->network_pending)
                m->network_came_back = false;
        m->network_after = manager_now(m) + COMMIT_RETRY_USEC;
        m->schedule = true;
}

void manager_network_changed(Manager *m, bool up)
{
        if (m->network_up == up)
                return;
        m->network_up = up;
        m->network_came_back = up;
        if (up)
                manager_hurry_farewells(m);
        manager_brake_all(m);
}

void manager_metered_changed(Manager *m, bool metered)
{
        if (m->metered == metered)
                return;
        m->metered = metered;
        manager_brake_all(m);
}

void manager_battery_changed(Manager *m, bool on_battery)
{
        if (m->on_battery == on_battery)
                return;
        m->on_battery = on_battery;
        manager_brake_all(m);
}

/* ---- the schedules ---- */

static bool clock_was_set(const Manager *m)
{
        uint64_t skew = manager_wall(m) - manager_now(m);
        uint64_t drift = MIN(skew - m->limits_skew, m->limits_skew - skew);

        return drift > SKEW_USEC_MAX;
}

static void look_at_schedules(Manager *m)
{
        const LimitPolicy *policy = &m->policy.limits;
        TransferPort *port = &m->ports.transfer;
        uint64_t now = manager_now(m), wall = manager_wall(m);
        LocalTime at = local_time_at(&m->ports.local_time, wall);
        TransferLimits limits;
        bool is_first = !m->limits_known;

        limit_schedule_at(policy, &at, &limits);
        m->limits_until_wall = limit_schedule_next(policy, &m->ports.local_time, wall);
        m->limits_until = m->limits_until_wall == USEC_INFINITY
                                  ? USEC_INFINITY
                                  : now + (m->limits_until_wall - wall);
        m->limits_skew = wall - now;
        m->limits_known = true;
        if (!is_first && limits_equal(&limits, &m->limits))
                return;
        m->limits = limits;
        port->set_limits(port->ctx, &limits);
        manager_brake_all(m); /* a new policy may also have changed the other brakes */
}

void manager_tend_brakes(Manager *m)
{
        uint64_t now = manager_now(m);

        if (!m->limits_known || m->limits_until <= now || clock_was_set(m))
                look_at_schedules(m);
        else if (m->network_pending && m->network_after <= now)
                manager_brake_all(m);
}

uint64_t manager_limits_due(const Manager *m)
{
        const uint32_t *n = m->queue.by_state;
        bool matters = n[BG_JOB_STATE_QUEUED] + n[BG_JOB_STATE_CONNECTING] +
                               n[BG_JOB_STATE_TRANSFERRING] + n[BG_JOB_STATE_TRANSIENT_ERROR] >
                       0;

        if (!matters)
                return USEC_INFINITY;
        return m->limits_known ? m->limits_until : 0;
}
