/* SPDX-License-Identifier: Apache-2.0 */
/* bits_native.h: the files of a job. */
#include "bits_native.h"

#include <errno.h>

#include "args.h"
#include "base/pack.h"
#include "client.h"
#include "decode.h"
#include "ipc/protocol.h"
#include "last_message.h"

/* The most that D-Bus carries in one array. */
#define ADD_FILES_MAX_BYTES ((size_t) 64 * 1024 * 1024)

static HRESULT pack_files(Buf *b, const bits_file_spec *files, size_t count)
{
        pack_u32(b, (uint32_t) count);
        for (size_t i = 0; i < count; i++) {
                if (FAILED(args_check_text(files[i].remote)) ||
                    FAILED(args_check_text(files[i].local)))
                        return E_INVALIDARG;
                pack_str(b, files[i].remote);
                pack_str(b, files[i].local);
        }
        if (buf_error(b) == -EMSGSIZE)
                return BG_E_TOO_MANY_FILES_IN_JOB;
        return buf_error(b) < 0 ? E_OUTOFMEMORY : S_OK;
}

_public_ HRESULT bits_job_add_files(bits_client *client, const GUID *id,
                                    const bits_file_spec *files, size_t count)
{
        Buf b;
        HRESULT hr;

        last_message_clear();
        if (!client || !id || (!files && count > 0))
                return E_INVALIDARG;
        if (count == 0)
                return S_OK;
        if (count > IPC_FILES_PER_CALL_MAX)
                return BG_E_TOO_MANY_FILES_IN_JOB;
        buf_init(&b, ADD_FILES_MAX_BYTES);
        hr = pack_files(&b, files, count);
        if (SUCCEEDED(hr)) {
                Call call = {.member = "AddFiles", .job = id, .blob = b.data, .blob_bytes = b.len};

                hr = client_call(client, &call, NULL);
        }
        buf_done(&b);
        return hr;
}

_public_ HRESULT bits_files_list(bits_client *client, const GUID *id, bits_file_list **ret)
{
        Call call = {.member = "ListFiles",
                     .job = id,
                     .repeatable = true,
                     .decode = decode_file_list,
                     .ctx = ret};

        last_message_clear();
        if (!client || !id || !ret)
                return E_INVALIDARG;
        *ret = NULL;
        return client_call(client, &call, NULL);
}

_public_ HRESULT bits_file_read(bits_client *client, const GUID *id, uint32_t index,
                                bits_file_list **ret)
{
        Call call = {.member = "ReadFile",
                     .job = id,
                     .repeatable = true,
                     .decode = decode_file,
                     .ctx = ret};

        last_message_clear();
        if (!client || !id || !ret)
                return E_INVALIDARG;
        *ret = NULL;
        return client_call(client, &call, "u", index);
}
