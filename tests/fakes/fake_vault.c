/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_vault.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"

typedef struct Blob {
        VaultSlot slot;
        uint32_t key;
        uint64_t digest;
} Blob;

void fake_vault_init(FakeVault *v)
{
        *v = (FakeVault){.blob_bytes = VAULT_SEALED_BYTES_MIN};
}

static uint64_t mix(uint64_t digest, const char *text)
{
        for (; text && *text; text++)
                digest = (digest ^ (uint8_t) *text) * 0x100000001b3;
        return (digest ^ (text ? 0xff : 0xfe)) * 0x100000001b3;
}

uint64_t fake_vault_digest(const char *user, const char *password)
{
        return mix(mix(0xcbf29ce484222325, user), password);
}

/* False when the process is gone. */
static bool is_alive(FakeVault *v)
{
        if (v->on_call)
                v->on_call(v->on_call_ctx);
        return !v->dead;
}

static int make(const FakeVault *v, const VaultSlot *slot, uint64_t digest, uint8_t **ret,
                uint32_t *ret_bytes)
{
        Blob blob = {.slot = *slot, .key = v->key, .digest = digest};
        uint8_t *bytes = mem_zalloc(v->blob_bytes);

        if (!bytes)
                return -ENOMEM;
        memcpy(bytes, &blob, sizeof(blob));
        *ret = bytes;
        *ret_bytes = v->blob_bytes;
        return 0;
}

static int fake_seal(void *ctx, const VaultSlot *slot, const char *user, const char *password,
                     uint8_t **ret, uint32_t *ret_bytes)
{
        FakeVault *v = ctx;

        if (!is_alive(v))
                return -EIO;
        if (v->result != 0)
                return v->result;
        if (!user != !password)
                return -EINVAL;
        if (v->key == 0)
                v->key = ++v->last_key;
        v->seals++;
        return make(v, slot, fake_vault_digest(user, password), ret, ret_bytes);
}

static int read_blob(const FakeVault *v, const VaultSlot *slot, const uint8_t *sealed,
                     uint32_t bytes, Blob *ret)
{
        if (bytes < VAULT_SEALED_BYTES_MIN)
                return -EBADMSG;
        memcpy(ret, sealed, sizeof(*ret));
        if (ret->key == 0 || (ret->key != v->key && ret->key != v->previous))
                return VAULT_KEY_LOST;
        return guid_equal(&ret->slot.job, &slot->job) && ret->slot.target == slot->target &&
                               ret->slot.scheme == slot->scheme
                       ? 0
                       : -EBADMSG;
}

static int fake_reseal(void *ctx, const VaultSlot *slot, const uint8_t *sealed,
                       uint32_t sealed_bytes, uint8_t **ret, uint32_t *ret_bytes)
{
        FakeVault *v = ctx;
        Blob blob;
        int r;

        if (!is_alive(v))
                return -EIO;
        if (v->result != 0)
                return v->result;
        r = read_blob(v, slot, sealed, sealed_bytes, &blob);
        if (r != 0)
                return r;
        if (blob.key == v->key)
                return VAULT_UNCHANGED;
        v->reseals++;
        return make(v, slot, blob.digest, ret, ret_bytes);
}

static int fake_rekey_begin(void *ctx, bool *ret_made)
{
        FakeVault *v = ctx;

        if (!is_alive(v))
                return -EIO;
        if (v->result != 0)
                return v->result;
        *ret_made = v->key != 0 && v->previous == 0;
        if (*ret_made) {
                v->previous = v->key;
                v->key = ++v->last_key;
        }
        return 0;
}

static int fake_rekey_end(void *ctx)
{
        FakeVault *v = ctx;

        if (!is_alive(v))
                return -EIO;
        if (v->result != 0)
                return v->result;
        v->changes += v->previous != 0;
        v->previous = 0;
        return 0;
}

static int fake_rekey_pending(void *ctx, bool *ret_pending)
{
        const FakeVault *v = ctx;

        *ret_pending = v->previous != 0;
        return 0;
}

static const char *fake_why(void *ctx)
{
        (void) ctx;
        return "as the test wants it";
}

VaultPort fake_vault_port(FakeVault *v)
{
        return (VaultPort){
                .seal = fake_seal,
                .reseal = fake_reseal,
                .rekey_begin = fake_rekey_begin,
                .rekey_end = fake_rekey_end,
                .rekey_pending = fake_rekey_pending,
                .why = fake_why,
                .ctx = v,
        };
}

uint64_t fake_vault_open(const FakeVault *v, const GUID *job, const JobCredential *c)
{
        VaultSlot slot = {.job = *job, .target = c->target, .scheme = c->scheme};
        Blob blob;

        return read_blob(v, &slot, c->sealed, c->sealed_bytes, &blob) == 0 ? blob.digest : 0;
}

void fake_vault_lose_key(FakeVault *v)
{
        v->key = 0;
}
