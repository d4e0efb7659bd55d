/* SPDX-License-Identifier: Apache-2.0 */
/* What a job is: plain data, shared by the engine, the store, the transfer side and the socket.
 * Only the engine changes these objects; everybody else reads them through const pointers that
 * stay valid until control returns to the engine. All strings are valid UTF-8 and owned by the
 * object they stand in. Sizes are bytes; BG_SIZE_UNKNOWN means not known. Times called `_wall`
 * are microseconds since 1970 (they survive restarts), `_mono` run on the engine's steady clock
 * (they do not). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/guid.h"
#include "base/heap.h"
#include "base/list.h"
#include "bits_enums.h"
#include "bitsmsg.h"
#include "wintypes.h"

enum {
        JOB_ERROR_TEXT_BYTES = 200,
        JOB_ERROR_HOST_BYTES = 256,
        JOB_NO_FILE = -1,
        JOB_REPLY_INDEX = 1,
        JOB_SESSION_BYTES_MAX = 16384,
        REPLY_DATA_BYTES_MAX = 1048576, /* GetReplyData */
};

/* Limits of the API, in UTF-16 units where text is meant (api-core §21.1, design §3). */
enum {
        LIMIT_NAME_UNITS = 256,
        LIMIT_DESCRIPTION_UNITS = 1024,
        LIMIT_URL_UNITS = 2200,
        LIMIT_URL_SEGMENT_UNITS = 260,
        LIMIT_LOCAL_BYTES = 4095, /* PATH_MAX without the terminator */
        LIMIT_LOCAL_LEAF_BYTES = 255,
        LIMIT_PROXY_LIST_UNITS = 32000,
        MIN_RETRY_DELAY_SEC = 5,
        DEFAULT_RETRY_DELAY_SEC = 600,
        DEFAULT_NO_PROGRESS_SEC = 1209600,
        MAX_NOTIFICATIONS_PER_USER = 4,
        LIMIT_PROGRAM_UNITS = 260, /* MAX_PATH */
        LIMIT_PARAMETERS_UNITS = 4000,
        LIMIT_RATE_BPS_MIN = 256, /* 2 Kbit/s, below which nothing would ever end */
};

/* Why a transfer or a job failed; a value, copied whole. code S_OK means "no error". */
typedef struct JobError {
        HRESULT code;
        BG_ERROR_CONTEXT context;
        int32_t file_index;              /* JOB_NO_FILE when no file is concerned */
        int32_t http_status;             /* 0 when no HTTP answer was involved */
        int32_t curl_code;               /* 0 when none; for logs only */
        int32_t sys_errno;               /* positive; 0 when none */
        uint32_t retry_after_sec;        /* server's Retry-After, 0 when none */
        bool fatal;                      /* classified by whoever made it (job_error.h) */
        bool event_driven;               /* waits for an outside event, not for the retry timer */
        char host[JOB_ERROR_HOST_BYTES]; /* host of the URL, never user info or query */
        char text[JOB_ERROR_TEXT_BYTES]; /* what happened, for people; may be "" */
} JobError;

typedef enum FileState {
        FILE_PENDING,   /* nothing kept locally */
        FILE_PARTIAL,   /* a temporary file with done_bytes good bytes from offset 0 */
        FILE_DONE,      /* the temporary file is whole */
        FILE_PUBLISHED, /* visible under its final name */
        FILE_STATE_MAX,
} FileState;

#define FILE_NO_TIME INT64_MIN
typedef struct JobFile {
        uint32_t index; /* order of AddFile, from 0 */
        char *remote;
        char *local;
        FileState state;
        uint64_t size_bytes;   /* of the remote file, BG_SIZE_UNKNOWN until learnt */
        uint64_t done_bytes;   /* written; trusted over a crash of the daemon, not of the machine */
        uint64_t synced_bytes; /* of these, known to be on disk; trusted after power loss */
        char *etag;            /* strong validator as sent, with quotes; NULL when none */
        int64_t modified_sec;  /* Last-Modified, seconds since 1970; FILE_NO_TIME when none */

        /* Runtime only. */
        uint64_t op;   /* running transfer operation, 0 = none */
        uint8_t pace;  /* TransferPaceKind of `op` */
        bool dirty;    /* differs from the store */
        bool stopping; /* a stop was asked for `op` */
} JobFile;

/* What the user sets. */
typedef struct JobProps {
        char *name;
        char *description;
        BG_JOB_PRIORITY priority;
        uint32_t notify_flags;
        uint32_t retry_delay_sec;
        uint32_t no_progress_sec;
        BG_JOB_PROXY_USAGE proxy_usage;
        char *proxy_list;         /* NULL = not set */
        char *proxy_bypass;       /* NULL = not set */
        uint32_t files_in_flight; /* 0 = the policy's default for the priority; 1 keeps the order */
        bool auto_complete;       /* Complete by itself once TRANSFERRED (bitsctl get) */
        char *reply_name;         /* UPLOAD_REPLY: set by SetReplyFileName; NULL: generated */
        bool reply_optional;      /* UPLOAD_REPLY: no reply URL means an empty reply */
        char *notify_program;     /* SetNotifyCmdLine; NULL = none */
        char *notify_parameters;  /* the whole command line; NULL = the program's path alone */
        uint32_t notify_uid;      /* who set it; 0 and meaningless without a program */
        uint64_t limit_bps;       /* bytes per second in all; 0 = none. Not for FOREGROUND */
} JobProps;

/* How a notification program ended: its exit code, minus the number of the signal that ended it, or
 * PROGRAM_NOT_STARTED minus the errno for which it could not be started. */
enum { PROGRAM_NOT_STARTED = -1000 };

/* A final step under way: recorded before it acts, so that a crash rolls it forward. */
typedef enum JobIntent {
        INTENT_NONE,
        INTENT_COMPLETE,
        INTENT_CANCEL,
        INTENT_MAX,
} JobIntent;

typedef enum NotifyKind {
        NOTIFY_NONE,
        NOTIFY_TRANSFERRED,
        NOTIFY_ERROR,
        NOTIFY_MODIFICATION,
        NOTIFY_KIND_MAX,
} NotifyKind;

/* What happens to it; stored with the job. */
typedef struct JobStatus {
        BG_JOB_STATE state;
        JobIntent intent;
        NotifyKind undelivered; /* the sticky event nobody has taken yet */
        uint32_t error_count;
        JobError error; /* last one, until the next TRANSFERRING */
        uint64_t created_wall;
        uint64_t modified_wall;
        uint64_t transferred_wall;  /* 0 before TRANSFERRED */
        uint64_t ended_wall;        /* 0 before ACKNOWLEDGED or CANCELLED; final jobs are kept a
                                       while so that held pointers still answer */
        HRESULT end_result;         /* of the Complete or Cancel that ended it */
        uint64_t active_usec;       /* CONNECTING + TRANSFERRING so far (MaxDownloadTime) */
        bool uploaded;              /* uploads: the server has acknowledged every byte */
        uint64_t farewell_wall;     /* a cancelled upload whose server does not know yet: keep
                                       telling it until then; 0 = nothing to tell */
        int32_t program_result;     /* of the last run of notify_program, see above */
        uint64_t program_time_wall; /* when that run ended; 0 = it never ran */
        uint32_t program_runs;      /* since SetNotifyCmdLine, failed starts included */
} JobStatus;

/* A sealed secret of a job: opened only where a worker's START is made (engine/port/vault.h). */
typedef struct JobCredential {
        uint32_t target; /* BG_AUTH_TARGET */
        uint32_t scheme; /* BG_AUTH_SCHEME */
        bool implicit;   /* the owner's own identity; known without opening, for `cred list` */
        uint8_t *sealed;
        uint32_t sealed_bytes;
} JobCredential;
enum { JOB_CREDENTIALS_MAX = 10 };

typedef struct Job {
        GUID id;
        uint64_t serial; /* creation order inside this store; the store's key of the job */
        uint32_t owner_uid;
        BG_JOB_TYPE type;
        JobProps props;
        JobStatus status;
        JobFile **files;
        uint32_t files_len;

        /* Uploads: where the upload session stands, opaque here (transfer/upload_state.h); and the
         * answer of an UPLOAD_REPLY job, a download of its own. It is no file of the job: its index
         * is JOB_REPLY_INDEX, `remote` is "" until the server named it, `local` is where Complete
         * puts it. NULL for other types and before AddFile. */
        uint8_t *session;
        uint32_t session_bytes;
        JobFile *reply;
        JobCredential *credentials;
        uint32_t credentials_len; /* one per (target, scheme), ≤ JOB_CREDENTIALS_MAX */

        /* Kept in step by job_file.c so that GetProgress is O(1). */
        uint32_t files_done; /* DONE or PUBLISHED */
        uint32_t files_size_unknown;
        uint64_t bytes_total_known; /* sum over files of known size */
        uint64_t bytes_done;

        /* The rest is the engine's runtime state; see job.h. Not stored, not for others. */
        struct JobRun *run;
} Job;

/* Progress as GetProgress reports it. */
static inline uint64_t job_bytes_total(const Job *job)
{
        return job->files_size_unknown > 0 ? BG_SIZE_UNKNOWN : job->bytes_total_known;
}

static inline bool job_state_is_final(BG_JOB_STATE s)
{
        return s == BG_JOB_STATE_ACKNOWLEDGED || s == BG_JOB_STATE_CANCELLED;
}
