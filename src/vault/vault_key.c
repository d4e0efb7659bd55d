/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/vault_key.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

_Static_assert(VAULT_KEY_BYTES == crypto_kdf_KEYBYTES, "names are derived with crypto_kdf");
_Static_assert(VAULT_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "seals");

#define ID_CONTEXT "bitsd-id" /* 8 characters: crypto_kdf_CONTEXTBYTES */

void vault_key_done(VaultKey *key)
{
        key->bytes = secret_free(key->bytes);
        memset(key->id, 0, sizeof(key->id));
}

static int key_take_bytes(Secret *take_bytes, VaultKey *ret)
{
        _cleanup_(secret_freep) Secret *bytes = take_bytes;
        VaultKey key = {0};

        if (crypto_kdf_derive_from_key(key.id, sizeof(key.id), 1, ID_CONTEXT,
                                       secret_bytes_of(bytes)) < 0)
                return -EIO;
        key.bytes = TAKE_PTR(bytes);
        *ret = key;
        return 0;
}

int vault_key_make(VaultKey *ret)
{
        Secret *bytes;
        int r = secret_new(VAULT_KEY_BYTES, &bytes);

        if (r < 0)
                return r;
        randombytes_buf(secret_data(bytes), VAULT_KEY_BYTES);
        return key_take_bytes(bytes, ret);
}

static bool is_raw(const Secret *content)
{
        return secret_len_bytes(content) == VAULT_KEY_BYTES;
}

static bool is_text(const Secret *content)
{
        size_t len = secret_len_bytes(content);

        return len == VAULT_KEY_TEXT_BYTES - 1 ||
               (len == VAULT_KEY_TEXT_BYTES && secret_text(content)[len - 1] == '\n');
}

int vault_key_parse(const Secret *content, VaultKey *ret)
{
        _cleanup_(secret_freep) Secret *bytes = NULL;
        int r = secret_new(VAULT_KEY_BYTES, &bytes);

        if (r < 0)
                return r;
        if (is_raw(content))
                memcpy(secret_data(bytes), secret_bytes_of(content), VAULT_KEY_BYTES);
        else if (!is_text(content) ||
                 sodium_hex2bin(secret_data(bytes), VAULT_KEY_BYTES, secret_text(content),
                                VAULT_KEY_TEXT_BYTES - 1, NULL, NULL, NULL) < 0)
                return -EBADMSG;
        if (sodium_is_zero(secret_bytes_of(bytes), VAULT_KEY_BYTES))
                return -EBADMSG;
        return key_take_bytes(TAKE_PTR(bytes), ret);
}

int vault_key_format(const VaultKey *key, Secret **ret)
{
        Secret *text;
        int r = secret_new(VAULT_KEY_TEXT_BYTES, &text);

        if (r < 0)
                return r;
        /* Writes a NUL where the line feed goes next. */
        (void) sodium_bin2hex((char *) secret_data(text), VAULT_KEY_TEXT_BYTES,
                              secret_bytes_of(key->bytes), VAULT_KEY_BYTES);
        secret_data(text)[VAULT_KEY_TEXT_BYTES - 1] = '\n';
        *ret = text;
        return 0;
}

bool vault_key_has_id(const VaultKey *key, const uint8_t id[VAULT_KEY_ID_BYTES])
{
        return memcmp(key->id, id, VAULT_KEY_ID_BYTES) == 0;
}
