/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of one upload on their way: BITS_POST requests, one after the other, whose bodies are
 * read from the source file while they are sent, and the Acks that answer them. What an Ack means,
 * redirects included, is for proto/bup_client.h to say.
 *
 * All packets go through one curl handle and so, as long as the server keeps it open, over one
 * connection. HTTP/1.1 only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "engine/types.h"
#include "proto/bup_client.h"
#include "transfer/auth_set.h"
#include "transfer/http_client.h"
#include "transfer/proxy.h"

typedef struct HttpPost HttpPost;

typedef struct HttpPacket { /* all borrowed until the answer */
        const char *url;
        const BupRequest *request;
        int source_fd;                 /* where the bytes of a fragment are; -1: no fragment */
        uint32_t send_timeout_sec;     /* without progress of the body */
        uint32_t response_timeout_sec; /* from the last byte sent to the head of the answer */
        bool foreign;  /* not to the job's server: only the proxy's credentials go along */
        bool keep_out; /* not to this machine or its link: a stranger chose the host */
} HttpPacket;

typedef struct HttpAnswer {
        bool answered;
        BupAck ack; /* answered */
        BupExchange exchange;
        BupFailure failure; /* not answered, and the source is not to blame */
        bool source_failed; /* `error` is about the source file */
        bool source_shrank; /* … which has fewer bytes than were to be sent */
        bool peer_is_local; /* sent, without a proxy, to an address of this machine or link */
        JobError error;     /* why there is no answer; always with the host */
} HttpAnswer;

/* `done` is called from the loop, once for each packet, and may send the next one or free the
 * HttpPost. The answer is valid until then. */
typedef void (*HttpPostDone)(void *ctx, const HttpAnswer *answer);

/* Plan, credentials (NULL: none) and task (NULL: not kept in the background) are borrowed. 0 or
 * -ENOMEM. */
_must_use_ int http_post_new(HttpClient *c, const ProxyPlan *proxies, const AuthSet *credentials,
                             PaceTask *task, HttpPostDone done, void *ctx, HttpPost **ret);
/* Ends what is under way without `done`. NULL allowed. */
HttpPost *http_post_free(HttpPost *p);
DEFINE_CLEANUP(HttpPost *, http_post_free)
/* One at a time. 0, -EINVAL for no URL, -EPROTONOSUPPORT, -ENOMEM (then no `done` follows). */
_must_use_ int http_post_send(HttpPost *p, const HttpPacket *packet);
/* The last answer was 401 or 407. True: sent again, the packet may have better luck. */
_must_use_ bool http_post_authenticate(HttpPost *p, int status);
/* Why not. */
JobError http_post_auth_error(const HttpPost *p, int status);
/* Takes the packet back, without `done`. */
void http_post_cancel(HttpPost *p);
/* Host of the last packet, for errors; "" before the first. */
const char *http_post_host(const HttpPost *p);
