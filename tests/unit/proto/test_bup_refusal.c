/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the protocol's answers, row by row. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bitsmsg.h"
#include "proto/bup_packet.h"

#define NOTHING BG_ERROR_CONTEXT_NONE
#define FILE_SIDE BG_ERROR_CONTEXT_REMOTE_FILE
#define APPLICATION BG_ERROR_CONTEXT_REMOTE_APPLICATION

static void every_reason_has_its_status_code_and_context(void **state)
{
        static const struct {
                BupRefusal why;
                uint16_t status;
                HRESULT error;
                BG_ERROR_CONTEXT context;
        } rows[] = {
                {BUP_FINE, 200, S_OK, NOTHING},
                {BUP_BAD_VALUE_LENGTH, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_BAD_REPEATED, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_BAD_PACKET_TYPE, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_BAD_LENGTH, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_NO_LENGTH, 411, E_INVALIDARG, FILE_SIDE},
                {BUP_BAD_BODY, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_BAD_ENCODING, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_NO_PROTOCOLS, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_NO_COMMON_PROTOCOL, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_BAD_SESSION_ID, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_BAD_RANGE, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_BAD_RANGE_LENGTH, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_UNEXPECTED, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_TOTAL_CHANGED, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_TARGET_CHANGED, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_CLOSED_EARLY, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_FILE_TOO_LARGE, 500, BG_E_TOO_LARGE, FILE_SIDE},
                {BUP_FRAGMENT_TOO_LARGE, 413, S_OK, NOTHING},
                {BUP_SESSION_UNKNOWN, 500, BG_E_SESSION_NOT_FOUND, FILE_SIDE},
                {BUP_UPLOADS_DISABLED, 501, E_ACCESSDENIED, FILE_SIDE},
                {BUP_DENIED, 403, E_ACCESSDENIED, FILE_SIDE},
                {BUP_EXECUTE_ENABLED, 403, BG_E_SERVER_EXECUTE_ENABLE, FILE_SIDE},
                {BUP_DIRECTORY_MISSING, 404, (HRESULT) 0x80070003u, FILE_SIDE},
                {BUP_TARGET_IS_DIRECTORY, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_TARGET_EXISTS, 403, E_ACCESSDENIED, FILE_SIDE},
                {BUP_TARGET_BUSY, 409, (HRESULT) 0x80070020u, FILE_SIDE},
                {BUP_TARGET_VANISHED, 404, S_OK, NOTHING},
                {BUP_URL_TOO_LONG, 400, E_INVALIDARG, FILE_SIDE},
                {BUP_DISK_FULL, 500, (HRESULT) 0x80070070u, FILE_SIDE},
                {BUP_IO_ERROR, 500, (HRESULT) 0x8007001du, FILE_SIDE},
                {BUP_NO_MEMORY, 500, E_OUTOFMEMORY, FILE_SIDE},
                {BUP_OVERLOADED, 503, S_OK, NOTHING},
                {BUP_APPLICATION_TIMED_OUT, 408, (HRESULT) 0x800705b4u, APPLICATION},
        };

        assert_int_equal(ARRAY_LEN(rows), BUP_REFUSAL_MAX);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                BupAck a;

                bup_refuse(rows[i].why, &a);
                assert_int_equal(rows[i].why, i);
                assert_int_equal(a.status, rows[i].status);
                assert_int_equal(a.error, rows[i].error);
                assert_int_equal(a.context, rows[i].context);
                assert_true(a.is_ack);
                assert_false(a.has_received);
                assert_true(strlen(bup_refusal_text(rows[i].why)) > 0);
        }
        assert_string_equal(bup_refusal_text(BUP_REFUSAL_MAX), "unknown");
}

/* S24 */
static void errors_of_the_application_keep_its_status(void **state)
{
        static const struct {
                uint16_t status, shown;
                HRESULT error;
        } rows[] = {
                {500, 500, BG_E_HTTP_ERROR_500},
                {503, 503, BG_E_HTTP_ERROR_503},
                {403, 403, BG_E_HTTP_ERROR_403},
                {404, 404, BG_E_HTTP_ERROR_404},
                {302, 302, BG_E_HTTP_ERROR_302},
                {0, 502, BG_E_HTTP_ERROR_502},
                /* These would say something else to the client. */
                {201, 502, BG_E_HTTP_ERROR_201},
                {204, 502, BG_E_HTTP_ERROR_204},
                {100, 502, BG_E_HTTP_ERROR_100},
                {999, 502, (HRESULT) (0x80190000u + 999)},
                {1000, 502, BG_E_HTTP_ERROR_502},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                BupAck a;

                bup_refuse_application(rows[i].status, &a);
                assert_int_equal(a.status, rows[i].shown);
                assert_int_equal(a.error, rows[i].error);
                assert_int_equal(a.context, APPLICATION);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_reason_has_its_status_code_and_context),
                cmocka_unit_test(errors_of_the_application_keep_its_status),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
