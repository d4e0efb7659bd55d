/* SPDX-License-Identifier: Apache-2.0 */
/* The reply of an upload-reply job through both faces of the library, against the fake service. */
#include "com_rig.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/str.h"
#include "ipc/protocol.h"

#define CALL_FAILED HRESULT_FROM_WIN32(1726) /* RPC_S_CALL_FAILED */

enum { PATH_UNITS_MAX = 4095 };

static void make_type(bits_job_info *info, void *ctx)
{
        info->type = *(BG_JOB_TYPE *) ctx;
        info->reply_bytes_total = info->type == BG_JOB_TYPE_UPLOAD_REPLY ? BG_SIZE_UNKNOWN : 0;
}

static GUID add_job(ComRig *com, BG_JOB_TYPE type, BG_JOB_STATE job_state)
{
        GUID id = fake_add_job(com->fake, "a", job_state);

        fake_edit(com->fake, &id, make_type, &type);
        return id;
}

static void set_progress(bits_job_info *info, void *ctx)
{
        info->reply_bytes_total = 40;
        info->reply_bytes_transferred = 30;
        info->reply_optional = 1;
}

static void set_state(bits_job_info *info, void *ctx)
{
        info->state = *(BG_JOB_STATE *) ctx;
}

static void reply_progress_is_unknown_until_the_download_begins(void **state)
{
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_TRANSFERRING);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        BG_JOB_REPLY_PROGRESS progress = {1, 1};
        bits_job_info *info;

        assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, &progress), S_OK);
        assert_true(progress.BytesTotal == BG_SIZE_UNKNOWN);
        assert_true(progress.BytesTransferred == 0);
        fake_edit(com->fake, &id, set_progress, NULL);
        assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, &progress), S_OK);
        assert_true(progress.BytesTotal == 40);
        assert_true(progress.BytesTransferred == 30);
        assert_hr(bits_job_read(com->rig->client, &id, &info), S_OK);
        assert_int_equal(info->reply_bytes_total, 40);
        assert_int_equal(info->reply_bytes_transferred, 30);
        assert_int_equal(info->reply_optional, 1);
        bits_job_info_free(info);
        (void) IBackgroundCopyJob2_Release(job);
}

static void reply_file_name_is_what_was_set_and_null_before(void **state)
{
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        LPWSTR name = (LPWSTR) 1;
        char arguments[64];

        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &name), S_OK);
        assert_null(name);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L"/tmp/r\xe9p"), S_OK);
        fake_last_arguments(com->fake, arguments, sizeof(arguments));
        assert_string_equal(arguments, "1 /tmp/r\303\251p");
        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &name), S_OK);
        assert_wide(name, L"/tmp/r\xe9p");

        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, NULL), S_OK);
        fake_last_arguments(com->fake, arguments, sizeof(arguments));
        assert_string_equal(arguments, "0 ");
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L""), S_OK);
        fake_last_arguments(com->fake, arguments, sizeof(arguments));
        assert_string_equal(arguments, "1 ");
        (void) IBackgroundCopyJob2_Release(job);
}

static void reply_file_name_is_checked_before_it_is_sent(void **state)
{
        static wchar_t text[PATH_UNITS_MAX + 2];
        static char utf8[PATH_UNITS_MAX + 2];
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        bits_client *c = com->rig->client;
        unsigned calls = fake_calls(com->fake, NULL);

        wmemset(text, L'/', PATH_UNITS_MAX + 1);
        memset(utf8, '/', PATH_UNITS_MAX + 1);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, text), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L"/\xdfff"), E_INVALIDARG);
        assert_hr(bits_job_set_reply_name(c, &id, utf8), E_INVALIDARG);
        assert_hr(bits_job_set_reply_name(c, &id, "/\xff"), E_INVALIDARG);
        assert_hr(bits_job_set_reply_name(c, NULL, "/r"), E_INVALIDARG);
        assert_hr(bits_job_set_reply_name(NULL, &id, "/r"), E_INVALIDARG);
        assert_hr(bits_job_set_reply_optional(c, NULL, 1), E_INVALIDARG);
        assert_hr(bits_job_set_reply_optional(NULL, &id, 1), E_INVALIDARG);
        assert_int_equal(fake_calls(com->fake, NULL), calls);
        text[PATH_UNITS_MAX] = 0;
        utf8[PATH_UNITS_MAX] = '\0';
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, text), S_OK);
        assert_hr(bits_job_set_reply_name(c, &id, utf8), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
}

static void refusals_of_the_name_come_through(void **state)
{
        static const HRESULT codes[] = {BG_E_INVALID_STATE, E_ACCESSDENIED, E_INVALIDARG,
                                        HRESULT_FROM_WIN32(3)};
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);

        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                fake_fault(com->fake, "SetReplyName", FAULT_ERROR, codes[i], 1);
                assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L"/r"), codes[i]);
                assert_string_equal(bits_last_message(), "said by the fake");
        }
        (void) IBackgroundCopyJob2_Release(job);
}

static void assert_pattern(const uint8_t *data, uint64_t bytes)
{
        for (uint64_t i = 0; i < bytes; i++)
                if (data[i] != (uint8_t) (i * 31))
                        fail_msg("byte %llu differs", (unsigned long long) i);
}

static void reply_data_comes_whole_in_the_two_states_that_have_it(void **state)
{
        static const BG_JOB_STATE states[] = {BG_JOB_STATE_TRANSFERRED, BG_JOB_STATE_ACKNOWLEDGED};
        static const size_t sizes[] = {1, 1000, IPC_REPLY_BYTES_MAX};
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_TRANSFERRED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);

        for (size_t i = 0; i < ARRAY_LEN(states) * ARRAY_LEN(sizes); i++) {
                BG_JOB_STATE now = states[i % ARRAY_LEN(states)];
                size_t size = sizes[i / ARRAY_LEN(states)];
                BYTE *buffer = NULL;
                uint8_t *data = NULL;
                uint64_t bytes = 0;
                UINT64 length = 0;

                fake_edit(com->fake, &id, set_state, &now);
                fake_set_reply(com->fake, &id, size, size);
                assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length), S_OK);
                assert_true(length == size);
                assert_non_null(buffer);
                assert_pattern(buffer, length);
                buffer = CoTaskMemRealloc(buffer, size + 1); /* is of COM's memory */
                assert_non_null(buffer);
                CoTaskMemFree(buffer);
                assert_hr(bits_job_reply_data(com->rig->client, &id, &data, &bytes), S_OK);
                assert_int_equal(bytes, size);
                assert_pattern(data, bytes);
                free(data);
        }
        (void) IBackgroundCopyJob2_Release(job);
}

static void an_empty_reply_is_no_buffer_and_a_success(void **state)
{
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_TRANSFERRED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        BYTE *buffer = (BYTE *) 1;
        uint8_t *data = (uint8_t *) 1;
        uint64_t bytes = 1;
        UINT64 length = 1;

        assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length), S_OK);
        assert_null(buffer);
        assert_true(length == 0);
        assert_hr(bits_job_reply_data(com->rig->client, &id, &data, &bytes), S_OK);
        assert_null(data);
        assert_int_equal(bytes, 0);
        (void) IBackgroundCopyJob2_Release(job);
}

static void a_reply_that_is_too_large_tells_its_size(void **state)
{
        static const uint64_t sizes[] = {IPC_REPLY_BYTES_MAX + 1, UINT64_C(5000000000)};
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_TRANSFERRED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);

        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                BYTE *buffer = (BYTE *) 1;
                uint8_t *data = (uint8_t *) 1;
                uint64_t bytes = 1;
                UINT64 length = 1;

                fake_set_reply(com->fake, &id, 0, sizes[i]);
                assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length), BG_E_TOO_LARGE);
                assert_null(buffer);
                assert_true(length == sizes[i]);
                assert_hr(bits_job_reply_data(com->rig->client, &id, &data, &bytes),
                          BG_E_TOO_LARGE);
                assert_null(data);
                assert_int_equal(bytes, sizes[i]);
                assert_non_null(strstr(bits_last_message(), "complete the job"));
        }
        (void) IBackgroundCopyJob2_Release(job);
}

static void reply_data_is_refused_before_the_job_is_transferred(void **state)
{
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_QUEUED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);

        for (BG_JOB_STATE now = BG_JOB_STATE_QUEUED; now <= BG_JOB_STATE_CANCELLED; now++) {
                BYTE *buffer = (BYTE *) 1;
                UINT64 length = 7;

                if (now == BG_JOB_STATE_TRANSFERRED || now == BG_JOB_STATE_ACKNOWLEDGED)
                        continue;
                fake_edit(com->fake, &id, set_state, &now);
                assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length),
                          BG_E_INVALID_STATE);
                assert_null(buffer);
                assert_true(length == 7);
        }
        (void) IBackgroundCopyJob2_Release(job);
}

static void reply_data_checks_its_pointers(void **state)
{
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_DOWNLOAD, BG_JOB_STATE_TRANSFERRED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        bits_client *c = com->rig->client;
        unsigned calls = fake_calls(com->fake, NULL);
        BYTE *buffer;
        uint8_t *data;
        uint64_t bytes;
        UINT64 length;

        assert_hr(IBackgroundCopyJob2_GetReplyData(job, NULL, &length), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, NULL), E_INVALIDARG);
        assert_hr(bits_job_reply_data(NULL, &id, &data, &bytes), E_INVALIDARG);
        assert_hr(bits_job_reply_data(c, NULL, &data, &bytes), E_INVALIDARG);
        assert_hr(bits_job_reply_data(c, &id, NULL, &bytes), E_INVALIDARG);
        assert_hr(bits_job_reply_data(c, &id, &data, NULL), E_INVALIDARG);
        assert_int_equal(fake_calls(com->fake, NULL), calls);
        (void) IBackgroundCopyJob2_Release(job);
}

static void other_types_of_job_have_no_reply(void **state)
{
        static const BG_JOB_TYPE types[] = {BG_JOB_TYPE_DOWNLOAD, BG_JOB_TYPE_UPLOAD};
        static wchar_t text[PATH_UNITS_MAX + 2];
        ComRig *com = *state;

        wmemset(text, L'/', PATH_UNITS_MAX + 1);
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                GUID id = add_job(com, types[i], BG_JOB_STATE_TRANSFERRED);
                IBackgroundCopyJob2 *job = com_rig_job(com, &id);
                BG_JOB_REPLY_PROGRESS progress = {7, 7};
                BYTE *buffer = (BYTE *) 1;
                LPWSTR name = (LPWSTR) 1;
                UINT64 length = 7;

                assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, &progress), E_NOTIMPL);
                assert_true(progress.BytesTotal == 7 && progress.BytesTransferred == 7);
                assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length), E_NOTIMPL);
                assert_null(buffer);
                assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &name), E_NOTIMPL);
                assert_null(name);
                assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L"/tmp/r"), E_NOTIMPL);
                /* Arguments come first. */
                assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, NULL), E_INVALIDARG);
                assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, NULL), E_INVALIDARG);
                assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, text), E_INVALIDARG);
                (void) IBackgroundCopyJob2_Release(job);
        }
}

/* Setting a name twice is as good as once, and reading changes nothing. */
static void lost_answers_are_asked_for_again(void **state)
{
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_TRANSFERRED);
        bits_client *c = com->rig->client;
        uint64_t bytes = 0;
        uint8_t *data;

        fake_set_reply(com->fake, &id, 10, 10);
        fake_fault(com->fake, "SetReplyName", FAULT_CLOSE_AFTER, 0, 1);
        assert_hr(bits_job_set_reply_name(c, &id, "/r"), S_OK);
        assert_int_equal(fake_calls(com->fake, "SetReplyName"), 2);
        fake_fault(com->fake, "SetReplyOptional", FAULT_CLOSE_AFTER, 0, 1);
        assert_hr(bits_job_set_reply_optional(c, &id, 1), S_OK);
        assert_int_equal(fake_calls(com->fake, "SetReplyOptional"), 2);
        fake_fault(com->fake, "ReplyData", FAULT_CLOSE_AFTER, 0, 1);
        assert_hr(bits_job_reply_data(c, &id, &data, &bytes), S_OK);
        assert_int_equal(fake_calls(com->fake, "ReplyData"), 2);
        assert_int_equal(bytes, 10);
        assert_pattern(data, bytes);
        free(data);
}

static void nonsense_instead_of_a_reply_is_a_failed_call(void **state)
{
        static const FakeFault faults[] = {FAULT_WRONG_SIGNATURE, FAULT_GARBAGE_RECORD};
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_TRANSFERRED);
        uint8_t *data = (uint8_t *) 1;
        uint64_t bytes = 1;

        for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
                fake_fault(com->fake, "ReplyData", faults[i], 0, 1);
                assert_hr(bits_job_reply_data(com->rig->client, &id, &data, &bytes), CALL_FAILED);
                assert_null(data);
                assert_int_equal(bytes, 0);
        }
        /* Fewer bytes than said, more than said, and more than ever allowed. */
        fake_set_reply(com->fake, &id, 10, 11);
        assert_hr(bits_job_reply_data(com->rig->client, &id, &data, &bytes), CALL_FAILED);
        fake_set_reply(com->fake, &id, 10, 9);
        assert_hr(bits_job_reply_data(com->rig->client, &id, &data, &bytes), CALL_FAILED);
        assert_null(data);
        fake_set_reply(com->fake, &id, 10, 10);
        assert_hr(bits_job_reply_data(com->rig->client, &id, &data, &bytes), S_OK);
        free(data);
}

static void getters_of_the_reply_outlive_the_job(void **state)
{
        ComRig *com = *state;
        GUID id = add_job(com, BG_JOB_TYPE_UPLOAD_REPLY, BG_JOB_STATE_TRANSFERRED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        BG_JOB_REPLY_PROGRESS progress;
        LPWSTR name;

        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L"/tmp/r"), S_OK);
        fake_edit(com->fake, &id, set_progress, NULL);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &name), S_OK);
        assert_wide(name, L"/tmp/r");
        fake_forget_job(com->fake, &id);
        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &name), S_OK);
        assert_wide(name, L"/tmp/r");
        assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, &progress), S_OK);
        assert_true(progress.BytesTotal == 40);
        (void) IBackgroundCopyJob2_Release(job);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, com_rig_setup, com_rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(reply_progress_is_unknown_until_the_download_begins),
                CASE(reply_file_name_is_what_was_set_and_null_before),
                CASE(reply_file_name_is_checked_before_it_is_sent),
                CASE(refusals_of_the_name_come_through),
                CASE(reply_data_comes_whole_in_the_two_states_that_have_it),
                CASE(an_empty_reply_is_no_buffer_and_a_success),
                CASE(a_reply_that_is_too_large_tells_its_size),
                CASE(reply_data_is_refused_before_the_job_is_transferred),
                CASE(reply_data_checks_its_pointers),
                CASE(other_types_of_job_have_no_reply),
                CASE(lost_answers_are_asked_for_again),
                CASE(nonsense_instead_of_a_reply_is_a_failed_call),
                CASE(getters_of_the_reply_outlive_the_job),
        };

        return cmocka_run_group_tests_name("replies", tests, NULL, NULL);
}
