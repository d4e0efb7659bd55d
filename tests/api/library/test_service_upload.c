/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads from end to end: the COM objects, the real service and its worker, the real bitssrv, and
 * an application that answers as the URL says (tests/fakes/upload_site.py). Numbers are those of
 * the conformance checklist. */
#include "service_rig.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include "base/alloc.h"
#include "base/attr.h"

enum { ONE_MIB = 1048576, SOURCE_BYTES = 300000, URL_BYTES = 400, POLL_MS = 5 };

typedef struct UploadRig {
        ServiceRig *service;
        pid_t site;
        int site_stdin;
        unsigned site_port;
        char site_dir[PATH_BYTES];
        char source[PATH_BYTES]; /* what is uploaded */
        bits_client *client;
} UploadRig;

static const char *site_path, *bitssrv_path;

static void start_site(UploadRig *u)
{
        char line[32] = "";
        int in[2], out[2];
        FILE *f;

        assert_int_equal(pipe(in), 0);
        assert_int_equal(pipe(out), 0);
        u->site = fork();
        assert_true(u->site >= 0);
        if (u->site == 0) {
                (void) dup2(in[0], 0);
                (void) dup2(out[1], 1);
                for (int fd = 3; fd < 64; fd++)
                        (void) close(fd);
                (void) execl("/usr/bin/python3", "python3", "-B", site_path, bitssrv_path,
                             u->site_dir, (char *) NULL);
                _exit(127);
        }
        (void) close(in[0]);
        (void) close(out[1]);
        u->site_stdin = in[1];
        f = fdopen(out[0], "r");
        assert_non_null(f);
        assert_non_null(fgets(line, sizeof(line), f));
        (void) fclose(f);
        u->site_port = (unsigned) strtoul(line, NULL, 10);
        assert_in_range(u->site_port, 1, 65535);
}

static uint8_t source_byte(size_t i)
{
        return (uint8_t) (i * 17 + i / 251);
}

static void make_source(const char *path)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        for (size_t i = 0; i < SOURCE_BYTES; i++)
                assert_int_not_equal(fputc(source_byte(i), f), EOF);
        assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
        UploadRig *u = mem_new(UploadRig);

        if (!u || service_rig_setup((void **) &u->service) < 0)
                return -1;
        service_rig_path(u->service, u->site_dir, sizeof(u->site_dir));
        service_rig_path(u->service, u->source, sizeof(u->source));
        make_source(u->source);
        start_site(u);
        assert_hr(bits_connect(NULL, &u->client), S_OK);
        *state = u;
        return 0;
}

static int teardown(void **state)
{
        UploadRig *u = *state;
        int status;

        bits_disconnect(u->client);
        (void) close(u->site_stdin); /* then it ends its own child, and itself */
        assert_int_equal(waitpid(u->site, &status, 0), u->site);
        assert_int_equal(service_rig_teardown((void **) &u->service), 0);
        mem_free(u);
        return 0;
}

/* ---- jobs ---- */

static IBackgroundCopyJob2 *make_job(UploadRig *u, BG_JOB_TYPE type, const char *path, GUID *ret_id)
{
        wchar_t url[URL_BYTES], local[PATH_BYTES];
        IBackgroundCopyJob2 *job2;
        IBackgroundCopyJob *job;

        (void) swprintf(url, URL_BYTES, L"http://127.0.0.1:%u/%s", u->site_port, path);
        (void) swprintf(local, PATH_BYTES, L"%s", u->source);
        assert_hr(IBackgroundCopyManager_CreateJob(u->service->manager, L"up", type, ret_id, &job),
                  S_OK);
        assert_hr(IBackgroundCopyJob_QueryInterface(job, &IID_IBackgroundCopyJob2, (void **) &job2),
                  S_OK);
        (void) IBackgroundCopyJob_Release(job);
        assert_hr(IBackgroundCopyJob2_AddFile(job2, url, local), S_OK);
        assert_hr(IBackgroundCopyJob2_SetPriority(job2, BG_JOB_PRIORITY_FOREGROUND), S_OK);
        return job2;
}

static IBackgroundCopyJob2 *transferred_job(UploadRig *u, BG_JOB_TYPE type, const char *path)
{
        IBackgroundCopyJob2 *job;
        GUID id;

        job = make_job(u, type, path, &id);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        return job;
}

static void reply_name(IBackgroundCopyJob2 *job, char path[PATH_BYTES * 2])
{
        LPWSTR name;

        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &name), S_OK);
        assert_non_null(name);
        assert_true(snprintf(path, PATH_BYTES * 2, "%ls", name) > 0);
        CoTaskMemFree(name);
}

static BG_FILE_PROGRESS file_progress(IBackgroundCopyJob2 *job)
{
        IEnumBackgroundCopyFiles *files;
        IBackgroundCopyFile *file;
        BG_FILE_PROGRESS progress;

        assert_hr(IBackgroundCopyJob2_EnumFiles(job, &files), S_OK);
        assert_hr(IEnumBackgroundCopyFiles_Next(files, 1, &file, NULL), S_OK);
        assert_hr(IBackgroundCopyFile_GetProgress(file, &progress), S_OK);
        (void) IBackgroundCopyFile_Release(file);
        (void) IEnumBackgroundCopyFiles_Release(files);
        return progress;
}

static void assert_uploaded(IBackgroundCopyJob2 *job)
{
        BG_FILE_PROGRESS of_file = file_progress(job);
        BG_JOB_PROGRESS progress;

        assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_true(progress.BytesTotal == SOURCE_BYTES);
        assert_true(progress.BytesTransferred == SOURCE_BYTES);
        assert_int_equal(progress.FilesTotal, 1);
        assert_int_equal(progress.FilesTransferred, 1);
        assert_true(of_file.BytesTotal == SOURCE_BYTES);
        assert_true(of_file.BytesTransferred == SOURCE_BYTES);
        assert_true(of_file.Completed);
}

static void assert_reply_progress(IBackgroundCopyJob2 *job, UINT64 total, UINT64 transferred)
{
        BG_JOB_REPLY_PROGRESS progress;

        assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, &progress), S_OK);
        assert_true(progress.BytesTotal == total);
        assert_true(progress.BytesTransferred == transferred);
}

static void assert_pattern(const uint8_t *data, size_t bytes)
{
        for (size_t i = 0; i < bytes; i++)
                if (data[i] != (uint8_t) (i * 31))
                        fail_msg("byte %zu of the reply differs", i);
}

static void assert_reply_data(IBackgroundCopyJob2 *job, size_t bytes)
{
        BYTE *buffer = (BYTE *) 1;
        UINT64 length = 1;

        assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length), S_OK);
        assert_true(length == bytes);
        if (bytes == 0)
                assert_null(buffer);
        else
                assert_pattern(buffer, bytes);
        CoTaskMemFree(buffer);
}

static uint8_t *read_file(const char *path, size_t bytes)
{
        uint8_t *data = mem_alloc(bytes + 1);
        FILE *f = fopen(path, "re");

        assert_non_null(data);
        if (!f)
                fail_msg("%s is not there", path);
        assert_int_equal(fread(data, 1, bytes + 1, f), bytes);
        (void) fclose(f);
        return data;
}

static void assert_reply_file(const char *path, size_t bytes)
{
        uint8_t *data = read_file(path, bytes);

        assert_pattern(data, bytes);
        mem_free(data);
}

static void assert_source(const char *path)
{
        uint8_t *data = read_file(path, SOURCE_BYTES);

        for (size_t i = 0; i < SOURCE_BYTES; i++)
                if (data[i] != source_byte(i))
                        fail_msg("byte %zu of %s differs", i, path);
        mem_free(data);
}

static unsigned count_temporaries(UploadRig *u)
{
        DIR *dir = opendir(u->service->dir);
        unsigned n = 0;

        assert_non_null(dir);
        for (struct dirent *e; (e = readdir(dir));)
                n += strncmp(e->d_name, ".BIT", 4) == 0;
        (void) closedir(dir);
        return n;
}

/* ---- uploads ---- */

static void an_upload_arrives_and_its_source_stays(void **state)
{
        UploadRig *u = *state;
        char path[PATH_BYTES * 2];
        IBackgroundCopyJob2 *job = transferred_job(u, BG_JOB_TYPE_UPLOAD, "plain/up.bin");

        assert_uploaded(job);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        assert_int_equal(service_job_state(job), BG_JOB_STATE_ACKNOWLEDGED);
        assert_uploaded(job);
        (void) snprintf(path, sizeof(path), "%s/plain/up.bin", u->site_dir);
        assert_source(path);
        assert_source(u->source);
        (void) IBackgroundCopyJob2_Release(job);
}

static void a_source_that_is_missing_is_an_error_of_the_local_file(void **state)
{
        UploadRig *u = *state;
        BG_ERROR_CONTEXT context;
        IBackgroundCopyError *error;
        IBackgroundCopyFile *file;
        IBackgroundCopyJob2 *job;
        HRESULT code;
        GUID id;

        job = make_job(u, BG_JOB_TYPE_UPLOAD, "plain/up.bin", &id);
        assert_int_equal(unlink(u->source), 0);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_ERROR);
        assert_hr(IBackgroundCopyJob2_GetError(job, &error), S_OK);
        assert_hr(IBackgroundCopyError_GetError(error, &context, &code), S_OK);
        assert_hr(code, HRESULT_FROM_WIN32(2));
        assert_int_equal(context, BG_ERROR_CONTEXT_LOCAL_FILE);
        assert_hr(IBackgroundCopyError_GetFile(error, &file), S_OK);
        (void) IBackgroundCopyFile_Release(file);
        (void) IBackgroundCopyError_Release(error);

        make_source(u->source);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- replies: 14, 15 ---- */

static void a_reply_is_read_before_and_after_complete(void **state)
{
        static const size_t sizes[] = {1, 70000, ONE_MIB};
        UploadRig *u = *state;

        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                char path[PATH_BYTES * 2], url[64];
                IBackgroundCopyJob2 *job;

                (void) snprintf(url, sizeof(url), "app/up-%zu?reply=%zu", i, sizes[i]);
                job = transferred_job(u, BG_JOB_TYPE_UPLOAD_REPLY, url);
                assert_uploaded(job); /* the reply counts in neither files nor bytes */
                assert_reply_progress(job, sizes[i], sizes[i]);
                reply_name(job, path);
                assert_int_equal(service_file_size(path), -1);
                assert_reply_data(job, sizes[i]);
                assert_reply_data(job, sizes[i]); /* reading takes nothing away */
                assert_int_equal(count_temporaries(u), 1);
                assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L"/tmp/late"),
                          BG_E_INVALID_STATE);

                assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
                assert_reply_file(path, sizes[i]);
                assert_reply_data(job, sizes[i]);
                assert_reply_progress(job, sizes[i], sizes[i]);
                assert_int_equal(count_temporaries(u), 0);
                assert_source(u->source);
                (void) IBackgroundCopyJob2_Release(job);
        }
}

static void a_reply_that_is_too_large_is_read_from_its_file(void **state)
{
        UploadRig *u = *state;
        char path[PATH_BYTES * 2];
        IBackgroundCopyJob2 *job =
                transferred_job(u, BG_JOB_TYPE_UPLOAD_REPLY, "app/up?reply=1048577");

        for (unsigned round = 0; round < 2; round++) {
                BYTE *buffer = (BYTE *) 1;
                UINT64 length = 0;

                assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length), BG_E_TOO_LARGE);
                assert_null(buffer);
                assert_true(length == ONE_MIB + 1);
                if (round == 0)
                        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        }
        reply_name(job, path);
        assert_reply_file(path, ONE_MIB + 1);
        (void) IBackgroundCopyJob2_Release(job);
}

static void an_answer_of_no_bytes_is_an_empty_file(void **state)
{
        UploadRig *u = *state;
        char path[PATH_BYTES * 2];
        IBackgroundCopyJob2 *job = transferred_job(u, BG_JOB_TYPE_UPLOAD_REPLY, "app/up?reply=0");

        assert_reply_progress(job, 0, 0);
        assert_reply_data(job, 0);
        reply_name(job, path);
        assert_int_equal(service_file_size(path), -1);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        assert_int_equal(service_file_size(path), 0);
        assert_reply_data(job, 0);
        (void) IBackgroundCopyJob2_Release(job);
}

/* /plain has no application, and names no reply. */
static void a_server_without_a_reply_is_an_error_unless_that_is_allowed(void **state)
{
        UploadRig *u = *state;
        char path[PATH_BYTES * 2];
        IBackgroundCopyJob2 *job;
        GUID id;

        job = make_job(u, BG_JOB_TYPE_UPLOAD_REPLY, "plain/up", &id);
        assert_hr(IBackgroundCopyJob2_SetNoProgressTimeout(job, 0), S_OK);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_ERROR);
        assert_reply_progress(job, BG_SIZE_UNKNOWN, 0);
        assert_hr(bits_job_set_reply_optional(u->client, &id, 1), S_OK);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        assert_reply_data(job, 0);
        assert_reply_progress(job, 0, 0);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        reply_name(job, path);
        assert_int_equal(service_file_size(path), 0);
        (void) IBackgroundCopyJob2_Release(job);
}

static void a_reply_file_that_was_deleted_is_its_own_error(void **state)
{
        UploadRig *u = *state;
        char path[PATH_BYTES * 2];
        IBackgroundCopyJob2 *job =
                transferred_job(u, BG_JOB_TYPE_UPLOAD_REPLY, "app/up?reply=1000");
        BYTE *buffer = (BYTE *) 1;
        UINT64 length;

        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        reply_name(job, path);
        assert_int_equal(unlink(path), 0);
        assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length), HRESULT_FROM_WIN32(2));
        assert_null(buffer);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- 13 ---- */

static void a_name_can_change_until_the_reply_is_under_way(void **state)
{
        UploadRig *u = *state;
        char path[PATH_BYTES * 2], query[URL_BYTES];
        wchar_t chosen[PATH_BYTES];
        BG_JOB_REPLY_PROGRESS progress = {BG_SIZE_UNKNOWN, 0};
        IBackgroundCopyJob2 *job;
        char text[PATH_BYTES];
        GUID id;

        service_rig_path(u->service, text, sizeof(text));
        (void) swprintf(chosen, PATH_BYTES, L"%s", text);
        (void) snprintf(query, sizeof(query),
                        "app/up?static=http%%3A//127.0.0.1%%3A%u/f%%3Fsize=90000%%26gate=a%%26"
                        "gate_at=40000",
                        u->service->port);
        job = make_job(u, BG_JOB_TYPE_UPLOAD_REPLY, query, &id);
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, chosen), S_OK);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        for (unsigned i = 0; i < 2000 && progress.BytesTotal == BG_SIZE_UNKNOWN; i++) {
                assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, &progress), S_OK);
                (void) poll(NULL, 0, POLL_MS);
        }
        assert_true(progress.BytesTotal == 90000);
        assert_int_equal(service_job_state(job), BG_JOB_STATE_TRANSFERRING);
        assert_uploaded(job); /* the server has it, and the file is Completed */
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, L"/tmp/late"), BG_E_INVALID_STATE);
        assert_non_null(strstr(bits_last_message(), "the download of the reply has begun"));
        assert_hr(IBackgroundCopyJob2_SetReplyFileName(job, NULL), BG_E_INVALID_STATE);
        service_rig_steer(u->service, "_open?gate=a");
        service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        assert_reply_progress(job, 90000, 90000);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        reply_name(job, path);
        assert_string_equal(path, text);
        assert_int_equal(service_file_size(text), 90000);
        (void) IBackgroundCopyJob2_Release(job);
}

static void an_application_that_fails_is_told_apart(void **state)
{
        UploadRig *u = *state;
        BG_ERROR_CONTEXT context;
        IBackgroundCopyError *error;
        IBackgroundCopyJob2 *job;
        HRESULT code;
        GUID id;

        job = make_job(u, BG_JOB_TYPE_UPLOAD_REPLY, "app/up?status=403", &id);
        assert_hr(IBackgroundCopyJob2_SetNoProgressTimeout(job, 0), S_OK);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_ERROR);
        assert_hr(IBackgroundCopyJob2_GetError(job, &error), S_OK);
        assert_hr(IBackgroundCopyError_GetError(error, &context, &code), S_OK);
        assert_int_equal(context, BG_ERROR_CONTEXT_REMOTE_APPLICATION);
        assert_hr(code, 0x80190193);
        (void) IBackgroundCopyError_Release(error);
        assert_reply_progress(job, BG_SIZE_UNKNOWN, 0); /* so it was not the reply's half */
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- 27, and Cancel ---- */

static void a_reply_is_kept_over_a_kill(void **state)
{
        UploadRig *u = *state;
        char path[PATH_BYTES * 2];
        IBackgroundCopyJob2 *job =
                transferred_job(u, BG_JOB_TYPE_UPLOAD_REPLY, "app/up?reply=70000");

        service_rig_kill(u->service);
        assert_int_equal(service_job_state(job), BG_JOB_STATE_TRANSFERRED);
        assert_reply_data(job, 70000);
        assert_uploaded(job);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        service_rig_kill(u->service);
        assert_reply_data(job, 70000);
        reply_name(job, path);
        assert_reply_file(path, 70000);
        (void) IBackgroundCopyJob2_Release(job);
}

static unsigned count_in_log(UploadRig *u, const char *word)
{
        char path[PATH_BYTES * 2], line[2048];
        unsigned n = 0;
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/access.log", u->site_dir);
        f = fopen(path, "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                n += strstr(line, word) != NULL;
        (void) fclose(f);
        return n;
}

/* The application refuses once, when the server has every byte; then the service dies. */
static void a_session_goes_on_over_a_kill(void **state)
{
        UploadRig *u = *state;
        char path[PATH_BYTES * 2];
        IBackgroundCopyJob2 *job;
        unsigned fragments;
        GUID id;

        job = make_job(u, BG_JOB_TYPE_UPLOAD_REPLY, "app/up?reply=500&status=503&times=1", &id);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSIENT_ERROR);
        fragments = count_in_log(u, "packet=Fragment");
        service_rig_kill(u->service);
        assert_int_equal(service_job_state(job), BG_JOB_STATE_TRANSIENT_ERROR);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        assert_int_equal(count_in_log(u, "packet=Create-Session"), 1);
        assert_int_equal(count_in_log(u, "packet=Fragment"), fragments + 1); /* its last byte */
        assert_reply_data(job, 500);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        reply_name(job, path);
        assert_reply_file(path, 500);
        (void) IBackgroundCopyJob2_Release(job);
}

static void cancel_removes_the_reply_and_nothing_else(void **state)
{
        UploadRig *u = *state;
        char path[PATH_BYTES * 2];
        IBackgroundCopyJob2 *job =
                transferred_job(u, BG_JOB_TYPE_UPLOAD_REPLY, "app/up?reply=70000");
        BYTE *buffer;
        UINT64 length;

        assert_int_equal(count_temporaries(u), 1);
        assert_hr(IBackgroundCopyJob2_Cancel(job), S_OK);
        assert_int_equal(count_temporaries(u), 0);
        assert_hr(IBackgroundCopyJob2_GetReplyData(job, &buffer, &length), BG_E_INVALID_STATE);
        reply_name(job, path);
        assert_int_equal(service_file_size(path), -1);
        assert_source(u->source);
        (void) IBackgroundCopyJob2_Release(job);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                CASE(an_upload_arrives_and_its_source_stays),
                CASE(a_source_that_is_missing_is_an_error_of_the_local_file),
                CASE(a_reply_is_read_before_and_after_complete),
                CASE(a_reply_that_is_too_large_is_read_from_its_file),
                CASE(an_answer_of_no_bytes_is_an_empty_file),
                CASE(a_server_without_a_reply_is_an_error_unless_that_is_allowed),
                CASE(a_reply_file_that_was_deleted_is_its_own_error),
                CASE(a_name_can_change_until_the_reply_is_under_way),
                CASE(an_application_that_fails_is_told_apart),
                CASE(a_reply_is_kept_over_a_kill),
                CASE(a_session_goes_on_over_a_kill),
                CASE(cancel_removes_the_reply_and_nothing_else),
        };

        if (argc < 5 || !service_rig_arguments(3, argv)) {
                fprintf(stderr, "usage: %s BITSD BAD_SERVER UPLOAD_SITE BITSSRV [TEST]\n", argv[0]);
                return 2;
        }
        site_path = argv[3];
        bitssrv_path = argv[4];
        if (argc > 5)
                cmocka_set_test_filter(argv[5]);
        return cmocka_run_group_tests_name("uploads from end to end", tests, NULL, NULL);
}
