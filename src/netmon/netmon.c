/* SPDX-License-Identifier: Apache-2.0 */
#include "netmon/netmon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "netmon/link_table.h"

enum {
        DATAGRAM_BYTES = 32768,      /* the kernel's largest */
        DATAGRAMS_PER_DISPATCH = 64, /* then other work gets its turn */
        DISCARDS_MAX = 100000,
        DUMP_TRIES = 5,      /* while changes keep overtaking it */
        DUMP_ANSWER_SEC = 2, /* the kernel answers at once, or something is wrong */
        TIMER_ACCURACY_USEC = 10000,
};

struct Netmon {
        int fd; /* changes; -1 when the kernel cannot be asked */
        LinkTable *table;
        sd_event_source *io;
        sd_event_source *timer; /* until `wanted` is told */
        void (*changed)(void *ctx, bool up);
        void *ctx;
        bool told;         /* last word to the callback */
        bool wanted;       /* what the running timer will tell */
        bool heeds_routes; /* the socket hears of routes */
        bool settled;      /* the first state was told without waiting */
        _Alignas(struct nlmsghdr) uint8_t datagram[DATAGRAM_BYTES];
};

/* ---- asking ---- */

static int open_socket(uint32_t groups)
{
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
        _cleanup_close_ int fd = -1;

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0),
                    NETLINK_ROUTE);
        if (fd < 0)
                return -errno;
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* One datagram of the kernel. Its size, 0 for one of somebody else, or negative errno; -ENOBUFS
 * also for one that was too long. */
static ssize_t receive(int fd, void *buffer)
{
        struct iovec iov = {.iov_base = buffer, .iov_len = DATAGRAM_BYTES};
        struct sockaddr_nl from = {0};
        struct msghdr msg = {
                .msg_name = &from,
                .msg_namelen = sizeof(from),
                .msg_iov = &iov,
                .msg_iovlen = 1,
        };
        ssize_t n;

        do
                n = recvmsg(fd, &msg, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (msg.msg_namelen != sizeof(from) || from.nl_pid != 0)
                return 0;
        return msg.msg_flags & MSG_TRUNC ? -ENOBUFS : n;
}

/* Asks for all objects of one kind. 0, 1 when a change came in between, or negative errno. */
static int dump(int fd, uint16_t type, void *buffer, LinkTable *table)
{
        struct {
                struct nlmsghdr header;
                struct rtgenmsg body;
        } request = {
                .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
                           .nlmsg_type = type,
                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                .body = {.rtgen_family = AF_UNSPEC},
        };
        bool interrupted = false;
        LinkFeed feed = {0};

        if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
                return -errno;
        while (!feed.done) {
                ssize_t n = receive(fd, buffer);
                int r;

                if (n < 0)
                        return (int) n;
                r = link_table_feed(table, buffer, (size_t) n, &feed);
                if (r < 0)
                        return r;
                if (feed.error < 0)
                        return feed.error;
                interrupted = interrupted || feed.interrupted;
        }
        return interrupted;
}

/* The whole state anew, on a socket of its own so that changes do not mix with answers: they wait
 * on the other socket, and being applied again does no harm. */
static int dump_all(Netmon *n)
{
        const struct timeval patience = {.tv_sec = DUMP_ANSWER_SEC};
        _cleanup_(link_table_freep) LinkTable *table = NULL;
        int r = 1;

        for (unsigned i = 0; i < DUMP_TRIES && r > 0; i++) {
                _cleanup_close_ int fd = open_socket(0);

                if (fd < 0)
                        return fd;
                if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
                        return -errno;
                table = link_table_free(table);
                table = link_table_new();
                if (!table)
                        return -ENOMEM;
                r = dump(fd, RTM_GETLINK, n->datagram, table);
                if (r == 0)
                        r = dump(fd, RTM_GETADDR, n->datagram, table);
        }
        if (r < 0)
                return r;
        link_table_free(n->table); /* after so many tries the last answer is good enough */
        n->table = TAKE_PTR(table);
        return 0;
}

/* Is there a way to an address far away? Connecting a datagram socket sends nothing; it only makes
 * the kernel look up the route. The addresses are those reserved for documentation. */
static bool route_exists(void)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(9)};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
        _cleanup_close_ int fd4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                            fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        (void) inet_pton(AF_INET, "203.0.113.1", &v4.sin_addr); /* constants: cannot fail */
        (void) inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
        return (fd4 >= 0 && connect(fd4, (struct sockaddr *) &v4, sizeof(v4)) == 0) ||
               (fd6 >= 0 && connect(fd6, (struct sockaddr *) &v6, sizeof(v6)) == 0);
}

/* ---- deciding ---- */

/* Routes matter only while a way out is waited for; a busy router would wake us all the time. */
static void heed_routes(Netmon *n, bool heed)
{
        static const int groups[] = {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
        int option = heed ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;

        if (n->heeds_routes == heed)
                return;
        n->heeds_routes = heed;
        for (size_t i = 0; i < ARRAY_LEN(groups); i++)
                /* Without IPv6 there is no such group; the wait ends by the timer in any case. */
                (void) setsockopt(n->fd, SOL_NETLINK, option, &groups[i], sizeof(groups[i]));
}

static void tell(Netmon *n, bool up)
{
        if (n->timer)
                (void) sd_event_source_set_enabled(n->timer, SD_EVENT_OFF); /* own source */
        n->settled = true;
        if (n->told == up)
                return;
        n->told = up;
        n->changed(n->ctx, up);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
        Netmon *n = ctx;

        tell(n, n->wanted);
        return 0;
}

/* Tells `up` after a while, unless something else is found by then. */
static int tell_later(Netmon *n, bool up, uint64_t delay_usec)
{
        int enabled = SD_EVENT_OFF, r;

        if (n->timer && sd_event_source_get_enabled(n->timer, &enabled) < 0)
                enabled = SD_EVENT_OFF;
        if (enabled != SD_EVENT_OFF && n->wanted == up)
                return 0; /* the time runs already */
        n->wanted = up;
        if (!n->timer)
                return sd_event_add_time_relative(sd_event_source_get_event(n->io), &n->timer,
                                                  CLOCK_MONOTONIC, delay_usec, TIMER_ACCURACY_USEC,
                                                  on_timer, n);
        r = sd_event_source_set_time_relative(n->timer, delay_usec);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(n->timer, SD_EVENT_ONESHOT);
}

static int evaluate(Netmon *n)
{
        bool usable = link_table_is_usable(n->table), waits;

        waits = usable && !n->told && !route_exists();
        heed_routes(n, waits);
        if (waits)
                return tell_later(n, true, NETMON_ROUTE_WAIT_USEC);
        if (!usable && n->told)
                return tell_later(n, false, n->settled ? NETMON_DOWN_DELAY_USEC : 0);
        tell(n, usable);
        return 0;
}

/* ---- listening ---- */

static void give_up(Netmon *n, int err)
{
        log_warning("cannot watch the network (%s): it counts as up from now on", strerror(-err));
        n->io = sd_event_source_disable_unref(n->io);
        tell(n, true);
}

/* Takes in what waits. 0, 1 when messages were lost, or negative errno. */
static int drain(Netmon *n)
{
        for (unsigned i = 0; i < DATAGRAMS_PER_DISPATCH; i++) {
                ssize_t bytes = receive(n->fd, n->datagram);
                LinkFeed feed;
                int r;

                if (bytes == -EAGAIN)
                        return 0;
                if (bytes == -ENOBUFS)
                        return 1;
                if (bytes < 0)
                        return (int) bytes;
                r = link_table_feed(n->table, n->datagram, (size_t) bytes, &feed);
                if (r < 0)
                        return 1; /* incomplete now; a dump may find the memory */
        }
        return 0;
}

/* After a loss the older messages that still wait say less than a dump will, and applied after it
 * would undo what it says. */
static int discard(Netmon *n)
{
        for (unsigned i = 0; i < DISCARDS_MAX; i++) {
                ssize_t bytes = receive(n->fd, n->datagram);

                if (bytes == -EAGAIN)
                        return 0;
                if (bytes < 0 && bytes != -ENOBUFS)
                        return (int) bytes;
        }
        return 0; /* they come as fast as we read; the next loss brings us back here */
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
        Netmon *n = ctx;
        int r;

        r = drain(n);
        if (r > 0) {
                r = discard(n);
                if (r == 0)
                        r = dump_all(n);
        }
        if (r == 0)
                r = evaluate(n);
        if (r < 0)
                give_up(n, r);
        return 0;
}

static int start(Netmon *n, sd_event *loop)
{
        int r;

        n->fd = open_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
        if (n->fd < 0)
                return n->fd;
        r = sd_event_add_io(loop, &n->io, n->fd, EPOLLIN, on_readable, n);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(n->io, "network"); /* for debugging only */
        r = dump_all(n);
        if (r < 0)
                return r;
        return evaluate(n);
}

int netmon_new(sd_event *loop, void (*changed)(void *ctx, bool up), void *ctx, Netmon **ret)
{
        _cleanup_(netmon_freep) Netmon *n = mem_new(Netmon);
        int r;

        if (!n)
                return -ENOMEM;
        n->fd = -1;
        n->changed = changed;
        n->ctx = ctx;
        n->told = true;
        r = start(n, loop);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                give_up(n, r);
        *ret = TAKE_PTR(n);
        return 0;
}

Netmon *netmon_free(Netmon *n)
{
        if (!n)
                return NULL;
        sd_event_source_disable_unref(n->timer);
        sd_event_source_disable_unref(n->io);
        if (n->fd >= 0)
                (void) close(n->fd);
        link_table_free(n->table);
        mem_free(n);
        return NULL;
}
