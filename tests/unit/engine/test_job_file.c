/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, order and dirtiness of a job's files. */
#include "bare_job.h"

#include <stdio.h>

#include "base/attr.h"

static FileFacts facts(FileState state, uint64_t size, uint64_t done, uint64_t synced)
{
        return (FileFacts){state, size, done, synced};
}

static void sums_follow_every_change(void **state)
{
        Job *job = bare_job(1, BG_JOB_PRIORITY_NORMAL);
        JobFile *a = bare_file(job, "http://host/a", "/a");
        JobFile *b = bare_file(job, "http://127.0.0.1/b", "/b");
        FileFacts f;

        (void) state;
        assert_int_equal(job->files_len, 2);
        assert_int_equal(job->files_size_unknown, 2);
        assert_int_equal(job_bytes_total(job), BG_SIZE_UNKNOWN);
        assert_int_equal(job->run->net_pending, 1);
        f = facts(FILE_PARTIAL, 100, 40, 10);
        job_file_learn(job, a, &f);
        assert_int_equal(job->bytes_done, 40);
        assert_int_equal(job->files_size_unknown, 1);
        f = facts(FILE_DONE, 50, 50, 50);
        job_file_learn(job, b, &f);
        assert_int_equal(job_bytes_total(job), 150);
        assert_int_equal(job->bytes_done, 90);
        assert_int_equal(job->files_done, 1);
        f = facts(FILE_DONE, 100, 100, 100);
        job_file_learn(job, a, &f);
        assert_int_equal(job->files_done, 2);
        assert_int_equal(job->run->net_pending, 0);
        f.state = FILE_PUBLISHED;
        job_file_learn(job, a, &f);
        assert_int_equal(job->files_done, 2);
        assert_int_equal(job->run->files_published, 1);
        job_file_restart(job, b);
        assert_int_equal(job->files_done, 1);
        assert_int_equal(job->bytes_done, 100);
        assert_int_equal(b->state, FILE_PENDING);
        assert_true(job->run->harden);
        assert_true(b->dirty);
        (void) job_free(job);
}

static void impossible_numbers_are_clamped(void **state)
{
        Job *job = bare_job(1, BG_JOB_PRIORITY_NORMAL);
        JobFile *a = bare_file(job, "http://host/a", "/a");
        FileFacts f = facts(FILE_PARTIAL, 100, 140, 130);

        (void) state;
        job_file_learn(job, a, &f);
        assert_int_equal(a->done_bytes, 100);
        assert_int_equal(a->synced_bytes, 100);
        f = facts(FILE_PARTIAL, BG_SIZE_UNKNOWN, 140, 150);
        job_file_learn(job, a, &f);
        assert_int_equal(a->done_bytes, 140);
        assert_int_equal(a->synced_bytes, 140);
        /* More than any file has: no store could keep it, nor any row saved beside it. */
        f = facts(FILE_PARTIAL, BG_SIZE_UNKNOWN, UINT64_MAX, UINT64_MAX);
        job_file_learn(job, a, &f);
        assert_int_equal(a->done_bytes, INT64_MAX);
        assert_int_equal(a->synced_bytes, INT64_MAX);
        f = facts(FILE_PARTIAL, UINT64_MAX - 1, UINT64_MAX - 1, 5);
        job_file_learn(job, a, &f);
        assert_int_equal(a->size_bytes, BG_SIZE_UNKNOWN);
        assert_int_equal(a->done_bytes, INT64_MAX);
        (void) job_free(job);
}

static void bytes_kept_make_a_file_partial(void **state)
{
        Job *job = bare_job(1, BG_JOB_PRIORITY_NORMAL);
        JobFile *a = bare_file(job, "http://host/a", "/a");

        (void) state;
        job_file_keep(job, a, 5, 3);
        assert_int_equal(a->state, FILE_PARTIAL);
        job_file_keep(job, a, 0, 0);
        assert_int_equal(a->state, FILE_PENDING);
        (void) job_free(job);
}

static void the_next_file_is_the_first_that_wants_to_start(void **state)
{
        Job *job = bare_job(1, BG_JOB_PRIORITY_NORMAL);
        JobFile *f[3];
        FileFacts done = facts(FILE_DONE, 1, 1, 1);

        (void) state;
        assert_null(job_file_next(job));
        f[0] = bare_file(job, "http://host/a", "/a");
        f[1] = bare_file(job, "http://host/b", "/b");
        f[2] = bare_file(job, "http://host/c", "/c");
        assert_ptr_equal(job_file_next(job), f[0]);
        f[0]->op = 1;
        assert_ptr_equal(job_file_next(job), f[1]);
        job_file_learn(job, f[1], &done);
        assert_ptr_equal(job_file_next(job), f[2]);
        f[2]->op = 2;
        assert_null(job_file_next(job));
        f[0]->op = 0;
        job_file_rewind(job, f[0]);
        assert_ptr_equal(job_file_next(job), f[0]);
        (void) job_free(job);
}

static void validators_are_replaced_or_dropped(void **state)
{
        Job *job = bare_job(1, BG_JOB_PRIORITY_NORMAL);
        JobFile *a = bare_file(job, "http://host/a", "/a");

        (void) state;
        job_file_set_validators(a, "\"1\"", 77);
        assert_string_equal(a->etag, "\"1\"");
        assert_int_equal(a->modified_sec, 77);
        mem_fail_nth(1);
        job_file_set_validators(a, "\"2\"", 78);
        mem_fail_nth(0);
        assert_null(a->etag); /* half a validator would be worse than none */
        assert_true(a->modified_sec == FILE_NO_TIME);
        job_file_set_validators(a, NULL, 79);
        assert_null(a->etag);
        assert_int_equal(a->modified_sec, 79);
        (void) job_free(job);
}

static int count_dirty(void *ctx, Job *job, JobFile *file)
{
        (void) job;
        assert_true(file->dirty);
        return ++*(int *) ctx == 1000 ? -5 : 0;
}

static void dirty_files_are_visited_once(void **state)
{
        Job *job = bare_job(1, BG_JOB_PRIORITY_NORMAL);
        int n = 0;

        (void) state;
        for (int i = 0; i < 200; i++) {
                char local[16];

                (void) snprintf(local, sizeof(local), "/%d", i);
                (void) bare_file(job, "http://host/a", local);
        }
        for (uint32_t i = 0; i < 200; i += 2) {
                job_file_mark_dirty(job, job->files[i]);
                job_file_mark_dirty(job, job->files[i]);
        }
        assert_int_equal(job_files_each_dirty(job, count_dirty, &n), 0);
        assert_int_equal(n, 100);
        job_files_clear_dirty(job);
        assert_int_equal(job_files_each_dirty(job, count_dirty, &n), 0);
        assert_int_equal(n, 100);
        assert_false(job->files[0]->dirty);
        job_file_mark_dirty(job, job->files[0]);
        n = 999;
        assert_int_equal(job_files_each_dirty(job, count_dirty, &n), -5);
        (void) job_free(job);
}

static void without_memory_for_the_list_nothing_dirty_is_forgotten(void **state)
{
        Job *job = bare_job(1, BG_JOB_PRIORITY_NORMAL);
        int n = 0;

        (void) state;
        (void) bare_file(job, "http://host/a", "/a");
        (void) bare_file(job, "http://host/b", "/b");
        mem_fail_nth(1);
        job_file_mark_dirty(job, job->files[0]);
        mem_fail_nth(0);
        job_file_mark_dirty(job, job->files[1]);
        assert_int_equal(job_files_each_dirty(job, count_dirty, &n), 0);
        assert_int_equal(n, 2);
        job_files_clear_dirty(job);
        assert_false(job->files[0]->dirty || job->files[1]->dirty);
        (void) job_free(job);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sums_follow_every_change),
                cmocka_unit_test(impossible_numbers_are_clamped),
                cmocka_unit_test(bytes_kept_make_a_file_partial),
                cmocka_unit_test(the_next_file_is_the_first_that_wants_to_start),
                cmocka_unit_test(validators_are_replaced_or_dropped),
                cmocka_unit_test(dirty_files_are_visited_once),
                cmocka_unit_test(without_memory_for_the_list_nothing_dirty_is_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
