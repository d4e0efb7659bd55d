/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http_range.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Takes a decimal number off the text; UINT64_MAX itself stands for "unknown" and is refused. */
static bool take_number(const char **s, uint64_t *ret)
{
        uint64_t value = 0;
        const char *p = *s;

        for (; *p >= '0' && *p <= '9'; p++)
                if (__builtin_mul_overflow(value, 10u, &value) ||
                    __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
                        return false;
        if (p == *s || value == HTTP_RANGE_UNKNOWN)
                return false;
        *s = p;
        *ret = value;
        return true;
}

static void skip_blanks(const char **s)
{
        *s += strspn(*s, " \t");
}

void http_range_format_from(uint64_t first_byte, char text[HTTP_RANGE_BYTES])
{
        (void) snprintf(text, HTTP_RANGE_BYTES, "bytes=%" PRIu64 "-", first_byte); /* fits */
}

int http_content_range_parse(const char *value, HttpContentRange *ret)
{
        HttpContentRange r = {.total_bytes = HTTP_RANGE_UNKNOWN};
        const char *s = value;

        if (!str_starts_with_nocase(s, "bytes"))
                return -EINVAL;
        s += strlen("bytes");
        if (*s != ' ' && *s != '\t')
                return -EINVAL;
        skip_blanks(&s);

        if (*s == '*') {
                s++;
        } else {
                r.satisfied = true;
                if (!take_number(&s, &r.first_byte) || *s++ != '-' ||
                    !take_number(&s, &r.last_byte) || r.last_byte < r.first_byte)
                        return -EINVAL;
        }
        if (*s++ != '/')
                return -EINVAL;
        if (*s == '*' && r.satisfied)
                s++;
        else if (!take_number(&s, &r.total_bytes))
                return -EINVAL;
        skip_blanks(&s);
        if (*s != '\0' || (r.satisfied && r.last_byte >= r.total_bytes))
                return -EINVAL;
        *ret = r;
        return 0;
}

int http_content_length_parse(const char *value, uint64_t *ret_bytes)
{
        const char *s = value;
        uint64_t first, next;

        if (!take_number(&s, &first))
                return -EINVAL;
        skip_blanks(&s);
        while (*s == ',') {
                s++;
                skip_blanks(&s);
                if (!take_number(&s, &next) || next != first)
                        return -EINVAL;
                skip_blanks(&s);
        }
        if (*s != '\0')
                return -EINVAL;
        *ret_bytes = first;
        return 0;
}
