/* SPDX-License-Identifier: Apache-2.0 */
#include "str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "alloc.h"
#include "clock.h"
#include "utf.h"

bool str_equal(const char *a, const char *b)
{
        if (!a || !b)
                return a == b;
        return strcmp(a, b) == 0;
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

bool str_starts_with(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_starts_with_nocase(const char *s, const char *prefix)
{
        for (; *prefix; s++, prefix++)
                if (lower(*s) != lower(*prefix))
                        return false;
        return true;
}

bool str_equal_nocase(const char *a, const char *b)
{
        return strlen(a) == strlen(b) && str_starts_with_nocase(a, b);
}

bool str_ends_with(const char *s, const char *suffix)
{
        size_t len = strlen(s), suffix_len = strlen(suffix);

        return len >= suffix_len && memcmp(s + len - suffix_len, suffix, suffix_len) == 0;
}

static bool is_continuation(char c)
{
        return ((uint8_t) c & 0xc0) == 0x80;
}

char *str_copy(char *dst, size_t dst_bytes, const char *src)
{
        size_t len;

        if (dst_bytes == 0)
                return dst;
        len = strnlen(src, dst_bytes);
        if (len == dst_bytes) { /* cut, before the character that does not fit whole */
                len--;
                for (size_t back = 0; back < 4 && back <= len; back++) {
                        if (!is_continuation(src[len - back])) {
                                len -= back;
                                break;
                        }
                }
        }
        memmove(dst, src, len);
        dst[len] = '\0';
        return dst;
}

int str_replace(char **p, const char *s)
{
        char *copy = mem_strdup(s);

        if (s && !copy)
                return -ENOMEM;
        mem_free(*p);
        *p = copy;
        return 0;
}

char *str_format_size(char *dst, size_t dst_bytes, uint64_t bytes)
{
        static const char units[] = "KMGTPE";
        unsigned shift = 10;
        uint64_t tenths;

        if (bytes == UINT64_MAX)
                return str_copy(dst, dst_bytes, "unknown");
        if (bytes < 1024) {
                (void) snprintf(dst, dst_bytes, "%" PRIu64 " B", bytes);
                return dst;
        }
        for (size_t unit = 0;; unit++, shift += 10) {
                uint64_t one = (uint64_t) 1 << shift;

                tenths = (bytes >> shift) * 10 + (((bytes & (one - 1)) * 10 + one / 2) >> shift);
                /* rounding may reach the next unit: not "1024.0 KiB" */
                if (tenths >= 10240 && unit + 2 < sizeof(units))
                        continue;
                (void) snprintf(dst, dst_bytes, "%" PRIu64 ".%" PRIu64 " %ciB", tenths / 10,
                                tenths % 10, units[unit]);
                return dst;
        }
}

char *str_format_duration(char *dst, size_t dst_bytes, uint64_t sec)
{
        uint64_t min = sec / 60, hours = min / 60, days = hours / 24;

        if (sec == UINT64_MAX)
                return str_copy(dst, dst_bytes, "unknown");
        if (days > 0)
                (void) snprintf(dst, dst_bytes, "%" PRIu64 " day%s", days, days == 1 ? "" : "s");
        else if (hours > 0)
                (void) snprintf(dst, dst_bytes, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, hours,
                                min % 60, sec % 60);
        else
                (void) snprintf(dst, dst_bytes, "%" PRIu64 ":%02" PRIu64, min, sec % 60);
        return dst;
}

char *str_format_rfc3339(char *dst, size_t dst_bytes, uint64_t wall_usec)
{
        time_t sec = (time_t) (wall_usec / USEC_PER_SEC);
        struct tm tm = {0};

        (void) gmtime_r(&sec, &tm); /* the year of any 64-bit usec fits */
        (void) snprintf(dst, dst_bytes, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                        tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        return dst;
}

/* Changes the order or the lines of text around it, so that a log shows what was not written. */
static bool is_deceptive(const uint8_t *p, size_t len)
{
        uint32_t c;

        if (len == 1)
                return p[0] < 0x20 || p[0] == 0x7f;
        if (len == 2) {
                c = (uint32_t) (p[0] & 0x1f) << 6 | (p[1] & 0x3f);
                return c < 0xa0 || c == 0x61c;
        }
        if (len == 3) {
                c = (uint32_t) (p[0] & 0x0f) << 12 | (uint32_t) (p[1] & 0x3f) << 6 | (p[2] & 0x3f);
                return c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
                       (c >= 0x2066 && c <= 0x2069);
        }
        return false;
}

/* Bytes of the well-formed character at p, 0 when there is none. Stops at the terminator. */
static size_t char_len(const uint8_t *p)
{
        size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

        for (size_t i = 1; i < len; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        return utf8_is_valid((const char *) p, len) ? len : 0;
}

char *str_escape(char *dst, size_t dst_bytes, const char *s)
{
        static const char digits[] = "0123456789abcdef";
        const uint8_t *p = (const uint8_t *) s;
        size_t pos = 0;

        if (dst_bytes == 0)
                return dst;
        while (p && *p) {
                size_t len = char_len(p);
                bool plain = len > 0 && !is_deceptive(p, len);
                size_t room = dst_bytes - 1 - pos;

                len = MAX(len, (size_t) 1);
                if (room < (plain ? len : len * 4))
                        break;
                if (plain) {
                        memcpy(dst + pos, p, len);
                        pos += len;
                } else
                        for (size_t i = 0; i < len; i++) {
                                dst[pos++] = '\\';
                                dst[pos++] = 'x';
                                dst[pos++] = digits[p[i] >> 4];
                                dst[pos++] = digits[p[i] & 0x0f];
                        }
                p += len;
        }
        dst[pos] = '\0';
        return dst;
}
