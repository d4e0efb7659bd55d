/* SPDX-License-Identifier: Apache-2.0 */
/* Names, texts and hints of result codes, and what errno becomes. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/hresult.h"

#define SENTENCE_MAX 100
#define UNKNOWN_FAILURE ((HRESULT) 0x8FFF1234u)
#define UNKNOWN_SUCCESS ((HRESULT) 0x0FFF1234)
#define UNKNOWN_WIN32 ((HRESULT) 0x8007EEEEu)
#define HTTP(status) ((HRESULT) (0x80190000u + (status)))

typedef struct Code {
        HRESULT code;
        const char *symbol;
} Code;

/* Every code of bitsmsg.h; the list is made from the header. */
static const Code CODES[] = {
#define CODE(symbol) {symbol, #symbol},
#include "code_list.h"
#undef CODE
};

/* Every entry of the table itself. */
typedef struct Entry {
        HRESULT code;
        const char *symbol;
        const char *text;
        const char *hint;
} Entry;

static const Entry ENTRIES[] = {
#define X(symbol, text, hint) {symbol, #symbol, text, hint},
#define W(symbol, text, hint) {HRESULT_FROM_WIN32(symbol), #symbol, text, hint},
#define H(status, text, hint) {HTTP(status), NULL, text, hint},
#include "base/error_text.def"
#undef X
#undef W
#undef H
};

static void is_a_sentence(const char *text)
{
        size_t n = strlen(text);

        assert_in_range(n, 2, SENTENCE_MAX);
        assert_in_range(text[0], 'A', 'Z');
        assert_int_equal(text[n - 1], '.');
        for (size_t i = 0; i < n; i++)
                assert_in_range(text[i], ' ', '~');
}

static void each_bits_code_has_its_name_and_a_text_of_its_own(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
                const char *text = hresult_text(CODES[i].code);

                assert_non_null(hresult_name(CODES[i].code));
                assert_string_equal(hresult_name(CODES[i].code), CODES[i].symbol);
                assert_string_not_equal(text, hresult_text(UNKNOWN_FAILURE));
                assert_string_not_equal(text, hresult_text(UNKNOWN_SUCCESS));
                for (size_t j = 0; j < i; j++) {
                        assert_int_not_equal(CODES[i].code, CODES[j].code);
                        assert_string_not_equal(text, hresult_text(CODES[j].code));
                }
        }
}

static void texts_and_hints_are_short_sentences(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(ENTRIES); i++) {
                is_a_sentence(ENTRIES[i].text);
                if (ENTRIES[i].hint[0])
                        is_a_sentence(ENTRIES[i].hint);
        }
}

static void each_entry_of_the_table_can_be_found(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(ENTRIES); i++) {
                const char *name = hresult_name(ENTRIES[i].code);

                if (ENTRIES[i].symbol)
                        assert_string_equal(name ? name : "", ENTRIES[i].symbol);
                else
                        assert_null(name);
                assert_string_equal(hresult_text(ENTRIES[i].code), ENTRIES[i].text);
                assert_string_equal(hresult_hint(ENTRIES[i].code), ENTRIES[i].hint);
        }
}

static void codes_of_later_versions_have_their_numbers(void **state)
{
        static const struct {
                HRESULT code;
                unsigned number;
        } LATER[] = {
                {BG_E_INVALID_HASH_ALGORITHM, 0x41},
                {BG_E_RECORD_DELETED, 0x42},
                {BG_E_COMMIT_IN_PROGRESS, 0x43},
                {BG_E_DISCOVERY_IN_PROGRESS, 0x44},
                {BG_E_UPNP_ERROR, 0x45},
                {BG_E_TEST_OPTION_BLOCKED_DOWNLOAD, 0x46},
                {BG_E_PEERCACHING_DISABLED, 0x47},
                {BG_E_BUSYCACHERECORD, 0x48},
                {BG_E_TOO_MANY_JOBS_PER_USER, 0x49},
                {BG_E_TOO_MANY_JOBS_PER_MACHINE, 0x50},
                {BG_E_TOO_MANY_FILES_IN_JOB, 0x51},
                {BG_E_TOO_MANY_RANGES_IN_FILE, 0x52},
                {BG_E_VALIDATION_FAILED, 0x53},
                {BG_E_MAXDOWNLOAD_TIMEOUT, 0x54},
                {BG_E_TOKEN_REQUIRED, 0x56},
                {BG_E_UNKNOWN_PROPERTY_ID, 0x57},
                {BG_E_READ_ONLY_PROPERTY, 0x58},
                {BG_E_BLOCKED_BY_COST_TRANSFER_POLICY, 0x59},
                {BG_E_PROPERTY_SUPPORTED_FOR_DOWNLOAD_JOBS_ONLY, 0x60},
                {BG_E_READ_ONLY_PROPERTY_AFTER_ADDFILE, 0x61},
                {BG_E_READ_ONLY_PROPERTY_AFTER_RESUME, 0x62},
                {BG_E_MAX_DOWNLOAD_SIZE_INVALID_VALUE, 0x63},
                {BG_E_MAX_DOWNLOAD_SIZE_LIMIT_REACHED, 0x64},
                {BG_E_STANDBY_MODE, 0x65},
                {BG_E_USE_STORED_CREDENTIALS_NOT_SUPPORTED, 0x66},
                {BG_E_BLOCKED_BY_BATTERY_POLICY, 0x67},
                {BG_E_BLOCKED_BY_BATTERY_SAVER, 0x68},
                {BG_E_WATCHDOG_TIMEOUT, 0x69},
                {BG_E_APP_PACKAGE_NOT_FOUND, 0x6A},
                {BG_E_APP_PACKAGE_SCENARIO_NOT_SUPPORTED, 0x6B},
                {BG_E_DATABASE_CORRUPT, 0x6C},
                {BG_E_RANDOM_ACCESS_NOT_SUPPORTED, 0x6D},
                {BG_E_BLOCKED_BY_BACKGROUND_ACCESS_POLICY, 0x6E},
                {BG_E_BLOCKED_BY_GAME_MODE, 0x6F},
                {BG_E_BLOCKED_BY_SYSTEM_POLICY, 0x70},
                {BG_E_NOT_SUPPORTED_WITH_CUSTOM_HTTP_METHOD, 0x71},
                {BG_E_UNSUPPORTED_JOB_CONFIGURATION, 0x72},
                {BG_E_REMOTE_FILE_CHANGED, 0x73},
                {BG_E_SERVER_CERT_VALIDATION_INTERFACE_REQUIRED, 0x74},
                {BG_E_READ_ONLY_WHEN_JOB_ACTIVE, 0x75},
                {BG_E_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK, 0x76},
        };

        for (size_t i = 0; i < ARRAY_LEN(LATER); i++)
                assert_int_equal((uint32_t) LATER[i].code, 0x80200000u + LATER[i].number);
        assert_int_equal(BG_S_OVERRIDDEN_BY_POLICY, 0x00200055);
        assert_int_equal((uint32_t) BITS_MC_FATAL_IGD_ERROR, 0x80194009u);
        assert_int_equal((uint32_t) BITS_MC_PEERCACHING_PORT, 0x8019400Au);
        assert_int_equal((uint32_t) BITS_MC_WSD_PORT, 0x8019400Bu);
}

static void a_status_without_entry_gets_the_text_of_its_class(void **state)
{
        const char *seen[6] = {NULL};

        for (unsigned status = 100; status <= 599; status++) {
                const char *text = hresult_text(HTTP(status));

                is_a_sentence(text);
                assert_string_not_equal(text, hresult_text(UNKNOWN_FAILURE));
                if (status % 100 == 99) {
                        assert_null(hresult_name(HTTP(status)));
                        assert_string_equal(hresult_hint(HTTP(status)), "");
                        seen[status / 100] = text;
                }
        }
        for (unsigned class = 2; class <= 5; class ++)
                assert_string_not_equal(seen[class], seen[class - 1]);
        assert_string_equal(hresult_text(HTTP(99)), hresult_text(UNKNOWN_FAILURE));
        assert_string_equal(hresult_text(HTTP(600)), hresult_text(UNKNOWN_FAILURE));
}

static void unknown_codes_get_a_general_text_and_no_name(void **state)
{
        static const HRESULT UNKNOWN[] = {UNKNOWN_FAILURE, UNKNOWN_SUCCESS, UNKNOWN_WIN32,
                                          INT_MIN,         INT_MAX,         (HRESULT) 0x80200077u};

        for (size_t i = 0; i < ARRAY_LEN(UNKNOWN); i++) {
                assert_null(hresult_name(UNKNOWN[i]));
                is_a_sentence(hresult_text(UNKNOWN[i]));
                assert_string_equal(hresult_hint(UNKNOWN[i]), "");
        }
        assert_string_not_equal(hresult_text(UNKNOWN_FAILURE), hresult_text(UNKNOWN_SUCCESS));
        assert_string_not_equal(hresult_text(UNKNOWN_FAILURE), hresult_text(UNKNOWN_WIN32));
}

static void generic_codes_have_names(void **state)
{
        assert_string_equal(hresult_name(S_OK), "S_OK");
        assert_string_equal(hresult_name(E_INVALIDARG), "E_INVALIDARG");
        assert_string_equal(hresult_name(E_ACCESSDENIED), "E_ACCESSDENIED");
        assert_string_equal(hresult_name((HRESULT) 0x80070070u), "ERROR_DISK_FULL");
        assert_string_equal(hresult_name((HRESULT) 0x80072EE7u), "ERROR_WINHTTP_NAME_NOT_RESOLVED");
        assert_string_equal(hresult_name((HRESULT) 0x800706BAu), "RPC_S_SERVER_UNAVAILABLE");
}

static void errno_becomes_the_code_a_windows_program_knows(void **state)
{
        static const struct {
                int err;
                unsigned code;
        } MAP[] = {
                {EACCES, 0x80070005},       {EPERM, 0x80070005},        {ENOENT, 0x80070002},
                {ENOMEM, 0x8007000E},       {EINVAL, 0x80070057},       {EROFS, 0x80070013},
                {EBUSY, 0x80070020},        {ETXTBSY, 0x80070020},      {ENOSPC, 0x80070070},
                {EDQUOT, 0x80070070},       {EEXIST, 0x80070050},       {ENOEXEC, 0x800700C1},
                {ENAMETOOLONG, 0x800700CE}, {ENOTDIR, 0x8007010B},      {EISDIR, 0x80070150},
                {ETIMEDOUT, 0x80072EE2},    {ECONNREFUSED, 0x80072EFD}, {EHOSTUNREACH, 0x80072EFD},
                {ENETUNREACH, 0x80072EFD},  {ECONNRESET, 0x80072EFE},   {EPIPE, 0x80072EFE},
                {ENETDOWN, 0x80200010},     {EIO, 0x8007045D},
        };

        for (size_t i = 0; i < ARRAY_LEN(MAP); i++) {
                assert_int_equal((uint32_t) hresult_from_errno(MAP[i].err), MAP[i].code);
                assert_int_equal((uint32_t) hresult_from_errno(-MAP[i].err), MAP[i].code);
        }
        assert_int_equal(hresult_from_errno(0), S_OK);
}

static void every_errno_is_a_failure_with_a_name(void **state)
{
        for (int err = 1; err < 4096; err++) {
                assert_true(FAILED(hresult_from_errno(err)));
                assert_non_null(hresult_name(hresult_from_errno(err)));
        }
        assert_int_equal((uint32_t) hresult_from_errno(4095), 0x8007001Fu);
        assert_int_equal((uint32_t) hresult_from_errno(INT_MIN), 0x8007001Fu);
        assert_int_equal((uint32_t) hresult_from_errno(INT_MAX), 0x8007001Fu);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_bits_code_has_its_name_and_a_text_of_its_own),
                cmocka_unit_test(texts_and_hints_are_short_sentences),
                cmocka_unit_test(each_entry_of_the_table_can_be_found),
                cmocka_unit_test(codes_of_later_versions_have_their_numbers),
                cmocka_unit_test(a_status_without_entry_gets_the_text_of_its_class),
                cmocka_unit_test(unknown_codes_get_a_general_text_and_no_name),
                cmocka_unit_test(generic_codes_have_names),
                cmocka_unit_test(errno_becomes_the_code_a_windows_program_knows),
                cmocka_unit_test(every_errno_is_a_failure_with_a_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
