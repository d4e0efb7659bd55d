/* SPDX-License-Identifier: Apache-2.0 */
/* Which notification is due, what is under way, and who listens. TRANSFERRED and ERROR are sticky:
 * the job remembers them (status.undelivered) until somebody took them, also over restarts and for
 * a client that registers later. JobModification is merged: at most one a second and job, and one
 * after the last change. At most four deliveries of a user are out at once; the rest waits in line,
 * sticky ones first. A client that does not answer within a minute counts as having failed.
 *
 * A sticky event goes to the callback, and when there is none or it fails, to the job's program. A
 * program that was started owns the event: it is run again until it succeeds, and the callback is
 * not called any more. One that cannot be started gives the event back: after the retry delay the
 * callback comes first again. A program's deliveries have no deadline here; whoever runs it has.
 *
 * Bookkeeping only: the manager calls the port and moves time. */
#pragma once

#include "base/clock.h"
#include "base/hash.h"
#include "engine/queue.h"

#define NOTIFY_TIMEOUT_USEC (60 * USEC_PER_SEC)
#define NOTIFY_MODIFICATION_GAP_USEC USEC_PER_SEC

typedef struct Delivery {
        uint64_t id;
        Job *job; /* NULL: the event is void, but the client's call or the program still runs */
        GUID job_id;
        Owner *owner;
        bool is_program;
        uint64_t client;  /* of a callback */
        uint32_t setting; /* of a program: JobNotify.program_setting */
        NotifyKind kind;
        uint64_t deadline_mono; /* of a callback */
        List in_all;
} Delivery;

typedef enum DeliveryEnd {
        DELIVERY_TAKEN,       /* S_OK, or the program ended with 0 */
        DELIVERY_FAILED,      /* anything else */
        DELIVERY_NOT_STARTED, /* the program could not be run */
} DeliveryEnd;

typedef struct NotifyPlan {
        Hash *deliveries; /* by id */
        Hash *clients;    /* by number, those with registrations */
        List callbacks;   /* Delivery.in_all, next deadline first */
        List programs;    /* Delivery.in_all */
        uint64_t next_id;
        bool allow_programs; /* as in Policy */
        bool allow_root_programs;
        uint32_t programs_wanted; /* jobs with an event that their program may have to take */
} NotifyPlan;

/* 0 or -ENOMEM. */
_must_use_ int notify_plan_init(NotifyPlan *plan, uint64_t hash_seed);
void notify_plan_done(NotifyPlan *plan); /* may be half-made */

/* `client` becomes the job's one listener; a delivery to an earlier one does not count any more.
 * 0 or -ENOMEM (unchanged). */
_must_use_ int notify_plan_register(NotifyPlan *plan, Job *job, uint64_t client);
void notify_plan_unregister(NotifyPlan *plan, Job *job);
/* A job of this client, NULL when there is none (more). */
Job *notify_plan_job_of_client(const NotifyPlan *plan, uint64_t client);

/* The job's program was set or removed: a run of the old one does not count any more. */
void notify_plan_program_changed(Job *job);
/* After a restart of the service: a program that failed, of a job that nothing has happened to
 * since, waits for the rest of its retry delay. Everything else that is undelivered goes out at
 * once. */
void notify_plan_restart(Job *job, uint64_t now_mono, uint64_t now_wall);
/* May this job's program run at all? */
bool notify_plan_has_program(const NotifyPlan *plan, const Job *job);
/* Brings programs_wanted up to date after any change of the job. */
void notify_plan_count(NotifyPlan *plan, Job *job);
/* An ended job with an event that is still to be told of. */
bool notify_plan_holds(const NotifyPlan *plan, const Job *job);
/* The job is about to be freed. */
void notify_plan_forget(NotifyPlan *plan, Job *job);

/* Something changed that JobModification should tell. */
void notify_plan_modified(Job *job);
/* The job left the state its sticky event told of (or is gone). */
void notify_plan_void_sticky(Job *job);

/* What is due for the job now: a kind, or NOTIFY_NONE. */
NotifyKind notify_plan_due(const NotifyPlan *plan, const Job *job, uint64_t now_mono);
/* When something becomes due by itself; USEC_INFINITY when nothing does. */
uint64_t notify_plan_deadline(const NotifyPlan *plan, const Job *job);

/* Four are out: puts the job in line and returns false. */
bool notify_plan_may_deliver(Job *job, NotifyKind kind);
/* Opens a delivery of a due kind. NULL when out of memory. */
_must_use_ Delivery *notify_plan_open(NotifyPlan *plan, Job *job, NotifyKind kind,
                                      uint64_t now_mono);
Delivery *notify_plan_find(const NotifyPlan *plan, uint64_t id);
Delivery *notify_plan_oldest(const NotifyPlan *plan); /* callback; NULL */
Delivery *notify_plan_of_client(const NotifyPlan *plan, uint64_t client);
/* Ends and frees a delivery. *ret_consumed: a sticky event is done with. Returns a job that waited
 * in line for this place, or NULL. */
Job *notify_plan_close(NotifyPlan *plan, Delivery *delivery, DeliveryEnd end, uint64_t now_mono,
                       bool *ret_consumed);
