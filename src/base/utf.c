/* SPDX-License-Identifier: Apache-2.0 */
#include "utf.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "alloc.h"

#define LAST_CODE_POINT 0x10ffff

_Static_assert(sizeof(wchar_t) == 4, "wchar_t carries whole code points");

static bool is_scalar(uint32_t c)
{
        return c <= LAST_CODE_POINT && (c < 0xd800 || c > 0xdfff);
}

static bool is_continuation(uint8_t byte)
{
        return (byte & 0xc0) == 0x80;
}

/* Bytes of the character at p (at least one byte is there), 0 when it is malformed. */
static size_t decode(const uint8_t *p, size_t left, uint32_t *ret)
{
        uint32_t c, least;
        size_t len;

        if (p[0] < 0x80) {
                *ret = p[0];
                return 1;
        }
        if (p[0] >= 0xc2 && p[0] <= 0xdf) {
                len = 2;
                least = 0x80;
                c = p[0] & 0x1f;
        } else if ((p[0] & 0xf0) == 0xe0) {
                len = 3;
                least = 0x800;
                c = p[0] & 0x0f;
        } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
                len = 4;
                least = 0x10000;
                c = p[0] & 0x07;
        } else
                return 0;

        if (left < len)
                return 0;
        for (size_t i = 1; i < len; i++) {
                if (!is_continuation(p[i]))
                        return 0;
                c = c << 6 | (p[i] & 0x3f);
        }
        if (c < least || !is_scalar(c)) /* overlong, surrogate or too large */
                return 0;
        *ret = c;
        return len;
}

bool utf8_is_valid(const char *s, size_t bytes)
{
        const uint8_t *p = (const uint8_t *) s;
        uint64_t word;
        uint32_t c;
        size_t n;

        while (bytes > 0) {
                /* Nearly all text is ASCII; eight bytes at a time. */
                while (bytes >= sizeof(word)) {
                        memcpy(&word, p, sizeof(word));
                        if (word & 0x8080808080808080)
                                break;
                        p += sizeof(word);
                        bytes -= sizeof(word);
                }
                if (bytes == 0)
                        break;
                n = decode(p, bytes, &c);
                if (n == 0)
                        return false;
                p += n;
                bytes -= n;
        }
        return true;
}

size_t utf8_utf16_units(const char *s)
{
        size_t units = 0;

        /* One unit a character, and a second one for those of four bytes. */
        for (const uint8_t *p = (const uint8_t *) s; *p; p++)
                units += (size_t) !is_continuation(*p) + (*p >= 0xf0);
        return units;
}

size_t wide_utf16_units(const wchar_t *s)
{
        size_t units = 0;

        for (; *s; s++)
                units += (uint32_t) *s > 0xffff ? 2 : 1;
        return units;
}

int utf8_to_wide(const char *s, wchar_t **ret)
{
        const uint8_t *p = (const uint8_t *) s;
        size_t left = strlen(s), chars = 0;
        wchar_t *wide;
        uint32_t c = 0;

        if (!utf8_is_valid(s, left))
                return -EILSEQ;
        for (size_t i = 0; i < left; i++)
                chars += !is_continuation(p[i]);
        wide = mem_array(chars + 1, sizeof(*wide));
        if (!wide)
                return -ENOMEM;
        for (size_t i = 0; i < chars; i++) {
                size_t n = decode(p, left, &c);

                wide[i] = (wchar_t) c;
                p += n;
                left -= n;
        }
        *ret = wide;
        return 0;
}

static size_t encoded_bytes(uint32_t c)
{
        return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static char *encode(char *out, uint32_t c)
{
        if (c < 0x80) {
                *out++ = (char) c;
                return out;
        }
        if (c < 0x800)
                *out++ = (char) (0xc0 | c >> 6);
        else {
                if (c < 0x10000)
                        *out++ = (char) (0xe0 | c >> 12);
                else {
                        *out++ = (char) (0xf0 | c >> 18);
                        *out++ = (char) (0x80 | (c >> 12 & 0x3f));
                }
                *out++ = (char) (0x80 | (c >> 6 & 0x3f));
        }
        *out++ = (char) (0x80 | (c & 0x3f));
        return out;
}

int wide_to_utf8(const wchar_t *s, char **ret)
{
        size_t bytes = 0;
        char *text, *out;

        for (const wchar_t *p = s; *p; p++) {
                if (!is_scalar((uint32_t) *p))
                        return -EILSEQ;
                bytes += encoded_bytes((uint32_t) *p);
        }
        text = mem_alloc(bytes + 1);
        if (!text)
                return -ENOMEM;
        out = text;
        for (const wchar_t *p = s; *p; p++)
                out = encode(out, (uint32_t) *p);
        *out = '\0';
        *ret = text;
        return 0;
}
