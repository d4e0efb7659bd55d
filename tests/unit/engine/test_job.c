/* SPDX-License-Identifier: Apache-2.0 */
/* Properties and their checks, and the pure step from one status to the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "engine/job.h"

#define assert_hr(hr, expected) assert_int_equal((uint32_t) (hr), (uint32_t) (expected))

typedef struct Fixture {
        Job *job;
        char *text; /* 70,000 times 'x' */
} Fixture;

enum { TEXT_BYTES = 70000 };

static int setup(void **state)
{
        static const GUID ID = {1, 2, 3, {4}};
        Fixture *f = calloc(1, sizeof(*f));

        if (!f)
                return -1;
        f->job = job_new(&ID, 7, 1000, "name", 5);
        f->text = malloc(TEXT_BYTES + 1);
        if (!f->job || !f->text)
                return -1;
        memset(f->text, 'x', TEXT_BYTES);
        f->text[TEXT_BYTES] = '\0';
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        (void) job_free(f->job);
        free(f->text);
        free(f);
        return 0;
}

static const char *text(const Fixture *f, size_t len)
{
        return f->text + TEXT_BYTES - len;
}

static void create_checks_name_then_type(void **state)
{
        const Fixture *f = *state;

        assert_hr(job_check_create(NULL, BG_JOB_TYPE_DOWNLOAD), E_INVALIDARG);
        assert_hr(job_check_create(text(f, 257), BG_JOB_TYPE_DOWNLOAD), E_INVALIDARG);
        assert_hr(job_check_create(text(f, 256), BG_JOB_TYPE_DOWNLOAD), S_OK);
        assert_hr(job_check_create("", BG_JOB_TYPE_DOWNLOAD), S_OK);
        assert_hr(job_check_create("\xff", BG_JOB_TYPE_DOWNLOAD), E_INVALIDARG);
        assert_hr(job_check_create("a", BG_JOB_TYPE_UPLOAD), S_OK);
        assert_hr(job_check_create("a", BG_JOB_TYPE_UPLOAD_REPLY), S_OK);
        assert_hr(job_check_create("a", (BG_JOB_TYPE) 3), E_NOTIMPL);
        assert_hr(job_check_create(NULL, (BG_JOB_TYPE) 3), E_INVALIDARG);
}

static void names_and_descriptions_have_their_limits(void **state)
{
        const Fixture *f = *state;
        JobProps *p = &f->job->props;

        assert_hr(job_set_name(p, NULL), E_INVALIDARG);
        assert_hr(job_set_name(p, text(f, 257)), BG_E_STRING_TOO_LONG);
        assert_string_equal(p->name, "name");
        assert_hr(job_set_name(p, text(f, 256)), S_OK);
        assert_hr(job_set_name(p, ""), S_OK);
        assert_hr(job_set_name(p, "\xc3"), E_INVALIDARG);
        assert_hr(job_set_description(p, NULL), E_INVALIDARG);
        assert_hr(job_set_description(p, text(f, 1025)), BG_E_STRING_TOO_LONG);
        assert_hr(job_set_description(p, text(f, 1024)), S_OK);
        assert_int_equal(strlen(p->description), 1024);
}

static void unknown_values_and_bits_are_not_implemented(void **state)
{
        const Fixture *f = *state;
        JobProps *p = &f->job->props;

        for (uint32_t priority = 0; priority < 4; priority++)
                assert_hr(job_set_priority(p, priority), S_OK);
        assert_hr(job_set_priority(p, 4), E_NOTIMPL);
        assert_int_equal(p->priority, BG_JOB_PRIORITY_LOW);
        for (uint32_t flags = 0; flags < 16; flags++)
                assert_hr(job_set_notify_flags(p, flags), S_OK);
        assert_hr(job_set_notify_flags(p, 0x10), E_NOTIMPL);
        assert_hr(job_set_notify_flags(p, 0x40), E_NOTIMPL);
        assert_hr(job_set_notify_flags(p, UINT32_MAX), E_NOTIMPL);
        assert_int_equal(p->notify_flags, 15);
}

static void short_retry_delays_are_raised(void **state)
{
        const Fixture *f = *state;
        JobProps *p = &f->job->props;

        assert_hr(job_set_retry_delay(p, 1), S_OK);
        assert_int_equal(p->retry_delay_sec, 5);
        assert_hr(job_set_retry_delay(p, 6), S_OK);
        assert_int_equal(p->retry_delay_sec, 6);
        assert_hr(job_set_retry_delay(p, UINT32_MAX), S_OK);
        assert_int_equal(p->retry_delay_sec, UINT32_MAX);
        assert_hr(job_set_no_progress(p, 0), S_OK);
        assert_int_equal(p->no_progress_sec, 0);
}

static void proxy_settings_follow_the_published_table(void **state)
{
        const Fixture *f = *state;
        JobProps *p = &f->job->props;

        assert_hr(job_set_proxy(p, 9, NULL, NULL), E_NOTIMPL);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_AUTODETECT, NULL, NULL), E_NOTIMPL);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_OVERRIDE, NULL, NULL), E_INVALIDARG);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_OVERRIDE, "", NULL), E_INVALIDARG);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_OVERRIDE, NULL, "x"), E_INVALIDARG);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_NO_PROXY, "x", NULL), E_INVALIDARG);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_NO_PROXY, NULL, "x"), E_INVALIDARG);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_PRECONFIG, "x", NULL), E_INVALIDARG);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_OVERRIDE, text(f, 32001), NULL),
                  BG_E_PROXY_LIST_TOO_LARGE);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_OVERRIDE, "x", text(f, 32001)),
                  BG_E_PROXY_BYPASS_LIST_TOO_LARGE);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_OVERRIDE, "\xff", NULL), E_INVALIDARG);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_OVERRIDE, text(f, 32000), text(f, 32000)),
                  S_OK);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_OVERRIDE, "gw:3128", NULL), S_OK);
        assert_string_equal(p->proxy_list, "gw:3128");
        assert_null(p->proxy_bypass);
        assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_NO_PROXY, NULL, NULL), S_OK);
        assert_null(p->proxy_list);
}

static void files_in_flight_are_bounded(void **state)
{
        const Fixture *f = *state;

        assert_hr(job_set_files_in_flight(&f->job->props, 64), S_OK);
        assert_hr(job_set_files_in_flight(&f->job->props, 65), E_INVALIDARG);
        assert_hr(job_set_files_in_flight(&f->job->props, 0), S_OK);
}

static void strings_without_memory_leave_all_as_it_was(void **state)
{
        const Fixture *f = *state;
        JobProps *p = &f->job->props;

        mem_fail_nth(1);
        assert_hr(job_set_name(p, "other"), E_OUTOFMEMORY);
        assert_string_equal(p->name, "name");
        for (uint64_t n = 1; n <= 2; n++) {
                mem_fail_nth(n);
                assert_hr(job_set_proxy(p, BG_JOB_PROXY_USAGE_OVERRIDE, "a", "b"), E_OUTOFMEMORY);
                assert_null(p->proxy_list);
                assert_int_equal(p->proxy_usage, BG_JOB_PROXY_USAGE_PRECONFIG);
        }
        mem_fail_nth(0);
}

static void a_program_without_memory_leaves_all_as_it_was(void **state)
{
        const Fixture *f = *state;
        JobProps *p = &f->job->props, copy = {0};
        uint64_t n = 1;

        assert_hr(job_set_notify_cmd_line(p, "/p", "p a", 7), S_OK);
        for (; n <= 2; n++) {
                mem_fail_nth(n);
                assert_hr(job_set_notify_cmd_line(p, "/q", "q", 8), E_OUTOFMEMORY);
        }
        assert_string_equal(p->notify_program, "/p");
        assert_string_equal(p->notify_parameters, "p a");
        assert_int_equal(p->notify_uid, 7);
        for (n = 1; copy.name == NULL; n++) {
                mem_fail_nth(n);
                assert_true(job_props_copy(p, &copy) == 0 || copy.name == NULL);
        }
        mem_fail_nth(0);
        assert_int_equal(n, 6); /* two names, and these two */
        assert_string_equal(copy.notify_program, "/p");
        assert_string_equal(copy.notify_parameters, "p a");
        assert_ptr_not_equal(copy.notify_program, p->notify_program);
        job_props_done(&copy);
}

static void an_event_is_kept_over_the_end_when_asked(void **state)
{
        const Fixture *f = *state;
        JobStep step = {
                .row = job_state_row(BG_JOB_STATE_TRANSFERRED, JOB_EVENT_COMPLETED),
                .now_wall = 5,
        };
        JobStatus s = f->job->status;

        s.state = BG_JOB_STATE_TRANSFERRED;
        s.undelivered = NOTIFY_TRANSFERRED;
        assert_int_equal(job_status_after(&s, &step).undelivered, NOTIFY_NONE);
        step.keep_event = true;
        assert_int_equal(job_status_after(&s, &step).undelivered, NOTIFY_TRANSFERRED);
        assert_int_equal(job_status_after(&s, &step).state, BG_JOB_STATE_ACKNOWLEDGED);
}

static void nonsense_from_a_store_is_noticed(void **state)
{
        const Fixture *f = *state;
        Job *job = f->job;

        assert_true(job_is_sane(job));
        job->props.priority = (BG_JOB_PRIORITY) 4;
        assert_false(job_is_sane(job));
        job->props.priority = BG_JOB_PRIORITY_LOW;
        job->status.state = (BG_JOB_STATE) 9;
        assert_false(job_is_sane(job));
        job->status.state = BG_JOB_STATE_QUEUED;
        job->status.intent = INTENT_MAX;
        assert_false(job_is_sane(job));
        job->status.intent = INTENT_NONE;
        job->status.undelivered = NOTIFY_KIND_MAX;
        assert_false(job_is_sane(job));
        job->status.undelivered = NOTIFY_NONE;
        job->type = (BG_JOB_TYPE) 3;
        assert_false(job_is_sane(job));
        job->type = BG_JOB_TYPE_DOWNLOAD;
        assert_true(job_is_sane(job));
        job->props.notify_parameters = mem_strdup("without a program");
        assert_false(job_is_sane(job));
}

static JobStatus after(const JobStatus *status, JobEvent event, const JobError *error)
{
        JobStep step = {
                .row = job_state_row(status->state, event),
                .error = error,
                .now_wall = 99,
                .active_usec = 10,
                .end_result = BG_S_PARTIAL_COMPLETE,
        };

        return job_status_after(status, &step);
}

static void a_step_keeps_the_books_of_a_status(void **state)
{
        const Fixture *f = *state;
        JobError error = {.code = E_FAIL, .file_index = 2};
        JobError waiting = {.code = BG_E_NETWORK_DISCONNECTED, .event_driven = true};
        JobStatus s = f->job->status;

        s.state = BG_JOB_STATE_TRANSFERRING;
        s.active_usec = 5;
        s = after(&s, JOB_EVENT_TRANSIENT, &error);
        assert_int_equal(s.state, BG_JOB_STATE_TRANSIENT_ERROR);
        assert_hr(s.error.code, E_FAIL);
        assert_int_equal(s.error_count, 1);
        assert_int_equal(s.active_usec, 15);
        assert_int_equal(s.modified_wall, 99);
        assert_int_equal(s.undelivered, NOTIFY_NONE);
        s = after(&s, JOB_EVENT_GIVE_UP, NULL);
        assert_int_equal(s.state, BG_JOB_STATE_ERROR);
        assert_hr(s.error.code, E_FAIL);
        assert_int_equal(s.error_count, 1);
        assert_int_equal(s.undelivered, NOTIFY_ERROR);
        s = after(&s, JOB_EVENT_RESUME, NULL);
        assert_hr(s.error.code, E_FAIL);
        assert_int_equal(s.undelivered, NOTIFY_NONE);
        assert_int_equal(s.active_usec, 0);
        s = after(&s, JOB_EVENT_START, NULL);
        s = after(&s, JOB_EVENT_CONNECTED, NULL);
        assert_hr(s.error.code, S_OK);
        assert_int_equal(s.error.file_index, JOB_NO_FILE);
        s = after(&s, JOB_EVENT_NETWORK_LOST, &waiting);
        assert_int_equal(s.error_count, 1);
        s = after(&s, JOB_EVENT_NETWORK_BACK, NULL);
        s = after(&s, JOB_EVENT_START, NULL);
        s = after(&s, JOB_EVENT_CONNECTED, NULL);
        s = after(&s, JOB_EVENT_ALL_DONE, NULL);
        assert_int_equal(s.transferred_wall, 99);
        assert_int_equal(s.undelivered, NOTIFY_TRANSFERRED);
        s = after(&s, JOB_EVENT_COMPLETE, NULL);
        assert_int_equal(s.state, BG_JOB_STATE_TRANSFERRED);
        assert_int_equal(s.intent, INTENT_COMPLETE);
        assert_int_equal(s.undelivered, NOTIFY_TRANSFERRED);
        s = after(&s, JOB_EVENT_COMPLETED, NULL);
        assert_int_equal(s.intent, INTENT_NONE);
        assert_int_equal(s.ended_wall, 99);
        assert_hr(s.end_result, BG_S_PARTIAL_COMPLETE);
        assert_int_equal(s.undelivered, NOTIFY_NONE);
}

static void resuming_a_transferred_job_takes_its_completion_time(void **state)
{
        const Fixture *f = *state;
        JobStatus s = f->job->status;

        s.state = BG_JOB_STATE_TRANSFERRED;
        s.transferred_wall = 7;
        s.active_usec = 8;
        s = after(&s, JOB_EVENT_RESUME, NULL);
        assert_int_equal(s.transferred_wall, 0);
        assert_int_equal(s.active_usec, 8); /* only ERROR gives new time */
}

#define job_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                job_test(create_checks_name_then_type),
                job_test(names_and_descriptions_have_their_limits),
                job_test(unknown_values_and_bits_are_not_implemented),
                job_test(short_retry_delays_are_raised),
                job_test(proxy_settings_follow_the_published_table),
                job_test(files_in_flight_are_bounded),
                job_test(strings_without_memory_leave_all_as_it_was),
                job_test(a_program_without_memory_leaves_all_as_it_was),
                job_test(an_event_is_kept_over_the_end_when_asked),
                job_test(nonsense_from_a_store_is_noticed),
                job_test(a_step_keeps_the_books_of_a_status),
                job_test(resuming_a_transferred_job_takes_its_completion_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
