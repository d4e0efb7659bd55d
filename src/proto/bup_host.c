/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_host.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

enum {
        NAME_MAX_BYTES = 255,
        V6_GROUPS = 8,
};

static const char *const LOOPBACK_NAMES[] = {"localhost", "ip6-localhost", "ip6-loopback",
                                             "localhost6", "localhost.localdomain"};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Value of a hex digit, or 16. */
static unsigned hex_value(char c)
{
        if (is_digit(c))
                return (unsigned) (c - '0');
        if (c >= 'a' && c <= 'f')
                return (unsigned) (c - 'a') + 10;
        if (c >= 'A' && c <= 'F')
                return (unsigned) (c - 'A') + 10;
        return 16;
}

static BupHostClass classify_v4(uint32_t address)
{
        if (address >> 24 == 127 || address >> 24 == 0)
                return BUP_HOST_LOOPBACK;
        if (address >> 16 == 0xa9fe)
                return BUP_HOST_LINK_LOCAL;
        return BUP_HOST_ORDINARY;
}

/* One part of an address as inet_aton() reads it: decimal, 0x hex or 0 octal. */
static bool parse_v4_part(const char *s, size_t bytes, uint64_t *ret)
{
        unsigned base = 10;
        uint64_t value = 0;

        if (bytes > 1 && s[0] == '0') {
                base = s[1] == 'x' || s[1] == 'X' ? 16 : 8;
                s += base == 16 ? 2 : 1;
                bytes -= base == 16 ? 2 : 1;
        }
        for (; bytes > 0; s++, bytes--) {
                unsigned digit = hex_value(*s);

                if (digit >= base)
                        return false;
                value = value * base + digit;
                if (value > UINT32_MAX)
                        return false;
        }
        *ret = value;
        return true;
}

/* One to four parts; the last one fills what the others leave. */
static bool parse_v4(const char *s, size_t bytes, uint32_t *ret)
{
        uint64_t address = 0, part;
        unsigned parts = 0;

        for (;;) {
                const char *dot = memchr(s, '.', bytes);
                size_t len = dot ? (size_t) (dot - s) : bytes;

                if (len == 0 || ++parts > 4 || !parse_v4_part(s, len, &part))
                        return false;
                if (!dot)
                        break;
                if (part > 255)
                        return false;
                address = address << 8 | part;
                s += len + 1;
                bytes -= len + 1;
        }
        if (part >> (8 * (5 - parts)) != 0)
                return false;
        *ret = (uint32_t) (address << (8 * (5 - parts)) | part);
        return true;
}

static bool parse_v6_group(const char **s, const char *end, uint16_t *ret)
{
        unsigned value = 0, digits = 0;

        for (; *s < end && hex_value(**s) < 16; (*s)++) {
                if (++digits > 4)
                        return false;
                value = value << 4 | hex_value(**s);
        }
        *ret = (uint16_t) value;
        return digits > 0;
}

/* The dotted tail of an IPv6 address fills two groups. */
static bool parse_v6_tail(const char *s, const char *end, uint16_t ret[2])
{
        uint32_t v4;
        unsigned dots = 0;

        for (const char *p = s; p < end; p++)
                dots += *p == '.';
        if (dots != 3 || !parse_v4(s, (size_t) (end - s), &v4))
                return false;
        ret[0] = (uint16_t) (v4 >> 16);
        ret[1] = (uint16_t) v4;
        return true;
}

/* Groups before and behind "::" are collected, then the zeros between them are put in. */
static bool parse_v6(const char *s, size_t bytes, uint16_t groups[V6_GROUPS])
{
        const char *end = s + bytes;
        size_t n = 0, gap = SIZE_MAX;

        if (bytes >= 2 && s[0] == ':' && s[1] == ':') {
                gap = 0;
                s += 2;
        }
        while (s < end) {
                const char *stop = s + strspn(s, "0123456789abcdefABCDEF");

                if (n >= V6_GROUPS)
                        return false;
                if (stop < end && *stop == '.') {
                        if (n > V6_GROUPS - 2 || !parse_v6_tail(s, end, groups + n))
                                return false;
                        n += 2;
                        break;
                }
                if (!parse_v6_group(&s, end, &groups[n++]))
                        return false;
                if (s == end)
                        break;
                if (*s++ != ':' || s == end)
                        return false;
                if (*s == ':') {
                        if (gap != SIZE_MAX)
                                return false;
                        gap = n;
                        s++;
                }
        }
        if (gap == SIZE_MAX)
                return n == V6_GROUPS;
        if (n >= V6_GROUPS)
                return false;
        memmove(groups + gap + (V6_GROUPS - n), groups + gap, (n - gap) * sizeof(groups[0]));
        memset(groups + gap, 0, (V6_GROUPS - n) * sizeof(groups[0]));
        return true;
}

/* IPv4 addresses inside of IPv6 ones (compatible, mapped, NAT64) reach the same machine. */
static BupHostClass classify_v6(const char *s, size_t bytes)
{
        static const uint16_t NAT64[6] = {0x64, 0xff9b};
        static const uint16_t ZERO[6] = {0};
        uint16_t g[V6_GROUPS] = {0};
        uint32_t v4;

        if (!parse_v6(s, bytes, g))
                return BUP_HOST_INVALID;
        v4 = (uint32_t) g[6] << 16 | g[7];
        if ((g[0] & 0xffc0) == 0xfe80)
                return BUP_HOST_LINK_LOCAL;
        if (memcmp(g, ZERO, 5 * sizeof(g[0])) == 0 && (g[5] == 0 || g[5] == 0xffff))
                return classify_v4(v4); /* "::" and "::1" are of 0/8 */
        if (memcmp(g, NAT64, sizeof(NAT64)) == 0)
                return classify_v4(v4);
        return BUP_HOST_ORDINARY;
}

static bool is_name(const char *host, size_t bytes)
{
        for (size_t i = 0; i < bytes; i++) {
                char c = host[i];

                if (!is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
                    c != '-' && c != '_' && c != '.')
                        return false;
                if (c == '.' && (i == 0 || host[i - 1] == '.'))
                        return false;
        }
        return true;
}

static bool is_loopback_name(const char *host, size_t bytes)
{
        static const char SUFFIX[] = ".localhost";
        char name[NAME_MAX_BYTES + 1];

        memcpy(name, host, bytes);
        name[bytes] = '\0';
        for (size_t i = 0; i < ARRAY_LEN(LOOPBACK_NAMES); i++)
                if (str_equal_nocase(name, LOOPBACK_NAMES[i]))
                        return true;
        return bytes >= sizeof(SUFFIX) &&
               str_equal_nocase(name + bytes - (sizeof(SUFFIX) - 1), SUFFIX);
}

/* Whatever ends in a number is an address, never a name. */
static bool ends_in_number(const char *host, size_t bytes)
{
        const char *label = memrchr(host, '.', bytes);
        size_t len;

        label = label ? label + 1 : host;
        len = (size_t) (host + bytes - label);
        if (len > 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X')) {
                for (size_t i = 2; i < len; i++)
                        if (hex_value(label[i]) > 15)
                                return false;
                return true;
        }
        for (size_t i = 0; i < len; i++)
                if (!is_digit(label[i]))
                        return false;
        return true;
}

BupHostClass bup_host_classify(const char *host, size_t bytes)
{
        uint32_t v4;

        if (bytes >= 2 && host[0] == '[' && host[bytes - 1] == ']')
                return classify_v6(host + 1, bytes - 2);
        if (bytes == 0 || bytes > NAME_MAX_BYTES || !is_name(host, bytes))
                return BUP_HOST_INVALID;
        if (host[bytes - 1] == '.')
                bytes--;
        if (ends_in_number(host, bytes))
                return parse_v4(host, bytes, &v4) ? classify_v4(v4) : BUP_HOST_INVALID;
        return is_loopback_name(host, bytes) ? BUP_HOST_LOOPBACK : BUP_HOST_ORDINARY;
}
