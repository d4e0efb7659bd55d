/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the manager, shared by its files only (manager_*.c). How they work together:
 *
 *   calls (manager_api, manager_props, manager_final) and events (manager_transfer) record facts
 *   and commit changes; whatever has to follow is left to manager_run(), which looks at each
 *   touched job (`todo`) and does what its state and facts ask for (manager_tend). Looking again
 *   is harmless, so nothing depends on the order of events, and a restart needs no special path.
 */
#pragma once

#include "base/heap.h"
#include "engine/manager.h"
#include "engine/notify_plan.h"
#include "engine/queue.h"
#include "engine/scheduler.h"

/* A refused commit is tried again after this. */
#define COMMIT_RETRY_USEC (5 * USEC_PER_SEC)

typedef enum OpKind { OP_FILE, OP_SYNC, OP_SWEEP, OP_PUBLISH, OP_DISCARD, OP_FAREWELL } OpKind;

typedef struct Op {
        uint64_t id;
        OpKind kind;
        Job *job;
        JobFile *file;     /* OP_FILE */
        List in_job;       /* JobRun.ops: OP_FILE, OP_SYNC and OP_SWEEP */
        bool awaits_store; /* the worker goes on at session_stored() */
} Op;

/* A change of the vault's key under way (manager_rekey.c). */
typedef struct Rekey {
        bool active;
        GUID *jobs; /* owned: those that had credentials when it began … */
        uint32_t len;
        uint32_t pos;   /* … of which so many are done */
        uint32_t slots; /* sealed anew so far, or by the last change */
        uint64_t not_before;
        bool has_token;
        uint64_t token;
} Rekey;

struct Manager {
        ManagerPorts ports;
        Policy policy;
        Queue queue;
        Scheduler scheduler;
        NotifyPlan notify;
        Heap timers; /* JobRun.timer of every live job */
        Hash *ops;
        uint64_t next_op;
        uint64_t next_serial;
        uint64_t hash_seed;
        List todo;               /* JobRun.in_todo */
        List dirty;              /* JobRun.in_dirty */
        uint64_t checkpoint_at;  /* valid while `dirty` has jobs */
        uint64_t schedule_after; /* the store refused a step of the scheduler: not before */
        uint64_t network_after;  /* the same for a change of the network */
        uint64_t buried_after;   /* the same for the removal of old tombstones */
        bool network_up;
        bool network_pending;   /* jobs are still to be told of its last change, or of a brake's */
        bool network_came_back; /* and so those that wait for their retry go on */
        bool metered, on_battery;
        bool limits_known; /* told to the transfer side; the next three are valid */
        TransferLimits limits;
        uint64_t limits_until_wall;
        uint64_t limits_until; /* the same on the mono clock */
        uint64_t limits_skew;  /* wall minus mono then: another one means that a clock was set */
        bool schedule;         /* something changed that the scheduler should see */
        bool restated;    /* files that a restart of the machine shortened are not stored yet */
        bool overreached; /* a refused commit may stand in the file all the same */
        uint32_t intents; /* jobs with a final step under way */
        uint32_t farewells_running;
        List farewells_waiting; /* JobUpload.in_farewell: enough others run */
        Rekey rekey;
        int store_error;
};

static inline uint64_t manager_now(const Manager *m)
{
        return clock_mono_usec(&m->ports.clock);
}

static inline uint64_t manager_wall(const Manager *m)
{
        return clock_wall_usec(&m->ports.clock);
}

/* manager_store.c: transactions with a sticky error: after the first failure the rest is skipped
 * and the end reports it. Views are shallow copies of jobs with the new values in them. */
typedef struct Txn {
        Manager *m;
        int error;
} Txn;
void txn_begin(Txn *t, Manager *m);
void txn_save_job(Txn *t, const Job *view);
void txn_save_dirty_files(Txn *t, Job *job);
/* What the view has that the store does not: itself, its credentials, and the dirty files. */
void txn_save_view(Txn *t, Job *job, const Job *view);
void txn_save_file(Txn *t, const Job *job, const JobFile *file);
void txn_insert_files(Txn *t, const Job *job, JobFile *const *files, uint32_t n);
void txn_delete_job(Txn *t, const Job *job);
_must_use_ int txn_commit(Txn *t, bool durable); /* 0 or negative errno, rolled back */
/* txn_save_view() in one transaction. */
_must_use_ int manager_save(Manager *m, Job *job, const Job *view, bool durable);
/* The store now has everything of this job. */
void manager_mark_clean(Job *job);
/* A durable commit of this job was refused. It may have reached the file, just not the disk: the
 * first transaction from now on, whatever it is for, writes over it what is true. */
void manager_take_back(Manager *m, Job *job);
/* The store refused what the job has to do next: tried again in a while. */
void manager_block(Manager *m, Job *job);
/* Differs from the store in a way that can wait for the next checkpoint. */
void manager_mark_dirty(Manager *m, Job *job);
_must_use_ int manager_checkpoint(Manager *m, bool durable);

/* manager_step.c */
/* Asks manager_run() to look at the job. */
void manager_todo(Manager *m, Job *job);
/* Takes the row of (state, event): build, persist, apply. S_OK (also for ignored events), the
 * row's refusal, or the store's error; on failure nothing changed. */
HRESULT manager_step(Manager *m, Job *job, JobEvent event, const JobError *error);
/* The same with the end result of a final step; files marked dirty are stored with it. */
HRESULT manager_step_end(Manager *m, Job *job, JobEvent event, const JobError *error,
                         HRESULT end_result);
/* For transitions of many jobs in one transaction: what would be stored, and the rest. */
bool manager_step_view(Manager *m, const Job *job, const JobRow *row, const JobError *error,
                       HRESULT end_result, Job *ret_view);
void manager_step_apply(Manager *m, Job *job, const JobRow *row, const JobStatus *next);
/* Marks activity: ModificationTime, inactivity limit. */
void manager_touch(Manager *m, Job *job);

/* manager_tend.c */
/* Does everything that is due for the job and sets its timer. */
void manager_tend(Manager *m, Job *job);
void manager_schedule(Manager *m);
void manager_set_timer(Manager *m, Job *job, uint64_t deadline_mono);

/* manager_brake.c: what holds jobs up from outside, and lets them go again. */
/* Why the job may not run just now: BG_E_NETWORK_DISCONNECTED or BG_E_BLOCKED_BY_…; else S_OK. */
HRESULT manager_obstacle(const Manager *m, const Job *job);
/* Puts a job to which `obstacle` stands in the way into TRANSIENT_ERROR, or one that waits for such
 * to pass back into the queue (S_OK). */
HRESULT manager_brake(Manager *m, Job *job, HRESULT obstacle);
/* The same for all jobs in one transaction; what the store refuses is done later. */
void manager_brake_all(Manager *m);
void manager_tend_brakes(Manager *m);
/* When the limits change next, if that is of interest to any job. */
uint64_t manager_limits_due(const Manager *m);

/* manager_transfer.c */
/* The job's limit or level changed. */
void manager_retune(Manager *m, Job *job);
_must_use_ Op *manager_op_new(Manager *m, OpKind kind, Job *job, JobFile *file);
void manager_op_end(Manager *m, Op *op);
/* Stores durably what workers wait for, and tells them. False when the store refused. */
_must_use_ bool manager_store_awaited(Manager *m, Job *job);
/* Asks all running transfers of the job to stop. */
void manager_stop_ops(Manager *m, Job *job);
/* Starts what an active job may start now: files, then the sync. */
void manager_start_ops(Manager *m, Job *job);
/* Keeps the first failure; the job leaves its state once its operations have ended. */
void manager_fail(Manager *m, Job *job, const JobError *error);
uint64_t manager_active_usec(const Manager *m, const Job *job);
/* Bytes of a file (or of the reply) arrived, or something else was learnt about it. */
void manager_note_progress(Manager *m, Job *job, JobFile *file, uint64_t bytes);

/* manager_upload.c */
void manager_upload_event(Manager *m, Op *op, const TransferEvent *ev);
/* Resume of a job whose source had changed: without the old session and all that hung on it. */
HRESULT manager_resume_anew(Manager *m, Job *job);

/* manager_reply.c */
/* The reply of a job that gets the file `local`; the caller's. */
HRESULT manager_make_reply(Manager *m, const Job *job, const char *local, JobFile **ret);

/* A reply that was fetched under an older name leaves a temporary file there: it is removed before
 * anything else is done. True while that goes on. */
bool manager_sweep_reply(Manager *m, Job *job);
void manager_sweep_event(Manager *m, Op *op, const TransferEvent *ev);

/* manager_credentials.c */
/* The job needs them no more: they are forgotten here, and in the store with its next commit. */
void manager_forget_credentials(Manager *m, Job *job);

/* manager_rekey.c */
/* A change of the key that was interrupted goes on. */
void manager_resume_rekey(Manager *m);
void manager_tend_rekey(Manager *m);
uint64_t manager_rekey_due(const Manager *m);
/* Forgets where it stands. */
void manager_rekey_done(Manager *m);

/* manager_farewell.c */
/* What JobStatus.farewell_wall becomes when the job is cancelled now; 0: nobody to tell. */
uint64_t manager_farewell_wall(const Manager *m, const Job *job);
/* The job is at its end and owes a farewell: it begins, or goes on after a restart. */
void manager_begin_farewell(Manager *m, Job *job);
void manager_tend_farewell(Manager *m, Job *job);
void manager_farewell_event(Manager *m, Op *op, const TransferEvent *ev);
/* The network is back: all that wait ask again. */
void manager_hurry_farewells(Manager *m);

/* manager_final.c */
/* The oldest ended job that has nothing more to tell; NULL. */
Job *manager_oldest_tombstone(const Manager *m);
/* Takes an ended job out and frees it. */
void manager_drop_tombstone(Manager *m, Job *job);
void manager_tend_final(Manager *m, Job *job);
void manager_begin_auto_complete(Manager *m, Job *job);
void manager_final_event(Manager *m, Op *op, const TransferEvent *ev);
void manager_expire_tombstones(Manager *m);

/* manager_notify.c */
void manager_tend_notify(Manager *m, Job *job);
void manager_expire_deliveries(Manager *m);
/* Programs run, or are still to run. */
bool manager_has_programs(const Manager *m);

/* manager_api.c */
/* A live job the caller may change now: BG_E_NOT_FOUND, E_ACCESSDENIED, BG_E_INVALID_STATE. */
HRESULT manager_open_job(Manager *m, const Caller *caller, const GUID *id, JobEvent event,
                         Job **ret);
