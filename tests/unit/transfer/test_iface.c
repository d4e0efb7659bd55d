/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "transfer/iface.h"

#include "loopback.h"

static int open_it(void **state)
{
        static int fd;

        fd = iface_open();
        *state = &fd;
        return fd >= 0 ? 0 : -1;
}

static int close_it(void **state)
{
        return close(*(int *) *state);
}

static void loopback_leads_to_this_machine(void **state)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        IfaceRoute route;
        Iface iface;

        assert_int_equal(iface_route(*(int *) *state, NULL, (struct sockaddr *) &to, &route), 0);
        assert_true(route.loopback);
        assert_int_equal(route.index, if_nametoindex("lo"));
        assert_int_equal(iface_route(*(int *) *state, (struct sockaddr *) &to,
                                     (struct sockaddr *) &to, &route),
                         0);
        assert_int_equal(iface_read(*(int *) *state, route.index, &iface), 0);
        assert_string_equal(iface.name, "lo");
        assert_int_equal(iface.index, route.index);
        assert_true(iface.loopback && !iface.has_subnet);
}

static void counters_grow_with_what_is_sent(void **state)
{
        char data[10000] = "";
        Iface before, after;
        int ends[2];

        loopback_connect(AF_INET, NULL, NULL, ends);
        assert_int_equal(iface_read(*(int *) *state, if_nametoindex("lo"), &before), 0);
        assert_int_equal(write(ends[0], data, sizeof(data)), sizeof(data));
        assert_int_equal(recv(ends[1], data, sizeof(data), MSG_WAITALL), sizeof(data));
        assert_int_equal(iface_read(*(int *) *state, if_nametoindex("lo"), &after), 0);
        assert_true(after.rx_bytes >= before.rx_bytes + sizeof(data));
        assert_true(after.tx_bytes >= before.tx_bytes + sizeof(data));
        (void) close(ends[0]);
        (void) close(ends[1]);
}

/* One question after the other on one socket, failures among them. */
static void there_is_not_every_interface(void **state)
{
        Iface iface;

        for (int i = 0; i < 100; i++) {
                assert_int_equal(iface_read(*(int *) *state, 0x7ffffff0, &iface), -ENODEV);
                assert_int_equal(iface_read(*(int *) *state, if_nametoindex("lo"), &iface), 0);
        }
        assert_true(iface_read(-1, 1, &iface) < 0);
}

static void only_addresses_of_ip_have_a_way(void **state)
{
        struct sockaddr_storage to = {.ss_family = AF_UNIX};
        struct sockaddr_in nowhere = {.sin_family = AF_INET};
        struct sockaddr_in stranger = {.sin_family = AF_INET};
        IfaceRoute route;

        assert_int_equal(iface_route(*(int *) *state, NULL, (struct sockaddr *) &to, &route),
                         -EAFNOSUPPORT);
        /* An address of documentation is none of ours: from there nothing goes. */
        (void) inet_pton(AF_INET, "192.0.2.1", &stranger.sin_addr);
        (void) inet_pton(AF_INET, "127.0.0.1", &nowhere.sin_addr);
        assert_true(iface_route(*(int *) *state, (struct sockaddr *) &stranger,
                                (struct sockaddr *) &nowhere, &route) < 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(loopback_leads_to_this_machine, open_it, close_it),
                cmocka_unit_test_setup_teardown(counters_grow_with_what_is_sent, open_it, close_it),
                cmocka_unit_test_setup_teardown(there_is_not_every_interface, open_it, close_it),
                cmocka_unit_test_setup_teardown(only_addresses_of_ip_have_a_way, open_it, close_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
