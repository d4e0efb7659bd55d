/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that wait for connections: made from addresses, or inherited from the service manager.
 * Accepting is done here and not in the HTTP library, so that limits are kept before a connection
 * costs anything. */
#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "server/http_front.h"

typedef enum ListenerUse {
        LISTENER_PLAIN,
        LISTENER_TLS,
        LISTENER_METRICS,
} ListenerUse;

typedef struct Listener Listener;
/* Takes fd in any case. */
typedef void (*ListenerAccept)(void *ctx, ListenerUse use, int fd, const struct sockaddr *address,
                               socklen_t address_bytes, const HttpPeer *peer);

/* "HOST:PORT", "[ADDRESS]:PORT", ":PORT" or "unix:PATH". Negative errno with the reason in `why`.
 */
_must_use_ int listener_open(sd_event *loop, const char *address, ListenerUse use,
                             ListenerAccept accept, void *ctx, Buf *why, Listener **ret);
/* Takes a listening socket that somebody else has made, also on failure. */
_must_use_ int listener_adopt(sd_event *loop, int fd, ListenerUse use, ListenerAccept accept,
                              void *ctx, Listener **ret);
Listener *listener_free(Listener *l); /* removes a Unix socket's name */
DEFINE_CLEANUP(Listener *, listener_free)
ListenerUse listener_use(const Listener *l);
/* As it was asked for; NULL for an inherited one. */
const char *listener_address(const Listener *l);
/* "127.0.0.1:40123", "[::1]:80", "unix:/path": as it became. Returns dst. */
char *listener_name(const Listener *l, char *dst, size_t dst_bytes);
unsigned listener_port(const Listener *l); /* 0 for a Unix socket */
