/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "engine/job_error.h"
#include "engine/port/transfer.h"

static void http_statuses_are_classified_by_the_published_table(void **state)
{
        (void) state;
        for (int32_t status = 100; status < 600; status++) {
                bool fatal;

                if (status >= 300 && status < 400) /* 308 is 307 for good */
                        fatal = status <= 305 || status == 307 || status == 308;
                else if (status >= 400 && status < 500)
                        fatal = status != 408 && status != 409 && status != 429;
                else
                        fatal = status == 501 || status == 505;
                assert_int_equal(job_error_http_is_fatal(status), fatal);
                assert_int_equal(job_error_http(status, 0, 1).fatal, fatal);
                assert_int_equal((uint32_t) job_error_http(status, 0, 1).code,
                                 0x80190000u + (uint32_t) status);
        }
}

static void retry_after_is_kept_where_it_means_something(void **state)
{
        (void) state;
        assert_int_equal(job_error_http(503, 77, 0).retry_after_sec, 77);
        assert_int_equal(job_error_http(429, 77, 0).retry_after_sec, 77);
        assert_int_equal(job_error_http(500, 77, 0).retry_after_sec, 0);
        assert_int_equal(job_error_http(404, 77, 0).retry_after_sec, 0);
}

static void what_waiting_heals_is_transient(void **state)
{
        static const HRESULT CODES[] = {
                HRESULT_FROM_WIN32(ERROR_DISK_FULL),
                HRESULT_FROM_WIN32(ERROR_WINHTTP_NAME_NOT_RESOLVED),
                HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT),
                HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR),
                HRESULT_FROM_WIN32(ERROR_WINHTTP_TIMEOUT),
                HRESULT_FROM_WIN32(ERROR_WINHTTP_INVALID_SERVER_RESPONSE),
                HRESULT_FROM_WIN32(ERROR_WINHTTP_SECURE_CHANNEL_ERROR),
                BG_E_DESTINATION_LOCKED,
                BG_E_NO_PROGRESS,
                BG_E_NETWORK_DISCONNECTED,
                BITS_E_WORKER_LOST,
                E_OUTOFMEMORY,
                E_INVALIDARG,
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
                assert_false(job_error_is_fatal(CODES[i]));
}

static void what_needs_somebody_is_fatal(void **state)
{
        static const HRESULT CODES[] = {
                E_ACCESSDENIED,
                BG_E_INVALID_PROXY_INFO,
                BG_E_MISSING_FILE_SIZE,
                BG_E_INSUFFICIENT_RANGE_SUPPORT,
                BG_E_INSUFFICIENT_HTTP_SUPPORT,
                BG_E_LOCAL_FILE_CHANGED,
                BG_E_MAXDOWNLOAD_TIMEOUT,
                HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND),
                HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND),
                HRESULT_FROM_WIN32(ERROR_WRITE_PROTECT),
                HRESULT_FROM_WIN32(ERROR_WINHTTP_SECURE_INVALID_CA),
                HRESULT_FROM_WIN32(ERROR_WINHTTP_SECURE_CERT_DATE_INVALID),
                HRESULT_FROM_WIN32(ERROR_WINHTTP_SECURE_CERT_CN_INVALID),
                HRESULT_FROM_WIN32(ERROR_WINHTTP_REDIRECT_FAILED),
                BG_E_HTTP_ERROR_404,
                BG_E_HTTP_ERROR_401,
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
                assert_true(job_error_is_fatal(CODES[i]));
}

static void makers_fill_in_what_they_know(void **state)
{
        JobError e = job_error_make(BG_E_NETWORK_DISCONNECTED, BG_ERROR_CONTEXT_GENERAL_TRANSPORT,
                                    JOB_NO_FILE, "text");

        (void) state;
        assert_true(e.event_driven);
        assert_false(e.fatal);
        assert_string_equal(e.text, "text");
        assert_int_equal(e.file_index, JOB_NO_FILE);
        e = job_error_errno(-ENOSPC, BG_ERROR_CONTEXT_LOCAL_FILE, 3, NULL);
        assert_int_equal((uint32_t) e.code, 0x80070070u);
        assert_int_equal(e.sys_errno, ENOSPC);
        assert_int_equal(e.file_index, 3);
        assert_string_equal(e.text, "");
        assert_true(job_error_is_disk_full(e.code));
        assert_true(job_error_is_disk_full(HRESULT_FROM_WIN32(ERROR_DISK_QUOTA_EXCEEDED)));
        assert_false(job_error_is_disk_full(E_FAIL));
        assert_true(job_error_wants_credentials(BG_E_HTTP_ERROR_401));
        assert_true(job_error_wants_credentials(BG_E_HTTP_ERROR_407));
        assert_false(job_error_wants_credentials(BG_E_HTTP_ERROR_403));
}

static void classifying_never_makes_a_fatal_error_transient(void **state)
{
        JobError e = {.code = E_FAIL, .fatal = true, .event_driven = true};

        (void) state;
        job_error_classify(&e);
        assert_true(e.fatal);
        assert_false(e.event_driven);
        e = (JobError){.code = BG_E_HTTP_ERROR_404};
        job_error_classify(&e);
        assert_true(e.fatal);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(http_statuses_are_classified_by_the_published_table),
                cmocka_unit_test(retry_after_is_kept_where_it_means_something),
                cmocka_unit_test(what_waiting_heals_is_transient),
                cmocka_unit_test(what_needs_somebody_is_fatal),
                cmocka_unit_test(makers_fill_in_what_they_know),
                cmocka_unit_test(classifying_never_makes_a_fatal_error_transient),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
