/* SPDX-License-Identifier: Apache-2.0 */
/* IBackgroundCopyJob2. */
#include <string.h>

#include "base/utf.h"
#include "args.h"
#include "com_job.h"
#include "com_text.h"

/* Longest first: an answer should not depend on whether text that is too long is also Unicode. */
static HRESULT cmd_line_in(LPCWSTR text, size_t max_units, char **ret)
{
        if (text && wide_utf16_units(text) > max_units)
                return BG_E_STRING_TOO_LONG;
        return com_text_in(text, ret);
}

HRESULT com_job_set_notify_cmd_line(IBackgroundCopyJob2 *This, LPCWSTR Program, LPCWSTR Parameters)
{
        _cleanup_free_ char *program = NULL, *parameters = NULL;
        HRESULT hr;

        if (!Program && Parameters)
                return E_INVALIDARG;
        hr = cmd_line_in(Program, PROGRAM_MAX_UNITS, &program);
        if (SUCCEEDED(hr))
                hr = cmd_line_in(Parameters, PARAMETERS_MAX_UNITS, &parameters);
        if (FAILED(hr))
                return hr;
        return bits_job_set_notify_cmd_line(com_job_client(This), &com_job(This)->id, program,
                                            parameters);
}

/* What is not set is "", never NULL. */
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
        hr = com_text_out(info->notify_program ? info->notify_program : "", &program);
        if (SUCCEEDED(hr))
                hr = com_text_out(info->notify_parameters ? info->notify_parameters : "",
                                  &parameters);
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

static char *secret_free(char *text)
{
        if (text)
                explicit_bzero(text, strlen(text));
        mem_free(text);
        return NULL;
}
DEFINE_CLEANUP(char *, secret_free)

/* Counted in place, so that of what is too long no copy is made at all. */
static HRESULT secret_in(LPCWSTR text, size_t max_units, HRESULT too_long, char **ret)
{
        if (text && wide_utf16_units(text) > max_units)
                return too_long;
        return com_text_in(text, ret);
}

HRESULT com_job_set_credentials(IBackgroundCopyJob2 *This, BG_AUTH_CREDENTIALS *credentials)
{
        _cleanup_(secret_freep) char *user = NULL, *password = NULL;
        const BG_BASIC_CREDENTIALS *basic;
        HRESULT hr;

        if (!credentials)
                return E_INVALIDARG;
        basic = &credentials->Credentials.Basic;
        hr = args_check_slot(credentials->Target, credentials->Scheme);
        if (SUCCEEDED(hr))
                hr = args_check_identity(credentials->Scheme, basic->UserName, basic->Password);
        if (SUCCEEDED(hr))
                hr = secret_in(basic->UserName, USER_NAME_MAX_UNITS, BG_E_USERNAME_TOO_LARGE,
                               &user);
        if (SUCCEEDED(hr))
                hr = secret_in(basic->Password, PASSWORD_MAX_UNITS, BG_E_PASSWORD_TOO_LARGE,
                               &password);
        if (FAILED(hr))
                return hr;
        return bits_job_set_credentials(com_job_client(This), &com_job(This)->id,
                                        credentials->Target, credentials->Scheme, user, password);
}

HRESULT com_job_remove_credentials(IBackgroundCopyJob2 *This, BG_AUTH_TARGET Target,
                                   BG_AUTH_SCHEME Scheme)
{
        return bits_job_remove_credentials(com_job_client(This), &com_job(This)->id, Target,
                                           Scheme);
}
