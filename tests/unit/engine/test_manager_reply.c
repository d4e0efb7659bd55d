/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: their names, their progress, their data, and how they become visible. */
#include <string.h>

#include "job_states.h"

#define U BG_JOB_TYPE_UPLOAD
#define R BG_JOB_TYPE_UPLOAD_REPLY

static HRESULT name_it(FakeRig *rig, const GUID *id, const char *name)
{
        return manager_set_reply_name(rig->m, &FAKE_USER, id, name);
}

static void is_generated(const char *name)
{
        assert_int_equal(strncmp(name, "/home/u/source.reply-", 21), 0);
        assert_int_equal(strlen(name), 21 + 8);
        assert_int_equal(strspn(name + 21, "0123456789abcdef"), 8);
}

static GUID empty_reply_job(FakeRig *rig)
{
        GUID id;

        assert_hr(manager_create_job(rig->m, &FAKE_USER, "up", R, &id), S_OK);
        return id;
}

static FakeRemote *remote_reply(FakeRig *rig, const GUID *id)
{
        char url[64];

        fake_reply_url(id, url, sizeof(url));
        return fake_disk_remote(&rig->disk, url);
}

static void a_name_comes_into_being_with_the_file(void **state)
{
        FakeRig *rig = *state;
        GUID id = empty_reply_job(rig);
        const Job *job = fake_rig_read(rig, &id);
        FileSpec spec = {"http://host/up", "/home/u/source"};
        _cleanup_free_ char *first = NULL;

        assert_null(job->reply);
        assert_null(job->props.reply_name);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, &spec, 1), S_OK);
        is_generated(job->reply->local);
        first = mem_strdup(job->reply->local);
        assert_hr(name_it(rig, &id, "/home/u/answer"), S_OK);
        assert_string_equal(job->reply->local, "/home/u/answer");
        assert_string_equal(job->props.reply_name, "/home/u/answer");
        assert_hr(name_it(rig, &id, ""), S_OK);
        is_generated(job->reply->local);
        assert_null(job->props.reply_name);
        assert_hr(name_it(rig, &id, NULL), S_OK); /* generated already: it stays */
        assert_string_equal(job->reply->local, fake_store_job(&rig->store, &id)->reply->local);
        assert_true(fake_rig_restart(rig, false));
        is_generated(fake_rig_read(rig, &id)->reply->local);
}

static void a_name_may_come_before_the_file(void **state)
{
        FakeRig *rig = *state;
        GUID id = empty_reply_job(rig);
        FileSpec spec = {"http://host/up", "/home/u/source"};

        assert_hr(name_it(rig, &id, "/home/u//source"), S_OK);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, &spec, 1), E_INVALIDARG);
        assert_int_equal(fake_rig_read(rig, &id)->files_len, 0);
        assert_hr(name_it(rig, &id, "/home/u/answer"), S_OK);
        assert_true(fake_rig_restart(rig, false));
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, &spec, 1), S_OK);
        assert_string_equal(fake_rig_read(rig, &id)->reply->local, "/home/u/answer");
        assert_true(fake_rig_restart(rig, false));
        assert_string_equal(fake_rig_read(rig, &id)->reply->local, "/home/u/answer");
}

static void bad_names_are_refused(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        GUID upload = fake_rig_upload(rig, U);
        GUID download = fake_rig_job(rig);
        GUID nobody = {9, 9, 9, {9}};
        Caller stranger = {.uid = 1001};

        assert_hr(name_it(rig, &id, "answer"), E_INVALIDARG);
        assert_hr(name_it(rig, &id, "/home/u/*"), E_INVALIDARG);
        assert_hr(name_it(rig, &id, "/home/u/"), E_INVALIDARG);
        assert_hr(name_it(rig, &id, "/home/u/source"), E_INVALIDARG);
        assert_hr(name_it(rig, &id, "/home/./u//source"), E_INVALIDARG);
        assert_hr(name_it(rig, &upload, "/home/u/answer"), E_NOTIMPL);
        assert_hr(name_it(rig, &download, NULL), E_NOTIMPL);
        assert_hr(name_it(rig, &nobody, "/home/u/answer"), BG_E_NOT_FOUND);
        assert_hr(manager_set_reply_name(rig->m, &stranger, &id, "/home/u/answer"), E_ACCESSDENIED);
        rig->transfer.destination = E_ACCESSDENIED;
        assert_hr(name_it(rig, &id, "/root/answer"), E_ACCESSDENIED);
        rig->transfer.destination = HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND);
        assert_hr(name_it(rig, &id, "/no/answer"), HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND));
        is_generated(fake_rig_read(rig, &id)->reply->local);
        assert_null(fake_rig_read(rig, &id)->props.reply_name);
}

static int refuse_commits(void *ctx, FakeStoreCall call)
{
        (void) ctx;
        return call == FAKE_STORE_COMMIT ? -28 : 0;
}

static void a_name_that_is_not_stored_is_not_taken(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);

        rig->store.fault = refuse_commits;
        assert_hr(name_it(rig, &id, "/home/u/answer"), HRESULT_FROM_WIN32(ERROR_DISK_FULL));
        is_generated(fake_rig_read(rig, &id)->reply->local);
        assert_null(fake_rig_read(rig, &id)->props.reply_name);
        rig->store.fault = NULL;
}

static void the_name_is_free_until_the_reply_begins(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        FakeOp *op;

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        op = upload_to_the_end(rig, &id);
        assert_hr(name_it(rig, &id, "/home/u/answer"), S_OK);
        assert_false(op->stopped); /* the same directory: the worker need not know */
        fake_op_reply_meta(&rig->transfer, rig->m, op);
        assert_hr(name_it(rig, &id, "/home/u/other"), BG_E_INVALID_STATE);
        assert_hr(name_it(rig, &id, NULL), BG_E_INVALID_STATE);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_hr(name_it(rig, &id, "/home/u/other"), BG_E_INVALID_STATE);
        assert_hr(fake_rig_complete(rig, &id), S_OK);
        assert_hr(name_it(rig, &id, "/home/u/other"), BG_E_INVALID_STATE);
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/answer"));
}

static void a_worker_with_the_old_directory_begins_again(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        _cleanup_free_ char *name = NULL;
        FakeOp *op;

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_connected(&rig->transfer, rig->m, op);
        fake_op_upload_meta(&rig->transfer, rig->m, op);
        name = mem_strdup(fake_rig_read(rig, &id)->reply->local);
        assert_hr(name_it(rig, &id, "/srv/answer"), S_OK);
        assert_true(op->stopped);
        assert_state(rig, &id, QUEUED);
        /* It was about to fetch the reply into the old directory: that counts for nothing. */
        fake_op_uploaded(&rig->transfer, rig->m, op);
        fake_op_reply_meta(&rig->transfer, rig->m, op);
        assert_int_equal(fake_rig_read(rig, &id)->reply->size_bytes, BG_SIZE_UNKNOWN);
        fake_op_stopped(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        /* What it left there is removed before anything else begins. */
        assert_null(fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        op = fake_transfer_find(&rig->transfer, FAKE_DISCARD, &id);
        assert_non_null(op);
        assert_string_equal(op->reply, name);
        assert_int_equal(fake_disk_count_temps(&rig->disk, &id), 1);
        fake_op_discarded(&rig->transfer, rig->m, op, S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_hr(fake_rig_complete(rig, &id), S_OK);
        assert_non_null(fake_disk_final(&rig->disk, "/srv/answer"));
}

static void once_the_server_has_everything_the_directory_is_fixed(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        FakeOp *op;

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        op = upload_to_the_end(rig, &id);
        assert_hr(name_it(rig, &id, "/srv/answer"), BG_E_INVALID_STATE);
        assert_hr(name_it(rig, &id, "/home/u/answer"), S_OK);
        assert_false(op->stopped);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_404); /* nobody runs: it may move again */
        assert_hr(name_it(rig, &id, "/srv/answer"), S_OK);
}

static void a_failed_upload_can_still_be_given_a_name(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, R, BG_JOB_STATE_ERROR);

        assert_hr(name_it(rig, &id, "/srv/answer"), S_OK);
        assert_state(rig, &id, ERROR);
}

static void progress_of_the_reply_is_its_own(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        const Job *job = fake_rig_read(rig, &id);
        FakeOp *op;

        remote_reply(rig, &id)->size = 70;
        assert_int_equal(job->reply->size_bytes, BG_SIZE_UNKNOWN);
        assert_int_equal(job->reply->done_bytes, 0);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        op = upload_to_the_end(rig, &id);
        fake_op_reply_meta(&rig->transfer, rig->m, op);
        assert_int_equal(job->reply->size_bytes, 70);
        assert_string_equal(job->reply->remote, remote_reply(rig, &id)->url);
        fake_op_reply_progress(&rig->transfer, rig->m, op, 30, 10);
        assert_int_equal(job->reply->done_bytes, 30);
        assert_int_equal(job->bytes_done, 1000);
        fake_rig_advance(rig, 3 * USEC_PER_SEC);
        fake_rig_stop(rig, true, UINT32_MAX); /* power: what was on disk remains */
        assert_true(fake_rig_start(rig));
        job = fake_rig_read(rig, &id);
        assert_int_equal(job->reply->done_bytes, 10);
        assert_int_equal(job->bytes_done, 1000);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_int_equal(job->reply->done_bytes, 70);
        assert_int_equal(job->reply->state, FILE_DONE);
}

static void a_whole_reply_survives_power_loss(void **state)
{
        FakeRig *rig = *state;

        for (uint64_t size = 0; size < 2; size++) {
                GUID id = fake_rig_upload(rig, R);

                remote_reply(rig, &id)->size = size * 70;
                assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
                fake_rig_finish(rig);
                assert_state(rig, &id, TRANSFERRED);
                assert_true(fake_rig_restart(rig, true));
                fake_rig_run(rig);
                assert_state(rig, &id, TRANSFERRED);
                assert_int_equal(rig->transfer.ops_len, 0);
                assert_hr(fake_rig_complete(rig, &id), S_OK);
                assert_int_equal(
                        fake_disk_final(&rig->disk, fake_rig_read(rig, &id)->reply->local)->bytes,
                        size * 70);
                assert_int_equal(fake_disk_count_temps(&rig->disk, &id), 0);
        }
}

static void nothing_is_visible_before_complete(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, R, BG_JOB_STATE_TRANSFERRED);
        const char *name = fake_rig_read(rig, &id)->reply->local;

        assert_null(fake_disk_final(&rig->disk, name));
        assert_hr(fake_rig_complete(rig, &id), S_OK);
        assert_non_null(fake_disk_final(&rig->disk, name));
        assert_int_equal(fake_rig_read(rig, &id)->reply->state, FILE_PUBLISHED);
}

static void cancel_removes_the_reply_and_nothing_else(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, R, BG_JOB_STATE_TRANSFERRED);

        assert_int_equal(fake_disk_count_temps(&rig->disk, &id), 1);
        assert_hr(fake_rig_cancel(rig, &id), S_OK);
        assert_int_equal(fake_disk_count_temps(&rig->disk, &id), 0);
        assert_null(fake_disk_final(&rig->disk, fake_rig_read(rig, &id)->reply->local));
}

/* DONE without REPLY: the worker's session says so, but the file is gone. */
static void an_end_without_the_reply_is_an_error(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_op_upload_done(&rig->transfer, rig->m, upload_to_the_end(rig, &id));
        fake_rig_run(rig);
        assert_state(rig, &id, ERROR);
        assert_hr(fake_rig_read(rig, &id)->status.error.code,
                  HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND));
}

static HRESULT complete_but(FakeRig *rig, const GUID *id, HRESULT publish)
{
        uint64_t token = rig->next_token++;
        FakeOp *op;

        manager_complete(rig->m, &FAKE_USER, id, token);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_PUBLISH, id);
        assert_non_null(op);
        assert_int_equal(op->files_len, 1);
        fake_op_publish_next(&rig->transfer, rig->m, op, publish);
        fake_op_published(&rig->transfer, rig->m, op);
        fake_rig_finish(rig);
        assert_true(rig->notifier.answered[token]);
        return rig->notifier.answers[token];
}

static void a_reply_that_cannot_be_put_in_place_stays(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, R, BG_JOB_STATE_TRANSFERRED);

        assert_hr(complete_but(rig, &id, E_ACCESSDENIED), E_ACCESSDENIED);
        assert_state(rig, &id, TRANSFERRED);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), BG_E_EMPTY);
        assert_hr(fake_rig_complete(rig, &id), S_OK);
}

static void a_lost_reply_is_fetched_by_resume(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, R, BG_JOB_STATE_TRANSFERRED);
        HRESULT gone = HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND);

        fake_disk_remove_temps(&rig->disk, &id);
        assert_hr(complete_but(rig, &id, S_OK), gone);
        assert_state(rig, &id, TRANSFERRED);
        assert_hr(fake_rig_complete(rig, &id), gone); /* still not there */
        assert_state(rig, &id, TRANSFERRED);
        assert_true(fake_rig_restart(rig, false));
        assert_hr(fake_rig_complete(rig, &id), gone);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        assert_hr(fake_rig_complete(rig, &id), S_OK);
}

static void complete_is_rolled_forward_over_a_crash(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, R, BG_JOB_STATE_TRANSFERRED);
        FakeOp *op;

        manager_complete(rig->m, &FAKE_USER, &id, 100);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_PUBLISH, &id);
        fake_op_publish_next(&rig->transfer, rig->m, op, S_OK);
        assert_true(fake_rig_restart(rig, false)); /* renamed, and nobody wrote it down */
        fake_rig_finish(rig);
        assert_state(rig, &id, ACKNOWLEDGED);
        assert_non_null(fake_disk_final(&rig->disk, fake_rig_read(rig, &id)->reply->local));
        assert_true(fake_rig_restart(rig, false));
        assert_int_equal(fake_rig_read(rig, &id)->reply->state, FILE_PUBLISHED);
}

static HRESULT data_of(FakeRig *rig, const GUID *id, uint8_t **ret_data, uint64_t *ret_bytes)
{
        return manager_reply_data(rig->m, &FAKE_USER, id, ret_data, ret_bytes);
}

static void data_is_there_from_transferred_on(void **state)
{
        FakeRig *rig = *state;

        for (int s = 0; s <= BG_JOB_STATE_CANCELLED; s++) {
                bool good = s == BG_JOB_STATE_TRANSFERRED || s == BG_JOB_STATE_ACKNOWLEDGED;
                uint8_t *data = NULL;
                uint64_t bytes = 0;
                GUID id;

                fake_rig_done(rig);
                fake_rig_init(rig, 1);
                id = upload_in_state(rig, R, (BG_JOB_STATE) s);
                assert_hr(data_of(rig, &id, &data, &bytes), good ? S_OK : BG_E_INVALID_STATE);
                assert_int_equal(bytes, good ? 1000 : 0);
                assert_int_equal(data != NULL, good);
                mem_free(data);
        }
}

static void data_has_a_limit_and_may_be_nothing(void **state)
{
        static const uint64_t SIZES[] = {0, REPLY_DATA_BYTES_MAX, REPLY_DATA_BYTES_MAX + 1};
        FakeRig *rig = *state;

        for (int i = 0; i < 3; i++) {
                GUID id = fake_rig_upload(rig, R);
                uint8_t *data = (uint8_t *) &id;
                uint64_t bytes = 99;

                remote_reply(rig, &id)->size = SIZES[i];
                assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
                fake_rig_finish(rig);
                if (i == 2)
                        data = NULL;
                assert_hr(data_of(rig, &id, &data, &bytes), i == 2 ? BG_E_TOO_LARGE : S_OK);
                assert_int_equal(bytes, SIZES[i]);
                assert_int_equal(data != NULL, i == 1);
                mem_free(data);
        }
}

static void data_is_for_the_owner_of_a_reply(void **state)
{
        FakeRig *rig = *state;
        GUID upload = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRED);
        GUID id = upload_in_state(rig, R, BG_JOB_STATE_TRANSFERRED);
        GUID nobody = {9, 9, 9, {9}};
        Caller stranger = {.uid = 1001};
        uint8_t *data = NULL;
        uint64_t bytes;

        assert_hr(data_of(rig, &upload, &data, &bytes), E_NOTIMPL);
        assert_hr(data_of(rig, &nobody, &data, &bytes), BG_E_NOT_FOUND);
        assert_hr(manager_reply_data(rig->m, &stranger, &id, &data, &bytes), E_ACCESSDENIED);
        fake_disk_remove_temps(&rig->disk, &id);
        assert_hr(data_of(rig, &id, &data, &bytes), HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND));
        assert_null(data);
}

static void replies_can_be_optional(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        GUID upload = fake_rig_upload(rig, U);

        assert_hr(manager_set_reply_optional(rig->m, &FAKE_USER, &upload, true), E_NOTIMPL);
        assert_hr(manager_set_reply_optional(rig->m, &FAKE_USER, &id, true), S_OK);
        assert_true(fake_rig_restart(rig, false));
        assert_true(fake_rig_read(rig, &id)->props.reply_optional);
        assert_hr(fake_rig_cancel(rig, &id), S_OK);
        assert_hr(manager_set_reply_optional(rig->m, &FAKE_USER, &id, false), BG_E_INVALID_STATE);
        assert_hr(name_it(rig, &id, "/home/u/answer"), BG_E_INVALID_STATE);
}

static void a_queue_without_the_row_of_a_reply_is_damaged(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        Job *stored = (Job *) fake_store_job(&rig->store, &id);
        JobFile *reply = stored->reply;

        fake_rig_stop(rig, false, 0);
        stored->reply = NULL;
        assert_false(fake_rig_start(rig));
        stored->reply = reply;
        rig->m = manager_free(rig->m);
        assert_true(fake_rig_start(rig));
}

/* ---- an empty source: no packet could carry a reply ---- */

static FakeOp *empty_upload(FakeRig *rig, const GUID *id)
{
        FakeOp *op;

        fake_disk_remote(&rig->disk, "/home/u/source")->size = 0;
        assert_hr(manager_resume(rig->m, &FAKE_USER, id), S_OK);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, id);
        assert_non_null(op);
        fake_op_connected(&rig->transfer, rig->m, op);
        return op;
}

static void assert_misses_reply(FakeRig *rig, const GUID *id)
{
        const JobError *error = &fake_rig_read(rig, id)->status.error;

        assert_state(rig, id, ERROR);
        assert_hr(error->code, BG_E_INVALID_SERVER_RESPONSE);
        assert_int_equal(error->context, BG_ERROR_CONTEXT_REMOTE_FILE);
        assert_int_equal(error->file_index, 0);
        assert_true(error->fatal);
}

static void an_empty_source_gets_no_reply(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        FakeOp *op = empty_upload(rig, &id);

        fake_op_upload_meta(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        assert_true(op->stopped);
        fake_op_stopped(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        assert_misses_reply(rig, &id);
        assert_hr(manager_set_reply_optional(rig->m, &FAKE_USER, &id, true), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

/* The worker was through before it could be stopped: not a success for that. */
static void an_end_that_overtakes_the_stop_is_none(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, R);
        FakeOp *op;

        remote_reply(rig, &id)->size = 0;
        for (int i = 0; i < 2; i++) {
                op = empty_upload(rig, &id);
                fake_op_upload_meta(&rig->transfer, rig->m, op);
                fake_op_uploaded(&rig->transfer, rig->m, op);
                fake_op_reply_meta(&rig->transfer, rig->m, op);
                fake_op_reply(&rig->transfer, rig->m, op);
                fake_op_upload_done(&rig->transfer, rig->m, op);
                fake_rig_run(rig);
                assert_misses_reply(rig, &id);
        }
}

static void without_a_reply_an_empty_source_is_fine(void **state)
{
        FakeRig *rig = *state;
        GUID plain = fake_rig_upload(rig, U);

        fake_disk_remote(&rig->disk, "/home/u/source")->size = 0;
        assert_hr(manager_resume(rig->m, &FAKE_USER, &plain), S_OK);
        fake_rig_finish(rig);
        assert_state(rig, &plain, TRANSFERRED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(a_name_comes_into_being_with_the_file),
                rig_test(a_name_may_come_before_the_file),
                rig_test(bad_names_are_refused),
                rig_test(a_name_that_is_not_stored_is_not_taken),
                rig_test(the_name_is_free_until_the_reply_begins),
                rig_test(a_worker_with_the_old_directory_begins_again),
                rig_test(once_the_server_has_everything_the_directory_is_fixed),
                rig_test(a_failed_upload_can_still_be_given_a_name),
                rig_test(progress_of_the_reply_is_its_own),
                rig_test(a_whole_reply_survives_power_loss),
                rig_test(nothing_is_visible_before_complete),
                rig_test(cancel_removes_the_reply_and_nothing_else),
                rig_test(an_end_without_the_reply_is_an_error),
                rig_test(a_reply_that_cannot_be_put_in_place_stays),
                rig_test(a_lost_reply_is_fetched_by_resume),
                rig_test(complete_is_rolled_forward_over_a_crash),
                rig_test(data_is_there_from_transferred_on),
                rig_test(data_has_a_limit_and_may_be_nothing),
                rig_test(data_is_for_the_owner_of_a_reply),
                rig_test(replies_can_be_optional),
                rig_test(an_empty_source_gets_no_reply),
                rig_test(an_end_that_overtakes_the_stop_is_none),
                rig_test(without_a_reply_an_empty_source_is_fine),
                rig_test(a_queue_without_the_row_of_a_reply_is_damaged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
