/* SPDX-License-Identifier: Apache-2.0 */
#include "server/backend_url.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "proto/bup_field.h"

#define UNIX_PREFIX "http://unix:"

/* Path and query of a URL in absolute or origin form. */
static const char *path_of(const char *url)
{
        const char *p = strstr(url, "://");

        if (*url == '/' || !p)
                return url;
        return p + 3 + strcspn(p + 3, "/?");
}

static bool is_absolute(const char *url)
{
        return str_starts_with_nocase(url, "http://") || str_starts_with_nocase(url, "https://");
}

static int split_unix(const char *configured, Buf *url, Buf *socket)
{
        const char *path = configured + strlen(UNIX_PREFIX);
        const char *colon = strchr(path, ':');

        if (*path != '/' || (colon && colon[1] != '/'))
                return -EINVAL;
        (void) buf_append(socket, path, colon ? (size_t) (colon - path) : strlen(path));
        (void) buf_printf(url, "http://localhost%s", colon ? colon + 1 : "/");
        return 0;
}

/* "x.asp" beside "/vd/file" is "/vd/x.asp"; "/x.asp" is itself. */
static void resolve(const char *configured, const char *path, const char *origin, Buf *url)
{
        size_t directory_bytes = strcspn(path, "?");

        while (directory_bytes > 0 && path[directory_bytes - 1] != '/')
                directory_bytes--;
        (void) buf_append_str(url, origin);
        if (directory_bytes == 0 && *configured != '/')
                (void) buf_append_str(url, "/");
        else if (*configured != '/')
                (void) buf_append(url, path, directory_bytes);
        (void) buf_append_str(url, configured);
}

int backend_url_build(const char *configured, const char *destination, const char *origin,
                      Buf *ret_url, Buf *ret_socket)
{
        const char *path = path_of(destination);
        const char *query = strchr(path, '?');
        int r = 0;

        if (str_starts_with(configured, UNIX_PREFIX))
                r = split_unix(configured, ret_url, ret_socket);
        else if (is_absolute(configured))
                (void) buf_append_str(ret_url, configured);
        else if (!*configured || strstr(configured, "://"))
                r = -EINVAL;
        else
                resolve(configured, path, origin, ret_url);
        if (r < 0)
                return r;
        if (query && query[1])
                (void) buf_printf(ret_url, "%c%s", strchr(configured, '?') ? '&' : '?', query + 1);
        return buf_error(ret_url) ? buf_error(ret_url) : buf_error(ret_socket);
}

bool backend_url_is_static(const char *url)
{
        if (!is_absolute(url) || strlen(url) > BUP_REPLY_URL_MAX_CHARS)
                return false;
        for (const char *p = url; *p; p++)
                if (*p <= ' ' || *p == 0x7f)
                        return false;
        return true;
}
