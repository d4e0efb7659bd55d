/* SPDX-License-Identifier: Apache-2.0 */
/* What the messages between bitsd and its workers are made of, over base/pack.h: values with a
 * range, and texts and bytes with a limit. A value out of its range makes the reader bad. */
#pragma once

#include <stdbool.h>

#include "base/pack.h"

void pack_bool(Buf *b, bool v);
bool unpack_bool(PackReader *r);
/* A value of an enumeration with `max` values. */
uint32_t unpack_enum(PackReader *r, uint32_t max);
/* A text that must be there. Owned by the caller; NULL only when the reader turned bad. */
_must_use_ char *unpack_text(PackReader *r, size_t max_bytes);
/* Bytes as a copy owned by the caller; NULL when there are none (or the reader turned bad). */
_must_use_ uint8_t *unpack_bytes(PackReader *r, size_t max_bytes, uint32_t *ret_bytes);
