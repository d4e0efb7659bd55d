/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says about links and addresses (rtnetlink), or what would come in instead of it:
 * malformed messages are skipped, memory is all that may be missing, and to hear the same twice
 * changes nothing. */
#include <string.h>

#include <linux/netlink.h>

#include "base/alloc.h"
#include "netmon/link_table.h"

#include "fuzz.h"

enum { INPUT_MAX_BYTES = 64 * 1024 };

/* A datagram of its exact size, where malloc() aligns it. */
static void feed(LinkTable *t, const uint8_t *data, size_t bytes)
{
        uint8_t *datagram = mem_alloc(bytes > 0 ? bytes : 1);
        LinkFeed got = {.error = 1};

        FUZZ_CHECK(datagram);
        if (bytes > 0)
                memcpy(datagram, data, bytes);
        FUZZ_CHECK(link_table_feed(t, datagram, bytes, &got) == 0);
        FUZZ_CHECK(got.error <= 0);
        FUZZ_CHECK(!got.done || bytes >= sizeof(struct nlmsghdr));
        mem_free(datagram);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        LinkTable *t = link_table_new();
        size_t half = bytes / 2 / NLMSG_ALIGNTO * NLMSG_ALIGNTO;
        bool usable;

        FUZZ_CHECK(t && !link_table_is_usable(t));
        if (bytes > INPUT_MAX_BYTES)
                bytes = 0;
        feed(t, data, bytes);
        usable = link_table_is_usable(t);
        feed(t, data, bytes);
        FUZZ_CHECK(link_table_is_usable(t) == usable);
        if (bytes > 0) /* and from the middle of one */
                feed(t, data + half, bytes - half);
        (void) link_table_is_usable(t);
        FUZZ_CHECK(!link_table_free(t));
}
