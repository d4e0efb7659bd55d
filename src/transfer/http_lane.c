/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/http_lane.h"

#include <errno.h>

struct HttpLane {
        List link;
        unsigned refs;
        const AuthSet *set; /* NULL: none are applied */
        AuthTicket *ticket; /* then it is one request's alone */
        uint8_t priority;
        PaceJob *limited; /* the job whose limit this lane serves; NULL: none */
        EventCurl *curl;
};

/* Whom GSS-API speaks for is a setting of the process. */
static void around(void *ctx, bool before)
{
        auth_ticket_use(before ? ctx : NULL);
}

/* What a lane has to be for a request. */
typedef struct Want {
        const AuthSet *set;
        AuthTicket *ticket;
        uint8_t priority;
        PaceJob *limited;
} Want;

static int new_lane(HttpClient *c, const Want *want, HttpLane **ret)
{
        HttpLane *l = mem_new(HttpLane);
        int r;

        if (!l)
                return -ENOMEM;
        r = event_curl_new(c->loop, (long) c->config->connections_per_host, &l->curl);
        if (r < 0) {
                mem_free(l);
                return r;
        }
        if (want->ticket)
                event_curl_set_around(l->curl, around, want->ticket);
        l->refs = 1;
        l->set = want->set;
        l->ticket = auth_ticket_ref(want->ticket);
        l->priority = want->priority;
        l->limited = pace_job_ref(want->limited);
        list_init(&l->link);
        list_append(&c->lanes, &l->link);
        *ret = l;
        return 0;
}

static bool fits(const HttpLane *l, const Want *want)
{
        return l->set == want->set && l->ticket == want->ticket && l->priority == want->priority &&
               l->limited == want->limited;
}

int http_lane_fit(HttpClient *c, const Auth *a, const PaceTask *task, HttpLane **l)
{
        Want want = {
                .ticket = auth_ticket_of(a),
                .priority = pace_task_priority(task),
                .limited = pace_task_limited_job(task),
        };

        /* What has been given credentials stays where they are. */
        want.set = auth_is_applied(a) || (*l && (*l)->set) ? a->set : NULL;
        if (*l && fits(*l, &want))
                return 0;
        *l = http_lane_unref(*l);
        if (!want.set && !want.limited)
                return 0;
        LIST_FOREACH (it, &c->lanes) {
                HttpLane *known = list_item(it, HttpLane, link);

                if (want.ticket || !fits(known, &want))
                        continue;
                known->refs++;
                *l = known;
                return 0;
        }
        return new_lane(c, &want, l);
}

HttpLane *http_lane_unref(HttpLane *l)
{
        if (!l || --l->refs > 0)
                return NULL;
        list_remove(&l->link);
        event_curl_free(l->curl);
        auth_ticket_unref(l->ticket);
        pace_job_unref(l->limited);
        mem_free(l);
        return NULL;
}

EventCurl *http_lane_curl(HttpClient *c, const HttpLane *l, const PaceTask *task)
{
        return l ? l->curl : http_client_pool(c, task);
}
