/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/file_name.h"

#include <string.h>

#include "base/attr.h"
#include "base/str.h"
#include "base/utf.h"
#include "engine/types.h"

typedef struct Span { /* borrowed bytes */
        const char *at;
        size_t len;
} Span;

static bool is_control(unsigned char c)
{
        return c < 0x20 || c == 0x7F;
}

static bool has_control(const char *s)
{
        for (; *s; s++)
                if (is_control((unsigned char) *s))
                        return true;
        return false;
}

static bool has_any(const char *s, const char *chars)
{
        return s[strcspn(s, chars)] != '\0';
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static Span span_until(const char *s, const char *stops)
{
        return (Span){s, strcspn(s, stops)};
}

/* UTF-16 units of a part of a valid UTF-8 text. */
static size_t span_units(Span s)
{
        size_t units = 0;

        for (size_t i = 0; i < s.len; i++) {
                unsigned char c = (unsigned char) s.at[i];

                if ((c & 0xC0) != 0x80)
                        units += c >= 0xF0 ? 2 : 1;
        }
        return units;
}

/* After "http://" or "https://"; NULL for another scheme. */
static const char *after_http(const char *url)
{
        if (str_starts_with_nocase(url, "http://"))
                return url + strlen("http://");
        if (str_starts_with_nocase(url, "https://"))
                return url + strlen("https://");
        return NULL;
}

/* After "file://"; NULL for another scheme. */
static const char *after_file(const char *url)
{
        return str_starts_with_nocase(url, "file://") ? url + strlen("file://") : NULL;
}

static bool port_is_valid(const char *s, size_t len)
{
        uint32_t port = 0;

        if (len == 0) /* "host:" means the default port */
                return true;
        if (len > 5)
                return false;
        for (size_t i = 0; i < len; i++) {
                if (!is_digit(s[i]))
                        return false;
                port = port * 10 + (uint32_t) (s[i] - '0');
        }
        return port >= 1 && port <= 65535;
}

static bool ipv6_is_plausible(Span in_brackets)
{
        size_t colons = 0;

        for (size_t i = 0; i < in_brackets.len; i++) {
                char c = in_brackets.at[i];

                if (c == ':')
                        colons++;
                else if (!is_alnum(c) && c != '.' && c != '%' && c != '-' && c != '_')
                        return false;
        }
        return colons >= 2;
}

/* Splits host and port. False when the authority is malformed or carries user information: a
 * password in a URL would end up in the queue file and in logs; credentials have their own call. */
static bool authority_split(Span authority, Span *ret_host)
{
        const char *end = authority.at + authority.len;
        const char *colon;

        if (authority.len == 0 || memchr(authority.at, '@', authority.len))
                return false;
        if (authority.at[0] == '[') {
                const char *close = memchr(authority.at, ']', authority.len);
                Span inside;

                if (!close)
                        return false;
                inside = (Span){authority.at + 1, (size_t) (close - authority.at) - 1};
                if (!ipv6_is_plausible(inside))
                        return false;
                *ret_host = inside;
                close++;
                return close == end ||
                       (*close == ':' && port_is_valid(close + 1, (size_t) (end - close) - 1));
        }
        colon = memchr(authority.at, ':', authority.len);
        *ret_host = (Span){authority.at, colon ? (size_t) (colon - authority.at) : authority.len};
        if (ret_host->len == 0 || memchr(ret_host->at, '%', ret_host->len))
                return false;
        return !colon || port_is_valid(colon + 1, (size_t) (end - colon) - 1);
}

static HRESULT check_segments(const char *path)
{
        while (*path && *path != '?' && *path != '#') {
                Span segment = span_until(path, "/?#");

                if (span_units(segment) > LIMIT_URL_SEGMENT_UNITS)
                        return E_INVALIDARG;
                path += segment.len;
                if (*path == '/')
                        path++;
        }
        return S_OK;
}

static HRESULT check_http(const char *after_scheme)
{
        Span authority = span_until(after_scheme, "/?#");
        Span host;

        /* No escaping is done for the caller, so these cannot be meant as they stand. */
        if (has_any(after_scheme, " \"<>\\^`{|}"))
                return E_INVALIDARG;
        if (!authority_split(authority, &host))
                return E_INVALIDARG;
        return check_segments(authority.at + authority.len);
}

static bool leaf_is_file(const char *path)
{
        const char *leaf = strrchr(path, '/') + 1;
        size_t len = strlen(leaf);

        return len > 0 && len <= LIMIT_LOCAL_LEAF_BYTES && !str_equal(leaf, ".") &&
               !str_equal(leaf, "..");
}

/* file://host/path is a share of another machine: not offered. */
static HRESULT check_file_url(const char *after_scheme)
{
        const char *path = after_scheme;

        if (str_starts_with_nocase(path, "localhost/"))
                path += strlen("localhost");
        if (path[0] != '/' || !leaf_is_file(path) || has_any(path, "?#") || strstr(path, "%00"))
                return E_INVALIDARG;
        return check_segments(path);
}

HRESULT remote_name_check(const char *remote)
{
        const char *rest;

        if (!remote || !utf8_is_valid(remote, strlen(remote)) || has_control(remote) ||
            utf8_utf16_units(remote) > LIMIT_URL_UNITS)
                return E_INVALIDARG;
        if (remote[0] == '/')
                return local_name_check(remote);
        rest = after_http(remote);
        if (rest)
                return check_http(rest);
        rest = after_file(remote);
        return rest ? check_file_url(rest) : E_INVALIDARG;
}

HRESULT local_name_check(const char *local)
{
        if (!local || local[0] != '/' || strlen(local) > LIMIT_LOCAL_BYTES)
                return E_INVALIDARG;
        if (!utf8_is_valid(local, strlen(local)) || has_control(local) || has_any(local, "*?"))
                return E_INVALIDARG;
        return leaf_is_file(local) ? S_OK : E_INVALIDARG;
}

static bool span_equal_nocase(Span s, const char *text)
{
        return s.len == strlen(text) && str_starts_with_nocase(s.at, text);
}

/* 127.0.0.0/8 as four numbers; "127.example.org" is no address. */
static bool is_loopback_ipv4(Span host)
{
        size_t dots = 0;

        if (host.len < 7 || memcmp(host.at, "127.", 4) != 0)
                return false;
        for (size_t i = 0; i < host.len; i++) {
                if (host.at[i] == '.')
                        dots++;
                else if (!is_digit(host.at[i]))
                        return false;
        }
        return dots == 3;
}

static bool http_host(const char *remote, Span *ret_host)
{
        const char *rest = after_http(remote);

        return rest && authority_split(span_until(rest, "/?#"), ret_host);
}

bool remote_name_is_http(const char *remote)
{
        return after_http(remote) != NULL;
}

bool remote_name_needs_network(const char *remote)
{
        Span host;

        if (!http_host(remote, &host))
                return false;
        return !span_equal_nocase(host, "localhost") && !span_equal_nocase(host, "::1") &&
               !is_loopback_ipv4(host);
}

void remote_name_host(const char *remote, char *host, size_t host_bytes)
{
        Span span = {"", 0};
        size_t len;

        if (!http_host(remote, &span))
                span.len = 0;
        len = MIN(span.len, host_bytes - 1);
        memcpy(host, span.at, len);
        host[len] = '\0';
}

size_t local_name_dir_len(const char *local)
{
        return (size_t) (strrchr(local, '/') - local) + 1;
}

/* The next component that means something, or an empty span at the end. */
static Span next_component(const char **p)
{
        for (;;) {
                Span part;

                *p += strspn(*p, "/");
                part = span_until(*p, "/");
                *p += part.len;
                if (part.len != 1 || part.at[0] != '.')
                        return part;
        }
}

bool local_name_equal(const char *a, const char *b)
{
        for (;;) {
                Span x = next_component(&a);
                Span y = next_component(&b);

                if (x.len != y.len || memcmp(x.at, y.at, x.len) != 0)
                        return false;
                if (x.len == 0)
                        return true;
        }
}

uint64_t local_name_hash(const char *local, uint64_t seed)
{
        uint64_t h = seed ^ 0xcbf29ce484222325u;

        for (;;) {
                Span part = next_component(&local);

                if (part.len == 0)
                        break;
                for (size_t i = 0; i < part.len; i++)
                        h = (h ^ (unsigned char) part.at[i]) * 0x100000001b3u;
                h = (h ^ '/') * 0x100000001b3u;
        }
        h ^= h >> 32;
        h *= 0x9E3779B97F4A7C15u;
        return h ^ h >> 29;
}
