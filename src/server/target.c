/* SPDX-License-Identifier: Apache-2.0 */
#include "server/target.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

void target_done(Target *t)
{
        mem_free(t->path);
        mem_free(t->query);
        mem_free(t->key);
        mem_free(t->url);
        *t = (Target){0};
}

bool target_is_directory(const Target *t)
{
        return str_ends_with(t->path, "/");
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A slash that was encoded is no separator for some and one for others: for us, neither. */
static int check_decoded(unsigned char c)
{
        if (c == '/' || c == '\\')
                return -EPERM;
        return c < 0x20 || c == 0x7f ? -EINVAL : 0;
}

/* In place; the text only gets shorter. */
static int decode(char *text)
{
        char *out = text;

        for (const char *in = text; *in; in++) {
                int high, low, r;

                if (*in == '\\')
                        return -EPERM;
                if (*in != '%') {
                        *out++ = *in;
                        continue;
                }
                high = hex_digit(in[1]);
                low = high < 0 ? -1 : hex_digit(in[2]);
                if (low < 0)
                        return -EINVAL;
                r = check_decoded((unsigned char) (high << 4 | low));
                if (r < 0)
                        return r;
                *out++ = (char) (high << 4 | low);
                in += 2;
        }
        *out = '\0';
        return 0;
}

/* Segments that are empty (but for a trailing slash), "." or "..", or too long for a name. */
static int check_segments(const char *path)
{
        for (const char *p = path; *p;) {
                size_t bytes = strcspn(++p, "/");

                if (bytes == 0 && *p)
                        return -EPERM;
                if ((bytes == 1 && p[0] == '.') || (bytes == 2 && p[0] == '.' && p[1] == '.'))
                        return -EPERM;
                if (bytes > TARGET_SEGMENT_MAX_BYTES)
                        return -ENAMETOOLONG;
                p += bytes;
        }
        return 0;
}

/* Absolute form is for proxies, but every server has to take it: what counts is the path. */
static const char *origin_form(const char *raw)
{
        const char *p;

        if (*raw == '/')
                return raw;
        p = strstr(raw, "://");
        if (!p)
                return NULL;
        p += 3;
        p += strcspn(p, "/?");
        return *p == '/' ? p : NULL;
}

int target_parse(const char *raw, Target *ret)
{
        const char *origin = origin_form(raw);
        _cleanup_(target_done) Target t = {0};
        size_t path_bytes;
        int r;

        if (!origin || strchr(origin, '#'))
                return -EINVAL;
        path_bytes = strcspn(origin, "?");
        if (path_bytes > 3 * TARGET_PATH_MAX_BYTES)
                return -ENAMETOOLONG;
        t.url = mem_strdup(origin);
        t.path = mem_strndup(origin, path_bytes);
        if (origin[path_bytes] == '?')
                t.query = mem_strdup(origin + path_bytes + 1);
        if (!t.url || !t.path || (origin[path_bytes] == '?' && !t.query))
                return -ENOMEM;
        r = decode(t.path);
        if (r < 0)
                return r;
        r = check_segments(t.path);
        if (r < 0)
                return r;
        if (strlen(t.path) >= TARGET_PATH_MAX_BYTES)
                return -ENAMETOOLONG;
        t.key = t.query ? mem_printf("%s?%s", t.path, t.query) : mem_strdup(t.path);
        if (!t.key)
                return -ENOMEM;
        *ret = t;
        t = (Target){0};
        return 0;
}
