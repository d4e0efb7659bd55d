/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts, tables and identifiers of bits.h, and calls in both directions between C and C++. */
#define COBJMACROS
#define INITGUID
#include "abi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/guid.h"

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has another size")
#define AT(type, member, offset)                                                                   \
        _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")

SIZE(HRESULT, 4);
SIZE(LONG, 4);
SIZE(ULONG, 4);
SIZE(DWORD, 4);
SIZE(WORD, 2);
SIZE(BYTE, 1);
SIZE(BOOL, 4);
SIZE(UINT64, 8);
SIZE(WCHAR, 4);
SIZE(FILETIME, 8);
SIZE(GUID, 16);
AT(GUID, Data2, 4);
AT(GUID, Data3, 6);
AT(GUID, Data4, 8);
SIZE(BG_JOB_STATE, 4);
SIZE(BG_AUTH_TARGET, 4);

SIZE(BG_FILE_PROGRESS, 24);
AT(BG_FILE_PROGRESS, BytesTransferred, 8);
AT(BG_FILE_PROGRESS, Completed, 16);
SIZE(BG_FILE_INFO, 2 * sizeof(void *));
AT(BG_FILE_INFO, LocalName, sizeof(void *));
SIZE(BG_JOB_PROGRESS, 24);
AT(BG_JOB_PROGRESS, BytesTransferred, 8);
AT(BG_JOB_PROGRESS, FilesTotal, 16);
AT(BG_JOB_PROGRESS, FilesTransferred, 20);
SIZE(BG_JOB_TIMES, 24);
AT(BG_JOB_TIMES, ModificationTime, 8);
AT(BG_JOB_TIMES, TransferCompletionTime, 16);
SIZE(BG_JOB_REPLY_PROGRESS, 16);
AT(BG_JOB_REPLY_PROGRESS, BytesTransferred, 8);
SIZE(BG_BASIC_CREDENTIALS, 2 * sizeof(void *));
AT(BG_BASIC_CREDENTIALS, Password, sizeof(void *));
SIZE(BG_AUTH_CREDENTIALS, 8 + 2 * sizeof(void *));
AT(BG_AUTH_CREDENTIALS, Scheme, 4);
AT(BG_AUTH_CREDENTIALS, Credentials, 8);

#define M(interface, method, slot) AT(interface##Vtbl, method, (slot) * sizeof(void *));
#include "methods.def"
#undef M

#define FIRST_SLOTS(interface)                                                                     \
        AT(interface##Vtbl, QueryInterface, 0);                                                    \
        AT(interface##Vtbl, AddRef, sizeof(void *));                                               \
        AT(interface##Vtbl, Release, 2 * sizeof(void *));                                          \
        AT(interface, lpVtbl, 0)
FIRST_SLOTS(IUnknown);
FIRST_SLOTS(IBackgroundCopyManager);
FIRST_SLOTS(IBackgroundCopyJob);
FIRST_SLOTS(IBackgroundCopyJob2);
FIRST_SLOTS(IBackgroundCopyFile);
FIRST_SLOTS(IBackgroundCopyError);
FIRST_SLOTS(IBackgroundCopyCallback);
FIRST_SLOTS(IEnumBackgroundCopyJobs);
FIRST_SLOTS(IEnumBackgroundCopyFiles);
SIZE(IBackgroundCopyManagerVtbl, 7 * sizeof(void *));
SIZE(IBackgroundCopyJobVtbl, 35 * sizeof(void *));
SIZE(IBackgroundCopyJob2Vtbl, 43 * sizeof(void *));
SIZE(IBackgroundCopyFileVtbl, 6 * sizeof(void *));
SIZE(IBackgroundCopyErrorVtbl, 8 * sizeof(void *));
SIZE(IBackgroundCopyCallbackVtbl, 6 * sizeof(void *));
SIZE(IEnumBackgroundCopyJobsVtbl, 8 * sizeof(void *));
SIZE(IEnumBackgroundCopyFilesVtbl, 8 * sizeof(void *));

/* Case labels, so they have to be integer constant expressions. */
static int classify(HRESULT hr)
{
        switch (hr) {
        case BG_E_EMPTY:
                return 1;
        case BG_E_HTTP_ERROR_404:
                return 2;
        case HRESULT_FROM_WIN32(ERROR_DISK_FULL):
                return 3;
        case E_INVALIDARG:
                return 4;
        default:
                return 0;
        }
}

static void the_macros_take_codes_apart_and_build_them(void **state)
{
        assert_true(SUCCEEDED(S_OK) && SUCCEEDED(S_FALSE) && SUCCEEDED(BG_S_PARTIAL_COMPLETE));
        assert_true(FAILED(E_FAIL) && FAILED(BG_E_EMPTY) && !FAILED(S_FALSE));
        assert_int_equal(HRESULT_CODE(BG_E_HTTP_ERROR_404), 0x194);
        assert_int_equal(HRESULT_FACILITY(BG_E_HTTP_ERROR_404), FACILITY_HTTP);
        assert_int_equal(HRESULT_FACILITY(BG_E_EMPTY), FACILITY_BACKGROUNDCOPY);
        assert_int_equal(HRESULT_SEVERITY(BG_E_EMPTY), SEVERITY_ERROR);
        assert_int_equal(MAKE_HRESULT(SEVERITY_ERROR, FACILITY_BACKGROUNDCOPY, 3), BG_E_EMPTY);
        assert_int_equal((uint32_t) HRESULT_FROM_WIN32(ERROR_DISK_FULL), 0x80070070u);
        assert_int_equal((uint32_t) HRESULT_FROM_WIN32(ERROR_WINHTTP_TIMEOUT), 0x80072EE2u);
        assert_int_equal(HRESULT_FROM_WIN32(ERROR_SUCCESS), S_OK);
        assert_int_equal(HRESULT_FROM_WIN32(E_FAIL), E_FAIL);
        assert_int_equal(classify(BG_E_EMPTY), 1);
        assert_int_equal(classify(BG_E_HTTP_ERROR_404), 2);
        assert_int_equal(classify((HRESULT) 0x80070070u), 3);
        assert_int_equal(classify(E_INVALIDARG), 4);
}

static void enumerations_have_the_values_of_windows(void **state)
{
        static const int TYPES[] = {BG_JOB_TYPE_DOWNLOAD, BG_JOB_TYPE_UPLOAD,
                                    BG_JOB_TYPE_UPLOAD_REPLY};
        static const int STATES[] = {
                BG_JOB_STATE_QUEUED,      BG_JOB_STATE_CONNECTING,   BG_JOB_STATE_TRANSFERRING,
                BG_JOB_STATE_SUSPENDED,   BG_JOB_STATE_ERROR,        BG_JOB_STATE_TRANSIENT_ERROR,
                BG_JOB_STATE_TRANSFERRED, BG_JOB_STATE_ACKNOWLEDGED, BG_JOB_STATE_CANCELLED};
        static const int PRIORITIES[] = {BG_JOB_PRIORITY_FOREGROUND, BG_JOB_PRIORITY_HIGH,
                                         BG_JOB_PRIORITY_NORMAL, BG_JOB_PRIORITY_LOW};
        static const int PROXIES[] = {BG_JOB_PROXY_USAGE_PRECONFIG, BG_JOB_PROXY_USAGE_NO_PROXY,
                                      BG_JOB_PROXY_USAGE_OVERRIDE, BG_JOB_PROXY_USAGE_AUTODETECT};
        static const int CONTEXTS[] = {BG_ERROR_CONTEXT_NONE,
                                       BG_ERROR_CONTEXT_UNKNOWN,
                                       BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER,
                                       BG_ERROR_CONTEXT_QUEUE_MANAGER_NOTIFICATION,
                                       BG_ERROR_CONTEXT_LOCAL_FILE,
                                       BG_ERROR_CONTEXT_REMOTE_FILE,
                                       BG_ERROR_CONTEXT_GENERAL_TRANSPORT,
                                       BG_ERROR_CONTEXT_REMOTE_APPLICATION,
                                       BG_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK};
        static const int SCHEMES[] = {0,
                                      BG_AUTH_SCHEME_BASIC,
                                      BG_AUTH_SCHEME_DIGEST,
                                      BG_AUTH_SCHEME_NTLM,
                                      BG_AUTH_SCHEME_NEGOTIATE,
                                      BG_AUTH_SCHEME_PASSPORT};
        static const int TARGETS[] = {0, BG_AUTH_TARGET_SERVER, BG_AUTH_TARGET_PROXY};
        static const int FLAGS[] = {BG_NOTIFY_JOB_TRANSFERRED,  BG_NOTIFY_JOB_ERROR,
                                    BG_NOTIFY_DISABLE,          BG_NOTIFY_JOB_MODIFICATION,
                                    BG_NOTIFY_FILE_TRANSFERRED, BG_NOTIFY_FILE_RANGES_TRANSFERRED};

#define COUNTS_UP(values)                                                                          \
        for (size_t i = 0; i < ARRAY_LEN(values); i++)                                             \
        assert_int_equal(values[i], i)
        COUNTS_UP(TYPES);
        COUNTS_UP(STATES);
        COUNTS_UP(PRIORITIES);
        COUNTS_UP(PROXIES);
        COUNTS_UP(CONTEXTS);
        COUNTS_UP(SCHEMES);
        COUNTS_UP(TARGETS);
        for (size_t i = 0; i < ARRAY_LEN(FLAGS); i++)
                assert_int_equal(FLAGS[i], 1 << i);
        assert_int_equal(BG_JOB_ENUM_ALL_USERS, 1);
        assert_true(BG_SIZE_UNKNOWN == UINT64_MAX);
        assert_int_equal(sizeof(BG_SIZE_UNKNOWN), 8);
        assert_int_equal(MAX_PATH, 260);
}

static void identifiers_are_those_of_the_documents(void **state)
{
        static const struct {
                const GUID *id;
                const char *text;
        } GUIDS[] = {
#define G(symbol, text) {&symbol, text},
#include "guids.def"
#undef G
        };

        for (size_t i = 0; i < ARRAY_LEN(GUIDS); i++) {
                char text[GUID_TEXT_LEN + 1];

                guid_format(GUIDS[i].id, text);
                assert_string_equal(text, GUIDS[i].text);
                for (size_t j = 0; j < i; j++)
                        assert_false(IsEqualGUID(GUIDS[i].id, GUIDS[j].id));
        }
        assert_true(IsEqualIID(&IID_IUnknown, GUIDS[0].id));
        assert_true(cxx_uuidof_right());
}

static void cxx_puts_each_method_where_c_finds_it(void **state)
{
        static const Slot SLOTS[] = {
#define M(interface, method, slot)                                                                 \
        {#interface "::" #method, offsetof(interface##Vtbl, method) / sizeof(void *)},
#include "methods.def"
#undef M
        };

        for (size_t i = 0; i < ARRAY_LEN(SLOTS); i++) {
                assert_non_null(cxx_slot(i));
                assert_string_equal(cxx_slot(i)->name, SLOTS[i].name);
                assert_int_equal(cxx_slot(i)->slot, SLOTS[i].slot);
        }
        assert_null(cxx_slot(ARRAY_LEN(SLOTS)));
}

static void c_calls_a_callback_written_in_cxx(void **state)
{
        CallCounts counts = {0};
        IBackgroundCopyCallback *callback = cxx_callback_new(&counts);
        IBackgroundCopyJob *job = (IBackgroundCopyJob *) &counts; /* only passed on */
        IBackgroundCopyError *error = (IBackgroundCopyError *) &counts.error;
        IUnknown *unknown = NULL;
        void *none = &counts;

        assert_non_null(callback);
        assert_int_equal(
                IBackgroundCopyCallback_QueryInterface(callback, &IID_IUnknown, (void **) &unknown),
                S_OK);
        assert_ptr_equal(unknown, callback);
        assert_int_equal(
                IBackgroundCopyCallback_QueryInterface(callback, &IID_IBackgroundCopyJob, &none),
                E_NOINTERFACE);
        assert_null(none);
        assert_int_equal(IBackgroundCopyCallback_AddRef(callback), 3);

        assert_int_equal(IBackgroundCopyCallback_JobTransferred(callback, job), S_OK);
        assert_int_equal(counts.transferred, 1);
        assert_ptr_equal(counts.job, job);
        assert_int_equal(IBackgroundCopyCallback_JobError(callback, job, error), S_FALSE);
        assert_int_equal(counts.error, 1);
        assert_ptr_equal(counts.failure, error);
        assert_int_equal(IBackgroundCopyCallback_JobModification(callback, job, 0xFFFFFFFFu),
                         E_FAIL);
        assert_int_equal(counts.modification, 1);
        assert_true(counts.reserved == 0xFFFFFFFFu);

        assert_int_equal(IBackgroundCopyCallback_Release(callback), 2);
        assert_int_equal(IUnknown_Release(unknown), 1);
        assert_int_equal(counts.destroyed, 0);
        assert_int_equal(IBackgroundCopyCallback_Release(callback), 0);
        assert_int_equal(counts.destroyed, 1);
}

/* ---- objects written in C, called from C++ ---- */

typedef struct FakeJob {
        IBackgroundCopyJob2 com;
        ULONG references;
        IUnknown *notify;
        unsigned called; /* one bit for each method below */
} FakeJob;

typedef struct FakeManager {
        IBackgroundCopyManager com;
        FakeJob job;
} FakeManager;

static HRESULT job_query(IBackgroundCopyJob2 *this, REFIID riid, void **object)
{
        assert_true(IsEqualIID(riid, &IID_IBackgroundCopyJob2));
        ((FakeJob *) this)->references++;
        *object = this;
        return S_OK;
}

static ULONG job_ref(IBackgroundCopyJob2 *this)
{
        return ++((FakeJob *) this)->references;
}

static ULONG job_release(IBackgroundCopyJob2 *this)
{
        return --((FakeJob *) this)->references;
}

static HRESULT job_add_file(IBackgroundCopyJob2 *this, LPCWSTR remote, LPCWSTR local)
{
        assert_true(wcscmp(remote, L"http://host/a") == 0);
        assert_true(wcscmp(local, L"/tmp/a") == 0);
        ((FakeJob *) this)->called |= 1;
        return S_OK;
}

static HRESULT job_progress(IBackgroundCopyJob2 *this, BG_JOB_PROGRESS *ret)
{
        *ret = (BG_JOB_PROGRESS){.BytesTotal = BG_SIZE_UNKNOWN, .FilesTransferred = 7};
        ((FakeJob *) this)->called |= 2;
        return S_OK;
}

static HRESULT job_set_notify(IBackgroundCopyJob2 *this, IUnknown *notify)
{
        assert_ptr_equal(notify, ((FakeJob *) this)->notify);
        ((FakeJob *) this)->called |= 4;
        return S_OK;
}

static HRESULT job_set_proxy(IBackgroundCopyJob2 *this, BG_JOB_PROXY_USAGE usage, const WCHAR *list,
                             const WCHAR *bypass)
{
        assert_int_equal(usage, BG_JOB_PROXY_USAGE_OVERRIDE);
        assert_true(wcscmp(list, L"proxy:8080") == 0);
        assert_null(bypass);
        ((FakeJob *) this)->called |= 8;
        return S_OK;
}

static HRESULT job_take(IBackgroundCopyJob2 *this)
{
        ((FakeJob *) this)->called |= 16;
        return E_ACCESSDENIED;
}

static HRESULT job_set_credentials(IBackgroundCopyJob2 *this, BG_AUTH_CREDENTIALS *credentials)
{
        assert_int_equal(credentials->Target, BG_AUTH_TARGET_PROXY);
        assert_int_equal(credentials->Scheme, BG_AUTH_SCHEME_NEGOTIATE);
        assert_true(wcscmp(credentials->Credentials.Basic.UserName, L"user") == 0);
        assert_null(credentials->Credentials.Basic.Password);
        ((FakeJob *) this)->called |= 32;
        return S_OK;
}

static HRESULT job_remove_credentials(IBackgroundCopyJob2 *this, BG_AUTH_TARGET target,
                                      BG_AUTH_SCHEME scheme)
{
        assert_int_equal(target, BG_AUTH_TARGET_PROXY);
        assert_int_equal(scheme, BG_AUTH_SCHEME_NEGOTIATE);
        ((FakeJob *) this)->called |= 64;
        return S_FALSE;
}

static const IBackgroundCopyJob2Vtbl JOB_TABLE = {
        .QueryInterface = job_query,
        .AddRef = job_ref,
        .Release = job_release,
        .AddFile = job_add_file,
        .GetProgress = job_progress,
        .SetNotifyInterface = job_set_notify,
        .SetProxySettings = job_set_proxy,
        .TakeOwnership = job_take,
        .SetCredentials = job_set_credentials,
        .RemoveCredentials = job_remove_credentials,
};

static HRESULT manager_create(IBackgroundCopyManager *this, LPCWSTR name, BG_JOB_TYPE type,
                              GUID *id, IBackgroundCopyJob **job)
{
        FakeManager *manager = (FakeManager *) this;

        assert_true(wcscmp(name, L"name") == 0);
        assert_int_equal(type, BG_JOB_TYPE_UPLOAD_REPLY);
        *id = CLSID_BackgroundCopyManager;
        manager->job.references++;
        *job = (IBackgroundCopyJob *) &manager->job.com;
        return S_OK;
}

static const IBackgroundCopyManagerVtbl MANAGER_TABLE = {.CreateJob = manager_create};

static void cxx_calls_objects_written_in_c(void **state)
{
        IUnknown notify = {NULL};
        FakeManager manager = {.com = {&MANAGER_TABLE},
                               .job = {.com = {&JOB_TABLE}, .notify = &notify}};

        assert_int_equal(cxx_use(&manager.com, &notify), S_FALSE);
        assert_int_equal(manager.job.called, 127);
        assert_int_equal(manager.job.references, 0);
}

static void formats_print_codes_and_identifiers(void **state)
{
        char text[64];

        snprintf(text, sizeof(text), BITS_FMT_HRESULT, BITS_ARG_HRESULT(BG_E_EMPTY));
        assert_string_equal(text, "0x80200003");
        snprintf(text, sizeof(text), BITS_FMT_GUID, BITS_ARG_GUID(IID_IBackgroundCopyJob));
        assert_string_equal(text, "{37668D37-507E-4160-9316-26306D150B12}");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_macros_take_codes_apart_and_build_them),
                cmocka_unit_test(enumerations_have_the_values_of_windows),
                cmocka_unit_test(identifiers_are_those_of_the_documents),
                cmocka_unit_test(cxx_puts_each_method_where_c_finds_it),
                cmocka_unit_test(c_calls_a_callback_written_in_cxx),
                cmocka_unit_test(cxx_calls_objects_written_in_c),
                cmocka_unit_test(formats_print_codes_and_identifiers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
