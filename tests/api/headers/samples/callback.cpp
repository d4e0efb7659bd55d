// SPDX-License-Identifier: Apache-2.0
// Notification in C++ as written for Windows: a callback class, __uuidof, IID_PPV_ARGS.
#include <windows.h>
#include <bits.h>
#include <cstdio>
#include <new>

class Callback : public IBackgroundCopyCallback
{
        LONG references = 1;

      public:
        virtual ~Callback()
        {
        }

        STDMETHODIMP QueryInterface(REFIID riid, LPVOID *object)
        {
                if (riid == __uuidof(IUnknown) || riid == __uuidof(IBackgroundCopyCallback)) {
                        *object = this;
                        AddRef();
                        return S_OK;
                }
                *object = NULL;
                return E_NOINTERFACE;
        }
        STDMETHODIMP_(ULONG) AddRef()
        {
                return InterlockedIncrement(&references);
        }
        STDMETHODIMP_(ULONG) Release()
        {
                ULONG left = InterlockedDecrement(&references);

                if (left == 0)
                        delete this;
                return left;
        }
        STDMETHODIMP JobTransferred(IBackgroundCopyJob *job)
        {
                return job->Complete();
        }
        STDMETHODIMP JobError(IBackgroundCopyJob *job, IBackgroundCopyError *error)
        {
                BG_ERROR_CONTEXT context;
                HRESULT code;

                if (SUCCEEDED(error->GetError(&context, &code)) &&
                    context == BG_ERROR_CONTEXT_REMOTE_FILE && HRESULT_CODE(code) == 404)
                        return job->Cancel();
                return S_OK;
        }
        STDMETHODIMP JobModification(IBackgroundCopyJob *, DWORD)
        {
                return S_OK;
        }
};

int main()
{
        IBackgroundCopyManager *manager = NULL;
        IBackgroundCopyJob *job = NULL;
        IBackgroundCopyJob2 *job2 = NULL;
        GUID id;

        if (FAILED(CoInitializeEx(NULL, COINIT_MULTITHREADED)))
                return 1;
        HRESULT hr = CoCreateInstance(__uuidof(BackgroundCopyManager), NULL, CLSCTX_LOCAL_SERVER,
                                      __uuidof(IBackgroundCopyManager),
                                      reinterpret_cast<void **>(&manager));
        if (SUCCEEDED(hr)) {
                manager->Release();
                hr = CoCreateInstance(CLSID_BackgroundCopyManager1_5, NULL, CLSCTX_LOCAL_SERVER,
                                      IID_PPV_ARGS(&manager));
        }
        if (SUCCEEDED(hr))
                hr = manager->CreateJob(L"sample", BG_JOB_TYPE_DOWNLOAD, &id, &job);
        if (SUCCEEDED(hr))
                hr = job->QueryInterface(IID_PPV_ARGS(&job2));
        if (SUCCEEDED(hr)) {
                Callback *callback = new (std::nothrow) Callback();

                if (callback) {
                        hr = job2->SetNotifyInterface(callback);
                        callback->Release();
                }
                job2->SetNotifyFlags(BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_JOB_ERROR |
                                     BG_NOTIFY_JOB_MODIFICATION);
                job2->Resume();
                if (IsEqualGUID(id, GUID()))
                        std::puts("no id");
                job2->Release();
        }
        if (job)
                job->Release();
        if (manager)
                manager->Release();
        CoUninitialize();
        return SUCCEEDED(hr) ? 0 : 1;
}
