/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed credentials: damaged ones are refused; contents that carry the right seal and were made by
 * a broken program of ours are read within their limits. And the content of key files. */
#include <sodium.h>
#include <string.h>

#include "base/alloc.h"
#include "base/guid.h"
#include "vault/seal.h"

#include "fuzz.h"

enum {
        INPUT_MAX_BYTES = 8 * 1024,
        NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
        TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
        HEAD_BYTES = 1 + VAULT_KEY_ID_BYTES + NONCE_BYTES,
        BOUND_BYTES = 1 + VAULT_KEY_ID_BYTES + 16 + 4 + 4,
};

static const VaultSlot SLOT = {.target = 1, .scheme = 1};

static VaultKey *key(void)
{
        static VaultKey made;
        Secret *content;

        if (made.bytes)
                return &made;
        FUZZ_CHECK(sodium_init() >= 0);
        FUZZ_CHECK(secret_copy("0123456789abcdef0123456789ABCDEF", VAULT_KEY_BYTES, &content) == 0);
        FUZZ_CHECK(vault_key_parse(content, &made) == 0);
        secret_free(content);
        return &made;
}

static void check_credential(const Credential *c)
{
        FUZZ_CHECK(!c->user == !c->password);
}

/* The bytes as a blob, with our version and key where the input says so. */
static void check_blob(FuzzInput in)
{
        bool ours = fuzz_bool(&in);
        uint8_t *blob = mem_alloc(in.left > 0 ? in.left : 1);
        Credential c = {0};

        FUZZ_CHECK(blob);
        if (in.left > 0)
                memcpy(blob, in.data, in.left);
        if (ours && in.left > VAULT_KEY_ID_BYTES) {
                blob[0] = 1;
                memcpy(blob + 1, key()->id, VAULT_KEY_ID_BYTES);
        }
        /* Nobody forges a seal. */
        FUZZ_CHECK(seal_open(key(), &SLOT, blob, (uint32_t) in.left, &c) < 0);
        mem_free(blob);
}

/* The bytes as a content under a good seal. */
static void check_content(FuzzInput in)
{
        size_t padded = (in.left + 63) / 64 * 64;
        uint8_t bound[BOUND_BYTES], *content, *blob;
        Credential c = {0};

        if (padded == 0)
                padded = 64;
        content = mem_zalloc(padded);
        blob = mem_zalloc(HEAD_BYTES + padded + TAG_BYTES);
        FUZZ_CHECK(content && blob);
        if (in.left > 0)
                memcpy(content, in.data, in.left);
        blob[0] = 1;
        memcpy(blob + 1, key()->id, VAULT_KEY_ID_BYTES);
        memset(bound, 0, sizeof(bound));
        memcpy(bound, blob, 1 + VAULT_KEY_ID_BYTES);
        guid_to_bytes(&SLOT.job, bound + 1 + VAULT_KEY_ID_BYTES);
        bound[1 + VAULT_KEY_ID_BYTES + 16] = (uint8_t) SLOT.target;
        bound[1 + VAULT_KEY_ID_BYTES + 20] = (uint8_t) SLOT.scheme;
        FUZZ_CHECK(crypto_aead_xchacha20poly1305_ietf_encrypt(
                           blob + HEAD_BYTES, NULL, content, padded, bound, sizeof(bound), NULL,
                           blob + 1 + VAULT_KEY_ID_BYTES, secret_bytes_of(key()->bytes)) == 0);
        if (seal_open(key(), &SLOT, blob, (uint32_t) (HEAD_BYTES + padded + TAG_BYTES), &c) == 0) {
                check_credential(&c);
                credential_done(&c);
        }
        mem_free(content);
        mem_free(blob);
}

static void check_key(FuzzInput in)
{
        Secret *content, *text;
        VaultKey parsed = {0}, again = {0};

        if (in.left > 2 * VAULT_KEY_TEXT_BYTES)
                return;
        FUZZ_CHECK(secret_copy(in.data, in.left, &content) == 0);
        if (vault_key_parse(content, &parsed) == 0) {
                FUZZ_CHECK(secret_len_bytes(parsed.bytes) == VAULT_KEY_BYTES);
                FUZZ_CHECK(vault_key_format(&parsed, &text) == 0);
                FUZZ_CHECK(vault_key_parse(text, &again) == 0);
                FUZZ_CHECK(secret_equal(parsed.bytes, again.bytes));
                vault_key_done(&parsed);
                vault_key_done(&again);
                secret_free(text);
        }
        secret_free(content);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};

        if (bytes > INPUT_MAX_BYTES)
                return;
        switch (fuzz_below(&in, 3)) {
        case 0:
                check_blob(in);
                break;
        case 1:
                check_content(in);
                break;
        default:
                check_key(in);
        }
}
