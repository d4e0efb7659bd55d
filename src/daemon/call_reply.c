/* SPDX-License-Identifier: Apache-2.0 */
/* Calls about the reply of an upload-reply job. */
#include <assert.h>

#include "base/hresult.h"
#include "base/str.h"
#include "daemon/call.h"
#include "engine/file_name.h"
#include "ipc/protocol.h"

static_assert((int) IPC_REPLY_BYTES_MAX == (int) REPLY_DATA_BYTES_MAX,
              "one limit inside and outside");

/* Of a path in an error line. */
#define PATH_SHOWN_BYTES 120

/* The job of the call; NULL when the caller may know nothing about it. */
static const Job *visible_job(const Call *call)
{
        const Job *job;

        if (FAILED(manager_read_job(call->service->manager, &call->caller, &call->job, &job)))
                return NULL;
        return job;
}

/* Why a job of another type is refused. */
static void explain_type(Call *call)
{
        const Job *job = visible_job(call);

        if (job && job->type != BG_JOB_TYPE_UPLOAD_REPLY)
                call_explain(call, "it is %s; only an upload-reply job has a reply",
                             job->type == BG_JOB_TYPE_UPLOAD ? "a plain upload" : "a download");
}

/* A final state explains itself (bus_server.c). */
static void explain_begun(Call *call)
{
        const Job *job = visible_job(call);

        if (!job || job_state_is_final(job->status.state))
                return;
        call_explain(call, job->status.state == BG_JOB_STATE_TRANSFERRED
                                   ? "the reply is here already, under the name it had then"
                                   : "the download of the reply has begun, so its name stays");
}

static void explain_path(Call *call, HRESULT hr, const char *path)
{
        char shown[PATH_SHOWN_BYTES];

        if (!visible_job(call)) /* then the job itself is what was refused */
                return;
        (void) str_escape(shown, sizeof(shown), path);
        if (hr == E_INVALIDARG && FAILED(local_name_check(path)))
                call_explain(call, "the name is no absolute path to a file: %s", shown);
        else if (hr == E_INVALIDARG)
                call_explain(call, "the reply cannot have this name: %s", shown);
        else
                call_explain(call, "%s: %s", shown, hresult_text(hr));
}

HRESULT call_set_reply_name(Call *call)
{
        const char *path;
        int is_given;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "bs", &is_given, &path);
        if (FAILED(hr))
                return hr;
        hr = manager_set_reply_name(call->service->manager, &call->caller, &call->job,
                                    is_given ? path : NULL);
        if (hr == E_NOTIMPL)
                explain_type(call);
        else if (hr == BG_E_INVALID_STATE)
                explain_begun(call);
        else if (FAILED(hr) && hr != BG_E_NOT_FOUND && is_given && *path)
                explain_path(call, hr, path);
        return hr;
}

HRESULT call_set_reply_optional(Call *call)
{
        int on;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "b", &on);
        if (FAILED(hr))
                return hr;
        hr = manager_set_reply_optional(call->service->manager, &call->caller, &call->job, on != 0);
        if (hr == E_NOTIMPL)
                explain_type(call);
        return hr;
}

static void explain_no_data(Call *call, HRESULT hr)
{
        const Job *job = visible_job(call);

        if (!job)
                return;
        if (hr == BG_E_INVALID_STATE && !job_state_is_final(job->status.state))
                call_explain(call, "it is %s; the reply can be read once the job is transferred",
                             call_state_words(job->status.state));
        else if (hr != BG_E_INVALID_STATE && job->reply)
                explain_path(call, hr, job->reply->local);
}

static HRESULT answer_data(Call *call, HRESULT result, const uint8_t *data, uint64_t bytes)
{
        size_t len = result == S_OK ? (size_t) bytes : 0;
        HRESULT hr;

        /* A dropped client gets no answer anyway. */
        if (!client_charge(call->client, len))
                return HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA);
        hr = call_reply(call, "ut", (uint32_t) result, bytes);
        if (FAILED(hr))
                return hr;
        if (sd_bus_message_append_array(call->reply, 'y', data, len) < 0)
                return E_OUTOFMEMORY;
        return S_OK;
}

/* "Too large" comes with a size and is therefore no error here. */
HRESULT call_reply_data(Call *call)
{
        _cleanup_free_ uint8_t *data = NULL;
        uint64_t bytes = 0;
        HRESULT hr = call_read_id(call);

        if (FAILED(hr))
                return hr;
        hr = manager_reply_data(call->service->manager, &call->caller, &call->job, &data, &bytes);
        if (hr == S_OK || hr == BG_E_TOO_LARGE)
                return answer_data(call, hr, data, bytes);
        if (hr == E_NOTIMPL)
                explain_type(call);
        else
                explain_no_data(call, hr);
        return hr;
}
