/* SPDX-License-Identifier: Apache-2.0 */
/* The manager's life and its turn of the loop. */
#include "engine/manager.h"

#include <assert.h>

#include "engine/job_file.h"
#include "engine/job_upload.h"
#include "engine/manager_state.h"

static void take_policy(Manager *m, const Policy *policy)
{
        m->policy = *policy;
        m->notify.allow_programs = policy->allow_programs;
        m->notify.allow_root_programs = policy->allow_root_programs;
}

Manager *manager_new(const ManagerPorts *ports, const Policy *policy)
{
        _cleanup_(manager_freep) Manager *m = mem_new(Manager);

        if (!m)
                return NULL;
        m->ports = *ports;
        m->next_op = 1;
        m->network_up = true;
        for (int level = 0; level < LIMIT_LEVELS; level++)
                m->limits.level_bps[level] = UINT64_MAX;
        m->limits_until_wall = m->limits_until = USEC_INFINITY;
        list_init(&m->todo);
        list_init(&m->dirty);
        list_init(&m->farewells_waiting);
        scheduler_init(&m->scheduler);
        heap_init(&m->timers);
        ports->random.fill(ports->random.ctx, &m->hash_seed, sizeof(m->hash_seed));
        m->ops = hash_new(sizeof(uint64_t), m->hash_seed);
        if (!m->ops || queue_init(&m->queue, m->hash_seed) < 0 ||
            notify_plan_init(&m->notify, m->hash_seed) < 0)
                return NULL;
        take_policy(m, policy);
        return TAKE_PTR(m);
}

Manager *manager_free(Manager *m)
{
        size_t pos = 0;

        if (!m)
                return NULL;
        if (m->ops)
                for (Op *op = hash_next(m->ops, &pos); op; op = hash_next(m->ops, &pos))
                        mem_free(op);
        m->ops = hash_free(m->ops);
        manager_rekey_done(m);
        notify_plan_done(&m->notify);
        heap_done(&m->timers); /* its nodes live in the jobs */
        queue_done(&m->queue);
        mem_free(m);
        return NULL;
}

void manager_set_policy(Manager *m, const Policy *policy)
{
        take_policy(m, policy);
        m->limits_known = false;
        m->schedule = true;
        LIST_FOREACH (it, &m->queue.live)
                manager_todo(m, QUEUE_JOB(it));
        LIST_FOREACH (it, &m->queue.tombstones)
                if (QUEUE_JOB(it)->status.undelivered != NOTIFY_NONE)
                        manager_todo(m,
                                     QUEUE_JOB(it)); /* its program may run now, or not any more */
}

uint64_t manager_next_wakeup_mono(const Manager *m)
{
        const HeapNode *timer = heap_peek(&m->timers);
        const Delivery *delivery = notify_plan_oldest(&m->notify);
        uint64_t next = timer ? timer->key : USEC_INFINITY;

        if (!list_is_empty(&m->todo))
                return 0;
        if (m->schedule_after != 0)
                next = MIN(next, m->schedule_after);
        else if (m->schedule)
                return 0;
        else
                next = MIN(next, scheduler_next_slice(&m->scheduler, &m->policy));
        if (delivery)
                next = MIN(next, delivery->deadline_mono);
        if (!list_is_empty(&m->dirty))
                next = MIN(next, m->checkpoint_at);
        if (m->network_pending)
                next = MIN(next, m->network_after);
        if (m->queue.tombstones_len > m->policy.tombstones_max && manager_oldest_tombstone(m))
                next = MIN(next, m->buried_after);
        next = MIN(next, manager_limits_due(m));
        next = MIN(next, manager_rekey_due(m));
        return next;
}

static void collect_due(Manager *m, uint64_t now)
{
        HeapNode *timer = heap_peek(&m->timers);

        for (; timer && timer->key <= now; timer = heap_peek(&m->timers)) {
                /* Each job once a turn; manager_tend() sets the timer anew. */
                manager_set_timer(m, list_item(timer, JobRun, timer)->job, USEC_INFINITY);
                manager_todo(m, list_item(timer, JobRun, timer)->job);
        }
}

static void tend_all(Manager *m)
{
        while (!list_is_empty(&m->todo)) {
                List *first = m->todo.next;

                list_remove(first);
                manager_tend(m, list_item(first, JobRun, in_todo)->job);
        }
}

/* A failure is shown by the counts, and the checkpoint has set the time of its next try. */
static void checkpoint_now(Manager *m)
{
        int r = manager_checkpoint(m, false);

        assert(r == m->store_error);
}

void manager_run(Manager *m)
{
        uint64_t now = manager_now(m);

        collect_due(m, now);
        manager_expire_deliveries(m);
        manager_tend_brakes(m);
        do {
                tend_all(m);
                manager_schedule(m);
        } while (!list_is_empty(&m->todo));
        if (!list_is_empty(&m->dirty) && m->checkpoint_at <= now)
                checkpoint_now(m);
        manager_expire_tombstones(m);
        manager_tend_rekey(m);
}

int manager_flush(Manager *m)
{
        return list_is_empty(&m->dirty) ? 0 : manager_checkpoint(m, true);
}

bool manager_has_work(const Manager *m)
{
        const uint32_t *n = m->queue.by_state;

        if (n[BG_JOB_STATE_QUEUED] + n[BG_JOB_STATE_CONNECTING] + n[BG_JOB_STATE_TRANSFERRING] +
                    n[BG_JOB_STATE_TRANSIENT_ERROR] >
            0)
                return true;
        return hash_size(m->ops) > 0 || !list_is_empty(&m->todo) || m->intents > 0 ||
               m->queue.farewells_len > 0 || manager_has_programs(m) || m->rekey.active;
}

uint64_t manager_job_rate_bps(Manager *m, const Job *job)
{
        return job->status.state == BG_JOB_STATE_TRANSFERRING
                       ? rate_bps(&job->run->rate, manager_now(m))
                       : 0;
}

void manager_counts(const Manager *m, ManagerCounts *ret)
{
        *ret = (ManagerCounts){
                .jobs = m->queue.live_len,
                .network_up = m->network_up,
                .metered = m->metered,
                .on_battery = m->on_battery,
                .limits = m->limits,
                .limits_until_wall = m->limits_until_wall,
                .store_error = m->store_error,
        };
        for (int s = 0; s < JOB_STATE_COUNT; s++)
                ret->by_state[s] = m->queue.by_state[s];
        ret->jobs_active =
                ret->by_state[BG_JOB_STATE_CONNECTING] + ret->by_state[BG_JOB_STATE_TRANSFERRING];
}
