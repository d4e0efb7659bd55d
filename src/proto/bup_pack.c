/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bup_pack.h"

#include <string.h>

void bup_unpack_text(PackReader *r, char *text, size_t text_bytes)
{
        size_t bytes;
        const uint8_t *data = unpack_blob(r, &bytes);

        if (!data)
                return;
        if (bytes >= text_bytes || memchr(data, '\0', bytes)) {
                r->bad = true;
                return;
        }
        memcpy(text, data, bytes);
        text[bytes] = '\0';
}
