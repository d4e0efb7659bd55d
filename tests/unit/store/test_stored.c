/* SPDX-License-Identifier: Apache-2.0 */
/* Which values may stand in the queue, one field after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"
#include "sample_job.h"

static char bad_text[] = "\xff\xfe";

#define TOO_LARGE ((uint64_t) INT64_MAX + 1)

static void text_that_is_not_utf8_is_named(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_upload(3);
        JobProps *p = &job->props;
        struct {
                char **text;
                const char *name;
        } texts[] = {
                {&p->name, "name"},
                {&p->description, "description"},
                {&p->proxy_list, "proxy_list"},
                {&p->proxy_bypass, "proxy_bypass"},
                {&p->reply_name, "reply_name"},
                {&p->notify_program, "notify_program"},
                {&p->notify_parameters, "notify_parameters"},
        };

        (void) state;
        assert_null(stored_job_bad_field(job));
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                char *good = *texts[i].text;

                *texts[i].text = bad_text;
                assert_string_equal(stored_job_bad_field(job), texts[i].name);
                *texts[i].text = good;
        }
        assert_null(stored_job_bad_field(job));
}

static void number_that_the_file_cannot_hold_is_named(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job_distinct(3);
        JobStatus *s = &job->status;
        struct {
                uint64_t *number;
                const char *name;
        } numbers[] = {
                {&s->created_wall, "created_wall"},
                {&s->modified_wall, "modified_wall"},
                {&s->transferred_wall, "transferred_wall"},
                {&s->ended_wall, "ended_wall"},
                {&s->active_usec, "active_usec"},
                {&s->farewell_wall, "farewell_wall"},
                {&s->program_time_wall, "program_time_wall"},
                {&job->props.limit_bps, "limit_bps"},
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                uint64_t good = *numbers[i].number;

                *numbers[i].number = TOO_LARGE;
                assert_string_equal(stored_job_bad_field(job), numbers[i].name);
                *numbers[i].number = good;
        }
        assert_null(stored_job_bad_field(job));
}

static void value_outside_its_enumeration_is_named(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job_distinct(3);
        BG_JOB_STATE good = job->status.state;

        (void) state;
        job->status.state = (BG_JOB_STATE) -1;
        assert_string_equal(stored_job_bad_field(job), "state");
        job->status.state = (BG_JOB_STATE) (BG_JOB_STATE_CANCELLED + 1);
        assert_string_equal(stored_job_bad_field(job), "state");
        job->status.state = good;
        job->status.error.file_index = JOB_NO_FILE - 1;
        assert_string_equal(stored_job_bad_field(job), "error_file");
}

static void file_has_names_and_sizes_that_fit(void **state)
{
        _cleanup_(stored_file_freep) JobFile *f = sample_file_distinct(0);
        char *remote = f->remote, *local = f->local;
        JobFile copy = *f;

        (void) state;
        assert_null(stored_file_bad_field(f));
        f->remote = NULL;
        assert_string_equal(stored_file_bad_field(f), "remote");
        f->remote = bad_text;
        assert_string_equal(stored_file_bad_field(f), "remote");
        f->remote = remote;
        f->local = NULL;
        assert_string_equal(stored_file_bad_field(f), "local");
        f->local = bad_text;
        assert_string_equal(stored_file_bad_field(f), "local");
        f->local = local;
        f->size_bytes = TOO_LARGE;
        assert_string_equal(stored_file_bad_field(f), "size_bytes");
        f->size_bytes = BG_SIZE_UNKNOWN;
        assert_null(stored_file_bad_field(f));
        f->remote = NULL;
        assert_string_equal(stored_file_bad_place(BG_JOB_TYPE_DOWNLOAD, f), "remote");
        f->remote = remote;
        assert_null(stored_file_bad_place(BG_JOB_TYPE_DOWNLOAD, f));
        f->done_bytes = TOO_LARGE;
        assert_string_equal(stored_file_bad_field(f), "done_bytes");
        f->done_bytes = copy.done_bytes;
        f->synced_bytes = TOO_LARGE;
        assert_string_equal(stored_file_bad_field(f), "synced_bytes");
}

static void upload_and_its_reply_come_as_a_pair(void **state)
{
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0), *reply = sample_reply();
        JobFile *both[] = {file, reply}, *reversed[] = {reply, file};

        (void) state;
        assert_true(stored_files_fit(BG_JOB_TYPE_UPLOAD_REPLY, both, 2));
        assert_true(stored_files_fit(BG_JOB_TYPE_UPLOAD_REPLY, both, 0));
        assert_false(stored_files_fit(BG_JOB_TYPE_UPLOAD_REPLY, both, 1));
        assert_false(stored_files_fit(BG_JOB_TYPE_UPLOAD_REPLY, &both[1], 1));
        assert_false(stored_files_fit(BG_JOB_TYPE_UPLOAD_REPLY, reversed, 2));
        assert_true(stored_files_fit(BG_JOB_TYPE_UPLOAD, both, 1));
        assert_false(stored_files_fit(BG_JOB_TYPE_UPLOAD, both, 2));
}

/* Only what is not UTF-8 is replaced. */
static void words_of_a_server_are_made_fit(void **state)
{
        JobError error = {.text = "so \xff it goes", .host = "host"}, clean;

        (void) state;
        stored_error_clean(&error, &clean);
        assert_string_equal(clean.text, "so ? it goes");
        assert_string_equal(clean.host, "host");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_that_is_not_utf8_is_named),
                cmocka_unit_test(number_that_the_file_cannot_hold_is_named),
                cmocka_unit_test(value_outside_its_enumeration_is_named),
                cmocka_unit_test(file_has_names_and_sizes_that_fit),
                cmocka_unit_test(words_of_a_server_are_made_fit),
                cmocka_unit_test(upload_and_its_reply_come_as_a_pair),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
