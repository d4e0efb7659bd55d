/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/http_lane.h"

#include <errno.h>

struct HttpLane {
        List link;
        unsigned refs;
        const AuthSet *set;
        AuthTicket *ticket; /* then it is one request's alone */
        EventCurl *curl;
};

/* Whom GSS-API speaks for is a setting of the process. */
static void around(void *ctx, bool before)
{
        auth_ticket_use(before ? ctx : NULL);
}

static int new_lane(HttpClient *c, const AuthSet *set, AuthTicket *ticket, HttpLane **ret)
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
        if (ticket)
                event_curl_set_around(l->curl, around, ticket);
        l->refs = 1;
        l->set = set;
        l->ticket = auth_ticket_ref(ticket);
        list_init(&l->link);
        list_append(&c->lanes, &l->link);
        *ret = l;
        return 0;
}

int http_lane_fit(HttpClient *c, const Auth *a, HttpLane **l)
{
        AuthTicket *ticket = auth_ticket_of(a);

        if (*l ? (*l)->ticket == ticket : !auth_is_applied(a))
                return 0;
        *l = http_lane_unref(*l);
        LIST_FOREACH (it, &c->lanes) {
                HttpLane *known = list_item(it, HttpLane, link);

                if (known->set != a->set || known->ticket || ticket)
                        continue;
                known->refs++;
                *l = known;
                return 0;
        }
        return new_lane(c, a->set, ticket, l);
}

HttpLane *http_lane_unref(HttpLane *l)
{
        if (!l || --l->refs > 0)
                return NULL;
        list_remove(&l->link);
        event_curl_free(l->curl);
        auth_ticket_unref(l->ticket);
        mem_free(l);
        return NULL;
}

EventCurl *http_lane_curl(const HttpLane *l)
{
        return l->curl;
}
