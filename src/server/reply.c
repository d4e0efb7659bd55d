/* SPDX-License-Identifier: Apache-2.0 */
#include "server/reply.h"

#include <string.h>

#include "base/str.h"

#define REPLIES ".bits/replies/"

const char *reply_name_in(const char *below)
{
        if (!str_starts_with(below, REPLIES))
                return NULL;
        below += strlen(REPLIES);
        return *below && !strchr(below, '/') ? below : NULL;
}

static bool is_path_char(unsigned char c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               (c && strchr("-._~/!$&'()*+,;=:@", c));
}

static void append_encoded(Buf *out, const char *path)
{
        for (; *path; path++) {
                unsigned char c = (unsigned char) *path;

                if (is_path_char(c))
                        (void) buf_append(out, path, 1);
                else
                        (void) buf_printf(out, "%%%02X", c);
        }
}

/* ":8080" of "http://host:8080/…"; "" when there is none. */
static void append_port(Buf *out, const char *authority)
{
        size_t bytes = strcspn(authority, "/?");
        size_t colon = bytes;

        while (colon > 0 && authority[colon - 1] >= '0' && authority[colon - 1] <= '9')
                colon--;
        if (colon > 0 && colon < bytes && authority[colon - 1] == ':')
                (void) buf_append(out, authority + colon - 1, bytes - colon + 1);
}

int reply_url_build(const Site *site, const char *name, const char *destination, Buf *out)
{
        const char *authority = strstr(destination, "://");
        char host[BUP_HOST_ID_BYTES];

        if (*site->host_id && authority && bup_host_id_parse(site->host_id, host) == 0) {
                authority += 3;
                (void) buf_append(out, destination, (size_t) (authority - destination));
                (void) buf_append_str(out, host);
                append_port(out, authority);
        }
        if (!str_equal(site->prefix, "/"))
                append_encoded(out, site->prefix);
        (void) buf_printf(out, "/%s%s", REPLIES, name);
        return buf_error(out);
}
