/* SPDX-License-Identifier: Apache-2.0 */
/* The COM objects against the fake service: activation, identity, every argument rule, every
 * returned value. */
#include "com_rig.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

static HRESULT create(const GUID *clsid, DWORD context, const IID *iid, void **ret)
{
        return CoCreateInstance(clsid, NULL, context, iid, ret);
}

/* ---- activation ---- */

static void every_class_of_the_manager_can_be_created(void **state)
{
        const GUID *const classes[] = {
                &CLSID_BackgroundCopyManager,     &CLSID_BackgroundCopyManager1_5,
                &CLSID_BackgroundCopyManager2_0,  &CLSID_BackgroundCopyManager2_5,
                &CLSID_BackgroundCopyManager3_0,  &CLSID_BackgroundCopyManager4_0,
                &CLSID_BackgroundCopyManager5_0,  &CLSID_BackgroundCopyManager10_1,
                &CLSID_BackgroundCopyManager10_2, &CLSID_BackgroundCopyManager10_3,
        };

        for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
                IBackgroundCopyManager *manager = NULL;
                IUnknown *unknown = NULL;

                assert_hr(create(classes[i], CLSCTX_ALL, &IID_IBackgroundCopyManager,
                                 (void **) &manager),
                          S_OK);
                assert_hr(
                        create(classes[i], CLSCTX_LOCAL_SERVER, &IID_IUnknown, (void **) &unknown),
                        S_OK);
                assert_int_equal(IUnknown_Release(unknown), 0);
                assert_int_equal(IBackgroundCopyManager_Release(manager), 0);
        }
}

static void what_cannot_be_created_says_why(void **state)
{
        static const GUID other = {0x12345678, 0, 0, {0}};
        IUnknown outer = {NULL};
        void *p = &outer;

        assert_hr(create(&other, CLSCTX_ALL, &IID_IUnknown, &p), REGDB_E_CLASSNOTREG);
        assert_null(p);
        assert_hr(create(&CLSID_BackgroundCopyManager, CLSCTX_INPROC_SERVER, &IID_IUnknown, &p),
                  REGDB_E_CLASSNOTREG);
        assert_hr(create(&CLSID_BackgroundCopyManager, CLSCTX_ALL, &IID_IBackgroundCopyJob, &p),
                  E_NOINTERFACE);
        assert_null(p);
        assert_hr(create(&CLSID_BackgroundCopyManager, CLSCTX_ALL, &IID_IUnknown, NULL), E_POINTER);
        assert_hr(create(NULL, CLSCTX_ALL, &IID_IUnknown, &p), E_INVALIDARG);
        assert_hr(create(&CLSID_BackgroundCopyManager, CLSCTX_ALL, NULL, &p), E_INVALIDARG);
        assert_hr(CoCreateInstance(&CLSID_BackgroundCopyManager, &outer, CLSCTX_ALL, &IID_IUnknown,
                                   &p),
                  CLASS_E_NOAGGREGATION);
}

static void *create_in_thread(void *arg)
{
        HRESULT *results = arg;
        IUnknown *unknown;

        results[0] =
                create(&CLSID_BackgroundCopyManager, CLSCTX_ALL, &IID_IUnknown, (void **) &unknown);
        if (SUCCEEDED(results[0]))
                (void) IUnknown_Release(unknown);
        results[1] = CoInitializeEx(NULL, COINIT_APARTMENTTHREADED);
        results[2] = CoInitialize(NULL);
        results[3] = CoInitializeEx(NULL, COINIT_MULTITHREADED);
        CoUninitialize();
        CoUninitialize();
        CoUninitialize(); /* one too many */
        return NULL;
}

static void initialisation_counts_by_thread(void **state)
{
        HRESULT results[4];
        pthread_t thread;
        IUnknown *unknown;

        assert_hr(CoInitializeEx(NULL, COINIT_MULTITHREADED), S_FALSE);
        assert_hr(CoInitializeEx(NULL, COINIT_APARTMENTTHREADED), RPC_E_CHANGED_MODE);
        assert_hr(CoInitializeEx(state, COINIT_MULTITHREADED), E_INVALIDARG);
        assert_hr(CoInitializeEx(NULL, 0x100), E_INVALIDARG);
        CoUninitialize();
        assert_int_equal(pthread_create(&thread, NULL, create_in_thread, results), 0);
        (void) pthread_join(thread, NULL);
        assert_hr(results[0], S_OK); /* the process has a multi-threaded apartment */
        assert_hr(results[1], S_OK);
        assert_hr(results[2], S_FALSE);
        assert_hr(results[3], RPC_E_CHANGED_MODE);

        CoUninitialize(); /* the one of the set-up */
        assert_hr(
                create(&CLSID_BackgroundCopyManager, CLSCTX_ALL, &IID_IUnknown, (void **) &unknown),
                CO_E_NOTINITIALIZED);
        assert_hr(CoInitializeEx(NULL, COINIT_APARTMENTTHREADED), S_OK);
        assert_int_equal(pthread_create(&thread, NULL, create_in_thread, results), 0);
        (void) pthread_join(thread, NULL);
        assert_hr(results[0], CO_E_NOTINITIALIZED);
        CoUninitialize();
        assert_hr(CoInitializeEx(NULL, COINIT_MULTITHREADED), S_OK);
}

static void a_service_that_is_off_shows_at_activation(void **state)
{
        ComRig *com = *state;
        IUnknown *unknown;
        char other[128];

        (void) snprintf(other, sizeof(other), "%s/nobody", com->rig->dir);
        assert_int_equal(setenv("BITSD_SOCKET", other, 1), 0);
        assert_hr(
                create(&CLSID_BackgroundCopyManager, CLSCTX_ALL, &IID_IUnknown, (void **) &unknown),
                HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED));
}

static void the_small_calls_of_com_behave(void **state)
{
        ComRig *com = *state;
        const wchar_t *text = L"{5CE34C0D-0DC9-4C1F-897C-DAA1B78CEE7C}";
        wchar_t buffer[39];
        GUID id = {0};
        void *p;

        assert_int_equal(StringFromGUID2(&IID_IBackgroundCopyManager, buffer, 39), 39);
        assert_int_equal(wcscmp(buffer, text), 0);
        assert_int_equal(StringFromGUID2(&IID_IBackgroundCopyManager, buffer, 38), 0);
        assert_hr(CLSIDFromString(text, &id), S_OK);
        assert_true(IsEqualGUID(&id, &IID_IBackgroundCopyManager));
        assert_hr(CLSIDFromString(L"{5ce34c0d-0dc9-4c1f-897c-daa1b78cee7c}", &id), S_OK);
        assert_hr(CLSIDFromString(L"5ce34c0d-0dc9-4c1f-897c-daa1b78cee7c", &id), CO_E_CLASSSTRING);
        assert_hr(CLSIDFromString(L"{5ce34c0d-0dc9-4c1f-897c-daa1b78cee7c}x", &id),
                  CO_E_CLASSSTRING);
        assert_hr(CLSIDFromString(L"BITS.Manager", &id), CO_E_CLASSSTRING);
        assert_hr(IIDFromString(L"{5ce34c0d}", &id), CO_E_IIDSTRING);
        assert_hr(CLSIDFromString(NULL, &id), S_OK);
        assert_int_equal(id.Data1, 0);
        assert_hr(CLSIDFromString(text, NULL), E_INVALIDARG);

        p = CoTaskMemAlloc(0);
        assert_non_null(p);
        p = CoTaskMemRealloc(p, 100);
        assert_non_null(p);
        assert_null(CoTaskMemRealloc(p, 0));
        CoTaskMemFree(NULL);
        assert_hr(CoInitializeSecurity(NULL, -1, NULL, NULL, RPC_C_AUTHN_LEVEL_CONNECT,
                                       RPC_C_IMP_LEVEL_IMPERSONATE, NULL, EOAC_NONE, NULL),
                  S_OK);
        assert_hr(CoSetProxyBlanket((IUnknown *) com->manager, RPC_C_AUTHN_WINNT, RPC_C_AUTHZ_NONE,
                                    NULL, RPC_C_AUTHN_LEVEL_CALL, RPC_C_IMP_LEVEL_IMPERSONATE, NULL,
                                    EOAC_STATIC_CLOAKING),
                  S_OK);
}

/* ---- identity ---- */

static void a_job_answers_for_both_of_its_interfaces(void **state)
{
        static const IID job3 = {
                0x443c8934, 0x90ff, 0x48ed, {0xbc, 0xde, 0x26, 0xf5, 0xc7, 0x45, 0, 0x42}};
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        IUnknown *unknown = NULL, *same = NULL;
        IBackgroundCopyJob *base = NULL;
        void *p = job;

        assert_hr(IBackgroundCopyJob2_QueryInterface(job, &IID_IUnknown, (void **) &unknown), S_OK);
        assert_hr(IBackgroundCopyJob2_QueryInterface(job, &IID_IBackgroundCopyJob, (void **) &base),
                  S_OK);
        assert_hr(IBackgroundCopyJob_QueryInterface(base, &IID_IUnknown, (void **) &same), S_OK);
        assert_ptr_equal(unknown, same);
        assert_hr(IBackgroundCopyJob2_QueryInterface(job, &job3, &p), E_NOINTERFACE);
        assert_null(p);
        assert_hr(IBackgroundCopyJob2_QueryInterface(job, &IID_IBackgroundCopyFile, &p),
                  E_NOINTERFACE);
        assert_hr(IBackgroundCopyJob2_QueryInterface(job, &IID_IUnknown, NULL), E_POINTER);
        assert_int_equal(IUnknown_Release(unknown), 3);
        assert_int_equal(IUnknown_Release(same), 2);
        assert_int_equal(IBackgroundCopyJob_AddRef(base), 3);
        assert_int_equal(IBackgroundCopyJob_Release(base), 2);
        assert_int_equal(IBackgroundCopyJob_Release(base), 1);
        assert_int_equal(IBackgroundCopyJob2_Release(job), 0);
}

/* ---- manager ---- */

static void create_job_checks_its_arguments(void **state)
{
        ComRig *com = *state;
        wchar_t name[258];
        IBackgroundCopyJob *job = (IBackgroundCopyJob *) 1;
        GUID id;

        wmemset(name, L'n', 257);
        name[257] = 0;
#define CREATE(n, t, i, j) IBackgroundCopyManager_CreateJob(com->manager, n, t, i, j)
        assert_hr(CREATE(NULL, BG_JOB_TYPE_DOWNLOAD, &id, &job), E_INVALIDARG);
        assert_null(job);
        assert_hr(CREATE(L"a", BG_JOB_TYPE_DOWNLOAD, NULL, &job), E_INVALIDARG);
        assert_hr(CREATE(L"a", BG_JOB_TYPE_DOWNLOAD, &id, NULL), E_INVALIDARG);
        assert_hr(CREATE(name, BG_JOB_TYPE_DOWNLOAD, &id, &job), E_INVALIDARG);
        assert_hr(CREATE(L"a\xd800", BG_JOB_TYPE_DOWNLOAD, &id, &job), E_INVALIDARG);
        assert_hr(CREATE(L"a", (BG_JOB_TYPE) 3, &id, &job), E_NOTIMPL);
        assert_int_equal(fake_calls(com->fake, NULL), 0);
        name[256] = 0;
        assert_hr(CREATE(name, BG_JOB_TYPE_DOWNLOAD, &id, &job), S_OK);
        assert_int_equal(IBackgroundCopyJob_Release(job), 0);
        /* 128 characters outside the basic plane are 256 units, one more is too many. */
        wmemset(name, 0x1f600, 129);
        name[129] = 0;
        assert_hr(CREATE(name, BG_JOB_TYPE_DOWNLOAD, &id, &job), E_INVALIDARG);
        name[128] = 0;
        assert_hr(CREATE(name, BG_JOB_TYPE_DOWNLOAD, &id, &job), S_OK);
        assert_int_equal(IBackgroundCopyJob_Release(job), 0);
        assert_hr(CREATE(L"", BG_JOB_TYPE_DOWNLOAD, &id, &job), S_OK);
        assert_int_equal(IBackgroundCopyJob_Release(job), 0);
        fake_fault(com->fake, "CreateJob", FAULT_ERROR, BG_E_TOO_MANY_JOBS_PER_USER, 1);
        assert_hr(CREATE(L"", BG_JOB_TYPE_DOWNLOAD, &id, &job), BG_E_TOO_MANY_JOBS_PER_USER);
#undef CREATE
}

static void get_job_and_enum_jobs_check_their_arguments(void **state)
{
        ComRig *com = *state;
        GUID unknown = {.Data1 = 99}, id = fake_add_job(com->fake, "a", BG_JOB_STATE_QUEUED);
        IEnumBackgroundCopyJobs *jobs = NULL;
        IBackgroundCopyJob *job = NULL;
        char arguments[16];

        assert_hr(IBackgroundCopyManager_GetJob(com->manager, &id, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyManager_GetJob(com->manager, NULL, &job), E_INVALIDARG);
        assert_hr(IBackgroundCopyManager_GetJob(com->manager, &unknown, &job), BG_E_NOT_FOUND);
        assert_null(job);
        fake_fault(com->fake, "OpenJob", FAULT_ERROR, E_ACCESSDENIED, 1);
        assert_hr(IBackgroundCopyManager_GetJob(com->manager, &id, &job), E_ACCESSDENIED);
        assert_hr(IBackgroundCopyManager_EnumJobs(com->manager, 0, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyManager_EnumJobs(com->manager, 2, &jobs), E_NOTIMPL);
        assert_null(jobs);
        assert_hr(IBackgroundCopyManager_EnumJobs(com->manager, BG_JOB_ENUM_ALL_USERS, &jobs),
                  S_OK);
        fake_last_arguments(com->fake, arguments, sizeof(arguments));
        assert_string_equal(arguments, "1");
        assert_int_equal(IEnumBackgroundCopyJobs_Release(jobs), 0);
}

static void any_code_has_a_description(void **state)
{
        ComRig *com = *state;
        const HRESULT codes[] = {S_OK, BG_E_EMPTY, E_INVALIDARG, BG_E_HTTP_ERROR_404, 0x12345};
        LPWSTR text = NULL;

        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                assert_hr(IBackgroundCopyManager_GetErrorDescription(com->manager, codes[i], 0x0409,
                                                                     &text),
                          S_OK);
                assert_true(wcslen(text) > 3);
                CoTaskMemFree(text);
        }
        assert_hr(IBackgroundCopyManager_GetErrorDescription(com->manager, BG_E_EMPTY, 0, &text),
                  S_OK);
        CoTaskMemFree(text);
        assert_hr(
                IBackgroundCopyManager_GetErrorDescription(com->manager, BG_E_EMPTY, 0x0407, &text),
                S_OK);
        CoTaskMemFree(text);
        assert_hr(IBackgroundCopyManager_GetErrorDescription(com->manager, BG_E_EMPTY, 0, NULL),
                  E_INVALIDARG);
}

/* ---- job ---- */

static void getters_refuse_null_pointers(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        unsigned calls = fake_calls(com->fake, NULL);
        BG_JOB_PROXY_USAGE usage;
        LPWSTR text = NULL;
        UINT64 length;
        BYTE *bytes;

        assert_hr(IBackgroundCopyJob2_EnumFiles(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetId(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetType(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetProgress(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetTimes(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetState(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetError(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetOwner(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetDisplayName(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetDescription(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetPriority(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetNotifyFlags(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetNotifyInterface(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetMinimumRetryDelay(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetNoProgressTimeout(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetErrorCount(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetProxySettings(job, NULL, &text, &text), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetProxySettings(job, &usage, NULL, &text), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetProxySettings(job, &usage, &text, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetNotifyCmdLine(job, NULL, &text), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetNotifyCmdLine(job, &text, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetReplyProgress(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetReplyData(job, NULL, &length), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetReplyData(job, &bytes, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_GetReplyFileName(job, NULL), E_INVALIDARG);
        assert_int_equal(fake_calls(com->fake, NULL), calls);
        (void) IBackgroundCopyJob2_Release(job);
}

static void setters_check_their_arguments_before_they_call(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        unsigned calls = fake_calls(com->fake, NULL);
        static wchar_t text[32002];

        wmemset(text, L'x', 32001);
        text[32001] = 0;
        assert_hr(IBackgroundCopyJob2_SetDisplayName(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_SetDescription(job, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_SetDisplayName(job, L"\xdfff"), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_SetDisplayName(job, text), BG_E_STRING_TOO_LONG);
        assert_hr(IBackgroundCopyJob2_SetDescription(job, text), BG_E_STRING_TOO_LONG);
        assert_hr(IBackgroundCopyJob2_SetPriority(job, (BG_JOB_PRIORITY) 4), E_NOTIMPL);
        assert_hr(IBackgroundCopyJob2_SetPriority(job, (BG_JOB_PRIORITY) -1), E_NOTIMPL);
        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(job, 0x40), E_NOTIMPL);
        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(job, 0x10), E_NOTIMPL);
#define PROXY(u, l, b) IBackgroundCopyJob2_SetProxySettings(job, (BG_JOB_PROXY_USAGE) (u), l, b)
        assert_hr(PROXY(9, NULL, NULL), E_NOTIMPL);
        assert_hr(PROXY(BG_JOB_PROXY_USAGE_OVERRIDE, NULL, NULL), E_INVALIDARG);
        assert_hr(PROXY(BG_JOB_PROXY_USAGE_OVERRIDE, NULL, L"b"), E_INVALIDARG);
        assert_hr(PROXY(BG_JOB_PROXY_USAGE_NO_PROXY, L"p", NULL), E_INVALIDARG);
        assert_hr(PROXY(BG_JOB_PROXY_USAGE_PRECONFIG, NULL, L"b"), E_INVALIDARG);
        assert_hr(PROXY(BG_JOB_PROXY_USAGE_OVERRIDE, text, NULL), BG_E_PROXY_LIST_TOO_LARGE);
        assert_hr(PROXY(BG_JOB_PROXY_USAGE_OVERRIDE, L"p", text), BG_E_PROXY_BYPASS_LIST_TOO_LARGE);
        assert_int_equal(fake_calls(com->fake, NULL), calls);

        text[32000] = 0;
        assert_hr(PROXY(BG_JOB_PROXY_USAGE_OVERRIDE, text, text), S_OK);
        text[1024] = 0;
        assert_hr(IBackgroundCopyJob2_SetDescription(job, text), S_OK);
        text[256] = 0;
        assert_hr(IBackgroundCopyJob2_SetDisplayName(job, text), S_OK);
        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(job, 0xf), S_OK);
        assert_hr(PROXY(BG_JOB_PROXY_USAGE_NO_PROXY, NULL, NULL), S_OK);
#undef PROXY
        (void) IBackgroundCopyJob2_Release(job);
}

static void files_are_checked_before_they_are_sent(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        BG_FILE_INFO set[2] = {
                {(LPWSTR) L"http://h/1", (LPWSTR) L"/tmp/1"},
                {(LPWSTR) L"http://h/2", NULL},
        };
        char arguments[128];
        BG_JOB_PROGRESS progress;

        assert_hr(IBackgroundCopyJob2_AddFile(job, NULL, L"/tmp/x"), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_AddFile(job, L"http://h/x", NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_AddFile(job, L"http://h/\xd801", L"/tmp/x"), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_AddFileSet(job, 1, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_AddFileSet(job, 2, set), E_INVALIDARG);
        assert_hr(IBackgroundCopyJob2_AddFileSet(job, 0, NULL), S_OK);
        assert_int_equal(fake_calls(com->fake, "AddFiles"), 0);

        set[1].LocalName = (LPWSTR) L"/tmp/\xe4\x20ac\x1f600";
        assert_hr(IBackgroundCopyJob2_AddFileSet(job, 2, set), S_OK);
        fake_last_arguments(com->fake, arguments, sizeof(arguments));
        assert_string_equal(arguments, "2 http://h/2 /tmp/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
        assert_hr(IBackgroundCopyJob2_AddFile(job, L"http://h/3", L"/tmp/3"), S_OK);
        assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_int_equal(progress.FilesTotal, 3);
        assert_true(progress.BytesTotal == BG_SIZE_UNKNOWN);
        (void) IBackgroundCopyJob2_Release(job);
}

static void fill(bits_job_info *info, void *ctx)
{
        info->bytes_total = 5000000000u;
        info->bytes_transferred = 4999999999u;
        info->files_total = 7;
        info->files_transferred = 6;
        info->error_count = 3;
        info->transfer_completion_time = 42;
        info->state = BG_JOB_STATE_TRANSFERRING;
}

static void getters_give_what_the_service_has(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "n\xc3\xa4me", BG_JOB_STATE_SUSPENDED), got;
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        BG_JOB_PROGRESS progress;
        BG_JOB_PROXY_USAGE usage;
        BG_JOB_PRIORITY priority;
        BG_JOB_STATE job_state;
        BG_JOB_TYPE type;
        BG_JOB_TIMES times;
        LPWSTR a, b;
        ULONG n;

        fake_edit(com->fake, &id, fill, NULL);
        assert_hr(IBackgroundCopyJob2_GetId(job, &got), S_OK);
        assert_true(IsEqualGUID(&got, &id));
        assert_hr(IBackgroundCopyJob2_GetType(job, &type), S_OK);
        assert_int_equal(type, BG_JOB_TYPE_DOWNLOAD);
        assert_hr(IBackgroundCopyJob2_GetState(job, &job_state), S_OK);
        assert_int_equal(job_state, BG_JOB_STATE_TRANSFERRING);
        assert_hr(IBackgroundCopyJob2_GetProgress(job, &progress), S_OK);
        assert_true(progress.BytesTotal == 5000000000u);
        assert_true(progress.BytesTransferred == 4999999999u);
        assert_int_equal(progress.FilesTotal, 7);
        assert_int_equal(progress.FilesTransferred, 6);
        assert_hr(IBackgroundCopyJob2_GetTimes(job, &times), S_OK);
        assert_int_equal(times.CreationTime.dwHighDateTime, 0x01234567);
        assert_int_equal(times.CreationTime.dwLowDateTime, 0x89abcdef);
        assert_int_equal(times.ModificationTime.dwLowDateTime, 0x89abcdf0);
        assert_int_equal(times.TransferCompletionTime.dwLowDateTime, 42);
        assert_hr(IBackgroundCopyJob2_GetErrorCount(job, &n), S_OK);
        assert_int_equal(n, 3);
        assert_hr(IBackgroundCopyJob2_GetOwner(job, &a), S_OK);
        assert_wide(a, L"S-1-22-1-4711");
        assert_hr(IBackgroundCopyJob2_GetDisplayName(job, &a), S_OK);
        assert_wide(a, L"n\xe4me");
        assert_hr(IBackgroundCopyJob2_SetDescription(job, L"d\x1f600"), S_OK);
        assert_hr(IBackgroundCopyJob2_GetDescription(job, &a), S_OK);
        assert_wide(a, L"d\x1f600");
        assert_hr(IBackgroundCopyJob2_SetPriority(job, BG_JOB_PRIORITY_FOREGROUND), S_OK);
        assert_hr(IBackgroundCopyJob2_GetPriority(job, &priority), S_OK);
        assert_int_equal(priority, BG_JOB_PRIORITY_FOREGROUND);
        assert_hr(IBackgroundCopyJob2_SetMinimumRetryDelay(job, 1), S_OK);
        assert_hr(IBackgroundCopyJob2_GetMinimumRetryDelay(job, &n), S_OK);
        assert_int_equal(n, 5);
        assert_hr(IBackgroundCopyJob2_SetNoProgressTimeout(job, 0), S_OK);
        assert_hr(IBackgroundCopyJob2_GetNoProgressTimeout(job, &n), S_OK);
        assert_int_equal(n, 0);
        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(job, BG_NOTIFY_DISABLE), S_OK);
        assert_hr(IBackgroundCopyJob2_GetNotifyFlags(job, &n), S_OK);
        assert_int_equal(n, BG_NOTIFY_DISABLE);
        assert_hr(IBackgroundCopyJob2_GetProxySettings(job, &usage, &a, &b), S_OK);
        assert_int_equal(usage, BG_JOB_PROXY_USAGE_PRECONFIG);
        assert_null(a);
        assert_null(b);
        assert_hr(IBackgroundCopyJob2_SetProxySettings(job, BG_JOB_PROXY_USAGE_OVERRIDE, L"p:1",
                                                       L"<local>"),
                  S_OK);
        assert_hr(IBackgroundCopyJob2_GetProxySettings(job, &usage, &a, &b), S_OK);
        assert_wide(a, L"p:1");
        assert_wide(b, L"<local>");
        assert_hr(IBackgroundCopyJob2_GetNotifyCmdLine(job, &a, &b), S_OK);
        assert_wide(a, L"");
        assert_wide(b, L"");
        assert_hr(IBackgroundCopyJob2_TakeOwnership(job), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
}

static void getters_leave_nothing_behind_when_they_fail(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        BG_JOB_STATE job_state = BG_JOB_STATE_ERROR;
        LPWSTR text = (LPWSTR) 1;
        IEnumBackgroundCopyFiles *files = (IEnumBackgroundCopyFiles *) 1;
        IBackgroundCopyError *error = (IBackgroundCopyError *) 1;

        fake_forget_job(com->fake, &id);
        assert_hr(IBackgroundCopyJob2_GetState(job, &job_state), BG_E_NOT_FOUND);
        assert_int_equal(job_state, BG_JOB_STATE_ERROR);
        assert_hr(IBackgroundCopyJob2_GetDisplayName(job, &text), BG_E_NOT_FOUND);
        assert_null(text);
        text = (LPWSTR) 1;
        assert_hr(IBackgroundCopyJob2_GetOwner(job, &text), BG_E_NOT_FOUND);
        assert_null(text);
        assert_hr(IBackgroundCopyJob2_EnumFiles(job, &files), BG_E_NOT_FOUND);
        assert_null(files);
        assert_hr(IBackgroundCopyJob2_GetError(job, &error), BG_E_NOT_FOUND);
        assert_null(error);
        (void) IBackgroundCopyJob2_Release(job);
}

static void a_final_state_is_remembered_when_the_service_forgets(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_TRANSFERRED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        BG_JOB_STATE job_state;
        LPWSTR text;

        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        assert_hr(IBackgroundCopyJob2_GetState(job, &job_state), S_OK);
        assert_int_equal(job_state, BG_JOB_STATE_ACKNOWLEDGED);
        fake_forget_job(com->fake, &id);
        for (unsigned i = 0; i < 2; i++) {
                assert_hr(IBackgroundCopyJob2_GetState(job, &job_state), S_OK);
                assert_int_equal(job_state, BG_JOB_STATE_ACKNOWLEDGED);
                assert_hr(IBackgroundCopyJob2_GetDisplayName(job, &text), S_OK);
                assert_wide(text, L"a");
        }
        assert_hr(IBackgroundCopyJob2_Suspend(job), BG_E_NOT_FOUND);
        (void) IBackgroundCopyJob2_Release(job);
}

static void final_calls_return_success_codes(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_ERROR);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);

        fake_add_file(com->fake, &id, "http://h/a", "/tmp/a");
        assert_hr(IBackgroundCopyJob2_Complete(job), BG_S_PARTIAL_COMPLETE);
        assert_hr(IBackgroundCopyJob2_Cancel(job), BG_E_INVALID_STATE);
        (void) IBackgroundCopyJob2_Release(job);
}

/* ---- enumerators ---- */

static void job_enumerators_are_snapshots(void **state)
{
        ComRig *com = *state;
        GUID a = fake_add_job(com->fake, "a", BG_JOB_STATE_QUEUED);
        GUID b = fake_add_job(com->fake, "b", BG_JOB_STATE_QUEUED), got;
        IEnumBackgroundCopyJobs *jobs, *clone;
        IBackgroundCopyJob *p[3];
        ULONG n = 77;

        assert_hr(IBackgroundCopyManager_EnumJobs(com->manager, 0, &jobs), S_OK);
        (void) fake_add_job(com->fake, "later", BG_JOB_STATE_QUEUED);
        assert_hr(IEnumBackgroundCopyJobs_GetCount(jobs, &n), S_OK);
        assert_int_equal(n, 2);
        assert_hr(IEnumBackgroundCopyJobs_GetCount(jobs, NULL), E_INVALIDARG);
        assert_hr(IEnumBackgroundCopyJobs_Next(jobs, 2, p, NULL), E_INVALIDARG);
        assert_hr(IEnumBackgroundCopyJobs_Next(jobs, 1, NULL, &n), E_INVALIDARG);
        assert_hr(IEnumBackgroundCopyJobs_Next(jobs, 1, p, NULL), S_OK);
        assert_hr(IBackgroundCopyJob_GetId(p[0], &got), S_OK);
        assert_true(IsEqualGUID(&got, &a));
        (void) IBackgroundCopyJob_Release(p[0]);
        assert_hr(IEnumBackgroundCopyJobs_Clone(jobs, &clone), S_OK);
        assert_hr(IEnumBackgroundCopyJobs_Clone(jobs, NULL), E_INVALIDARG);

        n = 77;
        assert_hr(IEnumBackgroundCopyJobs_Next(jobs, 3, p, &n), S_FALSE);
        assert_int_equal(n, 1);
        assert_hr(IBackgroundCopyJob_GetId(p[0], &got), S_OK);
        assert_true(IsEqualGUID(&got, &b));
        (void) IBackgroundCopyJob_Release(p[0]);
        assert_hr(IEnumBackgroundCopyJobs_Next(jobs, 1, p, &n), S_FALSE);
        assert_int_equal(n, 0);
        assert_hr(IEnumBackgroundCopyJobs_Skip(jobs, 1), S_FALSE);
        assert_hr(IEnumBackgroundCopyJobs_Reset(jobs), S_OK);
        assert_hr(IEnumBackgroundCopyJobs_Skip(jobs, 2), S_OK);
        assert_hr(IEnumBackgroundCopyJobs_Skip(jobs, 0), S_OK);
        assert_hr(IEnumBackgroundCopyJobs_Next(jobs, 0, NULL, &n), S_OK);
        assert_int_equal(IEnumBackgroundCopyJobs_Release(jobs), 0);

        assert_hr(IEnumBackgroundCopyJobs_Next(clone, 1, p, &n), S_OK);
        assert_int_equal(n, 1);
        (void) IBackgroundCopyJob_Release(p[0]);
        assert_hr(IEnumBackgroundCopyJobs_GetCount(clone, &n), S_OK);
        assert_int_equal(n, 2);
        assert_int_equal(IEnumBackgroundCopyJobs_Release(clone), 0);
}

static void an_empty_enumerator_is_valid(void **state)
{
        ComRig *com = *state;
        IEnumBackgroundCopyJobs *jobs;
        IUnknown *unknown;
        IBackgroundCopyJob *job;
        ULONG n = 5;

        assert_hr(IBackgroundCopyManager_EnumJobs(com->manager, 0, &jobs), S_OK);
        assert_hr(IEnumBackgroundCopyJobs_GetCount(jobs, &n), S_OK);
        assert_int_equal(n, 0);
        assert_hr(IEnumBackgroundCopyJobs_Next(jobs, 1, &job, NULL), S_FALSE);
        assert_hr(IEnumBackgroundCopyJobs_Skip(jobs, 1), S_FALSE);
        assert_hr(IEnumBackgroundCopyJobs_QueryInterface(jobs, &IID_IEnumBackgroundCopyJobs,
                                                         (void **) &unknown),
                  S_OK);
        (void) IUnknown_Release(unknown);
        assert_hr(IEnumBackgroundCopyJobs_QueryInterface(jobs, &IID_IEnumBackgroundCopyFiles,
                                                         (void **) &unknown),
                  E_NOINTERFACE);
        (void) IEnumBackgroundCopyJobs_Release(jobs);
}

static void file_objects_read_current_values(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        IEnumBackgroundCopyFiles *files;
        IBackgroundCopyFile *file[2];
        BG_FILE_PROGRESS progress;
        unsigned calls;
        LPWSTR text;
        ULONG n;

        fake_add_file(com->fake, &id, "http://h/1", "/tmp/1");
        fake_add_file(com->fake, &id, "http://h/\xc3\xa4", "/tmp/2");
        assert_hr(IBackgroundCopyJob2_EnumFiles(job, &files), S_OK);
        fake_add_file(com->fake, &id, "http://h/3", "/tmp/3");
        (void) IBackgroundCopyJob2_Release(job);
        assert_hr(IEnumBackgroundCopyFiles_GetCount(files, &n), S_OK);
        assert_int_equal(n, 2);
        assert_hr(IEnumBackgroundCopyFiles_Next(files, 2, file, &n), S_OK);
        (void) IEnumBackgroundCopyFiles_Release(files);

        calls = fake_calls(com->fake, NULL);
        assert_hr(IBackgroundCopyFile_GetRemoteName(file[1], NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyFile_GetLocalName(file[1], NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyFile_GetProgress(file[1], NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyFile_GetRemoteName(file[1], &text), S_OK);
        assert_wide(text, L"http://h/\xe4");
        assert_hr(IBackgroundCopyFile_GetLocalName(file[1], &text), S_OK);
        assert_wide(text, L"/tmp/2");
        assert_int_equal(fake_calls(com->fake, NULL), calls);
        assert_hr(IBackgroundCopyFile_GetProgress(file[1], &progress), S_OK);
        assert_true(progress.BytesTotal == BG_SIZE_UNKNOWN);
        assert_true(progress.BytesTransferred == 0);
        assert_int_equal(progress.Completed, FALSE);
        (void) IBackgroundCopyFile_Release(file[0]);
        (void) IBackgroundCopyFile_Release(file[1]);
}

/* ---- errors ---- */

typedef struct Failure {
        HRESULT code;
        BG_ERROR_CONTEXT context;
        int32_t file, http_status;
} Failure;

static void fail_job(bits_job_info *info, void *ctx)
{
        const Failure *f = ctx;

        info->state = BG_JOB_STATE_ERROR;
        info->error_code = f->code;
        info->error_context = f->context;
        info->error_file = f->file;
        info->error_http_status = f->http_status;
}

static IBackgroundCopyError *error_of(ComRig *com, const GUID *id, const Failure *f)
{
        IBackgroundCopyJob2 *job = com_rig_job(com, id);
        IBackgroundCopyError *error;

        fake_edit(com->fake, id, fail_job, (void *) f);
        assert_hr(IBackgroundCopyJob2_GetError(job, &error), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        return error;
}

static void a_job_without_an_error_has_no_error_object(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        IBackgroundCopyError *error = (IBackgroundCopyError *) 1;

        assert_hr(IBackgroundCopyJob2_GetError(job, &error), BG_E_ERROR_INFORMATION_UNAVAILABLE);
        assert_null(error);
        (void) IBackgroundCopyJob2_Release(job);
}

static void an_error_object_tells_what_happened(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        const Failure f = {BG_E_HTTP_ERROR_404, BG_ERROR_CONTEXT_REMOTE_FILE, 0, 404};
        IBackgroundCopyError *error;
        IBackgroundCopyFile *file;
        BG_ERROR_CONTEXT context;
        LPWSTR text = NULL;
        HRESULT code;

        fake_add_file(com->fake, &id, "HTTPS://h/1", "/tmp/1");
        error = error_of(com, &id, &f);
        assert_hr(IBackgroundCopyError_GetError(error, NULL, &code), E_INVALIDARG);
        assert_hr(IBackgroundCopyError_GetError(error, &context, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyError_GetError(error, &context, &code), S_OK);
        assert_int_equal(context, BG_ERROR_CONTEXT_REMOTE_FILE);
        assert_hr(code, BG_E_HTTP_ERROR_404);
        assert_hr(IBackgroundCopyError_GetFile(error, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyError_GetFile(error, &file), S_OK);
        assert_hr(IBackgroundCopyFile_GetLocalName(file, &text), S_OK);
        assert_wide(text, L"/tmp/1");
        (void) IBackgroundCopyFile_Release(file);
        assert_hr(IBackgroundCopyError_GetProtocol(error, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyError_GetProtocol(error, &text), S_OK);
        assert_wide(text, L"http");
        assert_hr(IBackgroundCopyError_GetErrorDescription(error, 0, &text), E_INVALIDARG);
        assert_null(text);
        assert_hr(IBackgroundCopyError_GetErrorDescription(error, 0x409, NULL), E_INVALIDARG);
        assert_hr(IBackgroundCopyError_GetErrorDescription(error, 0x409, &text), S_OK);
        assert_true(wcslen(text) > 3);
        CoTaskMemFree(text);
        assert_hr(IBackgroundCopyError_GetErrorContextDescription(error, 0, &text), E_INVALIDARG);
        assert_hr(IBackgroundCopyError_GetErrorContextDescription(error, 0x411, &text), S_OK);
        assert_true(wcslen(text) > 3);
        CoTaskMemFree(text);
        (void) IBackgroundCopyError_Release(error);
}

static void errors_without_file_or_protocol_say_so(void **state)
{
        ComRig *com = *state;
        static const struct {
                Failure failure;
                const char *remote;
                HRESULT file, protocol;
                const wchar_t *name;
        } cases[] = {
                {{BG_E_NETWORK_DISCONNECTED, BG_ERROR_CONTEXT_GENERAL_TRANSPORT, -1, 0},
                 "http://h/1",
                 BG_E_FILE_NOT_AVAILABLE,
                 BG_E_PROTOCOL_NOT_AVAILABLE,
                 NULL},
                {{E_ACCESSDENIED, BG_ERROR_CONTEXT_LOCAL_FILE, 0, 0},
                 "http://h/1",
                 S_OK,
                 BG_E_PROTOCOL_NOT_AVAILABLE,
                 NULL},
                {{E_FAIL, BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER, -1, 0},
                 "http://h/1",
                 BG_E_FILE_NOT_AVAILABLE,
                 BG_E_PROTOCOL_NOT_AVAILABLE,
                 NULL},
                {{E_ACCESSDENIED, BG_ERROR_CONTEXT_REMOTE_FILE, 0, 0},
                 "file:///srv/1",
                 S_OK,
                 S_OK,
                 L"file"},
                {{E_ACCESSDENIED, BG_ERROR_CONTEXT_REMOTE_FILE, 0, 0},
                 "/srv/1",
                 S_OK,
                 S_OK,
                 L"file"},
                {{BG_E_HTTP_ERROR_407, BG_ERROR_CONTEXT_GENERAL_TRANSPORT, -1, 407},
                 "http://h/1",
                 BG_E_FILE_NOT_AVAILABLE,
                 S_OK,
                 L"http"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
                IBackgroundCopyFile *file = (IBackgroundCopyFile *) 1;
                LPWSTR protocol = (LPWSTR) 1;
                IBackgroundCopyError *error;

                fake_add_file(com->fake, &id, cases[i].remote, "/tmp/1");
                error = error_of(com, &id, &cases[i].failure);
                assert_hr(IBackgroundCopyError_GetFile(error, &file), cases[i].file);
                if (cases[i].file == S_OK)
                        (void) IBackgroundCopyFile_Release(file);
                else
                        assert_null(file);
                assert_hr(IBackgroundCopyError_GetProtocol(error, &protocol), cases[i].protocol);
                if (cases[i].name)
                        assert_wide(protocol, cases[i].name);
                else
                        assert_null(protocol);
                (void) IBackgroundCopyError_Release(error);
        }
}

/* ---- life ---- */

static void objects_survive_a_restart_and_their_manager(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_SUSPENDED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        BG_JOB_STATE job_state;

        fake_listen(com->fake, false);
        fake_drop_clients(com->fake);
        assert_hr(IBackgroundCopyJob2_GetState(job, &job_state),
                  HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED));
        fake_listen(com->fake, true);
        assert_hr(IBackgroundCopyJob2_GetState(job, &job_state), S_OK);
        (void) IBackgroundCopyManager_Release(com->manager);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        assert_hr(create(&CLSID_BackgroundCopyManager1_5, CLSCTX_LOCAL_SERVER,
                         &IID_IBackgroundCopyManager, (void **) &com->manager),
                  S_OK);
}

static void managers_share_one_connection(void **state)
{
        ComRig *com = *state;
        IUnknown *others[3];

        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                assert_hr(create(&CLSID_BackgroundCopyManager, CLSCTX_ALL, &IID_IUnknown,
                                 (void **) &others[i]),
                          S_OK);
        assert_true(fake_wait_clients(com->fake, 2)); /* that of the rig's native client, ours */
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                (void) IUnknown_Release(others[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, com_rig_setup, com_rig_teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                TEST(every_class_of_the_manager_can_be_created),
                TEST(what_cannot_be_created_says_why),
                TEST(initialisation_counts_by_thread),
                TEST(a_service_that_is_off_shows_at_activation),
                TEST(the_small_calls_of_com_behave),
                TEST(a_job_answers_for_both_of_its_interfaces),
                TEST(create_job_checks_its_arguments),
                TEST(get_job_and_enum_jobs_check_their_arguments),
                TEST(any_code_has_a_description),
                TEST(getters_refuse_null_pointers),
                TEST(setters_check_their_arguments_before_they_call),
                TEST(files_are_checked_before_they_are_sent),
                TEST(getters_give_what_the_service_has),
                TEST(getters_leave_nothing_behind_when_they_fail),
                TEST(a_final_state_is_remembered_when_the_service_forgets),
                TEST(final_calls_return_success_codes),
                TEST(job_enumerators_are_snapshots),
                TEST(an_empty_enumerator_is_valid),
                TEST(file_objects_read_current_values),
                TEST(a_job_without_an_error_has_no_error_object),
                TEST(an_error_object_tells_what_happened),
                TEST(errors_without_file_or_protocol_say_so),
                TEST(objects_survive_a_restart_and_their_manager),
                TEST(managers_share_one_connection),
        };

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
