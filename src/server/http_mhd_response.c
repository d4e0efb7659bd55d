/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http_mhd_response.h"

#include <microhttpd.h>
#include <string.h>

struct MHD_Response *http_mhd_response(HttpAnswer *a)
{
        struct MHD_Response *response;

        if (buf_error(&a->fields) || buf_error(&a->text))
                return NULL;
        if (a->fd >= 0)
                response = MHD_create_response_from_fd_at_offset64(a->length_bytes, a->fd,
                                                                   a->offset_bytes);
        else
                response = MHD_create_response_from_buffer(a->text.len, a->text.data,
                                                           MHD_RESPMEM_MUST_COPY);
        if (!response)
                return NULL;
        a->fd = -1; /* the library's now */
        for (size_t at = 0; at < a->fields.len;) {
                const char *name = (const char *) a->fields.data + at;
                const char *value = name + strlen(name) + 1;

                if (MHD_add_response_header(response, name, value) != MHD_YES) {
                        MHD_destroy_response(response);
                        return NULL;
                }
                at += strlen(name) + 1 + strlen(value) + 1;
        }
        return response;
}
