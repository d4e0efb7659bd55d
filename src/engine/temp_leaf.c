/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/port/transfer.h"

static char *put_hex(char *at, uint32_t value, int digits)
{
        while (digits-- > 0)
                *at++ = "0123456789abcdef"[value >> (4 * digits) & 0xF];
        return at;
}

/* 80 bits of the GUID are enough to tell all jobs of a directory apart. */
void transfer_temp_leaf(const GUID *job, uint32_t file_index, char leaf[TEMP_LEAF_BYTES])
{
        uint8_t bytes[16];
        char *at = leaf;

        guid_to_bytes(job, bytes);
        memcpy(at, ".BIT", 4);
        at += 4;
        for (int i = 0; i < 10; i++)
                at = put_hex(at, bytes[i], 2);
        at = put_hex(at, file_index, 8);
        memcpy(at, ".tmp", sizeof(".tmp"));
}
