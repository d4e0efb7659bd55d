/* SPDX-License-Identifier: Apache-2.0 */
/* A job's way from CreateJob to its end. */
#include "rig_test.h"

#include "base/str.h"
#include "engine/job_error.h"

static void a_new_job_has_the_documented_defaults(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        const Job *job = fake_rig_read(rig, &id);

        assert_state(rig, &id, SUSPENDED);
        assert_int_equal(job->type, BG_JOB_TYPE_DOWNLOAD);
        assert_int_equal(job->owner_uid, 1000);
        assert_string_equal(job->props.name, "job");
        assert_string_equal(job->props.description, "");
        assert_int_equal(job->props.priority, BG_JOB_PRIORITY_NORMAL);
        assert_int_equal(job->props.notify_flags, 3);
        assert_int_equal(job->props.retry_delay_sec, 600);
        assert_int_equal(job->props.no_progress_sec, 1209600);
        assert_int_equal(job->props.proxy_usage, BG_JOB_PROXY_USAGE_PRECONFIG);
        assert_null(job->props.proxy_list);
        assert_null(job->props.proxy_bypass);
        assert_int_equal(job->files_len, 0);
        assert_int_equal(job_bytes_total(job), 0);
        assert_int_equal(job->bytes_done, 0);
        assert_int_equal(job->status.error_count, 0);
        assert_int_equal(job->status.created_wall, rig->clock.wall);
        assert_int_equal(job->status.modified_wall, rig->clock.wall);
        assert_int_equal(job->status.transferred_wall, 0);
        assert_hr(job->status.error.code, S_OK);
        assert_int_equal(fake_store_job(&rig->store, &id)->status.state, BG_JOB_STATE_SUSPENDED);
}

static void the_main_way_goes_through_all_states(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        FakeOp *op;

        fake_rig_add(rig, &id, 1);
        assert_int_equal(job_bytes_total(fake_rig_read(rig, &id)), BG_SIZE_UNKNOWN);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        assert_state(rig, &id, QUEUED);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        assert_non_null(op);
        fake_op_connected(&rig->transfer, rig->m, op);
        assert_state(rig, &id, TRANSFERRING);
        fake_op_meta(&rig->transfer, rig->m, op);
        assert_int_equal(job_bytes_total(fake_rig_read(rig, &id)), 1000);
        fake_op_progress(&rig->transfer, rig->m, op, 400, 0);
        assert_int_equal(fake_rig_read(rig, &id)->bytes_done, 400);
        fake_op_done(&rig->transfer, rig->m, op);
        assert_state(rig, &id, TRANSFERRING);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_SYNC, &id);
        assert_non_null(op);
        assert_state(rig, &id, TRANSFERRING);
        fake_clock_advance(&rig->clock, USEC_PER_SEC);
        fake_op_synced(&rig->transfer, rig->m, op, S_OK, JOB_NO_FILE);
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_int_equal(fake_rig_read(rig, &id)->status.transferred_wall, rig->clock.wall);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->status.state,
                         BG_JOB_STATE_TRANSFERRED);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->files[0]->synced_bytes, 1000);
        assert_null(fake_disk_final(&rig->disk, "/home/u/0"));
        assert_hr(fake_rig_complete(rig, &id), S_OK);
        assert_state(rig, &id, ACKNOWLEDGED);
        assert_int_equal(fake_disk_final(&rig->disk, "/home/u/0")->bytes, 1000);
        assert_int_equal(fake_disk_count_temps(&rig->disk, &id), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(a_new_job_has_the_documented_defaults),
                rig_test(the_main_way_goes_through_all_states),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
