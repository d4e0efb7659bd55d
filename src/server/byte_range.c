/* SPDX-License-Identifier: Apache-2.0 */
#include "server/byte_range.h"

#include <string.h>

#include "base/attr.h"
#include "base/parse.h"
#include "base/str.h"

#define NUMBER_MAX_CHARS 20

/* [begin, end) as a number; an empty text is none. */
static int parse_part(const char *begin, const char *end, uint64_t *ret)
{
        char text[NUMBER_MAX_CHARS + 1];
        size_t chars = (size_t) (end - begin);

        if (chars == 0 || chars > NUMBER_MAX_CHARS)
                return -1;
        memcpy(text, begin, chars);
        text[chars] = '\0';
        return parse_u64(text, ret);
}

static ByteRange last_bytes(const char *number, uint64_t total_bytes, uint64_t *ret_first,
                            uint64_t *ret_length)
{
        uint64_t suffix_bytes;

        if (parse_part(number, number + strlen(number), &suffix_bytes) < 0)
                return BYTE_RANGE_WHOLE;
        if (suffix_bytes == 0 || total_bytes == 0)
                return BYTE_RANGE_OUTSIDE;
        *ret_length = MIN(suffix_bytes, total_bytes);
        *ret_first = total_bytes - *ret_length;
        return BYTE_RANGE_PART;
}

ByteRange byte_range_parse(const char *value, uint64_t total_bytes, uint64_t *ret_first,
                           uint64_t *ret_length)
{
        uint64_t first, last = UINT64_MAX;
        const char *dash;

        if (!value || !str_starts_with_nocase(value, "bytes="))
                return BYTE_RANGE_WHOLE;
        value += strlen("bytes=");
        dash = strchr(value, '-');
        if (!dash || strchr(value, ','))
                return BYTE_RANGE_WHOLE;
        if (dash == value)
                return last_bytes(dash + 1, total_bytes, ret_first, ret_length);
        if (parse_part(value, dash, &first) < 0)
                return BYTE_RANGE_WHOLE;
        if (dash[1] && (parse_part(dash + 1, dash + strlen(dash), &last) < 0 || last < first))
                return BYTE_RANGE_WHOLE;
        if (first >= total_bytes)
                return BYTE_RANGE_OUTSIDE;
        *ret_first = first;
        *ret_length = MIN(last, total_bytes - 1) - first + 1;
        return BYTE_RANGE_PART;
}
