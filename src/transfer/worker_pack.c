/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/worker_pack.h"

#include <string.h>

void pack_bool(Buf *b, bool v)
{
        pack_u8(b, v ? 1 : 0);
}

bool unpack_bool(PackReader *r)
{
        uint8_t v = unpack_u8(r);

        if (v > 1)
                r->bad = true;
        return v == 1;
}

uint32_t unpack_enum(PackReader *r, uint32_t max)
{
        uint32_t v = unpack_u32(r);

        if (v >= max) {
                r->bad = true;
                return 0;
        }
        return v;
}

char *unpack_text(PackReader *r, size_t max_bytes)
{
        char *s = unpack_str(r, max_bytes);

        if (!s)
                r->bad = true;
        return s;
}

uint8_t *unpack_bytes(PackReader *r, size_t max_bytes, uint32_t *ret_bytes)
{
        size_t bytes = 0;
        const uint8_t *data = unpack_blob(r, &bytes);
        uint8_t *copy;

        *ret_bytes = 0;
        if (r->bad || bytes == 0)
                return NULL;
        if (bytes > max_bytes) {
                r->bad = true;
                return NULL;
        }
        copy = mem_alloc(bytes);
        if (!copy)
                return pack_reader_no_memory(r);
        memcpy(copy, data, bytes);
        *ret_bytes = (uint32_t) bytes;
        return copy;
}
