/* SPDX-License-Identifier: Apache-2.0 */
/* All jobs: by id, live ones in creation order, ended ones (tombstones) by their end, and their
 * owners. Owns the jobs that are in it. Nothing here scans all jobs. */
#pragma once

#include "base/hash.h"
#include "engine/job.h"

/* A user with jobs; stays until the queue is freed, for there are few of them. */
typedef struct Owner {
        uint32_t uid;
        uint32_t live;         /* jobs */
        uint32_t outstanding;  /* notifications under way */
        uint64_t sealed_bytes; /* credentials of all jobs */
        List waiting_sticky;   /* JobNotify.in_waiting: four are out already; these go first */
        List waiting_other;
} Owner;

typedef struct Queue {
        Hash *by_id;
        Hash *owners;
        List live;       /* JobRun.in_live */
        List tombstones; /* JobRun.in_live, oldest end first */
        List farewells;  /* JobRun.in_live: ended ones that still owe the server a farewell */
        uint32_t live_len;
        uint32_t tombstones_len;
        uint32_t farewells_len;
        uint32_t by_state[JOB_STATE_COUNT]; /* of live jobs */
} Queue;

/* 0 or -ENOMEM. */
_must_use_ int queue_init(Queue *q, uint64_t hash_seed);
/* Frees all jobs; the queue may be half-made. */
void queue_done(Queue *q);

Job *queue_find(const Queue *q, const GUID *id); /* live or ended; NULL */
/* Takes a live or ended job with its runtime state. 0, -ENOMEM, or -EEXIST (the id is taken). */
_must_use_ int queue_add(Queue *q, Job *take_job);
/* A job reached its end: it moves to the tombstones, or to the farewells while its status says
 * that it owes one. Its state must be final already. */
void queue_bury(Queue *q, Job *job, BG_JOB_STATE old_state);
/* A farewell is over or given up (the status says so): it is a tombstone like others now. */
void queue_end_farewell(Queue *q, Job *job);
/* Takes a job out and frees it. */
void queue_drop(Queue *q, Job *job);
Job *queue_oldest_tombstone(const Queue *q); /* NULL when there is none */
/* Keeps the counters true. */
void queue_state_changed(Queue *q, BG_JOB_STATE from, BG_JOB_STATE to);
/* NULL when out of memory. */
_must_use_ Owner *queue_owner(Queue *q, uint32_t uid);
void queue_set_owner(Job *job, Owner *owner);
/* The job gets the credentials of the view (job_credentials_keep). */
void queue_keep_credentials(Job *job, Job *view);
uint32_t queue_live_of(const Queue *q, uint32_t uid);

#define QUEUE_JOB(link) (list_item(link, JobRun, in_live)->job)
