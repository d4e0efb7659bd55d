/* SPDX-License-Identifier: Apache-2.0 */
/* An upload with a reply, credentials and a command line, through lpVtbl, for the service. */
#include <windows.h>
#include <objbase.h>
#include <bits.h>
#include <stdio.h>

static HRESULT set_password(IBackgroundCopyJob2 *job, LPWSTR user, LPWSTR password)
{
        BG_AUTH_CREDENTIALS credentials;

        ZeroMemory(&credentials, sizeof(credentials));
        credentials.Target = BG_AUTH_TARGET_SERVER;
        credentials.Scheme = BG_AUTH_SCHEME_DIGEST;
        credentials.Credentials.Basic.UserName = user;
        credentials.Credentials.Basic.Password = password;
        return job->lpVtbl->SetCredentials(job, &credentials);
}

static HRESULT read_reply(IBackgroundCopyJob2 *job)
{
        BG_JOB_REPLY_PROGRESS progress;
        byte *data = NULL;
        UINT64 length = 0;
        HRESULT hr;

        hr = job->lpVtbl->GetReplyProgress(job, &progress);
        if (SUCCEEDED(hr) && progress.BytesTotal == BG_SIZE_UNKNOWN)
                return S_FALSE;
        hr = job->lpVtbl->GetReplyData(job, &data, &length);
        if (hr == BG_E_TOO_LARGE) {
                LPWSTR name = NULL;

                hr = job->lpVtbl->GetReplyFileName(job, &name);
                CoTaskMemFree(name);
        } else if (SUCCEEDED(hr)) {
                fwrite(data, 1, (size_t) length, stdout);
                CoTaskMemFree(data);
        }
        return hr;
}

int main(void)
{
        static WCHAR user[] = L"user", password[] = L"secret";
        BG_FILE_INFO files[1];
        IBackgroundCopyManager *manager = NULL;
        IBackgroundCopyJob *job = NULL;
        IBackgroundCopyJob2 *job2 = NULL;
        GUID id;
        HRESULT hr;

        CoInitializeEx(NULL, COINIT_MULTITHREADED);
        hr = CoInitializeSecurity(NULL, -1, NULL, NULL, RPC_C_AUTHN_LEVEL_CONNECT,
                                  RPC_C_IMP_LEVEL_IMPERSONATE, NULL, EOAC_NONE, NULL);
        if (SUCCEEDED(hr))
                hr = CoCreateInstance(&CLSID_BackgroundCopyManager1_5, NULL, CLSCTX_LOCAL_SERVER,
                                      &IID_IBackgroundCopyManager, (void **) &manager);
        if (hr == REGDB_E_CLASSNOTREG || hr == HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED))
                return 2;
        if (FAILED(hr))
                return 1;
        hr = CoSetProxyBlanket((IUnknown *) manager, RPC_C_AUTHN_DEFAULT, RPC_C_AUTHZ_NONE,
                               COLE_DEFAULT_PRINCIPAL, RPC_C_AUTHN_LEVEL_DEFAULT,
                               RPC_C_IMP_LEVEL_IMPERSONATE, NULL, EOAC_STATIC_CLOAKING);
        hr = manager->lpVtbl->CreateJob(manager, L"upload", BG_JOB_TYPE_UPLOAD_REPLY, &id, &job);
        if (SUCCEEDED(hr))
                hr = job->lpVtbl->QueryInterface(job, &IID_IBackgroundCopyJob2, (void **) &job2);
        if (SUCCEEDED(hr)) {
                static WCHAR remote[] = L"http://localhost/bits/in", local[] = L"/tmp/in";

                files[0].RemoteName = remote;
                files[0].LocalName = local;
                hr = job2->lpVtbl->AddFileSet(job2, 1, files);
                hr = set_password(job2, user, password);
                hr = job2->lpVtbl->SetReplyFileName(job2, L"/tmp/reply");
                hr = job2->lpVtbl->SetNotifyCmdLine(job2, L"/usr/bin/logger", L"logger done");
                hr = job2->lpVtbl->SetNotifyFlags(job2,
                                                  BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_JOB_ERROR);
                hr = job2->lpVtbl->Resume(job2);
                hr = read_reply(job2);
                job2->lpVtbl->RemoveCredentials(job2, BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_DIGEST);
                job2->lpVtbl->Release(job2);
        }
        if (job)
                job->lpVtbl->Release(job);
        manager->lpVtbl->Release(manager);
        CoUninitialize();
        return FAILED(hr);
}
