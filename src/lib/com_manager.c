/* SPDX-License-Identifier: Apache-2.0 */
#include "com_manager.h"

#include "bits_native.h"
#include "com_enum.h"
#include "com_job.h"
#include "com_object.h"
#include "com_session.h"
#include "com_text.h"

typedef struct ComManager {
        ComObject object;
        ComSession *session;
} ComManager;

static void destroy_manager(void *object)
{
        ComManager *manager = object;

        (void) com_session_unref(manager->session);
        mem_free(manager);
}

static ComSession *session_of(IBackgroundCopyManager *This)
{
        return ((ComManager *) This)->session;
}

static HRESULT create_job(IBackgroundCopyManager *This, LPCWSTR DisplayName, BG_JOB_TYPE Type,
                          GUID *pJobId, IBackgroundCopyJob **ppJob)
{
        _cleanup_free_ char *name = NULL;
        GUID id;
        HRESULT hr;

        if (ppJob)
                *ppJob = NULL;
        if (!pJobId || !ppJob)
                return E_INVALIDARG;
        hr = com_text_in_required(DisplayName, &name);
        if (FAILED(hr))
                return hr;
        hr = bits_job_create(com_session_client(session_of(This)), name, Type, &id);
        if (FAILED(hr))
                return hr;
        hr = com_job_new(session_of(This), &id, ppJob);
        if (SUCCEEDED(hr))
                *pJobId = id;
        else /* nobody else knows that it exists */
                (void) bits_job_cancel(com_session_client(session_of(This)), &id);
        return hr;
}

static HRESULT get_job(IBackgroundCopyManager *This, REFGUID jobID, IBackgroundCopyJob **ppJob)
{
        HRESULT hr;

        if (!ppJob)
                return E_INVALIDARG;
        *ppJob = NULL;
        if (!jobID)
                return E_INVALIDARG;
        hr = bits_job_open(com_session_client(session_of(This)), jobID);
        if (FAILED(hr))
                return hr;
        return com_job_new(session_of(This), jobID, ppJob);
}

static HRESULT enum_jobs(IBackgroundCopyManager *This, DWORD dwFlags,
                         IEnumBackgroundCopyJobs **ppEnum)
{
        bits_job_list *jobs;
        HRESULT hr;

        if (!ppEnum)
                return E_INVALIDARG;
        *ppEnum = NULL;
        hr = bits_jobs_list(com_session_client(session_of(This)), dwFlags, &jobs);
        if (FAILED(hr))
                return hr;
        return com_enum_take_jobs(session_of(This), jobs, ppEnum);
}

static HRESULT get_error_description(IBackgroundCopyManager *This, HRESULT hResult,
                                     DWORD LanguageId, LPWSTR *pErrorDescription)
{
        if (!pErrorDescription)
                return E_INVALIDARG;
        *pErrorDescription = NULL;
        return com_text_describe(hResult, pErrorDescription);
}

COM_UNKNOWN_METHODS(IBackgroundCopyManager, manager)

static const IBackgroundCopyManagerVtbl manager_vtbl = {
        .QueryInterface = manager_QueryInterface,
        .AddRef = manager_AddRef,
        .Release = manager_Release,
        .CreateJob = create_job,
        .GetJob = get_job,
        .EnumJobs = enum_jobs,
        .GetErrorDescription = get_error_description,
};

static const IID *const manager_iids[] = {&IID_IBackgroundCopyManager, NULL};
static const ComClass manager_class = {.iids = manager_iids, .destroy = destroy_manager};

HRESULT com_manager_create(REFIID riid, void **ret)
{
        _cleanup_(com_session_unrefp) ComSession *session = NULL;
        ComManager *manager;
        HRESULT hr;

        if (!IsEqualIID(riid, &IID_IUnknown) && !IsEqualIID(riid, &IID_IBackgroundCopyManager))
                return E_NOINTERFACE;
        hr = com_session_open(&session);
        if (FAILED(hr))
                return hr;
        manager = mem_new(ComManager);
        if (!manager)
                return E_OUTOFMEMORY;
        com_object_init(&manager->object, &manager_class, &manager_vtbl);
        manager->session = TAKE_PTR(session);
        *ret = manager;
        return S_OK;
}
