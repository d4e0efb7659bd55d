/* SPDX-License-Identifier: Apache-2.0 */
/* Downloads one file and is told when it is there: callback.cpp in C, with a table of functions and
 * a count of references made by hand. Compiled like download.c. */
#define COBJMACROS
#define INITGUID
#ifdef _WIN32
#include <windows.h>
#else
#include <unistd.h>
#define Sleep(ms) usleep((ms) *1000)
#endif
#include <bits.h>
#include <locale.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#ifndef STDMETHODCALLTYPE
#define STDMETHODCALLTYPE
#endif

/* The interface comes first, so that a pointer to it is one to the object. The service calls it on
 * a thread of its own (of the library's, here on Linux). */
typedef struct Callback {
        IBackgroundCopyCallback iface;
        atomic_uint refs;
        atomic_int is_over;
        atomic_int result;
} Callback;

static HRESULT STDMETHODCALLTYPE query_interface(IBackgroundCopyCallback *This, REFIID riid,
                                                 void **object)
{
        if (!IsEqualGUID(riid, &IID_IUnknown) && !IsEqualGUID(riid, &IID_IBackgroundCopyCallback)) {
                *object = NULL;
                return E_NOINTERFACE;
        }
        *object = This;
        IBackgroundCopyCallback_AddRef(This);
        return S_OK;
}

static ULONG STDMETHODCALLTYPE add_ref(IBackgroundCopyCallback *This)
{
        return atomic_fetch_add(&((Callback *) This)->refs, 1) + 1;
}

static ULONG STDMETHODCALLTYPE release(IBackgroundCopyCallback *This)
{
        ULONG left = atomic_fetch_sub(&((Callback *) This)->refs, 1) - 1;

        if (left == 0)
                free(This);
        return left;
}

static HRESULT STDMETHODCALLTYPE job_transferred(IBackgroundCopyCallback *This,
                                                 IBackgroundCopyJob *job)
{
        Callback *c = (Callback *) This;

        atomic_store(&c->result, (int) IBackgroundCopyJob_Complete(job));
        atomic_store(&c->is_over, 1);
        return S_OK; /* anything else, and we would be called again */
}

static HRESULT STDMETHODCALLTYPE job_error(IBackgroundCopyCallback *This, IBackgroundCopyJob *job,
                                           IBackgroundCopyError *error)
{
        Callback *c = (Callback *) This;
        BG_ERROR_CONTEXT context;
        HRESULT code = E_FAIL;

        IBackgroundCopyError_GetError(error, &context, &code);
        IBackgroundCopyJob_Cancel(job);
        atomic_store(&c->result, (int) code);
        atomic_store(&c->is_over, 1);
        return S_OK;
}

static HRESULT STDMETHODCALLTYPE job_modification(IBackgroundCopyCallback *This,
                                                  IBackgroundCopyJob *job, DWORD reserved)
{
        (void) This;
        (void) job;
        (void) reserved;
        return S_OK;
}

/* With one reference, the caller's. NULL when there is no memory. */
static Callback *callback_new(void)
{
        static IBackgroundCopyCallbackVtbl table;
        Callback *c = (Callback *) calloc(1, sizeof(*c));

        table.QueryInterface = query_interface;
        table.AddRef = add_ref;
        table.Release = release;
        table.JobTransferred = job_transferred;
        table.JobError = job_error;
        table.JobModification = job_modification;
        if (c) {
                c->iface.lpVtbl = &table;
                atomic_init(&c->refs, 1);
        }
        return c;
}

static HRESULT download(IBackgroundCopyManager *manager, const WCHAR *url, const WCHAR *path)
{
        Callback *callback = callback_new();
        IBackgroundCopyJob *job;
        GUID id;
        HRESULT hr;

        if (!callback)
                return E_OUTOFMEMORY;
        hr = IBackgroundCopyManager_CreateJob(manager, L"example", BG_JOB_TYPE_DOWNLOAD, &id, &job);
        if (SUCCEEDED(hr)) {
                hr = IBackgroundCopyJob_SetNotifyInterface(job, (IUnknown *) &callback->iface);
                if (SUCCEEDED(hr))
                        hr = IBackgroundCopyJob_AddFile(job, url, path);
                if (SUCCEEDED(hr))
                        hr = IBackgroundCopyJob_Resume(job);
                if (FAILED(hr))
                        IBackgroundCopyJob_Cancel(job);
                while (SUCCEEDED(hr) && !atomic_load(&callback->is_over))
                        Sleep(50); /* a real program does something useful meanwhile */
                if (SUCCEEDED(hr))
                        hr = (HRESULT) atomic_load(&callback->result);
                IBackgroundCopyJob_Release(job);
        }
        release(&callback->iface);
        return hr;
}

int main(int argc, char **argv)
{
        IBackgroundCopyManager *manager;
        WCHAR url[2201], path[1024];
        HRESULT hr;

        setlocale(LC_ALL, "");
        if (argc != 3 || mbstowcs(url, argv[1], 2200) > 2199 ||
            mbstowcs(path, argv[2], 1023) > 1022) {
                fprintf(stderr, "usage: callback URL /ABSOLUTE/PATH\n");
                return 1;
        }
        hr = CoInitializeEx(NULL, COINIT_MULTITHREADED);
        if (SUCCEEDED(hr))
                hr = CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                                      &IID_IBackgroundCopyManager, (void **) &manager);
        if (SUCCEEDED(hr)) {
                hr = download(manager, url, path);
                IBackgroundCopyManager_Release(manager);
        }
        CoUninitialize();
        if (FAILED(hr))
                fprintf(stderr, "download: 0x%08X\n", (unsigned) hr);
        return FAILED(hr) ? 1 : 0;
}
