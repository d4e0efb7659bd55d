/* SPDX-License-Identifier: Apache-2.0 */
/* Byte ranges of HTTP (RFC 9110 §14): what we ask for and what the server says it sends. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

#define HTTP_RANGE_UNKNOWN UINT64_MAX /* total that the server does not know: "*" */

enum { HTTP_RANGE_BYTES = 64 };

typedef struct HttpContentRange {
        bool satisfied; /* false: "bytes *" and the size, the answer to a range outside the file */
        uint64_t first_byte;
        uint64_t last_byte; /* inclusive */
        uint64_t total_bytes;
} HttpContentRange;

/* Value of a Range field that asks for everything from `first_byte` on: "bytes=5-". */
void http_range_format_from(uint64_t first_byte, char text[HTTP_RANGE_BYTES]);
/* Value of Content-Range. Other units, numbers that do not fit, an end before the start or not
 * before the total: -EINVAL with *ret untouched. */
_must_use_ int http_content_range_parse(const char *value, HttpContentRange *ret);
/* Value of Content-Length: digits only, or a list of equal numbers ("5, 5"), which some proxies
 * make out of a repeated field. -EINVAL otherwise. */
_must_use_ int http_content_length_parse(const char *value, uint64_t *ret_bytes);
