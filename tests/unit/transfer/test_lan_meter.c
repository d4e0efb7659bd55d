/* SPDX-License-Identifier: Apache-2.0 */
/* Connections within 127/8, the subnet of lo: what goes to another address than 127.0.0.1, its own,
 * goes to a neighbour. In a network namespace, so that nobody else is there. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transfer/iface.h"
#include "transfer/lan_meter.h"

#include "../../fakes/skip_test.h"

#define SENT_BYTES 100000
#define PART_BYTES 1000

typedef struct Rig {
        int netlink_fd;
        LanMeter *meter;
} Rig;

static bool enter_namespace(void)
{
        struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
        int fd, r;

        if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                return false;
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        r = ioctl(fd, SIOCSIFFLAGS, &lo);
        (void) close(fd);
        return r == 0;
}

static int set_up(void **state)
{
        static Rig rig;

        rig = (Rig){.netlink_fd = iface_open()};
        assert_true(rig.netlink_fd >= 0);
        if (lan_meter_new(if_nametoindex("lo"), &rig.meter) < 0)
                rig.meter = NULL;
        *state = &rig;
        return 0;
}

static int tear_down(void **state)
{
        Rig *r = *state;

        lan_meter_free(r->meter);
        (void) close(r->netlink_fd);
        return 0;
}

static void need_meter(const Rig *r)
{
        uint64_t moved[2];

        if (!r->meter || lan_meter_find_nets(r->meter, r->netlink_fd) != 1 ||
            lan_meter_read(r->meter, 0, moved) < 0)
                SKIP_TEST("sockets cannot be listed here");
        assert_int_equal(moved[0], 0); /* whatever the others on this machine have moved before */
        assert_int_equal(moved[1], 0);
}

/* From 127.0.0.1 to `address`, by a socket of `family`. */
static void dial(int family, const char *address, int ret[2])
{
        struct sockaddr_in to = {.sin_family = AF_INET}, own = {.sin_family = AF_INET};
        struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
        socklen_t len = sizeof(to);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
        assert_int_equal(bind(listener, (struct sockaddr *) &to, sizeof(to)), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *) &to, &len), 0);
        ret[0] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        mapped.sin6_port = to.sin_port;
        mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
        if (family == AF_INET) {
                assert_int_equal(bind(ret[0], (struct sockaddr *) &own, sizeof(own)), 0);
                assert_int_equal(connect(ret[0], (struct sockaddr *) &to, len), 0);
        } else {
                memcpy(&mapped.sin6_addr.s6_addr[12], &own.sin_addr, sizeof(own.sin_addr));
                mapped.sin6_port = 0;
                assert_int_equal(bind(ret[0], (struct sockaddr *) &mapped, sizeof(mapped)), 0);
                memcpy(&mapped.sin6_addr.s6_addr[12], &to.sin_addr, sizeof(to.sin_addr));
                mapped.sin6_port = to.sin_port;
                assert_int_equal(connect(ret[0], (struct sockaddr *) &mapped, sizeof(mapped)), 0);
        }
        ret[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(ret[1] >= 0);
        (void) close(listener);
}

static void hang_up(int ends[2])
{
        (void) close(ends[0]);
        (void) close(ends[1]);
}

static void carry(int from, int to, size_t bytes)
{
        char data[PART_BYTES] = "";

        for (size_t done = 0; done < bytes; done += sizeof(data)) {
                assert_int_equal(write(from, data, sizeof(data)), sizeof(data));
                assert_int_equal(recv(to, data, sizeof(data), MSG_WAITALL), sizeof(data));
        }
}

static void what_a_neighbour_gets_and_sends_is_counted(void **state)
{
        static const int FAMILIES[] = {AF_INET, AF_INET6};
        Rig *r = *state;
        uint64_t moved[2];
        int ends[2];

        need_meter(r);
        for (size_t i = 0; i < 2; i++) {
                dial(FAMILIES[i], "127.0.0.2", ends);
                carry(ends[0], ends[1], SENT_BYTES);
                assert_int_equal(lan_meter_read(r->meter, 14, moved), 0);
                assert_true(moved[1] >= SENT_BYTES); /* a socket that is new, all of it */
                assert_true(moved[0] < SENT_BYTES);
                carry(ends[1], ends[0], SENT_BYTES);
                assert_int_equal(lan_meter_read(r->meter, 14, moved), 0);
                assert_true(moved[0] >= SENT_BYTES); /* only what came since */
                assert_true(moved[1] < SENT_BYTES);
                hang_up(ends);
        }
}

static void what_was_moved_before_the_first_look_does_not_count(void **state)
{
        Rig *r = *state;
        uint64_t moved[2];
        int ends[2];

        need_meter(r);
        dial(AF_INET, "127.0.0.2", ends);
        carry(ends[0], ends[1], SENT_BYTES);
        lan_meter_restart(r->meter);
        assert_int_equal(lan_meter_read(r->meter, 0, moved), 0);
        assert_true(moved[0] + moved[1] == 0);
        assert_int_equal(lan_meter_read(r->meter, 0, moved), 0);
        assert_true(moved[1] < SENT_BYTES);
        hang_up(ends);
}

static void talk_with_oneself_is_none_with_neighbours(void **state)
{
        Rig *r = *state;
        uint64_t moved[2];
        int ends[2];

        need_meter(r);
        dial(AF_INET, "127.0.0.1", ends);
        carry(ends[0], ends[1], SENT_BYTES);
        assert_int_equal(lan_meter_read(r->meter, 0, moved), 0);
        assert_true(moved[1] < SENT_BYTES);
        hang_up(ends);
}

static void more_neighbours_than_it_bears_are_no_trouble(void **state)
{
        static int ends[LAN_SOCKETS_MAX + 20][2];
        const size_t n = sizeof(ends) / sizeof(ends[0]);
        Rig *r = *state;
        uint64_t moved[2];

        need_meter(r);
        for (size_t i = 0; i < n; i++)
                dial(AF_INET, "127.0.0.2", ends[i]);
        for (int turn = 0; turn < 2; turn++) {
                for (size_t i = 0; i < n; i++)
                        carry(ends[i][0], ends[i][1], PART_BYTES);
                assert_int_equal(lan_meter_read(r->meter, 0, moved), 0);
        }
        assert_true(moved[1] > 0);
        for (size_t i = 0; i < n; i++)
                hang_up(ends[i]);
}

static void an_interface_that_is_not_there_has_no_neighbours(void **state)
{
        Rig *r = *state;
        LanMeter *m;

        need_meter(r);
        assert_int_equal(lan_meter_new(0x7ffffff0, &m), 0);
        assert_int_equal(lan_meter_find_nets(m, r->netlink_fd), 0);
        assert_true(lan_meter_find_nets(m, -1) < 0);
        lan_meter_free(m);
        assert_null(lan_meter_free(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_a_neighbour_gets_and_sends_is_counted, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(what_was_moved_before_the_first_look_does_not_count,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(talk_with_oneself_is_none_with_neighbours, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(more_neighbours_than_it_bears_are_no_trouble,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_interface_that_is_not_there_has_no_neighbours,
                                                set_up, tear_down),
        };

        if (!enter_namespace()) {
                (void) printf("1..0 # SKIP no network namespace can be made here\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
