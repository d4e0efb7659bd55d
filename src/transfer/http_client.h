/* SPDX-License-Identifier: Apache-2.0 */
/* What all requests of a worker share: connections, spare handles, settings, and the tick that
 * looks for silence. The struct is for http_op.c and http_post.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "transfer/event_curl.h"
#include "transfer/pace.h"
#include "transfer/transfer_config.h"

enum {
        HTTP_POOLS = 4,
        HTTP_SPARE_HANDLES = 16,
        /* An unwanted body is worth reading when that is cheaper than a new connection. */
        HTTP_SKIP_MAX_BYTES = 64 * 1024,
        HTTP_SKIP_MAX_SEC = 5,
};

typedef struct HttpClient {
        sd_event *loop;               /* borrowed */
        const TransferConfig *config; /* borrowed */
        Pace *pace;
        EventCurl *pool[HTTP_POOLS]; /* by BG_JOB_PRIORITY; NULL: not needed yet */
        List ticking;                /* of HttpTicking */
        List lanes;                  /* of HttpLane */
        uint64_t tick_usec;          /* the last one */
        CURL *spare[HTTP_SPARE_HANDLES];
        size_t spare_len;
} HttpClient;

/* A request under way. */
typedef struct HttpTicking HttpTicking;
struct HttpTicking {
        List link;
        /* About four times a second; may end and free its own request. `was_blocked`: the loop
         * stood still, so that what looks like silence was ours. */
        void (*tick)(HttpTicking *t, uint64_t now_usec, bool was_blocked);
};

_must_use_ int http_client_new(sd_event *loop, const TransferConfig *config,
                               const PaceHost *pace_host, HttpClient **ret);
HttpClient *http_client_free(HttpClient *c); /* NULL allowed; all requests must be gone */
DEFINE_CLEANUP(HttpClient *, http_client_free)
/* To be called about every second: ends what has been silent for too long. */
void http_client_tick(HttpClient *c);

/* Time of this turn of the loop. */
uint64_t http_client_now_usec(const HttpClient *c);
/* The connections that requests of a task may use which have no lane; those of another priority
 * have others, so that HTTP/2 never puts both on one. NULL when it cannot be made. */
_must_use_ EventCurl *http_client_pool(HttpClient *c, const PaceTask *task);
/* Options of every request. 0 or -ENOMEM. */
_must_use_ int http_client_set_up(const HttpClient *c, CURL *easy);
/* The proxy of the next hop, in the terms of proxy_plan_pick(). 0 or -ENOMEM. */
_must_use_ int http_client_set_proxy(CURL *easy, const char *proxy);
/* Could the next proxy of a plan do better? Only when this one was not even reached. */
bool http_client_proxy_failed(CURLcode code);
/* May a URL that a stranger chose lead to `peer`? Not to this machine or its link. The connection
 * of a proxy (as handed to http_client_set_proxy()) says nothing about that. */
bool http_client_keeps_out(const char *peer, const char *proxy, const char *scheme);
/* An address of this machine or its link, as text. */
bool http_address_is_local(const char *address);
