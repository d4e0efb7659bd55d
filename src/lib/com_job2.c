/* SPDX-License-Identifier: Apache-2.0 */
/* IBackgroundCopyJob2. This service has no credentials and notification programs: after the checks
 * of their arguments these methods answer E_NOTIMPL. That no program is set is known. */
#include "base/utf.h"
#include "args.h"
#include "com_job.h"
#include "com_text.h"

static HRESULT check_wide(LPCWSTR text, size_t max_units, HRESULT too_long)
{
        _cleanup_free_ char *utf8 = NULL;
        HRESULT hr = com_text_in(text, &utf8);

        if (FAILED(hr) || !utf8)
                return hr;
        return utf8_utf16_units(utf8) > max_units ? too_long : S_OK;
}

HRESULT com_job_set_notify_cmd_line(IBackgroundCopyJob2 *This, LPCWSTR Program, LPCWSTR Parameters)
{
        HRESULT hr;

        if (!Program && Parameters)
                return E_INVALIDARG;
        hr = check_wide(Program, PROGRAM_MAX_UNITS, BG_E_STRING_TOO_LONG);
        if (SUCCEEDED(hr))
                hr = check_wide(Parameters, PARAMETERS_MAX_UNITS, BG_E_STRING_TOO_LONG);
        return FAILED(hr) ? hr : E_NOTIMPL;
}

HRESULT com_job_get_notify_cmd_line(IBackgroundCopyJob2 *This, LPWSTR *pProgram,
                                    LPWSTR *pParameters)
{
        _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;
        LPWSTR program = NULL, parameters = NULL;
        HRESULT hr;

        if (!pProgram || !pParameters)
                return E_INVALIDARG;
        *pProgram = *pParameters = NULL;
        hr = com_job_read(This, &info);
        if (FAILED(hr))
                return hr;
        hr = com_text_out("", &program);
        if (SUCCEEDED(hr))
                hr = com_text_out("", &parameters);
        if (FAILED(hr)) {
                mem_free(program);
                return hr;
        }
        *pProgram = program;
        *pParameters = parameters;
        return S_OK;
}

/* A reading of an upload-reply job; E_NOTIMPL for others. */
static HRESULT read_with_reply(IBackgroundCopyJob2 *This, bits_job_info **ret)
{
        _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;
        HRESULT hr = com_job_read(This, &info);

        if (FAILED(hr))
                return hr;
        if (info->type != BG_JOB_TYPE_UPLOAD_REPLY)
                return E_NOTIMPL;
        *ret = TAKE_PTR(info);
        return S_OK;
}

HRESULT com_job_get_reply_progress(IBackgroundCopyJob2 *This, BG_JOB_REPLY_PROGRESS *pProgress)
{
        _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;
        HRESULT hr;

        if (!pProgress)
                return E_INVALIDARG;
        hr = read_with_reply(This, &info);
        if (FAILED(hr))
                return hr;
        *pProgress = (BG_JOB_REPLY_PROGRESS){.BytesTotal = info->reply_bytes_total,
                                             .BytesTransferred = info->reply_bytes_transferred};
        return S_OK;
}

/* The native result is from malloc, and so is what CoTaskMemFree takes. */
HRESULT com_job_get_reply_data(IBackgroundCopyJob2 *This, BYTE **ppBuffer, UINT64 *pLength)
{
        uint64_t bytes = 0;
        HRESULT hr;

        if (!ppBuffer || !pLength)
                return E_INVALIDARG;
        hr = bits_job_reply_data(com_job_client(This), &com_job(This)->id, ppBuffer, &bytes);
        if (SUCCEEDED(hr) || hr == BG_E_TOO_LARGE)
                *pLength = bytes;
        return hr;
}

HRESULT com_job_set_reply_file_name(IBackgroundCopyJob2 *This, LPCWSTR ReplyFileName)
{
        _cleanup_free_ char *path = NULL;
        HRESULT hr = com_text_in(ReplyFileName, &path);

        if (FAILED(hr))
                return hr;
        return bits_job_set_reply_name(com_job_client(This), &com_job(This)->id, path);
}

HRESULT com_job_get_reply_file_name(IBackgroundCopyJob2 *This, LPWSTR *pReplyFileName)
{
        _cleanup_(bits_job_info_freep) bits_job_info *info = NULL;
        HRESULT hr;

        if (!pReplyFileName)
                return E_INVALIDARG;
        *pReplyFileName = NULL;
        hr = read_with_reply(This, &info);
        if (FAILED(hr))
                return hr;
        return com_text_out(info->reply_name, pReplyFileName);
}

static HRESULT check_slot(BG_AUTH_TARGET target, BG_AUTH_SCHEME scheme)
{
        if (target != BG_AUTH_TARGET_SERVER && target != BG_AUTH_TARGET_PROXY)
                return BG_E_INVALID_AUTH_TARGET;
        if ((uint32_t) scheme < BG_AUTH_SCHEME_BASIC || (uint32_t) scheme > BG_AUTH_SCHEME_PASSPORT)
                return BG_E_INVALID_AUTH_SCHEME;
        return S_OK;
}

/* Both or none; none, the owner's own identity, with the schemes that can prove it. */
static HRESULT check_identity(BG_AUTH_SCHEME scheme, const BG_BASIC_CREDENTIALS *basic)
{
        bool implicit = !basic->UserName && !basic->Password;
        HRESULT hr;

        if (implicit)
                return scheme == BG_AUTH_SCHEME_NTLM || scheme == BG_AUTH_SCHEME_NEGOTIATE
                               ? S_OK
                               : E_INVALIDARG;
        if (!basic->UserName || !basic->Password)
                return E_INVALIDARG;
        hr = check_wide(basic->UserName, USER_NAME_MAX_UNITS, BG_E_USERNAME_TOO_LARGE);
        if (FAILED(hr))
                return hr;
        /* Counted in place: no copy of a password is made for this. */
        return wide_utf16_units(basic->Password) > PASSWORD_MAX_UNITS ? BG_E_PASSWORD_TOO_LARGE
                                                                      : S_OK;
}

HRESULT com_job_set_credentials(IBackgroundCopyJob2 *This, BG_AUTH_CREDENTIALS *credentials)
{
        HRESULT hr;

        if (!credentials)
                return E_INVALIDARG;
        hr = check_slot(credentials->Target, credentials->Scheme);
        if (SUCCEEDED(hr))
                hr = check_identity(credentials->Scheme, &credentials->Credentials.Basic);
        return FAILED(hr) ? hr : E_NOTIMPL;
}

HRESULT com_job_remove_credentials(IBackgroundCopyJob2 *This, BG_AUTH_TARGET Target,
                                   BG_AUTH_SCHEME Scheme)
{
        HRESULT hr = check_slot(Target, Scheme);

        return FAILED(hr) ? hr : E_NOTIMPL;
}
