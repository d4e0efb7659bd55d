/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel has said about links and addresses, and whether that makes a network. Fed with
 * rtnetlink messages, of a dump or of a change alike; no system calls. Memory is the only thing
 * that can be missing: malformed messages are skipped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

typedef struct LinkTable LinkTable;

_must_use_ LinkTable *link_table_new(void); /* NULL when out of memory */
LinkTable *link_table_free(LinkTable *t);   /* NULL allowed; returns NULL */
DEFINE_CLEANUP(LinkTable *, link_table_free)

/* What a datagram was, besides changes. */
typedef struct LinkFeed {
        bool done;        /* a dump ended */
        bool interrupted; /* a dump was overtaken by a change, and must be asked again */
        int error;        /* negative errno the kernel answered with, else 0 */
} LinkFeed;

/* Applies the messages of one datagram, which is aligned as struct nlmsghdr is. Sets *ret in any
 * case; 0 or -ENOMEM. */
_must_use_ int link_table_feed(LinkTable *t, const void *data, size_t bytes, LinkFeed *ret);

/* Some link other than loopback is up, has a carrier, and an address that reaches beyond it. */
bool link_table_is_usable(const LinkTable *t);
