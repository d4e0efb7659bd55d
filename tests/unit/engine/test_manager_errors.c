/* SPDX-License-Identifier: Apache-2.0 */
/* Failing transfers: transient and fatal errors, retries, time-outs, lost workers, the network. */
#include "job_states.h"

#define CONNECT HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT)

static void connected(FakeRig *rig, const GUID *id)
{
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, id);
        assert_non_null(op);
        fake_op_connected(&rig->transfer, rig->m, op);
}

static void transient_errors_are_tried_again_after_the_delay(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        const Job *job;

        fail_transfer(rig, &id, BG_E_HTTP_ERROR_503);
        assert_state(rig, &id, TRANSIENT_ERROR);
        job = fake_rig_read(rig, &id);
        assert_hr(job->status.error.code, BG_E_HTTP_ERROR_503);
        assert_int_equal(job->status.error_count, 0); /* it never got to TRANSFERRING */
        fake_rig_advance(rig, 599 * USEC_PER_SEC);
        assert_state(rig, &id, TRANSIENT_ERROR);
        fake_rig_advance(rig, 1 * USEC_PER_SEC);
        assert_state(rig, &id, CONNECTING);
        assert_hr(job->status.error.code, BG_E_HTTP_ERROR_503); /* until TRANSFERRING */
        connected(rig, &id);
        assert_hr(job->status.error.code, S_OK);
}

static void errors_out_of_transferring_are_counted(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        connected(rig, &id);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
        assert_int_equal(fake_rig_read(rig, &id)->status.error_count, 1);
        fake_rig_advance(rig, 600 * USEC_PER_SEC);
        connected(rig, &id);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
        assert_state(rig, &id, ERROR);
        assert_int_equal(fake_rig_read(rig, &id)->status.error_count, 2);
}

static void retry_after_is_honoured_when_it_is_longer(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        JobError error = job_error_http(503, 3600, 0);

        fake_rig_run(rig);
        fake_op_failed(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_FILE, &id),
                       &error);
        fake_rig_advance(rig, 3599 * USEC_PER_SEC);
        assert_state(rig, &id, TRANSIENT_ERROR);
        fake_rig_advance(rig, USEC_PER_SEC);
        assert_state(rig, &id, CONNECTING);
}

static void resume_does_not_wait_for_the_delay(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSIENT_ERROR);

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
}

static void fatal_errors_wait_for_somebody(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        const Job *job = fake_rig_read(rig, &id);

        fail_transfer(rig, &id, BG_E_HTTP_ERROR_401);
        assert_state(rig, &id, ERROR);
        fake_rig_advance(rig, 80 * 86400 * USEC_PER_SEC);
        assert_state(rig, &id, ERROR);
        assert_hr(job->status.error.code, BG_E_HTTP_ERROR_401);
        assert_int_equal(job->status.error.file_index, 0);
        assert_int_equal(job->status.error.context, BG_ERROR_CONTEXT_REMOTE_FILE);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->status.state,
                         BG_JOB_STATE_ERROR);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void an_unclassified_404_is_fatal_all_the_same(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        JobError error = {.code = BG_E_HTTP_ERROR_404, .file_index = 0};

        fake_rig_run(rig);
        fake_op_failed(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_FILE, &id),
                       &error);
        fake_rig_run(rig);
        assert_state(rig, &id, ERROR);
}

static void the_first_error_counts_and_waits_for_the_others(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 3);
        JobError first = test_error(BG_E_HTTP_ERROR_500);
        JobError second = test_error(BG_E_HTTP_ERROR_404);
        FakeOp *op;

        fake_rig_run(rig);
        assert_int_equal(fake_transfer_count(&rig->transfer, FAKE_FILE, &id), 3);
        connected(rig, &id);
        op = fake_transfer_find_file(&rig->transfer, &id, 1);
        fake_op_meta(&rig->transfer, rig->m, op);
        fake_op_progress(&rig->transfer, rig->m, op, 300, 0);
        fake_op_failed(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 0),
                       &first);
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSFERRING);
        assert_true(op->stopped);
        fake_op_stopped(&rig->transfer, rig->m, op);
        fake_op_failed(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 2),
                       &second);
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSIENT_ERROR);
        assert_hr(fake_rig_read(rig, &id)->status.error.code, BG_E_HTTP_ERROR_500);
        assert_int_equal(fake_rig_read(rig, &id)->files[1]->done_bytes, 300);
}

static void no_progress_time_ends_in_error_with_the_last_cause(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        assert_hr(manager_set_no_progress_timeout(rig->m, &FAKE_USER, &id, 1000), S_OK);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
        fake_rig_advance(rig, 600 * USEC_PER_SEC);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_502);
        assert_state(rig, &id, TRANSIENT_ERROR);
        fake_rig_advance(rig, 399 * USEC_PER_SEC);
        assert_state(rig, &id, TRANSIENT_ERROR);
        fake_rig_advance(rig, USEC_PER_SEC);
        assert_state(rig, &id, ERROR);
        assert_hr(fake_rig_read(rig, &id)->status.error.code, BG_E_HTTP_ERROR_502);
        /* Resume gives new time, or it would fail again at once. */
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
        assert_state(rig, &id, TRANSIENT_ERROR);
}

static void progress_gives_new_time(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        FakeOp *op;

        assert_hr(manager_set_no_progress_timeout(rig->m, &FAKE_USER, &id, 1000), S_OK);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
        fake_rig_advance(rig, 900 * USEC_PER_SEC);
        connected(rig, &id);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_meta(&rig->transfer, rig->m, op);
        fake_op_progress(&rig->transfer, rig->m, op, 1, 0);
        fake_rig_advance(rig, 900 * USEC_PER_SEC);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
        assert_state(rig, &id, TRANSIENT_ERROR);
}

static void without_time_every_error_is_fatal(void **state)
{
        FakeRig *rig = *state;
        GUID a = fake_rig_resumed(rig, 1);
        GUID b;

        assert_hr(manager_set_no_progress_timeout(rig->m, &FAKE_USER, &a, 0), S_OK);
        fail_transfer(rig, &a, CONNECT);
        assert_state(rig, &a, ERROR);
        b = fake_rig_resumed(rig, 1);
        assert_hr(manager_set_no_progress_timeout(rig->m, &FAKE_USER, &b, 599), S_OK);
        fail_transfer(rig, &b, CONNECT);
        assert_state(rig, &b, ERROR);
}

static void wall_clock_jumps_disturb_no_timer(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSIENT_ERROR);

        rig->clock.wall -= 1000 * 86400 * USEC_PER_SEC;
        fake_rig_advance(rig, 599 * USEC_PER_SEC);
        assert_state(rig, &id, TRANSIENT_ERROR);
        rig->clock.wall += 3000 * 86400 * USEC_PER_SEC;
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSIENT_ERROR);
        fake_rig_advance(rig, USEC_PER_SEC);
        assert_state(rig, &id, CONNECTING);
}

static void lost_workers_are_forgiven_twice(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_meta(&rig->transfer, rig->m, op);
        fake_op_progress(&rig->transfer, rig->m, op, 700, 0);
        for (int i = 0; i < 2; i++) {
                fail_transfer(rig, &id, BITS_E_WORKER_LOST);
                assert_state(rig, &id, CONNECTING);
                assert_int_equal(fake_rig_read(rig, &id)->bytes_done, 700);
        }
        fail_transfer(rig, &id, BITS_E_WORKER_LOST);
        assert_state(rig, &id, TRANSIENT_ERROR);
        fake_rig_advance(rig, 600 * USEC_PER_SEC);
        assert_state(rig, &id, CONNECTING);
        /* Progress in between wipes the slate. */
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_meta(&rig->transfer, rig->m, op);
        fake_op_progress(&rig->transfer, rig->m, op, 800, 0);
        fail_transfer(rig, &id, BITS_E_WORKER_LOST);
        assert_state(rig, &id, CONNECTING);
}

static void a_transfer_that_cannot_start_is_an_error(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        rig->transfer.start_error = -24; /* EMFILE */
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSIENT_ERROR);
        assert_int_equal(fake_rig_read(rig, &id)->status.error.sys_errno, 24);
        fake_rig_advance(rig, 600 * USEC_PER_SEC);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void a_full_disk_heals_by_itself(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        Why why;

        fail_transfer(rig, &id, HRESULT_FROM_WIN32(ERROR_DISK_FULL));
        assert_state(rig, &id, TRANSIENT_ERROR);
        manager_why(rig->m, fake_rig_read(rig, &id), &why);
        assert_int_equal(why.code, WHY_DISK_FULL);
        assert_int_equal(why.retry_wall, rig->clock.wall + 600 * USEC_PER_SEC);
        fake_rig_advance(rig, 600 * USEC_PER_SEC);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void without_a_network_jobs_wait_for_it(void **state)
{
        FakeRig *rig = *state;
        GUID running = fake_rig_resumed(rig, 1);
        GUID waiting = fake_rig_resumed(rig, 1);
        const Job *job = fake_rig_read(rig, &running);
        GUID late;

        connected(rig, &running);
        manager_network_changed(rig->m, false);
        fake_rig_run(rig);
        assert_state(rig, &running, TRANSIENT_ERROR);
        assert_state(rig, &waiting, TRANSIENT_ERROR);
        assert_hr(job->status.error.code, BG_E_NETWORK_DISCONNECTED);
        assert_int_equal(job->status.error_count, 0);
        fake_op_stopped(&rig->transfer, rig->m,
                        fake_transfer_find(&rig->transfer, FAKE_FILE, &running));
        late = fake_rig_resumed(rig, 1);
        fake_rig_run(rig);
        assert_state(rig, &late, TRANSIENT_ERROR);
        fake_rig_advance(rig, 30 * 86400 * USEC_PER_SEC); /* no timer, no time-out */
        assert_state(rig, &running, TRANSIENT_ERROR);
        manager_network_changed(rig->m, true);
        fake_rig_run(rig);
        assert_state(rig, &running, CONNECTING);
        assert_state(rig, &waiting, QUEUED);
        fake_rig_finish(rig);
        assert_state(rig, &late, TRANSFERRED);
}

static void the_network_wakes_every_retrying_job(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSIENT_ERROR);

        manager_network_changed(rig->m, false);
        fake_rig_run(rig);
        assert_hr(fake_rig_read(rig, &id)->status.error.code, BG_E_HTTP_ERROR_500);
        manager_network_changed(rig->m, true);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
}

static void a_job_held_by_a_failing_complete_does_not_miss_the_network(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 2);
        FakeOp *op;

        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 0));
        manager_network_changed(rig->m, false);
        stop_others(rig, &id);
        assert_state(rig, &id, TRANSIENT_ERROR);
        manager_complete(rig->m, &FAKE_USER, &id, 100);
        fake_rig_run(rig);
        manager_network_changed(rig->m, true);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_PUBLISH, &id);
        fake_op_publish_next(&rig->transfer, rig->m, op, E_ACCESSDENIED);
        fake_op_published(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        assert_hr(rig->notifier.answers[100], E_ACCESSDENIED);
        assert_state(rig, &id, CONNECTING);
}

static void local_jobs_need_no_network(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        FileSpec specs[] = {{"http://127.0.0.1/a", "/home/u/a"}, {"file:///b", "/home/u/b"}};

        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, specs, 2), S_OK);
        manager_network_changed(rig->m, false);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void a_job_whose_remote_files_are_done_needs_no_network(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        FileSpec specs[] = {{"http://host/a", "/home/u/a"}, {"file:///b", "/home/u/b"}};

        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, specs, 2), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 0));
        manager_network_changed(rig->m, false);
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSFERRING);
}

static void what_is_lost_on_the_way_to_disk_is_fetched_again(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 2);
        FakeOp *op;

        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 0));
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 1));
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_SYNC, &id);
        fake_op_synced(&rig->transfer, rig->m, op, HRESULT_FROM_WIN32(ERROR_READ_FAULT), 1);
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSIENT_ERROR);
        assert_int_equal(fake_rig_read(rig, &id)->files[0]->state, FILE_DONE);
        assert_int_equal(fake_rig_read(rig, &id)->files[1]->state, FILE_PENDING);
        fake_rig_advance(rig, 600 * USEC_PER_SEC);
        assert_int_equal(fake_transfer_count(&rig->transfer, FAKE_FILE, &id), 1);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

/* The store promises a whole file durably; before anything overwrites it, it must not any more. */
static void a_whole_file_starts_anew_only_after_the_store_knows(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        fake_rig_finish(rig);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->files[0]->state, FILE_DONE);
        fake_rig_add(rig, &id, 1);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 1));
        fake_rig_run(rig);
        fake_op_synced(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_SYNC, &id),
                       HRESULT_FROM_WIN32(ERROR_READ_FAULT), 0);
        fake_rig_run(rig);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->files[0]->state, FILE_PENDING);
        fake_rig_advance(rig, 600 * USEC_PER_SEC);
        assert_non_null(fake_transfer_find_file(&rig->transfer, &id, 0));
}

static void events_of_operations_long_gone_are_ignored(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        TransferEvent ev = {.kind = TRANSFER_DONE, .op = 777, .size_bytes = 5, .done_bytes = 5};

        fake_rig_run(rig);
        manager_transfer_event(rig->m, &ev);
        ev.op = 0;
        manager_transfer_event(rig->m, &ev);
        assert_int_equal(fake_rig_read(rig, &id)->files_done, 0);
        /* An event that does not fit the operation changes nothing either. */
        ev.op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id)->op;
        ev.kind = TRANSFER_PUBLISHED;
        manager_transfer_event(rig->m, &ev);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(transient_errors_are_tried_again_after_the_delay),
                rig_test(errors_out_of_transferring_are_counted),
                rig_test(retry_after_is_honoured_when_it_is_longer),
                rig_test(resume_does_not_wait_for_the_delay),
                rig_test(fatal_errors_wait_for_somebody),
                rig_test(an_unclassified_404_is_fatal_all_the_same),
                rig_test(the_first_error_counts_and_waits_for_the_others),
                rig_test(no_progress_time_ends_in_error_with_the_last_cause),
                rig_test(progress_gives_new_time),
                rig_test(without_time_every_error_is_fatal),
                rig_test(wall_clock_jumps_disturb_no_timer),
                rig_test(lost_workers_are_forgiven_twice),
                rig_test(a_transfer_that_cannot_start_is_an_error),
                rig_test(a_full_disk_heals_by_itself),
                rig_test(without_a_network_jobs_wait_for_it),
                rig_test(the_network_wakes_every_retrying_job),
                rig_test(a_job_held_by_a_failing_complete_does_not_miss_the_network),
                rig_test(local_jobs_need_no_network),
                rig_test(a_job_whose_remote_files_are_done_needs_no_network),
                rig_test(what_is_lost_on_the_way_to_disk_is_fetched_again),
                rig_test(a_whole_file_starts_anew_only_after_the_store_knows),
                rig_test(events_of_operations_long_gone_are_ignored),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
