/* SPDX-License-Identifier: Apache-2.0 */
/* One interface: a governor for each direction, what our own connections have sent through it, and
 * what is remembered of the ways beyond it. Rates in bytes per second; [0] down, [1] up. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bandwidth/controller.h"
#include "bandwidth/governor.h"
#include "bandwidth/group.h"
#include "bandwidth/path.h"
#include "base/cleanup.h"
#include "base/list.h"
#include "transfer/iface.h"
#include "transfer/lan_meter.h"
#include "transfer/lan_split.h"
#include "transfer/line_report.h"
#include "transfer/transfer_config.h"

enum {
        PACE_PATHS_MAX = 64, /* remembered after use; those in use are not counted against it */
        PACE_ADDRESS_BYTES = 16,
};

struct sockaddr;

/* A destination; outlives its connections for a while. */
typedef struct PacePath {
        List link;
        unsigned refs;
        uint8_t address[PACE_ADDRESS_BYTES];
        PathMemory memory[2]; /* by direction: what fits one way need not fit the other */
} PacePath;

typedef struct PaceLine {
        List link;
        Iface iface; /* as last read */
        bool gone;   /* the interface is no more, or cannot be read */
        unsigned conns;
        /* Of background connections there are some under way, and all lead behind the router: then
         * neighbours are no rivals. Set before each step and glance. */
        bool only_beyond;
        LanMeter *meter; /* NULL: not needed yet, or what neighbours move cannot be known */
        bool no_meter;   /* … for good */
        bool has_neighbours;
        uint64_t nets_usec; /* when the subnets were last read */
        LanSplit split;
        Governor governor[2];
        BwGroup group[2];             /* of the controllers on it */
        uint64_t cap_bps[2];          /* on all background connections; UINT64_MAX: none */
        uint64_t own_bytes[2];        /* of background connections, as the interface counts them */
        uint64_t foreground_bytes[2]; /* of FOREGROUND transfers */
        uint64_t told_own_bytes[2], told_foreground_bytes[2]; /* when last reported */
        List paths;                                           /* the longest unused first */
        size_t paths_len;
} PaceLine;

_must_use_ int pace_line_new(const Iface *iface, const TransferConfig *config, PaceLine **ret);
PaceLine *pace_line_free(PaceLine *l); /* NULL allowed; no path may be in use */
/* What is remembered of the way to `peer`; a reference. 0 or -ENOMEM. */
_must_use_ int pace_line_path(PaceLine *l, const struct sockaddr *peer, PacePath **ret);
void pace_line_let_go(PaceLine *l, PacePath *path); /* NULL allowed */
/* To be called every 100 ms, after the connections were looked at: reads the interface and sets
 * `cap_bps`. `base_usec`: the shortest round trip of those on it. */
void pace_line_step(PaceLine *l, int netlink_fd, uint64_t now_usec, uint64_t base_usec);
/* On the ticks between: whether a newcomer has changed `cap_bps`. */
bool pace_line_glance(PaceLine *l, int netlink_fd, uint64_t now_usec, uint64_t base_usec);
/* Rates since the last report, which was `usec` ago. Connections are not filled in. */
void pace_line_report(PaceLine *l, uint64_t usec, LineState *ret);
