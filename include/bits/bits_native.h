/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bits_native.h - the plain C interface of libbits: UTF-8, no COM knowledge needed. The COM
 * objects of bits.h are a thin layer over these functions.
 *
 * Conventions
 *   - Functions return an HRESULT; S_OK means the service has done and stored it. Codes are those
 *     of the Windows interface (bitsmsg.h); bits_error_text() explains each.
 *   - Jobs are named by GUID. A bits_client reconnects by itself (and starts the user's service
 *     when none runs), so a client handle survives restarts of the service.
 *   - A bits_client may be used from several threads; calls are made one after another.
 *   - Results are freed with the function named beside their type; NULL is allowed there.
 *   - Times are FILETIME ticks (100 ns since 1601 UTC), 0 = never; sizes are bytes, unknown sizes
 *     BG_SIZE_UNKNOWN.
 */
#ifndef BITS_NATIVE_H
#define BITS_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#include "wintypes.h"
#include "bitsmsg.h"
#include "bits_enums.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bits_client bits_client;
typedef struct bits_events bits_events;

/* ---- connection ---- */

typedef struct bits_options {
        const char *socket_path; /* NULL: BITSD_SOCKET, else the user's own instance */
        int no_autostart;        /* non-zero: never start the service (also BITSD_AUTOSTART=0) */
        unsigned int timeout_ms; /* for each call; 0: 25,000 (Complete and Cancel: no limit) */
} bits_options;

/* Connects (options may be NULL). 0x80070422 when autostart is off and nobody listens, 0x800706BA
 * (RPC server unavailable) when the service cannot be started or reached. */
HRESULT bits_connect(const bits_options *options, bits_client **ret);
void bits_disconnect(bits_client *client);
/* The socket this client talks to; lives as long as the client. */
const char *bits_client_socket(bits_client *client);
/* What the service said about this thread's last failed call on any client: one line for people,
 * more precise than bits_error_text() of its code; "" when there is nothing to add. Valid until
 * the thread's next call. */
const char *bits_last_message(void);

/* ---- jobs ---- */

/* Why a job moves no bytes just now; the texts of bits_why_name() are stable. */
typedef enum bits_why {
        BITS_WHY_NONE = 0,
        BITS_WHY_QUEUED_BEHIND,
        BITS_WHY_RETRY_AT,
        BITS_WHY_NETWORK_DOWN,
        BITS_WHY_PAUSED_BY_USER,
        BITS_WHY_DISK_FULL,
        BITS_WHY_NEEDS_COMPLETE,
        BITS_WHY_NEEDS_CREDENTIALS,
        BITS_WHY_ERROR,
        BITS_WHY_EMPTY,
        BITS_WHY_LINK_BUSY,
        BITS_WHY_LIMIT_RATE,
        BITS_WHY_SCHEDULE,
        BITS_WHY_METERED,
        BITS_WHY_BATTERY,
        BITS_WHY_CANNOT_SAVE /* the service cannot write its queue, mostly since that disk is full:
                                make room there; bits_status.store_note has the directory */
} bits_why;
const char *bits_why_name(bits_why why); /* "queued-behind" ...; "" for BITS_WHY_NONE */

typedef struct bits_job_info {
        GUID id;
        BG_JOB_TYPE type;
        BG_JOB_STATE state;
        BG_JOB_PRIORITY priority;
        uint32_t owner_uid;
        char *name;
        char *description;
        uint64_t bytes_total;
        uint64_t bytes_transferred;
        uint32_t files_total;
        uint32_t files_transferred;
        uint64_t creation_time;
        uint64_t modification_time;
        uint64_t transfer_completion_time;
        uint32_t notify_flags;
        uint32_t minimum_retry_delay; /* seconds */
        uint32_t no_progress_timeout; /* seconds */
        uint32_t error_count;
        BG_JOB_PROXY_USAGE proxy_usage;
        char *proxy_list;         /* NULL when not set */
        char *proxy_bypass_list;  /* NULL when not set */
        uint32_t files_in_flight; /* 0 = the service's default */
        int auto_complete;        /* completes itself once transferred */
        int has_callback;         /* some client's callback is registered */
        uint64_t rate_bps;        /* bytes per second just now */
        bits_why why;
        uint64_t retry_time; /* next try, for BITS_WHY_RETRY_AT; when it may go on, for
                                BITS_WHY_SCHEDULE; else 0 */
        char *behind;        /* name of the job it queues behind; NULL */
        HRESULT error_code;  /* S_OK when no error is pending */
        BG_ERROR_CONTEXT error_context;
        int32_t error_file;        /* index; -1 = none */
        int32_t error_http_status; /* 0 = none */
        char *error_text;          /* detail for people, may be "" */
        HRESULT end_result;        /* ended jobs: what Complete or Cancel gave */
        /* UPLOAD_REPLY only; else NULL and 0. */
        char *reply_name; /* where Complete puts the reply; NULL: not named and no file yet */
        uint64_t reply_bytes_total; /* BG_SIZE_UNKNOWN until its download begins */
        uint64_t reply_bytes_transferred;
        int reply_optional; /* a server that names no reply counts as one with an empty reply */
        /* What is run when the job is transferred or fails; NULL when not set. */
        char *notify_program;
        char *notify_parameters;
        int32_t program_result; /* of the last run: exit code, 128 + signal, or -1: it could not be
                                   started; meaningful when program_runs > 0 */
        uint64_t program_time;  /* when that run ended; 0 = none has */
        uint32_t program_runs;  /* since it was set */
        int has_credentials;    /* some slot is filled */
        uint64_t limit_bps;     /* bytes per second in all; 0 = none of its own */
} bits_job_info;
void bits_job_info_free(bits_job_info *info);

typedef struct bits_job_list {
        size_t count;
        bits_job_info *jobs;
} bits_job_list;
void bits_job_list_free(bits_job_list *list);

HRESULT bits_job_create(bits_client *client, const char *name, BG_JOB_TYPE type, GUID *ret_id);
/* S_OK when the job lives and the caller may use it; BG_E_NOT_FOUND, E_ACCESSDENIED. */
HRESULT bits_job_open(bits_client *client, const GUID *id);
/* Everything about a job, in one call; also for jobs that ended a while ago. */
HRESULT bits_job_read(bits_client *client, const GUID *id, bits_job_info **ret);
/* flags: 0 or BG_JOB_ENUM_ALL_USERS. Live jobs in creation order, one message. */
HRESULT bits_jobs_list(bits_client *client, uint32_t flags, bits_job_list **ret);

HRESULT bits_job_suspend(bits_client *client, const GUID *id);
HRESULT bits_job_resume(bits_client *client, const GUID *id);
HRESULT bits_job_cancel(bits_client *client, const GUID *id);
HRESULT bits_job_complete(bits_client *client, const GUID *id); /* BG_S_PARTIAL_COMPLETE ... */
HRESULT bits_job_set_name(bits_client *client, const GUID *id, const char *name);
HRESULT bits_job_set_description(bits_client *client, const GUID *id, const char *text);
HRESULT bits_job_set_priority(bits_client *client, const GUID *id, BG_JOB_PRIORITY priority);
HRESULT bits_job_set_notify_flags(bits_client *client, const GUID *id, uint32_t flags);
HRESULT bits_job_set_minimum_retry_delay(bits_client *client, const GUID *id, uint32_t seconds);
HRESULT bits_job_set_no_progress_timeout(bits_client *client, const GUID *id, uint32_t seconds);
HRESULT bits_job_set_proxy(bits_client *client, const GUID *id, BG_JOB_PROXY_USAGE usage,
                           const char *list, const char *bypass);
HRESULT bits_job_take_ownership(bits_client *client, const GUID *id);
/* The program (a full path, at most 260 UTF-16 units) that is run when the job is transferred or
 * fails, and its whole command line, its own name first (at most 4,000). parameters NULL: none;
 * both NULL: no program. BG_E_STRING_TOO_LONG, E_INVALIDARG, BG_E_BLOCKED_BY_POLICY. */
HRESULT bits_job_set_notify_cmd_line(bits_client *client, const GUID *id, const char *program,
                                     const char *parameters);
/* Beyond the Windows interface. */
HRESULT bits_job_set_auto_complete(bits_client *client, const GUID *id, int on);
HRESULT bits_job_set_files_in_flight(bits_client *client, const GUID *id, uint32_t n);
/* Bytes per second of the whole job, 0 = no limit, at least 256; no FOREGROUND job keeps to it.
 * Takes effect at once. E_INVALIDARG. */
HRESULT bits_job_set_limit_rate(bits_client *client, const GUID *id, uint64_t bps);

/* ---- credentials ---- */

/* A job has a slot for each target and scheme; only its owner may change them. What is in a slot is
 * sent in answer to a challenge only, is kept sealed, and nobody gets it back. */

/* Fills the slot. user and password NULL: the owner's own identity (NTLM and NEGOTIATE only). The
 * caller wipes its copies. BG_E_INVALID_AUTH_TARGET, BG_E_INVALID_AUTH_SCHEME,
 * BG_E_USERNAME_TOO_LARGE (300 UTF-16 units), BG_E_PASSWORD_TOO_LARGE (65,536), E_INVALIDARG. */
HRESULT bits_job_set_credentials(bits_client *client, const GUID *id, BG_AUTH_TARGET target,
                                 BG_AUTH_SCHEME scheme, const char *user, const char *password);
/* S_FALSE: the slot was empty. */
HRESULT bits_job_remove_credentials(bits_client *client, const GUID *id, BG_AUTH_TARGET target,
                                    BG_AUTH_SCHEME scheme);

typedef struct bits_credential {
        BG_AUTH_TARGET target;
        BG_AUTH_SCHEME scheme;
        int implicit; /* the owner's own identity */
} bits_credential;
/* The slots that are filled; free *ret with free(), NULL when there are none. */
HRESULT bits_job_list_credentials(bits_client *client, const GUID *id, bits_credential **ret,
                                  size_t *ret_count);
/* Seals all credentials of all jobs with a new key; *ret_slots (may be NULL) says how many. The
 * service's user and administrators only. */
HRESULT bits_service_rekey(bits_client *client, uint32_t *ret_slots);

/* ---- replies (UPLOAD_REPLY; E_NOTIMPL for other types) ---- */

/* NULL or "": the service makes a name beside the uploaded file. BG_E_INVALID_STATE once the
 * reply's download has begun; E_ACCESSDENIED, E_INVALIDARG. */
HRESULT bits_job_set_reply_name(bits_client *client, const GUID *id, const char *path);
HRESULT bits_job_set_reply_optional(bits_client *client, const GUID *id, int on);
/* TRANSFERRED or completed. S_OK with *ret_data from malloc, NULL when the reply is empty;
 * BG_E_TOO_LARGE over 1 MiB, with *ret_bytes set and *ret_data NULL; BG_E_INVALID_STATE. */
HRESULT bits_job_reply_data(bits_client *client, const GUID *id, uint8_t **ret_data,
                            uint64_t *ret_bytes);

/* ---- files ---- */

typedef struct bits_file_spec {
        const char *remote;
        const char *local;
} bits_file_spec;
/* All or none. */
HRESULT bits_job_add_files(bits_client *client, const GUID *id, const bits_file_spec *files,
                           size_t count);

typedef struct bits_file_info {
        uint32_t index;
        char *remote;
        char *local;
        uint64_t bytes_total;
        uint64_t bytes_transferred;
        int completed; /* visible under its local name; an upload: the server has all of it */
} bits_file_info;
typedef struct bits_file_list {
        size_t count;
        bits_file_info *files;
} bits_file_list;
void bits_file_list_free(bits_file_list *list);

HRESULT bits_files_list(bits_client *client, const GUID *id, bits_file_list **ret);
/* One file, current values; E_INVALIDARG for an index that is not there. Free as a list of one. */
HRESULT bits_file_read(bits_client *client, const GUID *id, uint32_t index, bits_file_list **ret);

/* ---- the service ---- */

#define BITS_LEVELS 4
typedef struct bits_status {
        char *version;
        uint32_t pid;
        uint64_t uptime_sec;
        uint32_t jobs;
        uint32_t jobs_active;
        uint32_t max_jobs_per_machine; /* UINT32_MAX = no limit; the next two likewise */
        uint32_t max_jobs_per_user;
        uint32_t max_files_per_job;
        int network_up;
        uint64_t rate_bps; /* all jobs together */
        char *state_dir;
        char *store_note; /* "" or what is wrong with the queue's file or disk, for people */
        int metered;      /* the network costs */
        int on_battery;
        /* What the schedules allow just now, by BG_JOB_PRIORITY, bytes per second: UINT64_MAX as
         * much as is idle, 0 nothing; and when that changes, 0 = never. */
        uint64_t limit_bps[BITS_LEVELS];
        uint64_t limits_until;
} bits_status;
void bits_status_free(bits_status *status);
HRESULT bits_service_status(bits_client *client, bits_status **ret);

/* What keeps background transfers out of others' way on a line. */
typedef enum bits_governor {
        BITS_GOVERNOR_IDLE = 0, /* nobody else is there */
        BITS_GOVERNOR_DUCK,     /* somebody came: out of the way */
        BITS_GOVERNOR_HOLD,     /* somebody is there */
        BITS_GOVERNOR_SHARE     /* uses what they leave */
} bits_governor;

/* One interface that transfers go through. Bytes per second; [0] down, [1] up. */
typedef struct bits_line {
        char interface_name[16];
        uint64_t capacity_bps[2];   /* 0: not known yet */
        uint64_t own_bps[2];        /* background jobs of this service */
        uint64_t foreground_bps[2]; /* its FOREGROUND jobs */
        uint64_t foreign_bps[2];    /* everybody else */
        bits_governor governor[2];
        uint32_t connections; /* of background jobs ... */
        uint32_t yielding;    /* ... that hold back just now */
        uint32_t base_usec;   /* round trip without queues; 0: not known */
        uint32_t queue_usec;  /* what queues add to it */
} bits_line;
/* As they were last seen, at most a second ago while jobs run. *ret_time (may be NULL): when that
 * was, 0 = never. Free *ret with free(); NULL when there are none. */
HRESULT bits_lines(bits_client *client, bits_line **ret, size_t *ret_count, uint64_t *ret_time);

/* ---- events ---- */

typedef enum bits_event_kind {
        BITS_EVENT_CHANGED = 1, /* info holds the job's present state; progress comes at most
                                   four times a second and job, state changes at once */
        BITS_EVENT_LOST,        /* the service went away; the handle reconnects by itself ... */
        BITS_EVENT_RECONNECTED  /* ... and then repeats the watch: read the jobs anew */
} bits_event_kind;

typedef struct bits_event {
        bits_event_kind kind;
        bits_job_info *info; /* NULL unless CHANGED; ended jobs come once with a final state */
} bits_event;
void bits_event_free(bits_event *event);

/* Watches one job (id) or all jobs of the caller (id NULL). A connection of its own. */
HRESULT bits_events_open(const bits_options *options, const GUID *id, bits_events **ret);
void bits_events_close(bits_events *events);
/* For poll(2): wait for POLLIN, then call bits_events_next with timeout 0 until S_FALSE. */
int bits_events_fd(bits_events *events);
/* S_OK with an event; S_FALSE when none came within timeout_ms (-1: wait for ever). */
HRESULT bits_events_next(bits_events *events, int timeout_ms, bits_event **ret);

/* ---- texts ---- */

const char *bits_error_text(HRESULT hr);         /* one sentence, never NULL */
const char *bits_error_name(HRESULT hr);         /* "BG_E_EMPTY"; NULL when the code has no name */
const char *bits_error_hint(HRESULT hr);         /* what to do; "" when nothing fits */
const char *bits_state_name(BG_JOB_STATE state); /* "BG_JOB_STATE_QUEUED" */
const char *bits_context_text(BG_ERROR_CONTEXT context); /* "the remote file" */
/* 36 characters, lower case, no braces; buffer of 37. */
void bits_guid_format(const GUID *id, char text[37]);
HRESULT bits_guid_parse(const char *text, GUID *ret_id);
const char *bits_version(void);

#ifdef __cplusplus
}
#endif
#endif
