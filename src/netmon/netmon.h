/* SPDX-License-Identifier: Apache-2.0 */
/* Port "network": tells when the machine gains or loses its network, by listening to the kernel
 * (rtnetlink) on the daemon's event loop. docs/design/network.md says what counts as one.
 *
 * The network counts as up until the callback has said otherwise. Where the kernel cannot be
 * asked (a sandbox), it stays up for ever, and the log says so once. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"

typedef struct Netmon Netmon;

/* A loss shorter than this is not told. */
#define NETMON_DOWN_DELAY_USEC 200000
/* How long a network without a way out (no default route yet, or ever) waits to be told. */
#define NETMON_ROUTE_WAIT_USEC 300000

/* `changed` is called from the event loop only, never twice with the same value. It must not free
 * the monitor. 0 or negative errno. */
_must_use_ int netmon_new(sd_event *loop, void (*changed)(void *ctx, bool up), void *ctx,
                          Netmon **ret);
Netmon *netmon_free(Netmon *n); /* NULL allowed; returns NULL */
DEFINE_CLEANUP(Netmon *, netmon_free)
