/* SPDX-License-Identifier: Apache-2.0 */
/* IBackgroundCopyJob: properties. */
#include "base/utf.h"
#include "args.h"
#include "com_job.h"
#include "com_text.h"

static FILETIME to_filetime(uint64_t ticks)
{
        return (FILETIME){.dwLowDateTime = (DWORD) ticks, .dwHighDateTime = (DWORD) (ticks >> 32)};
}

HRESULT com_job_get_id(IBackgroundCopyJob2 *This, GUID *pVal)
{
        if (!pVal)
                return E_INVALIDARG;
        *pVal = com_job(This)->id;
        return S_OK;
}

/* A getter of one field. */
#define GET_FIELD(This, pVal, expression)                                                          \
        do {                                                                                       \
                _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;                         \
                HRESULT hr;                                                                        \
                                                                                                   \
                if (!(pVal))                                                                       \
                        return E_INVALIDARG;                                                       \
                hr = com_job_read(This, &info);                                                    \
                if (FAILED(hr))                                                                    \
                        return hr;                                                                 \
                *(pVal) = (expression);                                                            \
                return S_OK;                                                                       \
        } while (0)

/* A getter of a text; *pVal is NULL when it fails. */
#define GET_TEXT(This, pVal, expression)                                                           \
        do {                                                                                       \
                _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;                         \
                HRESULT hr;                                                                        \
                                                                                                   \
                if (!(pVal))                                                                       \
                        return E_INVALIDARG;                                                       \
                *(pVal) = NULL;                                                                    \
                hr = com_job_read(This, &info);                                                    \
                if (FAILED(hr))                                                                    \
                        return hr;                                                                 \
                return com_text_out(expression, pVal);                                             \
        } while (0)

HRESULT com_job_get_type(IBackgroundCopyJob2 *This, BG_JOB_TYPE *pVal)
{
        GET_FIELD(This, pVal, info->type);
}

HRESULT com_job_get_state(IBackgroundCopyJob2 *This, BG_JOB_STATE *pVal)
{
        GET_FIELD(This, pVal, info->state);
}

HRESULT com_job_get_priority(IBackgroundCopyJob2 *This, BG_JOB_PRIORITY *pVal)
{
        GET_FIELD(This, pVal, info->priority);
}

HRESULT com_job_get_notify_flags(IBackgroundCopyJob2 *This, ULONG *pVal)
{
        GET_FIELD(This, pVal, info->notify_flags);
}

HRESULT com_job_get_minimum_retry_delay(IBackgroundCopyJob2 *This, ULONG *Seconds)
{
        GET_FIELD(This, Seconds, info->minimum_retry_delay);
}

HRESULT com_job_get_no_progress_timeout(IBackgroundCopyJob2 *This, ULONG *Seconds)
{
        GET_FIELD(This, Seconds, info->no_progress_timeout);
}

HRESULT com_job_get_error_count(IBackgroundCopyJob2 *This, ULONG *Errors)
{
        GET_FIELD(This, Errors, info->error_count);
}

HRESULT com_job_get_progress(IBackgroundCopyJob2 *This, BG_JOB_PROGRESS *pVal)
{
        GET_FIELD(This, pVal,
                  ((BG_JOB_PROGRESS){.BytesTotal = info->bytes_total,
                                     .BytesTransferred = info->bytes_transferred,
                                     .FilesTotal = info->files_total,
                                     .FilesTransferred = info->files_transferred}));
}

HRESULT com_job_get_times(IBackgroundCopyJob2 *This, BG_JOB_TIMES *pVal)
{
        GET_FIELD(This, pVal,
                  ((BG_JOB_TIMES){.CreationTime = to_filetime(info->creation_time),
                                  .ModificationTime = to_filetime(info->modification_time),
                                  .TransferCompletionTime =
                                          to_filetime(info->transfer_completion_time)}));
}

HRESULT com_job_get_display_name(IBackgroundCopyJob2 *This, LPWSTR *pVal)
{
        GET_TEXT(This, pVal, info->name);
}

HRESULT com_job_get_description(IBackgroundCopyJob2 *This, LPWSTR *pVal)
{
        GET_TEXT(This, pVal, info->description);
}

/* The number of a Unix user in the form of a SID, as Samba writes it. */
HRESULT com_job_get_owner(IBackgroundCopyJob2 *This, LPWSTR *pVal)
{
        _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;
        _cleanup_free_ char *sid = NULL;
        HRESULT hr;

        if (!pVal)
                return E_INVALIDARG;
        *pVal = NULL;
        hr = com_job_read(This, &info);
        if (FAILED(hr))
                return hr;
        sid = mem_printf("S-1-22-1-%u", info->owner_uid);
        return sid ? com_text_out(sid, pVal) : E_OUTOFMEMORY;
}

typedef HRESULT SetText(bits_client *client, const GUID *id, const char *text);

static HRESULT set_text(IBackgroundCopyJob2 *This, LPCWSTR val, SetText *set)
{
        _cleanup_free_ char *text = NULL;
        HRESULT hr;

        hr = com_text_in_required(val, &text);
        if (FAILED(hr))
                return hr;
        return set(com_job_client(This), &com_job(This)->id, text);
}

HRESULT com_job_set_display_name(IBackgroundCopyJob2 *This, LPCWSTR Val)
{
        return set_text(This, Val, bits_job_set_name);
}

HRESULT com_job_set_description(IBackgroundCopyJob2 *This, LPCWSTR Val)
{
        return set_text(This, Val, bits_job_set_description);
}

HRESULT com_job_set_priority(IBackgroundCopyJob2 *This, BG_JOB_PRIORITY Val)
{
        return bits_job_set_priority(com_job_client(This), &com_job(This)->id, Val);
}

HRESULT com_job_set_notify_flags(IBackgroundCopyJob2 *This, ULONG Val)
{
        return bits_job_set_notify_flags(com_job_client(This), &com_job(This)->id, Val);
}

HRESULT com_job_set_minimum_retry_delay(IBackgroundCopyJob2 *This, ULONG Seconds)
{
        return bits_job_set_minimum_retry_delay(com_job_client(This), &com_job(This)->id, Seconds);
}

HRESULT com_job_set_no_progress_timeout(IBackgroundCopyJob2 *This, ULONG Seconds)
{
        return bits_job_set_no_progress_timeout(com_job_client(This), &com_job(This)->id, Seconds);
}

HRESULT com_job_set_proxy_settings(IBackgroundCopyJob2 *This, BG_JOB_PROXY_USAGE ProxyUsage,
                                   const WCHAR *ProxyList, const WCHAR *ProxyBypassList)
{
        _cleanup_free_ char *list = NULL, *bypass = NULL;
        HRESULT hr;

        hr = com_text_in(ProxyList, &list);
        if (SUCCEEDED(hr))
                hr = com_text_in(ProxyBypassList, &bypass);
        if (FAILED(hr))
                return hr;
        return bits_job_set_proxy(com_job_client(This), &com_job(This)->id, ProxyUsage, list,
                                  bypass);
}

HRESULT com_job_get_proxy_settings(IBackgroundCopyJob2 *This, BG_JOB_PROXY_USAGE *pProxyUsage,
                                   LPWSTR *pProxyList, LPWSTR *pProxyBypassList)
{
        _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;
        LPWSTR list = NULL, bypass = NULL;
        HRESULT hr;

        if (!pProxyUsage || !pProxyList || !pProxyBypassList)
                return E_INVALIDARG;
        *pProxyList = *pProxyBypassList = NULL;
        hr = com_job_read(This, &info);
        if (FAILED(hr))
                return hr;
        hr = com_text_out(info->proxy_list, &list);
        if (SUCCEEDED(hr))
                hr = com_text_out(info->proxy_bypass_list, &bypass);
        if (FAILED(hr)) {
                mem_free(list);
                return hr;
        }
        *pProxyUsage = info->proxy_usage;
        *pProxyList = list;
        *pProxyBypassList = bypass;
        return S_OK;
}
