/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas, rules for files, time limits, tombstones, access to other users' jobs. */
#include "job_states.h"

static const Caller ADMIN = {.uid = 0, .is_admin = true, .client = 9};
static const Caller STRANGER = {.uid = 1001, .client = 2};

static HRESULT create(FakeRig *rig, const Caller *caller)
{
        GUID id;

        return manager_create_job(rig->m, caller, "x", BG_JOB_TYPE_DOWNLOAD, &id);
}

static void job_quotas_bind_everybody_but_administrators(void **state)
{
        FakeRig *rig = *state;

        rig->policy.max_jobs_per_user = 2;
        rig->policy.max_jobs_per_machine = 3;
        manager_set_policy(rig->m, &rig->policy);
        assert_hr(create(rig, &FAKE_USER), S_OK);
        assert_hr(create(rig, &FAKE_USER), S_OK);
        assert_hr(create(rig, &FAKE_USER), BG_E_TOO_MANY_JOBS_PER_USER);
        assert_hr(create(rig, &STRANGER), S_OK);
        assert_hr(create(rig, &STRANGER), BG_E_TOO_MANY_JOBS_PER_MACHINE);
        assert_hr(create(rig, &ADMIN), S_OK);
}

static void ended_jobs_do_not_count(void **state)
{
        FakeRig *rig = *state;
        GUID id;

        rig->policy.max_jobs_per_user = 1;
        manager_set_policy(rig->m, &rig->policy);
        id = fake_rig_job(rig);
        assert_hr(create(rig, &FAKE_USER), BG_E_TOO_MANY_JOBS_PER_USER);
        assert_hr(fake_rig_cancel(rig, &id), S_OK);
        assert_hr(create(rig, &FAKE_USER), S_OK);
}

static void file_quotas_are_all_or_nothing(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        FileSpec specs[] = {
                {"http://host/1", "/a/1"}, {"http://host/2", "/a/2"}, {"http://host/3", "/a/3"}};

        rig->policy.max_files_per_job = 2;
        manager_set_policy(rig->m, &rig->policy);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, specs, 3), BG_E_TOO_MANY_FILES_IN_JOB);
        assert_int_equal(fake_rig_read(rig, &id)->files_len, 0);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, specs, 2), S_OK);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, specs + 2, 1),
                  BG_E_TOO_MANY_FILES_IN_JOB);
        assert_hr(manager_add_files(rig->m, &ADMIN, &id, specs + 2, 1), S_OK);
}

static void a_set_with_one_bad_file_adds_none(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        FileSpec bad_url[] = {{"http://host/1", "/a/1"}, {"ftp://host/2", "/a/2"}};
        FileSpec bad_path[] = {{"http://host/1", "/a/1"}, {"http://host/2", "2"}};
        FileSpec twice[] = {{"http://host/1", "/a/1"}, {"http://host/2", "/a//1"}};
        FileSpec null[] = {{NULL, "/a/1"}, {"http://host/1", NULL}};

        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, bad_url, 2), E_INVALIDARG);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, bad_path, 2), E_INVALIDARG);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, null, 1), E_INVALIDARG);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, null + 1, 1), E_INVALIDARG);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, NULL, 1), E_INVALIDARG);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, twice, 2),
                  HRESULT_FROM_WIN32(ERROR_FILE_EXISTS));
        assert_int_equal(fake_rig_read(rig, &id)->files_len, 0);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, NULL, 0), S_OK);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, twice, 1), S_OK);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, twice + 1, 1),
                  HRESULT_FROM_WIN32(ERROR_FILE_EXISTS));
        assert_int_equal(fake_rig_read(rig, &id)->files_len, 1);
}

static void directories_are_checked_as_the_owner_once_each(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        FileSpec specs[] = {
                {"http://host/1", "/a/1"}, {"http://host/2", "/a/2"}, {"http://host/3", "/b/3"}};

        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, specs, 3), S_OK);
        assert_int_equal(rig->transfer.destination_asked, 2);
        rig->transfer.destination = E_ACCESSDENIED;
        specs[0].local = "/c/1";
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, specs, 1), E_ACCESSDENIED);
        rig->transfer.destination = HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, specs, 1),
                  HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND));
        assert_int_equal(fake_rig_read(rig, &id)->files_len, 3);
}

static bool count_job(void *ctx, const Job *job)
{
        (void) job;
        return ++*(int *) ctx < 3;
}

static void users_see_their_jobs_administrators_all(void **state)
{
        FakeRig *rig = *state;
        GUID mine = fake_rig_job(rig);
        GUID ended = fake_rig_job(rig);
        const Job *job;
        int n = 0;

        assert_hr(fake_rig_cancel(rig, &ended), S_OK);
        assert_hr(create(rig, &STRANGER), S_OK);
        assert_hr(manager_enum_jobs(rig->m, &FAKE_USER, 0, count_job, &n), S_OK);
        assert_int_equal(n, 1);
        n = 0;
        assert_hr(manager_enum_jobs(rig->m, &ADMIN, 0, count_job, &n), S_OK);
        assert_int_equal(n, 0);
        assert_hr(manager_enum_jobs(rig->m, &ADMIN, BG_JOB_ENUM_ALL_USERS, count_job, &n), S_OK);
        assert_int_equal(n, 2);
        assert_hr(manager_enum_jobs(rig->m, &FAKE_USER, BG_JOB_ENUM_ALL_USERS, count_job, &n),
                  E_ACCESSDENIED);
        assert_hr(manager_enum_jobs(rig->m, &ADMIN, 2, count_job, &n), E_NOTIMPL);
        (void) fake_rig_job(rig);
        (void) fake_rig_job(rig);
        n = 0;
        assert_hr(manager_enum_jobs(rig->m, &FAKE_USER, 0, count_job, &n), S_OK);
        assert_int_equal(n, 3); /* stopped by the callback */
        assert_hr(manager_get_job(rig->m, &ADMIN, &mine, &job), S_OK);
        assert_hr(manager_get_job(rig->m, &STRANGER, &mine, &job), E_ACCESSDENIED);
}

static void taking_ownership_moves_the_job_and_starts_it_anew(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        rig->transfer.destination = E_ACCESSDENIED;
        assert_hr(manager_take_ownership(rig->m, &ADMIN, &id), BG_E_NEW_OWNER_NO_FILE_ACCESS);
        rig->transfer.destination = S_OK;
        assert_hr(manager_take_ownership(rig->m, &ADMIN, &id), S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->owner_uid, 0);
        assert_int_equal(fake_store_job(&rig->store, &id)->owner_uid, 0);
        assert_true(op->stopped);
        assert_state(rig, &id, QUEUED);
        fake_op_stopped(&rig->transfer, rig->m, op);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_hr(manager_suspend(rig->m, &FAKE_USER, &id), E_ACCESSDENIED);
        assert_hr(manager_take_ownership(rig->m, &ADMIN, &id), S_OK); /* has it already */
}

static void inactive_jobs_are_cancelled_after_ninety_days(void **state)
{
        FakeRig *rig = *state;
        GUID done = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        GUID idle = job_in_state(rig, BG_JOB_STATE_SUSPENDED);
        const uint64_t day = 86400 * USEC_PER_SEC;

        fake_rig_advance(rig, 50 * day);
        assert_hr(manager_set_name(rig->m, &FAKE_USER, &idle, "x"), S_OK);
        fake_rig_advance(rig, 40 * day - 1);
        assert_state(rig, &done, TRANSFERRED);
        fake_rig_advance(rig, 1);
        fake_rig_finish(rig);
        assert_state(rig, &done, CANCELLED);
        assert_int_equal(fake_disk_count_temps(&rig->disk, &done), 0);
        assert_int_equal(rig->notifier.delivered[NOTIFY_MODIFICATION], 0);
        assert_state(rig, &idle, SUSPENDED);
        fake_rig_advance(rig, 50 * day);
        fake_rig_finish(rig);
        assert_state(rig, &idle, CANCELLED);
}

static void inactivity_counts_over_restarts_not_over_clock_jumps(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_SUSPENDED);
        const uint64_t day = 86400 * USEC_PER_SEC;

        fake_rig_advance(rig, 60 * day);
        assert_true(fake_rig_restart(rig, false));
        fake_rig_advance(rig, 29 * day);
        assert_state(rig, &id, SUSPENDED);
        fake_rig_advance(rig, 1 * day);
        fake_rig_finish(rig);
        assert_state(rig, &id, CANCELLED);
        id = job_in_state(rig, BG_JOB_STATE_SUSPENDED);
        rig->clock.wall += 1000 * day;
        fake_rig_run(rig);
        assert_state(rig, &id, SUSPENDED);
}

static void download_time_is_limited(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        const Job *job = fake_rig_read(rig, &id);

        rig->policy.max_download_time_sec = 1000;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_advance(rig, 400 * USEC_PER_SEC);
        assert_hr(manager_suspend(rig->m, &FAKE_USER, &id), S_OK);
        stop_others(rig, &id);
        assert_int_equal(job->status.active_usec, 400 * USEC_PER_SEC);
        fake_rig_advance(rig, 5000 * USEC_PER_SEC);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_advance(rig, 599 * USEC_PER_SEC);
        stop_others(rig, &id);
        assert_state(rig, &id, CONNECTING);
        fake_rig_advance(rig, USEC_PER_SEC);
        stop_others(rig, &id);
        assert_state(rig, &id, ERROR);
        assert_hr(job->status.error.code, BG_E_MAXDOWNLOAD_TIMEOUT);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_advance(rig, 900 * USEC_PER_SEC);
        assert_state(rig, &id, CONNECTING);
}

static void ended_jobs_answer_for_a_day(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ACKNOWLEDGED);
        const Job *job;

        assert_true(fake_rig_restart(rig, true));
        fake_rig_advance(rig, 86399 * USEC_PER_SEC);
        fake_rig_run(rig);
        assert_state(rig, &id, ACKNOWLEDGED);
        fake_rig_advance(rig, USEC_PER_SEC);
        fake_rig_run(rig);
        assert_hr(manager_read_job(rig->m, &FAKE_USER, &id, &job), BG_E_NOT_FOUND);
        assert_null(fake_store_job(&rig->store, &id));
}

static void only_so_many_ended_jobs_answer(void **state)
{
        FakeRig *rig = *state;
        GUID ids[5];
        const Job *job;

        rig->policy.tombstones_max = 2;
        manager_set_policy(rig->m, &rig->policy);
        for (int i = 0; i < 5; i++)
                ids[i] = job_in_state(rig, BG_JOB_STATE_CANCELLED);
        assert_int_equal(rig->store.image.len, 2);
        assert_hr(manager_read_job(rig->m, &FAKE_USER, &ids[2], &job), BG_E_NOT_FOUND);
        assert_hr(manager_read_job(rig->m, &FAKE_USER, &ids[3], &job), S_OK);
        rig->policy.tombstones_max = 0;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_run(rig);
        assert_int_equal(rig->store.image.len, 0);
        assert_hr(manager_read_job(rig->m, &FAKE_USER, &ids[4], &job), BG_E_NOT_FOUND);
}

static void ids_are_fresh_and_serials_grow(void **state)
{
        FakeRig *rig = *state;
        GUID a = fake_rig_job(rig);
        GUID b = fake_rig_job(rig);
        uint64_t serial = fake_rig_read(rig, &b)->serial;
        GUID c;

        assert_false(guid_equal(&a, &b));
        assert_true(serial > fake_rig_read(rig, &a)->serial);
        assert_true(fake_rig_restart(rig, false));
        c = fake_rig_job(rig);
        assert_true(fake_rig_read(rig, &c)->serial > serial);
}

/* Whoever asks is told of now, not of the last byte. */
static void the_rate_of_a_silent_job_fades(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        const Job *job = fake_rig_read(rig, &id);
        uint64_t last = UINT64_MAX;
        FakeOp *op;

        fake_disk_remote(&rig->disk, "http://host/0")->size = 1000000;
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_connected(&rig->transfer, rig->m, op);
        fake_op_meta(&rig->transfer, rig->m, op);
        for (uint64_t i = 1; i <= 5; i++) {
                fake_op_progress(&rig->transfer, rig->m, op, i * 1000, 0);
                fake_rig_advance(rig, USEC_PER_SEC);
        }
        assert_in_range(manager_job_rate_bps(rig->m, job), 700, 1100);
        for (int sec = 0; sec < 6; sec++) {
                assert_true(manager_job_rate_bps(rig->m, job) < last || last == 0);
                last = manager_job_rate_bps(rig->m, job);
                fake_rig_advance(rig, USEC_PER_SEC);
        }
        assert_state(rig, &id, TRANSFERRING);
        assert_int_equal(manager_job_rate_bps(rig->m, job), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(the_rate_of_a_silent_job_fades),
                rig_test(job_quotas_bind_everybody_but_administrators),
                rig_test(ended_jobs_do_not_count),
                rig_test(file_quotas_are_all_or_nothing),
                rig_test(a_set_with_one_bad_file_adds_none),
                rig_test(directories_are_checked_as_the_owner_once_each),
                rig_test(users_see_their_jobs_administrators_all),
                rig_test(taking_ownership_moves_the_job_and_starts_it_anew),
                rig_test(inactive_jobs_are_cancelled_after_ninety_days),
                rig_test(inactivity_counts_over_restarts_not_over_clock_jumps),
                rig_test(download_time_is_limited),
                rig_test(ended_jobs_answer_for_a_day),
                rig_test(only_so_many_ended_jobs_answer),
                rig_test(ids_are_fresh_and_serials_grow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
