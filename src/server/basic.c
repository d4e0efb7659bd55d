/* SPDX-License-Identifier: Apache-2.0 */
#include "server/basic.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

#define DECODED_MAX_BYTES (BASIC_USER_BYTES + BASIC_PASSWORD_BYTES)

void basic_wipe(BasicCredentials *c)
{
        explicit_bzero(c, sizeof(*c));
}

static int sextet(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Length, or -EINVAL. Padding may be missing, as some clients leave it out. */
static int decode(const char *text, uint8_t *out, size_t out_bytes)
{
        uint32_t bits = 0;
        unsigned n_bits = 0;
        size_t len = 0;

        for (; *text && *text != '='; text++) {
                int value = sextet(*text);

                if (value < 0)
                        return -EINVAL;
                bits = bits << 6 | (uint32_t) value;
                n_bits += 6;
                if (n_bits < 8)
                        continue;
                n_bits -= 8;
                if (len == out_bytes)
                        return -EINVAL;
                out[len++] = (uint8_t) (bits >> n_bits);
        }
        text += strspn(text, "=");
        return *text ? -EINVAL : (int) len;
}

static bool is_printable(const uint8_t *p, size_t bytes)
{
        for (size_t i = 0; i < bytes; i++)
                if (p[i] < 0x20 || p[i] == 0x7f)
                        return false;
        return true;
}

int basic_parse(const char *authorization, BasicCredentials *ret)
{
        uint8_t text[DECODED_MAX_BYTES];
        const uint8_t *colon;
        size_t user_bytes, password_bytes;
        int n, r = -EINVAL;

        *ret = (BasicCredentials){0};
        if (!str_starts_with_nocase(authorization, "Basic "))
                return -EINVAL;
        authorization += strlen("Basic ");
        authorization += strspn(authorization, " ");
        n = decode(authorization, text, sizeof(text));
        colon = n > 0 ? memchr(text, ':', (size_t) n) : NULL;
        if (colon && is_printable(text, (size_t) n)) {
                user_bytes = (size_t) (colon - text);
                password_bytes = (size_t) n - user_bytes - 1;
                if (user_bytes > 0 && user_bytes < sizeof(ret->user) &&
                    password_bytes < sizeof(ret->password)) {
                        memcpy(ret->user, text, user_bytes);
                        memcpy(ret->password, colon + 1, password_bytes);
                        r = 0;
                }
        }
        explicit_bzero(text, sizeof(text));
        return r;
}
