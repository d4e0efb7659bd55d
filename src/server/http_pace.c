/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http_pace.h"

#define PERIOD_MAX_USEC (5 * USEC_PER_SEC)
#define PERIOD_MIN_USEC (250 * USEC_PER_MSEC)
#define ACCURACY_USEC (50 * USEC_PER_MSEC)

static uint64_t window_usec(const HttpFrontLimits *l)
{
        return MAX(l->body_rate_window_sec, 1u) * USEC_PER_SEC;
}

void http_pace_enter(HttpPace *p, HttpPacePhase phase)
{
        p->phase = phase;
        p->since_mono = clock_mono_usec(&CLOCK_SYSTEM);
        p->window_bytes = 0;
}

bool http_pace_has_overstayed(HttpPace *p, const HttpFrontLimits *l, uint64_t now_mono)
{
        uint64_t usec = now_mono - p->since_mono;
        bool slow;

        if (p->phase == HTTP_PACE_IDLE)
                return usec >= l->idle_sec * USEC_PER_SEC;
        if (p->phase != HTTP_PACE_BODY || usec < window_usec(l))
                return false;
        slow = p->window_bytes < l->body_rate_min_bytes * (usec / USEC_PER_SEC);
        p->since_mono = now_mono;
        p->window_bytes = 0;
        return slow;
}

uint64_t http_pace_period_usec(const HttpFrontLimits *l)
{
        uint64_t shortest_usec = MIN(l->idle_sec * USEC_PER_SEC, window_usec(l));

        return MIN(MAX(shortest_usec / 4, PERIOD_MIN_USEC), PERIOD_MAX_USEC);
}

static void arm(HttpPacer *pacer)
{
        if (!list_is_empty(&pacer->paces) &&
            sd_event_source_set_time_relative(pacer->timer,
                                              http_pace_period_usec(&pacer->limits)) >= 0)
                (void) sd_event_source_set_enabled(pacer->timer, SD_EVENT_ONESHOT);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
        HttpPacer *pacer = userdata;
        uint64_t now_mono = clock_mono_usec(&CLOCK_SYSTEM);

        LIST_FOREACH (it, &pacer->paces) {
                HttpPace *p = list_item(it, HttpPace, link);

                if (http_pace_has_overstayed(p, &pacer->limits, now_mono))
                        pacer->overstayed(pacer->ctx, p);
        }
        pacer->looked(pacer->ctx);
        arm(pacer);
        return 0;
}

int http_pacer_init(HttpPacer *pacer, sd_event *loop)
{
        int r;

        list_init(&pacer->paces);
        r = sd_event_add_time_relative(loop, &pacer->timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC,
                                       on_look, pacer);
        return r < 0 ? r : sd_event_source_set_enabled(pacer->timer, SD_EVENT_OFF);
}

void http_pacer_done(HttpPacer *pacer)
{
        pacer->timer = sd_event_source_disable_unref(pacer->timer);
}

void http_pacer_add(HttpPacer *pacer, HttpPace *p)
{
        bool first = list_is_empty(&pacer->paces);

        http_pace_enter(p, HTTP_PACE_IDLE);
        list_append(&pacer->paces, &p->link);
        if (first)
                arm(pacer);
}
