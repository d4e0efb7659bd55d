/* SPDX-License-Identifier: Apache-2.0 */
/* Text to numbers. The whole string must fit the grammar: 0, -EINVAL or -ERANGE, and *ret is
 * untouched on failure. No locale, no leading blanks, no sign. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "attr.h"

_must_use_ int parse_u64(const char *s, uint64_t *ret);
_must_use_ int parse_u32(const char *s, uint32_t *ret);
_must_use_ int parse_bool(const char *s, bool *ret); /* yes/no, true/false, on/off, 1/0 */
/* Bytes: K M G T are powers of 1024 (also KiB …), KB MB GB TB powers of 1000. */
_must_use_ int parse_size(const char *s, uint64_t *ret_bytes);
/* Seconds: 90, 90s, 15m, 2h, 14d. */
_must_use_ int parse_duration(const char *s, uint64_t *ret_sec);
/* HTTP date is in proto; RFC 3339 is printed by format functions of str.h. */
