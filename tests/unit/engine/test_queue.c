/* SPDX-License-Identifier: Apache-2.0 */
#include "bare_job.h"

#include "engine/queue.h"

static void jobs_are_found_and_counted(void **state)
{
        Queue q;
        Job *a = bare_job(1, BG_JOB_PRIORITY_NORMAL);
        Job *b = bare_job(2, BG_JOB_PRIORITY_NORMAL);
        GUID nobody = {9, 9, 9, {9}};

        (void) state;
        b->owner_uid = 1001;
        b->status.state = BG_JOB_STATE_QUEUED;
        assert_int_equal(queue_init(&q, 1), 0);
        assert_int_equal(queue_add(&q, a), 0);
        assert_int_equal(queue_add(&q, b), 0);
        assert_ptr_equal(queue_find(&q, &a->id), a);
        assert_ptr_equal(queue_find(&q, &b->id), b);
        assert_null(queue_find(&q, &nobody));
        assert_int_equal(q.live_len, 2);
        assert_int_equal(queue_live_of(&q, 1000), 1);
        assert_int_equal(queue_live_of(&q, 1001), 1);
        assert_int_equal(queue_live_of(&q, 1002), 0);
        assert_int_equal(q.by_state[BG_JOB_STATE_SUSPENDED], 1);
        assert_int_equal(q.by_state[BG_JOB_STATE_QUEUED], 1);
        queue_state_changed(&q, BG_JOB_STATE_SUSPENDED, BG_JOB_STATE_QUEUED);
        a->status.state = BG_JOB_STATE_QUEUED;
        assert_int_equal(q.by_state[BG_JOB_STATE_QUEUED], 2);
        queue_set_owner(a, b->run->owner);
        assert_int_equal(queue_live_of(&q, 1001), 2);
        assert_int_equal(a->owner_uid, 1001);
        queue_drop(&q, a);
        assert_int_equal(q.live_len, 1);
        assert_int_equal(queue_live_of(&q, 1001), 1);
        queue_done(&q);
}

static void jobs_that_owe_a_farewell_are_no_tombstones_yet(void **state)
{
        Queue q;
        Job *a = bare_job(1, BG_JOB_PRIORITY_NORMAL);

        (void) state;
        assert_int_equal(queue_init(&q, 1), 0);
        assert_int_equal(queue_add(&q, a), 0);
        a->status.state = BG_JOB_STATE_CANCELLED;
        a->status.farewell_wall = 1;
        queue_bury(&q, a, BG_JOB_STATE_SUSPENDED);
        assert_int_equal(q.live_len, 0);
        assert_int_equal(q.tombstones_len, 0);
        assert_int_equal(q.farewells_len, 1);
        assert_null(queue_oldest_tombstone(&q));
        assert_ptr_equal(queue_find(&q, &a->id), a);
        a->status.farewell_wall = 0;
        queue_end_farewell(&q, a);
        assert_int_equal(q.tombstones_len, 1);
        assert_int_equal(q.farewells_len, 0);
        assert_ptr_equal(queue_oldest_tombstone(&q), a);
        queue_done(&q);
}

static void ended_jobs_leave_the_queue_oldest_first(void **state)
{
        Queue q;
        Job *a = bare_job(1, BG_JOB_PRIORITY_NORMAL);
        Job *b = bare_job(2, BG_JOB_PRIORITY_NORMAL);

        (void) state;
        assert_int_equal(queue_init(&q, 1), 0);
        assert_null(queue_oldest_tombstone(&q));
        assert_int_equal(queue_add(&q, a), 0);
        assert_int_equal(queue_add(&q, b), 0);
        b->status.state = BG_JOB_STATE_CANCELLED;
        queue_bury(&q, b, BG_JOB_STATE_SUSPENDED);
        a->status.state = BG_JOB_STATE_ACKNOWLEDGED;
        queue_bury(&q, a, BG_JOB_STATE_SUSPENDED);
        assert_int_equal(q.live_len, 0);
        assert_int_equal(q.tombstones_len, 2);
        assert_int_equal(queue_live_of(&q, 1000), 0);
        assert_ptr_equal(queue_find(&q, &a->id), a);
        assert_ptr_equal(queue_oldest_tombstone(&q), b);
        queue_drop(&q, b);
        assert_ptr_equal(queue_oldest_tombstone(&q), a);
        assert_int_equal(q.tombstones_len, 1);
        queue_done(&q);
}

static void one_id_is_one_job(void **state)
{
        Queue q;
        Job *a = bare_job(1, BG_JOB_PRIORITY_NORMAL);
        Job *twin = bare_job(1, BG_JOB_PRIORITY_NORMAL);

        (void) state;
        assert_int_equal(queue_init(&q, 1), 0);
        assert_int_equal(queue_add(&q, a), 0);
        assert_int_equal(queue_add(&q, twin), -17);
        assert_int_equal(q.live_len, 1);
        (void) job_free(twin);
        queue_done(&q);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(jobs_are_found_and_counted),
                cmocka_unit_test(jobs_that_owe_a_farewell_are_no_tombstones_yet),
                cmocka_unit_test(ended_jobs_leave_the_queue_oldest_first),
                cmocka_unit_test(one_id_is_one_job),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
