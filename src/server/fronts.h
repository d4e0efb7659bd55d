/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP fronts of a server and who gets to them. There are four: plain and TLS, and of each one
 * with roomy buffers, which a fast upload wants, for the first connections, and one with small
 * buffers for the many behind them, which are mostly idle. A reload makes new ones; connections of
 * the old ones end with their present request. */
#pragma once

#include "base/buf.h"
#include "server/config.h"
#include "server/http_front.h"
#include "server/listener.h"
#include "server/metrics.h"

enum {
        FRONT_ROOMY_CONNECTIONS = 64,
        FRONT_ROOMY_BYTES = 128 * 1024,
        FRONT_SMALL_BYTES = 40 * 1024,
        FRONT_METRICS_CONNECTIONS = 16,
};

typedef struct Fronts Fronts;

_must_use_ int fronts_new(sd_event *loop, Metrics *metrics, const HttpHandler *handler,
                          const HttpHandler *metrics_handler, Fronts **ret);
Fronts *fronts_free(Fronts *f);
DEFINE_CLEANUP(Fronts *, fronts_free)
/* Starts over with this configuration. Negative errno with the reason in `why`; nothing has
 * changed then. */
_must_use_ int fronts_configure(Fronts *f, const Config *config, Buf *why);
/* ListenerAccept; ctx is the Fronts. */
void fronts_accept(void *ctx, ListenerUse use, int fd, const struct sockaddr *address,
                   socklen_t address_bytes, const HttpPeer *peer);
/* Graceful stop: no new requests. */
void fronts_drain(Fronts *f);
/* Frees fronts of earlier configurations that nobody is connected to any more. */
void fronts_reap(Fronts *f);
size_t fronts_connections(const Fronts *f);
