/* SPDX-License-Identifier: Apache-2.0 */
/* Text of fixed size in stored records, which needs no memory of its own to be read. */
#pragma once

#include <stddef.h>

#include "base/pack.h"

/* Reads what pack_str() wrote. Too long for the place, or with a NUL inside: the reader turns bad.
 */
void bup_unpack_text(PackReader *r, char *text, size_t text_bytes);
