/* SPDX-License-Identifier: Apache-2.0 */
#include "com_text.h"

#include <errno.h>

#include "base/hresult.h"
#include "base/utf.h"

static HRESULT text_result(int r)
{
        return r >= 0 ? S_OK : r == -ENOMEM ? E_OUTOFMEMORY : E_INVALIDARG;
}

HRESULT com_text_in(LPCWSTR text, char **ret)
{
        if (!text) {
                *ret = NULL;
                return S_OK;
        }
        return text_result(wide_to_utf8(text, ret));
}

HRESULT com_text_in_required(LPCWSTR text, char **ret)
{
        return text ? com_text_in(text, ret) : E_INVALIDARG;
}

HRESULT com_text_out(const char *text, LPWSTR *ret)
{
        if (!text) {
                *ret = NULL;
                return S_OK;
        }
        return text_result(utf8_to_wide(text, ret));
}

HRESULT com_text_describe(HRESULT code, LPWSTR *ret)
{
        return com_text_out(hresult_text(code), ret);
}
