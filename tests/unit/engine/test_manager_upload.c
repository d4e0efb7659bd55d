/* SPDX-License-Identifier: Apache-2.0 */
/* Upload jobs: their one file, their run, their end. */
#include "engine/job_state.h"
#include "job_states.h"

#define U BG_JOB_TYPE_UPLOAD
#define R BG_JOB_TYPE_UPLOAD_REPLY

static HRESULT add(FakeRig *rig, const GUID *id, const char *remote, const char *local)
{
        FileSpec spec = {remote, local};

        return manager_add_files(rig->m, &FAKE_USER, id, &spec, 1);
}

static GUID empty_upload(FakeRig *rig, BG_JOB_TYPE type)
{
        GUID id;

        assert_hr(manager_create_job(rig->m, &FAKE_USER, "up", type, &id), S_OK);
        return id;
}

static void an_upload_has_one_file(void **state)
{
        FakeRig *rig = *state;
        FileSpec two[] = {{"http://host/a", "/a"}, {"http://host/b", "/b"}};

        for (int type = U; type <= (int) R; type++) {
                GUID id = empty_upload(rig, (BG_JOB_TYPE) type);
                const Job *job = fake_rig_read(rig, &id);

                assert_int_equal(job->type, type);
                assert_hr(manager_resume(rig->m, &FAKE_USER, &id), BG_E_EMPTY);
                assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, two, 2), BG_E_TOO_MANY_FILES);
                assert_int_equal(job->files_len, 0);
                assert_null(job->reply);
                assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, two, 0), S_OK);
                assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, two, 1), S_OK);
                assert_int_equal(job_bytes_total(job), BG_SIZE_UNKNOWN);
                assert_hr(add(rig, &id, "http://host/b", "/b"), BG_E_TOO_MANY_FILES);
                assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, two, 2), BG_E_TOO_MANY_FILES);
                assert_int_equal(job->files_len, 1);
                assert_int_equal(fake_store_job(&rig->store, &id)->files_len, 1);
        }
}

static void an_upload_goes_to_web_servers_only(void **state)
{
        FakeRig *rig = *state;
        GUID id = empty_upload(rig, U);

        assert_hr(add(rig, &id, "file:///srv/in", "/a"), E_INVALIDARG);
        assert_hr(add(rig, &id, "/srv/in", "/a"), E_INVALIDARG);
        assert_hr(add(rig, &id, "http://host/a", "relative"), E_INVALIDARG);
        assert_hr(add(rig, &id, "https://host/a?x=y", "/a"), S_OK);
}

static void the_source_is_not_looked_at_when_it_is_added(void **state)
{
        FakeRig *rig = *state;
        GUID id = empty_upload(rig, R);

        rig->transfer.destination = E_ACCESSDENIED;
        assert_hr(add(rig, &id, "http://host/a", "/proc/version"), S_OK);
        assert_int_equal(rig->transfer.destination_asked, 0);
}

typedef struct Row {
        BG_JOB_STATE state;
        HRESULT complete, resume, suspend, add;
} Row;

static void methods_answer_as_published(void **state)
{
        static const HRESULT NO = BG_E_INVALID_STATE, MANY = BG_E_TOO_MANY_FILES;
        const Row rows[] = {
                {BG_JOB_STATE_SUSPENDED, NO, S_OK, S_OK, MANY},
                {BG_JOB_STATE_QUEUED, NO, S_OK, S_OK, MANY},
                {BG_JOB_STATE_CONNECTING, NO, S_OK, S_OK, MANY},
                {BG_JOB_STATE_TRANSFERRING, NO, S_OK, S_OK, MANY},
                {BG_JOB_STATE_TRANSIENT_ERROR, NO, S_OK, S_OK, MANY},
                {BG_JOB_STATE_ERROR, NO, S_OK, S_OK, MANY},
                {BG_JOB_STATE_TRANSFERRED, S_OK, BG_E_EMPTY, S_OK, MANY},
                {BG_JOB_STATE_ACKNOWLEDGED, NO, NO, NO, NO},
                {BG_JOB_STATE_CANCELLED, NO, NO, NO, NO},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                for (int type = U; type <= (int) R; type++) {
                        FakeRig *rig = *state;
                        GUID id;

                        fake_rig_done(rig);
                        fake_rig_init(rig, 1);
                        id = upload_in_state(rig, (BG_JOB_TYPE) type, rows[i].state);
                        assert_hr(add(rig, &id, "http://host/b", "/b"), rows[i].add);
                        assert_int_equal(fake_rig_state(rig, &id), rows[i].state);
                        if (FAILED(rows[i].complete)) {
                                assert_hr(fake_rig_complete(rig, &id), rows[i].complete);
                                continue;
                        }
                        assert_hr(manager_suspend(rig->m, &FAKE_USER, &id), rows[i].suspend);
                        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), rows[i].resume);
                        assert_hr(fake_rig_complete(rig, &id), rows[i].complete);
                        assert_state(rig, &id, ACKNOWLEDGED);
                        assert_null(fake_disk_final(&rig->disk, "/home/u/source"));
                }
        }
}

/* A refused Complete lets the upload go on as if nothing had been. */
static void an_early_complete_disturbs_nothing(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRING);

        manager_complete(rig->m, &FAKE_USER, &id, 100);
        assert_hr(rig->notifier.answers[100], BG_E_INVALID_STATE);
        assert_false(fake_transfer_find(&rig->transfer, FAKE_FILE, &id)->stopped);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->status.state,
                         BG_JOB_STATE_TRANSFERRED);
}

static void the_session_is_on_disk_before_the_worker_goes_on(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRING);
        FakeOp *op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        const Job *stored;

        op->blob.session = 42;
        fake_op_session(&rig->transfer, rig->m, op, true);
        fake_rig_run(rig);
        assert_false(op->waits);
        stored = fake_store_durable_job(&rig->store, &id);
        assert_int_equal(stored->session_bytes, sizeof(op->blob));
        assert_memory_equal(stored->session, &op->blob, sizeof(op->blob));
}

static int refuse_commits(void *ctx, FakeStoreCall call)
{
        (void) ctx;
        return call == FAKE_STORE_COMMIT ? -28 : 0;
}

static void a_session_that_cannot_be_stored_holds_the_worker_up(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRING);
        FakeOp *op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);

        rig->store.fault = refuse_commits;
        op->blob.session = 42;
        fake_op_session(&rig->transfer, rig->m, op, true);
        fake_rig_run(rig);
        fake_rig_advance(rig, 20 * USEC_PER_SEC);
        assert_true(op->waits);
        assert_false(op->stopped);
        rig->store.fault = NULL;
        fake_rig_advance(rig, 6 * USEC_PER_SEC);
        assert_false(op->waits);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

/* The next worker takes up what is in memory: a server that has bytes of a session which a crash
 * makes us forget gets the file twice. */
static void a_session_whose_worker_died_is_stored_before_the_next_one(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRING);
        FakeOp *op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        const Job *stored;

        op->blob.session = 42;
        fake_op_session(&rig->transfer, rig->m, op, true);
        fake_transfer_lose_worker(&rig->transfer, rig->m);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        assert_non_null(op);
        assert_int_equal(op->blob.session, 42);
        stored = fake_store_durable_job(&rig->store, &id);
        assert_int_equal(stored->session_bytes, sizeof(op->blob));
        assert_memory_equal(stored->session, &op->blob, sizeof(op->blob));
}

static void a_soft_session_is_stored_soon_and_not_synced(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRING);
        FakeOp *op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        uint32_t durable = rig->store.durable_commits;

        op->blob.session = 42;
        fake_op_session(&rig->transfer, rig->m, op, false);
        fake_rig_run(rig);
        assert_int_equal(fake_store_job(&rig->store, &id)->session_bytes, 0);
        fake_rig_advance(rig, USEC_PER_SEC / 10); /* sooner than mere progress */
        assert_int_equal(fake_store_job(&rig->store, &id)->session_bytes, sizeof(op->blob));
        assert_int_equal(rig->store.durable_commits, durable);
        assert_true(fake_rig_restart(rig, false));
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        assert_int_equal(op->blob.session, 42);
}

static void a_session_that_is_too_large_is_a_broken_worker(void **state)
{
        static uint8_t blob[JOB_SESSION_BYTES_MAX + 1];
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRING);
        FakeOp *op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        TransferEvent ev = {.kind = TRANSFER_SESSION,
                            .op = op->op,
                            .session = blob,
                            .session_bytes = sizeof(blob),
                            .durable = true};

        manager_transfer_event(rig->m, &ev);
        fake_rig_run(rig);
        assert_true(op->stopped);
        assert_int_equal(fake_rig_read(rig, &id)->session_bytes, 0);
}

static void progress_is_what_the_server_has_and_may_fall(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRING);
        FakeOp *op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        const Job *job = fake_rig_read(rig, &id);

        fake_op_upload_meta(&rig->transfer, rig->m, op);
        assert_int_equal(job_bytes_total(job), 1000);
        fake_op_acknowledged(&rig->transfer, rig->m, op, 600);
        assert_int_equal(job->bytes_done, 600);
        assert_int_equal(job->files_done, 0);
        fake_op_acknowledged(&rig->transfer, rig->m, op, 0);
        assert_int_equal(job->bytes_done, 0);
        fake_op_stopped(&rig->transfer, rig->m, op);
        assert_int_equal(job->bytes_done, 0);
}

static void when_every_byte_is_there_the_file_is_completed(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        const Job *job = fake_rig_read(rig, &id);

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        (void) upload_to_the_end(rig, &id);
        assert_state(rig, &id, TRANSFERRING);
        assert_int_equal(job->files_done, 1);
        assert_int_equal(job->bytes_done, 1000);
        assert_true(job->status.uploaded);
        assert_int_equal(job->reply->size_bytes, BG_SIZE_UNKNOWN);
        assert_true(fake_store_job(&rig->store, &id)->status.uploaded); /* at once */
        /* The network goes: a job that waits for its reply needs it. */
        manager_network_changed(rig->m, false);
        assert_state(rig, &id, TRANSIENT_ERROR);
        assert_int_equal(job->files_done, 1);
}

static void the_same_bytes_again_are_no_progress(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, U);

        assert_hr(manager_set_no_progress_timeout(rig->m, &FAKE_USER, &id, 3000), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        for (int i = 0; fake_rig_state(rig, &id) != BG_JOB_STATE_ERROR; i++) {
                FakeOp *op;

                assert_true(i < 7); /* six tries at 600 s are more than 3000 s */
                fake_rig_run(rig);
                op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
                fake_op_connected(&rig->transfer, rig->m, op);
                fake_op_upload_meta(&rig->transfer, rig->m, op);
                fake_op_acknowledged(&rig->transfer, rig->m, op, 500);
                fake_op_acknowledged(&rig->transfer, rig->m, op, 0); /* a server that forgets */
                fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
                fake_rig_advance(rig, 601 * USEC_PER_SEC);
        }
        assert_hr(fake_rig_read(rig, &id)->status.error.code, BG_E_HTTP_ERROR_500);
}

static void new_bytes_are_progress(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, U);

        assert_hr(manager_set_no_progress_timeout(rig->m, &FAKE_USER, &id, 1000), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        for (uint64_t i = 1; i < 10; i++) {
                FakeOp *op;

                fake_rig_run(rig);
                op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
                assert_non_null(op);
                fake_op_connected(&rig->transfer, rig->m, op);
                fake_op_acknowledged(&rig->transfer, rig->m, op, i);
                fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
                fake_rig_advance(rig, 601 * USEC_PER_SEC);
        }
        assert_state(rig, &id, CONNECTING);
}

static void contexts_of_errors_are_kept(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRING);
        FakeOp *op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        JobError error =
                job_error_make(BG_E_HTTP_ERROR_500, BG_ERROR_CONTEXT_REMOTE_APPLICATION, 0, "app");

        fake_op_failed(&rig->transfer, rig->m, op, &error);
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSIENT_ERROR);
        assert_int_equal(fake_rig_read(rig, &id)->status.error.context,
                         BG_ERROR_CONTEXT_REMOTE_APPLICATION);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        error = job_error_make(BG_E_HTTP_ERROR_403, BG_ERROR_CONTEXT_REMOTE_APPLICATION, 0, "app");
        fake_op_failed(&rig->transfer, rig->m, op, &error);
        fake_rig_run(rig);
        assert_state(rig, &id, ERROR);
        assert_int_equal(fake_rig_read(rig, &id)->status.error.context,
                         BG_ERROR_CONTEXT_REMOTE_APPLICATION);
}

static void pause_and_failure_keep_the_session(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRING);
        FakeOp *op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        const Job *job = fake_rig_read(rig, &id);

        fake_op_upload_meta(&rig->transfer, rig->m, op);
        op->blob.session = 42;
        fake_op_session(&rig->transfer, rig->m, op, true);
        fake_rig_run(rig);
        fake_op_acknowledged(&rig->transfer, rig->m, op, 300);
        assert_hr(manager_suspend(rig->m, &FAKE_USER, &id), S_OK);
        assert_true(op->stopped);
        fake_op_stopped(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        assert_int_equal(job->session_bytes, sizeof(FakeBlob));
        assert_int_equal(job->bytes_done, 300);
        assert_true(fake_rig_restart(rig, true));
        job = fake_rig_read(rig, &id);
        assert_state(rig, &id, SUSPENDED);
        assert_int_equal(job->session_bytes, sizeof(FakeBlob));
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
        assert_int_equal(job->session_bytes, sizeof(FakeBlob));
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        assert_int_equal(op->blob.session, 42);
}

static void a_changed_source_begins_a_new_upload_at_resume(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        const Job *job = fake_rig_read(rig, &id);
        JobError error =
                job_error_make(BG_E_LOCAL_FILE_CHANGED, BG_ERROR_CONTEXT_LOCAL_FILE, 0, NULL);
        FakeOp *op;

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        op = upload_to_the_end(rig, &id);
        fake_op_reply_meta(&rig->transfer, rig->m, op);
        fake_op_failed(&rig->transfer, rig->m, op, &error);
        fake_rig_run(rig);
        assert_state(rig, &id, ERROR);
        assert_int_equal(job->status.error.context, BG_ERROR_CONTEXT_LOCAL_FILE);
        assert_int_equal(job->session_bytes, sizeof(FakeBlob));
        rig->store.fault = refuse_commits;
        assert_true(FAILED(manager_resume(rig->m, &FAKE_USER, &id)));
        assert_int_equal(job->session_bytes, sizeof(FakeBlob));
        assert_true(job->status.uploaded);
        assert_int_equal(job->files_done, 1);
        assert_true(job->reply->remote[0] != '\0');
        rig->store.fault = NULL;
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        assert_null(job->session);
        assert_false(job->status.uploaded);
        assert_int_equal(job->bytes_done, 0);
        assert_int_equal(job_bytes_total(job), BG_SIZE_UNKNOWN);
        assert_string_equal(job->reply->remote, "");
        assert_int_equal(job->reply->size_bytes, BG_SIZE_UNKNOWN);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->session_bytes, 0);
        assert_string_equal(fake_store_durable_job(&rig->store, &id)->reply->remote, "");
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static int refuse_harden(void *ctx, FakeStoreCall call)
{
        (void) ctx;
        return call == FAKE_STORE_HARDEN ? -5 : 0;
}

/* The refused Resume reached the file with its new upload: all of that is taken back. */
static void a_new_upload_that_was_refused_leaves_nothing_in_the_file(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        JobError error =
                job_error_make(BG_E_LOCAL_FILE_CHANGED, BG_ERROR_CONTEXT_LOCAL_FILE, 0, NULL);
        const Job *stored;
        FakeOp *op;

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        op = upload_to_the_end(rig, &id);
        fake_op_reply_meta(&rig->transfer, rig->m, op);
        fake_op_failed(&rig->transfer, rig->m, op, &error);
        fake_rig_run(rig);
        rig->store.fault = refuse_harden;
        assert_true(FAILED(manager_resume(rig->m, &FAKE_USER, &id)));
        assert_int_equal(fake_store_job(&rig->store, &id)->session_bytes, 0);
        rig->store.fault = NULL;
        fake_rig_run(rig);
        stored = fake_store_job(&rig->store, &id);
        assert_int_equal(stored->status.state, BG_JOB_STATE_ERROR);
        assert_int_equal(stored->session_bytes, sizeof(FakeBlob));
        assert_true(stored->status.uploaded);
        assert_int_equal(stored->files[0]->state, FILE_DONE);
        assert_true(stored->reply->remote[0] != '\0');
}

static void other_errors_keep_the_session_at_resume(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, U);

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        (void) upload_to_the_end(rig, &id);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_401);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->session_bytes, sizeof(FakeBlob));
        assert_true(fake_rig_read(rig, &id)->status.uploaded);
}

static void a_crash_between_the_last_byte_and_the_end_goes_on(void **state)
{
        FakeRig *rig = *state;

        for (int power = 0; power < 2; power++) {
                GUID id = fake_rig_upload(rig, R);

                assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
                (void) upload_to_the_end(rig, &id);
                assert_true(fake_rig_restart(rig, power == 1));
                fake_rig_run(rig);
                assert_state(rig, &id, CONNECTING);
                assert_non_null(fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
                fake_rig_finish(rig);
                assert_state(rig, &id, TRANSFERRED);
                assert_hr(fake_rig_complete(rig, &id), S_OK);
        }
}

/* The worker was asked to stop, and was faster. */
static void an_upload_that_ends_while_it_is_paused_has_ended(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, U);
        FakeOp *op;

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        op = upload_to_the_end(rig, &id);
        assert_hr(manager_suspend(rig->m, &FAKE_USER, &id), S_OK);
        fake_op_upload_done(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        assert_state(rig, &id, SUSPENDED);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_null(fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
}

static void nothing_is_synced_published_or_removed_for_an_upload(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, U);

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_op_upload_done(&rig->transfer, rig->m, upload_to_the_end(rig, &id));
        fake_rig_run(rig);
        assert_state(rig, &id, TRANSFERRED);
        manager_complete(rig->m, &FAKE_USER, &id, 100);
        fake_rig_run(rig);
        assert_int_equal(rig->transfer.ops_len, 0);
        assert_hr(rig->notifier.answers[100], S_OK);
        assert_state(rig, &id, ACKNOWLEDGED);
}

static void an_upload_can_complete_by_itself(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);

        assert_hr(manager_set_auto_complete(rig->m, &FAKE_USER, &id, true), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, ACKNOWLEDGED);
        assert_non_null(fake_disk_final(&rig->disk, fake_rig_read(rig, &id)->reply->local));
}

/* Ownership: the source is only read, the reply is written. */
static void a_new_owner_needs_the_place_of_the_reply(void **state)
{
        static const Caller ADMIN = {.uid = 0, .is_admin = true};
        FakeRig *rig = *state;
        GUID upload = fake_rig_upload(rig, U);
        GUID reply = fake_rig_upload(rig, R);

        rig->transfer.destination = E_ACCESSDENIED;
        assert_hr(manager_take_ownership(rig->m, &ADMIN, &upload), S_OK);
        assert_hr(manager_take_ownership(rig->m, &ADMIN, &reply), BG_E_NEW_OWNER_NO_FILE_ACCESS);
        rig->transfer.destination = S_OK;
        assert_hr(manager_take_ownership(rig->m, &ADMIN, &reply), S_OK);
}

static void tell(FakeRig *rig, const FakeOp *op, TransferEventKind kind, uint32_t file,
                 uint64_t done_bytes)
{
        TransferEvent ev = {.kind = kind,
                            .op = op->op,
                            .file_index = file,
                            .size_bytes = 100,
                            .done_bytes = done_bytes,
                            .modified_sec = FILE_NO_TIME};

        manager_transfer_event(rig->m, &ev);
}

/* What the worker says last may be more than its last count; less is no news of the server. */
static void an_end_brings_bytes_and_takes_none(void **state)
{
        static const struct {
                uint64_t said, kept;
        } ends[] = {{50, 50}, {10, 30}};

        for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
                for (uint32_t file = 0; file <= JOB_REPLY_INDEX; file++) {
                        FakeRig *rig;
                        const JobFile *f;
                        FakeOp *op;
                        GUID id;

                        assert_int_equal(rig_teardown(state), 0);
                        assert_int_equal(rig_setup(state), 0);
                        rig = *state;
                        id = upload_in_state(rig, R, BG_JOB_STATE_TRANSFERRING);
                        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
                        tell(rig, op, TRANSFER_META, file, 0);
                        tell(rig, op, TRANSFER_PROGRESS, file, 30);
                        tell(rig, op, TRANSFER_STOPPED, file, ends[i].said);
                        f = file == 0 ? fake_rig_read(rig, &id)->files[0]
                                      : fake_rig_read(rig, &id)->reply;
                        assert_int_equal(f->done_bytes, ends[i].kept);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(an_upload_has_one_file),
                rig_test(an_upload_goes_to_web_servers_only),
                rig_test(the_source_is_not_looked_at_when_it_is_added),
                rig_test(methods_answer_as_published),
                rig_test(an_early_complete_disturbs_nothing),
                rig_test(the_session_is_on_disk_before_the_worker_goes_on),
                rig_test(a_session_that_cannot_be_stored_holds_the_worker_up),
                rig_test(a_session_whose_worker_died_is_stored_before_the_next_one),
                rig_test(a_soft_session_is_stored_soon_and_not_synced),
                rig_test(a_session_that_is_too_large_is_a_broken_worker),
                rig_test(progress_is_what_the_server_has_and_may_fall),
                rig_test(when_every_byte_is_there_the_file_is_completed),
                rig_test(the_same_bytes_again_are_no_progress),
                rig_test(new_bytes_are_progress),
                rig_test(contexts_of_errors_are_kept),
                rig_test(pause_and_failure_keep_the_session),
                rig_test(a_changed_source_begins_a_new_upload_at_resume),
                rig_test(a_new_upload_that_was_refused_leaves_nothing_in_the_file),
                rig_test(other_errors_keep_the_session_at_resume),
                rig_test(a_crash_between_the_last_byte_and_the_end_goes_on),
                rig_test(an_upload_that_ends_while_it_is_paused_has_ended),
                rig_test(nothing_is_synced_published_or_removed_for_an_upload),
                rig_test(an_upload_can_complete_by_itself),
                rig_test(a_new_owner_needs_the_place_of_the_reply),
                rig_test(an_end_brings_bytes_and_takes_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
