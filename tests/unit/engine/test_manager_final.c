/* SPDX-License-Identifier: Apache-2.0 */
/* Complete and Cancel in detail. */
#include "job_states.h"

static void complete_in_the_middle_keeps_what_is_whole(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 5);
        FakeOp *op;

        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 0));
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 1));
        fake_rig_run(rig);
        op = fake_transfer_find_file(&rig->transfer, &id, 2);
        fake_op_meta(&rig->transfer, rig->m, op);
        fake_op_progress(&rig->transfer, rig->m, op, 500, 0);
        assert_hr(fake_rig_complete(rig, &id), BG_S_PARTIAL_COMPLETE);
        assert_state(rig, &id, ACKNOWLEDGED);
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/0"));
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/1"));
        assert_null(fake_disk_final(&rig->disk, "/home/u/2"));
        assert_int_equal(fake_disk_count_temps(&rig->disk, &id), 0);
        assert_int_equal(fake_rig_read(rig, &id)->files[0]->state, FILE_PUBLISHED);
        assert_hr(fake_rig_read(rig, &id)->status.end_result, BG_S_PARTIAL_COMPLETE);
}

static void complete_waits_for_running_transfers(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 2);

        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 0));
        manager_complete(rig->m, &FAKE_USER, &id, 100);
        fake_rig_run(rig);
        assert_null(fake_transfer_find(&rig->transfer, FAKE_PUBLISH, &id));
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->status.intent, INTENT_COMPLETE);
        assert_true(fake_transfer_find_file(&rig->transfer, &id, 1)->stopped);
        /* It happened to finish just then, and counts. */
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 1));
        fake_rig_run(rig);
        assert_non_null(fake_transfer_find(&rig->transfer, FAKE_PUBLISH, &id));
        fake_rig_finish(rig);
        assert_hr(rig->notifier.answers[100], S_OK);
}

static void complete_of_nothing_is_partial(void **state)
{
        FakeRig *rig = *state;
        GUID empty = fake_rig_job(rig);
        GUID untouched = fake_rig_job(rig);

        fake_rig_add(rig, &untouched, 2);
        assert_hr(fake_rig_complete(rig, &empty), BG_S_PARTIAL_COMPLETE);
        assert_hr(fake_rig_complete(rig, &untouched), BG_S_PARTIAL_COMPLETE);
}

/* Lets the publish step fail for one file of three. */
static HRESULT complete_with_failure(FakeRig *rig, const GUID *id, uint32_t bad, HRESULT hr)
{
        uint64_t token = rig->next_token++;
        FakeOp *op;

        manager_complete(rig->m, &FAKE_USER, id, token);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_PUBLISH, id);
        assert_non_null(op);
        while (op->published < op->files_len)
                fake_op_publish_next(&rig->transfer, rig->m, op,
                                     op->files[op->published].index == bad ? hr : S_OK);
        fake_op_published(&rig->transfer, rig->m, op);
        fake_rig_finish(rig);
        assert_true(rig->notifier.answered[token]);
        return rig->notifier.answers[token];
}

static void a_failed_rename_keeps_the_job_for_another_try(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 3);
        const Job *job = fake_rig_read(rig, &id);

        fake_rig_finish(rig);
        assert_hr(complete_with_failure(rig, &id, 1, E_ACCESSDENIED), E_ACCESSDENIED);
        assert_int_equal(rig->notifier.answered_file[rig->next_token - 1], 1); /* told by name */
        assert_state(rig, &id, TRANSFERRED);
        assert_int_equal(job->files[0]->state, FILE_PUBLISHED);
        assert_int_equal(job->files[1]->state, FILE_DONE);
        assert_int_equal(job->files[2]->state, FILE_PUBLISHED);
        assert_int_equal(job->files_done, 3);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->status.intent, INTENT_NONE);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->files[0]->state, FILE_PUBLISHED);
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/0"));
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), BG_E_EMPTY);
        assert_hr(fake_rig_complete(rig, &id), S_OK);
        assert_int_equal(rig->notifier.answered_file[rig->next_token - 1], JOB_NO_FILE);
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/1"));
        assert_state(rig, &id, ACKNOWLEDGED);
}

static void after_a_failed_rename_cancel_leaves_what_is_visible(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 3);

        fake_rig_finish(rig);
        assert_hr(complete_with_failure(rig, &id, 1, E_ACCESSDENIED), E_ACCESSDENIED);
        assert_hr(fake_rig_cancel(rig, &id), S_OK);
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/0"));
        assert_null(fake_disk_final(&rig->disk, "/home/u/1"));
        assert_int_equal(fake_disk_count_temps(&rig->disk, &id), 0);
}

static void an_early_complete_that_fails_goes_on(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 2);
        FakeOp *op;

        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 0));
        manager_complete(rig->m, &FAKE_USER, &id, 100);
        fake_rig_run(rig);
        fake_op_stopped(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 1));
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_PUBLISH, &id);
        fake_op_publish_next(&rig->transfer, rig->m, op, E_ACCESSDENIED);
        fake_op_published(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        assert_hr(rig->notifier.answers[100], E_ACCESSDENIED);
        assert_state(rig, &id, CONNECTING); /* queued, and started again */
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void a_temporary_file_that_is_gone_is_fetched_by_resume(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 2);

        fake_rig_finish(rig);
        fake_disk_temp(&rig->disk, &id, 1)->used = false;
        assert_hr(fake_rig_complete(rig, &id), HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND));
        assert_state(rig, &id, TRANSFERRED);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_hr(fake_rig_complete(rig, &id), S_OK);
}

static void what_cannot_be_deleted_is_said(void **state)
{
        FakeRig *rig = *state;
        GUID a = job_in_state(rig, BG_JOB_STATE_ERROR);
        GUID b = job_in_state(rig, BG_JOB_STATE_ERROR);

        rig->transfer.faults.discard = 1000;
        assert_hr(fake_rig_cancel(rig, &a), BG_S_UNABLE_TO_DELETE_FILES);
        assert_state(rig, &a, CANCELLED);
        assert_hr(fake_rig_complete(rig, &b), BG_S_UNABLE_TO_DELETE_FILES);
        assert_state(rig, &b, ACKNOWLEDGED);
}

static void lost_workers_are_asked_again_three_times(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        fake_rig_finish(rig);
        manager_complete(rig->m, &FAKE_USER, &id, 100);
        fake_rig_run(rig);
        for (int i = 0; i < 2; i++) {
                fake_transfer_lose_worker(&rig->transfer, rig->m);
                fake_rig_advance(rig, USEC_PER_SEC);
                assert_non_null(fake_transfer_find(&rig->transfer, FAKE_PUBLISH, &id));
        }
        fake_transfer_lose_worker(&rig->transfer, rig->m);
        fake_rig_advance(rig, USEC_PER_SEC);
        assert_hr(rig->notifier.answers[100], BITS_E_WORKER_LOST);
        assert_state(rig, &id, TRANSFERRED);
        assert_hr(fake_rig_complete(rig, &id), S_OK);
}

static void a_cancel_that_loses_its_workers_ends_all_the_same(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        manager_cancel(rig->m, &FAKE_USER, &id, 100);
        for (int i = 0; i < 3; i++) {
                fake_rig_advance(rig, USEC_PER_SEC);
                fake_transfer_lose_worker(&rig->transfer, rig->m);
        }
        fake_rig_run(rig);
        assert_hr(rig->notifier.answers[100], BG_S_UNABLE_TO_DELETE_FILES);
        assert_state(rig, &id, CANCELLED);
}

static void a_job_can_complete_by_itself(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 2);

        assert_hr(manager_set_auto_complete(rig->m, &FAKE_USER, &id, true), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, ACKNOWLEDGED);
        assert_hr(fake_rig_read(rig, &id)->status.end_result, S_OK);
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/1"));
}

static void the_wish_to_complete_by_itself_may_come_late(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_hr(manager_set_auto_complete(rig->m, &FAKE_USER, &id, true), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, ACKNOWLEDGED);
}

static void completing_by_itself_shows_its_failure(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        const Job *job = fake_rig_read(rig, &id);

        assert_hr(manager_set_auto_complete(rig->m, &FAKE_USER, &id, true), S_OK);
        rig->transfer.faults.publish = 1000;
        fake_rig_finish(rig);
        assert_state(rig, &id, ERROR);
        assert_hr(job->status.error.code, E_ACCESSDENIED);
        assert_int_equal(job->status.error.context, BG_ERROR_CONTEXT_LOCAL_FILE);
        assert_int_equal(job->status.error.file_index, 0);
        assert_int_equal(job->status.undelivered, NOTIFY_ERROR);
        rig->transfer.faults.publish = 0;
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, ACKNOWLEDGED);
}

static void added_files_make_a_transferred_job_resumable(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        fake_rig_finish(rig);
        fake_rig_add(rig, &id, 1);
        assert_state(rig, &id, TRANSFERRED);
        assert_int_equal(job_bytes_total(fake_rig_read(rig, &id)), BG_SIZE_UNKNOWN);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        assert_state(rig, &id, QUEUED);
        assert_int_equal(fake_rig_read(rig, &id)->status.transferred_wall, 0);
        fake_rig_run(rig);
        assert_int_equal(fake_transfer_count(&rig->transfer, FAKE_FILE, &id), 1);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void files_added_while_the_disk_works_are_fetched_too(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        fake_rig_run(rig);
        assert_non_null(fake_transfer_find(&rig->transfer, FAKE_SYNC, &id));
        fake_rig_add(rig, &id, 1);
        fake_rig_run(rig);
        assert_int_equal(fake_transfer_count(&rig->transfer, FAKE_FILE, &id), 0);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_int_equal(fake_rig_read(rig, &id)->files_done, 2);
}

static void suspended_with_everything_done_a_job_resumes_to_transferred(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        assert_hr(manager_suspend(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, SUSPENDED);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void suspend_keeps_what_is_there(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_meta(&rig->transfer, rig->m, op);
        fake_op_progress(&rig->transfer, rig->m, op, 600, 100);
        assert_hr(manager_suspend(rig->m, &FAKE_USER, &id), S_OK);
        assert_true(op->stopped);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->files[0]->done_bytes, 600);
        /* Resumed before the transfer has ended: it waits for that. */
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        assert_state(rig, &id, QUEUED);
        fake_op_stopped(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
        assert_int_equal(fake_rig_read(rig, &id)->bytes_done, 600);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(complete_in_the_middle_keeps_what_is_whole),
                rig_test(complete_waits_for_running_transfers),
                rig_test(complete_of_nothing_is_partial),
                rig_test(a_failed_rename_keeps_the_job_for_another_try),
                rig_test(after_a_failed_rename_cancel_leaves_what_is_visible),
                rig_test(an_early_complete_that_fails_goes_on),
                rig_test(a_temporary_file_that_is_gone_is_fetched_by_resume),
                rig_test(what_cannot_be_deleted_is_said),
                rig_test(lost_workers_are_asked_again_three_times),
                rig_test(a_cancel_that_loses_its_workers_ends_all_the_same),
                rig_test(a_job_can_complete_by_itself),
                rig_test(the_wish_to_complete_by_itself_may_come_late),
                rig_test(completing_by_itself_shows_its_failure),
                rig_test(added_files_make_a_transferred_job_resumable),
                rig_test(files_added_while_the_disk_works_are_fetched_too),
                rig_test(suspended_with_everything_done_a_job_resumes_to_transferred),
                rig_test(suspend_keeps_what_is_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
