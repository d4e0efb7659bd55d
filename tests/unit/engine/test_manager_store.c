/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored when, and what happens when the store refuses or everything crashes. */
#include <errno.h>

#include "job_states.h"

typedef struct Fault {
        FakeStoreCall call;
        int error; /* of every such call; 0 = none */
} Fault;

static int fail_call(void *ctx, FakeStoreCall call)
{
        const Fault *fault = ctx;

        return call == fault->call ? fault->error : 0;
}

static void fail_store(FakeRig *rig, Fault *fault, FakeStoreCall call, int error)
{
        *fault = (Fault){call, error};
        rig->store.fault = fail_call;
        rig->store.fault_ctx = fault;
}

static int store_error(FakeRig *rig)
{
        ManagerCounts counts;

        manager_counts(rig->m, &counts);
        return counts.store_error;
}

static void a_refused_call_changes_nothing(void **state)
{
        static const FakeStoreCall CALLS[] = {FAKE_STORE_BEGIN, FAKE_STORE_JOB_SAVE,
                                              FAKE_STORE_COMMIT};
        FakeRig *rig = *state;
        const HRESULT full = HRESULT_FROM_WIN32(ERROR_DISK_FULL);
        GUID id = job_in_state(rig, BG_JOB_STATE_SUSPENDED);
        const Job *job = fake_rig_read(rig, &id);
        FileSpec spec = {"http://host/x", "/home/u/x"};
        GUID other = {0};
        Fault fault;

        for (size_t i = 0; i < ARRAY_LEN(CALLS); i++) {
                fail_store(rig, &fault, CALLS[i], -ENOSPC);
                assert_hr(manager_create_job(rig->m, &FAKE_USER, "x", BG_JOB_TYPE_DOWNLOAD, &other),
                          full);
                assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, &spec, 1), full);
                assert_hr(manager_set_name(rig->m, &FAKE_USER, &id, "x"), full);
                assert_hr(manager_resume(rig->m, &FAKE_USER, &id), full);
                manager_cancel(rig->m, &FAKE_USER, &id, 100 + i);
                assert_hr(rig->notifier.answers[100 + i], full);
                assert_int_equal(store_error(rig), -ENOSPC);
                assert_state(rig, &id, SUSPENDED);
                assert_string_equal(job->props.name, "job");
                assert_int_equal(job->files_len, 1);
                assert_int_equal(job->status.intent, INTENT_NONE);
        }
        fault.error = 0;
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, &spec, 1), S_OK);
        assert_int_equal(store_error(rig), 0);
        fail_store(rig, &fault, FAKE_STORE_FILES_INSERT, -EIO);
        spec.local = "/home/u/y";
        assert_true(FAILED(manager_add_files(rig->m, &FAKE_USER, &id, &spec, 1)));
        assert_int_equal(job->files_len, 2);
        fault.error = 0;
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, &spec, 1), S_OK); /* not "exists" */
}

static void transferred_waits_for_the_store(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        Fault fault;

        fake_rig_run(rig);
        fail_store(rig, &fault, FAKE_STORE_COMMIT, -ENOSPC);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRING);
        assert_int_equal(store_error(rig), -ENOSPC);
        fake_rig_advance(rig, 60 * USEC_PER_SEC);
        assert_state(rig, &id, TRANSFERRING);
        fault.error = 0;
        fake_rig_advance(rig, 5 * USEC_PER_SEC);
        assert_state(rig, &id, TRANSFERRED);
        assert_int_equal(store_error(rig), 0);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->files[0]->state, FILE_DONE);
}

static WhyCode why(FakeRig *rig, const GUID *id)
{
        Why why;

        manager_why(rig->m, fake_rig_read(rig, id), &why);
        return why.code;
}

static void a_change_that_waits_for_the_store_says_so(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        uint32_t told;
        Fault fault;

        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        fail_store(rig, &fault, FAKE_STORE_COMMIT, -ENOSPC);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRING);
        assert_int_equal(why(rig, &id), WHY_CANNOT_SAVE);
        told = rig->notifier.changes;
        assert_true(told > 0);
        fake_rig_advance(rig, 20 * USEC_PER_SEC);
        assert_int_equal(why(rig, &id), WHY_CANNOT_SAVE);
        assert_int_equal(rig->notifier.changes, told);
        fault.error = 0;
        fake_rig_advance(rig, 6 * USEC_PER_SEC);
        assert_state(rig, &id, TRANSFERRED);
        assert_int_equal(why(rig, &id), WHY_NEEDS_COMPLETE);
        fail_store(rig, &fault, FAKE_STORE_COMMIT, -ENOSPC);
        manager_complete(rig->m, &FAKE_USER, &id, 100);
        assert_hr(rig->notifier.answers[100], HRESULT_FROM_WIN32(ERROR_DISK_FULL));
        assert_int_equal(why(rig, &id), WHY_NEEDS_COMPLETE); /* nothing waits: he was told */
}

static void errors_wait_for_the_store(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        Fault fault;

        fake_rig_run(rig);
        fail_store(rig, &fault, FAKE_STORE_BEGIN, -EIO);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
        assert_state(rig, &id, CONNECTING);
        fault.error = 0;
        fake_rig_advance(rig, 5 * USEC_PER_SEC);
        assert_state(rig, &id, ERROR);
        assert_hr(fake_rig_read(rig, &id)->status.error.code, BG_E_HTTP_ERROR_404);
}

static void a_user_may_overtake_what_waits_for_the_store(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        Fault fault;

        fake_rig_run(rig);
        fail_store(rig, &fault, FAKE_STORE_BEGIN, -EIO);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
        fault.error = 0;
        assert_hr(manager_suspend(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_advance(rig, 60 * USEC_PER_SEC);
        assert_state(rig, &id, SUSPENDED);
}

static void the_end_is_answered_after_it_is_stored(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        Fault fault;

        fake_rig_finish(rig);
        manager_complete(rig->m, &FAKE_USER, &id, 100);
        fake_rig_run(rig);
        fail_store(rig, &fault, FAKE_STORE_COMMIT, -EIO);
        fake_rig_finish(rig);
        assert_false(rig->notifier.answered[100]);
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/0"));
        fault.error = 0;
        fake_rig_advance(rig, 5 * USEC_PER_SEC);
        assert_hr(rig->notifier.answers[100], S_OK);
        assert_state(rig, &id, ACKNOWLEDGED);
}

static void a_refused_change_of_the_network_is_made_up_for(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        Fault fault;

        fake_rig_run(rig);
        fail_store(rig, &fault, FAKE_STORE_COMMIT, -EIO);
        manager_network_changed(rig->m, false);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
        fault.error = 0;
        fake_rig_advance(rig, 5 * USEC_PER_SEC);
        assert_state(rig, &id, TRANSIENT_ERROR);
        fault.error = -EIO;
        manager_network_changed(rig->m, true);
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSIENT_ERROR);
        fault.error = 0;
        fake_rig_advance(rig, 5 * USEC_PER_SEC);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void many_files_cost_few_commits(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        uint32_t commits, saves;

        fake_rig_add(rig, &id, 300);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        commits = rig->store.commits;
        saves = rig->store.file_saves;
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_int_equal(rig->store.commits - commits, 1);
        assert_int_equal(rig->store.file_saves - saves, 300);
        saves = rig->store.file_saves;
        assert_hr(fake_rig_complete(rig, &id), S_OK);
        assert_int_equal(rig->store.commits - commits, 3);
        assert_int_equal(rig->store.file_saves, saves);
}

static void progress_is_stored_every_two_seconds(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        uint32_t commits;
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_meta(&rig->transfer, rig->m, op);
        commits = rig->store.commits;
        for (uint64_t i = 1; i <= 80; i++) {
                fake_op_progress(&rig->transfer, rig->m, op, i, i);
                fake_rig_advance(rig, USEC_PER_SEC / 4);
        }
        assert_in_range(rig->store.commits - commits, 9, 11);
        fake_op_progress(&rig->transfer, rig->m, op, 99, 0);
        assert_int_equal(manager_flush(rig->m), 0);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->files[0]->done_bytes, 99);
        commits = rig->store.commits;
        assert_int_equal(manager_flush(rig->m), 0);
        assert_int_equal(rig->store.commits, commits);
}

static void flips_of_the_scheduler_cost_no_commit(void **state)
{
        FakeRig *rig = *state;
        GUID a = fake_rig_resumed(rig, 1);
        GUID b = fake_rig_resumed(rig, 1);
        uint32_t commits = rig->store.commits;

        fake_rig_run(rig);
        for (int i = 0; i < 10; i++) {
                fake_rig_advance(rig, 300 * USEC_PER_SEC);
                fake_rig_run(rig);
                stop_others(rig, &a);
                stop_others(rig, &b);
        }
        assert_in_range(rig->store.commits - commits, 0, 2);
        assert_int_equal(fake_store_job(&rig->store, &a)->status.state, BG_JOB_STATE_QUEUED);
}

static void every_state_survives_kill_and_power_loss(void **state)
{
        FakeRig *rig = *state;
        GUID ids[BG_JOB_STATE_CANCELLED + 1];

        for (int s = BG_JOB_STATE_CANCELLED; s >= 0; s--)
                ids[s] = job_in_state(rig, (BG_JOB_STATE) s);
        assert_int_equal(manager_flush(rig->m), 0);
        for (int round = 0; round < 4; round++) {
                assert_true(fake_rig_restart(rig, round % 2 == 1));
                for (int s = 0; s <= BG_JOB_STATE_CANCELLED; s++) {
                        BG_JOB_STATE want =
                                s == BG_JOB_STATE_CONNECTING || s == BG_JOB_STATE_TRANSFERRING
                                        ? BG_JOB_STATE_QUEUED
                                        : (BG_JOB_STATE) s;

                        assert_int_equal(fake_rig_state(rig, &ids[s]), want);
                }
        }
        assert_hr(fake_rig_read(rig, &ids[BG_JOB_STATE_ERROR])->status.error.code,
                  BG_E_HTTP_ERROR_404);
        fake_rig_finish(rig);
        assert_int_equal(fake_rig_state(rig, &ids[BG_JOB_STATE_TRANSFERRING]),
                         BG_JOB_STATE_TRANSFERRED);
}

static void properties_survive_a_restart(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        const Job *job;

        assert_hr(manager_set_name(rig->m, &FAKE_USER, &id, "n"), S_OK);
        assert_hr(manager_set_description(rig->m, &FAKE_USER, &id, "d"), S_OK);
        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &id, BG_JOB_PRIORITY_HIGH), S_OK);
        assert_hr(manager_set_notify_flags(rig->m, &FAKE_USER, &id, 9), S_OK);
        assert_hr(manager_set_retry_delay(rig->m, &FAKE_USER, &id, 77), S_OK);
        assert_hr(manager_set_no_progress_timeout(rig->m, &FAKE_USER, &id, 88), S_OK);
        assert_hr(manager_set_proxy(rig->m, &FAKE_USER, &id, BG_JOB_PROXY_USAGE_OVERRIDE, "p", "b"),
                  S_OK);
        assert_hr(manager_set_files_in_flight(rig->m, &FAKE_USER, &id, 2), S_OK);
        assert_hr(manager_set_auto_complete(rig->m, &FAKE_USER, &id, true), S_OK);
        assert_hr(manager_set_notify_cmd_line(rig->m, &FAKE_USER, &id, "/p", "p q"), S_OK);
        assert_true(fake_rig_restart(rig, false));
        job = fake_rig_read(rig, &id);
        assert_string_equal(job->props.name, "n");
        assert_string_equal(job->props.description, "d");
        assert_int_equal(job->props.priority, BG_JOB_PRIORITY_HIGH);
        assert_int_equal(job->props.notify_flags, 9);
        assert_int_equal(job->props.retry_delay_sec, 77);
        assert_int_equal(job->props.no_progress_sec, 88);
        assert_string_equal(job->props.proxy_list, "p");
        assert_string_equal(job->props.proxy_bypass, "b");
        assert_int_equal(job->props.files_in_flight, 2);
        assert_true(job->props.auto_complete);
        assert_string_equal(job->props.notify_program, "/p");
        assert_string_equal(job->props.notify_parameters, "p q");
        assert_int_equal(job->props.notify_uid, 1000);
}

static void kill_keeps_written_bytes_power_loss_only_synced_ones(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_meta(&rig->transfer, rig->m, op);
        fake_op_progress(&rig->transfer, rig->m, op, 900, 400);
        assert_int_equal(manager_flush(rig->m), 0);
        assert_true(fake_rig_restart(rig, false));
        assert_int_equal(fake_rig_read(rig, &id)->bytes_done, 900);
        assert_true(fake_rig_restart(rig, true));
        assert_int_equal(fake_rig_read(rig, &id)->bytes_done, 400);
        assert_int_equal(fake_rig_read(rig, &id)->files[0]->state, FILE_PARTIAL);
        /* The first write after the restart tells the store, whatever it is about. */
        (void) fake_rig_job(rig);
        assert_int_equal(fake_store_job(&rig->store, &id)->files[0]->done_bytes, 400);
        assert_true(fake_rig_restart(rig, false));
        assert_int_equal(fake_rig_read(rig, &id)->bytes_done, 400);
}

/* The server has another version, and the file system cannot tell its bytes from the old ones. */
static FakeOp *give_up_bytes(FakeRig *rig, const GUID *id)
{
        TransferEvent ev = {.kind = TRANSFER_META,
                            .etag = "\"new\"",
                            .modified_sec = FILE_NO_TIME,
                            .durable = true};
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, id);
        fake_op_meta(&rig->transfer, rig->m, op);
        fake_op_progress(&rig->transfer, rig->m, op, 900, 400);
        assert_int_equal(manager_flush(rig->m), 0);
        ev.op = op->op;
        ev.size_bytes = op->size;
        op->waits = true;
        manager_transfer_event(rig->m, &ev);
        return op;
}

static void bytes_given_up_are_gone_before_the_worker_goes_on(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        FakeOp *op = give_up_bytes(rig, &id);
        uint32_t durable = rig->store.durable_commits;

        fake_rig_run(rig);
        assert_false(op->waits);
        assert_int_equal(rig->store.durable_commits, durable + 1);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->files[0]->done_bytes, 0);
        assert_true(fake_rig_restart(rig, true));
        assert_int_equal(fake_rig_read(rig, &id)->bytes_done, 0);
}

static void the_worker_waits_while_bytes_given_up_cannot_be_stored(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        FakeOp *op = give_up_bytes(rig, &id);
        Fault fault;

        fail_store(rig, &fault, FAKE_STORE_COMMIT, -ENOSPC);
        fake_rig_run(rig);
        fake_rig_advance(rig, 20 * USEC_PER_SEC);
        assert_true(op->waits);
        fault.error = 0;
        fake_rig_advance(rig, 6 * USEC_PER_SEC);
        assert_false(op->waits);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void whole_files_not_on_disk_are_partial_after_power_loss(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        FileSpec empty = {"http://host/empty", "/home/u/empty"};

        fake_disk_remote(&rig->disk, "http://host/empty")->size = 0;
        fake_rig_add(rig, &id, 1);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, &empty, 1), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 0));
        fake_op_done(&rig->transfer, rig->m, fake_transfer_find_file(&rig->transfer, &id, 1));
        assert_int_equal(manager_flush(rig->m), 0);
        assert_true(fake_rig_restart(rig, false));
        assert_int_equal(fake_rig_read(rig, &id)->files_done, 2);
        assert_true(fake_rig_restart(rig, true));
        assert_int_equal(fake_rig_read(rig, &id)->files_done, 0);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_true(fake_rig_restart(rig, true));
        assert_int_equal(fake_rig_read(rig, &id)->files_done, 2);
        assert_hr(fake_rig_complete(rig, &id), S_OK);
}

static void files_that_may_start_at_once_are_durable(void **state)
{
        FakeRig *rig = *state;
        GUID paused = job_in_state(rig, BG_JOB_STATE_SUSPENDED);
        GUID running = job_in_state(rig, BG_JOB_STATE_CONNECTING);
        uint32_t durable = rig->store.durable_commits;

        fake_rig_add(rig, &paused, 1);
        assert_int_equal(rig->store.durable_commits, durable);
        fake_rig_add(rig, &running, 1);
        fake_rig_run(rig);
        assert_non_null(fake_transfer_find_file(&rig->transfer, &running, 1));
        assert_int_equal(fake_store_durable_job(&rig->store, &running)->files_len, 2);
}

/* One event of the job's first transfer, of a file of 100 bytes. */
static void tell(FakeRig *rig, const GUID *id, TransferEventKind kind, uint64_t done_bytes,
                 const char *etag)
{
        TransferEvent ev = {.kind = kind,
                            .op = fake_transfer_find(&rig->transfer, FAKE_FILE, id)->op,
                            .size_bytes = 100,
                            .done_bytes = done_bytes,
                            .synced_bytes = kind == TRANSFER_META ? 0 : done_bytes / 2,
                            .etag = etag,
                            .modified_sec = FILE_NO_TIME};

        manager_transfer_event(rig->m, &ev);
}

/* The first write on a new boot says that its file is one of this boot, so that bytes count that
 * are not synced: what the power took has to be in it, of every job. */
static void what_power_loss_took_is_stored_with_the_first_write(void **state)
{
        FakeRig *rig = *state;
        GUID ids[2];

        for (int i = 0; i < 2; i++) {
                ids[i] = fake_rig_job(rig);
                fake_rig_add(rig, &ids[i], 1);
                assert_hr(manager_set_priority(rig->m, &FAKE_USER, &ids[i],
                                               BG_JOB_PRIORITY_FOREGROUND),
                          S_OK);
                assert_hr(manager_resume(rig->m, &FAKE_USER, &ids[i]), S_OK);
                fake_rig_run(rig);
                tell(rig, &ids[i], TRANSFER_META, 0, "\"1\"");
                tell(rig, &ids[i], TRANSFER_PROGRESS, 80, "\"1\"");
        }
        assert_int_equal(manager_flush(rig->m), 0);
        assert_true(fake_rig_restart(rig, true));
        for (int i = 0; i < 2; i++)
                assert_int_equal(fake_rig_read(rig, &ids[i])->files[0]->done_bytes, 40);
        assert_true(fake_rig_restart(rig, false));
        for (int i = 0; i < 2; i++)
                assert_int_equal(fake_rig_read(rig, &ids[i])->files[0]->done_bytes, 40);
}

/* They are on disk, but of a file that is not there any more. */
static void synced_bytes_of_another_version_count_for_nothing(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_CONNECTING);
        const JobFile *file = fake_rig_read(rig, &id)->files[0];

        tell(rig, &id, TRANSFER_META, 0, "\"1\"");
        tell(rig, &id, TRANSFER_PROGRESS, 80, "\"1\"");
        assert_int_equal(file->synced_bytes, 40);
        tell(rig, &id, TRANSFER_META, 60, "\"1\"");
        assert_int_equal(file->synced_bytes, 40);
        tell(rig, &id, TRANSFER_META, 60, "\"2\"");
        assert_int_equal(file->done_bytes, 60);
        assert_int_equal(file->synced_bytes, 0);
}

static void a_refused_call_that_reached_the_file_is_taken_back(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_SUSPENDED);
        Fault fault;

        fail_store(rig, &fault, FAKE_STORE_HARDEN, -EIO);
        manager_cancel(rig->m, &FAKE_USER, &id, 100);
        assert_true(FAILED(rig->notifier.answers[100]));
        assert_int_equal(fake_store_job(&rig->store, &id)->status.intent, INTENT_CANCEL);
        fake_rig_advance(rig, 3 * USEC_PER_SEC);
        assert_int_equal(fake_store_job(&rig->store, &id)->status.intent, INTENT_NONE);
        assert_true(fake_rig_restart(rig, false));
        fake_rig_run(rig);
        assert_state(rig, &id, SUSPENDED);
}

/* The first transaction after the refusal, whatever it is for: else that one would harden it. */
static void the_next_commit_of_anybody_takes_it_back(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        GUID other = job_in_state(rig, BG_JOB_STATE_SUSPENDED);
        Fault fault;

        fail_store(rig, &fault, FAKE_STORE_HARDEN, -EIO);
        manager_cancel(rig->m, &FAKE_USER, &id, 100);
        assert_true(FAILED(rig->notifier.answers[100]));
        assert_int_equal(fake_store_job(&rig->store, &id)->status.intent, INTENT_CANCEL);
        rig->store.fault = NULL;
        assert_hr(manager_resume(rig->m, &FAKE_USER, &other), S_OK);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->status.intent, INTENT_NONE);
        assert_int_equal(fake_store_job(&rig->store, &id)->status.intent, INTENT_NONE);
}

/* Committed, not on disk, and the process is gone: the next one hardens it before it tells. */
static void what_a_start_finds_is_brought_to_disk(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        Fault fault;

        fail_store(rig, &fault, FAKE_STORE_HARDEN, -EIO);
        manager_cancel(rig->m, &FAKE_USER, &id, 100);
        rig->store.fault = NULL;
        assert_true(fake_rig_restart(rig, false)); /* before anybody could take it back */
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->status.intent, INTENT_CANCEL);
        fake_rig_finish(rig);
        assert_state(rig, &id, CANCELLED);
}

/* Rows of files cannot be taken back, so adding them never depends on the disk. */
static void files_of_a_running_job_wait_for_the_disk(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRING);
        Fault fault;

        fail_store(rig, &fault, FAKE_STORE_HARDEN, -EIO);
        fake_rig_add(rig, &id, 1);
        fake_rig_run(rig);
        assert_null(fake_transfer_find_file(&rig->transfer, &id, 1));
        rig->store.fault = NULL;
        fake_rig_advance(rig, 6 * USEC_PER_SEC);
        assert_non_null(fake_transfer_find_file(&rig->transfer, &id, 1));
}

static void final_steps_are_rolled_forward(void **state)
{
        FakeRig *rig = *state;
        GUID b = job_in_state(rig, BG_JOB_STATE_ERROR);
        GUID a = fake_rig_resumed(rig, 2);

        fake_rig_finish(rig);
        manager_complete(rig->m, &FAKE_USER, &a, 100);
        manager_cancel(rig->m, &FAKE_USER, &b, 101);
        fake_rig_run(rig);
        fake_op_publish_next(&rig->transfer, rig->m,
                             fake_transfer_find(&rig->transfer, FAKE_PUBLISH, &a), S_OK);
        assert_true(fake_rig_restart(rig, false));
        assert_true(manager_has_work(rig->m));
        assert_hr(manager_resume(rig->m, &FAKE_USER, &a), BG_E_INVALID_STATE);
        fake_rig_finish(rig);
        assert_state(rig, &a, ACKNOWLEDGED);
        assert_state(rig, &b, CANCELLED);
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/0"));
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/1"));
        assert_int_equal(fake_disk_count_temps(&rig->disk, &b), 0);
        /* What the stored rows do not say is known all the same. */
        assert_true(fake_rig_restart(rig, false));
        assert_int_equal(fake_rig_read(rig, &a)->files[1]->state, FILE_PUBLISHED);
        assert_hr(fake_rig_read(rig, &a)->status.end_result, S_OK);
}

static void a_wait_goes_on_over_a_restart(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSIENT_ERROR);

        fake_rig_advance(rig, 200 * USEC_PER_SEC);
        assert_true(fake_rig_restart(rig, false));
        fake_rig_advance(rig, 399 * USEC_PER_SEC);
        assert_state(rig, &id, TRANSIENT_ERROR);
        fake_rig_advance(rig, USEC_PER_SEC);
        assert_state(rig, &id, CONNECTING);
}

static void waiting_for_the_network_is_asked_anew_at_a_restart(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        manager_network_changed(rig->m, false);
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSIENT_ERROR);
        assert_true(fake_rig_restart(rig, false));
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
}

static void a_damaged_queue_is_refused(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_SUSPENDED);

        rig->store.image.jobs[0]->files[0]->state = FILE_STATE_MAX;
        assert_false(fake_rig_restart(rig, false));
        rig->store.image.jobs[0]->files[0]->state = FILE_PENDING;
        rig->store.image.jobs[0]->files[0]->index = 1;
        assert_false(fake_rig_restart(rig, false));
        rig->store.image.jobs[0]->files[0]->index = 0;
        rig->store.image.jobs[0]->props.priority = (BG_JOB_PRIORITY) 77;
        assert_false(fake_rig_restart(rig, false));
        rig->store.image.jobs[0]->props.priority = BG_JOB_PRIORITY_LOW;
        assert_true(fake_rig_restart(rig, false));
        assert_state(rig, &id, SUSPENDED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(a_refused_call_changes_nothing),
                rig_test(transferred_waits_for_the_store),
                rig_test(a_change_that_waits_for_the_store_says_so),
                rig_test(errors_wait_for_the_store),
                rig_test(a_user_may_overtake_what_waits_for_the_store),
                rig_test(the_end_is_answered_after_it_is_stored),
                rig_test(a_refused_change_of_the_network_is_made_up_for),
                rig_test(many_files_cost_few_commits),
                rig_test(progress_is_stored_every_two_seconds),
                rig_test(flips_of_the_scheduler_cost_no_commit),
                rig_test(every_state_survives_kill_and_power_loss),
                rig_test(properties_survive_a_restart),
                rig_test(kill_keeps_written_bytes_power_loss_only_synced_ones),
                rig_test(bytes_given_up_are_gone_before_the_worker_goes_on),
                rig_test(the_worker_waits_while_bytes_given_up_cannot_be_stored),
                rig_test(whole_files_not_on_disk_are_partial_after_power_loss),
                rig_test(files_that_may_start_at_once_are_durable),
                rig_test(what_power_loss_took_is_stored_with_the_first_write),
                rig_test(synced_bytes_of_another_version_count_for_nothing),
                rig_test(a_refused_call_that_reached_the_file_is_taken_back),
                rig_test(the_next_commit_of_anybody_takes_it_back),
                rig_test(what_a_start_finds_is_brought_to_disk),
                rig_test(files_of_a_running_job_wait_for_the_disk),
                rig_test(final_steps_are_rolled_forward),
                rig_test(a_wait_goes_on_over_a_restart),
                rig_test(waiting_for_the_network_is_asked_anew_at_a_restart),
                rig_test(a_damaged_queue_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
