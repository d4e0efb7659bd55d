/* SPDX-License-Identifier: Apache-2.0 */
/* Lists the user's jobs with their files, and says of those that failed what was wrong. Compiled
 * like download.c. */
#define COBJMACROS
#define INITGUID
#ifdef _WIN32
#include <windows.h>
#endif
#include <bits.h>
#include <locale.h>
#include <stdio.h>

#define ENGLISH 0x0409 /* MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US) */

static const char *const state_names[] = {
        "queued",          "connecting",  "transferring", "suspended", "error",
        "transient error", "transferred", "acknowledged", "cancelled",
};

static void print_files(IBackgroundCopyJob *job)
{
        IEnumBackgroundCopyFiles *files;
        IBackgroundCopyFile *file;
        BG_FILE_PROGRESS progress;
        LPWSTR name;

        if (FAILED(IBackgroundCopyJob_EnumFiles(job, &files)))
                return;
        while (IEnumBackgroundCopyFiles_Next(files, 1, &file, NULL) == S_OK) {
                if (SUCCEEDED(IBackgroundCopyFile_GetLocalName(file, &name)) &&
                    SUCCEEDED(IBackgroundCopyFile_GetProgress(file, &progress))) {
                        printf("    %ls: %.0f bytes", name, (double) progress.BytesTransferred);
                        if (progress.BytesTotal != BG_SIZE_UNKNOWN)
                                printf(" of %.0f", (double) progress.BytesTotal);
                        printf("%s\n", progress.Completed ? ", complete" : "");
                        CoTaskMemFree(name);
                }
                IBackgroundCopyFile_Release(file);
        }
        IEnumBackgroundCopyFiles_Release(files);
}

static void print_error(IBackgroundCopyJob *job)
{
        IBackgroundCopyError *error;
        BG_ERROR_CONTEXT context;
        HRESULT code;
        LPWSTR text;

        if (FAILED(IBackgroundCopyJob_GetError(job, &error)))
                return;
        if (SUCCEEDED(IBackgroundCopyError_GetError(error, &context, &code)))
                printf("    error 0x%08X\n", (unsigned) code);
        if (SUCCEEDED(IBackgroundCopyError_GetErrorDescription(error, ENGLISH, &text))) {
                printf("    %ls\n", text);
                CoTaskMemFree(text);
        }
        if (SUCCEEDED(IBackgroundCopyError_GetErrorContextDescription(error, ENGLISH, &text))) {
                printf("    %ls\n", text);
                CoTaskMemFree(text);
        }
        IBackgroundCopyError_Release(error);
}

static void print_job(IBackgroundCopyJob *job)
{
        BG_JOB_STATE state;
        WCHAR id_text[39];
        LPWSTR name;
        GUID id;

        if (FAILED(IBackgroundCopyJob_GetState(job, &state)) ||
            FAILED(IBackgroundCopyJob_GetId(job, &id)) ||
            FAILED(IBackgroundCopyJob_GetDisplayName(job, &name)))
                return; /* it has gone meanwhile */
        StringFromGUID2(&id, id_text, 39);
        printf("%ls \"%ls\": %s\n", id_text, name, state_names[state]);
        CoTaskMemFree(name);
        print_files(job);
        if (state == BG_JOB_STATE_ERROR || state == BG_JOB_STATE_TRANSIENT_ERROR)
                print_error(job);
}

int main(void)
{
        IBackgroundCopyManager *manager;
        IEnumBackgroundCopyJobs *jobs;
        IBackgroundCopyJob *job;
        HRESULT hr;

        setlocale(LC_ALL, "");
        hr = CoInitializeEx(NULL, COINIT_MULTITHREADED);
        if (SUCCEEDED(hr))
                hr = CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                                      &IID_IBackgroundCopyManager, (void **) &manager);
        if (FAILED(hr)) {
                fprintf(stderr, "no service: 0x%08X\n", (unsigned) hr);
                return 1;
        }
        hr = IBackgroundCopyManager_EnumJobs(manager, 0, &jobs);
        if (SUCCEEDED(hr)) {
                while (IEnumBackgroundCopyJobs_Next(jobs, 1, &job, NULL) == S_OK) {
                        print_job(job);
                        IBackgroundCopyJob_Release(job);
                }
                IEnumBackgroundCopyJobs_Release(jobs);
        }
        IBackgroundCopyManager_Release(manager);
        CoUninitialize();
        return FAILED(hr) ? 1 : 0;
}
