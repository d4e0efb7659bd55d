/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of proxies whose word about the client is taken: "127.0.0.1", "10.0.0.0/8", "::1",
 * "unix". Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum { TRUSTED_MAX = 64 };

typedef struct TrustedNet {
        uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
        unsigned bits;
} TrustedNet;

typedef struct Trusted {
        TrustedNet nets[TRUSTED_MAX];
        size_t n;
        bool unix_sockets;
} Trusted;

/* Adds a list, separated by blanks or commas. -EINVAL, -E2BIG. */
_must_use_ int trusted_add(Trusted *t, const char *list);
/* `address` as in HttpPeer. */
bool trusted_has(const Trusted *t, const char *address);
/* The right-most address of an X-Forwarded-For value that is not trusted itself; the left-most
 * when all are. False when it is malformed. */
_must_use_ bool trusted_client(const Trusted *t, const char *forwarded_for, char *ret,
                               size_t ret_bytes);
