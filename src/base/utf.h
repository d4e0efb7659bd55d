/* SPDX-License-Identifier: Apache-2.0 */
/* Strict UTF-8 and wide (32-bit wchar_t) conversion. Lone surrogates, overlong forms and code
 * points over U+10FFFF are refused. Limits of the API are counted in UTF-16 units. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#include "attr.h"

bool utf8_is_valid(const char *s, size_t bytes);
/* Number of UTF-16 units the valid UTF-8 string would take. */
size_t utf8_utf16_units(const char *s);
size_t wide_utf16_units(const wchar_t *s);
/* Caller owns the result (mem_free). 0, -EILSEQ or -ENOMEM with *ret untouched. */
_must_use_ int utf8_to_wide(const char *s, wchar_t **ret);
_must_use_ int wide_to_utf8(const wchar_t *s, char **ret);
