/* SPDX-License-Identifier: Apache-2.0 */
#include "netmon/link_table.h"

#include <errno.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/hash.h"

enum {
        IP_BYTES_MAX = 16,
        HASH_SEED = 0, /* the keys are the kernel's own small numbers */
};

typedef struct Address {
        uint8_t family;
        uint8_t prefix_len;
        bool usable;
        uint8_t ip[IP_BYTES_MAX]; /* short ones are followed by zeros */
} Address;

typedef struct Link {
        uint32_t index;
        uint32_t flags; /* IFF_*; 0 until the link itself was heard of */
        Address *addresses;
        size_t addresses_len;
} Link;

struct LinkTable {
        Hash *links; /* index → Link, owned */
};

static void destroy_link(Link *link)
{
        mem_free(link->addresses);
        mem_free(link);
}

LinkTable *link_table_new(void)
{
        _cleanup_(link_table_freep) LinkTable *t = mem_new(LinkTable);

        if (!t)
                return NULL;
        t->links = hash_new(sizeof(uint32_t), HASH_SEED);
        if (!t->links)
                return NULL;
        return TAKE_PTR(t);
}

LinkTable *link_table_free(LinkTable *t)
{
        size_t pos = 0;
        Link *link;

        if (!t)
                return NULL;
        while (t->links && (link = hash_next(t->links, &pos)))
                destroy_link(link);
        hash_free(t->links);
        mem_free(t);
        return NULL;
}

/* Addresses may be heard of before their link. */
static Link *get_link(LinkTable *t, uint32_t index)
{
        Link *link = hash_get(t->links, &index);

        if (link)
                return link;
        link = mem_new(Link);
        if (!link)
                return NULL;
        link->index = index;
        if (hash_put(t->links, &link->index, link) < 0) {
                destroy_link(link);
                return NULL;
        }
        return link;
}

static int feed_link(LinkTable *t, const struct nlmsghdr *h)
{
        const struct ifinfomsg *info = NLMSG_DATA(h);
        uint32_t index;
        Link *link;

        if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->ifi_index <= 0)
                return 0;
        /* A port that leaves its bridge is reported as a link deleted, of the bridge's family. */
        if (info->ifi_family != AF_UNSPEC)
                return 0;
        index = (uint32_t) info->ifi_index;
        if (h->nlmsg_type == RTM_DELLINK) {
                link = hash_remove(t->links, &index);
                if (link)
                        destroy_link(link);
                return 0;
        }
        link = get_link(t, index);
        if (!link)
                return -ENOMEM;
        link->flags = info->ifi_flags;
        return 0;
}

/* Reads the address out of its message. False when there is none in it. */
static bool parse_address(const struct nlmsghdr *h, Address *ret, uint32_t *ret_index)
{
        struct ifaddrmsg *info = NLMSG_DATA(h);
        const struct rtattr *local = NULL, *remote = NULL;
        Address address = {0};
        uint32_t flags;
        int left;

        if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
                return false;
        flags = info->ifa_flags;
        left = (int) (h->nlmsg_len - NLMSG_LENGTH(sizeof(*info)));
        for (const struct rtattr *a = IFA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
                if (a->rta_type == IFA_FLAGS && RTA_PAYLOAD(a) >= sizeof(flags))
                        memcpy(&flags, RTA_DATA(a), sizeof(flags)); /* the byte has not them all */
                else if (a->rta_type == IFA_LOCAL)
                        local = a;
                else if (a->rta_type == IFA_ADDRESS)
                        remote = a; /* the other end of a point-to-point link, else the same */
        }
        if (!local)
                local = remote;
        if (!local || RTA_PAYLOAD(local) > IP_BYTES_MAX)
                return false;

        memcpy(address.ip, RTA_DATA(local), RTA_PAYLOAD(local));
        address.family = info->ifa_family;
        address.prefix_len = info->ifa_prefixlen;
        address.usable = info->ifa_scope <= RT_SCOPE_SITE && !(flags & IFA_F_DADFAILED) &&
                         (!(flags & IFA_F_TENTATIVE) || (flags & IFA_F_OPTIMISTIC));
        *ret = address;
        *ret_index = info->ifa_index;
        return true;
}

static Address *find_address(Link *link, const Address *wanted)
{
        for (size_t i = 0; i < link->addresses_len; i++) {
                Address *a = &link->addresses[i];

                if (a->family == wanted->family && a->prefix_len == wanted->prefix_len &&
                    memcmp(a->ip, wanted->ip, sizeof(a->ip)) == 0)
                        return a;
        }
        return NULL;
}

static void remove_address(Link *link, const Address *gone)
{
        Address *found = find_address(link, gone);

        if (found)
                *found = link->addresses[--link->addresses_len];
}

static int put_address(Link *link, const Address *address)
{
        Address *found = find_address(link, address), *grown;

        if (found) {
                *found = *address;
                return 0;
        }
        grown = mem_realloc(link->addresses, (link->addresses_len + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        link->addresses = grown;
        link->addresses[link->addresses_len++] = *address;
        return 0;
}

static int feed_address(LinkTable *t, const struct nlmsghdr *h)
{
        Address address;
        uint32_t index;
        Link *link;

        if (!parse_address(h, &address, &index))
                return 0;
        if (h->nlmsg_type == RTM_DELADDR) {
                link = hash_get(t->links, &index);
                if (link)
                        remove_address(link, &address);
                return 0;
        }
        link = get_link(t, index);
        return link ? put_address(link, &address) : -ENOMEM;
}

/* The kernel's own word on how the request went, at the start of the body; 0 is good news. */
static int error_of(const struct nlmsghdr *h)
{
        int error;

        if (h->nlmsg_len < NLMSG_LENGTH(sizeof(error)))
                return -EBADMSG;
        memcpy(&error, NLMSG_DATA(h), sizeof(error));
        return error <= 0 ? error : -EBADMSG;
}

/* NLMSG_OK() without its comparison of unlike signs. */
static bool message_is_whole(const struct nlmsghdr *h, int left)
{
        return left >= (int) sizeof(*h) && h->nlmsg_len >= sizeof(*h) &&
               h->nlmsg_len <= (uint32_t) left;
}

int link_table_feed(LinkTable *t, const void *data, size_t bytes, LinkFeed *ret)
{
        const struct nlmsghdr *h = data;
        int left = (int) MIN(bytes, (size_t) INT_MAX); /* goes below 0 at the end */
        LinkFeed feed = {0};
        int r = 0;

        for (; message_is_whole(h, left) && r == 0; h = NLMSG_NEXT(h, left)) {
                if (h->nlmsg_flags & NLM_F_DUMP_INTR)
                        feed.interrupted = true;
                switch (h->nlmsg_type) {
                case RTM_NEWLINK:
                case RTM_DELLINK:
                        r = feed_link(t, h);
                        break;
                case RTM_NEWADDR:
                case RTM_DELADDR:
                        r = feed_address(t, h);
                        break;
                case NLMSG_DONE:
                        feed.done = true;
                        feed.error = h->nlmsg_len > NLMSG_HDRLEN ? error_of(h) : 0;
                        break;
                case NLMSG_ERROR:
                        feed.error = error_of(h);
                        break;
                default:
                        break;
                }
        }
        *ret = feed;
        return r;
}

static bool link_is_usable(const Link *link)
{
        if ((link->flags & IFF_LOOPBACK) || !(link->flags & IFF_UP) || !(link->flags & IFF_RUNNING))
                return false;
        for (size_t i = 0; i < link->addresses_len; i++)
                if (link->addresses[i].usable)
                        return true;
        return false;
}

bool link_table_is_usable(const LinkTable *t)
{
        const Link *link;
        size_t pos = 0;

        while ((link = hash_next(t->links, &pos)))
                if (link_is_usable(link))
                        return true;
        return false;
}
