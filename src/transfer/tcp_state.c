/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/tcp_state.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* not netinet/tcp.h, whose struct tcp_info ends too early */
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define UNSENT_MAX_BYTES (128 * 1024)
#define RTT_SAMPLES_MAX 64    /* next to nothing is left of what was there before */
#define TOS_LEAST_EFFORT 0x04 /* DSCP 1, RFC 8622 */

#define HAS(info_len, field)                                                                       \
        ((info_len) >= offsetof(struct tcp_info, field) + sizeof(((struct tcp_info *) 0)->field))

int tcp_state_read(int fd, TcpState *ret)
{
        struct tcp_info i = {.tcpi_state = 0};
        socklen_t len = sizeof(i);

        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len) < 0)
                return -errno;
        return tcp_state_parse(&i, len, ret);
}

int tcp_state_parse(const void *info, size_t len, TcpState *ret)
{
        struct tcp_info i = {.tcpi_state = 0};

        memcpy(&i, info, MIN(len, sizeof(i)));
        if (!HAS(len, tcpi_data_segs_out))
                return -ENODATA;
        *ret = (TcpState){
                .rtt_usec = i.tcpi_rtt,
                .min_rtt_usec = i.tcpi_min_rtt,
                .rcv_rtt_usec = i.tcpi_rcv_rtt,
                .is_idle = i.tcpi_unacked == 0 && i.tcpi_notsent_bytes == 0,
                .snd_mss = i.tcpi_snd_mss,
                .rcv_mss = i.tcpi_rcv_mss,
                .rcv_ssthresh = i.tcpi_rcv_ssthresh,
                .has_timestamps = (i.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0,
                .bytes_received = i.tcpi_bytes_received,
                .bytes_acked = i.tcpi_bytes_acked,
                .bytes_sent = HAS(len, tcpi_bytes_sent) ? i.tcpi_bytes_sent : i.tcpi_bytes_acked,
                .segs_in = i.tcpi_segs_in,
                .segs_out = i.tcpi_segs_out,
                .data_segs_in = i.tcpi_data_segs_in,
                .data_segs_out = i.tcpi_data_segs_out,
                .retrans = i.tcpi_total_retrans,
                .ooopack = HAS(len, tcpi_rcv_ooopack) ? i.tcpi_rcv_ooopack : 0,
        };
        return 0;
}

static int set_number(int fd, int level, int option, int value)
{
        return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

int tcp_prepare_background(int fd, int family, uint32_t window_bytes)
{
        int r = set_number(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, (int) window_bytes);

        (void) set_number(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MAX_BYTES);
        if (family == AF_INET6)
                (void) set_number(fd, IPPROTO_IPV6, IPV6_TCLASS, TOS_LEAST_EFFORT);
        else
                (void) set_number(fd, IPPROTO_IP, IP_TOS, TOS_LEAST_EFFORT);
        return r;
}

int tcp_read_clamp(int fd, uint32_t *ret_bytes)
{
        int value;
        socklen_t len = sizeof(value);

        if (getsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &value, &len) < 0)
                return -errno;
        *ret_bytes = (uint32_t) value;
        return 0;
}

int tcp_clamp_window(int fd, uint32_t bytes)
{
        uint32_t now = 0;
        int r = tcp_read_clamp(fd, &now);

        if (r < 0 || now == bytes)
                return r;
        return set_number(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, (int) bytes);
}

void tcp_delay_acks(int fd)
{
        (void) set_number(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
}

/* The option has 32 bits, and the greatest number says that there is no limit. */
int tcp_pace(int fd, uint64_t bytes_per_sec)
{
        uint32_t rate = (uint32_t) MIN(bytes_per_sec, (uint64_t) UINT32_MAX);

        if (setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)) < 0)
                return -errno;
        return 0;
}

/* The kernel adds an eighth of each sample (RFC 6298), so that after `n` equal ones (7/8)^n of the
 * old value is left. Counted too many, `n` makes the result lie nearer to the smoothed one. */
uint32_t tcp_fresh_rtt_usec(const TcpState *before, const TcpState *now)
{
        uint32_t n = MIN(now->segs_in - before->segs_in, (uint32_t) RTT_SAMPLES_MAX);
        double left = 1, rtt;

        if (n == 0 || now->bytes_acked == before->bytes_acked)
                return 0;
        if (before->rtt_usec == 0)
                return now->rtt_usec;
        for (uint32_t i = 0; i < n; i++)
                left *= 7.0 / 8;
        rtt = (now->rtt_usec - left * before->rtt_usec) / (1 - left);
        if (rtt < now->min_rtt_usec)
                return MIN(now->min_rtt_usec, now->rtt_usec);
        return (uint32_t) MIN(rtt, (double) UINT32_MAX);
}

int tcp_queued_bytes(int fd, uint32_t *ret_bytes)
{
        int bytes = 0;

        if (ioctl(fd, SIOCOUTQ, &bytes) < 0)
                return -errno;
        *ret_bytes = bytes > 0 ? (uint32_t) bytes : 0;
        return 0;
}
