/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/lan_meter.h"

#include <errno.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h> /* states of sockets */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "transfer/netlink_dump.h"
#include "transfer/tcp_state.h"

#define ADDRESS_MAX_BYTES 16
#define V4_BYTES 4
#define V6_BYTES 16
#define STATE(name) (1U << (name))
#define COND_BYTES (sizeof(struct inet_diag_bc_op) + sizeof(struct inet_diag_hostcond))
#define FILTER_MAX_BYTES                                                                           \
        (LAN_NETS_MAX * (COND_BYTES + ADDRESS_MAX_BYTES + sizeof(struct inet_diag_bc_op)))

typedef struct LanNet {
        uint8_t bytes; /* V4_BYTES or V6_BYTES */
        uint8_t prefix_bits;
        uint8_t own[ADDRESS_MAX_BYTES];
} LanNet;

typedef struct LanSocket {
        uint64_t cookie; /* the kernel's, used once */
        uint64_t bytes[2];
} LanSocket;

typedef struct LanSockets {
        LanSocket sockets[LAN_SOCKETS_MAX];
        size_t len;
} LanSockets;

struct LanMeter {
        int fd;
        unsigned index;
        LanNet nets[LAN_NETS_MAX];
        size_t nets_len;
        bool knows;       /* `known` is how it was at the last call */
        LanSockets known; /* by cookie */
};

int lan_meter_new(unsigned index, LanMeter **ret)
{
        _cleanup_(lan_meter_freep) LanMeter *m = mem_new(LanMeter);

        if (!m)
                return -ENOMEM;
        m->index = index;
        m->fd = netlink_open(NETLINK_SOCK_DIAG);
        if (m->fd < 0)
                return m->fd;
        *ret = TAKE_PTR(m);
        return 0;
}

LanMeter *lan_meter_free(LanMeter *m)
{
        if (!m)
                return NULL;
        close_fdp(&m->fd);
        mem_free(m);
        return NULL;
}

void lan_meter_restart(LanMeter *m)
{
        m->knows = false;
}

/* ---- subnets ---- */

typedef struct NetList {
        unsigned index;
        LanNet nets[LAN_NETS_MAX];
        size_t len;
} NetList;

static void visit_address(void *ctx, const struct nlmsghdr *m)
{
        const struct ifaddrmsg *a = NLMSG_DATA(m);
        NetList *list = ctx;
        size_t left, bytes;
        const void *own = NULL, *net = NULL;
        LanNet *n;

        if (m->nlmsg_type != RTM_NEWADDR || m->nlmsg_len < NLMSG_LENGTH(sizeof(*a)) ||
            a->ifa_index != list->index || list->len == LAN_NETS_MAX)
                return;
        bytes = a->ifa_family == AF_INET ? V4_BYTES : V6_BYTES;
        if ((a->ifa_family != AF_INET && a->ifa_family != AF_INET6) || a->ifa_prefixlen > bytes * 8)
                return;
        left = m->nlmsg_len - NLMSG_LENGTH(sizeof(*a));
        for (const struct rtattr *at = IFA_RTA(a); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
                if (at->rta_type == IFA_LOCAL && RTA_PAYLOAD(at) == bytes)
                        own = RTA_DATA(at);
                if (at->rta_type == IFA_ADDRESS && RTA_PAYLOAD(at) == bytes)
                        net = RTA_DATA(at);
        }
        own = own ?: net;
        if (!own || (net && memcmp(own, net, bytes) != 0))
                return; /* with one neighbour at the other end: a tunnel */
        n = &list->nets[list->len++];
        *n = (LanNet){.bytes = (uint8_t) bytes, .prefix_bits = a->ifa_prefixlen};
        memcpy(n->own, own, bytes);
}

static bool has_neighbours(const LanNet *n)
{
        return n->prefix_bits < n->bytes * 8;
}

int lan_meter_find_nets(LanMeter *m, int netlink_fd)
{
        struct {
                struct nlmsghdr head;
                struct ifaddrmsg body;
        } ask = {.head = {.nlmsg_len = sizeof(ask), .nlmsg_type = RTM_GETADDR}};
        NetList list = {.index = m->index};
        bool any = false;
        int r = netlink_dump(netlink_fd, &ask.head, visit_address, &list);

        if (r < 0)
                return r;
        if (list.len != m->nets_len ||
            memcmp(list.nets, m->nets, list.len * sizeof(list.nets[0])) != 0)
                lan_meter_restart(m);
        memcpy(m->nets, list.nets, sizeof(list.nets));
        m->nets_len = list.len;
        for (size_t i = 0; i < m->nets_len; i++)
                any |= has_neighbours(&m->nets[i]);
        return any;
}

/* ---- sockets ---- */

typedef struct Count {
        const LanMeter *meter;
        uint32_t header_bytes;
        LanSockets found;
} Count;

/* IPv4 in IPv6 sockets is IPv4. */
static const uint8_t *plain_address(const uint8_t *a, uint8_t family, size_t *ret_bytes)
{
        static const uint8_t MAPPED[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

        *ret_bytes = family == AF_INET ? V4_BYTES : V6_BYTES;
        if (family != AF_INET6 || memcmp(a, MAPPED, sizeof(MAPPED)) != 0)
                return a;
        *ret_bytes = V4_BYTES;
        return a + sizeof(MAPPED);
}

static bool is_own(const LanMeter *m, const uint8_t *a, size_t bytes)
{
        for (size_t i = 0; i < m->nets_len; i++)
                if (m->nets[i].bytes == bytes && memcmp(m->nets[i].own, a, bytes) == 0)
                        return true;
        return false;
}

static bool is_neighbour(const LanMeter *m, const struct inet_diag_msg *s)
{
        const struct inet_diag_sockid *id = &s->id;
        size_t bytes, peer_bytes;
        const uint8_t *own =
                plain_address((const uint8_t *) id->idiag_src, s->idiag_family, &bytes);
        const uint8_t *peer =
                plain_address((const uint8_t *) id->idiag_dst, s->idiag_family, &peer_bytes);

        if (id->idiag_if != 0 && id->idiag_if != m->index)
                return false;
        return bytes == peer_bytes && is_own(m, own, bytes) && !is_own(m, peer, bytes);
}

static uint64_t on_the_wire(const Count *c, const struct inet_diag_msg *s, uint64_t payload,
                            uint32_t segments)
{
        uint32_t header = s->idiag_family == AF_INET ? TCP_HEADER_BYTES : TCP_HEADER6_BYTES;

        return payload + (uint64_t) segments * (header + c->header_bytes);
}

static void visit_socket(void *ctx, const struct nlmsghdr *m)
{
        const struct inet_diag_msg *s = NLMSG_DATA(m);
        Count *c = ctx;
        TcpState tcp;
        size_t left;

        if (m->nlmsg_type != SOCK_DIAG_BY_FAMILY || m->nlmsg_len < NLMSG_LENGTH(sizeof(*s)) ||
            c->found.len == LAN_SOCKETS_MAX || !is_neighbour(c->meter, s))
                return;
        left = m->nlmsg_len - NLMSG_LENGTH(sizeof(*s));
        for (const struct rtattr *at = (const struct rtattr *) (s + 1); RTA_OK(at, left);
             at = RTA_NEXT(at, left)) {
                if (at->rta_type != INET_DIAG_INFO ||
                    tcp_state_parse(RTA_DATA(at), RTA_PAYLOAD(at), &tcp) < 0)
                        continue;
                c->found.sockets[c->found.len++] = (LanSocket){
                        .cookie = s->id.idiag_cookie[0] | (uint64_t) s->id.idiag_cookie[1] << 32,
                        .bytes = {on_the_wire(c, s, tcp.bytes_received, tcp.segs_in),
                                  on_the_wire(c, s, tcp.bytes_sent, tcp.segs_out)},
                };
                return;
        }
}

/* A program for the kernel: is the peer in one of the subnets? A condition that holds goes on to
 * the jump after it, which leads to the end; one that does not passes over it. Returns its length.
 */
static size_t write_filter(const LanMeter *m, uint8_t *to)
{
        size_t at = 0, total = 0;

        for (size_t i = 0; i < m->nets_len; i++)
                if (has_neighbours(&m->nets[i]))
                        total += COND_BYTES + m->nets[i].bytes + sizeof(struct inet_diag_bc_op);
        for (size_t i = 0; i < m->nets_len; i++) {
                const LanNet *n = &m->nets[i];
                size_t size = COND_BYTES + n->bytes;
                struct inet_diag_bc_op op = {.code = INET_DIAG_BC_D_COND};
                struct inet_diag_hostcond cond = {
                        .family = n->bytes == V4_BYTES ? AF_INET : AF_INET6,
                        .prefix_len = n->prefix_bits,
                        .port = -1,
                };

                if (!has_neighbours(n))
                        continue;
                op.yes = (uint8_t) size;
                op.no = (uint16_t) (size + sizeof(op));
                if (at + op.no == total) /* the last one: beyond the end is no */
                        op.no += sizeof(op);
                memcpy(to + at, &op, sizeof(op));
                memcpy(to + at + sizeof(op), &cond, sizeof(cond));
                memcpy(to + at + COND_BYTES, n->own, n->bytes);
                at += size;
                op = (struct inet_diag_bc_op){.code = INET_DIAG_BC_JMP, .yes = sizeof(op)};
                op.no = (uint16_t) (total - at);
                memcpy(to + at, &op, sizeof(op));
                at += sizeof(op);
        }
        return total;
}

static int list_sockets(Count *c, uint8_t family)
{
        struct {
                struct nlmsghdr head;
                struct inet_diag_req_v2 body;
                struct rtattr filter;
                uint8_t program[FILTER_MAX_BYTES];
        } ask = {
                .head = {.nlmsg_type = SOCK_DIAG_BY_FAMILY},
                .body = {.sdiag_family = family,
                         .sdiag_protocol = IPPROTO_TCP,
                         .idiag_ext = 1U << (INET_DIAG_INFO - 1),
                         .idiag_states = STATE(TCP_ESTABLISHED) | STATE(TCP_FIN_WAIT1) |
                                         STATE(TCP_FIN_WAIT2) | STATE(TCP_CLOSE_WAIT) |
                                         STATE(TCP_LAST_ACK) | STATE(TCP_CLOSING)},
                .filter = {.rta_type = INET_DIAG_REQ_BYTECODE},
        };
        size_t bytes = write_filter(c->meter, ask.program);

        ask.filter.rta_len = (uint16_t) RTA_LENGTH(bytes);
        ask.head.nlmsg_len = (uint32_t) (offsetof(typeof(ask), program) + bytes);
        return netlink_dump(c->meter->fd, &ask.head, visit_socket, c);
}

static int by_cookie(const void *a, const void *b)
{
        uint64_t x = ((const LanSocket *) a)->cookie, y = ((const LanSocket *) b)->cookie;

        return x < y ? -1 : x > y;
}

/* A socket that was not there at the last call has moved all that it has since then; unless there
 * were too many to know. */
static void add_grown(const LanMeter *m, const LanSocket *now, uint64_t sum[2])
{
        const LanSocket *before = bsearch(now, m->known.sockets, m->known.len,
                                          sizeof(m->known.sockets[0]), by_cookie);

        if (!before && m->known.len == LAN_SOCKETS_MAX)
                return;
        for (size_t d = 0; d < 2; d++) {
                uint64_t was = before ? before->bytes[d] : 0;

                sum[d] += now->bytes[d] > was ? now->bytes[d] - was : 0;
        }
}

int lan_meter_read(LanMeter *m, uint32_t header_bytes, uint64_t ret_bytes[2])
{
        Count c = {.meter = m, .header_bytes = header_bytes};
        uint64_t sum[2] = {0, 0};
        int r = list_sockets(&c, AF_INET);

        if (r >= 0) /* -ENOENT: a kernel without IPv6 */
                r = list_sockets(&c, AF_INET6);
        if (r < 0 && r != -ENOENT)
                return r;
        qsort(c.found.sockets, c.found.len, sizeof(c.found.sockets[0]), by_cookie);
        for (size_t i = 0; i < c.found.len && m->knows; i++)
                add_grown(m, &c.found.sockets[i], sum);
        m->known = c.found;
        m->knows = true;
        memcpy(ret_bytes, sum, sizeof(sum));
        return 0;
}
