/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the kernel's, asked for over a netlink socket: addresses of interfaces, sockets. */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct nlmsghdr;

/* A socket of NETLINK_ROUTE or another protocol, which waits a second for an answer at most; to be
 * closed by the caller. Negative errno. */
_must_use_ int netlink_open(int protocol);
/* Numbers questions, so that late answers to earlier ones are known. Never 0. */
uint32_t netlink_number(void);
/* Sends `request` (flags and number are set here) and shows each part of the answer to `visit`,
 * whose length is known to be sound. 0 or negative errno; after a failure the socket may be in the
 * middle of an answer, and is only good to be closed. */
_must_use_ int netlink_dump(int fd, struct nlmsghdr *request,
                            void (*visit)(void *ctx, const struct nlmsghdr *part), void *ctx);
