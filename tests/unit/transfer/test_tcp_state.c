/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "transfer/tcp_state.h"

#include "loopback.h"

#define CLAMP_BYTES 4000000

static void prepare(int fd, void *ctx)
{
        uint32_t clamp = 0;

        assert_int_equal(tcp_prepare_background(fd, AF_INET, CLAMP_BYTES), 0);
        /* Before it connects: that is when the kernel chooses the unit of the window. */
        assert_int_equal(tcp_read_clamp(fd, &clamp), 0);
        assert_int_equal(clamp, CLAMP_BYTES);
}

static int number_of(int fd, int level, int option)
{
        int value = -1;
        socklen_t len = sizeof(value);

        assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
        return value;
}

static void a_prepared_socket_is_in_the_background(void **state)
{
        int ends[2];

        loopback_connect(AF_INET, prepare, NULL, ends);
        assert_int_equal(number_of(ends[0], IPPROTO_IP, IP_TOS), 4);
        (void) close(ends[0]);
        (void) close(ends[1]);
}

static void what_went_through_is_counted(void **state)
{
        TcpState s, before;
        char data[5000] = "";
        uint32_t queued = 1;
        int ends[2];

        loopback_connect(AF_INET, NULL, NULL, ends);
        assert_int_equal(tcp_state_read(ends[0], &before), 0);
        assert_int_equal(write(ends[1], data, sizeof(data)), sizeof(data));
        assert_int_equal(recv(ends[0], data, sizeof(data), MSG_WAITALL), sizeof(data));
        assert_int_equal(tcp_state_read(ends[0], &s), 0);
        assert_int_equal(s.bytes_received - before.bytes_received, sizeof(data));
        assert_true(s.data_segs_in > before.data_segs_in);
        assert_true(s.segs_in >= s.data_segs_in && s.rcv_mss > 0);
        assert_int_equal(tcp_state_read(ends[1], &s), 0);
        assert_true(s.bytes_sent >= sizeof(data) && s.snd_mss > 0 && s.data_segs_out > 0);
        assert_int_equal(tcp_queued_bytes(ends[0], &queued), 0);
        assert_int_equal(queued, 0);
        (void) close(ends[0]);
        (void) close(ends[1]);
}

/* What the peer can write until nobody takes any more. */
static size_t fill(int from)
{
        static char data[65536];
        size_t sum = 0;
        ssize_t n;

        assert_int_equal(fcntl(from, F_SETFL, O_NONBLOCK), 0);
        for (;;) {
                struct pollfd p = {.fd = from, .events = POLLOUT};

                n = write(from, data, sizeof(data));
                if (n > 0)
                        sum += (size_t) n;
                else if (poll(&p, 1, 300) == 0) /* full for good */
                        return sum;
        }
}

/* Of 1.5 MB, which a socket takes by itself. */
static size_t arrived_under(uint32_t clamp)
{
        TcpState s;
        int ends[2];

        loopback_connect(AF_INET, prepare, NULL, ends);
        assert_int_equal(tcp_clamp_window(ends[0], clamp), 0);
        (void) fill(ends[1]);
        assert_int_equal(tcp_state_read(ends[0], &s), 0);
        (void) close(ends[0]);
        (void) close(ends[1]);
        return s.bytes_received;
}

/* Not less than was advertised at first. */
static void a_clamp_holds_the_window_down(void **state)
{
        size_t small = arrived_under(14480), large = arrived_under(CLAMP_BYTES);

        assert_true(small <= 2 * 65536);
        assert_true(large >= small);
}

static void a_clamp_is_set_and_read_back(void **state)
{
        uint32_t clamp = 0;
        int ends[2];

        loopback_connect(AF_INET, prepare, NULL, ends);
        assert_int_equal(tcp_clamp_window(ends[0], 30000), 0);
        assert_int_equal(tcp_read_clamp(ends[0], &clamp), 0);
        assert_int_equal(clamp, 30000);
        assert_int_equal(tcp_clamp_window(ends[0], TCP_CLAMP_STALL_BYTES), 0);
        assert_int_equal(tcp_read_clamp(ends[0], &clamp), 0);
        assert_true(clamp >= TCP_CLAMP_STALL_BYTES && clamp < 10000);
        tcp_delay_acks(ends[0]);
        (void) close(ends[0]);
        (void) close(ends[1]);
}

static void bytes_that_nobody_took_are_queued(void **state)
{
        uint32_t queued = 0;
        size_t sum;
        int ends[2];

        loopback_connect(AF_INET, NULL, NULL, ends);
        sum = fill(ends[1]);
        assert_int_equal(tcp_queued_bytes(ends[1], &queued), 0);
        assert_true(queued > 0 && queued < sum);
        (void) close(ends[0]);
        (void) close(ends[1]);
}

static void a_pace_is_set_and_lifted(void **state)
{
        uint32_t rate = 0;
        socklen_t len = sizeof(rate);
        int ends[2];

        loopback_connect(AF_INET, NULL, NULL, ends);
        assert_int_equal(tcp_pace(ends[0], 123456), 0);
        assert_int_equal(getsockopt(ends[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &len), 0);
        assert_int_equal(rate, 123456);
        assert_int_equal(tcp_pace(ends[0], UINT64_MAX), 0);
        assert_int_equal(getsockopt(ends[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &len), 0);
        assert_int_equal(rate, UINT32_MAX);
        (void) close(ends[0]);
        (void) close(ends[1]);
}

/* As the kernel does it. */
static uint32_t smoothed(uint32_t rtt, uint32_t sample, unsigned n)
{
        double s = rtt;

        for (unsigned i = 0; i < n; i++)
                s += (sample - s) / 8;
        return (uint32_t) s;
}

static void the_smoothed_round_trip_is_taken_apart(void **state)
{
        const TcpState before = {.rtt_usec = 200000, .min_rtt_usec = 20000, .segs_in = 5};
        TcpState now = before;

        assert_int_equal(tcp_fresh_rtt_usec(&before, &now), 0); /* nothing came */
        for (unsigned n = 1; n < 30; n++) {
                now.segs_in = before.segs_in + n;
                now.bytes_acked = n * 1000;
                now.rtt_usec = smoothed(before.rtt_usec, 50000, n);
                assert_in_range(tcp_fresh_rtt_usec(&before, &now), 49985, 50000);
        }
        /* Counted too many: nearer to the smoothed one, never below the least. */
        now.segs_in = UINT32_MAX;
        assert_in_range(tcp_fresh_rtt_usec(&before, &now), 50000, now.rtt_usec);
        now.segs_in = before.segs_in + 1;
        now.rtt_usec = 100000;
        assert_int_equal(tcp_fresh_rtt_usec(&before, &now), 20000);
        assert_int_equal(tcp_fresh_rtt_usec(&(TcpState){.segs_in = 1}, &now), 100000);
}

static void no_socket_no_state(void **state)
{
        uint32_t n;
        TcpState s;
        int pair[2];

        assert_int_equal(tcp_state_read(-1, &s), -EBADF);
        assert_int_equal(tcp_clamp_window(-1, 5000), -EBADF);
        assert_int_equal(tcp_queued_bytes(-1, &n), -EBADF);
        assert_int_equal(tcp_pace(-1, 5000), -EBADF);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_true(tcp_state_read(pair[0], &s) < 0);
        assert_true(tcp_prepare_background(pair[0], AF_INET, CLAMP_BYTES) < 0);
        (void) close(pair[0]);
        (void) close(pair[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_prepared_socket_is_in_the_background),
                cmocka_unit_test(what_went_through_is_counted),
                cmocka_unit_test(a_clamp_holds_the_window_down),
                cmocka_unit_test(a_clamp_is_set_and_read_back),
                cmocka_unit_test(bytes_that_nobody_took_are_queued),
                cmocka_unit_test(a_pace_is_set_and_lifted),
                cmocka_unit_test(the_smoothed_round_trip_is_taken_apart),
                cmocka_unit_test(no_socket_no_state),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
