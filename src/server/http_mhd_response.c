/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http_mhd_response.h"

#include <microhttpd.h>
#include <string.h>

struct MHD_Response *http_mhd_response(HttpAnswer *a)
{
        const char *p = (const char *) a->fields.data, *end = p + a->fields.len;
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
        while (p < end) {
                const char *value = p + strlen(p) + 1;

                if (MHD_add_response_header(response, p, value) != MHD_YES) {
                        MHD_destroy_response(response);
                        return NULL;
                }
                p = value + strlen(value) + 1;
        }
        return response;
}
