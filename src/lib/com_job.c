/* SPDX-License-Identifier: Apache-2.0 */
#include "com_job.h"

#include "base/buf.h"
#include "com_enum.h"
#include "com_error.h"
#include "com_text.h"
#include "ipc/record.h"

/* A packed job is names, a description and two proxy lists long. */
#define RECORD_MAX_BYTES ((size_t) 1024 * 1024)

static void destroy_job(void *object)
{
        ComJob *job = object;

        (void) com_session_unref(job->session);
        (void) pthread_mutex_destroy(&job->lock);
        mem_free(job->final_record);
        mem_free(job);
}

/* ---- reading ---- */

static void keep_final(ComJob *job, const bits_job_info *info)
{
        Buf b;

        if (info->state != BG_JOB_STATE_ACKNOWLEDGED && info->state != BG_JOB_STATE_CANCELLED)
                return;
        (void) pthread_mutex_lock(&job->lock);
        if (!job->final_record) {
                buf_init(&b, RECORD_MAX_BYTES);
                record_put_job(&b, info);
                if (buf_error(&b) == 0 && b.head == 0) {
                        job->final_bytes = b.len;
                        job->final_record = TAKE_PTR(b.data);
                        b.len = b.cap = 0;
                }
                buf_done(&b);
        }
        (void) pthread_mutex_unlock(&job->lock);
}

/* BG_E_NOT_FOUND when there is no such reading. */
static HRESULT read_final(ComJob *job, bits_job_info **ret)
{
        _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;
        PackReader reader;
        HRESULT hr = BG_E_NOT_FOUND;

        (void) pthread_mutex_lock(&job->lock);
        if (job->final_record) {
                pack_reader_init(&reader, job->final_record, job->final_bytes);
                info = mem_new(bits_job_info);
                hr = info && record_get_job(&reader, info) >= 0 ? S_OK : E_OUTOFMEMORY;
        }
        (void) pthread_mutex_unlock(&job->lock);
        if (SUCCEEDED(hr))
                *ret = TAKE_PTR(info);
        return hr;
}

HRESULT com_job_read(IBackgroundCopyJob2 *This, bits_job_info **ret)
{
        ComJob *job = com_job(This);
        HRESULT hr;

        hr = bits_job_read(com_job_client(This), &job->id, ret);
        if (hr == BG_E_NOT_FOUND)
                return read_final(job, ret);
        if (SUCCEEDED(hr))
                keep_final(job, *ret);
        return hr;
}

/* ---- files ---- */

static HRESULT add_specs(IBackgroundCopyJob2 *This, const bits_file_spec *specs, size_t count)
{
        return bits_job_add_files(com_job_client(This), &com_job(This)->id, specs, count);
}

static HRESULT add_file(IBackgroundCopyJob2 *This, LPCWSTR RemoteUrl, LPCWSTR LocalName)
{
        _cleanup_free_ char *remote = NULL, *local = NULL;
        HRESULT hr;

        hr = com_text_in_required(RemoteUrl, &remote);
        if (SUCCEEDED(hr))
                hr = com_text_in_required(LocalName, &local);
        if (FAILED(hr))
                return hr;
        return add_specs(This, &(bits_file_spec){.remote = remote, .local = local}, 1);
}

static HRESULT convert_set(const BG_FILE_INFO *set, ULONG count, bits_file_spec *specs)
{
        HRESULT hr = S_OK;

        for (ULONG i = 0; i < count && SUCCEEDED(hr); i++) {
                hr = com_text_in_required(set[i].RemoteName, (char **) &specs[i].remote);
                if (SUCCEEDED(hr))
                        hr = com_text_in_required(set[i].LocalName, (char **) &specs[i].local);
        }
        return hr;
}

static HRESULT add_file_set(IBackgroundCopyJob2 *This, ULONG cFileCount, BG_FILE_INFO *pFileSet)
{
        bits_file_spec *specs;
        HRESULT hr;

        if (cFileCount == 0)
                return S_OK;
        if (!pFileSet)
                return E_INVALIDARG;
        specs = mem_array(cFileCount, sizeof(*specs));
        if (!specs)
                return E_OUTOFMEMORY;
        hr = convert_set(pFileSet, cFileCount, specs);
        if (SUCCEEDED(hr))
                hr = add_specs(This, specs, cFileCount);
        for (ULONG i = 0; i < cFileCount; i++) {
                mem_free((char *) specs[i].remote);
                mem_free((char *) specs[i].local);
        }
        mem_free(specs);
        return hr;
}

static HRESULT enum_files(IBackgroundCopyJob2 *This, IEnumBackgroundCopyFiles **pEnum)
{
        ComJob *job = com_job(This);
        bits_file_list *files;
        HRESULT hr;

        if (!pEnum)
                return E_INVALIDARG;
        *pEnum = NULL;
        hr = bits_files_list(com_job_client(This), &job->id, &files);
        if (FAILED(hr))
                return hr;
        return com_enum_take_files(job->session, &job->id, files, pEnum);
}

/* ---- state ---- */

static HRESULT suspend(IBackgroundCopyJob2 *This)
{
        return bits_job_suspend(com_job_client(This), &com_job(This)->id);
}

static HRESULT resume(IBackgroundCopyJob2 *This)
{
        return bits_job_resume(com_job_client(This), &com_job(This)->id);
}

void com_job_ended(IBackgroundCopyJob2 *This)
{
        ComJob *job = com_job(This);
        CallbackHub *hub = com_session_hub(job->session);

        if (hub && callback_hub_is_used(hub))
                callback_hub_forget(hub, &job->id);
}

static HRESULT cancel(IBackgroundCopyJob2 *This)
{
        HRESULT hr = bits_job_cancel(com_job_client(This), &com_job(This)->id);

        if (SUCCEEDED(hr))
                com_job_ended(This);
        return hr;
}

static HRESULT complete(IBackgroundCopyJob2 *This)
{
        HRESULT hr = bits_job_complete(com_job_client(This), &com_job(This)->id);

        if (SUCCEEDED(hr))
                com_job_ended(This);
        return hr;
}

static HRESULT take_ownership(IBackgroundCopyJob2 *This)
{
        return bits_job_take_ownership(com_job_client(This), &com_job(This)->id);
}

static HRESULT get_error(IBackgroundCopyJob2 *This, IBackgroundCopyError **ppError)
{
        _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;
        ComJob *job = com_job(This);
        HRESULT hr;

        if (!ppError)
                return E_INVALIDARG;
        *ppError = NULL;
        hr = com_job_read(This, &info);
        if (FAILED(hr))
                return hr;
        if (info->error_code == S_OK)
                return BG_E_ERROR_INFORMATION_UNAVAILABLE;
        return com_error_new(job->session, info, ppError);
}

/* ---- notification ---- */

static HRESULT set_notify_interface(IBackgroundCopyJob2 *This, IUnknown *Val)
{
        ComJob *job = com_job(This);
        CallbackHub *hub = com_session_hub(job->session);
        IBackgroundCopyCallback *callback = NULL;
        HRESULT hr;

        if (!hub)
                return E_OUTOFMEMORY;
        if (!Val)
                return callback_hub_clear(hub, &job->id);
        hr = Val->lpVtbl->QueryInterface(Val, &IID_IBackgroundCopyCallback, (void **) &callback);
        if (FAILED(hr))
                return hr;
        if (!callback)
                return E_NOINTERFACE;
        hr = callback_hub_set(hub, &job->id, callback);
        (void) callback->lpVtbl->Release(callback);
        return hr;
}

static HRESULT get_notify_interface(IBackgroundCopyJob2 *This, IUnknown **pVal)
{
        ComJob *job = com_job(This);
        CallbackHub *hub;

        if (!pVal)
                return E_INVALIDARG;
        *pVal = NULL;
        hub = com_session_hub(job->session);
        if (!hub)
                return E_OUTOFMEMORY;
        *pVal = callback_hub_get(hub, &job->id);
        return S_OK;
}

/* ---- the object ---- */

COM_UNKNOWN_METHODS(IBackgroundCopyJob2, job)

static const IBackgroundCopyJob2Vtbl job_vtbl = {
        .QueryInterface = job_QueryInterface,
        .AddRef = job_AddRef,
        .Release = job_Release,
        .AddFileSet = add_file_set,
        .AddFile = add_file,
        .EnumFiles = enum_files,
        .Suspend = suspend,
        .Resume = resume,
        .Cancel = cancel,
        .Complete = complete,
        .GetId = com_job_get_id,
        .GetType = com_job_get_type,
        .GetProgress = com_job_get_progress,
        .GetTimes = com_job_get_times,
        .GetState = com_job_get_state,
        .GetError = get_error,
        .GetOwner = com_job_get_owner,
        .SetDisplayName = com_job_set_display_name,
        .GetDisplayName = com_job_get_display_name,
        .SetDescription = com_job_set_description,
        .GetDescription = com_job_get_description,
        .SetPriority = com_job_set_priority,
        .GetPriority = com_job_get_priority,
        .SetNotifyFlags = com_job_set_notify_flags,
        .GetNotifyFlags = com_job_get_notify_flags,
        .SetNotifyInterface = set_notify_interface,
        .GetNotifyInterface = get_notify_interface,
        .SetMinimumRetryDelay = com_job_set_minimum_retry_delay,
        .GetMinimumRetryDelay = com_job_get_minimum_retry_delay,
        .SetNoProgressTimeout = com_job_set_no_progress_timeout,
        .GetNoProgressTimeout = com_job_get_no_progress_timeout,
        .GetErrorCount = com_job_get_error_count,
        .SetProxySettings = com_job_set_proxy_settings,
        .GetProxySettings = com_job_get_proxy_settings,
        .TakeOwnership = take_ownership,
        .SetNotifyCmdLine = com_job_set_notify_cmd_line,
        .GetNotifyCmdLine = com_job_get_notify_cmd_line,
        .GetReplyProgress = com_job_get_reply_progress,
        .GetReplyData = com_job_get_reply_data,
        .SetReplyFileName = com_job_set_reply_file_name,
        .GetReplyFileName = com_job_get_reply_file_name,
        .SetCredentials = com_job_set_credentials,
        .RemoveCredentials = com_job_remove_credentials,
};

static const IID *const job_iids[] = {&IID_IBackgroundCopyJob, &IID_IBackgroundCopyJob2, NULL};
static const ComClass job_class = {.iids = job_iids, .destroy = destroy_job};

HRESULT com_job_new(ComSession *session, const GUID *id, IBackgroundCopyJob **ret)
{
        ComJob *job = mem_new(ComJob);

        if (!job)
                return E_OUTOFMEMORY;
        com_object_init(&job->object, &job_class, &job_vtbl);
        job->session = com_session_ref(session);
        job->id = *id;
        (void) pthread_mutex_init(&job->lock, NULL);
        *ret = (IBackgroundCopyJob *) job;
        return S_OK;
}
