/* SPDX-License-Identifier: Apache-2.0 */
/* A bottleneck in user space: a TUN device in the namespace of the servers and one in the namespace
 * of each host, and between them one queue, one rate and one constant delay for each direction, as
 * behind a router. No qdisc of the kernel takes part, so nothing but TUN is needed.
 *
 *   link_emulator --server NETNS --host NETNS [--host NETNS] --rate-down BYTES_PER_SEC --rate-up …
 *       --queue-down BYTES --queue-up BYTES --delay-usec N (one way) [--jitter-usec N] [--loss-ppm
 * N]
 *       [--fq-codel] --series FILE [--bin-usec N] --ready-fd N
 *
 * The device is called `line` everywhere. The servers are 10.9.0.K, where K is the class the
 * figures are kept for; host n (from 1) is 10.9.n.0/24. The series has a line for each bin,
 * direction (d, u) and class that had packets:  END_USEC DIRECTION CLASS BYTES PACKETS DROPS
 * DELAY_SUM_USEC DELAY_MAX_USEC. BYTES are those that left the queue, DELAY is the time in it. Ends
 * by SIGTERM or SIGINT. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "link_queue.h"

enum {
        HOSTS_MAX = 4,
        CLASSES = 16,
        DOWN = 0,
        UP = 1,
        READS_IN_A_ROW = 64,
        LATE_NSEC = 5 * 1000 * 1000
};

typedef struct Count {
        uint64_t bytes, packets, drops, delay_sum_usec, delay_max_usec;
} Count;

typedef struct Direction {
        Queue queue;
        uint64_t rate;      /* bytes per second */
        uint64_t free_nsec; /* when the link has sent what it is sending */
        PacketList on_way;  /* sent, due at the receiver at queued_nsec, in order */
        uint64_t last_due_nsec;
        Count counts[CLASSES];
} Direction;

typedef struct Emulator {
        int tun[1 + HOSTS_MAX]; /* 0: the servers */
        int tun_len;
        Direction way[2];
        uint64_t delay_nsec, jitter_nsec, bin_nsec;
        uint32_t loss_ppm;
        bool fair;
        uint64_t queue_bytes[2];
        FILE *series;
        uint64_t bin_end_nsec;
        uint64_t late_nsec; /* in this bin, the greatest */
        uint64_t random;
} Emulator;

static volatile sig_atomic_t ended;

static void on_signal(int signo)
{
        ended = 1;
}

static uint64_t now_nsec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

/* xorshift: the same sequence in every run, so that runs can be compared. */
static uint32_t next_random(Emulator *e)
{
        e->random ^= e->random << 13;
        e->random ^= e->random >> 7;
        e->random ^= e->random << 17;
        return (uint32_t) (e->random >> 16);
}

static int die(const char *what)
{
        fprintf(stderr, "link_emulator: %s: %s\n", what, strerror(errno));
        exit(1);
}

static int tun_open(const char *netns)
{
        struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "line"};
        int ns = open(netns, O_RDONLY | O_CLOEXEC);
        int fd;

        if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
                die(netns);
        close(ns);
        fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
                die("/dev/net/tun");
        return fd;
}

static void on_drop(void *ctx, Packet *p)
{
        Direction *d = ctx;

        d->counts[p->class].drops++;
        free(p);
}

/* Bytes 12–15 are the source, 16–19 the destination of an IPv4 packet; then, behind a header of 20
 * bytes, the ports. */
static void classify(Packet *p, int way)
{
        const unsigned char *server = p->data + (way == DOWN ? 12 : 16);
        uint32_t hash = 2166136261u;

        p->class = server[3] % CLASSES;
        for (size_t i = 9; i < 24; i++)
                if (i != 10 && i != 11)
                        hash = (hash ^ p->data[i]) * 16777619u;
        p->flow = hash ^ hash >> 15;
}

static int receiver(const Emulator *e, const Packet *p)
{
        unsigned char network = p->data[18];

        return p->data[16] == 10 && p->data[17] == 9 && network < e->tun_len ? e->tun[network] : -1;
}

static void read_from(Emulator *e, int index)
{
        int way = index == 0 ? DOWN : UP;
        Direction *d = &e->way[way];

        for (int i = 0; i < READS_IN_A_ROW; i++) {
                Packet *p = malloc(sizeof(*p));
                ssize_t n;

                if (!p)
                        die("malloc");
                n = read(e->tun[index], p->data, sizeof(p->data));
                if (n < 0) {
                        free(p);
                        if (errno != EAGAIN && errno != EINTR)
                                die("read");
                        return;
                }
                p->len = (uint16_t) n;
                if (n < 24 || p->data[0] != 0x45) { /* no IPv4: router solicitations and the like */
                        free(p);
                        continue;
                }
                classify(p, way);
                if (e->loss_ppm && next_random(e) % 1000000 < e->loss_ppm)
                        on_drop(d, p);
                else
                        queue_push(&d->queue, p, now_nsec());
        }
}

static void count_sent(Direction *d, const Packet *p, uint64_t now)
{
        Count *c = &d->counts[p->class];
        uint64_t delay_usec = (now - p->queued_nsec) / 1000;

        c->bytes += p->len;
        c->packets++;
        c->delay_sum_usec += delay_usec;
        if (delay_usec > c->delay_max_usec)
                c->delay_max_usec = delay_usec;
}

/* Sends what the link has time for, hands over what is due, and returns when the next of it is. */
static uint64_t serve(Emulator *e, Direction *d)
{
        uint64_t now = now_nsec();
        Packet *p;

        while (d->queue.bytes && d->free_nsec <= now) {
                /* A link that was late continues where it should have been. */
                uint64_t start = d->free_nsec;

                if (now - start > 2000000)
                        start = now;
                p = queue_pop(&d->queue, now);
                if (!p)
                        break;
                if (start < p->queued_nsec)
                        start = p->queued_nsec;
                count_sent(d, p, now);
                d->free_nsec = start + (uint64_t) p->len * 1000000000 / d->rate;
                p->queued_nsec = d->free_nsec + e->delay_nsec;
                if (e->jitter_nsec)
                        p->queued_nsec += next_random(e) % e->jitter_nsec;
                if (p->queued_nsec < d->last_due_nsec) /* jitter does not reorder */
                        p->queued_nsec = d->last_due_nsec;
                d->last_due_nsec = p->queued_nsec;
                packet_list_push(&d->on_way, p);
        }
        while (d->on_way.first && d->on_way.first->queued_nsec <= now) {
                int fd;

                p = packet_list_pop(&d->on_way);
                fd = receiver(e, p);
                if (fd >= 0 && write(fd, p->data, p->len) < 0 && errno == EIO)
                        errno = 0; /* the device is down: the end is near */
                free(p);
        }
        now = d->on_way.first ? d->on_way.first->queued_nsec : UINT64_MAX;
        return d->queue.bytes && d->free_nsec < now ? d->free_nsec : now;
}

static void write_bin(Emulator *e)
{
        if (e->late_nsec > LATE_NSEC)
                fprintf(e->series, "%llu l 0 0 0 0 0 %llu\n",
                        (unsigned long long) e->bin_end_nsec / 1000,
                        (unsigned long long) e->late_nsec / 1000);
        e->late_nsec = 0;
        for (int way = DOWN; way <= UP; way++)
                for (size_t k = 0; k < CLASSES; k++) {
                        Count *c = &e->way[way].counts[k];

                        if (!c->packets && !c->drops)
                                continue;
                        fprintf(e->series, "%llu %c %zu %llu %llu %llu %llu %llu\n",
                                (unsigned long long) e->bin_end_nsec / 1000, "du"[way], k,
                                (unsigned long long) c -> bytes, (unsigned long long) c -> packets,
                                (unsigned long long) c -> drops,
                                (unsigned long long) c -> delay_sum_usec,
                                (unsigned long long) c -> delay_max_usec);
                        *c = (Count){0};
                }
        e->bin_end_nsec += e->bin_nsec;
}

static void run(Emulator *e, const sigset_t *waiting)
{
        struct pollfd polled[1 + HOSTS_MAX];
        uint64_t due = UINT64_MAX;

        for (int i = 0; i < e->tun_len; i++)
                polled[i] = (struct pollfd){.fd = e->tun[i], .events = POLLIN};
        e->bin_end_nsec = now_nsec() + e->bin_nsec;
        while (!ended) {
                uint64_t woken = now_nsec(), down = serve(e, &e->way[DOWN]),
                         up = serve(e, &e->way[UP]);
                uint64_t next = down < up ? down : up, now = now_nsec();
                struct timespec wait = {0, 0};

                if (woken > due && woken - due > e->late_nsec)
                        e->late_nsec = woken - due;
                while (now >= e->bin_end_nsec)
                        write_bin(e);
                if (next > e->bin_end_nsec)
                        next = e->bin_end_nsec;
                due = next > now ? next : now;
                if (next > now)
                        wait = (struct timespec){(time_t) ((next - now) / 1000000000),
                                                 (long) ((next - now) % 1000000000)};
                if (ppoll(polled, (nfds_t) e->tun_len, &wait, waiting) <= 0)
                        continue;
                for (int i = 0; i < e->tun_len; i++)
                        if (polled[i].revents)
                                read_from(e, i);
        }
        write_bin(e);
}

static void emulator_free(Emulator *e)
{
        for (int way = DOWN; way <= UP; way++) {
                Packet *p;

                while ((p = packet_list_pop(&e->way[way].on_way)) ||
                       (p = queue_pop(&e->way[way].queue, now_nsec())))
                        free(p);
        }
        free(e);
}

static uint64_t number(const char *text)
{
        char *end;
        unsigned long long value = strtoull(text, &end, 10);

        if (end == text || *end) {
                fprintf(stderr, "link_emulator: not a number: %s\n", text);
                exit(2);
        }
        return value;
}

static void one_option(Emulator *e, int option, const char *value, int *ready_fd)
{
        switch (option) {
        case 's':
                e->tun[0] = tun_open(value);
                e->tun_len = 1;
                break;
        case 'h':
                if (e->tun_len < 1 || e->tun_len > HOSTS_MAX) {
                        fprintf(stderr, "link_emulator: --server first, then at most %d hosts\n",
                                HOSTS_MAX);
                        exit(2);
                }
                e->tun[e->tun_len] = tun_open(value);
                e->tun_len++;
                break;
        case 'd':
                e->way[DOWN].rate = number(value);
                break;
        case 'u':
                e->way[UP].rate = number(value);
                break;
        case 'D':
                e->queue_bytes[DOWN] = number(value);
                break;
        case 'U':
                e->queue_bytes[UP] = number(value);
                break;
        case 'l':
                e->delay_nsec = number(value) * 1000;
                break;
        case 'j':
                e->jitter_nsec = number(value) * 1000;
                break;
        case 'p':
                e->loss_ppm = (uint32_t) number(value);
                break;
        case 'f':
                e->fair = true;
                break;
        case 'o':
                e->series = fopen(value, "we");
                if (!e->series)
                        die(value);
                break;
        case 'b':
                e->bin_nsec = number(value) * 1000;
                break;
        case 'r':
                *ready_fd = (int) number(value);
                break;
        default:
                exit(2);
        }
}

int main(int argc, char **argv)
{
        static const struct option options[] = {{"server", required_argument, NULL, 's'},
                                                {"host", required_argument, NULL, 'h'},
                                                {"rate-down", required_argument, NULL, 'd'},
                                                {"rate-up", required_argument, NULL, 'u'},
                                                {"queue-down", required_argument, NULL, 'D'},
                                                {"queue-up", required_argument, NULL, 'U'},
                                                {"delay-usec", required_argument, NULL, 'l'},
                                                {"jitter-usec", required_argument, NULL, 'j'},
                                                {"loss-ppm", required_argument, NULL, 'p'},
                                                {"fq-codel", no_argument, NULL, 'f'},
                                                {"series", required_argument, NULL, 'o'},
                                                {"bin-usec", required_argument, NULL, 'b'},
                                                {"ready-fd", required_argument, NULL, 'r'},
                                                {NULL, 0, NULL, 0}};
        Emulator *e = calloc(1, sizeof(*e));
        struct sigaction action = {.sa_handler = on_signal};
        sigset_t blocked, waiting;
        int option, ready_fd = -1;

        if (!e)
                return die("calloc");
        e->bin_nsec = 20 * 1000 * 1000;
        e->random = 88172645463325252ull;
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
                one_option(e, option, optarg, &ready_fd);
        if (e->tun_len < 2 || !e->series || !e->way[DOWN].rate || !e->way[UP].rate) {
                fprintf(stderr, "link_emulator: --server, --host, --rate-down, --rate-up and "
                                "--series are needed\n");
                return 2;
        }
        for (int way = DOWN; way <= UP; way++)
                queue_init(&e->way[way].queue, e->queue_bytes[way], e->fair, on_drop, &e->way[way]);
        prctl(PR_SET_TIMERSLACK, 1);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGTERM);
        sigaddset(&blocked, SIGINT);
        sigprocmask(SIG_BLOCK, &blocked, &waiting);
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
        if (ready_fd >= 0 && write(ready_fd, "1", 1) < 0)
                return die("--ready-fd");
        if (ready_fd >= 0)
                close(ready_fd);
        run(e, &waiting);
        if (fclose(e->series))
                return die("--series");
        emulator_free(e);
        return 0;
}
