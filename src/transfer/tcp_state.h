/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells about a TCP socket, and the few options that keep one in the background.
 * The only file that knows struct tcp_info, whose late fields older kernels do not have. Works for
 * everybody, without rights. Functions return 0 or negative errno. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum {
        TCP_CLAMP_STALL_BYTES = 1152, /* the smallest the kernel takes: below one segment */
        TCP_HEADER_BYTES = 52,        /* of IPv4 and TCP with time stamps */
        TCP_HEADER6_BYTES = 72,
};

/* Counters of the kernel run over 32 bits where it says so. */
typedef struct TcpState {
        uint32_t rtt_usec;     /* smoothed, of what we send; 0 = none yet */
        uint32_t min_rtt_usec; /* the least sample of it, of some minutes */
        uint32_t rcv_rtt_usec; /* of what we receive; 0 = none yet */
        bool is_idle;          /* nothing of ours is under way or waits to be */
        uint32_t snd_mss;
        uint32_t rcv_mss;
        uint32_t rcv_ssthresh;
        bool has_timestamps;
        uint64_t bytes_received;
        uint64_t bytes_acked;
        uint64_t bytes_sent; /* with what was sent twice; 0 on Linux before 4.19 */
        uint32_t segs_in;    /* wraps, as do the next five */
        uint32_t segs_out;
        uint32_t data_segs_in;
        uint32_t data_segs_out;
        uint32_t retrans;
        uint32_t ooopack; /* 0 on Linux before 5.4 */
} TcpState;

/* -ENODATA: a kernel without the fields that matter. */
_must_use_ int tcp_state_read(int fd, TcpState *ret);
/* The same from `len` bytes of a struct tcp_info that came in another way. */
_must_use_ int tcp_state_parse(const void *info, size_t len, TcpState *ret);

/* Before connect(): the window may grow to `window_bytes` (which fixes its unit for good), little
 * waits unsent in the kernel, and routers are told that this is the least effort class. */
_must_use_ int tcp_prepare_background(int fd, int family, uint32_t window_bytes);
/* The largest window to advertise from now on. The kernel overwrites it at times, so this is to be
 * called again and again. */
_must_use_ int tcp_clamp_window(int fd, uint32_t bytes);
_must_use_ int tcp_read_clamp(int fd, uint32_t *ret_bytes);
/* The next segments are acknowledged late. Holds for a moment only. */
void tcp_delay_acks(int fd);
/* Never faster than so many bytes per second from now on; UINT64_MAX: no such limit. */
_must_use_ int tcp_pace(int fd, uint64_t bytes_per_sec);
/* The mean of the round trips that were seen between two states, which the smoothed one hides: each
 * segment that came in brought a sample at most. In microseconds; 0: none was seen. */
uint32_t tcp_fresh_rtt_usec(const TcpState *before, const TcpState *now);
/* Bytes that were written and that the peer has not acknowledged. */
_must_use_ int tcp_queued_bytes(int fd, uint32_t *ret_bytes);
