/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "server/eof_watch.h"

typedef struct Seen {
        EofWatch watch;
        unsigned n;
} Seen;

static void on_seen(void *ctx)
{
        ((Seen *) ctx)->n++;
}

static void an_end_is_seen_with_the_bytes_before_it(void **state)
{
        Seen seen = {0};
        EofMark mark;
        sd_event *loop;
        int pair[2];
        char byte;

        assert_true(sd_event_new(&loop) >= 0);
        assert_int_equal(eof_watch_init(&seen.watch, loop, on_seen, &seen), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(eof_watch_add(&seen.watch, pair[0], &mark), 0);
        assert_int_equal(write(pair[1], "x", 1), 1);
        assert_int_equal(sd_event_run(loop, 0), 0); /* bytes alone are no end */
        assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
        assert_true(sd_event_run(loop, 1000000) > 0);
        assert_int_equal(seen.n, 1);
        assert_false(list_is_empty(&seen.watch.ended));
        assert_false(eof_is_reached(pair[0]));
        assert_int_equal(read(pair[0], &byte, 1), 1);
        assert_true(eof_is_reached(pair[0]));
        assert_int_equal(sd_event_run(loop, 0), 0); /* told once */
        eof_watch_remove(&seen.watch, pair[0], &mark);
        assert_true(list_is_empty(&seen.watch.ended));
        close(pair[0]);
        close(pair[1]);
        eof_watch_done(&seen.watch);
        sd_event_unref(loop);
}

static void whoever_is_removed_is_not_seen(void **state)
{
        Seen seen = {0};
        EofMark mark;
        sd_event *loop;
        int pair[2];

        assert_true(sd_event_new(&loop) >= 0);
        assert_int_equal(eof_watch_init(&seen.watch, loop, on_seen, &seen), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(eof_watch_add(&seen.watch, pair[0], &mark), 0);
        eof_watch_remove(&seen.watch, pair[0], &mark);
        close(pair[1]);
        assert_int_equal(sd_event_run(loop, 0), 0);
        assert_int_equal(seen.n, 0);
        close(pair[0]);
        eof_watch_done(&seen.watch);
        sd_event_unref(loop);
}

static void an_open_connection_has_not_ended(void **state)
{
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_false(eof_is_reached(pair[0]));
        close(pair[0]);
        close(pair[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_end_is_seen_with_the_bytes_before_it),
                cmocka_unit_test(whoever_is_removed_is_not_seen),
                cmocka_unit_test(an_open_connection_has_not_ended),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
