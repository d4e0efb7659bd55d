/* SPDX-License-Identifier: Apache-2.0 */
/* What pace.c, pace_flow.c and pace_share.c share. */
#pragma once

#include "base/clock.h"
#include "transfer/pace.h"
#include "transfer/pace_conn.h"
#include "transfer/pace_line.h"

enum {
        PACE_TICK_USEC = 10 * 1000,
        PACE_SLOW_TICK_USEC = 250 * 1000, /* while only FOREGROUND runs, or nothing any more */
        PACE_STEP_USEC = 100 * 1000,      /* governors and shares */
        PACE_REPORT_USEC = 1000 * 1000,   /* and how long it ticks on after the last request */
};

struct PaceJob {
        List link;
        unsigned refs;
        GUID id;
        uint8_t priority;
        uint64_t limit_bps; /* UINT64_MAX: none */
        ShareNode share;    /* while shares are made out */
};

struct Pace {
        sd_event *loop; /* borrowed */
        const TransferConfig *config;
        PaceHost host;
        int netlink_fd; /* -1: interfaces cannot be told apart */
        sd_event_source *timer;
        sd_event_source *pump; /* sooner than the next tick, for uploads */
        bool ticking;
        List conns; /* of PaceConn, whether in use or not */
        List jobs;  /* of PaceJob */
        List lines; /* of PaceLine */
        TransferLimits limits;
        uint64_t tick_usec; /* of the last one, as the next three */
        uint64_t step_usec;
        uint64_t share_usec;
        uint64_t report_usec;
        uint64_t flow_usec; /* when there was a request under way */
};

static inline bool pace_conn_is_active(const PaceConn *c)
{
        return !list_is_empty(&c->flows);
}

uint64_t pace_now_usec(const Pace *p);
/* The shortest round trip of those that use the line now, in microseconds; 0: not known. */
uint64_t pace_line_base_usec(const Pace *p, const PaceLine *l);
/* Ticks from now on, if it does not yet. */
void pace_wake(Pace *p);
/* Soon asks uploads again that had to wait. */
void pace_pump_in(Pace *p, uint64_t usec);
/* Of the requests on it: the highest. */
uint8_t pace_conn_priority(const PaceConn *c);
/* Lets go of a connection that curl has closed. */
void pace_forget(Pace *p, PaceConn *c);
/* Once a second: connections whose packets take another interface now belong to that line. */
void pace_check_ways(Pace *p, uint64_t now_usec);
/* Holds its connection back or lets it go, as its limit says. */
void pace_flow_check(PaceFlow *f, uint64_t now_usec);
/* Tells each connection under way what the lines, the limits and the others leave to it. */
void pace_share(Pace *p, uint64_t now_usec);
