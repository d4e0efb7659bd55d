/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps background transfers in the background: gives every connection of theirs a controller,
 * every interface a governor, and holds all of them to their limits (bandwidth/ has the rules).
 * FOREGROUND transfers are counted and else left alone. See docs/design/pacing.md.
 *
 *   PaceTask   an operation of the worker: whose job, of what priority
 *   PaceFlow   a request of it, from before curl has it until curl is done with it
 *
 * A connection is known by its descriptor from the moment curl opens it until curl closes it; flows
 * come and go on it. Nothing ticks unless a background request is under way. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>
#include <systemd/sd-event.h>

#include "bandwidth/controller.h"
#include "base/cleanup.h"
#include "base/list.h"
#include "engine/port/transfer.h"
#include "transfer/event_curl.h"
#include "transfer/line_report.h"
#include "transfer/transfer_config.h"

enum { PACE_BUFFER_BYTES = 256 * 1024 }; /* of who has no limit */

typedef struct Pace Pace;
typedef struct PaceJob PaceJob;
struct PaceConn;

typedef struct PaceHost {
        /* The operation has another reason to be slow; from the loop, never from inside a call. */
        void (*told)(void *ctx, uint64_t op, uint32_t file_index, TransferPaceKind kind);
        void (*lines)(void *ctx, const LineReport *report);
        void *ctx;
} PaceHost;

/* `config` is borrowed. 0 or negative errno. */
_must_use_ int pace_new(sd_event *loop, const TransferConfig *config, const PaceHost *host,
                        Pace **ret);
Pace *pace_free(Pace *p); /* NULL allowed; all flows have ended and all sockets are closed */
DEFINE_CLEANUP(Pace *, pace_free)
void pace_set_limits(Pace *p, const TransferLimits *limits);

typedef struct PaceTask {
        Pace *pace; /* NULL: not in use */
        PaceJob *job;
        uint64_t op;
        uint32_t file_index;
        TransferPaceKind kind; /* as last told */
} PaceTask;

/* `limit_bps` 0: none. 0 or -ENOMEM. */
_must_use_ int pace_task_init(PaceTask *t, Pace *p, const GUID *job, uint64_t op,
                              uint32_t file_index, uint8_t priority, uint64_t limit_bps);
void pace_task_done(PaceTask *t);
/* Of the whole job. */
void pace_task_retune(PaceTask *t, uint8_t priority, uint64_t limit_bps);
uint8_t pace_task_priority(const PaceTask *t); /* NULL: as FOREGROUND */
/* The job when it has a limit of its own, which is best kept on connections of its own; else NULL.
 * Borrowed. */
PaceJob *pace_task_limited_job(const PaceTask *t);
/* How large the receive buffer of a handle should be: one read should not take more than a limit
 * lets pass in a fourth of a second. */
long pace_task_buffer_bytes(const PaceTask *t); /* NULL: as FOREGROUND */
PaceJob *pace_job_ref(PaceJob *j);              /* NULL allowed; returns it */
PaceJob *pace_job_unref(PaceJob *j);            /* NULL allowed; returns NULL */

typedef struct PaceFlow {
        List link; /* of its connection */
        Pace *pace;
        PaceTask *task; /* NULL: not controlled at all */
        CURL *easy;
        EventCurl *curl;
        struct PaceConn *conn; /* NULL: none yet */
        bool up;               /* it sends a body */
        bool paused;           /* curl was told to wait */
        bool held;             /* … by a rule of ours, not because the peer takes no more */
        uint64_t yield_usec;   /* since pace_flow_connected(): how long it stood back for others */
} PaceFlow;

void pace_flow_init(PaceFlow *f, Pace *p, PaceTask *task, bool up);
/* event_curl_add(), under control. `curl` NULL: -ENOMEM. */
_must_use_ int pace_flow_begin(PaceFlow *f, CURL *easy, EventCurl *curl, EventCurlTransfer *t);
typedef struct PaceEnds { /* of a connection */
        const char *peer; /* address, as text */
        int own_port;
        int peer_port;
} PaceEnds;
/* From curl's CURLOPT_PREREQFUNCTION: the request is about to go out. */
void pace_flow_connected(PaceFlow *f, const PaceEnds *ends);
/* Curl is done with it. No-op when it has not begun. */
void pace_flow_end(PaceFlow *f);
/* The same, and event_curl_remove(). */
void pace_flow_stop(PaceFlow *f, EventCurlTransfer *t);
/* From the read callback: how many of `bytes` (> 0) may be sent now. 0: pause; the flow is
 * continued when there is room. */
size_t pace_flow_may_send(PaceFlow *f, size_t bytes);
void pace_flow_sent(PaceFlow *f, size_t bytes); /* what became of it */
/* From the write callback: may so many bytes be taken? False: pause; they come again. */
_must_use_ bool pace_flow_may_take(PaceFlow *f, size_t bytes);
/* It is we who keep bytes from moving, so that this is no silence of the peer. */
bool pace_flow_is_held(const PaceFlow *f);
