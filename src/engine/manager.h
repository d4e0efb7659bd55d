/* SPDX-License-Identifier: Apache-2.0 */
/* The one door of the engine: one function per API method and per outside event.
 *
 * Every API function decides, persists, applies, and then acts; S_OK means the change is in the
 * store. Failures change nothing. Caller facts come in as a value; `id` is a job's GUID. Functions
 * that take a `token` are answered exactly once through NotifierPort.reply(token, hr), maybe before
 * they return (Complete and Cancel touch the user's files first).
 *
 * Time: the host calls manager_run() whenever manager_next_wakeup_mono() is reached or anything
 * was called; it runs timers and the scheduler and must be called once after every batch of calls.
 */
#pragma once

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/policy.h"
#include "engine/port/local_time.h"
#include "engine/port/notifier.h"
#include "engine/port/random.h"
#include "engine/port/store.h"
#include "engine/port/transfer.h"
#include "engine/port/vault.h"
#include "engine/types.h"

typedef struct Manager Manager;

typedef struct ManagerPorts {
        StorePort store;
        TransferPort transfer;
        NotifierPort notifier;
        VaultPort vault; /* all NULL: none, and credentials are E_NOTIMPL */
        RandomPort random;
        LocalTimePort local_time;
        Clock clock;
} ManagerPorts;

typedef struct Caller {
        uint32_t uid;
        bool is_admin;   /* a fact established outside (uid 0, group, polkit) */
        uint64_t client; /* connection number, for callbacks */
} Caller;

typedef struct FileSpec { /* borrowed */
        const char *remote;
        const char *local;
} FileSpec;

/* Ports and policy are copied. NULL when out of memory. */
_must_use_ Manager *manager_new(const ManagerPorts *ports, const Policy *policy);
Manager *manager_free(Manager *m); /* NULL allowed; stops nothing: the host closes the ports */
DEFINE_CLEANUP(Manager *, manager_free)

/* Loads the queue and re-derives what is left to do (rows 34–35 of the transition table, final
 * steps rolled forward). 0 or negative errno of the store. Once, before anything else. */
_must_use_ int manager_load(Manager *m);
/* New values from a re-read configuration. */
void manager_set_policy(Manager *m, const Policy *policy);

/* IBackgroundCopyManager. */
HRESULT manager_create_job(Manager *m, const Caller *caller, const char *name, BG_JOB_TYPE type,
                           GUID *ret_id);
/* A live job the caller may see: BG_E_NOT_FOUND, E_ACCESSDENIED. Borrowed until the next call. */
HRESULT manager_get_job(Manager *m, const Caller *caller, const GUID *id, const Job **ret);
/* The same, also for jobs that ended a while ago: what getters on held pointers use. */
HRESULT manager_read_job(Manager *m, const Caller *caller, const GUID *id, const Job **ret);
/* Calls `each` for every live job in creation order; BG_JOB_ENUM_ALL_USERS needs is_admin;
 * unknown flags E_NOTIMPL. `each` must not call the manager. A false return stops. */
HRESULT manager_enum_jobs(Manager *m, const Caller *caller, uint32_t flags,
                          bool (*each)(void *ctx, const Job *job), void *ctx);

/* IBackgroundCopyJob. */
HRESULT manager_add_files(Manager *m, const Caller *caller, const GUID *id, const FileSpec *files,
                          uint32_t n);
HRESULT manager_suspend(Manager *m, const Caller *caller, const GUID *id);
HRESULT manager_resume(Manager *m, const Caller *caller, const GUID *id);
void manager_complete(Manager *m, const Caller *caller, const GUID *id, uint64_t token);
void manager_cancel(Manager *m, const Caller *caller, const GUID *id, uint64_t token);
HRESULT manager_set_name(Manager *m, const Caller *caller, const GUID *id, const char *name);
HRESULT manager_set_description(Manager *m, const Caller *caller, const GUID *id, const char *text);
HRESULT manager_set_priority(Manager *m, const Caller *caller, const GUID *id, uint32_t priority);
HRESULT manager_set_notify_flags(Manager *m, const Caller *caller, const GUID *id, uint32_t flags);
HRESULT manager_set_retry_delay(Manager *m, const Caller *caller, const GUID *id, uint32_t sec);
HRESULT manager_set_no_progress_timeout(Manager *m, const Caller *caller, const GUID *id,
                                        uint32_t sec);
HRESULT manager_set_proxy(Manager *m, const Caller *caller, const GUID *id, uint32_t usage,
                          const char *list, const char *bypass); /* NULL = not given */
HRESULT manager_take_ownership(Manager *m, const Caller *caller, const GUID *id);
/* Ours, beyond the Windows interface. */
HRESULT manager_set_auto_complete(Manager *m, const Caller *caller, const GUID *id, bool on);
HRESULT manager_set_files_in_flight(Manager *m, const Caller *caller, const GUID *id, uint32_t n);
/* Bytes per second, 0 = none, at least LIMIT_RATE_BPS_MIN; E_INVALIDARG. At once. */
HRESULT manager_set_limit_rate(Manager *m, const Caller *caller, const GUID *id, uint64_t bps);

/* IBackgroundCopyJob2, replies of UPLOAD_REPLY jobs (E_NOTIMPL for the others). The file name:
 * NULL or "" asks for a generated one; BG_E_INVALID_STATE once the reply's download has begun. The
 * data: api-core §9.4; *ret_data is the caller's. */
HRESULT manager_set_reply_name(Manager *m, const Caller *caller, const GUID *id, const char *name);
HRESULT manager_set_reply_optional(Manager *m, const Caller *caller, const GUID *id, bool on);
HRESULT manager_reply_data(Manager *m, const Caller *caller, const GUID *id, uint8_t **ret_data,
                           uint64_t *ret_bytes);

/* IBackgroundCopyJob2::SetNotifyCmdLine; NULL or "" twice removes it. E_INVALIDARG for parameters
 * without a program, BG_E_STRING_TOO_LONG, BG_E_BLOCKED_BY_POLICY when programs are forbidden (they
 * can still be removed). Whether the program is there shows when it is to run. */
HRESULT manager_set_notify_cmd_line(Manager *m, const Caller *caller, const GUID *id,
                                    const char *program, const char *parameters);

/* IBackgroundCopyJob2::SetCredentials and RemoveCredentials; BG_AUTH_TARGET, BG_AUTH_SCHEME, UTF-8.
 * Only for the owner: an administrator who is not gets E_ACCESSDENIED. Both NULL: implicit, NTLM
 * and NEGOTIATE only. On disk when answered. Codes of api-core §9.7 and §9.8, and
 * HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA) beyond Policy.sealed_bytes_per_user,
 * ERROR_GEN_FAILURE when the vault's key cannot be used (VaultPort.why tells). The texts stay the
 * caller's, who wipes them. Removing answers S_FALSE when the slot is empty. Transfers that run go
 * on with what they were given. */
HRESULT manager_set_credentials(Manager *m, const Caller *caller, const GUID *id, uint32_t target,
                                uint32_t scheme, const char *user, const char *password);
HRESULT manager_remove_credentials(Manager *m, const Caller *caller, const GUID *id,
                                   uint32_t target, uint32_t scheme);
/* A new key for the vault; whoever may ask for it is the caller's to check. Answered through
 * NotifierPort.reply(token) once the old key is gone, some turns later: S_OK, then
 * manager_rekeyed_slots() says how many slots that were; ERROR_BUSY while another call waits; the
 * vault's error (the old key stays; ask again); the store's (the change goes on by itself).
 * An interrupted change goes on with the next start. */
void manager_rekey(Manager *m, uint64_t token);
uint32_t manager_rekeyed_slots(const Manager *m);

/* Callbacks: caller->client becomes (or stops being) the job's one notify interface. */
HRESULT manager_set_notify_client(Manager *m, const Caller *caller, const GUID *id, bool on);
bool manager_has_notify_client(Manager *m, const Job *job);
/* Answer to NotifierPort.deliver(): S_OK consumes the event, anything else is tried again after
 * the job's retry delay. Unknown deliveries are ignored. */
void manager_notify_result(Manager *m, uint64_t delivery, HRESULT hr);
/* Answer to NotifierPort.run_program(): 0 consumes the event; with anything else the program is run
 * again after the job's retry delay, unless the job left the state that the event tells of.
 * `result` as JobStatus.program_result. Unknown deliveries are ignored. */
void manager_program_result(Manager *m, uint64_t delivery, int32_t result);
/* The connection ended: its registrations are void, its deliveries failed. */
void manager_client_gone(Manager *m, uint64_t client);

/* Outside events. */
void manager_transfer_event(Manager *m, const TransferEvent *ev);
void manager_network_changed(Manager *m, bool up);
/* What the network costs, and where the power comes from; both false at first. */
void manager_metered_changed(Manager *m, bool metered);
void manager_battery_changed(Manager *m, bool on_battery);
/* The clock's next deadline on the mono clock; 0 = now, USEC_INFINITY = none. */
uint64_t manager_next_wakeup_mono(const Manager *m);
void manager_run(Manager *m);
/* Commits progress not yet stored and stops nothing; for a graceful end. 0 or negative errno. */
int manager_flush(Manager *m);
/* True while a job exists that can run without anybody's help (the daemon must stay). */
bool manager_has_work(const Manager *m);

/* Why a live job moves no bytes just now (cli-conventions §4.6). */
typedef enum WhyCode {
        WHY_NONE, /* bytes flow, or are about to */
        WHY_QUEUED_BEHIND,
        WHY_RETRY_AT,
        WHY_NETWORK_DOWN,
        WHY_PAUSED_BY_USER,
        WHY_DISK_FULL,
        WHY_NEEDS_COMPLETE,
        WHY_NEEDS_CREDENTIALS,
        WHY_ERROR,
        WHY_EMPTY,      /* suspended and without files */
        WHY_LINK_BUSY,  /* others use the line */
        WHY_LIMIT_RATE, /* its own limit, or an administrator's, takes effect */
        WHY_SCHEDULE,   /* nothing may be moved at this hour */
        WHY_METERED,
        WHY_BATTERY,
        WHY_CANNOT_SAVE, /* the store refuses its next change: a full disk, mostly */
        WHY_MAX,
} WhyCode;

const char *why_code_to_string(WhyCode code); /* "queued-behind" … ; "" for NONE */

typedef struct Why {
        WhyCode code;
        uint64_t retry_wall; /* when code has a time, else 0; SCHEDULE: when that changes */
        const Job *behind;   /* the job it queues behind, may be NULL; borrowed */
} Why;

void manager_why(Manager *m, const Job *job, Why *ret);
/* Bytes per second of the job over the last seconds; 0 when it is not transferring. */
uint64_t manager_job_rate_bps(Manager *m, const Job *job);

typedef struct ManagerCounts {
        uint32_t jobs;        /* live */
        uint32_t jobs_active; /* CONNECTING or TRANSFERRING */
        uint32_t by_state[BG_JOB_STATE_CANCELLED + 1];
        bool network_up, metered, on_battery;
        TransferLimits limits;      /* what the schedules allow just now … */
        uint64_t limits_until_wall; /* … and when that changes; USEC_INFINITY: never */
        int store_error; /* negative errno of the last failed commit not yet repeated, else 0 */
} ManagerCounts;

void manager_counts(const Manager *m, ManagerCounts *ret);
