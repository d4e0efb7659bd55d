/* SPDX-License-Identifier: Apache-2.0 */
#include "guid.h"

#include <errno.h>
#include <string.h>

#define GUID_BYTES 16

/* Offset of each byte's two digits inside the text. */
static const uint8_t TEXT_OFFSET[GUID_BYTES] = {0,  2,  4,  6,  9,  11, 14, 16,
                                                19, 21, 24, 26, 28, 30, 32, 34};

GUID guid_from_random(const uint8_t bytes[16])
{
        uint8_t b[GUID_BYTES];

        memcpy(b, bytes, sizeof(b));
        b[6] = (uint8_t) ((b[6] & 0x0f) | 0x40); /* version 4 */
        b[8] = (uint8_t) ((b[8] & 0x3f) | 0x80); /* RFC 4122 variant */
        return guid_from_bytes(b);
}

void guid_format(const GUID *g, char text[GUID_TEXT_LEN + 1])
{
        static const char digits[] = "0123456789abcdef";
        uint8_t b[GUID_BYTES];

        guid_to_bytes(g, b);
        for (size_t i = 0; i < GUID_BYTES; i++) {
                text[TEXT_OFFSET[i]] = digits[b[i] >> 4];
                text[TEXT_OFFSET[i] + 1] = digits[b[i] & 0x0f];
        }
        text[8] = text[13] = text[18] = text[23] = '-';
        text[GUID_TEXT_LEN] = '\0';
}

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

int guid_parse(const char *text, GUID *ret)
{
        uint8_t b[GUID_BYTES];
        size_t len;

        if (!text)
                return -EINVAL;
        len = strnlen(text, GUID_TEXT_LEN + 3);
        if (len == GUID_TEXT_LEN + 2 && text[0] == '{' && text[len - 1] == '}')
                text++;
        else if (len != GUID_TEXT_LEN)
                return -EINVAL;

        if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
                return -EINVAL;
        for (size_t i = 0; i < GUID_BYTES; i++) {
                int high = hex_value(text[TEXT_OFFSET[i]]);
                int low = hex_value(text[TEXT_OFFSET[i] + 1]);

                if (high < 0 || low < 0)
                        return -EINVAL;
                b[i] = (uint8_t) (high << 4 | low);
        }
        *ret = guid_from_bytes(b);
        return 0;
}

bool guid_equal(const GUID *a, const GUID *b)
{
        return memcmp(a, b, sizeof(*a)) == 0; /* 16 bytes without padding */
}

void guid_to_bytes(const GUID *g, uint8_t bytes[16])
{
        bytes[0] = (uint8_t) (g->Data1 >> 24);
        bytes[1] = (uint8_t) (g->Data1 >> 16);
        bytes[2] = (uint8_t) (g->Data1 >> 8);
        bytes[3] = (uint8_t) g->Data1;
        bytes[4] = (uint8_t) (g->Data2 >> 8);
        bytes[5] = (uint8_t) g->Data2;
        bytes[6] = (uint8_t) (g->Data3 >> 8);
        bytes[7] = (uint8_t) g->Data3;
        memcpy(bytes + 8, g->Data4, 8);
}

GUID guid_from_bytes(const uint8_t bytes[16])
{
        GUID g = {
                .Data1 = (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 |
                         (uint32_t) bytes[2] << 8 | bytes[3],
                .Data2 = (uint16_t) (bytes[4] << 8 | bytes[5]),
                .Data3 = (uint16_t) (bytes[6] << 8 | bytes[7]),
        };

        memcpy(g.Data4, bytes + 8, 8);
        return g;
}
