/* SPDX-License-Identifier: Apache-2.0 */
/* Host parts of URLs, as far as it matters whether a server may send us there. Knows every spelling
 * of an address that a resolver would take ("127.1", "0x7f000001", "::ffff:7f00:1"), because a
 * check that knows fewer is no check. */
#pragma once

#include <stddef.h>

#include "base/attr.h"

typedef enum BupHostClass {
        BUP_HOST_INVALID,
        BUP_HOST_ORDINARY,
        BUP_HOST_LOOPBACK,   /* this machine, by name or number; also the unspecified address */
        BUP_HOST_LINK_LOCAL, /* 169.254/16, fe80::/10: where clouds keep their metadata servers */
} BupHostClass;

/* A name (letters, digits, "-", "_", "."), an IPv4 address, or an IPv6 address in brackets. */
BupHostClass bup_host_classify(const char *host, size_t bytes);
