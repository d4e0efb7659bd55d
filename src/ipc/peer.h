/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a Unix socket, as the kernel recorded it when the connection was
 * made. The ids cannot be forged; the process may have ended or changed its rights since. */
#pragma once

#include <sys/types.h>

#include "base/attr.h"

typedef struct Peer {
        uid_t uid;
        gid_t gid;
        pid_t pid; /* 0 when it lives outside our PID namespace */
} Peer;

/* 0 or negative errno (-ENOTSOCK, -ENODATA for a socket without a peer). */
_must_use_ int peer_of_socket(int fd, Peer *ret);
