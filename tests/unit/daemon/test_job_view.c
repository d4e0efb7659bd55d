/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "daemon/job_view.h"
#include "fake_rig.h"
#include "ipc/record.h"
#include "../../fakes/skip_test.h"

#define MANY_JOBS 10000
#define LIST_CPU_USEC_MAX (15 * USEC_PER_MSEC)

typedef struct Fixture {
        FakeRig rig;
} Fixture;

static int make_rig(void **state)
{
        Fixture *f = mem_new(Fixture);

        if (!f)
                return -1;
        fake_rig_init(&f->rig, 1);
        *state = f;
        return 0;
}

static int remove_rig(void **state)
{
        Fixture *f = *state;

        fake_rig_done(&f->rig);
        mem_free(f);
        return 0;
}

static void everything_of_a_job_is_shown(void **state)
{
        Fixture *f = *state;
        FakeRig *rig = &f->rig;
        GUID id = fake_rig_job(rig);
        bits_job_info info;
        const Job *job;

        fake_rig_add(rig, &id, 3);
        assert_int_equal(manager_set_description(rig->m, &FAKE_USER, &id, "what for"), S_OK);
        assert_int_equal(manager_set_priority(rig->m, &FAKE_USER, &id, BG_JOB_PRIORITY_HIGH), S_OK);
        assert_int_equal(manager_set_proxy(rig->m, &FAKE_USER, &id, BG_JOB_PROXY_USAGE_OVERRIDE,
                                           "http://p", "localhost"),
                         S_OK);
        assert_int_equal(manager_set_notify_client(rig->m, &FAKE_USER, &id, true), S_OK);
        job = fake_rig_read(rig, &id);
        job_view_fill(rig->m, job, &info);
        assert_memory_equal(&info.id, &id, sizeof(id));
        assert_int_equal(info.state, BG_JOB_STATE_SUSPENDED);
        assert_int_equal(info.priority, BG_JOB_PRIORITY_HIGH);
        assert_int_equal(info.owner_uid, FAKE_USER.uid);
        assert_string_equal(info.description, "what for");
        assert_int_equal(info.files_total, 3);
        assert_int_equal(info.bytes_total, BG_SIZE_UNKNOWN);
        assert_int_equal(info.creation_time, filetime_from_wall_usec(job->status.created_wall));
        assert_int_equal(info.transfer_completion_time, 0);
        assert_string_equal(info.proxy_list, "http://p");
        assert_string_equal(info.proxy_bypass_list, "localhost");
        assert_int_equal(info.minimum_retry_delay, DEFAULT_RETRY_DELAY_SEC);
        assert_true(info.has_callback);
        assert_int_equal(info.why, BITS_WHY_PAUSED_BY_USER);
        assert_int_equal(info.error_code, S_OK);
        assert_int_equal(info.error_file, -1);
        assert_string_equal(info.error_text, "");
        job_view_fill_plain(job, &info);
        assert_int_equal(info.why, BITS_WHY_NONE);
        assert_false(info.has_callback);
}

static void the_program_and_its_end_are_shown(void **state)
{
        static const struct {
                int32_t stored, shown;
        } results[] = {
                {0, 0},
                {255, 255},
                {-9, 128 + 9},
                {-64, 128 + 64},
                {PROGRAM_NOT_STARTED - ENOENT, -1},
                {PROGRAM_NOT_STARTED, -1},
        };
        JobCredential slot = {.target = BG_AUTH_TARGET_SERVER};
        Job job = {.props = {.notify_program = (char *) "/p",
                             .notify_parameters = (char *) "p 1",
                             .notify_uid = 7},
                   .status = {.program_runs = 3, .program_time_wall = 1700000000000000}};
        bits_job_info info;

        for (size_t i = 0; i < ARRAY_LEN(results); i++) {
                job.status.program_result = results[i].stored;
                job_view_fill_plain(&job, &info);
                assert_int_equal(info.program_result, results[i].shown);
        }
        assert_string_equal(info.notify_program, "/p");
        assert_string_equal(info.notify_parameters, "p 1");
        assert_int_equal(info.program_runs, 3);
        assert_int_equal(info.program_time, filetime_from_wall_usec(1700000000000000));
        assert_false(info.has_credentials);
        job.credentials = &slot;
        job.credentials_len = 1;
        job_view_fill_plain(&job, &info);
        assert_true(info.has_credentials);
        job = (Job){0};
        job_view_fill_plain(&job, &info);
        assert_null(info.notify_program);
        assert_int_equal(info.program_time, 0);
}

static void an_ended_job_has_no_why(void **state)
{
        Fixture *f = *state;
        GUID id = fake_rig_resumed(&f->rig, 1);
        bits_job_info info;

        assert_int_equal(fake_rig_cancel(&f->rig, &id), S_OK);
        job_view_fill(f->rig.m, fake_rig_read(&f->rig, &id), &info);
        assert_int_equal(info.state, BG_JOB_STATE_CANCELLED);
        assert_int_equal(info.why, BITS_WHY_NONE);
}

static void files_are_shown(void **state)
{
        static const JobFile file = {.index = 4,
                                     .remote = (char *) "http://h/x",
                                     .local = (char *) "/x",
                                     .state = FILE_PUBLISHED,
                                     .size_bytes = 10,
                                     .done_bytes = 10};
        const Job job = {.type = BG_JOB_TYPE_DOWNLOAD};
        JobFile partial = file;
        bits_file_info info;

        job_view_fill_file(&job, &file, &info);
        assert_int_equal(info.index, 4);
        assert_string_equal(info.remote, "http://h/x");
        assert_string_equal(info.local, "/x");
        assert_int_equal(info.bytes_total, 10);
        assert_int_equal(info.bytes_transferred, 10);
        assert_true(info.completed);
        partial.state = FILE_DONE; /* whole, but not under its name yet */
        job_view_fill_file(&job, &partial, &info);
        assert_false(info.completed);
}

static void an_uploaded_file_is_complete_when_the_server_has_it(void **state)
{
        JobFile file = {.remote = (char *) "http://h/x",
                        .local = (char *) "/x",
                        .state = FILE_PARTIAL,
                        .size_bytes = 10,
                        .done_bytes = 10};
        Job job = {.type = BG_JOB_TYPE_UPLOAD};
        bits_file_info info;

        job_view_fill_file(&job, &file, &info);
        assert_false(info.completed);
        job.status.uploaded = true;
        job_view_fill_file(&job, &file, &info);
        assert_true(info.completed);
        job.status.uploaded = false;
        file.state = FILE_DONE;
        job_view_fill_file(&job, &file, &info);
        assert_true(info.completed);
}

static void the_reply_is_shown_apart(void **state)
{
        JobFile reply = {.index = JOB_REPLY_INDEX,
                         .remote = (char *) "",
                         .local = (char *) "/made/up",
                         .size_bytes = 40,
                         .done_bytes = 30};
        Job job = {.type = BG_JOB_TYPE_UPLOAD_REPLY,
                   .props = {.name = (char *) "n", .description = (char *) ""}};
        bits_job_info info;

        job_view_fill_plain(&job, &info);
        assert_null(info.reply_name);
        assert_int_equal(info.reply_bytes_total, BG_SIZE_UNKNOWN);
        assert_int_equal(info.reply_bytes_transferred, 0);
        assert_false(info.reply_optional);
        job.props.reply_name = (char *) "/chosen";
        job.props.reply_optional = true;
        job_view_fill_plain(&job, &info);
        assert_string_equal(info.reply_name, "/chosen");
        assert_true(info.reply_optional);
        job.reply = &reply; /* knows where it goes */
        job_view_fill_plain(&job, &info);
        assert_string_equal(info.reply_name, "/made/up");
        assert_int_equal(info.reply_bytes_total, 40);
        assert_int_equal(info.reply_bytes_transferred, 30);
        assert_int_equal(info.bytes_total, 0); /* it is not among the job's bytes … */
        assert_int_equal(info.files_total, 0); /* … nor its files */

        job.type = BG_JOB_TYPE_UPLOAD;
        job_view_fill_plain(&job, &info);
        assert_null(info.reply_name);
        assert_int_equal(info.reply_bytes_total, 0);
}

typedef struct JobArray {
        const Job *jobs[MANY_JOBS];
        uint32_t n;
} JobArray;

static bool collect(void *ctx, const Job *job)
{
        JobArray *a = ctx;

        a->jobs[a->n++] = job;
        return true;
}

static void make_jobs(FakeRig *rig, uint32_t n, JobArray *a)
{
        for (uint32_t i = 0; i < n; i++)
                (void) fake_rig_job(rig);
        a->n = 0;
        assert_int_equal(manager_enum_jobs(rig->m, &FAKE_USER, 0, collect, a), S_OK);
        assert_int_equal(a->n, n);
}

/* Jobs in the list, and whether the first has a description. */
static uint32_t read_list(const Buf *b, bool *ret_described)
{
        bits_job_info info = {0};
        PackReader r;
        uint32_t n;

        assert_int_equal(buf_error(b), 0);
        pack_reader_init(&r, b->data, b->len);
        n = unpack_u32(&r);
        for (uint32_t i = 0; i < n; i++) {
                assert_int_equal(record_get_job(&r, &info), 0);
                if (i == 0)
                        *ret_described = *info.description != '\0';
                record_done_job(&info);
        }
        assert_true(unpack_at_end(&r));
        return n;
}

static void a_list_that_is_too_long_loses_its_long_texts_first(void **state)
{
        Fixture *f = *state;
        static JobArray a;
        char text[1001];
        bool described = false;
        _cleanup_(buf_done) Buf b;

        memset(text, 'd', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        make_jobs(&f->rig, 50, &a);
        for (uint32_t i = 0; i < a.n; i++)
                assert_int_equal(
                        manager_set_description(f->rig.m, &FAKE_USER, &a.jobs[i]->id, text), S_OK);
        buf_init(&b, (size_t) 100 * 1000);
        job_view_put_list(f->rig.m, a.jobs, a.n, &b);
        assert_int_equal(read_list(&b, &described), 50);
        assert_true(described);
        buf_done(&b);
        buf_init(&b, (size_t) 30 * 1000);
        job_view_put_list(f->rig.m, a.jobs, a.n, &b);
        assert_int_equal(read_list(&b, &described), 50);
        assert_false(described);
        buf_done(&b);
        buf_init(&b, 1000);
        job_view_put_list(f->rig.m, a.jobs, a.n, &b);
        assert_int_equal(buf_error(&b), -EMSGSIZE);
}

static uint64_t cpu_usec(void)
{
        struct timespec t;

        assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
}

static void ten_thousand_jobs_are_packed_in_fifteen_milliseconds(void **state)
{
#ifdef __SANITIZE_ADDRESS__
        SKIP_TEST("a sanitizer is too slow for it");
#endif
        Fixture *f = *state;
        static JobArray a;
        uint64_t best = UINT64_MAX;
        bool described;

        make_jobs(&f->rig, MANY_JOBS, &a);
        for (int i = 0; i < 5; i++) {
                uint64_t before = cpu_usec();
                _cleanup_(buf_done) Buf b;

                buf_init(&b, (size_t) 64 * 1024 * 1024);
                job_view_put_list(f->rig.m, a.jobs, a.n, &b);
                best = MIN(best, cpu_usec() - before);
                assert_int_equal(read_list(&b, &described), MANY_JOBS);
        }
        print_message("# %llu us\n", (unsigned long long) best);
        assert_in_range(best, 1, LIST_CPU_USEC_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(everything_of_a_job_is_shown, make_rig, remove_rig),
                cmocka_unit_test(the_program_and_its_end_are_shown),
                cmocka_unit_test_setup_teardown(an_ended_job_has_no_why, make_rig, remove_rig),
                cmocka_unit_test(files_are_shown),
                cmocka_unit_test(an_uploaded_file_is_complete_when_the_server_has_it),
                cmocka_unit_test(the_reply_is_shown_apart),
                cmocka_unit_test_setup_teardown(a_list_that_is_too_long_loses_its_long_texts_first,
                                                make_rig, remove_rig),
                cmocka_unit_test_setup_teardown(
                        ten_thousand_jobs_are_packed_in_fifteen_milliseconds, make_rig, remove_rig),
        };

        return cmocka_run_group_tests_name("job view", tests, NULL, NULL);
}
