/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/seal.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base/guid.h"
#include "base/utf.h"

enum {
        SEAL_VERSION = 1,
        NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
        TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
        HEAD_BYTES = 1 + VAULT_KEY_ID_BYTES + NONCE_BYTES,
        PAD_BYTES = 64,

        KIND_IMPLICIT = 0,
        KIND_EXPLICIT = 1,
        CONTENT_HEAD_BYTES = 1 + 2 + 4,

        USER_BYTES_MAX = 3 * VAULT_USER_UNITS_MAX, /* UTF-8 takes at most 3 bytes a unit */
        PASSWORD_BYTES_MAX = 3 * VAULT_PASSWORD_UNITS_MAX,

        BOUND_BYTES = 1 + VAULT_KEY_ID_BYTES + 16 + 4 + 4,
};

#define PADDED(n) (((n) + PAD_BYTES - 1) / PAD_BYTES * PAD_BYTES)

_Static_assert(VAULT_SEALED_BYTES_MIN == HEAD_BYTES + PAD_BYTES + TAG_BYTES, "port/vault.h");
_Static_assert(VAULT_SEALED_BYTES_MAX ==
                       HEAD_BYTES +
                               PADDED(CONTENT_HEAD_BYTES + USER_BYTES_MAX + PASSWORD_BYTES_MAX) +
                               TAG_BYTES,
               "port/vault.h");
_Static_assert((int) VAULT_SEALED_BYTES_MAX < (int) SECRET_BYTES_MAX, "a content fits a secret");

static void put_u32(uint8_t *p, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                p[i] = (uint8_t) (v >> (8 * i));
}

static uint32_t get_u32(const uint8_t *p)
{
        return p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

/* What a blob is bound to: its own head without the nonce, which binds itself, and the slot. */
static void fill_bound(uint8_t bound[BOUND_BYTES], const uint8_t *sealed, const VaultSlot *slot)
{
        uint8_t *p = bound;

        memcpy(p, sealed, 1 + VAULT_KEY_ID_BYTES);
        p += 1 + VAULT_KEY_ID_BYTES;
        guid_to_bytes(&slot->job, p);
        put_u32(p + 16, slot->target);
        put_u32(p + 20, slot->scheme);
}

static int check_text(const char *text, size_t bytes_max, size_t units_max)
{
        size_t bytes = strnlen(text, bytes_max + 1);

        if (bytes > bytes_max)
                return -EMSGSIZE;
        if (!utf8_is_valid(text, bytes))
                return -EILSEQ;
        return utf8_utf16_units(text) > units_max ? -EMSGSIZE : 0;
}

int seal_check(const char *user, const char *password)
{
        int r;

        if (!user != !password)
                return -EINVAL;
        if (!user)
                return 0;
        r = check_text(user, USER_BYTES_MAX, VAULT_USER_UNITS_MAX);
        if (r < 0)
                return r;
        return check_text(password, PASSWORD_BYTES_MAX, VAULT_PASSWORD_UNITS_MAX);
}

static int content_make(const char *user, const char *password, Secret **ret)
{
        size_t user_bytes = user ? strlen(user) : 0;
        size_t password_bytes = password ? strlen(password) : 0;
        Secret *content;
        uint8_t *p;
        int r = secret_new(PADDED(CONTENT_HEAD_BYTES + user_bytes + password_bytes), &content);

        if (r < 0)
                return r;
        p = secret_data(content);
        *p++ = user ? KIND_EXPLICIT : KIND_IMPLICIT;
        *p++ = (uint8_t) user_bytes;
        *p++ = (uint8_t) (user_bytes >> 8);
        put_u32(p, (uint32_t) password_bytes);
        p += 4;
        if (user_bytes > 0)
                memcpy(p, user, user_bytes);
        if (password_bytes > 0)
                memcpy(p + user_bytes, password, password_bytes);
        *ret = content;
        return 0;
}

/* *ret and *ret_bytes as with seal_make(). */
static int content_seal(const VaultKey *key, const VaultSlot *slot, const Secret *content,
                        uint8_t **ret, uint32_t *ret_bytes)
{
        _cleanup_free_ uint8_t *sealed = NULL;
        uint8_t bound[BOUND_BYTES], *nonce;
        size_t bytes = HEAD_BYTES + secret_len_bytes(content) + TAG_BYTES;

        sealed = mem_alloc(bytes);
        if (!sealed)
                return -ENOMEM;
        sealed[0] = SEAL_VERSION;
        memcpy(sealed + 1, key->id, VAULT_KEY_ID_BYTES);
        nonce = sealed + 1 + VAULT_KEY_ID_BYTES;
        randombytes_buf(nonce, NONCE_BYTES);
        fill_bound(bound, sealed, slot);
        if (crypto_aead_xchacha20poly1305_ietf_encrypt(
                    sealed + HEAD_BYTES, NULL, secret_bytes_of(content), secret_len_bytes(content),
                    bound, sizeof(bound), NULL, nonce, secret_bytes_of(key->bytes)) < 0)
                return -EIO;
        *ret = TAKE_PTR(sealed);
        *ret_bytes = (uint32_t) bytes;
        return 0;
}

int seal_make(const VaultKey *key, const VaultSlot *slot, const char *user, const char *password,
              uint8_t **ret, uint32_t *ret_bytes)
{
        _cleanup_(secret_freep) Secret *content = NULL;
        int r = content_make(user, password, &content);

        return r < 0 ? r : content_seal(key, slot, content, ret, ret_bytes);
}

const uint8_t *seal_key_id(const uint8_t *sealed, uint32_t sealed_bytes)
{
        if (!sealed || sealed_bytes < VAULT_SEALED_BYTES_MIN ||
            sealed_bytes > VAULT_SEALED_BYTES_MAX || sealed[0] != SEAL_VERSION ||
            (sealed_bytes - HEAD_BYTES - TAG_BYTES) % PAD_BYTES != 0)
                return NULL;
        return sealed + 1;
}

static int content_open(const VaultKey *key, const VaultSlot *slot, const uint8_t *sealed,
                        uint32_t sealed_bytes, Secret **ret)
{
        _cleanup_(secret_freep) Secret *content = NULL;
        uint8_t bound[BOUND_BYTES];
        int r;

        if (!seal_key_id(sealed, sealed_bytes))
                return -EBADMSG;
        r = secret_new(sealed_bytes - HEAD_BYTES - TAG_BYTES, &content);
        if (r < 0)
                return r;
        fill_bound(bound, sealed, slot);
        if (crypto_aead_xchacha20poly1305_ietf_decrypt(
                    secret_data(content), NULL, NULL, sealed + HEAD_BYTES,
                    sealed_bytes - HEAD_BYTES, bound, sizeof(bound),
                    sealed + 1 + VAULT_KEY_ID_BYTES, secret_bytes_of(key->bytes)) < 0)
                return -EBADMSG;
        *ret = TAKE_PTR(content);
        return 0;
}

/* Whoever has the key made the content, so only our own mistakes are looked for here. */
static int content_read(const Secret *content, Credential *ret)
{
        const uint8_t *p = secret_bytes_of(content);
        size_t room = secret_len_bytes(content) - CONTENT_HEAD_BYTES;
        size_t user_bytes = p[1] | (size_t) p[2] << 8, password_bytes = get_u32(p + 3);
        _cleanup_(credential_done) Credential c = {0};
        int r;

        if (user_bytes > USER_BYTES_MAX || password_bytes > PASSWORD_BYTES_MAX ||
            user_bytes + password_bytes > room)
                return -EBADMSG;
        if (p[0] == KIND_IMPLICIT && user_bytes + password_bytes == 0) {
                *ret = (Credential){0};
                return 0;
        }
        if (p[0] != KIND_EXPLICIT)
                return -EBADMSG;
        p += CONTENT_HEAD_BYTES;
        r = secret_copy(p, user_bytes, &c.user);
        if (r == 0)
                r = secret_copy(p + user_bytes, password_bytes, &c.password);
        if (r < 0)
                return r;
        *ret = c;
        c = (Credential){0};
        return 0;
}

int seal_open(const VaultKey *key, const VaultSlot *slot, const uint8_t *sealed,
              uint32_t sealed_bytes, Credential *ret)
{
        _cleanup_(secret_freep) Secret *content = NULL;
        int r = content_open(key, slot, sealed, sealed_bytes, &content);

        return r < 0 ? r : content_read(content, ret);
}

int seal_again(const VaultKey *old_key, const VaultKey *new_key, const VaultSlot *slot,
               const uint8_t *sealed, uint32_t sealed_bytes, uint8_t **ret, uint32_t *ret_bytes)
{
        _cleanup_(secret_freep) Secret *content = NULL;
        int r = content_open(old_key, slot, sealed, sealed_bytes, &content);

        return r < 0 ? r : content_seal(new_key, slot, content, ret, ret_bytes);
}
