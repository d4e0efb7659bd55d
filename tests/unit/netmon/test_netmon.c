/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor against the real kernel, in a network namespace of its own: a pair of virtual cards
 * is made, plugged, unplugged and given addresses. Needs the right to make one (root, or
 * unprivileged user namespaces); says so and skips where that is missing. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/route.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include <cmocka.h>

#include "base/clock.h"
#include "netmon/netmon.h"

#define PATIENCE_USEC (60 * USEC_PER_SEC)
#define QUIET_USEC (NETMON_DOWN_DELAY_USEC + NETMON_ROUTE_WAIT_USEC)

typedef struct Watch {
        sd_event *loop;
        Netmon *monitor;
        bool up;
        unsigned calls;
} Watch;

static void on_change(void *ctx, bool up)
{
        Watch *w = ctx;

        w->up = up;
        w->calls++;
}

/* A sandbox without netlink, as long as it is switched on. */
static bool netlink_forbidden;

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);

int __wrap_socket(int domain, int type, int protocol)
{
        if (netlink_forbidden && domain == AF_NETLINK) {
                errno = EAFNOSUPPORT;
                return -1;
        }
        return __real_socket(domain, type, protocol);
}

/* ---- the namespace's cards, by ioctl and one netlink request ---- */

static void control(unsigned long request, void *argument, const char *what)
{
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || ioctl(fd, request, argument) < 0)
                fail_msg("%s: %s", what, strerror(errno));
}

static void name_card(struct ifreq *req, const char *name)
{
        memset(req, 0, sizeof(*req));
        (void) snprintf(req->ifr_name, sizeof(req->ifr_name), "%s", name);
}

static void set_card(const char *name, bool up)
{
        struct ifreq req;

        name_card(&req, name);
        req.ifr_flags = up ? IFF_UP : 0;
        control(SIOCSIFFLAGS, &req, "card up or down");
}

static void set_address(const char *name, const char *ip)
{
        struct sockaddr_in address = {.sin_family = AF_INET};
        struct ifreq req;

        assert_int_equal(inet_pton(AF_INET, ip, &address.sin_addr), 1);
        name_card(&req, name);
        memcpy(&req.ifr_addr, &address, sizeof(address));
        control(SIOCSIFADDR, &req, "address");
}

static void set_default_route(const char *gateway)
{
        struct sockaddr_in any = {.sin_family = AF_INET}, via = {.sin_family = AF_INET};
        struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};

        assert_int_equal(inet_pton(AF_INET, gateway, &via.sin_addr), 1);
        memcpy(&route.rt_dst, &any, sizeof(any));
        memcpy(&route.rt_genmask, &any, sizeof(any));
        memcpy(&route.rt_gateway, &via, sizeof(via));
        control(SIOCADDRT, &route, "default route");
}

static void put_attribute(struct nlmsghdr *h, uint16_t type, const void *value, size_t bytes)
{
        struct rtattr *a = (struct rtattr *) ((uint8_t *) h + NLMSG_ALIGN(h->nlmsg_len));

        a->rta_type = type;
        a->rta_len = (uint16_t) RTA_LENGTH(bytes);
        memcpy(RTA_DATA(a), value, bytes);
        h->nlmsg_len = (uint32_t) (NLMSG_ALIGN(h->nlmsg_len) + RTA_LENGTH(bytes));
}

/* Two cards with a cable between them: a0 and its peer, which the kernel calls veth0. */
static int make_cards(void)
{
        struct {
                struct nlmsghdr header;
                struct ifinfomsg body;
                uint8_t attributes[128];
        } request = {
                .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                           .nlmsg_type = RTM_NEWLINK,
                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK},
        };
        struct {
                struct rtattr header;
                char kind[4];
        } info = {{.rta_len = RTA_LENGTH(4), .rta_type = IFLA_INFO_KIND}, {'v', 'e', 't', 'h'}};
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        struct {
                struct nlmsghdr header;
                struct nlmsgerr body;
                uint8_t rest[512];
        } answer;

        put_attribute(&request.header, IFLA_IFNAME, "a0", 3);
        put_attribute(&request.header, IFLA_LINKINFO, &info, sizeof(info));
        if (fd < 0 || send(fd, &request, request.header.nlmsg_len, 0) < 0 ||
            recv(fd, &answer, sizeof(answer), 0) < (ssize_t) NLMSG_LENGTH(sizeof(int)))
                return -errno;
        return answer.body.error;
}

static int write_text(const char *path, const char *text)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text) ? 0 : -errno;
}

/* A fresh namespace with the cards, for this process from now on. */
static bool enter_namespace(void)
{
        if (unshare(CLONE_NEWNET) < 0) {
                if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                        return false;
                (void) write_text("/proc/self/setgroups", "deny"); /* capabilities suffice here */
        }
        return make_cards() == 0;
}

/* ---- */

static int start(void **state)
{
        static Watch watch;

        watch = (Watch){.up = true};
        *state = &watch;
        return enter_namespace() && sd_event_new(&watch.loop) >= 0 ? 0 : -1;
}

static int stop(void **state)
{
        Watch *w = *state;

        netmon_free(w->monitor);
        sd_event_unref(w->loop);
        return 0;
}

static void watch_network(Watch *w)
{
        assert_int_equal(netmon_new(w->loop, on_change, w, &w->monitor), 0);
        assert_int_equal(w->calls, 0); /* only from the loop */
}

static uint64_t now(void)
{
        return clock_mono_usec(&CLOCK_SYSTEM);
}

/* Runs the loop until the callback has been called so often. Returns how long that took. */
static uint64_t wait_for_calls(Watch *w, unsigned calls)
{
        uint64_t start_usec = now();

        while (w->calls < calls) {
                if (now() - start_usec > PATIENCE_USEC)
                        fail_msg("call %u never came", calls);
                assert_true(sd_event_run(w->loop, USEC_PER_SEC) >= 0);
        }
        assert_int_equal(w->calls, calls);
        return now() - start_usec;
}

/* Runs the loop for longer than any delay of the monitor: nothing must be told. */
static void stay_quiet(Watch *w)
{
        uint64_t end = now() + QUIET_USEC;
        unsigned calls = w->calls;

        while (now() < end)
                assert_true(sd_event_run(w->loop, end - now()) >= 0);
        assert_int_equal(w->calls, calls);
}

/* Takes in what the kernel has said already. */
static void take_in(Watch *w)
{
        while (sd_event_run(w->loop, 0) > 0)
                ;
}

/* Whether nothing can be told yet of what was seen after `start_usec`. If somebody else had the
 * processor for so long, nothing follows from what has come. */
static bool is_within(uint64_t start_usec, uint64_t delay_usec)
{
        return now() - start_usec < delay_usec;
}

/* The kernel looks after its cables at its leisure. It does so under the lock that the next change
 * of cards or routes takes, so what it says of a card that runs comes before what it says of these.
 */
static void wait_until_running(const char *name)
{
        uint64_t start_usec = now();
        struct ifreq req;

        do {
                if (now() - start_usec > PATIENCE_USEC)
                        fail_msg("%s never ran", name);
                (void) usleep(1000);
                name_card(&req, name);
                control(SIOCGIFFLAGS, &req, "flags");
        } while (!(req.ifr_flags & IFF_RUNNING));
}

static void plug_in(void)
{
        set_address("a0", "192.0.2.1");
        set_card("a0", true);
        set_card("veth0", true);
        wait_until_running("a0");
}

static void machine_without_network_is_told_at_the_start(void **state)
{
        Watch *w = *state;

        set_card("lo", true);
        watch_network(w);
        (void) wait_for_calls(w, 1);
        assert_false(w->up);
        stay_quiet(w);
}

static void machine_with_network_is_not_told(void **state)
{
        Watch *w = *state;

        plug_in();
        set_default_route("192.0.2.2");
        watch_network(w);
        stay_quiet(w);
        assert_int_equal(w->calls, 0);
}

static void route_out_is_told_at_once(void **state)
{
        Watch *w = *state;
        uint64_t start_usec;

        watch_network(w);
        (void) wait_for_calls(w, 1);
        start_usec = now();
        plug_in();
        take_in(w);
        if (!is_within(start_usec, NETMON_ROUTE_WAIT_USEC))
                return;
        assert_int_equal(w->calls, 1); /* an address, but no way out yet */
        set_default_route("192.0.2.2");
        take_in(w); /* the kernel has said it before that returns */
        assert_int_equal(w->calls, 2);
        assert_true(w->up);
}

static void network_without_a_route_out_is_told_after_a_while(void **state)
{
        Watch *w = *state;
        uint64_t took;

        watch_network(w);
        (void) wait_for_calls(w, 1);
        plug_in();
        took = wait_for_calls(w, 2);
        assert_true(w->up);
        assert_true(took >= NETMON_ROUTE_WAIT_USEC);
        set_default_route("192.0.2.2"); /* no news */
        stay_quiet(w);
}

static void lost_carrier_is_told_after_a_while(void **state)
{
        Watch *w = *state;
        uint64_t took;

        plug_in();
        set_default_route("192.0.2.2");
        watch_network(w);
        take_in(w);
        set_card("veth0", false); /* the cable's other end */
        took = wait_for_calls(w, 1);
        assert_false(w->up);
        assert_true(took >= NETMON_DOWN_DELAY_USEC);
        set_card("veth0", true);
        (void) wait_for_calls(w, 2);
        assert_true(w->up);
}

static void short_loss_is_not_told(void **state)
{
        Watch *w = *state;

        plug_in();
        set_default_route("192.0.2.2");
        watch_network(w);
        take_in(w);
        for (unsigned i = 0; i < 20; i++) {
                uint64_t start_usec = now();

                set_card("veth0", false);
                take_in(w);
                set_card("veth0", true);
                take_in(w);
                if (!is_within(start_usec, NETMON_DOWN_DELAY_USEC))
                        return; /* that was no short one */
        }
        stay_quiet(w);
        assert_int_equal(w->calls, 0);
}

static void short_return_is_not_told_without_a_route(void **state)
{
        Watch *w = *state;
        uint64_t start_usec;

        watch_network(w);
        (void) wait_for_calls(w, 1);
        start_usec = now();
        plug_in();
        take_in(w);
        set_card("a0", false);
        take_in(w);
        if (!is_within(start_usec, NETMON_ROUTE_WAIT_USEC))
                return; /* that was no short one */
        stay_quiet(w);
        assert_false(w->up);
}

/* More messages than the socket holds: the state is asked for anew. */
static void flood_of_changes_is_survived(void **state)
{
        Watch *w = *state;

        plug_in();
        set_default_route("192.0.2.2");
        watch_network(w);
        take_in(w);
        for (unsigned i = 0; i < 3000; i++) { /* nobody reads meanwhile */
                set_card("a0", false);
                set_card("a0", true);
        }
        set_card("a0", false);
        (void) wait_for_calls(w, 1);
        assert_false(w->up);
        set_card("a0", true);
        (void) wait_for_calls(w, 2);
        assert_true(w->up);
        stay_quiet(w);
}

static void kernel_that_cannot_be_asked_counts_as_up(void **state)
{
        Watch w = {.up = true};

        assert_true(sd_event_new(&w.loop) >= 0);
        netlink_forbidden = true;
        watch_network(&w);
        netlink_forbidden = false;
        stay_quiet(&w);
        assert_int_equal(w.calls, 0);
        netmon_free(w.monitor);
        sd_event_unref(w.loop);
}

static void kernel_that_falls_silent_counts_as_up(void **state)
{
        Watch *w = *state;

        watch_network(w);
        (void) wait_for_calls(w, 1);
        assert_false(w->up);
        /* A loss of messages makes it ask anew, which fails. */
        netlink_forbidden = true;
        for (unsigned i = 0; i < 3000; i++) {
                set_card("a0", true);
                set_card("a0", false);
        }
        (void) wait_for_calls(w, 2);
        netlink_forbidden = false;
        assert_true(w->up);
        stay_quiet(w);
}

/* Tried out by a child, since there is no way back. */
static bool may_enter_namespace(void)
{
        pid_t pid = fork();
        int status;

        if (pid == 0)
                _exit(enter_namespace() ? 0 : 1);
        return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_NAMESPACE(machine_without_network_is_told_at_the_start),
                IN_NAMESPACE(machine_with_network_is_not_told),
                IN_NAMESPACE(route_out_is_told_at_once),
                IN_NAMESPACE(network_without_a_route_out_is_told_after_a_while),
                IN_NAMESPACE(lost_carrier_is_told_after_a_while),
                IN_NAMESPACE(short_loss_is_not_told),
                IN_NAMESPACE(short_return_is_not_told_without_a_route),
                IN_NAMESPACE(flood_of_changes_is_survived),
                IN_NAMESPACE(kernel_that_falls_silent_counts_as_up),
                cmocka_unit_test(kernel_that_cannot_be_asked_counts_as_up),
        };

        if (!may_enter_namespace()) {
                printf("1..0 # SKIP no right to make a network namespace with cards in it\n");
                return 0;
        }
        return cmocka_run_group_tests_name("netmon", tests, NULL, NULL);
}
