/* SPDX-License-Identifier: Apache-2.0 */
/* What uploads add to a job. */
#include "bare_job.h"

#include <errno.h>
#include <string.h>

#include "engine/file_name.h"
#include "engine/job_upload.h"

#define assert_hr(hr, expected) assert_int_equal((uint32_t) (hr), (uint32_t) (expected))

static Job *bare_upload(BG_JOB_TYPE type)
{
        Job *job = bare_job(1, BG_JOB_PRIORITY_NORMAL);

        job->type = type;
        (void) bare_file(job, "http://host/up", "/home/u/source");
        return job;
}

static void generated_names_stand_beside_the_source(void **state)
{
        char *name = NULL;

        (void) state;
        assert_hr(job_reply_generate("/home/u/data.bin", 0xBEEF, &name), S_OK);
        assert_string_equal(name, "/home/u/data.bin.reply-0000beef");
        assert_true(local_name_check(name) == S_OK);
        mem_free(name);
}

static void generated_names_fit_and_cut_no_character(void **state)
{
        char local[LIMIT_LOCAL_BYTES + 1] = "/";
        char *name = NULL;

        (void) state;
        memset(local + 1, 'x', 238);
        memcpy(local + 1 + 238, "\xe2\x82\xac\xe2\x82\xac", 7); /* 244 bytes: 15 do not fit */
        assert_hr(job_reply_generate(local, 1, &name), S_OK);
        assert_int_equal(strlen(name), 1 + 238 + 15); /* 240 would be inside the sign */
        assert_hr(local_name_check(name), S_OK);
        mem_free(name);

        memset(local, 'd', LIMIT_LOCAL_BYTES); /* a path as long as can be: the leaf gives way */
        for (size_t i = 0; i < LIMIT_LOCAL_BYTES; i += 200)
                local[i] = '/';
        local[LIMIT_LOCAL_BYTES] = '\0';
        assert_hr(local_name_check(local), S_OK);
        assert_hr(job_reply_generate(local, 1, &name), S_OK);
        assert_int_equal(strlen(name), LIMIT_LOCAL_BYTES);
        assert_hr(local_name_check(name), S_OK);
        mem_free(name);

        local[LIMIT_LOCAL_BYTES - 3] = '/'; /* no room behind the directory */
        assert_hr(job_reply_generate(local, 1, &name), E_INVALIDARG);
}

static void only_bytes_beyond_the_best_are_gained(void **state)
{
        Job *job = bare_upload(BG_JOB_TYPE_UPLOAD);

        (void) state;
        assert_int_equal(job_upload_learn(job, 100, 60), 60);
        assert_int_equal(job->bytes_done, 60);
        assert_int_equal(job_upload_learn(job, 100, 0), 0); /* the session was forgotten */
        assert_int_equal(job->bytes_done, 0);
        assert_int_equal(job->files[0]->state, FILE_PENDING);
        assert_int_equal(job_upload_learn(job, 100, 60), 0);
        assert_int_equal(job_upload_learn(job, 100, 70), 10);
        assert_true(job_upload_complete(job, 100));
        assert_int_equal(job->files_done, 1);
        assert_true(job->status.uploaded);
        assert_int_equal(job_upload_learn(job, 100, 0), 0);
        assert_false(job->status.uploaded);
        assert_int_equal(job->files_done, 0);
        assert_false(job_upload_complete(job, 100)); /* no news */
        (void) job_free(job);
}

static void sessions_are_copied_and_bounded(void **state)
{
        static uint8_t blob[JOB_SESSION_BYTES_MAX + 1] = {1, 2, 3};
        Job *job = bare_upload(BG_JOB_TYPE_UPLOAD);

        (void) state;
        assert_false(job_has_session(job));
        assert_int_equal(job_set_session(job, blob, 3), 0);
        assert_true(job->session != blob);
        assert_memory_equal(job->session, blob, 3);
        assert_true(job_has_session(job));
        assert_int_equal(job_set_session(job, blob, JOB_SESSION_BYTES_MAX + 1), -EMSGSIZE);
        assert_int_equal(job_set_session(job, NULL, 1), -EMSGSIZE);
        assert_int_equal(job->session_bytes, 3);
        assert_int_equal(job_set_session(job, blob, JOB_SESSION_BYTES_MAX), 0);
        job->run->upload.over = true;
        assert_false(job_has_session(job)); /* it was closed */
        job->run->upload.over = false;
        assert_int_equal(job_set_session(job, NULL, 0), 0);
        assert_null(job->session);
        assert_false(job_has_session(job));
        (void) job_free(job);
}

static void an_upload_is_moved_until_it_is_over(void **state)
{
        Job *job = bare_upload(BG_JOB_TYPE_UPLOAD_REPLY);

        (void) state;
        assert_ptr_equal(job_file_next(job), job->files[0]);
        (void) job_upload_complete(job, 100);
        assert_ptr_equal(job_file_next(job), job->files[0]); /* the reply is to come */
        assert_true(job_needs_network(job));
        job->files[0]->op = 1;
        assert_null(job_file_next(job));
        job->files[0]->op = 0;
        job->run->upload.over = true;
        assert_null(job_file_next(job));
        assert_false(job_needs_network(job));
        (void) job_free(job);
}

static void replies_are_in_no_sum_but_dirty_like_files(void **state)
{
        Job *job = bare_upload(BG_JOB_TYPE_UPLOAD_REPLY);
        FileFacts facts = {.state = FILE_DONE, .size_bytes = 9, .done_bytes = 9};

        (void) state;
        job->reply = job_file_new(JOB_REPLY_INDEX, "", "/home/u/reply");
        assert_non_null(job->reply);
        assert_false(job_reply_begun(job));
        job_file_learn(job, job->reply, &facts);
        assert_true(job_reply_begun(job));
        assert_int_equal(job->files_done, 0);
        assert_int_equal(job->bytes_done, 0);
        assert_int_equal(job->files_size_unknown, 1);
        job_file_mark_dirty(job, job->reply);
        assert_int_equal(job->run->dirty_len, 0);
        assert_true(job->reply->dirty);
        job_files_clear_dirty(job);
        assert_false(job->reply->dirty);
        (void) job_free(job);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(generated_names_stand_beside_the_source),
                cmocka_unit_test(generated_names_fit_and_cut_no_character),
                cmocka_unit_test(only_bytes_beyond_the_best_are_gained),
                cmocka_unit_test(sessions_are_copied_and_bounded),
                cmocka_unit_test(an_upload_is_moved_until_it_is_over),
                cmocka_unit_test(replies_are_in_no_sum_but_dirty_like_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
