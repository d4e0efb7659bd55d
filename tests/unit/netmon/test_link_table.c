/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cmocka.h>

#include "netmon/link_table.h"

enum { UP = IFF_UP | IFF_RUNNING, GLOBAL = RT_SCOPE_UNIVERSE };

/* Messages of one datagram, written one after the other. */
typedef struct Datagram {
        _Alignas(struct nlmsghdr) uint8_t data[4096];
        size_t len;
} Datagram;

static struct nlmsghdr *add_message(Datagram *d, uint16_t type, const void *body, size_t bytes)
{
        struct nlmsghdr *h = (struct nlmsghdr *) (d->data + d->len);

        *h = (struct nlmsghdr){.nlmsg_len = (uint32_t) NLMSG_LENGTH(bytes), .nlmsg_type = type};
        memcpy(NLMSG_DATA(h), body, bytes);
        d->len += NLMSG_SPACE(bytes);
        return h;
}

static void add_attribute(Datagram *d, struct nlmsghdr *h, uint16_t type, const void *value,
                          size_t bytes)
{
        struct rtattr *a = (struct rtattr *) ((uint8_t *) h + NLMSG_ALIGN(h->nlmsg_len));

        a->rta_type = type;
        a->rta_len = (uint16_t) RTA_LENGTH(bytes);
        memcpy(RTA_DATA(a), value, bytes);
        h->nlmsg_len = (uint32_t) (NLMSG_ALIGN(h->nlmsg_len) + RTA_LENGTH(bytes));
        d->len = (size_t) ((uint8_t *) h - d->data) + NLMSG_ALIGN(h->nlmsg_len);
}

static void add_link(Datagram *d, uint16_t type, int index, uint32_t flags)
{
        struct ifinfomsg body = {.ifi_index = index, .ifi_flags = flags};

        (void) add_message(d, type, &body, sizeof(body));
}

/* An IPv4 address 192.0.2.<last>. */
static void add_address(Datagram *d, uint16_t type, uint32_t index, uint8_t last, uint8_t scope,
                        uint32_t flags)
{
        struct ifaddrmsg body = {
                .ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_scope = scope, .ifa_index = index};
        uint8_t ip[4] = {192, 0, 2, last};
        struct nlmsghdr *h = add_message(d, type, &body, sizeof(body));

        add_attribute(d, h, IFA_LOCAL, ip, sizeof(ip));
        add_attribute(d, h, IFA_FLAGS, &flags, sizeof(flags));
}

static void feed(LinkTable *t, Datagram *d)
{
        LinkFeed got;

        assert_int_equal(link_table_feed(t, d->data, d->len, &got), 0);
        assert_int_equal(got.error, 0);
        assert_false(got.done);
        d->len = 0;
}

static void link_with_carrier_and_address_is_usable(void **state)
{
        _cleanup_(link_table_freep) LinkTable *t = link_table_new();
        Datagram d = {0};

        assert_false(link_table_is_usable(t));
        add_link(&d, RTM_NEWLINK, 2, UP);
        feed(t, &d);
        assert_false(link_table_is_usable(t)); /* no address */
        add_address(&d, RTM_NEWADDR, 2, 1, GLOBAL, 0);
        feed(t, &d);
        assert_true(link_table_is_usable(t));

        add_link(&d, RTM_NEWLINK, 2, IFF_UP); /* cable pulled */
        feed(t, &d);
        assert_false(link_table_is_usable(t));
        add_link(&d, RTM_NEWLINK, 2, UP);
        feed(t, &d);
        assert_true(link_table_is_usable(t));
        add_link(&d, RTM_NEWLINK, 2, IFF_RUNNING); /* switched off */
        feed(t, &d);
        assert_false(link_table_is_usable(t));
}

static void loopback_is_no_network(void **state)
{
        _cleanup_(link_table_freep) LinkTable *t = link_table_new();
        Datagram d = {0};

        add_link(&d, RTM_NEWLINK, 1, UP | IFF_LOOPBACK);
        add_address(&d, RTM_NEWADDR, 1, 1, GLOBAL, 0);
        feed(t, &d);
        assert_false(link_table_is_usable(t));
}

static void addresses_of_small_scope_or_not_ready_do_not_count(void **state)
{
        static const struct {
                uint8_t scope;
                uint32_t flags;
                bool usable;
        } cases[] = {
                {RT_SCOPE_UNIVERSE, 0, true},
                {RT_SCOPE_SITE, 0, true},
                {RT_SCOPE_LINK, 0, false},
                {RT_SCOPE_HOST, 0, false},
                {RT_SCOPE_NOWHERE, 0, false},
                {RT_SCOPE_UNIVERSE, IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE, true},
                {RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE, false},
                {RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE | IFA_F_OPTIMISTIC, true},
                {RT_SCOPE_UNIVERSE, IFA_F_DADFAILED | IFA_F_PERMANENT, false},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_(link_table_freep) LinkTable *t = link_table_new();
                Datagram d = {0};

                add_link(&d, RTM_NEWLINK, 2, UP);
                add_address(&d, RTM_NEWADDR, 2, 1, cases[i].scope, cases[i].flags);
                feed(t, &d);
                assert_int_equal(link_table_is_usable(t), cases[i].usable);
        }
}

static void address_that_changes_or_goes_is_followed(void **state)
{
        _cleanup_(link_table_freep) LinkTable *t = link_table_new();
        Datagram d = {0};

        add_address(&d, RTM_NEWADDR, 2, 1, GLOBAL, IFA_F_TENTATIVE); /* before its link */
        add_link(&d, RTM_NEWLINK, 2, UP);
        feed(t, &d);
        assert_false(link_table_is_usable(t));
        add_address(&d, RTM_NEWADDR, 2, 1, GLOBAL, 0);
        add_address(&d, RTM_NEWADDR, 2, 1, GLOBAL, 0); /* said twice, is one */
        add_address(&d, RTM_NEWADDR, 2, 7, GLOBAL, 0);
        feed(t, &d);
        assert_true(link_table_is_usable(t));
        add_address(&d, RTM_DELADDR, 2, 1, GLOBAL, 0);
        add_address(&d, RTM_DELADDR, 2, 9, GLOBAL, 0); /* never was */
        add_address(&d, RTM_DELADDR, 3, 7, GLOBAL, 0); /* of another link */
        feed(t, &d);
        assert_true(link_table_is_usable(t));
        add_address(&d, RTM_DELADDR, 2, 7, GLOBAL, 0);
        feed(t, &d);
        assert_false(link_table_is_usable(t));
}

static void removed_link_takes_its_addresses_along(void **state)
{
        _cleanup_(link_table_freep) LinkTable *t = link_table_new();
        struct ifinfomsg port = {.ifi_family = AF_BRIDGE, .ifi_index = 2};
        Datagram d = {0};

        add_link(&d, RTM_NEWLINK, 2, UP);
        add_address(&d, RTM_NEWADDR, 2, 1, GLOBAL, 0);
        (void) add_message(&d, RTM_DELLINK, &port, sizeof(port)); /* only left its bridge */
        feed(t, &d);
        assert_true(link_table_is_usable(t));
        add_link(&d, RTM_DELLINK, 2, 0);
        add_link(&d, RTM_DELLINK, 5, 0);
        feed(t, &d);
        assert_false(link_table_is_usable(t));
        add_link(&d, RTM_NEWLINK, 2, UP); /* the number used again */
        feed(t, &d);
        assert_false(link_table_is_usable(t));
}

static void end_error_and_interruption_of_a_dump_are_reported(void **state)
{
        _cleanup_(link_table_freep) LinkTable *t = link_table_new();
        struct nlmsgerr refusal = {.error = -EPERM};
        Datagram d = {0};
        int zero = 0, memory = -ENOMEM;
        LinkFeed got;

        (void) add_message(&d, NLMSG_DONE, &zero, sizeof(zero));
        assert_int_equal(link_table_feed(t, d.data, d.len, &got), 0);
        assert_true(got.done && !got.interrupted && got.error == 0);

        d.len = 0;
        add_message(&d, NLMSG_DONE, &zero, sizeof(zero))->nlmsg_flags = NLM_F_DUMP_INTR;
        assert_int_equal(link_table_feed(t, d.data, d.len, &got), 0);
        assert_true(got.done && got.interrupted);

        d.len = 0;
        (void) add_message(&d, NLMSG_DONE, &memory, sizeof(memory));
        assert_int_equal(link_table_feed(t, d.data, d.len, &got), 0);
        assert_int_equal(got.error, -ENOMEM);

        d.len = 0;
        (void) add_message(&d, NLMSG_ERROR, &refusal, sizeof(refusal));
        assert_int_equal(link_table_feed(t, d.data, d.len, &got), 0);
        assert_int_equal(got.error, -EPERM);
}

static void malformed_messages_are_skipped(void **state)
{
        uint64_t random = 1;

        for (unsigned round = 0; round < 20000; round++) {
                _cleanup_(link_table_freep) LinkTable *t = link_table_new();
                _cleanup_free_ uint8_t *exact = NULL; /* so that reading beyond is found out */
                Datagram d = {0};
                LinkFeed got;
                size_t len;

                add_link(&d, RTM_NEWLINK, 2, UP);
                add_address(&d, RTM_NEWADDR, 2, 1, GLOBAL, 0);
                add_address(&d, RTM_NEWADDR, 2, 2, GLOBAL, 0);
                add_link(&d, RTM_DELLINK, 2, UP);
                for (unsigned i = 0; i < 3; i++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        d.data[(random >> 33) % d.len] = (uint8_t) (random >> 20);
                }
                len = round % 4 ? d.len : (random >> 40) % (d.len + 1);
                exact = mem_alloc(len);
                memcpy(exact, d.data, len);
                assert_int_equal(link_table_feed(t, exact, len, &got), 0);
                (void) link_table_is_usable(t);
        }
}

static void memory_shortage_is_reported(void **state)
{
        bool struck = true;

        for (uint64_t n = 1; struck; n++) {
                LinkTable *t;
                Datagram d = {0};
                LinkFeed got;
                int r = -ENOMEM;

                add_link(&d, RTM_NEWLINK, 2, UP);
                add_address(&d, RTM_NEWADDR, 2, 1, GLOBAL, 0);
                mem_fail_nth(n);
                t = link_table_new();
                if (t)
                        r = link_table_feed(t, d.data, d.len, &got);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
                link_table_free(t);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(link_with_carrier_and_address_is_usable),
                cmocka_unit_test(loopback_is_no_network),
                cmocka_unit_test(addresses_of_small_scope_or_not_ready_do_not_count),
                cmocka_unit_test(address_that_changes_or_goes_is_followed),
                cmocka_unit_test(removed_link_takes_its_addresses_along),
                cmocka_unit_test(end_error_and_interruption_of_a_dump_are_reported),
                cmocka_unit_test(malformed_messages_are_skipped),
                cmocka_unit_test(memory_shortage_is_reported),
        };

        return cmocka_run_group_tests_name("link table", tests, NULL, NULL);
}
