/* SPDX-License-Identifier: Apache-2.0 */
/* The queue behind the events: order, merging, bounds. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "lib/event_queue.h"

static bits_job_info *info_of(uint32_t job, uint64_t bytes)
{
        bits_job_info *info = mem_new(bits_job_info);

        assert_non_null(info);
        info->id.Data1 = job;
        info->bytes_transferred = bytes;
        return info;
}

static void put(EventQueue *q, uint32_t job, uint64_t bytes)
{
        assert_int_equal(event_queue_take_change(q, info_of(job, bytes)), 0);
}

/* "1:5" for a change of job 1 with 5 bytes, "lost", "back", "" for nothing. */
static void expect(EventQueue *q, const char *expected)
{
        char got[32] = "";
        bits_event *event;

        assert_int_equal(event_queue_next(q, &event), 0);
        if (event && event->kind == BITS_EVENT_CHANGED)
                (void) snprintf(got, sizeof(got), "%u:%u", event->info->id.Data1,
                                (unsigned) event->info->bytes_transferred);
        else if (event)
                (void) strcpy(got, event->kind == BITS_EVENT_LOST ? "lost" : "back");
        bits_event_free(event);
        assert_string_equal(got, expected);
}

static void changes_keep_their_place_and_take_the_newest_state(void **state)
{
        EventQueue q;

        assert_int_equal(event_queue_init(&q), 0);
        assert_true(event_queue_is_empty(&q));
        put(&q, 1, 1);
        put(&q, 2, 1);
        put(&q, 1, 9);
        expect(&q, "1:9");
        put(&q, 1, 10);
        expect(&q, "2:1");
        expect(&q, "1:10");
        expect(&q, "");
        event_queue_done(&q);
}

static void a_loss_stands_between_what_was_before_and_after(void **state)
{
        EventQueue q;

        assert_int_equal(event_queue_init(&q), 0);
        put(&q, 1, 1);
        event_queue_note_lost(&q);
        event_queue_note_reconnected(&q);
        put(&q, 2, 1);
        put(&q, 1, 2);
        expect(&q, "1:2");
        expect(&q, "lost");
        expect(&q, "back");
        expect(&q, "2:1");
        expect(&q, "");
        event_queue_done(&q);
}

static void losses_that_nobody_reads_do_not_pile_up(void **state)
{
        EventQueue q;

        assert_int_equal(event_queue_init(&q), 0);
        for (uint32_t i = 1; i <= 3; i++) {
                put(&q, i, 1);
                event_queue_note_lost(&q);
                event_queue_note_reconnected(&q);
        }
        event_queue_note_lost(&q);
        expect(&q, "1:1");
        expect(&q, "2:1");
        expect(&q, "3:1");
        expect(&q, "lost");
        expect(&q, "");
        assert_true(event_queue_is_empty(&q));
        event_queue_note_reconnected(&q);
        expect(&q, "back");
        event_queue_done(&q);
}

static void the_number_of_waiting_jobs_is_bounded(void **state)
{
        EventQueue q;

        assert_int_equal(event_queue_init(&q), 0);
        for (uint32_t i = 0; i < EVENT_QUEUE_JOBS_MAX; i++)
                put(&q, i, 1);
        assert_int_equal(event_queue_take_change(&q, info_of(1u << 30, 1)), -ENOBUFS);
        put(&q, 5, 2);
        event_queue_done(&q); /* with everything unread */
}

static void no_failed_allocation_loses_an_event(void **state)
{
        EventQueue q;
        bits_event *event;

        assert_int_equal(event_queue_init(&q), 0);
        put(&q, 1, 1);
        mem_fail_nth(1);
        assert_int_equal(event_queue_next(&q, &event), -ENOMEM);
        expect(&q, "1:1");
        mem_fail_nth(0);
        for (uint64_t n = 1; n < 10; n++) {
                bits_job_info *info = info_of((uint32_t) (100 + n), 1);
                int r;

                mem_fail_nth(n);
                r = event_queue_take_change(&q, info);
                mem_fail_nth(0);
                assert_true(r == 0 || r == -ENOMEM);
        }
        event_queue_done(&q);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(changes_keep_their_place_and_take_the_newest_state),
                cmocka_unit_test(a_loss_stands_between_what_was_before_and_after),
                cmocka_unit_test(losses_that_nobody_reads_do_not_pile_up),
                cmocka_unit_test(the_number_of_waiting_jobs_is_bounded),
                cmocka_unit_test(no_failed_allocation_loses_an_event),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
