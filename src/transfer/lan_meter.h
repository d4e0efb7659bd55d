/* SPDX-License-Identifier: Apache-2.0 */
/* How much the sockets of this machine, whoever has them, exchange with the neighbours of one
 * interface, whose traffic does not use the line behind the router. Asks for the TCP sockets with a
 * peer in the subnets of the interface (sock_diag, which answers everybody); UDP has no such list,
 * and of a connection that has ended the last bytes are not known. One list costs about a
 * millisecond, whatever is in it, since the kernel walks through its whole table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

enum {
        LAN_NETS_MAX = 16,     /* addresses of one interface; further ones have no neighbours */
        LAN_SOCKETS_MAX = 256, /* further ones are not counted */
};

typedef struct LanMeter LanMeter;

/* Of the interface with this index. 0 or negative errno: such lists cannot be had. */
_must_use_ int lan_meter_new(unsigned index, LanMeter **ret);
LanMeter *lan_meter_free(LanMeter *m); /* NULL allowed; returns NULL */
DEFINE_CLEANUP(LanMeter *, lan_meter_free)
/* The subnets anew, by a socket of iface_open(). 1: it has neighbours, 0: none, or negative
 * errno. */
_must_use_ int lan_meter_find_nets(LanMeter *m, int netlink_fd);
/* *ret_bytes: on the wire since the last call, down and up; `header_bytes` of the link are in front
 * of each packet. The first call only looks what there is, and says 0. 0, or negative errno: the
 * meter is of no use any more. */
_must_use_ int lan_meter_read(LanMeter *m, uint32_t header_bytes, uint64_t ret_bytes[2]);
/* What is moved until the next call does not count. */
void lan_meter_restart(LanMeter *m);
