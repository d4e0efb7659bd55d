/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/error_name.h"

#include <stdio.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

#define HEX_DIGITS 8
#define STANDARD_PREFIX "org.freedesktop.DBus.Error."

static const struct {
        const char *name; /* after STANDARD_PREFIX */
        HRESULT hr;
} standard_errors[] = {
        {"UnknownMethod", E_NOTIMPL},
        {"UnknownInterface", E_NOTIMPL},
        {"UnknownObject", E_NOTIMPL},
        {"UnknownProperty", E_NOTIMPL},
        {"NotSupported", E_NOTIMPL},
        {"InvalidArgs", E_INVALIDARG},
        {"InvalidSignature", E_INVALIDARG},
        {"InconsistentMessage", E_INVALIDARG},
        {"AccessDenied", E_ACCESSDENIED},
        {"AuthFailed", E_ACCESSDENIED},
        {"InteractiveAuthorizationRequired", E_ACCESSDENIED},
        {"NoMemory", E_OUTOFMEMORY},
        {"LimitsExceeded", HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA)},
        {"Timeout", HRESULT_FROM_WIN32(ERROR_TIMEOUT)},
        {"TimedOut", HRESULT_FROM_WIN32(ERROR_TIMEOUT)},
        {"NoReply", HRESULT_FROM_WIN32(RPC_S_CALL_FAILED)},
        {"Disconnected", HRESULT_FROM_WIN32(RPC_S_CALL_FAILED)},
        {"NoServer", HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE)},
        {"ServiceUnknown", HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE)},
};

const char *error_name_format(HRESULT hr, char name[ERROR_NAME_BYTES])
{
        if (SUCCEEDED(hr))
                hr = E_UNEXPECTED;
        (void) snprintf(name, ERROR_NAME_BYTES, IPC_ERROR_PREFIX "%08X", (unsigned) hr);
        return name;
}

/* The exact form that error_name_format() makes, and nothing else. */
static bool parse_own(const char *name, HRESULT *ret)
{
        uint32_t code = 0;
        const char *p;

        if (!str_starts_with(name, IPC_ERROR_PREFIX))
                return false;
        p = name + strlen(IPC_ERROR_PREFIX);
        if (strlen(p) != HEX_DIGITS)
                return false;
        for (; *p; p++) {
                if (*p >= '0' && *p <= '9')
                        code = code << 4 | (uint32_t) (*p - '0');
                else if (*p >= 'A' && *p <= 'F')
                        code = code << 4 | (uint32_t) (*p - 'A' + 10);
                else
                        return false;
        }
        if (SUCCEEDED((HRESULT) code))
                return false;
        *ret = (HRESULT) code;
        return true;
}

HRESULT error_name_to_hresult(const char *name)
{
        HRESULT hr;

        if (!name)
                return E_UNEXPECTED;
        if (parse_own(name, &hr))
                return hr;
        if (!str_starts_with(name, STANDARD_PREFIX))
                return E_UNEXPECTED;
        name += strlen(STANDARD_PREFIX);
        for (size_t i = 0; i < ARRAY_LEN(standard_errors); i++)
                if (str_equal(name, standard_errors[i].name))
                        return standard_errors[i].hr;
        return E_UNEXPECTED;
}
