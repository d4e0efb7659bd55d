/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/transfer_error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hresult.h"
#include "base/str.h"

#define WIN32(n) HRESULT_FROM_WIN32(n)

/* Verdicts of OpenSSL's certificate check (the numbers of its verify(1) manual page). */
enum {
        VERIFY_OK = 0,
        VERIFY_NO_VERDICT = 1, /* what curl starts with */
        VERIFY_NOT_YET_VALID = 9,
        VERIFY_EXPIRED = 10,
        VERIFY_REVOKED = 23,
        VERIFY_NAME_MISMATCH = 62,
        VERIFY_ADDRESS_MISMATCH = 64,
};

JobError transfer_error_make(HRESULT code, BG_ERROR_CONTEXT context, bool fatal, const char *text)
{
        JobError e = {.code = code, .context = context, .file_index = JOB_NO_FILE, .fatal = fatal};

        (void) str_copy(e.text, sizeof(e.text), text);
        return e;
}

/* What passes by itself, or when somebody makes room; the rest needs a person to put it right. */
static bool errno_is_transient(int err)
{
        switch (err) {
        case ENOSPC:
        case EDQUOT:
        case EIO:
        case ESTALE:
        case EBUSY:
        case ETXTBSY:
        case EAGAIN:
        case EINTR:
        case ENOMEM:
        case EMFILE:
        case ENFILE:
        case ENOLCK:
        case ETIMEDOUT:
                return true;
        default:
                return false;
        }
}

JobError transfer_error_local(int err, const char *what)
{
        JobError e;

        err = err < 0 ? -err : err;
        e = transfer_error_make(hresult_from_errno(err), BG_ERROR_CONTEXT_LOCAL_FILE,
                                !errno_is_transient(err), "");
        e.sys_errno = err;
        (void) snprintf(e.text, sizeof(e.text), "%s: %s", what,
                        strerrordesc_np(err) ?: "unknown error");
        return e;
}

JobError transfer_error_directory(int err, const char *what)
{
        JobError e = transfer_error_local(err, what);

        if (e.sys_errno == ENOENT || e.sys_errno == ENOTDIR)
                e.code = WIN32(ERROR_PATH_NOT_FOUND);
        return e;
}

static bool status_is_fatal(int status)
{
        if (status >= 300 && status <= 399)
                return status <= 308 && status != 306;
        if (status >= 400 && status <= 499)
                return status != 408 && status != 409 && status != 429;
        return status == 501 || status == 505;
}

JobError transfer_error_status(int status, uint32_t retry_after_sec)
{
        JobError e = transfer_error_make((HRESULT) (0x80190000u + (uint32_t) status),
                                         BG_ERROR_CONTEXT_REMOTE_FILE, status_is_fatal(status), "");

        e.http_status = status;
        e.retry_after_sec = retry_after_sec;
        (void) snprintf(e.text, sizeof(e.text), "the server answered with status %d", status);
        return e;
}

typedef struct CurlClass {
        CURLcode curl;
        HRESULT code;
        BG_ERROR_CONTEXT context;
        bool fatal;
} CurlClass;

#define TRANSPORT BG_ERROR_CONTEXT_GENERAL_TRANSPORT
#define REMOTE BG_ERROR_CONTEXT_REMOTE_FILE

static const CurlClass CURL_CLASSES[] = {
        /* What does not begin like HTTP; schemes were checked before. */
        {CURLE_UNSUPPORTED_PROTOCOL, WIN32(ERROR_WINHTTP_INVALID_SERVER_RESPONSE), REMOTE, false},
        {CURLE_URL_MALFORMAT, WIN32(ERROR_WINHTTP_INVALID_URL), REMOTE, true},
        {CURLE_COULDNT_RESOLVE_PROXY, WIN32(ERROR_WINHTTP_NAME_NOT_RESOLVED), TRANSPORT, false},
        {CURLE_COULDNT_RESOLVE_HOST, WIN32(ERROR_WINHTTP_NAME_NOT_RESOLVED), REMOTE, false},
        {CURLE_COULDNT_CONNECT, WIN32(ERROR_WINHTTP_CANNOT_CONNECT), REMOTE, false},
        {CURLE_PROXY, WIN32(ERROR_WINHTTP_CANNOT_CONNECT), TRANSPORT, false},
        {CURLE_OPERATION_TIMEDOUT, WIN32(ERROR_WINHTTP_TIMEOUT), REMOTE, false},
        {CURLE_PARTIAL_FILE, WIN32(ERROR_WINHTTP_CONNECTION_ERROR), REMOTE, false},
        {CURLE_RECV_ERROR, WIN32(ERROR_WINHTTP_CONNECTION_ERROR), REMOTE, false},
        {CURLE_SEND_ERROR, WIN32(ERROR_WINHTTP_CONNECTION_ERROR), REMOTE, false},
        {CURLE_GOT_NOTHING, WIN32(ERROR_WINHTTP_CONNECTION_ERROR), REMOTE, false},
        {CURLE_HTTP2, WIN32(ERROR_WINHTTP_CONNECTION_ERROR), REMOTE, false},
        {CURLE_HTTP2_STREAM, WIN32(ERROR_WINHTTP_CONNECTION_ERROR), REMOTE, false},
        {CURLE_WEIRD_SERVER_REPLY, WIN32(ERROR_WINHTTP_INVALID_SERVER_RESPONSE), REMOTE, false},
        {CURLE_BAD_CONTENT_ENCODING, BG_E_INSUFFICIENT_HTTP_SUPPORT, REMOTE, true},
        {CURLE_FILESIZE_EXCEEDED, WIN32(ERROR_FILE_TOO_LARGE), REMOTE, true},
        {CURLE_SSL_CONNECT_ERROR, WIN32(ERROR_WINHTTP_SECURE_CHANNEL_ERROR), REMOTE, false},
        {CURLE_SSL_CERTPROBLEM, WIN32(ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED), REMOTE, true},
        {CURLE_SSL_CIPHER, WIN32(ERROR_WINHTTP_SECURE_FAILURE), REMOTE, true},
        {CURLE_SSL_ISSUER_ERROR, WIN32(ERROR_WINHTTP_SECURE_INVALID_CA), REMOTE, true},
        {CURLE_SSL_INVALIDCERTSTATUS, WIN32(ERROR_WINHTTP_SECURE_CERT_REV_FAILED), REMOTE, true},
        {CURLE_SSL_CACERT_BADFILE, WIN32(ERROR_WINHTTP_SECURE_FAILURE), TRANSPORT, true},
        {CURLE_SSL_CRL_BADFILE, WIN32(ERROR_WINHTTP_SECURE_CERT_REV_FAILED), TRANSPORT, true},
        {CURLE_OUT_OF_MEMORY, E_OUTOFMEMORY, TRANSPORT, false},
};

static const CurlClass *classify(CURLcode code)
{
        static const CurlClass OTHER = {CURLE_OK, WIN32(ERROR_WINHTTP_INTERNAL_ERROR), TRANSPORT,
                                        false};

        for (size_t i = 0; i < ARRAY_LEN(CURL_CLASSES); i++)
                if (CURL_CLASSES[i].curl == code)
                        return &CURL_CLASSES[i];
        return &OTHER;
}

/* curl has one code for all that can be wrong with a certificate. It compares the name itself,
 * so that OpenSSL's verdict is "fine" then. */
static HRESULT certificate_code(CURL *easy)
{
        long verdict = VERIFY_OK;

        (void) curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
        switch (verdict) {
        case VERIFY_OK:
        case VERIFY_NO_VERDICT:
        case VERIFY_NAME_MISMATCH:
        case VERIFY_ADDRESS_MISMATCH:
                return WIN32(ERROR_WINHTTP_SECURE_CERT_CN_INVALID);
        case VERIFY_NOT_YET_VALID:
        case VERIFY_EXPIRED:
                return WIN32(ERROR_WINHTTP_SECURE_CERT_DATE_INVALID);
        case VERIFY_REVOKED:
                return WIN32(ERROR_WINHTTP_SECURE_CERT_REVOKED);
        default:
                return WIN32(ERROR_WINHTTP_SECURE_INVALID_CA);
        }
}

/* What a proxy answered to CONNECT is an answer like any other: 407 is fatal, 503 passes. */
int transfer_error_connect_status(CURL *easy)
{
        long status = 0;

        if (curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status) || status < 300 ||
            status > 599)
                return 0;
        return (int) status;
}

JobError transfer_error_curl(CURL *easy, CURLcode code, const char *detail)
{
        const CurlClass *c = classify(code);
        JobError e;
        int status = transfer_error_connect_status(easy);

        if (status != 0) {
                e = transfer_error_status(status, 0);
                e.context = TRANSPORT;
        } else if (code == CURLE_PEER_FAILED_VERIFICATION) {
                e = transfer_error_make(certificate_code(easy), REMOTE, true, "");
        } else {
                e = transfer_error_make(c->code, c->context, c->fatal, "");
        }
        (void) str_escape(e.text, sizeof(e.text),
                          *detail != '\0' ? detail : curl_easy_strerror(code));
        e.curl_code = (int32_t) code;
        return e;
}

void transfer_error_set_host(JobError *e, const char *host)
{
        size_t i;

        for (i = 0; host[i] != '\0' && i < sizeof(e->host) - 1; i++)
                e->host[i] = host[i] > ' ' && host[i] < 0x7f ? host[i] : '?';
        e->host[i] = '\0';
}
