/* SPDX-License-Identifier: Apache-2.0 */
/* Downloads a file from a server that asks who we are. The password comes from standard input,
 * never from the command line, where everybody could read it. Compiled like download.c. */
#define COBJMACROS
#define INITGUID
#ifdef _WIN32
#include <windows.h>
#else
#include <string.h>
#include <unistd.h>
#define Sleep(ms) usleep((ms) *1000)
#define SecureZeroMemory(data, bytes) explicit_bzero(data, bytes)
#endif
#include <bits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

enum { USER_UNITS = 300, PASSWORD_UNITS = 1000 };

/* Without its line end; 0 when there is none. */
static int read_line(const char *prompt, WCHAR *text, int units)
{
        size_t len;

        fprintf(stderr, "%s: ", prompt);
        if (!fgetws(text, units, stdin))
                return 0;
        len = wcscspn(text, L"\r\n");
        text[len] = 0;
        return 1;
}

/* The same for every scheme the server may ask for: which one it will be shows only then. What is
 * set for a scheme that is not asked for is never sent. */
static HRESULT set_credentials(IBackgroundCopyJob *job, WCHAR *user, WCHAR *password)
{
        static const BG_AUTH_SCHEME schemes[] = {BG_AUTH_SCHEME_DIGEST, BG_AUTH_SCHEME_BASIC};
        BG_AUTH_CREDENTIALS credentials;
        void *found = NULL;
        IBackgroundCopyJob2 *job2;
        HRESULT hr = IBackgroundCopyJob_QueryInterface(job, &IID_IBackgroundCopyJob2, &found);
        int i;

        if (FAILED(hr))
                return hr; /* version 1.0 */
        job2 = (IBackgroundCopyJob2 *) found;
        credentials.Target = BG_AUTH_TARGET_SERVER;
        credentials.Credentials.Basic.UserName = user;
        credentials.Credentials.Basic.Password = password;
        for (i = 0; i < 2 && SUCCEEDED(hr); i++) {
                credentials.Scheme = schemes[i];
                hr = IBackgroundCopyJob2_SetCredentials(job2, &credentials);
        }
        IBackgroundCopyJob2_Release(job2);
        return hr;
}

static HRESULT wait_and_complete(IBackgroundCopyJob *job)
{
        BG_JOB_STATE state = BG_JOB_STATE_QUEUED;
        BG_ERROR_CONTEXT context;
        IBackgroundCopyError *error;
        HRESULT hr = IBackgroundCopyJob_Resume(job), code = E_FAIL;

        while (SUCCEEDED(hr) && state != BG_JOB_STATE_TRANSFERRED && state != BG_JOB_STATE_ERROR) {
                Sleep(200);
                hr = IBackgroundCopyJob_GetState(job, &state);
        }
        if (FAILED(hr))
                return hr;
        if (state == BG_JOB_STATE_TRANSFERRED)
                return IBackgroundCopyJob_Complete(job);
        if (SUCCEEDED(IBackgroundCopyJob_GetError(job, &error))) {
                IBackgroundCopyError_GetError(error, &context, &code);
                IBackgroundCopyError_Release(error);
        }
        return code; /* BG_E_HTTP_ERROR_401: the server does not know us */
}

static HRESULT download(IBackgroundCopyManager *manager, const WCHAR *url, const WCHAR *path)
{
        WCHAR user[USER_UNITS + 2], password[PASSWORD_UNITS + 2];
        IBackgroundCopyJob *job;
        GUID id;
        HRESULT hr;

        if (!read_line("user", user, USER_UNITS + 2) ||
            !read_line("password", password, PASSWORD_UNITS + 2))
                return E_INVALIDARG;
        hr = IBackgroundCopyManager_CreateJob(manager, L"example", BG_JOB_TYPE_DOWNLOAD, &id, &job);
        if (SUCCEEDED(hr)) {
                hr = IBackgroundCopyJob_AddFile(job, url, path);
                if (SUCCEEDED(hr))
                        hr = set_credentials(job, user, password);
        }
        SecureZeroMemory(password, sizeof(password)); /* the service keeps its own, sealed */
        if (FAILED(hr))
                return hr;
        hr = wait_and_complete(job);
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
            mbstowcs(path, argv[2], 1023) > 1022) {
                fprintf(stderr, "usage: credentials URL /ABSOLUTE/PATH\n");
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
