/* SPDX-License-Identifier: Apache-2.0 */
#include "com_file.h"

#include "com_object.h"
#include "com_text.h"

typedef struct ComFile {
        ComObject object;
        ComSession *session;
        GUID job;
        uint32_t index;
        char *remote;
        char *local;
} ComFile;

static void destroy_file(void *object)
{
        ComFile *file = object;

        (void) com_session_unref(file->session);
        mem_free(file->remote);
        mem_free(file->local);
        mem_free(file);
}

static HRESULT get_remote_name(IBackgroundCopyFile *This, LPWSTR *pVal)
{
        if (!pVal)
                return E_INVALIDARG;
        *pVal = NULL;
        return com_text_out(((ComFile *) This)->remote, pVal);
}

static HRESULT get_local_name(IBackgroundCopyFile *This, LPWSTR *pVal)
{
        if (!pVal)
                return E_INVALIDARG;
        *pVal = NULL;
        return com_text_out(((ComFile *) This)->local, pVal);
}

static HRESULT get_progress(IBackgroundCopyFile *This, BG_FILE_PROGRESS *pVal)
{
        ComFile *file = (ComFile *) This;
        bits_file_list *now = NULL;
        HRESULT hr;

        if (!pVal)
                return E_INVALIDARG;
        hr = bits_file_read(com_session_client(file->session), &file->job, file->index, &now);
        if (FAILED(hr))
                return hr;
        *pVal = (BG_FILE_PROGRESS){
                .BytesTotal = now->files[0].bytes_total,
                .BytesTransferred = now->files[0].bytes_transferred,
                .Completed = now->files[0].completed ? TRUE : FALSE,
        };
        bits_file_list_free(now);
        return S_OK;
}

COM_UNKNOWN_METHODS(IBackgroundCopyFile, file)

static const IBackgroundCopyFileVtbl file_vtbl = {
        .QueryInterface = file_QueryInterface,
        .AddRef = file_AddRef,
        .Release = file_Release,
        .GetRemoteName = get_remote_name,
        .GetLocalName = get_local_name,
        .GetProgress = get_progress,
};

static const IID *const file_iids[] = {&IID_IBackgroundCopyFile, NULL};
static const ComClass file_class = {.iids = file_iids, .destroy = destroy_file};

HRESULT com_file_new(ComSession *session, const GUID *job, const bits_file_info *info,
                     IBackgroundCopyFile **ret)
{
        ComFile *file = mem_new(ComFile);

        if (!file)
                return E_OUTOFMEMORY;
        com_object_init(&file->object, &file_class, &file_vtbl);
        file->session = com_session_ref(session);
        file->job = *job;
        file->index = info->index;
        file->remote = mem_strdup(info->remote);
        file->local = mem_strdup(info->local);
        if (!file->remote || !file->local) {
                (void) com_object_release(file);
                return E_OUTOFMEMORY;
        }
        *ret = (IBackgroundCopyFile *) file;
        return S_OK;
}
