/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/job_error.h"

#include "base/attr.h"
#include "base/hresult.h"
#include "base/str.h"

#define WIN32_ERROR(n) HRESULT_FROM_WIN32(n)

/* What no waiting heals: wrong names, missing rights, servers that cannot do it, certificates
 * that do not fit. Everything else is transient, the full disk included: freed space heals it. */
static const HRESULT FATAL_CODES[] = {
        E_ACCESSDENIED,
        E_NOTIMPL,
        BG_E_INVALID_PROXY_INFO,
        BG_E_LOCAL_FILE_CHANGED,
        BG_E_VOLUME_CHANGED,
        BG_E_MISSING_FILE_SIZE,
        BG_E_INSUFFICIENT_HTTP_SUPPORT,
        BG_E_INSUFFICIENT_RANGE_SUPPORT,
        BG_E_TOO_LARGE,
        BG_E_SERVER_EXECUTE_ENABLE,
        BG_E_CLIENT_SERVER_PROTOCOL_MISMATCH,
        BG_E_REMOTE_NOT_SUPPORTED,
        BG_E_PROTOCOL_NOT_AVAILABLE,
        BG_E_VALIDATION_FAILED,
        BG_E_MAXDOWNLOAD_TIMEOUT,
        BG_E_FILE_NOT_FOUND,
        WIN32_ERROR(ERROR_FILE_NOT_FOUND),
        WIN32_ERROR(ERROR_PATH_NOT_FOUND),
        WIN32_ERROR(ERROR_WRITE_PROTECT),
        WIN32_ERROR(ERROR_INVALID_NAME),
        WIN32_ERROR(ERROR_DIRECTORY),
        WIN32_ERROR(ERROR_FILENAME_EXCED_RANGE),
        WIN32_ERROR(ERROR_FILE_TOO_LARGE),
        WIN32_ERROR(ERROR_FILE_EXISTS),
        WIN32_ERROR(ERROR_ALREADY_EXISTS),
        WIN32_ERROR(ERROR_CANT_RESOLVE_FILENAME),
        WIN32_ERROR(ERROR_WINHTTP_INVALID_URL),
        WIN32_ERROR(ERROR_WINHTTP_UNRECOGNIZED_SCHEME),
        WIN32_ERROR(ERROR_WINHTTP_LOGIN_FAILURE),
        WIN32_ERROR(ERROR_WINHTTP_REDIRECT_FAILED),
        WIN32_ERROR(ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED),
        WIN32_ERROR(ERROR_WINHTTP_SECURE_CERT_DATE_INVALID),
        WIN32_ERROR(ERROR_WINHTTP_SECURE_CERT_CN_INVALID),
        WIN32_ERROR(ERROR_WINHTTP_SECURE_INVALID_CA),
        WIN32_ERROR(ERROR_WINHTTP_SECURE_CERT_REV_FAILED),
        WIN32_ERROR(ERROR_WINHTTP_SECURE_INVALID_CERT),
        WIN32_ERROR(ERROR_WINHTTP_SECURE_CERT_REVOKED),
        WIN32_ERROR(ERROR_WINHTTP_SECURE_FAILURE),
        WIN32_ERROR(ERROR_WINHTTP_SECURE_CERT_WRONG_USAGE),
};

static const HRESULT EVENT_CODES[] = {
        BG_E_NETWORK_DISCONNECTED,
        BG_E_BLOCKED_BY_POLICY,
        BG_E_BLOCKED_BY_COST_TRANSFER_POLICY,
        BG_E_BLOCKED_BY_BATTERY_POLICY,
};

bool job_error_http_is_fatal(int32_t status)
{
        if (status >= 300 && status <= 308)
                return status != 306;
        if (status >= 400 && status <= 499)
                return status != 408 && status != 409 && status != 429;
        return status == 501 || status == 505;
}

static bool is_one_of(const HRESULT *codes, size_t n, HRESULT code)
{
        for (size_t i = 0; i < n; i++)
                if (codes[i] == code)
                        return true;
        return false;
}

bool job_error_is_fatal(HRESULT code)
{
        uint32_t bits = (uint32_t) code;

        if (bits >> 16 == 0x8019u && (bits & 0xFFFFu) < 1000)
                return job_error_http_is_fatal((int32_t) (bits & 0xFFFFu));
        return is_one_of(FATAL_CODES, ARRAY_LEN(FATAL_CODES), code);
}

bool job_error_is_event_driven(HRESULT code)
{
        return is_one_of(EVENT_CODES, ARRAY_LEN(EVENT_CODES), code);
}

bool job_error_is_disk_full(HRESULT code)
{
        return code == WIN32_ERROR(ERROR_DISK_FULL) ||
               code == WIN32_ERROR(ERROR_DISK_QUOTA_EXCEEDED);
}

bool job_error_wants_credentials(HRESULT code)
{
        return code == BG_E_HTTP_ERROR_401 || code == BG_E_HTTP_ERROR_407 ||
               code == WIN32_ERROR(ERROR_WINHTTP_LOGIN_FAILURE);
}

void job_error_classify(JobError *error)
{
        if (job_error_is_fatal(error->code))
                error->fatal = true;
        error->event_driven = !error->fatal && job_error_is_event_driven(error->code);
}

JobError job_error_make(HRESULT code, BG_ERROR_CONTEXT context, int32_t file_index,
                        const char *text)
{
        JobError error = {.code = code, .context = context, .file_index = file_index};

        if (text)
                (void) str_copy(error.text, sizeof(error.text), text);
        job_error_classify(&error);
        return error;
}

JobError job_error_http(int32_t status, uint32_t retry_after_sec, int32_t file_index)
{
        JobError error = job_error_make((HRESULT) (0x80190000u + (uint32_t) status),
                                        BG_ERROR_CONTEXT_REMOTE_FILE, file_index, NULL);

        error.http_status = status;
        if (status == 429 || status == 503)
                error.retry_after_sec = retry_after_sec;
        return error;
}

JobError job_error_errno(int err, BG_ERROR_CONTEXT context, int32_t file_index, const char *text)
{
        JobError error = job_error_make(hresult_from_errno(err), context, file_index, text);

        error.sys_errno = err < 0 ? -err : err;
        return error;
}
