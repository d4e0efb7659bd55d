/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/http_lane.h"

#include <errno.h>

struct HttpLane {
        List link;
        unsigned refs;
        const AuthSet *set;
        EventCurl *curl;
};

int http_lane_get(HttpClient *c, const AuthSet *set, HttpLane **ret)
{
        HttpLane *l;
        int r;

        LIST_FOREACH (it, &c->lanes) {
                l = list_item(it, HttpLane, link);
                if (l->set != set)
                        continue;
                l->refs++;
                *ret = l;
                return 0;
        }
        l = mem_new(HttpLane);
        if (!l)
                return -ENOMEM;
        r = event_curl_new(c->loop, (long) c->config->connections_per_host, &l->curl);
        if (r < 0) {
                mem_free(l);
                return r;
        }
        l->refs = 1;
        l->set = set;
        list_init(&l->link);
        list_append(&c->lanes, &l->link);
        *ret = l;
        return 0;
}

HttpLane *http_lane_unref(HttpLane *l)
{
        if (!l || --l->refs > 0)
                return NULL;
        list_remove(&l->link);
        event_curl_free(l->curl);
        mem_free(l);
        return NULL;
}

EventCurl *http_lane_curl(const HttpLane *l)
{
        return l->curl;
}
