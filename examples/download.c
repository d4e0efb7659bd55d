/* SPDX-License-Identifier: Apache-2.0 */
/* Downloads one file, as a program written for Windows does. The same source compiles there:
 *   Linux:   cc download.c $(pkg-config --cflags --libs libbits)
 *   Windows: gcc download.c -lole32 -luuid (mingw-w64), or cl download.c ole32.lib bits.lib */
#define COBJMACROS
#define INITGUID
#ifdef _WIN32
#include <windows.h>
#endif
#include <bits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef _WIN32
#define pause_ms(ms) Sleep(ms)
#else
#include <unistd.h>
#define pause_ms(ms) usleep((ms) *1000)
#endif

static int failed(const char *what, HRESULT hr)
{
        fprintf(stderr, "%s: 0x%08X\n", what, (unsigned) hr);
        return 1;
}

/* Polls until the job has come to rest; the state it rests in. */
static BG_JOB_STATE wait_for(IBackgroundCopyJob *job)
{
        BG_JOB_STATE state = BG_JOB_STATE_ERROR;
        BG_JOB_PROGRESS progress;

        while (SUCCEEDED(IBackgroundCopyJob_GetState(job, &state)) &&
               state != BG_JOB_STATE_TRANSFERRED && state != BG_JOB_STATE_ERROR) {
                if (SUCCEEDED(IBackgroundCopyJob_GetProgress(job, &progress)))
                        fprintf(stderr, "state %d, %.0f bytes\n", (int) state,
                                (double) progress.BytesTransferred);
                pause_ms(200);
        }
        return state;
}

static HRESULT download(IBackgroundCopyManager *manager, const WCHAR *url, const WCHAR *path)
{
        IBackgroundCopyJob *job;
        GUID id;
        HRESULT hr;

        hr = IBackgroundCopyManager_CreateJob(manager, L"example", BG_JOB_TYPE_DOWNLOAD, &id, &job);
        if (FAILED(hr))
                return hr;
        hr = IBackgroundCopyJob_AddFile(job, url, path);
        if (SUCCEEDED(hr))
                hr = IBackgroundCopyJob_SetPriority(job, BG_JOB_PRIORITY_FOREGROUND);
        if (SUCCEEDED(hr))
                hr = IBackgroundCopyJob_Resume(job);
        if (SUCCEEDED(hr))
                hr = wait_for(job) == BG_JOB_STATE_TRANSFERRED ? IBackgroundCopyJob_Complete(job)
                                                               : E_FAIL;
        if (FAILED(hr))
                IBackgroundCopyJob_Cancel(job);
        IBackgroundCopyJob_Release(job);
        return hr;
}

int main(int argc, char **argv)
{
        IBackgroundCopyManager *manager;
        WCHAR url[2201], path[1024];
        HRESULT hr;

        setlocale(LC_ALL, "");
        if (argc != 3 || mbstowcs(url, argv[1], 2200) > 2199 ||
            mbstowcs(path, argv[2], 1023) > 1022)
                return failed("usage: download URL /ABSOLUTE/PATH", E_INVALIDARG);
        hr = CoInitializeEx(NULL, COINIT_MULTITHREADED);
        if (FAILED(hr))
                return failed("CoInitializeEx", hr);
        hr = CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                              &IID_IBackgroundCopyManager, (void **) &manager);
        if (SUCCEEDED(hr)) {
                hr = download(manager, url, path);
                IBackgroundCopyManager_Release(manager);
        }
        CoUninitialize();
        return FAILED(hr) ? failed("download", hr) : 0;
}
