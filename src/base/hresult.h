/* SPDX-License-Identifier: Apache-2.0 */
/* The only place where errno becomes HRESULT, and where codes have names and texts. */
#pragma once

#include "attr.h"
#include "bitsmsg.h"
#include "wintypes.h"

/* From a positive or negative errno: EACCES, EPERM → 0x80070005; ENOENT → 0x80070002 (a path
 * component: 0x80070003 is the caller's choice); ENOSPC, EDQUOT → 0x80070070; EROFS →
 * 0x80070013; EEXIST → 0x80070050; EISDIR, ENOTDIR … ; others → 0x8007001F-class generic. */
HRESULT hresult_from_errno(int err);
/* "BG_E_EMPTY", "E_INVALIDARG"; NULL for a code without a name. */
const char *hresult_name(HRESULT hr);
/* One sentence in English, our own words; never NULL (generic text for unknown codes). */
const char *hresult_text(HRESULT hr);
/* What the user can do about it; "" when nothing fits. */
const char *hresult_hint(HRESULT hr);
