/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/queue.h"

#include <errno.h>

#include "engine/job_credential.h"

int queue_init(Queue *q, uint64_t hash_seed)
{
        *q = (Queue){0};
        list_init(&q->live);
        list_init(&q->tombstones);
        list_init(&q->farewells);
        q->by_id = hash_new(sizeof(GUID), hash_seed);
        q->owners = hash_new(sizeof(uint32_t), hash_seed);
        return q->by_id && q->owners ? 0 : -ENOMEM;
}

static void free_list(List *list)
{
        LIST_FOREACH (it, list) {
                Job *job = QUEUE_JOB(it);

                list_remove(it);
                (void) job_free(job);
        }
}

void queue_done(Queue *q)
{
        size_t pos = 0;

        if (q->live.next)
                free_list(&q->live);
        if (q->tombstones.next)
                free_list(&q->tombstones);
        if (q->farewells.next)
                free_list(&q->farewells);
        if (q->owners)
                for (Owner *o = hash_next(q->owners, &pos); o; o = hash_next(q->owners, &pos))
                        mem_free(o);
        q->by_id = hash_free(q->by_id);
        q->owners = hash_free(q->owners);
}

Job *queue_find(const Queue *q, const GUID *id)
{
        return hash_get(q->by_id, id);
}

static bool owes_farewell(const Job *job)
{
        return job->status.farewell_wall != 0;
}

static void add_ended(Queue *q, Job *job)
{
        if (owes_farewell(job)) {
                list_append(&q->farewells, &job->run->in_live);
                q->farewells_len++;
        } else {
                list_append(&q->tombstones, &job->run->in_live);
                q->tombstones_len++;
        }
}

int queue_add(Queue *q, Job *take_job)
{
        Owner *owner = queue_owner(q, take_job->owner_uid);
        int r = owner ? hash_put(q->by_id, &take_job->id, take_job) : -ENOMEM;

        if (r < 0)
                return r;
        take_job->run->owner = owner;
        owner->sealed_bytes += job_credentials_bytes(take_job);
        if (job_state_is_final(take_job->status.state)) {
                add_ended(q, take_job);
                return 0;
        }
        list_append(&q->live, &take_job->run->in_live);
        q->live_len++;
        q->by_state[take_job->status.state]++;
        owner->live++;
        return 0;
}

void queue_bury(Queue *q, Job *job, BG_JOB_STATE old_state)
{
        list_remove(&job->run->in_live);
        q->by_state[old_state]--;
        q->live_len--;
        job->run->owner->live--;
        add_ended(q, job);
}

void queue_end_farewell(Queue *q, Job *job)
{
        list_remove(&job->run->in_live);
        q->farewells_len--;
        add_ended(q, job);
}

void queue_drop(Queue *q, Job *job)
{
        list_remove(&job->run->in_live);
        (void) hash_remove(q->by_id, &job->id);
        job->run->owner->sealed_bytes -= job_credentials_bytes(job);
        if (job_state_is_final(job->status.state)) {
                if (owes_farewell(job))
                        q->farewells_len--;
                else
                        q->tombstones_len--;
        } else {
                q->by_state[job->status.state]--;
                q->live_len--;
                job->run->owner->live--;
        }
        (void) job_free(job);
}

Job *queue_oldest_tombstone(const Queue *q)
{
        return list_is_empty(&q->tombstones) ? NULL : QUEUE_JOB(q->tombstones.next);
}

void queue_state_changed(Queue *q, BG_JOB_STATE from, BG_JOB_STATE to)
{
        q->by_state[from]--;
        q->by_state[to]++;
}

Owner *queue_owner(Queue *q, uint32_t uid)
{
        Owner *owner = hash_get(q->owners, &uid);

        if (owner)
                return owner;
        owner = mem_new(Owner);
        if (!owner)
                return NULL;
        owner->uid = uid;
        list_init(&owner->waiting_sticky);
        list_init(&owner->waiting_other);
        if (hash_put(q->owners, &owner->uid, owner) < 0) {
                mem_free(owner);
                return NULL;
        }
        return owner;
}

void queue_set_owner(Job *job, Owner *owner)
{
        uint64_t sealed_bytes = job_credentials_bytes(job);

        job->run->owner->live--;
        job->run->owner->sealed_bytes -= sealed_bytes;
        owner->live++;
        owner->sealed_bytes += sealed_bytes;
        job->run->owner = owner;
        job->owner_uid = owner->uid;
}

void queue_keep_credentials(Job *job, Job *view)
{
        Owner *owner = job->run->owner;

        owner->sealed_bytes -= job_credentials_bytes(job);
        job_credentials_keep(job, view);
        owner->sealed_bytes += job_credentials_bytes(job);
}

uint32_t queue_live_of(const Queue *q, uint32_t uid)
{
        const Owner *owner = hash_get(q->owners, &uid);

        return owner ? owner->live : 0;
}
