/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/iface.h"

#include <errno.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"

#include "transfer/netlink_dump.h"

#define ANSWER_MAX_BYTES 32768 /* of one interface, with what its drivers add */
#define ETHER_HEADER_BYTES 14

typedef struct Ask {
        struct nlmsghdr head;
        union {
                struct rtmsg route;
                struct ifinfomsg link;
        } body;
        uint8_t attributes[64];
} Ask;

int iface_open(void)
{
        return netlink_open(NETLINK_ROUTE);
}

static void begin(Ask *a, uint16_t type, size_t body_bytes)
{
        *a = (Ask){.head = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST}};
        a->head.nlmsg_len = (uint32_t) NLMSG_LENGTH(body_bytes);
}

static void add_address(Ask *a, uint16_t type, const void *address, size_t bytes)
{
        struct rtattr *attr =
                (struct rtattr *) (void *) ((uint8_t *) a + NLMSG_ALIGN(a->head.nlmsg_len));

        attr->rta_type = type;
        attr->rta_len = (uint16_t) RTA_LENGTH(bytes);
        memcpy(RTA_DATA(attr), address, bytes);
        a->head.nlmsg_len = (uint32_t) (NLMSG_ALIGN(a->head.nlmsg_len) + RTA_ALIGN(attr->rta_len));
}

/* Sends it and reads until the answer to it comes; what an earlier question left is passed over.
 * `answer` is aligned for headers. 0 with an answer of `type`, or negative errno. */
static int exchange(int fd, Ask *a, uint32_t number, uint16_t type, void *answer,
                    const struct nlmsghdr **ret)
{
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

        a->head.nlmsg_seq = number;
        if (sendto(fd, a, a->head.nlmsg_len, 0, (const struct sockaddr *) &kernel, sizeof(kernel)) <
            0)
                return -errno;
        for (;;) {
                struct sockaddr_nl from = {.nl_family = AF_NETLINK};
                socklen_t from_len = sizeof(from);
                const struct nlmsghdr *m = answer;
                ssize_t n = recvfrom(fd, answer, ANSWER_MAX_BYTES, MSG_TRUNC,
                                     (struct sockaddr *) &from, &from_len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n > ANSWER_MAX_BYTES)
                        return -EMSGSIZE;
                if (from.nl_pid != 0 || !NLMSG_OK(m, (size_t) n) || m->nlmsg_seq != number)
                        continue;
                if (m->nlmsg_type == NLMSG_ERROR) {
                        const struct nlmsgerr *e = NLMSG_DATA(m);
                        bool sound = m->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->error < 0;

                        return sound ? e->error : -EBADMSG;
                }
                if (m->nlmsg_type != type)
                        return -EBADMSG;
                *ret = m;
                return 0;
        }
}

const void *iface_address(const struct sockaddr *a, size_t *ret_bytes)
{
        switch (a->sa_family) {
        case AF_INET:
                *ret_bytes = sizeof(struct in_addr);
                return &((const struct sockaddr_in *) (const void *) a)->sin_addr;
        case AF_INET6:
                *ret_bytes = sizeof(struct in6_addr);
                return &((const struct sockaddr_in6 *) (const void *) a)->sin6_addr;
        default:
                return NULL;
        }
}

static void read_route(const struct nlmsghdr *m, IfaceRoute *ret)
{
        const struct rtmsg *route = NLMSG_DATA(m);
        size_t left = m->nlmsg_len - NLMSG_LENGTH(sizeof(*route));

        *ret = (IfaceRoute){.loopback = route->rtm_type == RTN_LOCAL, .direct = true};
        for (const struct rtattr *a = RTM_RTA(route); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
                if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) >= sizeof(uint32_t))
                        memcpy(&ret->index, RTA_DATA(a), sizeof(uint32_t));
                if (a->rta_type == RTA_GATEWAY || a->rta_type == RTA_VIA)
                        ret->direct = false;
        }
}

int iface_route(int netlink_fd, const struct sockaddr *own, const struct sockaddr *peer,
                IfaceRoute *ret)
{
        alignas(struct nlmsghdr) uint8_t answer[ANSWER_MAX_BYTES];
        const struct nlmsghdr *m;
        size_t bytes = 0, own_bytes = 0;
        const void *to = iface_address(peer, &bytes);
        const void *from = own ? iface_address(own, &own_bytes) : NULL;
        Ask ask;
        int r;

        if (!to)
                return -EAFNOSUPPORT;
        begin(&ask, RTM_GETROUTE, sizeof(struct rtmsg));
        ask.body.route.rtm_family = (unsigned char) peer->sa_family;
        ask.body.route.rtm_dst_len = (unsigned char) (bytes * 8);
        add_address(&ask, RTA_DST, to, bytes);
        if (from && own_bytes == bytes) {
                ask.body.route.rtm_src_len = (unsigned char) (bytes * 8);
                add_address(&ask, RTA_SRC, from, bytes);
        }
        if (peer->sa_family == AF_INET6) { /* a link-local address means nothing without its link */
                uint32_t scope = ((const struct sockaddr_in6 *) (const void *) peer)->sin6_scope_id;

                if (scope != 0)
                        add_address(&ask, RTA_OIF, &scope, sizeof(scope));
        }
        r = exchange(netlink_fd, &ask, netlink_number(), RTM_NEWROUTE, answer, &m);
        if (r < 0)
                return r;
        if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
                return -EBADMSG;
        read_route(m, ret);
        return ret->index > 0 ? 0 : -ENETUNREACH;
}

static void read_link(const struct nlmsghdr *m, Iface *ret)
{
        const struct ifinfomsg *link = NLMSG_DATA(m);
        size_t left = m->nlmsg_len - NLMSG_LENGTH(sizeof(*link));

        *ret = (Iface){
                .index = (unsigned) link->ifi_index,
                .loopback = (link->ifi_flags & IFF_LOOPBACK) != 0,
                .has_subnet = (link->ifi_flags & (IFF_POINTOPOINT | IFF_NOARP | IFF_LOOPBACK)) == 0,
                .header_bytes = link->ifi_type == ARPHRD_ETHER ? ETHER_HEADER_BYTES : 0,
        };
        for (const struct rtattr *a = IFLA_RTA(link); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
                if (a->rta_type == IFLA_IFNAME && RTA_PAYLOAD(a) > 0 &&
                    memchr(RTA_DATA(a), '\0', RTA_PAYLOAD(a)))
                        (void) str_copy(ret->name, sizeof(ret->name), RTA_DATA(a));
                if (a->rta_type == IFLA_STATS64 &&
                    RTA_PAYLOAD(a) >= offsetof(struct rtnl_link_stats64, rx_errors)) {
                        struct rtnl_link_stats64 stats = {.rx_bytes = 0};

                        memcpy(&stats, RTA_DATA(a), MIN(RTA_PAYLOAD(a), sizeof(stats)));
                        ret->rx_bytes = stats.rx_bytes;
                        ret->tx_bytes = stats.tx_bytes;
                }
        }
}

int iface_read(int netlink_fd, unsigned index, Iface *ret)
{
        alignas(struct nlmsghdr) uint8_t answer[ANSWER_MAX_BYTES];
        const struct nlmsghdr *m;
        Ask ask;
        int r;

        begin(&ask, RTM_GETLINK, sizeof(struct ifinfomsg));
        ask.body.link.ifi_index = (int) index;
        r = exchange(netlink_fd, &ask, netlink_number(), RTM_NEWLINK, answer, &m);
        if (r < 0)
                return r;
        if (m->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
                return -EBADMSG;
        read_link(m, ret);
        return 0;
}
