/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "server/sync_queue.h"

typedef struct Count {
        unsigned done, failed;
} Count;

static void on_synced(void *ctx, int result)
{
        Count *c = ctx;

        c->done++;
        c->failed += result < 0;
}

static int open_temporary(void)
{
        int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, "x", 1), 1);
        return fd;
}

static void all_end_also_over_the_number_that_flies(void **state)
{
        const unsigned n = 3 * SYNC_QUEUE_IN_FLIGHT_MAX;
        Count c = {0};
        sd_event *loop;
        SyncQueue *q;

        assert_true(sd_event_new(&loop) >= 0);
        assert_int_equal(sync_queue_new(loop, &q), 0);
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(sync_queue_add_take(q, open_temporary(), i % 2, on_synced, &c), 0);
        assert_int_equal(c.done, 0); /* never from inside */
        while (c.done < n)
                assert_true(sd_event_run(loop, 10000000) > 0);
        assert_int_equal(c.failed, 0);
        sync_queue_free(q);
        sd_event_unref(loop);
}

static void what_cannot_be_synced_says_so(void **state)
{
        Count c = {0};
        sd_event *loop;
        SyncQueue *q;
        int pipes[2];

        assert_true(sd_event_new(&loop) >= 0);
        assert_int_equal(sync_queue_new(loop, &q), 0);
        assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
        assert_int_equal(sync_queue_add_take(q, pipes[0], false, on_synced, &c), 0);
        while (c.done < 1)
                assert_true(sd_event_run(loop, 10000000) > 0);
        assert_int_equal(c.failed, 1);
        close(pipes[1]);
        sync_queue_free(q);
        sd_event_unref(loop);
}

static void what_is_in_flight_may_be_forgotten(void **state)
{
        Count c = {0};
        sd_event *loop;
        SyncQueue *q;

        assert_true(sd_event_new(&loop) >= 0);
        assert_int_equal(sync_queue_new(loop, &q), 0);
        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(sync_queue_add_take(q, open_temporary(), false, on_synced, &c), 0);
        sync_queue_free(q);
        assert_int_equal(c.done, 0);
        sd_event_unref(loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_end_also_over_the_number_that_flies),
                cmocka_unit_test(what_cannot_be_synced_says_so),
                cmocka_unit_test(what_is_in_flight_may_be_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
