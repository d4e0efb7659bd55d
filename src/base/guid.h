/* SPDX-License-Identifier: Apache-2.0 */
/* GUID text and comparison. The type is the public GUID of wintypes.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "attr.h"
#include "wintypes.h"

#define GUID_TEXT_LEN 36 /* lower case, no braces, without the terminator */

/* Version-4 GUID out of 16 random bytes (randomness is the caller's, so that tests own it). */
GUID guid_from_random(const uint8_t bytes[16]);
/* Writes 36 characters and a terminator. */
void guid_format(const GUID *g, char text[GUID_TEXT_LEN + 1]);
/* Accepts 36 characters, any case, with or without braces. 0, or -EINVAL with *ret untouched. */
_must_use_ int guid_parse(const char *text, GUID *ret);
bool guid_equal(const GUID *a, const GUID *b);
/* RFC byte order, for wire and store. */
void guid_to_bytes(const GUID *g, uint8_t bytes[16]);
GUID guid_from_bytes(const uint8_t bytes[16]);
