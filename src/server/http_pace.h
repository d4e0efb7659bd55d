/* SPDX-License-Identifier: Apache-2.0 */
/* When a connection has had its time: idle too long, its head not whole in the same time (so that
 * a byte now and then gains nothing), or a body that comes slower than the least rate, averaged
 * over a window. A pacer looks at all connections of a front now and then. */
#pragma once

#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/list.h"
#include "server/http_front.h"

typedef enum HttpPacePhase {
        HTTP_PACE_IDLE,   /* between requests, or in a head */
        HTTP_PACE_BODY,   /* the client is to send */
        HTTP_PACE_EXEMPT, /* we are to answer, or he may take his time */
} HttpPacePhase;

typedef struct HttpPace {
        List link;
        HttpPacePhase phase;
        uint64_t since_mono; /* of the phase; with a body, of the present window */
        uint64_t window_bytes;
} HttpPace;

typedef struct HttpPacer {
        HttpFrontLimits limits;
        List paces;
        sd_event_source *timer;
        void (*overstayed)(void *ctx, HttpPace *pace); /* must not free it before it returns */
        void (*looked)(void *ctx);                     /* after each look */
        void *ctx;
} HttpPacer;

void http_pace_enter(HttpPace *p, HttpPacePhase phase);
/* Pure. A window that is over starts anew. */
bool http_pace_has_overstayed(HttpPace *p, const HttpFrontLimits *l, uint64_t now_mono);
uint64_t http_pace_period_usec(const HttpFrontLimits *l);

/* limits, overstayed, looked and ctx are set by the caller. 0 or negative errno. */
_must_use_ int http_pacer_init(HttpPacer *pacer, sd_event *loop);
void http_pacer_done(HttpPacer *pacer);
void http_pacer_add(HttpPacer *pacer, HttpPace *p);
