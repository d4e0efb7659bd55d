/* SPDX-License-Identifier: Apache-2.0 */
/* Closing a connection on which the client is still sending: a plain close would make the kernel
 * answer those bytes with a reset, which may destroy the answer that the client has not read yet.
 * So the sending side is shut, and what still comes is read and thrown away, for a bounded time,
 * number of bytes and number of connections. */
#pragma once

#include <systemd/sd-event.h>

#include "base/cleanup.h"

enum {
        LINGER_SEC = 5,
        LINGER_CONNECTIONS_MAX = 256,
        LINGER_MAX_BYTES = 64 * 1024 * 1024,
};

typedef struct Linger Linger;

_must_use_ int linger_new(sd_event *loop, Linger **ret);
Linger *linger_free(Linger *l); /* closes all of them */
DEFINE_CLEANUP(Linger *, linger_free)
/* Keeps a second descriptor of the connection open; the caller goes on to close its own. Does
 * nothing when there are too many already. */
void linger_on(Linger *l, int fd);
