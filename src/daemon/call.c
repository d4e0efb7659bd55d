/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/guid.h"
#include "base/hresult.h"

#define GUID_BYTES 16

void call_explain(Call *call, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void) vsnprintf(call->detail, sizeof(call->detail), fmt, ap); /* a cut is fine */
        va_end(ap);
}

/* The signature has been checked before, so only the content can be wrong. */
static HRESULT read_failed(Call *call, int r)
{
        if (r == -ENOMEM)
                return E_OUTOFMEMORY;
        call_explain(call, "the message is malformed");
        return E_INVALIDARG;
}

HRESULT call_read(Call *call, const char *types, ...)
{
        va_list ap;
        int r;

        va_start(ap, types);
        r = sd_bus_message_readv(call->message, types, ap);
        va_end(ap);
        return r > 0 ? S_OK : read_failed(call, r);
}

HRESULT call_read_bytes(Call *call, const void **ret_data, size_t *ret_bytes)
{
        int r = sd_bus_message_read_array(call->message, 'y', ret_data, ret_bytes);

        return r >= 0 ? S_OK : read_failed(call, r);
}

HRESULT call_read_id(Call *call)
{
        const void *data;
        size_t bytes;
        HRESULT hr = call_read_bytes(call, &data, &bytes);

        if (FAILED(hr))
                return hr;
        if (bytes != GUID_BYTES) {
                call_explain(call, "a job id has %d bytes, not %zu", GUID_BYTES, bytes);
                return E_INVALIDARG;
        }
        call->job = guid_from_bytes(data);
        call->has_job = true;
        return S_OK;
}

static HRESULT start_reply(Call *call)
{
        int r;

        call->reply = sd_bus_message_unref(call->reply);
        r = sd_bus_message_new_method_return(call->message, &call->reply);
        return r < 0 ? hresult_from_errno(r) : S_OK;
}

HRESULT call_reply(Call *call, const char *types, ...)
{
        HRESULT hr = start_reply(call);
        va_list ap;
        int r;

        if (FAILED(hr))
                return hr;
        va_start(ap, types);
        r = sd_bus_message_appendv(call->reply, types, ap);
        va_end(ap);
        return r < 0 ? hresult_from_errno(r) : S_OK;
}

HRESULT call_reply_bytes(Call *call, const Buf *b)
{
        HRESULT hr;
        int r = buf_error(b);

        if (r == -EMSGSIZE) {
                call_explain(call, "the answer would be larger than one message may be (%d MiB)",
                             CALL_REPLY_MAX_BYTES >> 20);
                return HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA);
        }
        if (r < 0)
                return hresult_from_errno(r);
        /* A dropped client gets no answer anyway. */
        if (!client_charge(call->client, b->len))
                return HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA);
        hr = start_reply(call);
        if (FAILED(hr))
                return hr;
        r = sd_bus_message_append_array(call->reply, 'y', b->data, b->len);
        return r < 0 ? hresult_from_errno(r) : S_OK;
}
