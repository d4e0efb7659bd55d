// SPDX-License-Identifier: Apache-2.0
// A callback written in C++, to be called from C, and calls from C++ into objects written in C.
#define INITGUID
#include "abi.h"

#include <new>

namespace
{

class Callback final : public IBackgroundCopyCallback
{
        CallCounts *counts;
        ULONG references = 1;

      public:
        explicit Callback(CallCounts *c) : counts(c)
        {
        }
        ~Callback()
        {
                counts->destroyed++;
        }
        HRESULT QueryInterface(REFIID riid, void **object) override
        {
                if (riid != IID_IUnknown && riid != __uuidof(IBackgroundCopyCallback)) {
                        *object = NULL;
                        return E_NOINTERFACE;
                }
                *object = static_cast<IBackgroundCopyCallback *>(this);
                AddRef();
                return S_OK;
        }
        ULONG AddRef() override
        {
                return ++references;
        }
        ULONG Release() override
        {
                ULONG left = --references;

                if (left == 0)
                        delete this;
                return left;
        }
        HRESULT JobTransferred(IBackgroundCopyJob *job) override
        {
                counts->transferred++;
                counts->job = job;
                return S_OK;
        }
        HRESULT JobError(IBackgroundCopyJob *job, IBackgroundCopyError *error) override
        {
                counts->error++;
                counts->job = job;
                counts->failure = error;
                return S_FALSE;
        }
        HRESULT JobModification(IBackgroundCopyJob *job, DWORD reserved) override
        {
                counts->modification++;
                counts->job = job;
                counts->reserved = reserved;
                return E_FAIL;
        }
};

HRESULT use_job(IBackgroundCopyJob2 *job, IUnknown *notify)
{
        BG_JOB_PROGRESS progress = {};
        BG_AUTH_CREDENTIALS credentials = {};
        wchar_t user[] = L"user";

        if (FAILED(job->AddFile(L"http://host/a", L"/tmp/a")))
                return E_UNEXPECTED;
        if (FAILED(job->GetProgress(&progress)) || progress.BytesTotal != BG_SIZE_UNKNOWN ||
            progress.FilesTransferred != 7)
                return E_UNEXPECTED;
        if (FAILED(job->SetNotifyInterface(notify)))
                return E_UNEXPECTED;
        if (FAILED(job->SetProxySettings(BG_JOB_PROXY_USAGE_OVERRIDE, L"proxy:8080", NULL)))
                return E_UNEXPECTED;
        if (job->TakeOwnership() != E_ACCESSDENIED)
                return E_UNEXPECTED;
        credentials.Target = BG_AUTH_TARGET_PROXY;
        credentials.Scheme = BG_AUTH_SCHEME_NEGOTIATE;
        credentials.Credentials.Basic.UserName = user;
        if (FAILED(job->SetCredentials(&credentials)))
                return E_UNEXPECTED;
        return job->RemoveCredentials(BG_AUTH_TARGET_PROXY, BG_AUTH_SCHEME_NEGOTIATE);
}

} // namespace

IBackgroundCopyCallback *cxx_callback_new(CallCounts *counts)
{
        return new (std::nothrow) Callback(counts);
}

HRESULT cxx_use(IBackgroundCopyManager *manager, IUnknown *notify)
{
        IBackgroundCopyJob *job = NULL;
        IBackgroundCopyJob2 *job2 = NULL;
        GUID id;
        HRESULT hr = manager->CreateJob(L"name", BG_JOB_TYPE_UPLOAD_REPLY, &id, &job);

        if (SUCCEEDED(hr))
                hr = job->QueryInterface(IID_PPV_ARGS(&job2));
        if (SUCCEEDED(hr)) {
                hr = use_job(job2, notify);
                job2->Release();
        }
        if (job)
                job->Release();
        return hr;
}

int cxx_uuidof_right(void)
{
        IBackgroundCopyJob *const job = NULL;
        IBackgroundCopyJob2 **ref = NULL;

        return __uuidof(IUnknown) == IID_IUnknown &&
               __uuidof(IBackgroundCopyManager) == IID_IBackgroundCopyManager &&
               __uuidof(job) == IID_IBackgroundCopyJob &&
               __uuidof(*job) == IID_IBackgroundCopyJob &&
               __uuidof(**ref) == IID_IBackgroundCopyJob2 &&
               __uuidof(BackgroundCopyManager) == CLSID_BackgroundCopyManager &&
               __uuidof(BackgroundCopyManager10_3) == CLSID_BackgroundCopyManager10_3 &&
               __uuidof(BackgroundCopyManager) != CLSID_BackgroundCopyManager1_5 &&
               IsEqualIID(__uuidof(IBackgroundCopyFile), IID_IBackgroundCopyFile) &&
               !IsEqualGUID(IID_IBackgroundCopyFile, IID_IBackgroundCopyError);
}
