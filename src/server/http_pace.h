/* SPDX-License-Identifier: Apache-2.0 */
/* When a connection has had its time: idle too long, its head not whole in the same time (so that
 * a byte now and then gains nothing), or a body that comes slower than the least rate, averaged
 * over a window. Pure: time comes in. */
#pragma once

#include "base/clock.h"
#include "server/http_front.h"

typedef struct HttpPace {
        uint64_t idle_since_mono;
        uint64_t window_since_mono; /* of the body's rate */
        uint64_t window_bytes;
} HttpPace;

static inline void http_pace_body_begins(HttpPace *p, uint64_t now_mono)
{
        p->window_since_mono = now_mono;
        p->window_bytes = 0;
}

static inline bool http_pace_is_idle(const HttpPace *p, const HttpFrontLimits *l, uint64_t now_mono)
{
        return now_mono - p->idle_since_mono >= l->idle_sec * USEC_PER_SEC;
}

/* Starts the next window when this one is over. */
bool http_pace_is_slow(HttpPace *p, const HttpFrontLimits *l, uint64_t now_mono);
/* How often to look. */
uint64_t http_pace_period_usec(const HttpFrontLimits *l);
