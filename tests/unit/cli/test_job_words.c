/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/job_words.h"
#include "cli/out_table.h"

#define NOW_USEC ((uint64_t) 1795334400 * USEC_PER_SEC)
#define GIB ((uint64_t) 1 << 30)

static char *why(const bits_job_info *job)
{
        return job_why(job, "c117", NOW_USEC, true, false);
}

static void every_cause_has_its_words(void **state)
{
        static const struct {
                bits_why why;
                const char *words;
        } cases[] = {
                {BITS_WHY_NONE, ""},
                {BITS_WHY_QUEUED_BEHIND, "behind maps.tar"},
                {BITS_WHY_RETRY_AT, "retry in 4:12: HTTP 503"},
                {BITS_WHY_NETWORK_DOWN, "no network"},
                {BITS_WHY_PAUSED_BY_USER, "run: bitsctl resume c117"},
                {BITS_WHY_DISK_FULL, "disk full"},
                {BITS_WHY_NEEDS_COMPLETE, "run: bitsctl complete c117"},
                {BITS_WHY_NEEDS_CREDENTIALS, "run: bitsctl cred set c117"},
                {BITS_WHY_ERROR, "HTTP 503"},
                {BITS_WHY_EMPTY, "no files; run: bitsctl add c117"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                bits_job_info job = {
                        .why = cases[i].why,
                        .behind = (char *) "maps.tar",
                        .error_code = BG_E_HTTP_ERROR_503,
                        .error_http_status = 503,
                        .retry_time = filetime_from_wall_usec(NOW_USEC + 252 * USEC_PER_SEC),
                };
                _cleanup_free_ char *words = why(&job);

                assert_string_equal(words, cases[i].words);
        }
}

static void a_retry_that_is_due_is_now(void **state)
{
        bits_job_info job = {
                .why = BITS_WHY_RETRY_AT,
                .error_code = HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT),
                .retry_time = filetime_from_wall_usec(NOW_USEC - USEC_PER_SEC),
        };
        _cleanup_free_ char *due = why(&job), *nearly = NULL;

        assert_string_equal(due, "retry now: cannot connect");
        job.retry_time = filetime_from_wall_usec(NOW_USEC + 1000);
        nearly = why(&job);
        assert_string_equal(nearly, "retry in 0:01: cannot connect");
}

static void words_never_take_more_than_forty_columns(void **state)
{
        bits_job_info job = {.why = BITS_WHY_QUEUED_BEHIND};
        _cleanup_free_ char *wide = NULL, *odd = NULL, *full = NULL;

        job.behind = (char *) "日本語日本語日本語日本語日本語日本語日本語日本語";
        wide = why(&job);
        assert_in_range(text_columns(wide), 38, 40);
        assert_non_null(strstr(wide, "…"));
        full = job_why(&job, "c117", NOW_USEC, true, true);
        assert_int_equal(text_columns(full), 7 + 48);
        job.behind = (char *) "\033]0;title\a and something that goes on";
        odd = why(&job);
        assert_null(strchr(odd, '\033'));
        assert_in_range(text_columns(odd), 1, 40);
}

static void errors_are_brief(void **state)
{
        static const struct {
                bits_job_info job;
                const char *words;
        } cases[] = {
                {{.error_code = BG_E_HTTP_ERROR_404, .error_http_status = 404}, "HTTP 404"},
                {{.error_code = HRESULT_FROM_WIN32(ERROR_WINHTTP_NAME_NOT_RESOLVED)},
                 "host not found"},
                {{.error_code = (HRESULT) 0x80070070u}, "disk full"},
                {{.error_code = E_FAIL, .error_text = (char *) "odd thing"}, "odd thing"},
                {{.error_code = S_OK}, ""},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_free_ char *brief = job_error_brief(&cases[i].job);

                assert_string_equal(brief, cases[i].words);
        }
}

static void states_have_fixed_words(void **state)
{
        bits_job_info job = {.state = BG_JOB_STATE_QUEUED};

        assert_string_equal(job_state_word(&job), "queued");
        job.why = BITS_WHY_QUEUED_BEHIND;
        assert_string_equal(job_state_word(&job), "waiting");
        job.state = BG_JOB_STATE_TRANSIENT_ERROR;
        assert_string_equal(job_state_word(&job), "retrying");
        job.state = BG_JOB_STATE_ACKNOWLEDGED;
        assert_string_equal(job_state_word(&job), "done");
        job.state = (BG_JOB_STATE) 77;
        assert_string_equal(job_state_word(&job), "unknown");
}

static void percents_never_promise_too_much(void **state)
{
        assert_int_equal(percent_done(0, 10), 0);
        assert_int_equal(percent_done(GIB - 1, GIB), 99);
        assert_int_equal(percent_done(GIB, GIB), 100);
        assert_int_equal(percent_done(GIB + 1, GIB), 100);
        assert_int_equal(percent_done(0, 0), 100);
        assert_int_equal(percent_done(UINT64_MAX - 2, UINT64_MAX - 1), 99);
        assert_int_equal(percent_done(5, BG_SIZE_UNKNOWN), -1);
}

static void pairs_of_sizes_share_the_unit_of_the_total(void **state)
{
        char text[JOB_SIZE_BYTES];

        assert_string_equal(format_size_pair(GIB * 21 / 10, GIB * 37 / 10, text), "2.0 / 3.7 GiB");
        assert_string_equal(format_size_pair(GIB / 2, 3 * GIB, text), "0.5 / 3.0 GiB");
        assert_string_equal(format_size_pair(3 * GIB, 3 * GIB, text), "3.0 / 3.0 GiB");
        assert_string_equal(format_size_pair(10, 1000, text), "10 / 1000 B");
        assert_string_equal(format_size_pair(1536, 10240, text), "1.5 / 10.0 KiB");
        assert_string_equal(format_size_pair(GIB, BG_SIZE_UNKNOWN, text), "1.0 GiB");
        assert_string_equal(format_size_of(0, GIB, text), "0.0 of 1.0 GiB");
}

static void times_are_told_in_fitting_units(void **state)
{
        char text[JOB_SIZE_BYTES];

        assert_string_equal(format_span(0, text), "0s");
        assert_string_equal(format_span(90, text), "90s");
        assert_string_equal(format_span(600, text), "10m");
        assert_string_equal(format_span(7200, text), "2h");
        assert_string_equal(format_span(1209600, text), "14d");
        assert_string_equal(format_took(0, text), "under 0.1 s");
        assert_string_equal(format_took(449999, text), "0.4 s");
        assert_string_equal(format_took(9940000, text), "9.9 s");
        assert_string_equal(format_took(9960000, text), "0:10");
        assert_string_equal(format_took(91000000, text), "1:31");
        assert_string_equal(format_rate(43200000, text), "41.2 MiB/s");
        assert_string_equal(format_local_time(0, text), "-");
}

static void the_time_left_is_known_only_while_bytes_flow(void **state)
{
        bits_job_info job = {
                .state = BG_JOB_STATE_TRANSFERRING,
                .bytes_transferred = 100,
                .bytes_total = 1000,
                .rate_bps = 100,
        };
        char text[JOB_SIZE_BYTES];

        assert_string_equal(format_eta(&job, text), "0:09");
        job.rate_bps = 899;
        assert_string_equal(format_eta(&job, text), "0:02"); /* up, not down */
        job.bytes_total = BG_SIZE_UNKNOWN;
        assert_string_equal(format_eta(&job, text), "-");
        job.bytes_total = 50;
        assert_string_equal(format_eta(&job, text), "-");
        job.bytes_total = 1000;
        job.rate_bps = 0;
        assert_string_equal(format_eta(&job, text), "-");
        job.rate_bps = 1;
        job.state = BG_JOB_STATE_SUSPENDED;
        assert_string_equal(format_eta(&job, text), "-");
}

static void prefixes_count_digits_not_dashes(void **state)
{
        char text[JOB_ID_BYTES];
        GUID id;

        assert_int_equal(bits_guid_parse("3f2a91c4-7c1d-4f0e-9f5a-2f1b3a7d9c10", &id), S_OK);
        assert_string_equal(job_prefix(&id, 4, text), "3f2a");
        assert_string_equal(job_short_id(&id, text), "3f2a91c4");
        assert_string_equal(job_prefix(&id, 9, text), "3f2a91c4-7");
        assert_string_equal(job_prefix(&id, 99, text), "3f2a91c4-7c1d-4f0e-9f5a-2f1b3a7d9c10");
}

static void an_upload_says_what_it_waits_for(void **state)
{
        static const struct {
                BG_JOB_TYPE type;
                uint64_t bytes;
                bool stalled;
                uint64_t reply_bytes, reply_total;
                const char *note;
        } cases[] = {
                {BG_JOB_TYPE_DOWNLOAD, 1, true, 0, 0, NULL},
                {BG_JOB_TYPE_DOWNLOAD, 10, true, 0, 0, NULL},
                {BG_JOB_TYPE_UPLOAD, 1, false, 0, 0, NULL},
                {BG_JOB_TYPE_UPLOAD, 9, true, 0, 0, "waiting for the server's answer"},
                {BG_JOB_TYPE_UPLOAD, 10, true, 0, 0, "closing"},
                {BG_JOB_TYPE_UPLOAD_REPLY, 1, false, 0, BG_SIZE_UNKNOWN, NULL},
                {BG_JOB_TYPE_UPLOAD_REPLY, 10, false, 0, BG_SIZE_UNKNOWN, "waiting for the reply"},
                {BG_JOB_TYPE_UPLOAD_REPLY, 10, false, 600, 1200,
                 "fetching the reply  0.5 / 1.2 KiB"},
                {BG_JOB_TYPE_UPLOAD_REPLY, 10, false, 1200, 1200, "closing"},
                {BG_JOB_TYPE_UPLOAD_REPLY, 10, false, 0, 0, "closing"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                bits_job_info job = {
                        .type = cases[i].type,
                        .state = BG_JOB_STATE_TRANSFERRING,
                        .bytes_transferred = cases[i].bytes,
                        .bytes_total = 10,

                        .reply_bytes_transferred = cases[i].reply_bytes,
                        .reply_bytes_total = cases[i].reply_total,
                };
                _cleanup_free_ char *note = job_upload_note(&job, cases[i].stalled), *idle = NULL;

                if (cases[i].note)
                        assert_string_equal(note, cases[i].note);
                else
                        assert_null(note);
                job.state = BG_JOB_STATE_SUSPENDED;
                idle = job_upload_note(&job, cases[i].stalled);
                assert_null(idle);
        }
}

static void files_are_saved_or_sent(void **state)
{
        bits_file_info file = {.bytes_transferred = 10, .bytes_total = 10, .completed = 1};

        assert_string_equal(file_state_word(&file, BG_JOB_TYPE_DOWNLOAD), "saved");
        assert_string_equal(file_state_word(&file, BG_JOB_TYPE_UPLOAD), "sent");
        assert_string_equal(file_state_word(&file, BG_JOB_TYPE_UPLOAD_REPLY), "sent");
        file.completed = 0;
        assert_string_equal(file_state_word(&file, BG_JOB_TYPE_UPLOAD), "done");
        file.bytes_transferred = 1;
        assert_string_equal(file_state_word(&file, BG_JOB_TYPE_UPLOAD), "partial");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_cause_has_its_words),
                cmocka_unit_test(a_retry_that_is_due_is_now),
                cmocka_unit_test(words_never_take_more_than_forty_columns),
                cmocka_unit_test(errors_are_brief),
                cmocka_unit_test(states_have_fixed_words),
                cmocka_unit_test(percents_never_promise_too_much),
                cmocka_unit_test(pairs_of_sizes_share_the_unit_of_the_total),
                cmocka_unit_test(times_are_told_in_fitting_units),
                cmocka_unit_test(the_time_left_is_known_only_while_bytes_flow),
                cmocka_unit_test(prefixes_count_digits_not_dashes),
                cmocka_unit_test(an_upload_says_what_it_waits_for),
                cmocka_unit_test(files_are_saved_or_sent),
        };

        (void) setlocale(LC_CTYPE, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
