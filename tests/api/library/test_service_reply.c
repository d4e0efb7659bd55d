/* SPDX-License-Identifier: Apache-2.0 */
/* Upload and upload-reply jobs against the real service, as far as they go without a server:
 * what the conformance checklist says of their files, names and refusals. */
#include "service_rig.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "base/attr.h"

#define URL L"http://127.0.0.1:9/up"

enum { PATH_UNITS_MAX = 4095 };

static IBackgroundCopyJob2 *make_job(ServiceRig *s, BG_JOB_TYPE type)
{
        IBackgroundCopyJob *job;
        void *job2;
        GUID id;

        assert_hr(IBackgroundCopyManager_CreateJob(s->manager, L"up", type, &id, &job), S_OK);
        assert_hr(IBackgroundCopyJob_QueryInterface(job, &IID_IBackgroundCopyJob2, &job2), S_OK);
        (void) IBackgroundCopyJob_Release(job);
        return job2;
}

/* A path in the rig's directory that nobody has used. */
static void new_path(ServiceRig *s, wchar_t path[PATH_BYTES])
{
        char text[PATH_BYTES];

        service_rig_path(s, text, sizeof(text));
        assert_true(swprintf(path, PATH_BYTES, L"%s", text) > 0);
}

static void assert_name(IBackgroundCopyJob2 *job, const wchar_t *expected)
{
        LPWSTR name = (LPWSTR) 1;

        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &name), S_OK);
        if (expected) {
                assert_non_null(name);
                assert_int_equal(wcscmp(name, expected), 0);
        } else {
                assert_null(name);
        }
        CoTaskMemFree(name);
}

/* A made-up name stands in the directory of the file, and is not the file. */
static void assert_generated(ServiceRig *s, IBackgroundCopyJob2 *job, const wchar_t *source)
{
        char text[PATH_BYTES * 2];
        LPWSTR name;

        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &name), S_OK);
        assert_non_null(name);
        assert_true(snprintf(text, sizeof(text), "%ls", name) > 0);
        assert_memory_equal(text, s->dir, strlen(s->dir));
        assert_int_equal(text[strlen(s->dir)], '/');
        assert_null(strchr(text + strlen(s->dir) + 1, '/'));
        assert_int_not_equal(wcscmp(name, source), 0);
        assert_int_equal(service_file_size(text), -1);
        CoTaskMemFree(name);
}

static void assert_no_reply_yet(IBackgroundCopyJob2 *job)
{
        BG_JOB_REPLY_PROGRESS progress = {1, 1};
        BYTE *buffer = (BYTE *) 1;
        UINT64 length = 7;

        assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, &progress), S_OK);
        assert_true(progress.BytesTotal == BG_SIZE_UNKNOWN);
        assert_true(progress.BytesTransferred == 0);
        assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length), BG_E_INVALID_STATE);
        assert_null(buffer);
}

/* ---- 11 ---- */

static void jobs_of_other_types_have_no_reply(void **state)
{
        static const BG_JOB_TYPE types[] = {BG_JOB_TYPE_DOWNLOAD, BG_JOB_TYPE_UPLOAD};
        ServiceRig *s = *state;

        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                IBackgroundCopyJob2 *job = make_job(s, types[i]);
                BG_JOB_REPLY_PROGRESS progress;
                BYTE *buffer = (BYTE *) 1;
                LPWSTR name = (LPWSTR) 1;
                BG_JOB_TYPE type;
                UINT64 length;

                assert_hr(IBackgroundCopyJob2_GetType(job, &type), S_OK);
                assert_int_equal(type, types[i]);
                assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, &progress), E_NOTIMPL);
                assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length), E_NOTIMPL);
                assert_null(buffer);
                assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &name), E_NOTIMPL);
                assert_null(name);
                assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L"/tmp/r"), E_NOTIMPL);
                assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, NULL), E_NOTIMPL);
                assert_hr(IBackgroundCopyJob2_Cancel(job), S_OK);
                assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, &progress), E_NOTIMPL);
                (void) IBackgroundCopyJob2_Release(job);
        }
}

/* ---- 12 ---- */

static void the_name_follows_what_was_said(void **state)
{
        wchar_t source[PATH_BYTES], chosen[PATH_BYTES];
        ServiceRig *s = *state;
        IBackgroundCopyJob2 *job = make_job(s, BG_JOB_TYPE_UPLOAD_REPLY);

        new_path(s, source);
        new_path(s, chosen);
        assert_name(job, NULL);
        assert_no_reply_yet(job);
        assert_hr(IBackgroundCopyJob2_AddFile(job, URL, source), S_OK);
        assert_generated(s, job, source);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, chosen), S_OK);
        assert_name(job, chosen);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L""), S_OK);
        assert_generated(s, job, source);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, chosen), S_OK);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, NULL), S_OK);
        assert_generated(s, job, source);
        assert_no_reply_yet(job);
        (void) IBackgroundCopyJob2_Release(job);
}

static void a_name_set_before_the_file_stays_and_survives_a_kill(void **state)
{
        wchar_t source[PATH_BYTES], chosen[PATH_BYTES];
        ServiceRig *s = *state;
        IBackgroundCopyJob2 *job = make_job(s, BG_JOB_TYPE_UPLOAD_REPLY);
        LPWSTR before, after;

        new_path(s, source);
        new_path(s, chosen);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, chosen), S_OK);
        assert_name(job, chosen);
        service_rig_kill(s);
        assert_name(job, chosen);
        assert_hr(IBackgroundCopyJob2_AddFile(job, URL, source), S_OK);
        service_rig_kill(s);
        assert_name(job, chosen);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, NULL), S_OK);
        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &before), S_OK);
        service_rig_kill(s);
        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &after), S_OK);
        assert_int_equal(wcscmp(before, after), 0); /* made up once, not at every look */
        CoTaskMemFree(before);
        CoTaskMemFree(after);
        assert_no_reply_yet(job);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- the method's own table ---- */

static void names_that_are_none_are_refused(void **state)
{
        static const wchar_t *const bad[] = {L"relative/name", L"/tmp/a*", L"/tmp/a?",
                                             L"/tmp/",         L"C:\\r",   L"/tmp/\xdfff"};
        static wchar_t text[PATH_UNITS_MAX + 2];
        wchar_t source[PATH_BYTES];
        ServiceRig *s = *state;
        IBackgroundCopyJob2 *job = make_job(s, BG_JOB_TYPE_UPLOAD_REPLY);

        new_path(s, source);
        for (unsigned with_file = 0; with_file < 2; with_file++) {
                for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, bad[i]), E_INVALIDARG);
                for (size_t i = 0; i <= PATH_UNITS_MAX; i++)
                        text[i] = i % 2 ? L'a' : L'/';
                assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, text), E_INVALIDARG);
                assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L"/no/such/dir/r"),
                          HRESULT_FROM_WIN32(3));
                if (with_file)
                        break;
                assert_name(job, NULL);
                assert_hr(IBackgroundCopyJob2_AddFile(job, URL, source), S_OK);
        }
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, source), E_INVALIDARG);
        assert_generated(s, job, source);
        (void) IBackgroundCopyJob2_Release(job);
}

static void ended_jobs_refuse_a_name_and_show_the_old_one(void **state)
{
        wchar_t source[PATH_BYTES], chosen[PATH_BYTES];
        ServiceRig *s = *state;
        IBackgroundCopyJob2 *job = make_job(s, BG_JOB_TYPE_UPLOAD_REPLY);

        new_path(s, source);
        new_path(s, chosen);
        assert_hr(IBackgroundCopyJob2_AddFile(job, URL, source), S_OK);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, chosen), S_OK);
        assert_hr(IBackgroundCopyJob2_Cancel(job), S_OK);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, source), BG_E_INVALID_STATE);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, NULL), BG_E_INVALID_STATE);
        assert_name(job, chosen);
        assert_no_reply_yet(job);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- 5, 6 ---- */

static void an_upload_has_exactly_one_file(void **state)
{
        static const BG_JOB_TYPE types[] = {BG_JOB_TYPE_UPLOAD, BG_JOB_TYPE_UPLOAD_REPLY};
        wchar_t first[PATH_BYTES], second[PATH_BYTES], url[] = URL;
        ServiceRig *s = *state;

        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                IBackgroundCopyJob2 *job = make_job(s, types[i]);
                BG_FILE_INFO set[] = {{url, first}, {url, second}};
                IEnumBackgroundCopyFiles *files;
                IBackgroundCopyFile *file;
                BG_FILE_PROGRESS of_file;
                BG_JOB_PROGRESS progress;
                LPWSTR name;
                ULONG n;

                new_path(s, first); /* not there: uploads look at the file when they run */
                new_path(s, second);
                assert_hr(IBackgroundCopyJob2_AddFileSet(job, 2, set), BG_E_TOO_MANY_FILES);
                assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
                assert_int_equal(progress.FilesTotal, 0);
                assert_hr(IBackgroundCopyJob2_AddFileSet(job, 1, set), S_OK);
                assert_hr(IBackgroundCopyJob2_AddFile(job, URL, second), BG_E_TOO_MANY_FILES);
                assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
                assert_int_equal(progress.FilesTotal, 1); /* the reply does not count */
                assert_true(progress.BytesTotal == BG_SIZE_UNKNOWN);

                assert_hr(IBackgroundCopyJob2_EnumFiles(job, &files), S_OK);
                assert_hr(IEnumBackgroundCopyFiles_GetCount(files, &n), S_OK);
                assert_int_equal(n, 1);
                assert_hr(IEnumBackgroundCopyFiles_Next(files, 1, &file, &n), S_OK);
                assert_hr(IBackgroundCopyFile_GetLocalName(file, &name), S_OK);
                assert_int_equal(wcscmp(name, first), 0);
                CoTaskMemFree(name);
                assert_hr(IBackgroundCopyFile_GetProgress(file, &of_file), S_OK);
                assert_true(of_file.BytesTotal == BG_SIZE_UNKNOWN);
                assert_true(of_file.BytesTransferred == 0);
                assert_false(of_file.Completed);
                (void) IBackgroundCopyFile_Release(file);
                (void) IEnumBackgroundCopyFiles_Release(files);
                (void) IBackgroundCopyJob2_Release(job);
        }
}

static void remote_names_of_uploads_are_http(void **state)
{
        static const wchar_t *const bad[] = {L"file:///tmp/x", L"/tmp/x", L"ftp://h/x", L"http://"};
        wchar_t source[PATH_BYTES];
        ServiceRig *s = *state;
        IBackgroundCopyJob2 *job = make_job(s, BG_JOB_TYPE_UPLOAD);

        new_path(s, source);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_hr(IBackgroundCopyJob2_AddFile(job, bad[i], source), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_AddFile(job, URL, L"relative"), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_AddFile(job, L"https://h.example/x", source), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- 3, 18 ---- */

static void uploads_cannot_be_completed_early(void **state)
{
        static const BG_JOB_TYPE types[] = {BG_JOB_TYPE_UPLOAD, BG_JOB_TYPE_UPLOAD_REPLY};
        wchar_t source[PATH_BYTES];
        ServiceRig *s = *state;

        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                IBackgroundCopyJob2 *job = make_job(s, types[i]);

                new_path(s, source);
                assert_hr(IBackgroundCopyJob2_Resume(job), BG_E_EMPTY);
                assert_hr(IBackgroundCopyJob2_Complete(job), BG_E_INVALID_STATE);
                assert_hr(IBackgroundCopyJob2_AddFile(job, URL, source), S_OK);
                assert_hr(IBackgroundCopyJob2_Complete(job), BG_E_INVALID_STATE);
                assert_int_equal(service_job_state(job), BG_JOB_STATE_SUSPENDED);
                assert_hr(IBackgroundCopyJob2_Cancel(job), S_OK);
                (void) IBackgroundCopyJob2_Release(job);
        }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, service_rig_setup, service_rig_teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                CASE(jobs_of_other_types_have_no_reply),
                CASE(the_name_follows_what_was_said),
                CASE(a_name_set_before_the_file_stays_and_survives_a_kill),
                CASE(names_that_are_none_are_refused),
                CASE(ended_jobs_refuse_a_name_and_show_the_old_one),
                CASE(an_upload_has_exactly_one_file),
                CASE(remote_names_of_uploads_are_http),
                CASE(uploads_cannot_be_completed_early),
        };

        if (!service_rig_arguments(argc, argv)) {
                fprintf(stderr, "usage: %s BITSD BAD_SERVER [TEST]\n", argv[0]);
                return 2;
        }
        return cmocka_run_group_tests_name("uploads and replies", tests, NULL, NULL);
}
