/* SPDX-License-Identifier: Apache-2.0 */
/* Which network interface leads to a peer, and how much has gone through it: questions to the
 * kernel over rtnetlink, which answers at once and to everybody. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

typedef struct Iface {
        unsigned index;
        char name[IF_NAMESIZE];
        bool loopback;
        bool has_subnet;       /* who is reached without a router is near: no tunnel */
        uint32_t header_bytes; /* of the link, in front of each packet, that it counts */
        uint64_t rx_bytes;
        uint64_t tx_bytes;
} Iface;

typedef struct IfaceRoute {
        unsigned index;
        bool loopback; /* to this machine itself */
        bool direct;   /* without a router */
} IfaceRoute;

struct sockaddr;

/* The bytes of an IP address within `a` (borrowed) and their number; NULL for other families. */
const void *iface_address(const struct sockaddr *a, size_t *ret_bytes);
/* A socket for the questions below, to be closed by the caller; or negative errno. */
_must_use_ int iface_open(void);
/* The way packets from `own` (NULL: any address) to `peer` take. 0, -EAFNOSUPPORT for what is not
 * IP, -ENETUNREACH and other negative errno. */
_must_use_ int iface_route(int netlink_fd, const struct sockaddr *own, const struct sockaddr *peer,
                           IfaceRoute *ret);
/* 0, -ENODEV when there is no such interface (any more), or negative errno. */
_must_use_ int iface_read(int netlink_fd, unsigned index, Iface *ret);
