/* SPDX-License-Identifier: Apache-2.0 */
/* The COM objects against the real service: what a new job is like, every method in every state,
 * and what the conformance checklist says of downloads. */
#include "service_rig.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"

static const BG_JOB_STATE all_states[] = {
        BG_JOB_STATE_SUSPENDED,    BG_JOB_STATE_QUEUED,          BG_JOB_STATE_CONNECTING,
        BG_JOB_STATE_TRANSFERRING, BG_JOB_STATE_TRANSIENT_ERROR, BG_JOB_STATE_ERROR,
        BG_JOB_STATE_TRANSFERRED,  BG_JOB_STATE_ACKNOWLEDGED,    BG_JOB_STATE_CANCELLED,
};

static bool is_final(BG_JOB_STATE s)
{
        return s == BG_JOB_STATE_ACKNOWLEDGED || s == BG_JOB_STATE_CANCELLED;
}

/* ---- 1 to 3, 6, 9 ---- */

static void a_new_job_has_the_documented_defaults(void **state)
{
        ServiceRig *s = *state;
        BG_JOB_PROGRESS progress;
        BG_JOB_PROXY_USAGE usage;
        BG_JOB_PRIORITY priority;
        IBackgroundCopyJob2 *job;
        BG_JOB_TIMES times;
        BG_JOB_TYPE type;
        wchar_t owner[32];
        LPWSTR a, b;
        IUnknown *callback;
        ULONG n;
        GUID id;

        job = service_job(s, &id);
        assert_int_equal(service_job_state(job), BG_JOB_STATE_SUSPENDED);
        assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_true(progress.BytesTotal == 0 && progress.BytesTransferred == 0);
        assert_true(progress.FilesTotal == 0 && progress.FilesTransferred == 0);
        assert_hr(IBackgroundCopyJob2_GetPriority(job, &priority), S_OK);
        assert_int_equal(priority, BG_JOB_PRIORITY_NORMAL);
        assert_hr(IBackgroundCopyJob2_GetType(job, &type), S_OK);
        assert_int_equal(type, BG_JOB_TYPE_DOWNLOAD);
        assert_hr(IBackgroundCopyJob2_GetMinimumRetryDelay(job, &n), S_OK);
        assert_int_equal(n, 600);
        assert_hr(IBackgroundCopyJob2_GetNoProgressTimeout(job, &n), S_OK);
        assert_int_equal(n, 1209600);
        assert_hr(IBackgroundCopyJob2_GetNotifyFlags(job, &n), S_OK);
        assert_int_equal(n, 3);
        assert_hr(IBackgroundCopyJob2_GetErrorCount(job, &n), S_OK);
        assert_int_equal(n, 0);
        assert_hr(IBackgroundCopyJob2_GetDescription(job, &a), S_OK);
        assert_wide(a, L"");
        assert_hr(IBackgroundCopyJob2_GetProxySettings(job, &usage, &a, &b), S_OK);
        assert_int_equal(usage, BG_JOB_PROXY_USAGE_PRECONFIG);
        assert_null(a);
        assert_null(b);
        assert_hr(IBackgroundCopyJob2_GetNotifyCmdLine(job, &a, &b), S_OK);
        assert_wide(a, L"");
        assert_wide(b, L"");
        assert_hr(IBackgroundCopyJob2_GetNotifyInterface(job, &callback), S_OK);
        assert_null(callback);
        assert_hr(IBackgroundCopyJob2_GetTimes(job, &times), S_OK);
        assert_true(times.CreationTime.dwHighDateTime > 0x01d00000);
        assert_memory_equal(&times.CreationTime, &times.ModificationTime, sizeof(FILETIME));
        assert_true(times.TransferCompletionTime.dwHighDateTime == 0);
        (void) swprintf(owner, 32, L"S-1-22-1-%u", (unsigned) geteuid());
        assert_hr(IBackgroundCopyJob2_GetOwner(job, &a), S_OK);
        assert_wide(a, owner);

        assert_hr(IBackgroundCopyJob2_Resume(job), BG_E_EMPTY);
        assert_int_equal(service_job_state(job), BG_JOB_STATE_SUSPENDED);
        assert_hr(IBackgroundCopyJob2_SetMinimumRetryDelay(job, 1), S_OK);
        assert_hr(IBackgroundCopyJob2_GetMinimumRetryDelay(job, &n), S_OK);
        assert_int_equal(n, 5);
        (void) IBackgroundCopyJob2_Release(job);
}

static void create_job_checks_its_arguments(void **state)
{
        ServiceRig *s = *state;
        IBackgroundCopyJob *job;
        wchar_t name[258];
        GUID id;

        wmemset(name, L'n', 257);
        name[257] = 0;
#define CREATE(n, t, i, j) IBackgroundCopyManager_CreateJob(s->manager, n, (BG_JOB_TYPE) (t), i, j)
        assert_hr(CREATE(NULL, 0, &id, &job), E_INVALIDARG);
        assert_hr(CREATE(name, 0, &id, &job), E_INVALIDARG);
        assert_hr(CREATE(L"a", 0, NULL, &job), E_INVALIDARG);
        assert_hr(CREATE(L"a", 0, &id, NULL), E_INVALIDARG);
        assert_hr(CREATE(L"a", 3, &id, &job), E_NOTIMPL);
        name[256] = 0;
        assert_hr(CREATE(name, 0, &id, &job), S_OK);
        (void) IBackgroundCopyJob_Release(job);
#undef CREATE
}

/* ---- 4, 6 ---- */

static void add_file_checks_names_and_directory(void **state)
{
        ServiceRig *s = *state;
        static wchar_t url[2202];
        wchar_t path[PATH_BYTES], locked[PATH_BYTES + 8];
        BG_JOB_PROGRESS progress;
        IBackgroundCopyJob2 *job;
        char narrow[PATH_BYTES];
        GUID id;

        job = service_job(s, &id);
        service_rig_path(s, narrow, sizeof(narrow));
        (void) swprintf(path, PATH_BYTES, L"%s", narrow);
#define ADD(u, p) IBackgroundCopyJob2_AddFile(job, u, p)
        assert_hr(ADD(L"http://h/a", L"relative"), E_INVALIDARG);
        assert_hr(ADD(L"http://h/a", L"/tmp/a*"), E_INVALIDARG);
        assert_hr(ADD(L"http://h/a", L"/tmp/a?"), E_INVALIDARG);
        assert_hr(ADD(L"ftp://h/a", path), E_INVALIDARG);
        assert_hr(ADD(L"http://", path), E_INVALIDARG);
        assert_hr(ADD(L"", path), E_INVALIDARG);
        assert_hr(ADD(L"http://h/a", L""), E_INVALIDARG);
        wmemcpy(url, L"http://h/", 9);
        for (size_t i = 9; i < 2201; i++)
                url[i] = i % 200 ? L'u' : L'/';
        assert_hr(ADD(url, path), E_INVALIDARG);
        if (geteuid() != 0) {
                (void) snprintf(narrow, sizeof(narrow), "%s/locked", s->dir);
                assert_int_equal(mkdir(narrow, 0500), 0);
                (void) swprintf(locked, PATH_BYTES, L"%s/locked/f", s->dir);
                assert_hr(ADD(L"http://h/a", locked), E_ACCESSDENIED);
        }
        assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_int_equal(progress.FilesTotal, 0);
        url[2200] = 0;
        assert_hr(ADD(url, path), S_OK);
        assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_int_equal(progress.FilesTotal, 1);
        assert_true(progress.BytesTotal == BG_SIZE_UNKNOWN);
#undef ADD
        (void) IBackgroundCopyJob2_Release(job);
}

static void a_set_of_files_is_added_whole_or_not_at_all(void **state)
{
        ServiceRig *s = *state;
        wchar_t url[128], path[PATH_BYTES];
        BG_FILE_INFO set[2] = {{url, path}, {url, (LPWSTR) L"relative"}};
        BG_JOB_PROGRESS progress;
        IBackgroundCopyJob2 *job;
        GUID id;

        job = service_job(s, &id);
        (void) swprintf(url, 128, L"%s/f?size=10", s->url);
        (void) swprintf(path, PATH_BYTES, L"%s/set", s->dir);
        assert_hr(IBackgroundCopyJob2_AddFileSet(job, 2, set), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_int_equal(progress.FilesTotal, 0);
        assert_hr(IBackgroundCopyJob2_AddFileSet(job, 1, set), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- 7 ---- */

static void enumerators_follow_the_rules(void **state)
{
        ServiceRig *s = *state;
        IBackgroundCopyFile *files[3];
        IEnumBackgroundCopyFiles *e;
        IEnumBackgroundCopyJobs *jobs;
        IBackgroundCopyJob2 *job;
        char path[PATH_BYTES];
        ULONG n;
        GUID id;

        job = service_job(s, &id);
        for (unsigned i = 0; i < 3; i++)
                service_job_add(s, job, "size=10", path);
        assert_hr(IBackgroundCopyJob2_EnumFiles(job, &e), S_OK);
        assert_hr(IEnumBackgroundCopyFiles_GetCount(e, &n), S_OK);
        assert_int_equal(n, 3);
        assert_hr(IEnumBackgroundCopyFiles_Next(e, 2, files, NULL), E_INVALIDARG);
        assert_hr(IEnumBackgroundCopyFiles_Skip(e, 2), S_OK);
        assert_hr(IEnumBackgroundCopyFiles_Next(e, 3, files, &n), S_FALSE);
        assert_int_equal(n, 1);
        (void) IBackgroundCopyFile_Release(files[0]);
        assert_hr(IEnumBackgroundCopyFiles_Next(e, 1, files, &n), S_FALSE);
        assert_int_equal(n, 0);
        assert_hr(IEnumBackgroundCopyFiles_Reset(e), S_OK);
        assert_hr(IEnumBackgroundCopyFiles_Skip(e, 3), S_OK);
        assert_hr(IEnumBackgroundCopyFiles_Skip(e, 1), S_FALSE);
        (void) IEnumBackgroundCopyFiles_Release(e);
        assert_hr(IBackgroundCopyManager_EnumJobs(s->manager, 0, &jobs), S_OK);
        assert_hr(IEnumBackgroundCopyJobs_GetCount(jobs, &n), S_OK);
        assert_int_equal(n, 1);
        (void) IEnumBackgroundCopyJobs_Release(jobs);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- the matrix; 8 and 20 with it ---- */

typedef HRESULT Method(IBackgroundCopyJob2 *job);

static HRESULT call_suspend(IBackgroundCopyJob2 *job)
{
        return IBackgroundCopyJob2_Suspend(job);
}

static HRESULT call_resume(IBackgroundCopyJob2 *job)
{
        return IBackgroundCopyJob2_Resume(job);
}

static HRESULT call_cancel(IBackgroundCopyJob2 *job)
{
        return IBackgroundCopyJob2_Cancel(job);
}

static HRESULT call_complete(IBackgroundCopyJob2 *job)
{
        return IBackgroundCopyJob2_Complete(job);
}

/* What these give in each state (in the order of BG_JOB_STATE), and the state after; -1: any that
 * an active job may be in. */
enum { ACTIVE = -1 };
static const struct {
        const char *name;
        Method *method;
        struct {
                HRESULT hr;
                int after;
        } in[9];
} state_methods[] = {
        {"Suspend",
         call_suspend,
         {[BG_JOB_STATE_QUEUED] = {S_OK, BG_JOB_STATE_SUSPENDED},
          [BG_JOB_STATE_CONNECTING] = {S_OK, BG_JOB_STATE_SUSPENDED},
          [BG_JOB_STATE_TRANSFERRING] = {S_OK, BG_JOB_STATE_SUSPENDED},
          [BG_JOB_STATE_SUSPENDED] = {S_OK, BG_JOB_STATE_SUSPENDED},
          [BG_JOB_STATE_ERROR] = {S_OK, BG_JOB_STATE_ERROR},
          [BG_JOB_STATE_TRANSIENT_ERROR] = {S_OK, BG_JOB_STATE_SUSPENDED},
          [BG_JOB_STATE_TRANSFERRED] = {S_OK, BG_JOB_STATE_TRANSFERRED},
          [BG_JOB_STATE_ACKNOWLEDGED] = {BG_E_INVALID_STATE, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_CANCELLED] = {BG_E_INVALID_STATE, BG_JOB_STATE_CANCELLED}}},
        {"Resume",
         call_resume,
         {[BG_JOB_STATE_QUEUED] = {S_OK, ACTIVE},
          [BG_JOB_STATE_CONNECTING] = {S_OK, ACTIVE},
          [BG_JOB_STATE_TRANSFERRING] = {S_OK, ACTIVE},
          [BG_JOB_STATE_SUSPENDED] = {S_OK, ACTIVE},
          [BG_JOB_STATE_ERROR] = {S_OK, ACTIVE},
          [BG_JOB_STATE_TRANSIENT_ERROR] = {S_OK, ACTIVE},
          [BG_JOB_STATE_TRANSFERRED] = {BG_E_EMPTY, BG_JOB_STATE_TRANSFERRED},
          [BG_JOB_STATE_ACKNOWLEDGED] = {BG_E_INVALID_STATE, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_CANCELLED] = {BG_E_INVALID_STATE, BG_JOB_STATE_CANCELLED}}},
        {"Cancel",
         call_cancel,
         {[BG_JOB_STATE_QUEUED] = {S_OK, BG_JOB_STATE_CANCELLED},
          [BG_JOB_STATE_CONNECTING] = {S_OK, BG_JOB_STATE_CANCELLED},
          [BG_JOB_STATE_TRANSFERRING] = {S_OK, BG_JOB_STATE_CANCELLED},
          [BG_JOB_STATE_SUSPENDED] = {S_OK, BG_JOB_STATE_CANCELLED},
          [BG_JOB_STATE_ERROR] = {S_OK, BG_JOB_STATE_CANCELLED},
          [BG_JOB_STATE_TRANSIENT_ERROR] = {S_OK, BG_JOB_STATE_CANCELLED},
          [BG_JOB_STATE_TRANSFERRED] = {S_OK, BG_JOB_STATE_CANCELLED},
          [BG_JOB_STATE_ACKNOWLEDGED] = {BG_E_INVALID_STATE, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_CANCELLED] = {BG_E_INVALID_STATE, BG_JOB_STATE_CANCELLED}}},
        {"Complete",
         call_complete,
         {[BG_JOB_STATE_QUEUED] = {BG_S_PARTIAL_COMPLETE, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_CONNECTING] = {BG_S_PARTIAL_COMPLETE, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_TRANSFERRING] = {BG_S_PARTIAL_COMPLETE, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_SUSPENDED] = {BG_S_PARTIAL_COMPLETE, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_ERROR] = {BG_S_PARTIAL_COMPLETE, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_TRANSIENT_ERROR] = {BG_S_PARTIAL_COMPLETE, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_TRANSFERRED] = {S_OK, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_ACKNOWLEDGED] = {BG_E_INVALID_STATE, BG_JOB_STATE_ACKNOWLEDGED},
          [BG_JOB_STATE_CANCELLED] = {BG_E_INVALID_STATE, BG_JOB_STATE_CANCELLED}}},
};

static void methods_that_move_the_state_do_so_in_every_state(void **state)
{
        ServiceRig *s = *state;

        for (size_t m = 0; m < ARRAY_LEN(state_methods); m++) {
                for (size_t i = 0; i < ARRAY_LEN(all_states); i++) {
                        BG_JOB_STATE from = all_states[i], after;
                        IBackgroundCopyJob2 *job;
                        HRESULT hr;
                        GUID id;

                        job = service_job_in(s, from, &id, NULL);
                        hr = state_methods[m].method(job);
                        after = service_job_state(job);
                        if (hr != state_methods[m].in[from].hr ||
                            (state_methods[m].in[from].after != ACTIVE &&
                             state_methods[m].in[from].after != (int) after))
                                fail_msg("%s in %s: 0x%08x, then %s", state_methods[m].name,
                                         bits_state_name(from), (unsigned) hr,
                                         bits_state_name(after));
                        if (!is_final(after))
                                assert_hr(IBackgroundCopyJob2_Cancel(job), S_OK);
                        (void) IBackgroundCopyJob2_Release(job);
                }
        }
}

/* Setters: good in every state but the final ones. Returns the first result that is not as it
 * should be. */
static HRESULT call_setters(ServiceRig *s, IBackgroundCopyJob2 *job, HRESULT wanted)
{
        wchar_t url[128], path[PATH_BYTES];
        BG_FILE_INFO set = {url, path};
        char narrow[PATH_BYTES];
        CallbackObject c;
        HRESULT hr;

        (void) swprintf(url, 128, L"%s/f?size=10", s->url);
        service_rig_path(s, narrow, sizeof(narrow));
        (void) swprintf(path, PATH_BYTES, L"%s", narrow);
#define TRY(call)                                                                                  \
        do {                                                                                       \
                hr = IBackgroundCopyJob2_##call;                                                   \
                if (hr != wanted) {                                                                \
                        print_message("# %s\n", #call);                                            \
                        return hr;                                                                 \
                }                                                                                  \
        } while (0)
        TRY(SetDisplayName(job, L"n"));
        TRY(SetDescription(job, L"d"));
        TRY(SetNotifyFlags(job, BG_NOTIFY_JOB_ERROR));
        TRY(SetMinimumRetryDelay(job, 60));
        TRY(SetNoProgressTimeout(job, 1000));
        TRY(SetProxySettings(job, BG_JOB_PROXY_USAGE_NO_PROXY, NULL, NULL));
        callback_object_init(&c, NULL, NULL);
        TRY(SetNotifyInterface(job, (IUnknown *) &c.iface));
        TRY(SetNotifyInterface(job, NULL));
        if (geteuid() == 0)
                TRY(TakeOwnership(job));
        TRY(AddFile(job, url, path));
        (void) wcscat(path, L"b");
        TRY(AddFileSet(job, 1, &set));
#undef TRY
        callback_object_done(&c);
        return wanted;
}

static void check_getters(IBackgroundCopyJob2 *job, BG_JOB_STATE from)
{
        IEnumBackgroundCopyFiles *files;
        BG_JOB_REPLY_PROGRESS reply;
        BG_JOB_PROXY_USAGE usage;
        BG_JOB_PROGRESS progress;
        BG_JOB_PRIORITY priority;
        IBackgroundCopyError *error;
        BG_JOB_TIMES times;
        BG_JOB_TYPE type;
        UINT64 length;
        BYTE *bytes;
        LPWSTR a, b;
        ULONG n;
        GUID id;

        assert_hr(IBackgroundCopyJob2_GetId(job, &id), S_OK);
        assert_hr(IBackgroundCopyJob2_GetType(job, &type), S_OK);
        assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_hr(IBackgroundCopyJob2_GetTimes(job, &times), S_OK);
        assert_hr(IBackgroundCopyJob2_GetPriority(job, &priority), S_OK);
        assert_hr(IBackgroundCopyJob2_GetNotifyFlags(job, &n), S_OK);
        assert_hr(IBackgroundCopyJob2_GetMinimumRetryDelay(job, &n), S_OK);
        assert_hr(IBackgroundCopyJob2_GetNoProgressTimeout(job, &n), S_OK);
        assert_hr(IBackgroundCopyJob2_GetErrorCount(job, &n), S_OK);
        assert_hr(IBackgroundCopyJob2_GetOwner(job, &a), S_OK);
        CoTaskMemFree(a);
        assert_hr(IBackgroundCopyJob2_GetDisplayName(job, &a), S_OK);
        CoTaskMemFree(a);
        assert_hr(IBackgroundCopyJob2_GetDescription(job, &a), S_OK);
        CoTaskMemFree(a);
        assert_hr(IBackgroundCopyJob2_GetProxySettings(job, &usage, &a, &b), S_OK);
        CoTaskMemFree(a);
        CoTaskMemFree(b);
        assert_hr(IBackgroundCopyJob2_GetNotifyCmdLine(job, &a, &b), S_OK);
        CoTaskMemFree(a);
        CoTaskMemFree(b);
        assert_hr(IBackgroundCopyJob2_EnumFiles(job, &files), S_OK);
        assert_hr(IEnumBackgroundCopyFiles_GetCount(files, &n), S_OK);
        assert_true(n >= 1);
        (void) IEnumBackgroundCopyFiles_Release(files);
        assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, &reply), E_NOTIMPL);
        assert_hr(IBackgroundCopyJob2_GetReplyData(job, &bytes, &length), E_NOTIMPL);
        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, &a), E_NOTIMPL);
        if (from == BG_JOB_STATE_ERROR || from == BG_JOB_STATE_TRANSIENT_ERROR) {
                assert_hr(IBackgroundCopyJob2_GetError(job, &error), S_OK);
                (void) IBackgroundCopyError_Release(error);
        } else
                assert_hr(IBackgroundCopyJob2_GetError(job, &error),
                          BG_E_ERROR_INFORMATION_UNAVAILABLE);
}

static void getters_and_setters_in_every_state(void **state)
{
        ServiceRig *s = *state;

        for (size_t i = 0; i < ARRAY_LEN(all_states); i++) {
                BG_JOB_STATE from = all_states[i];
                HRESULT wanted = is_final(from) ? BG_E_INVALID_STATE : S_OK;
                IBackgroundCopyJob2 *job;
                IBackgroundCopyJob *found;
                GUID id;

                job = service_job_in(s, from, &id, NULL);
                check_getters(job, from);
                assert_int_equal(service_job_state(job), from);
                assert_hr(IBackgroundCopyManager_GetJob(s->manager, &id, &found),
                          is_final(from) ? BG_E_NOT_FOUND : S_OK);
                if (!is_final(from))
                        (void) IBackgroundCopyJob_Release(found);
                assert_hr(call_setters(s, job, wanted), wanted);
                if (is_final(from))
                        assert_hr(IBackgroundCopyJob2_SetPriority(job, BG_JOB_PRIORITY_LOW),
                                  wanted);
                else
                        assert_hr(IBackgroundCopyJob2_Cancel(job), S_OK);
                (void) IBackgroundCopyJob2_Release(job);
        }
}

static void adding_to_a_transferred_job_lets_it_run_again(void **state)
{
        ServiceRig *s = *state;
        char first[PATH_BYTES], second[PATH_BYTES];
        IBackgroundCopyJob2 *job;
        GUID id;

        job = service_job_in(s, BG_JOB_STATE_TRANSFERRED, &id, first);
        service_job_add(s, job, "size=20", second);
        assert_int_equal(service_job_state(job), BG_JOB_STATE_TRANSFERRED);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        assert_int_equal(service_file_size(first), 1000);
        assert_int_equal(service_file_size(second), 20);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- 18, 19 ---- */

static unsigned count_files(const char *dir, const char *begin)
{
        DIR *d = opendir(dir);
        struct dirent *entry;
        unsigned n = 0;

        assert_non_null(d);
        while ((entry = readdir(d)))
                n += strncmp(entry->d_name, begin, strlen(begin)) == 0;
        (void) closedir(d);
        return n;
}

static void completing_early_keeps_what_is_whole(void **state)
{
        ServiceRig *s = *state;
        char path[5][PATH_BYTES];
        BG_JOB_PROGRESS progress = {0};
        IBackgroundCopyJob2 *job;
        GUID id;

        job = service_job(s, &id);
        for (unsigned i = 0; i < 5; i++)
                service_job_add(s, job, i < 2 ? "size=1000" : "size=1000&stall=500", path[i]);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        while (progress.FilesTransferred < 2)
                assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_hr(IBackgroundCopyJob2_Complete(job), BG_S_PARTIAL_COMPLETE);
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(service_file_size(path[i]), i < 2 ? 1000 : -1);
        assert_int_equal(count_files(s->dir, ".BIT"), 0);
        assert_int_equal(count_files(s->dir, "file-"), 2);
        (void) IBackgroundCopyJob2_Release(job);
}

static void a_failed_rename_leaves_the_job_for_another_try(void **state)
{
        ServiceRig *s = *state;
        IEnumBackgroundCopyFiles *e;
        char path[2][PATH_BYTES], in_the_way[PATH_BYTES + 8];
        IBackgroundCopyFile *file;
        BG_FILE_PROGRESS progress;
        IBackgroundCopyJob2 *job;
        GUID id;

        job = service_job(s, &id);
        service_job_add(s, job, "size=1000", path[0]);
        service_job_add(s, job, "size=2000", path[1]);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        assert_int_equal(mkdir(path[1], 0700), 0);
        (void) snprintf(in_the_way, sizeof(in_the_way), "%s/x", path[1]);
        assert_int_equal(mkdir(in_the_way, 0700), 0);
        assert_true(FAILED(IBackgroundCopyJob2_Complete(job)));
        assert_int_equal(service_job_state(job), BG_JOB_STATE_TRANSFERRED);
        assert_hr(IBackgroundCopyJob2_EnumFiles(job, &e), S_OK);
        for (unsigned i = 0; i < 2; i++) {
                assert_hr(IEnumBackgroundCopyFiles_Next(e, 1, &file, NULL), S_OK);
                assert_hr(IBackgroundCopyFile_GetProgress(file, &progress), S_OK);
                assert_int_equal(progress.Completed, service_file_size(path[i]) == 1000);
                assert_true(progress.BytesTransferred == progress.BytesTotal);
                (void) IBackgroundCopyFile_Release(file);
        }
        (void) IEnumBackgroundCopyFiles_Release(e);
        assert_int_equal(rmdir(in_the_way), 0);
        assert_int_equal(rmdir(path[1]), 0);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        assert_int_equal(service_file_size(path[0]), 1000);
        assert_int_equal(service_file_size(path[1]), 2000);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- 21, and 26 as far as it is of downloads ---- */

static void errors_are_fatal_when_there_is_no_time_to_retry(void **state)
{
        ServiceRig *s = *state;
        char path[PATH_BYTES];
        IBackgroundCopyJob2 *job;
        GUID id;

        for (unsigned i = 0; i < 2; i++) {
                job = service_job(s, &id);
                service_job_add(s, job, "status=503", path);
                assert_hr(IBackgroundCopyJob2_SetMinimumRetryDelay(job, 100), S_OK);
                assert_hr(IBackgroundCopyJob2_SetNoProgressTimeout(job, i == 0 ? 0 : 99), S_OK);
                assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
                service_job_wait(job, BG_JOB_STATE_ERROR);
                (void) IBackgroundCopyJob2_Release(job);
        }
}

static void errors_have_the_code_of_the_answer(void **state)
{
        ServiceRig *s = *state;
        static const struct {
                const char *query;
                BG_JOB_STATE end;
                HRESULT code;
        } cases[] = {
                {"status=401", BG_JOB_STATE_ERROR, BG_E_HTTP_ERROR_401},
                {"status=404", BG_JOB_STATE_ERROR, BG_E_HTTP_ERROR_404},
                {"status=408", BG_JOB_STATE_TRANSIENT_ERROR, BG_E_HTTP_ERROR_408},
                {"status=409", BG_JOB_STATE_TRANSIENT_ERROR, BG_E_HTTP_ERROR_409},
                {"status=501", BG_JOB_STATE_ERROR, BG_E_HTTP_ERROR_501},
                {"status=503", BG_JOB_STATE_TRANSIENT_ERROR, BG_E_HTTP_ERROR_503},
                {"status=505", BG_JOB_STATE_ERROR, BG_E_HTTP_ERROR_505},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                IBackgroundCopyError *error;
                IBackgroundCopyFile *file;
                BG_ERROR_CONTEXT context;
                IBackgroundCopyJob2 *job;
                char path[PATH_BYTES];
                LPWSTR text;
                HRESULT code;
                GUID id;

                job = service_job(s, &id);
                service_job_add(s, job, cases[i].query, path);
                assert_hr(IBackgroundCopyJob2_SetPriority(job, BG_JOB_PRIORITY_FOREGROUND), S_OK);
                assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
                service_job_wait(job, cases[i].end);
                assert_hr(IBackgroundCopyJob2_GetError(job, &error), S_OK);
                assert_hr(IBackgroundCopyError_GetError(error, &context, &code), S_OK);
                assert_hr(code, cases[i].code);
                assert_int_equal(context, BG_ERROR_CONTEXT_REMOTE_FILE);
                assert_hr(IBackgroundCopyError_GetFile(error, &file), S_OK);
                (void) IBackgroundCopyFile_Release(file);
                assert_hr(IBackgroundCopyError_GetProtocol(error, &text), S_OK);
                assert_wide(text, L"http");
                (void) IBackgroundCopyError_Release(error);
                (void) IBackgroundCopyJob2_Release(job);
        }
}

/* ---- 27 ---- */

static void a_killed_service_comes_back_with_every_job(void **state)
{
        ServiceRig *s = *state;
        IBackgroundCopyJob2 *jobs[ARRAY_LEN(all_states)];
        GUID ids[ARRAY_LEN(all_states)];

        for (size_t i = 0; i < ARRAY_LEN(all_states); i++)
                jobs[i] = service_job_in(s, all_states[i], &ids[i], NULL);
        for (unsigned round = 0; round < 2; round++) {
                service_rig_kill(s);
                /* Pointers that are held go on; jobs that were active find their way again. */
                for (size_t i = 0; i < ARRAY_LEN(all_states); i++)
                        service_job_wait(jobs[i], all_states[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(all_states); i++)
                (void) IBackgroundCopyJob2_Release(jobs[i]);
}

static void partial_data_is_kept_over_a_kill(void **state)
{
        ServiceRig *s = *state;
        BG_JOB_PROGRESS progress = {0};
        char path[PATH_BYTES];
        IBackgroundCopyJob2 *job;
        GUID id;

        job = service_job(s, &id);
        service_job_add(s, job, "size=30000000&gate=g&gate_at=20000000", path);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        while (progress.BytesTransferred < 20000000)
                assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_hr(IBackgroundCopyJob2_Suspend(job), S_OK);
        service_rig_kill(s);
        assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_true(progress.BytesTransferred >= 10000000);
        assert_int_equal(service_job_state(job), BG_JOB_STATE_SUSPENDED);
        service_rig_steer(s, "_open?gate=g");
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        assert_int_equal(service_file_size(path), 30000000);
        (void) IBackgroundCopyJob2_Release(job);
}

static void *complete_in_thread(void *arg)
{
        IBackgroundCopyJob2 *job = arg;
        HRESULT hr = IBackgroundCopyJob2_Complete(job);

        return (void *) (intptr_t) (hr == S_OK || hr == HRESULT_FROM_WIN32(RPC_S_CALL_FAILED));
}

static void a_complete_over_a_kill_has_a_true_result(void **state)
{
        ServiceRig *s = *state;
        unsigned round;

        for (round = 0; round < 8; round++) {
                char paths[40][PATH_BYTES];
                IBackgroundCopyJob2 *job;
                pthread_t thread;
                void *good;
                GUID id;

                job = service_job(s, &id);
                for (unsigned i = 0; i < 40; i++)
                        service_job_add(s, job, "size=3000", paths[i]);
                assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
                service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
                {
                        pid_t pid = service_rig_pid(s);

                        assert_int_equal(pthread_create(&thread, NULL, complete_in_thread, job), 0);
                        (void) usleep(round * 700);
                        (void) kill(pid, SIGKILL);
                }
                (void) pthread_join(thread, &good);
                assert_non_null(good);
                service_job_wait(job, BG_JOB_STATE_ACKNOWLEDGED);
                for (unsigned i = 0; i < 40; i++)
                        assert_int_equal(service_file_size(paths[i]), 3000);
                (void) IBackgroundCopyJob2_Release(job);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, service_rig_setup, service_rig_teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                TEST(a_new_job_has_the_documented_defaults),
                TEST(create_job_checks_its_arguments),
                TEST(add_file_checks_names_and_directory),
                TEST(a_set_of_files_is_added_whole_or_not_at_all),
                TEST(enumerators_follow_the_rules),
                TEST(methods_that_move_the_state_do_so_in_every_state),
                TEST(getters_and_setters_in_every_state),
                TEST(adding_to_a_transferred_job_lets_it_run_again),
                TEST(completing_early_keeps_what_is_whole),
                TEST(a_failed_rename_leaves_the_job_for_another_try),
                TEST(errors_are_fatal_when_there_is_no_time_to_retry),
                TEST(errors_have_the_code_of_the_answer),
                TEST(a_killed_service_comes_back_with_every_job),
                TEST(partial_data_is_kept_over_a_kill),
                TEST(a_complete_over_a_kill_has_a_true_result),
        };

        if (!service_rig_arguments(argc, argv)) {
                fprintf(stderr, "usage: %s BITSD BAD_SERVER [TEST]\n", argv[0]);
                return 2;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
