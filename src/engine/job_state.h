/* SPDX-License-Identifier: Apache-2.0 */
/* THE transition table of a job, as data. Nothing else in the project decides which state follows
 * which: a step looks its row up here, builds the next status from it (job.h), stores that, and
 * only then applies it. docs/design/engine.md carries the same table; a test compares the two. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "engine/types.h"

typedef enum JobEvent {
        /* Calls of a user. */
        JOB_EVENT_RESUME,         /* there is something to move */
        JOB_EVENT_RESUME_NOTHING, /* no files, or TRANSFERRED and nothing new */
        JOB_EVENT_SUSPEND,
        JOB_EVENT_ADD_FILES,
        JOB_EVENT_SET_PROPERTY,
        JOB_EVENT_TAKE_OWNERSHIP,
        JOB_EVENT_COMPLETE, /* records the intent; COMPLETED or COMPLETE_FAILED follow */
        JOB_EVENT_CANCEL,   /* records the intent; CANCELLED follows */
        /* The scheduler. */
        JOB_EVENT_START,
        JOB_EVENT_SLICE_END,
        JOB_EVENT_PREEMPT,
        /* Transfers. */
        JOB_EVENT_CONNECTED,
        JOB_EVENT_PROGRESS,
        JOB_EVENT_ALL_DONE, /* every file whole and on disk */
        JOB_EVENT_TRANSIENT,
        JOB_EVENT_FATAL,
        JOB_EVENT_WORKER_LOST, /* the helper process died; nobody's fault yet */
        /* The world and time. */
        JOB_EVENT_NETWORK_LOST,
        JOB_EVENT_NETWORK_BACK,
        JOB_EVENT_BRAKED,   /* schedule, cost or battery: not now */
        JOB_EVENT_RELEASED, /* the last of these is over */
        JOB_EVENT_RETRY_DUE,
        JOB_EVENT_GIVE_UP,  /* no-progress time-out */
        JOB_EVENT_INACTIVE, /* records the intent to cancel */
        JOB_EVENT_RESTART,  /* the service starts and finds the job */
        /* Final steps. */
        JOB_EVENT_COMPLETED,
        JOB_EVENT_COMPLETE_FAILED,
        JOB_EVENT_AUTO_COMPLETE_FAILED,
        JOB_EVENT_CANCELLED,
        JOB_EVENT_MAX,
} JobEvent;

enum { JOB_STATE_COUNT = BG_JOB_STATE_CANCELLED + 1 };

typedef enum JobRowKind {
        JOB_ROW_MISSING, /* a hole in the table; a test shows that there is none */
        JOB_ROW_MOVE,    /* → `to` */
        JOB_ROW_STAY,    /* accepted, the state stays */
        JOB_ROW_REFUSED, /* the caller is told `refusal` */
        JOB_ROW_IGNORED, /* comes too late or does not concern this state */
} JobRowKind;

typedef enum JobPersist {
        JOB_PERSIST_NONE,    /* not worth a commit: re-derived after a restart */
        JOB_PERSIST_SOFT,    /* survives a crash of the service */
        JOB_PERSIST_DURABLE, /* survives power loss */
} JobPersist;

typedef enum JobEffect {
        JOB_EFFECT_COUNT_ERROR = 1 << 0, /* GetErrorCount grows */
        JOB_EFFECT_SET_ERROR = 1 << 1,   /* GetError shows the event's error */
        JOB_EFFECT_CLEAR_ERROR = 1 << 2,
        JOB_EFFECT_RESTART_CLOCKS = 1 << 3, /* no-progress and active time start anew */
        JOB_EFFECT_INTENT_COMPLETE = 1 << 4,
        JOB_EFFECT_INTENT_CANCEL = 1 << 5,
        JOB_EFFECT_END_INTENT = 1 << 6,
        JOB_EFFECT_MODIFIED = 1 << 7, /* JobModification is due */
} JobEffect;

typedef struct JobRow {
        uint16_t from;  /* bit per state */
        uint8_t number; /* of the published table; 0 = ours */
        JobEvent event;
        JobRowKind kind;
        BG_JOB_STATE to; /* of JOB_ROW_MOVE */
        HRESULT refusal; /* of JOB_ROW_REFUSED */
        JobPersist persist;
        uint32_t effects;
} JobRow;

/* The row for a pair; a JOB_ROW_MISSING row for values outside the enumerations. */
const JobRow *job_state_row(BG_JOB_STATE from, JobEvent event);
/* The raw table, for tests and the documentation. */
const JobRow *job_state_table(uint32_t *ret_len);

const char *job_state_name(BG_JOB_STATE state); /* "TRANSFERRING"; "?" outside */
const char *job_event_name(JobEvent event);     /* "slice end" */

/* Markdown rows of the table, as docs/design/engine.md shows them. 0 or the buffer's error. */
int job_state_format(Buf *out);

static inline bool job_state_is_active(BG_JOB_STATE s)
{
        return s == BG_JOB_STATE_CONNECTING || s == BG_JOB_STATE_TRANSFERRING;
}
