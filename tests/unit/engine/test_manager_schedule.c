/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler at work in the manager; causes of waiting; wake-ups. */
#include "job_states.h"

static void files_start_in_order_up_to_the_number_in_flight(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);

        fake_rig_add(rig, &id, 9);
        assert_hr(manager_set_files_in_flight(rig->m, &FAKE_USER, &id, 1), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        for (uint32_t i = 0; i < 3; i++) {
                fake_rig_run(rig);
                assert_int_equal(fake_transfer_count(&rig->transfer, FAKE_FILE, &id), 1);
                fake_op_done(&rig->transfer, rig->m,
                             fake_transfer_find_file(&rig->transfer, &id, i));
        }
        assert_hr(manager_set_files_in_flight(rig->m, &FAKE_USER, &id, 0), S_OK);
        fake_rig_run(rig);
        assert_int_equal(fake_transfer_count(&rig->transfer, FAKE_FILE, &id), 4);
        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &id, BG_JOB_PRIORITY_FOREGROUND), S_OK);
        for (int i = 0; i < 4; i++) /* those of the background have to make way first */
                fake_op_stopped(&rig->transfer, rig->m,
                                fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        fake_rig_run(rig);
        assert_int_equal(fake_transfer_count(&rig->transfer, FAKE_FILE, &id), 6);
        assert_non_null(fake_transfer_find_file(&rig->transfer, &id, 8));
}

static void files_added_to_a_running_job_start_too(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        fake_rig_run(rig);
        fake_rig_add(rig, &id, 1);
        fake_rig_run(rig);
        assert_non_null(fake_transfer_find_file(&rig->transfer, &id, 1));
}

static void a_more_urgent_job_stops_a_running_one(void **state)
{
        FakeRig *rig = *state;
        GUID normal = fake_rig_resumed(rig, 1);
        GUID high;
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &normal);
        fake_op_meta(&rig->transfer, rig->m, op);
        fake_op_progress(&rig->transfer, rig->m, op, 123, 0);
        high = fake_rig_resumed(rig, 1);
        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &high, BG_JOB_PRIORITY_HIGH), S_OK);
        fake_rig_run(rig);
        assert_state(rig, &high, CONNECTING);
        assert_state(rig, &normal, QUEUED);
        assert_true(op->stopped);
        fake_rig_finish(rig);
        assert_state(rig, &normal, TRANSFERRED);
}

static void a_waiting_disk_holds_no_place(void **state)
{
        FakeRig *rig = *state;
        GUID a = fake_rig_resumed(rig, 1);
        GUID b = fake_rig_resumed(rig, 1);

        fake_rig_run(rig);
        assert_state(rig, &b, QUEUED);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_FILE, &a));
        fake_rig_run(rig);
        assert_non_null(fake_transfer_find(&rig->transfer, FAKE_SYNC, &a));
        assert_state(rig, &a, TRANSFERRING);
        assert_state(rig, &b, CONNECTING);
}

static void an_ending_job_holds_no_place(void **state)
{
        FakeRig *rig = *state;
        GUID a = fake_rig_resumed(rig, 1);
        GUID b = fake_rig_resumed(rig, 1);

        fake_rig_run(rig);
        manager_cancel(rig->m, &FAKE_USER, &a, 100);
        fake_rig_run(rig);
        assert_state(rig, &b, CONNECTING);
}

static void failing_jobs_do_not_block_others(void **state)
{
        FakeRig *rig = *state;
        GUID high = fake_rig_resumed(rig, 1);
        GUID low = fake_rig_resumed(rig, 1);

        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &high, BG_JOB_PRIORITY_HIGH), S_OK);
        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &low, BG_JOB_PRIORITY_LOW), S_OK);
        fake_rig_run(rig);
        assert_state(rig, &low, QUEUED);
        fail_transfer(rig, &high, BG_E_HTTP_ERROR_500);
        assert_state(rig, &low, CONNECTING);
        fake_rig_advance(rig, 600 * USEC_PER_SEC);
        assert_state(rig, &high, CONNECTING);
        assert_state(rig, &low, QUEUED);
}

static void equal_jobs_take_turns(void **state)
{
        FakeRig *rig = *state;
        GUID a = fake_rig_resumed(rig, 1);
        GUID b = fake_rig_resumed(rig, 1);

        fake_rig_run(rig);
        assert_state(rig, &a, CONNECTING);
        for (int i = 0; i < 6; i++) {
                fake_rig_advance(rig, 299 * USEC_PER_SEC);
                assert_int_equal(fake_rig_state(rig, i % 2 ? &b : &a), BG_JOB_STATE_CONNECTING);
                fake_rig_advance(rig, 1 * USEC_PER_SEC);
                stop_others(rig, &a);
                stop_others(rig, &b);
                assert_int_equal(fake_rig_state(rig, i % 2 ? &a : &b), BG_JOB_STATE_CONNECTING);
        }
}

static WhyCode why(FakeRig *rig, const GUID *id, Why *ret)
{
        manager_why(rig->m, fake_rig_read(rig, id), ret);
        return ret->code;
}

static void every_job_can_say_why_it_waits(void **state)
{
        FakeRig *rig = *state;
        GUID empty = fake_rig_job(rig);
        GUID paused = job_in_state(rig, BG_JOB_STATE_SUSPENDED);
        GUID done = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        GUID error = job_in_state(rig, BG_JOB_STATE_ERROR);
        GUID retry = job_in_state(rig, BG_JOB_STATE_TRANSIENT_ERROR);
        GUID secret = fake_rig_resumed(rig, 1);
        GUID running, waiting;
        Why w;

        fail_transfer(rig, &secret, BG_E_HTTP_ERROR_401);
        running = fake_rig_resumed(rig, 1);
        waiting = fake_rig_resumed(rig, 1);
        fake_rig_run(rig);
        assert_int_equal(why(rig, &empty, &w), WHY_EMPTY);
        assert_int_equal(why(rig, &paused, &w), WHY_PAUSED_BY_USER);
        assert_int_equal(why(rig, &done, &w), WHY_NEEDS_COMPLETE);
        assert_int_equal(why(rig, &error, &w), WHY_ERROR);
        assert_int_equal(why(rig, &secret, &w), WHY_NEEDS_CREDENTIALS);
        assert_int_equal(why(rig, &retry, &w), WHY_RETRY_AT);
        assert_int_equal(w.retry_wall, rig->clock.wall + 600 * USEC_PER_SEC);
        assert_int_equal(why(rig, &running, &w), WHY_NONE);
        assert_int_equal(why(rig, &waiting, &w), WHY_QUEUED_BEHIND);
        assert_ptr_equal(w.behind, fake_rig_read(rig, &running));
        manager_network_changed(rig->m, false);
        fake_rig_run(rig);
        assert_int_equal(why(rig, &waiting, &w), WHY_NETWORK_DOWN);
        assert_int_equal(w.retry_wall, 0);
        manager_complete(rig->m, &FAKE_USER, &done, 100);
        assert_int_equal(why(rig, &done, &w), WHY_NONE);
        fake_rig_finish(rig);
        assert_int_equal(why(rig, &done, &w), WHY_NONE);
}

static void counts_and_rates_tell_what_goes_on(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        ManagerCounts counts;
        FakeOp *op;

        (void) fake_rig_job(rig);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_connected(&rig->transfer, rig->m, op);
        fake_disk_remote(&rig->disk, "http://host/0")->size = 1000000;
        fake_op_meta(&rig->transfer, rig->m, op);
        for (uint64_t i = 1; i <= 20; i++) {
                fake_clock_advance(&rig->clock, USEC_PER_SEC / 4);
                fake_op_progress(&rig->transfer, rig->m, op, i * 1000, 0);
        }
        assert_in_range(manager_job_rate_bps(rig->m, fake_rig_read(rig, &id)), 3500, 4500);
        manager_counts(rig->m, &counts);
        assert_int_equal(counts.jobs, 2);
        assert_int_equal(counts.jobs_active, 1);
        assert_int_equal(counts.by_state[BG_JOB_STATE_TRANSFERRING], 1);
        assert_int_equal(counts.by_state[BG_JOB_STATE_SUSPENDED], 1);
        assert_true(counts.network_up);
        assert_int_equal(counts.store_error, 0);
        assert_hr(manager_suspend(rig->m, &FAKE_USER, &id), S_OK);
        assert_int_equal(manager_job_rate_bps(rig->m, fake_rig_read(rig, &id)), 0);
}

static void an_idle_queue_never_wakes_up(void **state)
{
        FakeRig *rig = *state;
        uint64_t wakeup;

        assert_true(manager_next_wakeup_mono(rig->m) == 0 ||
                    manager_next_wakeup_mono(rig->m) == USEC_INFINITY);
        fake_rig_run(rig);
        assert_true(manager_next_wakeup_mono(rig->m) == USEC_INFINITY);
        for (int i = 0; i < 50; i++) {
                (void) job_in_state(rig, BG_JOB_STATE_SUSPENDED);
                (void) job_in_state(rig, BG_JOB_STATE_ERROR);
        }
        fake_rig_advance(rig, 10 * USEC_PER_SEC); /* the last checkpoint */
        wakeup = manager_next_wakeup_mono(rig->m);
        assert_true(wakeup > rig->clock.mono + 89 * 86400 * USEC_PER_SEC);
        assert_false(manager_has_work(rig->m));
        /* Waiting behind a running job costs nothing either, but for the slice. */
        rig->clock.mono += 1;
        (void) fake_rig_resumed(rig, 1);
        fake_rig_advance(rig, 10 * USEC_PER_SEC);
        assert_true(manager_next_wakeup_mono(rig->m) > rig->clock.mono + 86400 * USEC_PER_SEC);
        assert_true(manager_has_work(rig->m));
}

static void work_is_what_goes_on_without_help(void **state)
{
        static const bool WORK[] = {
                [BG_JOB_STATE_QUEUED] = true,       [BG_JOB_STATE_CONNECTING] = true,
                [BG_JOB_STATE_TRANSFERRING] = true, [BG_JOB_STATE_SUSPENDED] = false,
                [BG_JOB_STATE_ERROR] = false,       [BG_JOB_STATE_TRANSIENT_ERROR] = true,
                [BG_JOB_STATE_TRANSFERRED] = false, [BG_JOB_STATE_ACKNOWLEDGED] = false,
                [BG_JOB_STATE_CANCELLED] = false,
        };
        FakeRig *rig = *state;

        for (int s = 0; s <= BG_JOB_STATE_CANCELLED; s++) {
                GUID id = job_in_state(rig, (BG_JOB_STATE) s);

                fake_rig_run(rig);
                assert_int_equal(manager_has_work(rig->m), WORK[s]);
                if (!job_state_is_final((BG_JOB_STATE) s))
                        assert_hr(fake_rig_cancel(rig, &id), S_OK);
        }
}

static void a_new_policy_takes_effect_at_once(void **state)
{
        FakeRig *rig = *state;
        GUID a = fake_rig_resumed(rig, 1);
        GUID b = fake_rig_resumed(rig, 1);

        fake_rig_run(rig);
        assert_state(rig, &b, QUEUED);
        rig->policy.background_jobs = 2;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_run(rig);
        assert_state(rig, &a, CONNECTING);
        assert_state(rig, &b, CONNECTING);
        rig->policy.background_jobs = 0;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_run(rig);
        assert_state(rig, &a, QUEUED);
        assert_state(rig, &b, QUEUED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(files_start_in_order_up_to_the_number_in_flight),
                rig_test(files_added_to_a_running_job_start_too),
                rig_test(a_more_urgent_job_stops_a_running_one),
                rig_test(a_waiting_disk_holds_no_place),
                rig_test(an_ending_job_holds_no_place),
                rig_test(failing_jobs_do_not_block_others),
                rig_test(equal_jobs_take_turns),
                rig_test(every_job_can_say_why_it_waits),
                rig_test(counts_and_rates_tell_what_goes_on),
                rig_test(an_idle_queue_never_wakes_up),
                rig_test(work_is_what_goes_on_without_help),
                rig_test(a_new_policy_takes_effect_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
