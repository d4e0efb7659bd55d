/* SPDX-License-Identifier: Apache-2.0 */
/* Where the service listens and what a client may do to reach it: bits_options made definite.
 * A value; endpoint_done() frees what it owns. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "bits_native.h"

enum { CALL_TIMEOUT_DEFAULT_MS = 25000 };

typedef struct Endpoint {
        char *socket;
        bool is_explicit; /* named by the program or the environment, not the user's own place */
        bool autostart;
        uint64_t timeout_usec; /* of one call */
} Endpoint;

/* options may be NULL. E_INVALIDARG for a socket path that is empty or too long. */
_must_use_ HRESULT endpoint_init(Endpoint *e, const bits_options *options);
_must_use_ HRESULT endpoint_copy(Endpoint *e, const Endpoint *from);
void endpoint_done(Endpoint *e);

/* Connects the socket, without waiting. On success *ret_fd is close-on-exec, non-blocking, and the
 * process at the other end is one that may serve us (our user's or root's; any when the path was
 * given explicitly). Negative errno: -ENOENT and -ECONNREFUSED mean that nobody listens, -EAGAIN
 * that too many are waiting, -EPERM that a stranger listens. */
_must_use_ int endpoint_connect(const Endpoint *e, int *ret_fd);
