/* SPDX-License-Identifier: Apache-2.0 */
/* A program in two roles. "notify URL /PATH" makes a job and leaves; BITS runs the same program as
 * "notify JOB-GUID" when the job is transferred or has failed, and it completes or cancels the job.
 * Compiled like download.c. */
#define COBJMACROS
#define INITGUID
#ifdef _WIN32
#include <windows.h>
#else
#include <unistd.h>
#endif
#include <bits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

enum { PATH_UNITS = 260, LINE_UNITS = 4000 };

/* Where this program is: the service searches no directories. */
static HRESULT own_path(WCHAR *path)
{
#ifdef _WIN32
        DWORD n = GetModuleFileNameW(NULL, path, PATH_UNITS);

        return n > 0 && n < PATH_UNITS ? S_OK : E_FAIL;
#else
        char text[PATH_UNITS + 1];
        ssize_t n = readlink("/proc/self/exe", text, PATH_UNITS);

        if (n < 0 || n >= PATH_UNITS)
                return E_FAIL;
        text[n] = '\0';
        return mbstowcs(path, text, PATH_UNITS) < PATH_UNITS ? S_OK : E_FAIL;
#endif
}

/* The parameters are the whole command line: the program's own name comes first, in quotes since it
 * may have blanks in it. Nothing is passed by itself, so the job's name has to stand there. */
static HRESULT set_program(IBackgroundCopyJob *job, const GUID *id)
{
        WCHAR path[PATH_UNITS + 1], line[LINE_UNITS + 1], id_text[39];
        IBackgroundCopyJob2 *job2;
        void *found = NULL;
        HRESULT hr = own_path(path);

        if (SUCCEEDED(hr))
                hr = IBackgroundCopyJob_QueryInterface(job, &IID_IBackgroundCopyJob2, &found);
        if (FAILED(hr))
                return hr;
        job2 = (IBackgroundCopyJob2 *) found;
        StringFromGUID2(id, id_text, 39);
        swprintf(line, LINE_UNITS, L"\"%ls\" %ls", path, id_text);
        hr = IBackgroundCopyJob2_SetNotifyCmdLine(job2, path, line);
        if (SUCCEEDED(hr))
                hr = IBackgroundCopyJob2_SetNotifyFlags(job2, BG_NOTIFY_JOB_TRANSFERRED |
                                                                      BG_NOTIFY_JOB_ERROR);
        IBackgroundCopyJob2_Release(job2);
        return hr;
}

static HRESULT begin(IBackgroundCopyManager *manager, const char *url_text, const char *path_text)
{
        WCHAR url[2201], path[1024];
        IBackgroundCopyJob *job;
        GUID id;
        HRESULT hr;

        if (mbstowcs(url, url_text, 2200) > 2199 || mbstowcs(path, path_text, 1023) > 1022)
                return E_INVALIDARG;
        hr = IBackgroundCopyManager_CreateJob(manager, L"notify", BG_JOB_TYPE_DOWNLOAD, &id, &job);
        if (FAILED(hr))
                return hr;
        hr = IBackgroundCopyJob_AddFile(job, url, path);
        if (SUCCEEDED(hr))
                hr = set_program(job, &id);
        if (SUCCEEDED(hr))
                hr = IBackgroundCopyJob_Resume(job);
        if (FAILED(hr))
                IBackgroundCopyJob_Cancel(job);
        IBackgroundCopyJob_Release(job);
        return hr;
}

/* As the job's program. With any exit status but 0 we would be run again after a while. */
static HRESULT finish(IBackgroundCopyManager *manager, const char *id_text)
{
        BG_JOB_STATE state = BG_JOB_STATE_ERROR;
        IBackgroundCopyJob *job;
        WCHAR text[39];
        GUID id;
        HRESULT hr;

        if (mbstowcs(text, id_text, 39) != 38)
                return E_INVALIDARG;
        hr = CLSIDFromString(text, &id);
        if (SUCCEEDED(hr))
                hr = IBackgroundCopyManager_GetJob(manager, &id, &job);
        if (FAILED(hr))
                return hr == (HRESULT) BG_E_NOT_FOUND ? S_OK : hr; /* somebody else was faster */
        hr = IBackgroundCopyJob_GetState(job, &state);
        if (SUCCEEDED(hr))
                hr = state == BG_JOB_STATE_TRANSFERRED ? IBackgroundCopyJob_Complete(job)
                                                       : IBackgroundCopyJob_Cancel(job);
        IBackgroundCopyJob_Release(job);
        return hr;
}

int main(int argc, char **argv)
{
        IBackgroundCopyManager *manager;
        HRESULT hr;

        setlocale(LC_ALL, "");
        if (argc != 2 && argc != 3) {
                fprintf(stderr, "usage: notify URL /ABSOLUTE/PATH\n");
                return 1;
        }
        hr = CoInitializeEx(NULL, COINIT_MULTITHREADED);
        if (SUCCEEDED(hr))
                hr = CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                                      &IID_IBackgroundCopyManager, (void **) &manager);
        if (SUCCEEDED(hr)) {
                hr = argc == 3 ? begin(manager, argv[1], argv[2]) : finish(manager, argv[1]);
                IBackgroundCopyManager_Release(manager);
        }
        CoUninitialize();
        if (FAILED(hr))
                fprintf(stderr, "notify: 0x%08X\n", (unsigned) hr);
        return FAILED(hr) ? 1 : 0;
}
