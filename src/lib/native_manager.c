/* SPDX-License-Identifier: Apache-2.0 */
/* bits_native.h: jobs as a whole, and the service. */
#include "bits_native.h"

#include "args.h"
#include "client.h"
#include "decode.h"
#include "last_message.h"

_public_ HRESULT bits_job_create(bits_client *client, const char *name, BG_JOB_TYPE type,
                                 GUID *ret_id)
{
        Call call = {.member = "CreateJob", .decode = decode_id, .ctx = ret_id};
        HRESULT hr;

        last_message_clear();
        if (!client || !ret_id)
                return E_INVALIDARG;
        hr = args_check_limited(name, NAME_MAX_UNITS, E_INVALIDARG);
        if (FAILED(hr))
                return hr;
        if ((uint32_t) type > BG_JOB_TYPE_UPLOAD_REPLY)
                return E_NOTIMPL;
        return client_call(client, &call, "su", name, (uint32_t) type);
}

_public_ HRESULT bits_job_open(bits_client *client, const GUID *id)
{
        Call call = {.member = "OpenJob", .job = id, .repeatable = true};

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        return client_call(client, &call, NULL);
}

_public_ HRESULT bits_job_read(bits_client *client, const GUID *id, bits_job_info **ret)
{
        Call call = {.member = "ReadJob",
                     .job = id,
                     .repeatable = true,
                     .decode = decode_job,
                     .ctx = ret};

        last_message_clear();
        if (!client || !id || !ret)
                return E_INVALIDARG;
        *ret = NULL;
        return client_call(client, &call, NULL);
}

_public_ HRESULT bits_jobs_list(bits_client *client, uint32_t flags, bits_job_list **ret)
{
        Call call = {
                .member = "ListJobs", .repeatable = true, .decode = decode_job_list, .ctx = ret};

        last_message_clear();
        if (!client || !ret)
                return E_INVALIDARG;
        *ret = NULL;
        if (flags & ~(uint32_t) BG_JOB_ENUM_ALL_USERS)
                return E_NOTIMPL;
        return client_call(client, &call, "u", flags);
}

_public_ HRESULT bits_service_status(bits_client *client, bits_status **ret)
{
        Call call = {.member = "Status", .repeatable = true, .decode = decode_status, .ctx = ret};

        last_message_clear();
        if (!client || !ret)
                return E_INVALIDARG;
        *ret = NULL;
        return client_call(client, &call, NULL);
}

_public_ HRESULT bits_lines(bits_client *client, bits_line **ret, size_t *ret_count,
                            uint64_t *ret_time)
{
        LinesAnswer answer = {0};
        Call call = {.member = "Lines", .repeatable = true, .decode = decode_lines, .ctx = &answer};
        HRESULT hr;

        last_message_clear();
        if (!client || !ret || !ret_count)
                return E_INVALIDARG;
        *ret = NULL;
        *ret_count = 0;
        hr = client_call(client, &call, NULL);
        if (FAILED(hr))
                return hr;
        *ret = answer.lines;
        *ret_count = answer.count;
        if (ret_time)
                *ret_time = answer.time;
        return S_OK;
}
