/* SPDX-License-Identifier: Apache-2.0 */
/* bits_native.h: the reply of an upload-reply job. */
#include "bits_native.h"

#include "args.h"
#include "base/alloc.h"
#include "client.h"
#include "decode.h"
#include "last_message.h"

_public_ HRESULT bits_job_set_reply_name(bits_client *client, const GUID *id, const char *path)
{
        Call call = {.member = "SetReplyName", .job = id, .repeatable = true};
        HRESULT hr;

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        if (path) {
                hr = args_check_limited(path, REPLY_NAME_MAX_UNITS, E_INVALIDARG);
                if (FAILED(hr))
                        return hr;
        }
        return client_call(client, &call, "bs", path != NULL, path ? path : "");
}

_public_ HRESULT bits_job_set_reply_optional(bits_client *client, const GUID *id, int on)
{
        Call call = {.member = "SetReplyOptional", .job = id, .repeatable = true};

        last_message_clear();
        if (!client || !id)
                return E_INVALIDARG;
        return client_call(client, &call, "b", on != 0);
}

_public_ HRESULT bits_job_reply_data(bits_client *client, const GUID *id, uint8_t **ret_data,
                                     uint64_t *ret_bytes)
{
        ReplyAnswer answer = {0};
        Call call = {.member = "ReplyData",
                     .job = id,
                     .repeatable = true,
                     .decode = decode_reply,
                     .ctx = &answer};
        HRESULT hr;

        last_message_clear();
        if (!client || !id || !ret_data || !ret_bytes)
                return E_INVALIDARG;
        *ret_data = NULL;
        *ret_bytes = 0;
        hr = client_call(client, &call, NULL);
        if (FAILED(hr))
                return hr;
        if (answer.result == BG_E_TOO_LARGE)
                last_message_format("the reply has %llu bytes; complete the job and read its file",
                                    (unsigned long long) answer.bytes);
        *ret_data = answer.data;
        *ret_bytes = answer.bytes;
        return answer.result;
}
