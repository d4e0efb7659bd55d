/* SPDX-License-Identifier: Apache-2.0 */
/* What others do in the background: LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus with its constants,
 * at the receiver as in RFC 9840), as a peer for `yield`. Delay is the round-trip time of the
 * kernel; the actuator is the receive window for downloads, the bytes in flight for uploads.
 *
 *   ledbat_client get ADDRESS PORT PATH          plain HTTP/1.1, the body is thrown away
 *   ledbat_client put ADDRESS PORT PATH BYTES    zeros
 *
 * LEDBAT_TRACE=1: a line for each 100 ms on standard error, "SEC WINDOW RTT_USEC BASE_USEC". */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MSEC = 10, CLAMP_BEFORE_CONNECT = 4000000, CHUNK = 1 << 16 };

#define TARGET 0.060 /* seconds of queue, LEDBAT++ §4 */
#define GAIN_DIVISOR_MAX 16
#define SLOWDOWN_FACTOR 9 /* time between slowdowns, in durations of the last */
#define BASE_WINDOW 600.0 /* seconds; RFC 6817: ten minutes */

typedef struct Ledbat {
        double window, threshold; /* bytes */
        double base, rtt;         /* seconds */
        double base_since;
        double mss;
        bool slow_start;
        double slow_until;    /* in a slowdown until then; 0: not */
        double slow_begun;    /* of the last slowdown */
        double next_slowdown; /* 0: none planned */
        unsigned long long bytes;
} Ledbat;

static double now_sec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static double gain(const Ledbat *l)
{
        return 1 / fmin(GAIN_DIVISOR_MAX, ceil(2 * TARGET / l->base));
}

static void begin_slowdown(Ledbat *l, double now)
{
        l->threshold = l->window;
        l->window = 2 * l->mss;
        l->slow_begun = now;
        l->slow_until = now + 2 * l->rtt;
        l->slow_start = true;
}

static void end_slow_start(Ledbat *l, double now)
{
        l->slow_start = false;
        /* The first slowdown is two round-trip times after the initial slow start, the later ones
         * keep it to a tenth of the time. */
        l->next_slowdown = l->slow_begun > 0 ? now + SLOWDOWN_FACTOR * (now - l->slow_begun)
                                             : now + 2 * l->rtt;
}

static void ledbat_tick(Ledbat *l, double now, double acked)
{
        double queue;

        if (l->rtt <= 0)
                return;
        if (l->base <= 0 || l->rtt < l->base || now - l->base_since > BASE_WINDOW) {
                l->base = l->rtt;
                l->base_since = now;
        }
        if (now < l->slow_until)
                return;
        l->slow_until = 0;
        queue = l->rtt - l->base;
        if (l->slow_start) {
                /* What is measured just after a slowdown is still the queue from before. */
                bool fresh = l->slow_begun <= 0 || now - l->slow_begun > 4 * (l->base + TARGET);

                l->window += gain(l) * acked;
                if ((fresh && queue > 0.75 * TARGET) ||
                    (l->threshold > 0 && l->window >= l->threshold))
                        end_slow_start(l, now);
        } else {
                double rounds = acked / l->window;

                if (queue < TARGET)
                        l->window += gain(l) * l->mss * rounds;
                else
                        l->window += fmax(gain(l) * l->mss - l->window * (queue / TARGET - 1),
                                          -l->window / 2) *
                                     fmin(rounds, 1);
                if (l->next_slowdown > 0 && now >= l->next_slowdown)
                        begin_slowdown(l, now);
        }
        l->window = fmin(fmax(l->window, 2 * l->mss), CLAMP_BEFORE_CONNECT);
}

static double measure(Ledbat *l, int fd, bool up)
{
        struct tcp_info info = {0};
        socklen_t len = sizeof(info);
        unsigned long long bytes;
        double acked;

        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
                return 0;
        bytes = up ? info.tcpi_bytes_acked : info.tcpi_bytes_received;
        acked = (double) (bytes - l->bytes);
        l->bytes = bytes;
        l->rtt = (up ? info.tcpi_rtt : info.tcpi_rcv_rtt) / 1e6;
        if (l->rtt > 0 && l->rtt < 0.0003)
                l->rtt = 0.0003;
        l->mss = up ? info.tcpi_snd_mss : info.tcpi_rcv_mss > 536 ? info.tcpi_rcv_mss : 1448;
        return acked;
}

static void trace(const Ledbat *l, double now, double *last)
{
        if (now - *last < 0.1 || !getenv("LEDBAT_TRACE"))
                return;
        *last = now;
        fprintf(stderr, "%.3f %.0f %.0f %.0f\n", now, l->window, l->rtt * 1e6, l->base * 1e6);
}

static int transfer(int fd, bool up, unsigned long long left)
{
        static char data[CHUNK];
        Ledbat l = {.window = 10 * 1448, .mss = 1448, .slow_start = true};
        double next = now_sec(), traced = 0;

        for (;;) {
                double now = now_sec();
                int queued = 0, wait;
                bool room;

                if (now >= next) {
                        double acked = measure(&l, fd, up);
                        int clamp;

                        ledbat_tick(&l, now, acked);
                        clamp = (int) l.window;
                        if (!up)
                                setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &clamp,
                                           sizeof(clamp));
                        trace(&l, now, &traced);
                        next = now + TICK_MSEC / 1000.0;
                }
                ioctl(fd, SIOCOUTQ, &queued);
                room = up && left && queued + l.mss <= l.window;
                wait = (int) ((next - now) * 1000) + 1;
                struct pollfd p = {.fd = fd, .events = (short) (POLLIN | (room ? POLLOUT : 0))};
                /* While the window is full an acknowledgement wakes nobody: look often. */
                if (poll(&p, 1, up && !room ? 1 : wait) <= 0)
                        continue;
                if (p.revents & (POLLIN | POLLERR | POLLHUP)) {
                        ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

                        if (n == 0 || (n < 0 && errno != EAGAIN))
                                return n < 0;
                }
                if (room && p.revents & POLLOUT) {
                        size_t size = (size_t) fmin(fmin(l.window - queued, 16384), (double) left);
                        static const char zeros[16384];
                        ssize_t n = send(fd, zeros, size, MSG_DONTWAIT | MSG_NOSIGNAL);

                        if (n > 0)
                                left -= (unsigned long long) n;
                }
        }
}

int main(int argc, char **argv)
{
        bool up = argc == 6 && strcmp(argv[1], "put") == 0;
        struct sockaddr_in peer = {.sin_family = AF_INET};
        int clamp = CLAMP_BEFORE_CONNECT, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char head[1024];

        if (!up && (argc != 5 || strcmp(argv[1], "get") != 0)) {
                fprintf(stderr, "usage: ledbat_client get ADDRESS PORT PATH | put ADDRESS PORT "
                                "PATH BYTES\n");
                return 2;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        peer.sin_port = htons((unsigned short) atoi(argv[3]));
        setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &clamp, sizeof(clamp));
        if (fd < 0 || inet_pton(AF_INET, argv[2], &peer.sin_addr) != 1 ||
            connect(fd, (struct sockaddr *) &peer, sizeof(peer)) < 0) {
                perror(argv[2]);
                return 1;
        }
        clamp = 10 * 1448;
        setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &clamp, sizeof(clamp));
        snprintf(head, sizeof(head),
                 "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s%s%s\r\n",
                 up ? "PUT" : "GET", argv[4], argv[2], up ? "Content-Length: " : "",
                 up ? argv[5] : "", up ? "\r\n" : "");
        if (send(fd, head, strlen(head), MSG_NOSIGNAL) < 0) {
                perror("send");
                return 1;
        }
        return transfer(fd, up, up ? strtoull(argv[5], NULL, 10) : 0);
}
