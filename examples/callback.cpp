// SPDX-License-Identifier: Apache-2.0
// Downloads one file and is told when it is there, instead of asking. C++, and the same source on
// Windows and Linux:
//   Linux:   c++ callback.cpp $(pkg-config --cflags --libs libbits) -pthread
//   Windows: g++ callback.cpp -lole32 -luuid (mingw-w64)
#define INITGUID
#ifdef _WIN32
#include <windows.h>
#endif
#include <bits.h>
#include <atomic>
#include <chrono>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#ifndef STDMETHODCALLTYPE
#define STDMETHODCALLTYPE
#endif

// The service calls it on a thread of its own (of the library's, here on Linux).
class Callback : public IBackgroundCopyCallback {
public:
        std::atomic<bool> over{false};
        std::atomic<HRESULT> result{E_FAIL};

        HRESULT STDMETHODCALLTYPE QueryInterface(REFIID riid, void **object) override
        {
                if (riid != IID_IUnknown && riid != IID_IBackgroundCopyCallback) {
                        *object = nullptr;
                        return E_NOINTERFACE;
                }
                *object = static_cast<IBackgroundCopyCallback *>(this);
                AddRef();
                return S_OK;
        }
        ULONG STDMETHODCALLTYPE AddRef() override
        {
                return ++refs;
        }
        ULONG STDMETHODCALLTYPE Release() override
        {
                const ULONG left = --refs;
                if (left == 0)
                        delete this;
                return left;
        }
        // Completing from inside is the usual way. Any result but S_OK means: tell me again later.
        HRESULT STDMETHODCALLTYPE JobTransferred(IBackgroundCopyJob *job) override
        {
                result = job->Complete();
                over = true;
                return result;
        }
        HRESULT STDMETHODCALLTYPE JobError(IBackgroundCopyJob *job,
                                           IBackgroundCopyError *error) override
        {
                BG_ERROR_CONTEXT context;
                HRESULT code = E_FAIL;

                error->GetError(&context, &code);
                result = code;
                job->Cancel();
                over = true;
                return S_OK;
        }
        HRESULT STDMETHODCALLTYPE JobModification(IBackgroundCopyJob *, DWORD) override
        {
                return S_OK;
        }

private:
        std::atomic<ULONG> refs{1};
        virtual ~Callback() = default;
};

static HRESULT download(IBackgroundCopyManager *manager, const std::wstring &url,
                        const std::wstring &path)
{
        IBackgroundCopyJob *job;
        GUID id;
        HRESULT hr = manager->CreateJob(L"example", BG_JOB_TYPE_DOWNLOAD, &id, &job);
        if (FAILED(hr))
                return hr;
        Callback *callback = new Callback;
        hr = job->AddFile(url.c_str(), path.c_str());
        if (SUCCEEDED(hr))
                hr = job->SetNotifyInterface(callback);
        if (SUCCEEDED(hr))
                hr = job->SetNotifyFlags(BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_JOB_ERROR);
        if (SUCCEEDED(hr))
                hr = job->Resume();
        if (FAILED(hr))
                job->Cancel();
        else {
                while (!callback->over)
                        std::this_thread::sleep_for(std::chrono::milliseconds(20));
                hr = callback->result;
        }
        job->Release();
        callback->Release();
        return hr;
}

static std::wstring widen(const char *text)
{
        std::wstring wide(std::mbstowcs(nullptr, text, 0), L'\0');
        std::mbstowcs(&wide[0], text, wide.size());
        return wide;
}

int main(int argc, char **argv)
{
        std::setlocale(LC_ALL, "");
        if (argc != 3) {
                std::fprintf(stderr, "usage: callback URL /ABSOLUTE/PATH\n");
                return 2;
        }
        HRESULT hr = CoInitializeEx(nullptr, COINIT_MULTITHREADED);
        if (FAILED(hr))
                return 1;
        IBackgroundCopyManager *manager;
        hr = CoCreateInstance(CLSID_BackgroundCopyManager, nullptr, CLSCTX_LOCAL_SERVER,
                              IID_IBackgroundCopyManager, reinterpret_cast<void **>(&manager));
        if (SUCCEEDED(hr)) {
                hr = download(manager, widen(argv[1]), widen(argv[2]));
                manager->Release();
        }
        CoUninitialize();
        if (FAILED(hr))
                std::fprintf(stderr, "download: 0x%08X\n", static_cast<unsigned>(hr));
        return FAILED(hr) ? 1 : 0;
}
