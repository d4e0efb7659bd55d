/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_url.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "proto/bup_host.h"

enum {
        PORT_BYTES = 6,
        PORT_HTTP = 80,
        PORT_HTTPS = 443,
};

/* A piece of somebody else's text. */
typedef struct Span {
        const char *at;
        size_t bytes;
} Span;

typedef struct Url {
        bool https;
        Span host; /* IPv6 with brackets */
        uint32_t port;
        bool has_port; /* it stands in the text */
        Span path;     /* empty, or starts with "/" */
        Span query;    /* empty, or starts with "?" */
        BupHostClass host_class;
} Url;

static bool is_alpha(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Bytes of "scheme:" at the start, 0 when there is none. */
static size_t scheme_bytes(const char *s)
{
        size_t i = 0;

        if (!is_alpha(s[0]))
                return 0;
        while (is_alpha(s[i]) || (s[i] >= '0' && s[i] <= '9') || s[i] == '+' || s[i] == '-' ||
               s[i] == '.')
                i++;
        return s[i] == ':' ? i + 1 : 0;
}

static bool parse_port(Span text, uint32_t *ret)
{
        char digits[PORT_BYTES];

        if (text.bytes >= sizeof(digits))
                return false;
        memcpy(digits, text.at, text.bytes);
        digits[text.bytes] = '\0';
        return parse_u32(digits, ret) == 0 && *ret > 0 && *ret <= UINT16_MAX;
}

/* host [":" port] behind the user info. */
static bool parse_authority(Span authority, Url *u)
{
        const char *end = authority.at + authority.bytes, *host_end = end;

        if (authority.bytes > 0 && authority.at[0] == '[') {
                host_end = memchr(authority.at, ']', authority.bytes);
                if (!host_end)
                        return false;
                host_end++;
        } else if (authority.bytes > 0) {
                const char *colon = memchr(authority.at, ':', authority.bytes);

                host_end = colon ? colon : end;
        }
        u->host = (Span){authority.at, (size_t) (host_end - authority.at)};
        u->host_class = bup_host_classify(u->host.at, u->host.bytes);
        u->port = u->https ? PORT_HTTPS : PORT_HTTP;
        u->has_port = false;
        if (host_end < end && *host_end != ':')
                return false;
        if (host_end + 1 < end) { /* "host:" is allowed and says nothing */
                u->has_port = true;
                if (!parse_port((Span){host_end + 1, (size_t) (end - host_end - 1)}, &u->port))
                        return false;
        }
        return u->host_class != BUP_HOST_INVALID;
}

/* Splits an absolute URL. `lenient`: the user's own, which may carry user info (left out). */
static BupUrlVerdict parse_url(const char *text, bool lenient, Url *ret)
{
        Url u = {0};
        size_t scheme = scheme_bytes(text), path;
        Span authority;
        const char *at;

        u.https = str_starts_with_nocase(text, "https:");
        if (scheme == 0)
                return BUP_URL_MALFORMED;
        if (!u.https && !str_starts_with_nocase(text, "http:"))
                return BUP_URL_SCHEME;
        text += scheme;
        if (text[0] != '/' || text[1] != '/')
                return BUP_URL_MALFORMED;
        text += 2;
        authority = (Span){text, strcspn(text, "/?#")};
        at = memrchr(text, '@', authority.bytes);
        if (at && !lenient)
                return BUP_URL_MALFORMED;
        path = authority.bytes;
        if (at)
                authority = (Span){at + 1, (size_t) (text + path - at - 1)};
        if (!parse_authority(authority, &u))
                return BUP_URL_MALFORMED;
        text += path;
        u.path = (Span){text, strcspn(text, "?#")};
        text += u.path.bytes;
        u.query = (Span){text, strcspn(text, "#")};
        *ret = u;
        return BUP_URL_OK;
}

static void append_encoded(Buf *out, unsigned char c)
{
        static const char HEX[] = "0123456789ABCDEF";
        char text[3] = {'%', HEX[c >> 4], HEX[c & 15]};

        (void) buf_append(out, text, sizeof(text)); /* the error is sticky */
}

/* May stand in a path or a query as it is (RFC 3986: pchar, "/" and "?"). */
static bool is_plain(char c)
{
        return is_alpha(c) || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr("-._~!$&'()*+,;=:@/?", c));
}

/* Makes a path or a query well-formed. */
static void append_clean(Buf *out, Span text)
{
        for (size_t i = 0; i < text.bytes; i++) {
                char c = text.at[i];
                bool escape = c == '%' && i + 2 < text.bytes && is_hex(text.at[i + 1]) &&
                              is_hex(text.at[i + 2]);

                if (escape || is_plain(c))
                        (void) buf_append(out, &c, 1);
                else
                        append_encoded(out, (unsigned char) c);
        }
}

/* "." or "..", also with its dots encoded; 0 for any other segment. */
static unsigned dots_in(Span segment)
{
        unsigned dots = 0;
        const char *s = segment.at, *end = s + segment.bytes;

        while (s < end && dots < 3) {
                if (*s == '.')
                        s++;
                else if (end - s >= 3 && s[0] == '%' && s[1] == '2' && (s[2] | 0x20) == 'e')
                        s += 3;
                else
                        return 0;
                dots++;
        }
        return dots <= 2 ? dots : 0;
}

/* Takes the last segment off a path that was begun at `start`. */
static void drop_segment(Buf *out, size_t start)
{
        while (out->len > start && out->data[--out->len] != '/')
                ;
}

/* Appends a clean absolute path without its dot segments. */
static void append_path(Buf *out, Span path)
{
        const char *s = path.at, *end = s + path.bytes;
        size_t start = out->len;

        while (s < end) { /* at a slash */
                const char *next = memchr(s + 1, '/', (size_t) (end - s - 1));
                Span segment = {s + 1, (size_t) ((next ? next : end) - s - 1)};
                unsigned dots = dots_in(segment);

                if (dots == 2)
                        drop_segment(out, start);
                if (dots == 0)
                        (void) buf_append(out, s, segment.bytes + 1);
                else if (!next)
                        (void) buf_append(out, "/", 1);
                s = next ? next : end;
        }
        if (out->len == start)
                (void) buf_append(out, "/", 1);
}

static void append_origin(Buf *out, const Url *u, Span host)
{
        (void) buf_append_str(out, u->https ? "https://" : "http://");
        (void) buf_append(out, host.at, host.bytes);
        if (u->has_port)
                (void) buf_printf(out, ":%u", (unsigned) u->port);
}

static BupUrlVerdict finished(const Buf *out)
{
        if (buf_error(out) == -ENOMEM)
                return BUP_URL_NO_MEMORY;
        return buf_error(out) ? BUP_URL_MALFORMED : BUP_URL_OK;
}

static bool is_local(BupHostClass c)
{
        return c == BUP_HOST_LOOPBACK || c == BUP_HOST_LINK_LOCAL;
}

/* May a server that was reached as `from` send us to `to`? */
static BupUrlVerdict check_way(const Url *from, const Url *to)
{
        if (from->https && !to->https)
                return BUP_URL_DOWNGRADE;
        if (is_local(to->host_class) && to->host_class != from->host_class)
                return BUP_URL_LOCAL;
        return BUP_URL_OK;
}

BupUrlVerdict bup_url_with_host(const char *destination, const char *host_id, Buf *out)
{
        Url from = {0}, to = {0};
        BupUrlVerdict verdict = parse_url(destination, true, &from);

        if (verdict != BUP_URL_OK)
                return verdict;
        to = from;
        if (!parse_authority((Span){host_id, strlen(host_id)}, &to))
                return BUP_URL_MALFORMED;
        if (!to.has_port) {
                to.port = from.port;
                to.has_port = from.has_port;
        }
        verdict = check_way(&from, &to);
        if (verdict != BUP_URL_OK)
                return verdict;
        buf_clear(out);
        append_origin(out, &to, to.host);
        append_clean(out, from.path);
        if (from.path.bytes == 0)
                (void) buf_append(out, "/", 1);
        append_clean(out, from.query);
        return finished(out);
}

/* The reference as servers write it, turned into one of RFC 3986: slashes, no fragment. */
static void append_slashed(Buf *out, const char *reference)
{
        size_t bytes = strcspn(reference, "#"), path = strcspn(reference, "?#");

        for (size_t i = 0; i < bytes; i++)
                (void) buf_append(out, i < path && reference[i] == '\\' ? "/" : reference + i, 1);
}

static bool same_host(const Url *a, const Url *b)
{
        return a->host.bytes == b->host.bytes &&
               strncasecmp(a->host.at, b->host.at, a->host.bytes) == 0;
}

static bool same_origin(const Url *a, const Url *b)
{
        return a->https == b->https && a->port == b->port && same_host(a, b);
}

/* Path and query of `to` are relative to `from`: builds the whole. */
static void append_relative(Buf *out, const Url *from, const char *reference)
{
        Span path = {reference, strcspn(reference, "?")};
        Span query = {reference + path.bytes, strlen(reference + path.bytes)};
        _cleanup_(buf_done) Buf merged = {0};

        buf_init(&merged, BUP_URL_MAX_BYTES);
        append_origin(out, from, from->host);
        if (path.bytes == 0 || path.at[0] != '/') {
                Span dir = from->path;

                while (path.bytes > 0 && dir.bytes > 0 && dir.at[dir.bytes - 1] != '/')
                        dir.bytes--;
                if (dir.bytes == 0)
                        dir = (Span){"/", 1};
                append_clean(&merged, dir);
        }
        append_clean(&merged, path);
        if (buf_error(&merged))
                out->error = buf_error(&merged);
        else
                append_path(out, (Span){(const char *) merged.data, merged.len});
        append_clean(out, query);
}

/* An absolute reference, or one that starts with a host. */
static BupUrlVerdict resolve_absolute(const Url *from, const char *reference, Buf *out,
                                      bool *ret_same_origin)
{
        _cleanup_(buf_done) Buf absolute = {0};
        BupUrlVerdict verdict;
        Url to = {0};

        buf_init(&absolute, BUP_URL_MAX_BYTES);
        if (reference[0] == '/')
                (void) buf_append_str(&absolute, from->https ? "https:" : "http:");
        (void) buf_append_str(&absolute, reference);
        if (buf_error(&absolute))
                return finished(&absolute);
        verdict = parse_url(buf_cstr(&absolute), false, &to);
        if (verdict == BUP_URL_OK)
                verdict = check_way(from, &to);
        if (verdict != BUP_URL_OK)
                return verdict;
        append_relative(out, &to, to.path.bytes + to.query.bytes > 0 ? to.path.at : "/");
        if (buf_error(out) == 0)
                *ret_same_origin = same_origin(from, &to);
        return finished(out);
}

BupUrlVerdict bup_url_resolve(const char *destination, const char *reference, Buf *out,
                              bool *ret_same_origin)
{
        _cleanup_(buf_done) Buf slashed = {0};
        Url from = {0};
        BupUrlVerdict verdict = parse_url(destination, true, &from);
        const char *clean;

        if (verdict != BUP_URL_OK)
                return verdict;
        buf_init(&slashed, BUP_URL_MAX_BYTES);
        append_slashed(&slashed, reference);
        clean = buf_cstr(&slashed);
        if (!clean)
                return finished(&slashed);
        if (clean[0] == '\0')
                return BUP_URL_MALFORMED;
        buf_clear(out);
        if (scheme_bytes(clean) > 0 || str_starts_with(clean, "//"))
                return resolve_absolute(&from, clean, out, ret_same_origin);
        append_relative(out, &from, clean);
        if (buf_error(out) == 0)
                *ret_same_origin = true;
        return finished(out);
}

bool bup_url_same_origin(const char *a, const char *b)
{
        Url ua = {0}, ub = {0};

        return parse_url(a, true, &ua) == BUP_URL_OK && parse_url(b, true, &ub) == BUP_URL_OK &&
               same_origin(&ua, &ub);
}

bool bup_url_is_moved(const char *from, const char *to)
{
        Url a = {0}, b = {0};

        if (parse_url(from, true, &a) != BUP_URL_OK || parse_url(to, false, &b) != BUP_URL_OK ||
            !same_host(&a, &b))
                return false;
        if (a.https == b.https)
                return a.port == b.port;
        return b.https && a.port == PORT_HTTP && b.port == PORT_HTTPS;
}

bool bup_url_is_https(const char *url)
{
        Url u = {0};

        return parse_url(url, true, &u) == BUP_URL_OK && u.https;
}

const char *bup_url_verdict_text(BupUrlVerdict verdict)
{
        static const char *const TEXTS[] = {
                [BUP_URL_OK] = "fine",
                [BUP_URL_MALFORMED] = "malformed URL",
                [BUP_URL_SCHEME] = "neither http nor https",
                [BUP_URL_DOWNGRADE] = "from https down to http",
                [BUP_URL_LOCAL] = "points into the local machine or link",
                [BUP_URL_NO_MEMORY] = "out of memory",
        };

        return verdict < ARRAY_LEN(TEXTS) ? TEXTS[verdict] : "unknown";
}
