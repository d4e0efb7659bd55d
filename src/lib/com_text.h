/* SPDX-License-Identifier: Apache-2.0 */
/* Strings over the COM border: wide and strict (no lone surrogates) outside, UTF-8 inside.
 * Outgoing ones are the caller's, who frees them with CoTaskMemFree. */
#pragma once

#include "base/attr.h"
#include "bits.h"

/* The caller frees *ret. NULL stays NULL. E_INVALIDARG for text that is not Unicode. */
_must_use_ HRESULT com_text_in(LPCWSTR text, char **ret);
/* The same, but NULL is E_INVALIDARG. */
_must_use_ HRESULT com_text_in_required(LPCWSTR text, char **ret);
/* NULL stays NULL. */
_must_use_ HRESULT com_text_out(const char *text, LPWSTR *ret);
/* For descriptions in one of Windows' languages: there are English texts only, and every language
 * gets them. */
_must_use_ HRESULT com_text_describe(HRESULT code, LPWSTR *ret);
