/* SPDX-License-Identifier: Apache-2.0 */
#include "com_error.h"

#include "base/str.h"
#include "com_file.h"
#include "com_object.h"
#include "com_text.h"

typedef struct ComError {
        ComObject object;
        ComSession *session;
        GUID job;
        HRESULT code;
        BG_ERROR_CONTEXT context;
        int32_t file_index; /* -1: concerns no file */
        int32_t http_status;
} ComError;

/* The message code whose text describes a context; they are not in the enumeration's order. */
static const HRESULT context_codes[] = {
        [BG_ERROR_CONTEXT_NONE] = BG_S_ERROR_CONTEXT_NONE,
        [BG_ERROR_CONTEXT_UNKNOWN] = BG_E_ERROR_CONTEXT_UNKNOWN,
        [BG_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER] = BG_E_ERROR_CONTEXT_GENERAL_QUEUE_MANAGER,
        [BG_ERROR_CONTEXT_QUEUE_MANAGER_NOTIFICATION] =
                BG_E_ERROR_CONTEXT_QUEUE_MANAGER_NOTIFICATION,
        [BG_ERROR_CONTEXT_LOCAL_FILE] = BG_E_ERROR_CONTEXT_LOCAL_FILE,
        [BG_ERROR_CONTEXT_REMOTE_FILE] = BG_E_ERROR_CONTEXT_REMOTE_FILE,
        [BG_ERROR_CONTEXT_GENERAL_TRANSPORT] = BG_E_ERROR_CONTEXT_GENERAL_TRANSPORT,
        [BG_ERROR_CONTEXT_REMOTE_APPLICATION] = BG_E_ERROR_CONTEXT_REMOTE_APPLICATION,
        [BG_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK] =
                BG_E_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK,
};

static void destroy_error(void *object)
{
        ComError *e = object;

        (void) com_session_unref(e->session);
        mem_free(e);
}

static HRESULT get_error(IBackgroundCopyError *This, BG_ERROR_CONTEXT *pContext, HRESULT *pCode)
{
        ComError *e = (ComError *) This;

        if (!pContext || !pCode)
                return E_INVALIDARG;
        *pContext = e->context;
        *pCode = e->code;
        return S_OK;
}

/* The file that the error concerns; NULL without an error code when it concerns none. */
static HRESULT read_file(ComError *e, bits_file_list **ret)
{
        *ret = NULL;
        if (e->file_index < 0)
                return S_OK;
        return bits_file_read(com_session_client(e->session), &e->job, (uint32_t) e->file_index,
                              ret);
}

static HRESULT get_file(IBackgroundCopyError *This, IBackgroundCopyFile **pVal)
{
        ComError *e = (ComError *) This;
        bits_file_list *file;
        HRESULT hr;

        if (!pVal)
                return E_INVALIDARG;
        *pVal = NULL;
        hr = read_file(e, &file);
        if (FAILED(hr))
                return hr;
        if (!file)
                return BG_E_FILE_NOT_AVAILABLE;
        hr = com_file_new(e->session, &e->job, &file->files[0], pVal);
        bits_file_list_free(file);
        return hr;
}

static HRESULT describe(DWORD language, HRESULT code, LPWSTR *ret)
{
        if (!ret)
                return E_INVALIDARG;
        *ret = NULL;
        return language ? com_text_describe(code, ret) : E_INVALIDARG;
}

static HRESULT get_error_description(IBackgroundCopyError *This, DWORD LanguageId,
                                     LPWSTR *pErrorDescription)
{
        return describe(LanguageId, ((ComError *) This)->code, pErrorDescription);
}

static HRESULT get_error_context_description(IBackgroundCopyError *This, DWORD LanguageId,
                                             LPWSTR *pContextDescription)
{
        size_t context = (size_t) ((ComError *) This)->context;

        if (context >= ARRAY_LEN(context_codes))
                context = BG_ERROR_CONTEXT_UNKNOWN;
        return describe(LanguageId, context_codes[context], pContextDescription);
}

/* Did it happen while talking to a server? */
static bool is_about_protocol(const ComError *e)
{
        return e->context == BG_ERROR_CONTEXT_REMOTE_FILE ||
               e->context == BG_ERROR_CONTEXT_GENERAL_TRANSPORT ||
               e->context == BG_ERROR_CONTEXT_REMOTE_APPLICATION;
}

static HRESULT get_protocol(IBackgroundCopyError *This, LPWSTR *pProtocol)
{
        ComError *e = (ComError *) This;
        bits_file_list *file = NULL;
        bool http;
        HRESULT hr;

        if (!pProtocol)
                return E_INVALIDARG;
        *pProtocol = NULL;
        if (!is_about_protocol(e))
                return BG_E_PROTOCOL_NOT_AVAILABLE;
        hr = read_file(e, &file);
        if (FAILED(hr))
                return hr;
        if (!file && e->http_status == 0)
                return BG_E_PROTOCOL_NOT_AVAILABLE;
        http = !file || str_starts_with_nocase(file->files[0].remote, "http:") ||
               str_starts_with_nocase(file->files[0].remote, "https:");
        bits_file_list_free(file);
        return com_text_out(http ? "http" : "file", pProtocol);
}

COM_UNKNOWN_METHODS(IBackgroundCopyError, error)

static const IBackgroundCopyErrorVtbl error_vtbl = {
        .QueryInterface = error_QueryInterface,
        .AddRef = error_AddRef,
        .Release = error_Release,
        .GetError = get_error,
        .GetFile = get_file,
        .GetErrorDescription = get_error_description,
        .GetErrorContextDescription = get_error_context_description,
        .GetProtocol = get_protocol,
};

static const IID *const error_iids[] = {&IID_IBackgroundCopyError, NULL};
static const ComClass error_class = {.iids = error_iids, .destroy = destroy_error};

HRESULT com_error_new(ComSession *session, const bits_job_info *info, IBackgroundCopyError **ret)
{
        ComError *e = mem_new(ComError);

        if (!e)
                return E_OUTOFMEMORY;
        com_object_init(&e->object, &error_class, &error_vtbl);
        e->session = com_session_ref(session);
        e->job = info->id;
        e->code = info->error_code;
        e->context = info->error_context;
        e->file_index = info->error_file;
        e->http_status = info->error_http_status;
        *ret = (IBackgroundCopyError *) e;
        return S_OK;
}
