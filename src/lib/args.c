/* SPDX-License-Identifier: Apache-2.0 */
#include "args.h"

#include <string.h>

#include "base/utf.h"

HRESULT args_check_text(const char *text)
{
        return text && utf8_is_valid(text, strlen(text)) ? S_OK : E_INVALIDARG;
}

HRESULT args_check_limited(const char *text, size_t max_units, HRESULT too_long)
{
        HRESULT hr = args_check_text(text);

        if (FAILED(hr))
                return hr;
        return utf8_utf16_units(text) > max_units ? too_long : S_OK;
}

HRESULT args_check_proxy(BG_JOB_PROXY_USAGE usage, const char *list, const char *bypass)
{
        HRESULT hr;

        if ((uint32_t) usage > BG_JOB_PROXY_USAGE_AUTODETECT)
                return E_NOTIMPL;
        if (usage != BG_JOB_PROXY_USAGE_OVERRIDE)
                return list || bypass ? E_INVALIDARG : S_OK;
        hr = args_check_limited(list, PROXY_LIST_MAX_UNITS, BG_E_PROXY_LIST_TOO_LARGE);
        if (FAILED(hr) || !bypass)
                return hr;
        return args_check_limited(bypass, PROXY_LIST_MAX_UNITS, BG_E_PROXY_BYPASS_LIST_TOO_LARGE);
}

HRESULT args_check_slot(BG_AUTH_TARGET target, BG_AUTH_SCHEME scheme)
{
        if (target != BG_AUTH_TARGET_SERVER && target != BG_AUTH_TARGET_PROXY)
                return BG_E_INVALID_AUTH_TARGET;
        if ((uint32_t) scheme < BG_AUTH_SCHEME_BASIC || (uint32_t) scheme > BG_AUTH_SCHEME_PASSPORT)
                return BG_E_INVALID_AUTH_SCHEME;
        return S_OK;
}

HRESULT args_check_identity(BG_AUTH_SCHEME scheme, bool has_user, bool has_password)
{
        if (has_user != has_password)
                return E_INVALIDARG;
        if (has_user || scheme == BG_AUTH_SCHEME_NTLM || scheme == BG_AUTH_SCHEME_NEGOTIATE)
                return S_OK;
        return E_INVALIDARG;
}
