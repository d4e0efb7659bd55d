/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http_pace.h"

#define PERIOD_MAX_USEC (5 * USEC_PER_SEC)
#define PERIOD_MIN_USEC (250 * USEC_PER_MSEC)

static uint64_t window_usec(const HttpFrontLimits *l)
{
        return MAX(l->body_rate_window_sec, 1u) * USEC_PER_SEC;
}

bool http_pace_is_slow(HttpPace *p, const HttpFrontLimits *l, uint64_t now_mono)
{
        uint64_t usec = now_mono - p->window_since_mono;
        bool slow;

        if (usec < window_usec(l))
                return false;
        slow = p->window_bytes < l->body_rate_min_bytes * (usec / USEC_PER_SEC);
        http_pace_body_begins(p, now_mono);
        return slow;
}

uint64_t http_pace_period_usec(const HttpFrontLimits *l)
{
        uint64_t shortest_usec = MIN(l->idle_sec * USEC_PER_SEC, window_usec(l));

        return MIN(MAX(shortest_usec / 4, PERIOD_MIN_USEC), PERIOD_MAX_USEC);
}
