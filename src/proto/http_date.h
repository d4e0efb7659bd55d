/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of HTTP (RFC 9110 §5.6.7): the one form that is sent and the three that are understood.
 * Times are seconds since 1970 UTC. No locale, no time zone, no clock. */
#pragma once

#include <stdint.h>

#include "base/attr.h"

enum { HTTP_DATE_BYTES = 30 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" and the terminator */

/* Whole value or -EINVAL with *ret_sec untouched; years 1601 to 9999. `now_sec` settles the
 * century of the old two-digit form: a date over 50 years ahead is one of the last century. */
_must_use_ int http_date_parse(const char *value, int64_t now_sec, int64_t *ret_sec);
/* 0, or -ERANGE for a year that has not four digits (text untouched). */
_must_use_ int http_date_format(int64_t sec, char text[HTTP_DATE_BYTES]);
/* Retry-After: a number of seconds or a date, which counts from `now_sec`; a date that is over
 * gives 0. Longer than UINT32_MAX is cut. 0 or -EINVAL. */
_must_use_ int http_retry_after_parse(const char *value, int64_t now_sec, uint32_t *ret_sec);
