/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads a file and prints what the server's application answers; compiled like download.c. */
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
#include <stdio.h>
#include <stdlib.h>

static HRESULT upload(IBackgroundCopyJob2 *job, const WCHAR *path, const WCHAR *url)
{
        BG_JOB_STATE state = BG_JOB_STATE_QUEUED;
        BYTE *reply = NULL;
        UINT64 length = 0;
        HRESULT hr = IBackgroundCopyJob2_AddFile(job, url, path);

        if (SUCCEEDED(hr))
                hr = IBackgroundCopyJob2_Resume(job);
        while (SUCCEEDED(hr) && state != BG_JOB_STATE_TRANSFERRED && state != BG_JOB_STATE_ERROR) {
                Sleep(200);
                hr = IBackgroundCopyJob2_GetState(job, &state);
        }
        if (SUCCEEDED(hr)) /* fails in ERROR, and over 1 MiB, when only the file has the reply */
                hr = IBackgroundCopyJob2_GetReplyData(job, &reply, &length);
        if (reply)
                fwrite(reply, 1, (size_t) length, stdout);
        CoTaskMemFree(reply);
        return FAILED(hr) && hr != (HRESULT) BG_E_TOO_LARGE ? hr
                                                            : IBackgroundCopyJob2_Complete(job);
}

int main(int argc, char **argv)
{
        IBackgroundCopyManager *manager;
        IBackgroundCopyJob *job;
        void *job2 = NULL; /* the process ends soon, so nothing is released here */
        WCHAR path[999], url[2200];
        GUID id;
        HRESULT hr = CoInitializeEx(NULL, COINIT_MULTITHREADED); /* the next one says if not */

        setlocale(LC_ALL, "");
        if (argc != 3 || mbstowcs(path, argv[1], 999) > 998 || mbstowcs(url, argv[2], 2200) > 2199)
                return fprintf(stderr, "usage: upload_reply /ABSOLUTE/PATH URL\n") > 0;
        hr = CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                              &IID_IBackgroundCopyManager, (void **) &manager);
        if (SUCCEEDED(hr))
                hr = IBackgroundCopyManager_CreateJob(manager, L"example", BG_JOB_TYPE_UPLOAD_REPLY,
                                                      &id, &job);
        if (SUCCEEDED(hr))
                hr = IBackgroundCopyJob_QueryInterface(job, &IID_IBackgroundCopyJob2, &job2);
        if (SUCCEEDED(hr) && FAILED(hr = upload(job2, path, url)))
                IBackgroundCopyJob_Cancel(job);
        return FAILED(hr) && fprintf(stderr, "upload: 0x%08X\n", (unsigned) hr) > 0;
}
