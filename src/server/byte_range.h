/* SPDX-License-Identifier: Apache-2.0 */
/* The Range field of a request (RFC 9110 §14.2), for one range of bytes. Pure. */
#pragma once

#include <stdint.h>

typedef enum ByteRange {
        BYTE_RANGE_WHOLE, /* nothing, several ranges, or nothing that we understand: all of it */
        BYTE_RANGE_PART,
        BYTE_RANGE_OUTSIDE, /* 416 */
} ByteRange;

/* `value` NULL: no such field. For PART the first byte and the length. */
ByteRange byte_range_parse(const char *value, uint64_t total_bytes, uint64_t *ret_first,
                           uint64_t *ret_length);
