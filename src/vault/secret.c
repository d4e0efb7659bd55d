/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/secret.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

struct Secret {
        uint8_t *data; /* len bytes and a NUL, in guarded memory */
        size_t len;
};

/* The library is started here, on the first secret, and not with the service: most services never
 * hold one. Starting it again costs nothing. */
int secret_new(size_t bytes, Secret **ret)
{
        Secret *s;

        if (bytes > SECRET_BYTES_MAX)
                return -EMSGSIZE;
        if (sodium_init() < 0)
                return -EIO;
        s = mem_new(Secret);
        if (!s)
                return -ENOMEM;
        s->data = sodium_malloc(bytes + 1);
        if (!s->data) {
                mem_free(s);
                return -ENOMEM;
        }
        memset(s->data, 0, bytes + 1);
        s->len = bytes;
        *ret = s;
        return 0;
}

int secret_copy(const void *data, size_t bytes, Secret **ret)
{
        Secret *s;
        int r = secret_new(bytes, &s);

        if (r < 0)
                return r;
        if (bytes > 0)
                memcpy(s->data, data, bytes);
        *ret = s;
        return 0;
}

Secret *secret_free(Secret *s)
{
        if (!s)
                return NULL;
        sodium_free(s->data); /* wipes, and ends the process if anything wrote over its borders */
        mem_free(s);
        return NULL;
}

uint8_t *secret_data(Secret *s)
{
        return s->data;
}

const uint8_t *secret_bytes_of(const Secret *s)
{
        return s->data;
}

const char *secret_text(const Secret *s)
{
        return (const char *) s->data;
}

size_t secret_len_bytes(const Secret *s)
{
        return s->len;
}

void secret_cut(Secret *s, size_t bytes)
{
        assert(bytes <= s->len);
        sodium_memzero(s->data + bytes, s->len - bytes);
        s->len = bytes;
}

bool secret_equal(const Secret *a, const Secret *b)
{
        return a->len == b->len && sodium_memcmp(a->data, b->data, a->len) == 0;
}

void secret_wipe(void *data, size_t bytes)
{
        if (bytes > 0)
                sodium_memzero(data, bytes);
}
