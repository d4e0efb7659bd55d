/* SPDX-License-Identifier: Apache-2.0 */
#include "url_name.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "base/utf.h"

#include "must.h"

enum {
        FILE_NAME_BYTES_MAX = 255,
        URL_BYTES_MAX = 1 << 20, /* more than a command line can hold */
};

/* The path of the address: where it begins and how long it is. Query and fragment are not part of
 * it, nor is the host. */
static const char *find_path(const char *url, size_t *ret_bytes)
{
        const char *colons = strstr(url, "://"), *path = url;

        if (url[0] == '/') { /* a local path: every character counts */
                *ret_bytes = strlen(url);
                return url;
        }
        if (colons && strcspn(url, "/?#") > (size_t) (colons - url)) {
                path = colons + 3;
                path += strcspn(path, "/?#");
        }
        *ret_bytes = strcspn(path, "?#");
        return path;
}

static int hex_value(char c)
{
        if (!isxdigit((unsigned char) c))
                return -1;
        return c <= '9' ? c - '0' : tolower((unsigned char) c) - 'a' + 10;
}

/* Decodes in place; false when the result would not be text. */
static bool percent_decode(char *s)
{
        char *to = s;

        for (const char *p = s; *p; p++) {
                if (*p == '%' && hex_value(p[1]) >= 0 && hex_value(p[2]) >= 0) {
                        *to = (char) (hex_value(p[1]) << 4 | hex_value(p[2]));
                        if (*to == '\0')
                                return false;
                        to++;
                        p += 2;
                } else
                        *to++ = *p;
        }
        *to = '\0';
        return utf8_is_valid(s, (size_t) (to - s));
}

static void make_safe(char *name)
{
        for (char *p = name; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f || strchr("/*?", *p))
                        *p = '_';
        if (name[0] == '.')
                name[0] = '_';
}

char *url_file_name(const char *url)
{
        _cleanup_free_ char *name = NULL, *decoded = NULL;
        const char *path, *leaf;
        size_t bytes;

        path = find_path(url, &bytes);
        leaf = memrchr(path, '/', bytes);
        if (!leaf)
                return NULL;
        leaf++;
        name = must(mem_strndup(leaf, bytes - (size_t) (leaf - path)));
        if (path != url) {
                decoded = must(mem_strdup(name));
                if (percent_decode(decoded)) {
                        mem_free(name);
                        name = TAKE_PTR(decoded);
                }
        }
        if (!*name || str_equal(name, ".") || str_equal(name, "..") ||
            strlen(name) > FILE_NAME_BYTES_MAX)
                return NULL;
        make_safe(name);
        return TAKE_PTR(name);
}

bool url_is_http(const char *url)
{
        size_t scheme = str_starts_with_nocase(url, "https://")  ? 8
                        : str_starts_with_nocase(url, "http://") ? 7
                                                                 : 0;

        return scheme > 0 && url[scheme] != '\0' && !strchr("/?#:", url[scheme]);
}

/* Behind a host: nothing, or a colon and a port. */
static bool is_port_or_none(const char *s, size_t bytes)
{
        unsigned port = 0;

        if (bytes == 0)
                return true;
        if (*s != ':' || bytes > 6)
                return false;
        for (size_t i = 1; i < bytes; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return false;
                port = port * 10 + (unsigned) (s[i] - '0');
        }
        return bytes > 1 && port > 0 && port <= UINT16_MAX;
}

const char *url_upload_problem(const char *url)
{
        const char *host, *end, *behind;

        if (!url_is_http(url))
                return "an upload goes to http:// or https://";
        for (const char *p = url; *p; p++)
                if ((unsigned char) *p <= ' ' || *p == 0x7f || *p == '\\')
                        return "write blanks and the like as %20";
        if (!utf8_is_valid(url, strlen(url)))
                return "it is not UTF-8";
        if (strchr(url, '#'))
                return "write a # that belongs to the name as %23";
        host = strstr(url, "://") + 3;
        end = host + strcspn(host, "/?");
        if (memchr(host, '@', (size_t) (end - host)))
                return "no user may stand in it";
        behind = host + strcspn(host, *host == '[' ? "]/?" : ":/?");
        if (*host == '[' && *behind++ != ']')
                return "the ] behind the host is missing";
        return is_port_or_none(behind, (size_t) (end - behind)) ? NULL : "that is no port";
}

/* ASCII alone, whatever the locale calls a letter. */
static bool is_plain_in_url(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               strchr("-._~", c) != NULL;
}

static void append_encoded(Buf *to, const char *s)
{
        for (; *s; s++)
                if (is_plain_in_url(*s))
                        (void) buf_append(to, s, 1); /* errors stick to the buffer */
                else
                        (void) buf_printf(to, "%%%02X", (unsigned char) *s);
}

char *url_with_file_name(const char *url, const char *leaf)
{
        const char *host = strstr(url, "://"), *path;
        Buf whole;

        host = host ? host + 3 : url;
        path = strchr(host, '/');
        if (strchr(url, '?') || (path && !str_ends_with(url, "/")))
                return must(mem_strdup(url));
        buf_init(&whole, URL_BYTES_MAX);
        (void) buf_printf(&whole, "%s%s", url, path ? "" : "/"); /* errors stick to the buffer */
        append_encoded(&whole, leaf);
        return must_take_str(&whole);
}

static bool is_file_behind(const char *s)
{
        if (!*s)
                return false;
        return !strchr(s, '/') || s[0] == '/' || str_starts_with(s, "./") ||
               str_starts_with(s, "../");
}

const char *url_split_file(const char *word)
{
        size_t end = strcspn(word, "?#");

        if (word[end])
                return NULL; /* who could tell which "=" is the query's */
        for (const char *p = word + end; p-- > word;)
                if (*p == '=' && p > word && is_file_behind(p + 1))
                        return p;
        return NULL;
}
