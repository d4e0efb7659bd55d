/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_field.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/utf.h"
#include "proto/bup_host.h"

enum {
        NUMBER_DIGITS = 20,
        HEX_DIGITS = 8,
        PORT_DIGITS = 5,
        SESSION_ID_OURS_MAX = 64,
        GUID_BRACED_LEN = GUID_TEXT_LEN + 2,
};

static bool is_hex(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

int bup_number_parse(const char *value, uint64_t *ret)
{
        uint64_t n;

        if (strnlen(value, NUMBER_DIGITS + 1) > NUMBER_DIGITS || parse_u64(value, &n) < 0 ||
            n > INT64_MAX)
                return -EINVAL;
        *ret = n;
        return 0;
}

/* Digits up to `stop`, which is stepped over. */
static int take_number(const char **s, char stop, uint64_t *ret)
{
        char digits[BUP_NUMBER_BYTES];
        size_t len = strspn(*s, "0123456789");

        if (len >= sizeof(digits) || (*s)[len] != stop)
                return -EINVAL;
        memcpy(digits, *s, len);
        digits[len] = '\0';
        *s += stop ? len + 1 : len;
        return bup_number_parse(digits, ret);
}

int bup_range_parse(const char *value, BupRange *ret)
{
        const char *s = value;
        BupRange r;

        if (!str_starts_with_nocase(s, "bytes "))
                return -EINVAL;
        s += strlen("bytes ");
        if (take_number(&s, '-', &r.first_byte) < 0 || take_number(&s, '/', &r.last_byte) < 0 ||
            take_number(&s, '\0', &r.total_bytes) < 0)
                return -EINVAL;
        if (r.first_byte > r.last_byte || r.last_byte >= r.total_bytes)
                return -EINVAL;
        *ret = r;
        return 0;
}

void bup_range_format(const BupRange *range, char text[BUP_RANGE_TEXT_BYTES])
{
        (void) snprintf(text, BUP_RANGE_TEXT_BYTES, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                        range->first_byte, range->last_byte, range->total_bytes); /* fits */
}

static bool is_our_protocol(const char *text, size_t bytes)
{
        char copy[GUID_BRACED_LEN + 1];
        GUID ours, theirs;

        if (bytes != GUID_BRACED_LEN)
                return false;
        memcpy(copy, text, bytes);
        copy[bytes] = '\0';
        return guid_parse(BUP_PROTOCOL_TEXT, &ours) == 0 && guid_parse(copy, &theirs) == 0 &&
               guid_equal(&ours, &theirs);
}

bool bup_protocols_have_ours(const char *value, unsigned *left)
{
        const char *s = value;

        for (;;) {
                size_t len;

                s += strspn(s, " \t,");
                if (*s == '\0' || *left == 0)
                        return false;
                (*left)--;
                len = strcspn(s, " \t,");
                if (is_our_protocol(s, len))
                        return true;
                s += len;
        }
}

bool bup_session_id_is_valid(const char *id)
{
        size_t len = 0;

        for (; id[len] != '\0'; len++)
                if (len >= BUP_SESSION_ID_BYTES - 1 || id[len] < 0x21 || id[len] > 0x7e)
                        return false;
        return len > 0;
}

int bup_session_id_canonical(const char *id, char ret[BUP_SESSION_ID_BYTES])
{
        size_t len = strnlen(id, SESSION_ID_OURS_MAX + 1);

        if (len == 0 || len > SESSION_ID_OURS_MAX)
                return -EINVAL;
        for (size_t i = 0; i < len; i++)
                if (!is_hex(id[i]) && id[i] != '{' && id[i] != '}' && id[i] != '-')
                        return -EINVAL;
        for (size_t i = 0; i < len; i++)
                ret[i] = (char) (id[i] >= 'A' && id[i] <= 'F' ? id[i] - 'A' + 'a' : id[i]);
        ret[len] = '\0';
        return 0;
}

int bup_hresult_parse(const char *value, HRESULT *ret)
{
        const char *s = value;
        uint32_t bits = 0;
        size_t digits;

        if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
                s += 2;
        else if (s[0] == 'x' || s[0] == 'X')
                s += 1;
        digits = strnlen(s, HEX_DIGITS + 1);
        if (digits == 0 || digits > HEX_DIGITS)
                return -EINVAL;
        for (; *s != '\0'; s++) {
                if (!is_hex(*s))
                        return -EINVAL;
                bits = bits << 4 | (uint32_t) (*s <= '9' ? *s - '0' : (*s | 0x20) - 'a' + 10);
        }
        *ret = (HRESULT) bits;
        return 0;
}

void bup_hresult_format(HRESULT hr, char text[BUP_CODE_TEXT_BYTES])
{
        (void) snprintf(text, BUP_CODE_TEXT_BYTES, "0x%08" PRIx32, (uint32_t) hr); /* fits */
}

/* ":1" to ":65535", or nothing. */
static bool is_port_suffix(const char *s)
{
        uint32_t port;

        if (*s == '\0')
                return true;
        return *s == ':' && strlen(s + 1) <= PORT_DIGITS && parse_u32(s + 1, &port) == 0 &&
               port > 0 && port <= UINT16_MAX;
}

int bup_host_id_parse(const char *value, char ret[BUP_HOST_ID_BYTES])
{
        char host[BUP_HOST_ID_BYTES + 2];
        const char *colon = strchr(value, ':'), *port;
        size_t len;

        if (strnlen(value, BUP_HOST_ID_BYTES) >= BUP_HOST_ID_BYTES)
                return -EINVAL;
        if (value[0] != '[' && colon && strchr(colon + 1, ':')) { /* a bare IPv6 address */
                (void) snprintf(host, sizeof(host), "[%s]", value);
                len = strlen(host);
                port = "";
        } else {
                (void) str_copy(host, sizeof(host), value);
                port = value[0] == '[' ? strchr(value, ']') : colon;
                if (value[0] == '[' && port)
                        port++;
                len = port ? (size_t) (port - value) : strlen(value);
                port = port ? port : "";
        }
        if (bup_host_classify(host, len) == BUP_HOST_INVALID || !is_port_suffix(port) ||
            strlen(host) >= BUP_HOST_ID_BYTES)
                return -EINVAL;
        (void) str_copy(ret, BUP_HOST_ID_BYTES, host);
        return 0;
}

/* Length of the character at s, 0 when it is no valid UTF-8. */
static size_t character_bytes(const char *s)
{
        unsigned char lead = (unsigned char) *s;
        size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

        if (strnlen(s, len) < len || !utf8_is_valid(s, len))
                return 0;
        return len;
}

static bool may_stand_in_name(const char *s, size_t bytes)
{
        unsigned char c = (unsigned char) s[0];

        if (bytes == 1)
                return c >= 0x20 && c != 0x7f && !strchr("\\/:*?\"<>|", c);
        return !(bytes == 2 && c == 0xc2 && (unsigned char) s[1] < 0xa0); /* C1 controls */
}

void bup_name_sanitise(const char *name, char ret[BUP_NAME_BYTES])
{
        const char *s = name;
        size_t len = 0, units = 0;

        for (const char *p = name; *p != '\0'; p++)
                if (*p == '/' || *p == '\\')
                        s = p + 1;
        s += strspn(s, " ");
        while (*s != '\0') {
                size_t bytes = character_bytes(s);
                bool keep = bytes > 0 && may_stand_in_name(s, bytes);

                units += keep && bytes == 4 ? 2 : 1;
                if (units > BUP_NAME_MAX_CHARS)
                        break;
                if (keep)
                        memcpy(ret + len, s, bytes);
                else
                        ret[len] = '_';
                len += keep ? bytes : 1;
                s += bytes > 0 ? bytes : 1;
        }
        while (len > 0 && ret[len - 1] == ' ')
                len--;
        ret[len] = '\0';
        if (strspn(ret, ".") == len) /* "", ".", "..": names of nothing */
                ret[0] = '\0';
}
