/* SPDX-License-Identifier: Apache-2.0 */
/* The datagrams of the test bed.
 *   udp_actor echo ADDRESS PORT                        sends back what comes
 *   udp_actor sink ADDRESS PORT                        takes what comes and says nothing
 *   udp_actor probe SOURCE ADDRESS PORT PER_SECOND     a line for each answer: SENT_USEC RTT_USEC
 *   udp_actor send SOURCE ADDRESS PORT BYTES_PER_SEC   datagrams of 1,172 bytes (1,200 with
 * headers), evenly Ends when it is killed; `probe` writes each line at once. Times are of the
 * monotonic clock. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DATAGRAM = 1172, WIRE = 1200 };

static long long now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (long long) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int udp_socket(const char *address, const char *port)
{
        struct sockaddr_in own = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short) atoi(port))};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || inet_pton(AF_INET, address, &own.sin_addr) != 1 ||
            bind(fd, (struct sockaddr *) &own, sizeof(own)) < 0) {
                perror(address);
                exit(1);
        }
        return fd;
}

static void udp_connect(int fd, const char *address, const char *port)
{
        struct sockaddr_in peer = {.sin_family = AF_INET,
                                   .sin_port = htons((unsigned short) atoi(port))};

        if (inet_pton(AF_INET, address, &peer.sin_addr) != 1 ||
            connect(fd, (struct sockaddr *) &peer, sizeof(peer)) < 0) {
                perror(address);
                exit(1);
        }
}

static void take(int fd, int answer)
{
        char data[2048];
        struct sockaddr_in from;
        socklen_t from_len = sizeof(from);

        for (;; from_len = sizeof(from)) {
                ssize_t n =
                        recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *) &from, &from_len);

                if (n >= 0 && answer)
                        sendto(fd, data, (size_t) n, 0, (struct sockaddr *) &from, from_len);
        }
}

static void probe(int fd, int per_second)
{
        long long step = 1000000 / per_second, next = now_usec(), sent;

        setvbuf(stdout, NULL, _IOLBF, 0);
        for (;;) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                long long now = now_usec();
                int wait = next > now ? (int) ((next - now + 999) / 1000) : 0;

                if (now >= next) {
                        send(fd, &now, sizeof(now), MSG_DONTWAIT);
                        next += step;
                        continue;
                }
                if (poll(&p, 1, wait) > 0 && recv(fd, &sent, sizeof(sent), 0) == sizeof(sent))
                        printf("%lld %lld\n", sent, now_usec() - sent);
        }
}

static void send_evenly(int fd, long long bytes_per_sec)
{
        static const char data[DATAGRAM];
        long long start = now_usec();

        for (long long n = 0;; n++) {
                long long due = start + n * WIRE * 1000000 / bytes_per_sec, now = now_usec();

                if (due > now)
                        usleep((useconds_t) (due - now));
                send(fd, data, sizeof(data), MSG_DONTWAIT);
        }
}

int main(int argc, char **argv)
{
        const char *what = argc > 3 ? argv[1] : "";

        prctl(PR_SET_TIMERSLACK, 1);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (strcmp(what, "echo") == 0 || strcmp(what, "sink") == 0)
                take(udp_socket(argv[2], argv[3]), what[0] == 'e');
        if (argc == 6 && (strcmp(what, "probe") == 0 || strcmp(what, "send") == 0)) {
                int fd = udp_socket(argv[2], "0"), value = atoi(argv[5]);

                udp_connect(fd, argv[3], argv[4]);
                if (value > 0 && what[0] == 'p')
                        probe(fd, value);
                if (value > 0)
                        send_evenly(fd, value);
        }
        fprintf(stderr, "usage: see the head of udp_actor.c\n");
        return 2;
}
