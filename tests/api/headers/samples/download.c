/* SPDX-License-Identifier: Apache-2.0 */
/* A download in plain C, as written for Windows: macros, polling, error text. */
#define COBJMACROS
#include <windows.h>
#include <initguid.h>
#include <bits.h>
#include <stdio.h>

static void print_error(IBackgroundCopyJob *job)
{
        IBackgroundCopyError *error = NULL;
        IBackgroundCopyFile *file = NULL;
        BG_ERROR_CONTEXT context;
        HRESULT code;
        LPWSTR text = NULL, name = NULL;

        if (FAILED(IBackgroundCopyJob_GetError(job, &error)))
                return;
        if (SUCCEEDED(IBackgroundCopyError_GetError(error, &context, &code)))
                wprintf(L"error 0x%08X in context %d\n", (unsigned int) code, (int) context);
        if (SUCCEEDED(IBackgroundCopyError_GetErrorDescription(
                    error, LANGIDFROMLCID(GetThreadLocale()), &text))) {
                wprintf(L"%ls\n", text);
                CoTaskMemFree(text);
        }
        if (SUCCEEDED(IBackgroundCopyError_GetFile(error, &file))) {
                if (SUCCEEDED(IBackgroundCopyFile_GetRemoteName(file, &name))) {
                        wprintf(L"%ls\n", name);
                        CoTaskMemFree(name);
                }
                IBackgroundCopyFile_Release(file);
        }
        IBackgroundCopyError_Release(error);
}

static HRESULT wait_for(IBackgroundCopyJob *job)
{
        BG_JOB_STATE state;
        BG_JOB_PROGRESS progress;
        HRESULT hr;

        for (;;) {
                hr = IBackgroundCopyJob_GetState(job, &state);
                if (FAILED(hr))
                        return hr;
                switch (state) {
                case BG_JOB_STATE_TRANSFERRED:
                        return IBackgroundCopyJob_Complete(job);
                case BG_JOB_STATE_ERROR:
                        print_error(job);
                        return IBackgroundCopyJob_Cancel(job);
                case BG_JOB_STATE_TRANSFERRING:
                        hr = IBackgroundCopyJob_GetProgress(job, &progress);
                        if (SUCCEEDED(hr) && progress.BytesTotal != BG_SIZE_UNKNOWN)
                                wprintf(L"%u of %u files\n",
                                        (unsigned int) progress.FilesTransferred,
                                        (unsigned int) progress.FilesTotal);
                        break;
                default:
                        break;
                }
                Sleep(500);
        }
}

static HRESULT list_jobs(IBackgroundCopyManager *manager)
{
        IEnumBackgroundCopyJobs *jobs = NULL;
        IBackgroundCopyJob *job = NULL;
        ULONG count = 0, i;
        HRESULT hr;

        hr = IBackgroundCopyManager_EnumJobs(manager, BG_JOB_ENUM_ALL_USERS, &jobs);
        if (hr == E_ACCESSDENIED)
                hr = IBackgroundCopyManager_EnumJobs(manager, 0, &jobs);
        if (FAILED(hr))
                return hr;
        hr = IEnumBackgroundCopyJobs_GetCount(jobs, &count);
        for (i = 0; SUCCEEDED(hr) && i < count; i++) {
                WCHAR text[MAX_PATH];
                GUID id;

                if (IEnumBackgroundCopyJobs_Next(jobs, 1, &job, NULL) != S_OK)
                        break;
                IBackgroundCopyJob_GetId(job, &id);
                if (StringFromGUID2(&id, text, ARRAYSIZE(text)) > 0)
                        wprintf(L"%ls\n", text);
                IBackgroundCopyJob_Release(job);
        }
        IEnumBackgroundCopyJobs_Release(jobs);
        return hr;
}

int main(void)
{
        IBackgroundCopyManager *manager = NULL;
        IBackgroundCopyJob *job = NULL;
        GUID id;
        HRESULT hr;

        hr = CoInitializeEx(NULL, COINIT_APARTMENTTHREADED);
        if (FAILED(hr))
                return 1;
        hr = CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                              &IID_IBackgroundCopyManager, (void **) &manager);
        if (SUCCEEDED(hr)) {
                hr = IBackgroundCopyManager_CreateJob(manager, L"sample", BG_JOB_TYPE_DOWNLOAD, &id,
                                                      &job);
                if (SUCCEEDED(hr)) {
                        hr = IBackgroundCopyJob_AddFile(job, L"http://localhost/a", L"/tmp/a");
                        if (SUCCEEDED(hr))
                                hr = IBackgroundCopyJob_SetPriority(job,
                                                                    BG_JOB_PRIORITY_FOREGROUND);
                        if (SUCCEEDED(hr))
                                hr = IBackgroundCopyJob_Resume(job);
                        if (SUCCEEDED(hr))
                                hr = wait_for(job);
                        IBackgroundCopyJob_Release(job);
                }
                list_jobs(manager);
                IBackgroundCopyManager_Release(manager);
        }
        CoUninitialize();
        return hr == S_OK || hr == BG_S_PARTIAL_COMPLETE ? 0 : 1;
}
