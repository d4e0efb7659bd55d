/* SPDX-License-Identifier: Apache-2.0 */
#include "hresult.h"

#include <errno.h>
#include <stddef.h>

#define HTTP_STATUS_MIN 100
#define HTTP_STATUS_MAX 599
#define HTTP_CODE(status) ((HRESULT) (0x80190000u + (status)))

typedef struct ErrorText {
        HRESULT code;
        const char *name; /* NULL: an HTTP status without a symbol */
        const char *text;
        const char *hint;
} ErrorText;

static const ErrorText TEXTS[] = {
#define X(symbol, text, hint) {symbol, #symbol, text, hint},
#define W(symbol, text, hint) {HRESULT_FROM_WIN32(symbol), #symbol, text, hint},
#define H(status, text, hint) {HTTP_CODE(status), NULL, text, hint},
#include "error_text.def"
#undef X
#undef W
#undef H
};

typedef struct ErrnoCode {
        int err;
        HRESULT code;
} ErrnoCode;

static const ErrnoCode ERRNO_CODES[] = {
        {EACCES, E_ACCESSDENIED},
        {EPERM, E_ACCESSDENIED},
        {ENOMEM, E_OUTOFMEMORY},
        {EINVAL, E_INVALIDARG},
        {EBADF, E_HANDLE},
        {EFAULT, E_POINTER},

        {ENOENT, HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND)},
        {ENOTDIR, HRESULT_FROM_WIN32(ERROR_DIRECTORY)},
        {EISDIR, HRESULT_FROM_WIN32(ERROR_DIRECTORY_NOT_SUPPORTED)},
        {EEXIST, HRESULT_FROM_WIN32(ERROR_FILE_EXISTS)},
        {ENOTEMPTY, HRESULT_FROM_WIN32(ERROR_DIR_NOT_EMPTY)},
        {EXDEV, HRESULT_FROM_WIN32(ERROR_NOT_SAME_DEVICE)},
        {ENAMETOOLONG, HRESULT_FROM_WIN32(ERROR_FILENAME_EXCED_RANGE)},
        {ELOOP, HRESULT_FROM_WIN32(ERROR_CANT_RESOLVE_FILENAME)},
        {EMLINK, HRESULT_FROM_WIN32(ERROR_TOO_MANY_LINKS)},
        {ESTALE, HRESULT_FROM_WIN32(ERROR_FILE_INVALID)},
        {ENOEXEC, HRESULT_FROM_WIN32(ERROR_BAD_EXE_FORMAT)},

        {ENOSPC, HRESULT_FROM_WIN32(ERROR_DISK_FULL)},
        {EDQUOT, HRESULT_FROM_WIN32(ERROR_DISK_FULL)},
        {EFBIG, HRESULT_FROM_WIN32(ERROR_FILE_TOO_LARGE)},
        {EROFS, HRESULT_FROM_WIN32(ERROR_WRITE_PROTECT)},
        {EIO, HRESULT_FROM_WIN32(ERROR_IO_DEVICE)},
        {EUCLEAN, HRESULT_FROM_WIN32(ERROR_DISK_CORRUPT)},
        {ENODEV, HRESULT_FROM_WIN32(ERROR_DEV_NOT_EXIST)},
        {ENXIO, HRESULT_FROM_WIN32(ERROR_DEV_NOT_EXIST)},
        {ENOMEDIUM, HRESULT_FROM_WIN32(ERROR_NOT_READY)},

        {EBUSY, HRESULT_FROM_WIN32(ERROR_SHARING_VIOLATION)},
        {ETXTBSY, HRESULT_FROM_WIN32(ERROR_SHARING_VIOLATION)},
        {EAGAIN, HRESULT_FROM_WIN32(ERROR_LOCK_VIOLATION)},
        {ENOLCK, HRESULT_FROM_WIN32(ERROR_LOCK_VIOLATION)},
        {EDEADLK, HRESULT_FROM_WIN32(ERROR_LOCK_VIOLATION)},

        {EMFILE, HRESULT_FROM_WIN32(ERROR_TOO_MANY_OPEN_FILES)},
        {ENFILE, HRESULT_FROM_WIN32(ERROR_TOO_MANY_OPEN_FILES)},
        {ENOBUFS, HRESULT_FROM_WIN32(ERROR_NO_SYSTEM_RESOURCES)},
        {EINTR, HRESULT_FROM_WIN32(ERROR_OPERATION_ABORTED)},
        {ECANCELED, HRESULT_FROM_WIN32(ERROR_OPERATION_ABORTED)},
        {ESRCH, HRESULT_FROM_WIN32(ERROR_NOT_FOUND)},
        {ENOSYS, HRESULT_FROM_WIN32(ERROR_CALL_NOT_IMPLEMENTED)},
        {EOPNOTSUPP, HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED)},
        {EILSEQ, HRESULT_FROM_WIN32(ERROR_NO_UNICODE_TRANSLATION)},
        {EOVERFLOW, HRESULT_FROM_WIN32(ERROR_ARITHMETIC_OVERFLOW)},
        {ERANGE, HRESULT_FROM_WIN32(ERROR_ARITHMETIC_OVERFLOW)},
        {EBADMSG, HRESULT_FROM_WIN32(ERROR_INVALID_DATA)},
        {EPROTO, HRESULT_FROM_WIN32(ERROR_INVALID_DATA)},
        {EMSGSIZE, HRESULT_FROM_WIN32(ERROR_MORE_DATA)},
        {E2BIG, HRESULT_FROM_WIN32(ERROR_MORE_DATA)},

        {ENETDOWN, BG_E_NETWORK_DISCONNECTED},
        {ECONNREFUSED, HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT)},
        {EHOSTUNREACH, HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT)},
        {EHOSTDOWN, HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT)},
        {ENETUNREACH, HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT)},
        {EADDRNOTAVAIL, HRESULT_FROM_WIN32(ERROR_WINHTTP_CANNOT_CONNECT)},
        {ECONNRESET, HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR)},
        {ECONNABORTED, HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR)},
        {ENETRESET, HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR)},
        {ENOTCONN, HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR)},
        {EPIPE, HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR)},
        {ETIMEDOUT, HRESULT_FROM_WIN32(ERROR_WINHTTP_TIMEOUT)},
};

HRESULT hresult_from_errno(int err)
{
        if (err == 0)
                return S_OK;
        for (size_t i = 0; i < ARRAY_LEN(ERRNO_CODES); i++)
                if (err == ERRNO_CODES[i].err || err == -ERRNO_CODES[i].err)
                        return ERRNO_CODES[i].code;
        return HRESULT_FROM_WIN32(ERROR_GEN_FAILURE);
}

static const ErrorText *find_text(HRESULT hr)
{
        for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
                if (TEXTS[i].code == hr)
                        return &TEXTS[i];
        return NULL;
}

const char *hresult_name(HRESULT hr)
{
        const ErrorText *t = find_text(hr);

        return t ? t->name : NULL;
}

/* What the first digit of a status without an entry of its own says; NULL for other codes. */
static const char *http_class_text(HRESULT hr)
{
        static const char *const CLASSES[] = {
                "The server sent an interim answer and no file.",
                "The server answered with a success status that is not expected here.",
                "The server redirects to another address in a way that is not understood.",
                "The server refuses the request.",
                "The server could not deal with the request.",
        };

        if (hr < HTTP_CODE(HTTP_STATUS_MIN) || hr > HTTP_CODE(HTTP_STATUS_MAX))
                return NULL;
        return CLASSES[HRESULT_CODE(hr) / 100 - 1];
}

const char *hresult_text(HRESULT hr)
{
        const ErrorText *t = find_text(hr);
        const char *http;

        if (t)
                return t->text;
        if (SUCCEEDED(hr))
                return "The operation was successful, with a remark that has no text here.";
        http = http_class_text(hr);
        if (http)
                return http;
        if (HRESULT_FACILITY(hr) == FACILITY_WIN32)
                return "The system reported an error that has no text here.";
        return "An error occurred that has no text here.";
}

const char *hresult_hint(HRESULT hr)
{
        const ErrorText *t = find_text(hr);

        return t ? t->hint : "";
}
