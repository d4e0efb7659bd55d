/* SPDX-License-Identifier: Apache-2.0 */
/* A connection of curl's: its controller, and what puts the decisions into effect. Downloads: the
 * window that is advertised; uploads: how much is written. A limit that no window can express holds
 * the reading back. Knows its interface from its first request on. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bandwidth/controller.h"
#include "bandwidth/share.h"
#include "base/list.h"
#include "transfer/pace_line.h"
#include "transfer/tcp_state.h"

typedef struct PaceConn {
        List link;             /* of all */
        List flows;            /* of PaceFlow; mostly one, more with HTTP/2 */
        int fd;                /* curl's */
        bool background;       /* never shared with FOREGROUND transfers */
        uint32_t window_bytes; /* at most */

        /* Since the first request. */
        bool located;
        int own_port;   /* 0: not known yet */
        PaceLine *line; /* NULL: it cannot be told */
        PacePath *path;
        bool loopback;
        bool direct;           /* no router between */
        bool adaptive;         /* has a controller and obeys the governor */
        bool blind;            /* … without which it has to do: the kernel lacks what is needed */
        uint32_t header_bytes; /* of IP and TCP */
        BwDirection direction;
        BwController controller;
        BwDecision decision;

        TcpState tcp; /* as last read */
        bool sampled;
        uint32_t rtt_usec;      /* of uploads: of the last acknowledgements; 0 none yet */
        uint32_t long_rtt_usec; /* … the longest lately */
        uint64_t pace_bps;      /* as the kernel was told; UINT64_MAX: nothing */
        bool began;             /* a request did, since the last tick, with nothing under way */
        uint64_t bytes;         /* moved since it was attached, in its direction */
        uint64_t used_usec;     /* when it last had a flow */

        /* Limits. */
        uint64_t limit_bps; /* by rule; UINT64_MAX: none */
        uint64_t cap_bps;   /* by the line; UINT64_MAX: none */
        TokenBucket bucket; /* of limit_bps */
        bool reading_held;
        ShareNode share;         /* while shares are made out */
        uint64_t share_line_bps; /* the last share of a cap */
        uint64_t rate_bps;       /* of the last second or so */
        uint64_t rate_bytes;     /* `bytes` when that was found */
        bool was_short;          /* of tokens, since shares were made out */
        uint64_t floor_usec;     /* when the last bytes were written at the floor */

        /* Ticks since the last report. */
        uint32_t ticks, yield_ticks, limit_ticks;
        uint64_t told_bytes; /* `bytes` then */
} PaceConn;

/* Of a socket that curl has just opened, before it connects. NULL when out of memory. */
PaceConn *pace_conn_new(int fd, int family, bool background, uint32_t window_bytes);
PaceConn *pace_conn_free(PaceConn *c); /* NULL allowed; no flow may be left */
/* It is not on its line any more: its way has to be found anew, and it begins anew. At rest. */
void pace_conn_leave(PaceConn *c);

/* A request is about to go out. `target_usec`: BW_TARGET_USEC of its priority. */
void pace_conn_begin(PaceConn *c, BwDirection direction, uint32_t target_usec, uint64_t now_usec);
/* No request is left on it for now. */
void pace_conn_rest(PaceConn *c, uint64_t now_usec);
/* Reads what the kernel knows, and accounts for it. */
void pace_conn_sample(PaceConn *c);
/* What the rules leave to it from now on, in bytes per second; UINT64_MAX: no limit. */
void pace_conn_set_limit(PaceConn *c, uint64_t limit_bps, uint64_t now_usec);
/* The tick of 10 ms, after pace_conn_sample(): what is decided takes effect. */
void pace_conn_control(PaceConn *c, uint64_t now_usec);
/* Puts decision and limit into effect; pace_conn_control() does. */
void pace_conn_apply(PaceConn *c);
/* So many bytes of an answer were read. */
void pace_conn_read(PaceConn *c, uint64_t now_usec, size_t bytes);
/* Must what has come wait in the kernel, by a limit? */
bool pace_conn_must_wait(PaceConn *c, uint64_t now_usec);
/* How many of `bytes` may be written now; *ret_rule: fewer by one of our rules, and not because
 * the peer takes no more. */
size_t pace_conn_room(PaceConn *c, uint64_t now_usec, size_t bytes, bool *ret_rule);
void pace_conn_wrote(PaceConn *c, uint64_t now_usec, size_t bytes);
/* When it is worth asking for room again, after there was none: in microseconds from now. */
uint64_t pace_conn_room_in_usec(const PaceConn *c);
/* It stands back for others just now. */
bool pace_conn_yields(const PaceConn *c);
