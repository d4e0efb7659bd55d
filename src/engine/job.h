/* SPDX-License-Identifier: Apache-2.0 */
/* A job's life inside the engine: making and freeing it, its properties with their checks, its
 * runtime state, and the pure step from one status to the next. A change is always built on a
 * copy (JobProps, JobStatus), stored, and only then put into the job. */
#pragma once

#include "base/cleanup.h"
#include "base/heap.h"
#include "base/list.h"
#include "engine/job_state.h"
#include "engine/name_set.h"
#include "engine/rate.h"
#include "engine/types.h"

struct Delivery; /* notify_plan.h */
struct Owner;    /* queue.h */

typedef enum JobPlace {
        JOB_PLACE_NONE,
        JOB_PLACE_WAITING, /* QUEUED and free to start */
        JOB_PLACE_ACTIVE,  /* holds one of the scheduler's places */
} JobPlace;

/* Notification state (notify_plan.h). */
typedef struct JobNotify {
        bool has_client;
        uint64_t client;
        List in_client;
        List in_waiting;         /* of the owner: four deliveries are already out */
        struct Delivery *sticky; /* outstanding, or NULL */
        struct Delivery *modification;
        uint64_t sticky_after_mono;  /* not before; 0 = at once */
        bool program_turn;           /* the callback failed, so the program comes next; once it was
                                        started, the event is its own */
        bool program_wanted;         /* counted in NotifyPlan.programs_wanted */
        uint64_t program_after_mono; /* the program not before; 0 = at once */
        uint32_t program_setting;    /* counts changes of the program */
        bool modified;               /* a JobModification is owed */
        uint64_t modified_after_mono;
} JobNotify;

/* The final step under way (manager_final.c); meaningful while status.intent is set. */
typedef struct JobFinal {
        bool has_token;
        uint64_t token;
        bool published; /* the publish step is over */
        bool discarded;
        uint8_t tries; /* workers lost so far */
        uint64_t op;   /* running publish or discard */
        HRESULT publish_result;
        HRESULT discard_result;
        int32_t failed_file;
} JobFinal;

/* Uploads (manager_upload.c, manager_farewell.c). */
typedef struct JobUpload {
        bool over;           /* DONE came: session closed, reply here, nothing left to move */
        bool was_complete;   /* the server had every byte once … */
        uint64_t best_bytes; /* … or so many: only what exceeds them is progress */
        char *moved;         /* owned: the running worker knows the reply by this older name */
        bool astray;         /* … and has begun to fetch it there */
        char *stray;         /* owned: a temporary file beside this name is to be removed */
        /* A cancelled job whose server is to be told. */
        uint64_t farewell_op;    /* running; 0 = none */
        uint64_t farewell_due;   /* not before */
        uint64_t farewell_until; /* then it is given up */
        List in_farewell;        /* waits for its turn */
} JobUpload;

/* Runtime state, made anew at every start of the service. Times are on the mono clock. */
typedef struct JobRun {
        Job *job;
        struct Owner *owner;
        HeapNode timer;
        List in_live;  /* live jobs in creation order, or ended ones by end */
        List in_sched; /* waiting or active jobs of its level */
        List in_todo;
        List in_dirty;
        JobPlace place;
        bool requeue_front; /* when it may wait again, then as the first of its level */

        uint32_t files_cap;
        uint32_t cursor;      /* no file before it wants to be started */
        uint32_t net_pending; /* files not done that need the network */
        uint32_t files_published;
        NameSet names;
        uint32_t *dirty_files; /* indices of files with `dirty` */
        uint32_t dirty_len, dirty_cap;
        bool dirty_all; /* no memory for the list: look at all files */
        bool status_dirty;
        bool credentials_dirty; /* the store may hold others than the job */
        bool harden;            /* a durable commit has to come before files are touched */

        List ops; /* running transfers and the sync */
        uint32_t ops_len;
        bool syncing;
        bool synced;            /* nothing was written since the last sync */
        bool failed;            /* a transfer failed: the job stops as soon as its operations did */
        JobError *failure;      /* may be NULL for want of memory */
        uint8_t workers_lost;   /* in a row, without progress */
        uint64_t blocked_until; /* the store refused a commit: not before */
        bool unsaved;           /* … and has taken none since */

        uint64_t active_since;      /* valid while CONNECTING or TRANSFERRING */
        uint64_t slice_used_usec;   /* of its time slice, before active_since */
        uint64_t touched;           /* last activity, for the inactivity limit … */
        uint64_t idle_usec;         /* … plus what had passed before this start of the service */
        uint64_t error_since;       /* entered TRANSIENT_ERROR … */
        uint64_t error_waited_usec; /* … plus what was waited before this start */
        uint64_t trouble_since;     /* first transient error since the last progress, or INFINITY */
        Rate rate;

        JobUpload upload;
        JobNotify notify;
        JobFinal final;
} JobRun;

/* A SUSPENDED job of one owner without files and run; NULL when out of memory. */
_must_use_ Job *job_new(const GUID *id, uint64_t serial, uint32_t owner_uid, const char *name,
                        uint64_t now_wall);
/* Frees the job with its files and runtime state; also half-made ones, as a store makes them while
 * it loads. NULL allowed; returns NULL. The job must be in no list and no heap. */
Job *job_free(Job *job);
DEFINE_CLEANUP(Job *, job_free)
/* Gives a job its runtime state. 0 or -ENOMEM. */
_must_use_ int job_attach_run(Job *job, uint64_t now_mono, uint64_t seed);

/* Properties. A copy owns its strings. */
_must_use_ int job_props_copy(const JobProps *from, JobProps *ret);
void job_props_done(JobProps *props);

/* One function per property: checks the value and puts it into `props`, or fails and changes
 * nothing. E_OUTOFMEMORY is possible where strings are kept. */
HRESULT job_check_create(const char *name, BG_JOB_TYPE type);
HRESULT job_set_name(JobProps *props, const char *name);
HRESULT job_set_description(JobProps *props, const char *text);
HRESULT job_set_priority(JobProps *props, uint32_t priority);
HRESULT job_set_notify_flags(JobProps *props, uint32_t flags);
HRESULT job_set_retry_delay(JobProps *props, uint32_t sec);
HRESULT job_set_no_progress(JobProps *props, uint32_t sec);
HRESULT job_set_proxy(JobProps *props, uint32_t usage, const char *list, const char *bypass);
HRESULT job_set_files_in_flight(JobProps *props, uint32_t n);
HRESULT job_set_limit_rate(JobProps *props, uint64_t bps);
/* NULL or "": to be generated. */
HRESULT job_set_reply_name(JobProps *props, const char *name);
/* NULL or "" twice removes it. No check whether the program is there or its path absolute: that
 * shows when it is to run. */
HRESULT job_set_notify_cmd_line(JobProps *props, const char *program, const char *parameters,
                                uint32_t uid);

/* Fits what a store handed out the ranges that the engine indexes by? */
bool job_is_sane(const Job *job);

/* What a row makes of a status. `error` is used by rows that set the error. Pure. */
typedef struct JobStep {
        const JobRow *row;
        const JobError *error;
        uint64_t now_wall;
        uint64_t active_usec;   /* the running period, to be added when it ends */
        HRESULT end_result;     /* of rows into a final state */
        bool keep_event;        /* a job that completes by itself tells its program afterwards */
        uint64_t farewell_wall; /* of rows into CANCELLED: JobStatus.farewell_wall */
} JobStep;
JobStatus job_status_after(const JobStatus *status, const JobStep *step);

static inline bool job_is_upload(const Job *job)
{
        return job->type == BG_JOB_TYPE_UPLOAD || job->type == BG_JOB_TYPE_UPLOAD_REPLY;
}

/* Is something left to move? An upload goes on after its file is complete: the reply is to be
 * fetched and the session to be closed. */
static inline bool job_has_pending_files(const Job *job)
{
        if (job_is_upload(job))
                return job->files_len > 0 && !job->run->upload.over;
        return job->files_done < job->files_len;
}

static inline bool job_is_foreground(const Job *job)
{
        return job->props.priority == BG_JOB_PRIORITY_FOREGROUND;
}
