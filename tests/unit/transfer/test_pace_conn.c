/* SPDX-License-Identifier: Apache-2.0 */
/* A connection over loopback, and time of the test's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/clock.h"
#include "transfer/iface.h"
#include "transfer/pace_conn.h"

#include "loopback.h"

#define START_USEC (1000 * USEC_PER_SEC)
#define WINDOW_BYTES 4000000

typedef struct Rig {
        int ends[2];
        PaceLine *line;
        PaceConn *conn;
        uint64_t now;
} Rig;

static void make_conn(int fd, void *ctx)
{
        Rig *r = ctx;

        r->conn = pace_conn_new(fd, AF_INET, true, WINDOW_BYTES);
        assert_non_null(r->conn);
}

static int set_up(void **state)
{
        static Rig rig;
        const Iface lo = {.index = 1, .name = "lo", .loopback = true};
        const struct sockaddr_in to = {.sin_family = AF_INET};
        TransferConfig config;

        rig = (Rig){.now = START_USEC};
        transfer_config_init(&config);
        loopback_connect(AF_INET, make_conn, &rig, rig.ends);
        assert_int_equal(pace_line_new(&lo, &config, &rig.line), 0);
        assert_int_equal(pace_line_path(rig.line, (const struct sockaddr *) &to, &rig.conn->path),
                         0);
        rig.conn->line = rig.line;
        rig.line->conns = 1;
        *state = &rig;
        return 0;
}

static int tear_down(void **state)
{
        Rig *r = *state;

        pace_conn_rest(r->conn, r->now);
        pace_conn_free(r->conn);
        assert_int_equal(r->line->conns, 0);
        pace_line_free(r->line);
        (void) close(r->ends[0]);
        (void) close(r->ends[1]);
        return 0;
}

static uint32_t clamp_of(const Rig *r)
{
        uint32_t bytes = 0;

        assert_int_equal(tcp_read_clamp(r->ends[0], &bytes), 0);
        return bytes;
}

static void adapt(Rig *r, BwDirection direction)
{
        r->conn->adaptive = true;
        pace_conn_begin(r->conn, direction, BW_TARGET_NORMAL_USEC, r->now);
        pace_conn_apply(r->conn);
}

static void tick(Rig *r)
{
        r->now += 10 * USEC_PER_MSEC;
        pace_conn_sample(r->conn);
        pace_conn_control(r->conn, r->now);
}

static void the_first_window_is_ten_segments(void **state)
{
        Rig *r = *state;

        adapt(r, BW_DOWN);
        assert_int_equal(clamp_of(r), 10 * MAX(r->conn->tcp.rcv_mss, 536U));
}

/* The kernel overwrites it when it tunes the buffer. */
static void the_window_is_set_again_on_each_tick(void **state)
{
        Rig *r = *state;
        uint32_t mine;

        adapt(r, BW_DOWN);
        tick(r);
        mine = clamp_of(r);
        assert_int_equal(tcp_clamp_window(r->ends[0], 407147), 0);
        tick(r);
        assert_in_range(clamp_of(r), 1152, 10 * (uint64_t) mine);
        assert_int_not_equal(clamp_of(r), 407147);
}

static void nothing_is_left_by_the_line_nothing_comes(void **state)
{
        Rig *r = *state;

        adapt(r, BW_DOWN);
        tick(r);
        assert_false(pace_conn_yields(r->conn));
        r->conn->cap_bps = 0;
        tick(r);
        assert_true(r->conn->decision.stall);
        assert_true(pace_conn_yields(r->conn));
        assert_true(clamp_of(r) < 5000);
}

static uint32_t pace_of(const Rig *r)
{
        uint32_t rate = 0;
        socklen_t len = sizeof(rate);

        assert_int_equal(getsockopt(r->ends[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &len), 0);
        return rate;
}

/* As the interface counts them: else the governor takes our own headers for somebody. */
static void wire_bytes_have_the_headers_of_their_family(void **state)
{
        static const struct {
                int family;
                uint32_t header_bytes;
        } CASES[] = {{AF_INET, 20 + 32}, {AF_INET6, 40 + 32}};
        const Rig *r = *state;

        for (size_t i = 0; i < 2; i++) {
                PaceConn *c = pace_conn_new(r->ends[0], CASES[i].family, true, WINDOW_BYTES);
                uint64_t before = r->line->own_bytes[BW_DOWN];
                char data[100] = "";

                c->line = r->line;
                c->line->conns++;
                c->line->iface.header_bytes = 14;
                pace_conn_sample(c);
                assert_int_equal(write(r->ends[1], data, sizeof(data)), sizeof(data));
                assert_int_equal(recv(r->ends[0], data, sizeof(data), MSG_WAITALL), sizeof(data));
                pace_conn_sample(c);
                assert_int_equal(r->line->own_bytes[BW_DOWN] - before,
                                 sizeof(data) + CASES[i].header_bytes + 14);
                pace_conn_free(c);
        }
}

/* Else a window is a burst, and a queue at the bottleneck. */
static void an_upload_is_paced(void **state)
{
        Rig *r = *state;
        char byte = 0;

        adapt(r, BW_UP);
        assert_int_equal(pace_of(r), UINT32_MAX); /* no round trip is known yet */
        for (int i = 0; i < 3; i++) {
                assert_int_equal(write(r->ends[0], &byte, 1), 1);
                assert_int_equal(read(r->ends[1], &byte, 1), 1);
                tick(r);
        }
        r->conn->rtt_usec = 100000;
        tick(r);
        assert_in_range(pace_of(r), r->conn->decision.window_bytes,
                        20 * (uint64_t) r->conn->decision.window_bytes);
        r->conn->cap_bps = 0; /* a stall is told by what is written */
        tick(r);
        assert_int_equal(pace_of(r), UINT32_MAX);
        r->conn->cap_bps = UINT64_MAX;
        r->now += 700 * USEC_PER_MSEC; /* a stall's samples are not believed for a while */
        tick(r);
        r->conn->rtt_usec = 100000;
        tick(r);
        assert_int_not_equal(pace_of(r), UINT32_MAX);
        pace_conn_begin(r->conn, BW_DOWN, BW_TARGET_NORMAL_USEC, r->now);
        assert_int_equal(pace_of(r), UINT32_MAX);
}

/* Never nothing at all: servers give up on uploads that fall silent. */
static void a_stalled_upload_trickles(void **state)
{
        Rig *r = *state;
        size_t sum = 0;
        bool rule;

        adapt(r, BW_UP);
        r->conn->cap_bps = 0;
        for (int i = 0; i < 1000; i++) {
                size_t room;

                tick(r);
                room = pace_conn_room(r->conn, r->now, 100000, &rule);
                assert_true(room > 0 || rule); /* the queue is empty: it is us who wait */
                if (room > 0)
                        pace_conn_wrote(r->conn, r->now, room);
                sum += room;
        }
        assert_in_range(sum, 3 * r->conn->tcp.snd_mss, 5 * r->conn->tcp.snd_mss);
}

static void an_upload_writes_no_more_than_its_window(void **state)
{
        static char data[1024 * 1024];
        Rig *r = *state;
        uint32_t queued = 0;
        size_t room;
        bool rule;

        assert_int_equal(fcntl(r->ends[0], F_SETFL, O_NONBLOCK), 0);
        adapt(r, BW_UP);
        tick(r);
        for (int i = 0; i < 10000; i++) { /* nobody reads at the other end */
                room = pace_conn_room(r->conn, r->now, sizeof(data), &rule);
                if (room == 0)
                        break;
                assert_true(room <= MAX((uint32_t) 16384, r->conn->decision.window_bytes));
                if (write(r->ends[0], data, room) <= 0)
                        break;
                assert_int_equal(tcp_queued_bytes(r->ends[0], &queued), 0);
                assert_true(queued <= r->conn->decision.window_bytes + 65536);
        }
        /* The receiver takes some by itself; what is queued is what holds us. */
        assert_true(queued > 0);
        room = pace_conn_room(r->conn, r->now, sizeof(data), &rule);
        assert_false(room == 0 && rule); /* the peer takes no more: its silence counts */
}

static void a_limit_is_kept_on_average(void **state)
{
        Rig *r = *state;
        uint64_t sum = 0;
        bool rule;

        r->conn->adaptive = false;
        pace_conn_begin(r->conn, BW_UP, BW_TARGET_NORMAL_USEC, r->now);
        pace_conn_set_limit(r->conn, 10000, r->now);
        for (int i = 0; i < 1000; i++) {
                size_t room;

                tick(r);
                room = pace_conn_room(r->conn, r->now, 100000, &rule);
                assert_true(room <= 2500); /* a quarter of a second */
                if (room > 0)
                        pace_conn_wrote(r->conn, r->now, room);
                else
                        assert_true(rule);
                sum += room;
        }
        assert_in_range(sum, 95000, 100000);
}

/* Debt is paid off first: 20,000 bytes at once are two seconds. */
static void reading_waits_while_it_is_in_debt(void **state)
{
        Rig *r = *state;
        int waited = 0;

        r->conn->adaptive = false;
        pace_conn_begin(r->conn, BW_DOWN, BW_TARGET_NORMAL_USEC, r->now);
        assert_false(pace_conn_must_wait(r->conn, r->now));
        pace_conn_set_limit(r->conn, 10000, r->now);
        assert_true(pace_conn_must_wait(r->conn, r->now)); /* no burst to begin with */
        pace_conn_read(r->conn, r->now, 20000);
        while (pace_conn_must_wait(r->conn, r->now)) {
                tick(r);
                assert_true(++waited < 1000);
        }
        assert_in_range(waited, 195, 205);
        pace_conn_set_limit(r->conn, UINT64_MAX, r->now);
        pace_conn_read(r->conn, r->now, 1000000);
        assert_false(pace_conn_must_wait(r->conn, r->now));
}

static void the_wire_counts_headers(void **state)
{
        Rig *r = *state;
        char data[3000] = "";

        adapt(r, BW_UP);
        tick(r);
        r->line->own_bytes[BW_UP] = 0;
        assert_int_equal(write(r->ends[0], data, sizeof(data)), sizeof(data));
        assert_int_equal(recv(r->ends[1], data, sizeof(data), MSG_WAITALL), sizeof(data));
        tick(r);
        assert_in_range(r->line->own_bytes[BW_UP], sizeof(data) + 52, sizeof(data) + 20 * 52);
        assert_int_equal(r->line->foreground_bytes[BW_UP], 0);
}

/* Ends of records are short segments. Counted as full ones they would hide somebody else. */
static void short_segments_count_as_what_they_are(void **state)
{
        Rig *r = *state;
        char data[100] = "";
        size_t sum = 0;
        int on = 1;

        adapt(r, BW_DOWN);
        assert_int_equal(setsockopt(r->ends[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
        tick(r);
        r->line->own_bytes[BW_DOWN] = 0;
        for (unsigned i = 0; i < 50; i++) {
                assert_int_equal(write(r->ends[1], data, sizeof(data)), sizeof(data));
                assert_int_equal(recv(r->ends[0], data, sizeof(data), MSG_WAITALL), sizeof(data));
                sum += sizeof(data);
        }
        tick(r);
        assert_in_range(r->line->own_bytes[BW_DOWN], sum + 52, sum + 200 * 66);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_first_window_is_ten_segments, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(the_window_is_set_again_on_each_tick, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(wire_bytes_have_the_headers_of_their_family, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(nothing_is_left_by_the_line_nothing_comes, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(an_upload_is_paced, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_stalled_upload_trickles, set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_upload_writes_no_more_than_its_window, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_limit_is_kept_on_average, set_up, tear_down),
                cmocka_unit_test_setup_teardown(reading_waits_while_it_is_in_debt, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(short_segments_count_as_what_they_are, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(the_wire_counts_headers, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
