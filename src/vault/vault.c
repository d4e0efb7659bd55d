/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/vault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "vault/key_ring.h"
#include "vault/seal.h"

struct Vault {
        KeyPlaces places;
        VaultKey unkept; /* the key when nothing is kept; zeroed until it is needed */
        /* Name of the key that is known to be on disk. */
        uint8_t synced_id[VAULT_KEY_ID_BYTES];
        bool has_synced;
        VaultWhy why;
};

void credential_done(Credential *c)
{
        c->user = secret_free(c->user);
        c->password = secret_free(c->password);
}

static int copy_path(const char *path, char **ret)
{
        char *copy;

        if (!path)
                return 0;
        if (!path_is_absolute(path))
                return -EINVAL;
        copy = mem_strdup(path);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int vault_new(const char *state_dir, const char *credentials_dir, uid_t uid, Vault **ret)
{
        _cleanup_(vault_freep) Vault *v = mem_new(Vault);
        int r;

        if (!v)
                return -ENOMEM;
        v->places.uid = uid;
        r = copy_path(state_dir, &v->places.state_dir);
        if (r == 0)
                r = copy_path(credentials_dir, &v->places.credentials_dir);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(v);
        return 0;
}

Vault *vault_free(Vault *v)
{
        if (!v)
                return NULL;
        vault_key_done(&v->unkept);
        mem_free(v->places.state_dir);
        mem_free(v->places.credentials_dir);
        mem_free(v);
        return NULL;
}

const char *vault_why(const Vault *v)
{
        return v->why.text;
}

/* Every failure has words; those of files have their own. */
static int finish(Vault *v, int r)
{
        if (r >= 0 || *v->why.text)
                return r;
        (void) snprintf(v->why.text, sizeof(v->why.text), "credentials: %s",
                        r == -EBADMSG ? "damaged, or of another slot" : strerror(-r));
        return r;
}

/* A result of key_ring.h as one of the port. */
static int outcome(int r)
{
        return r == KEY_FILE_REFUSED ? VAULT_KEY_REFUSED : r;
}

static int add_unkept(const Vault *v, KeyRing *ring)
{
        VaultKey *key = &ring->keys[0];
        int r;

        if (ring->len > 0 || !v->unkept.bytes)
                return 0;
        r = secret_copy(secret_bytes_of(v->unkept.bytes), VAULT_KEY_BYTES, &key->bytes);
        if (r < 0)
                return r;
        memcpy(key->id, v->unkept.id, sizeof(key->id));
        ring->len = 1;
        return 0;
}

static int load(Vault *v, KeyRing *ret)
{
        int r = outcome(key_ring_load(&v->places, ret, &v->why));

        return r == 0 ? add_unkept(v, ret) : r;
}

static int make_first(Vault *v, KeyRing *ret)
{
        int r;

        if (v->places.state_dir)
                r = outcome(key_ring_make_first(&v->places, &v->why));
        else
                r = vault_key_make(&v->unkept);
        return r == 0 ? load(v, ret) : r;
}

/* What is sealed may soon be on disk: its key has to be there first. */
static int sync_key(Vault *v, const KeyRing *ring)
{
        const VaultKey *key = &ring->keys[0];
        int r;

        if (v->has_synced && vault_key_has_id(key, v->synced_id))
                return 0;
        r = outcome(key_ring_sync(&v->places, ring, &v->why));
        if (r != 0)
                return r;
        memcpy(v->synced_id, key->id, sizeof(v->synced_id));
        v->has_synced = true;
        return 0;
}

static int load_for_sealing(Vault *v, KeyRing *ret)
{
        int r = load(v, ret);

        if (r == 0 && ret->len == 0)
                r = make_first(v, ret);
        if (r == 0 && ret->len == 0)
                return -EIO; /* taken away again by somebody */
        return r == 0 ? sync_key(v, ret) : r;
}

static int key_lost(Vault *v, const uint8_t *id)
{
        (void) snprintf(v->why.text, sizeof(v->why.text),
                        "the vault key %02x%02x%02x%02x that these credentials are sealed with is "
                        "not here",
                        id[0], id[1], id[2], id[3]);
        return VAULT_KEY_LOST;
}

/* The key of the ring that opens this. */
static int find_key(Vault *v, const KeyRing *ring, const uint8_t *sealed, uint32_t sealed_bytes,
                    const VaultKey **ret)
{
        const uint8_t *id = seal_key_id(sealed, sealed_bytes);
        const VaultKey *key;

        if (!id)
                return -EBADMSG;
        key = key_ring_find(ring, id);
        if (!key)
                return key_lost(v, id);
        *ret = key;
        return 0;
}

int vault_open(Vault *v, const VaultSlot *slot, const uint8_t *sealed, uint32_t sealed_bytes,
               Credential *ret)
{
        _cleanup_(key_ring_done) KeyRing ring = {0};
        const VaultKey *key;
        int r;

        v->why.text[0] = '\0';
        r = load(v, &ring);
        if (r == 0)
                r = find_key(v, &ring, sealed, sealed_bytes, &key);
        if (r == 0)
                r = seal_open(key, slot, sealed, sealed_bytes, ret);
        return finish(v, r);
}

static int port_seal(void *ctx, const VaultSlot *slot, const char *user, const char *password,
                     uint8_t **ret, uint32_t *ret_bytes)
{
        _cleanup_(key_ring_done) KeyRing ring = {0};
        Vault *v = ctx;
        int r;

        v->why.text[0] = '\0';
        r = seal_check(user, password);
        if (r == 0)
                r = load_for_sealing(v, &ring);
        if (r == 0)
                r = seal_make(&ring.keys[0], slot, user, password, ret, ret_bytes);
        return finish(v, r);
}

static int reseal(Vault *v, const VaultSlot *slot, const uint8_t *sealed, uint32_t sealed_bytes,
                  uint8_t **ret, uint32_t *ret_bytes)
{
        _cleanup_(key_ring_done) KeyRing ring = {0};
        _cleanup_free_ uint8_t *resealed = NULL;
        const VaultKey *key;
        uint32_t bytes = 0;
        int r = load(v, &ring);

        if (r == 0)
                r = find_key(v, &ring, sealed, sealed_bytes, &key);
        if (r == 0)
                r = sync_key(v, &ring);
        /* Also when the key is the present one: damage is to be said. */
        if (r == 0)
                r = seal_again(key, &ring.keys[0], slot, sealed, sealed_bytes, &resealed, &bytes);
        if (r != 0)
                return r;
        if (key == &ring.keys[0])
                return VAULT_UNCHANGED;
        *ret = TAKE_PTR(resealed);
        *ret_bytes = bytes;
        return 0;
}

static int port_reseal(void *ctx, const VaultSlot *slot, const uint8_t *sealed,
                       uint32_t sealed_bytes, uint8_t **ret, uint32_t *ret_bytes)
{
        Vault *v = ctx;

        v->why.text[0] = '\0';
        return finish(v, reseal(v, slot, sealed, sealed_bytes, ret, ret_bytes));
}

static int port_rekey_begin(void *ctx, bool *ret_made)
{
        Vault *v = ctx;
        int r;

        v->why.text[0] = '\0';
        r = outcome(key_ring_begin(&v->places, ret_made, &v->why));
        return finish(v, r);
}

static int port_rekey_end(void *ctx)
{
        Vault *v = ctx;
        int r;

        v->why.text[0] = '\0';
        r = outcome(key_ring_end(&v->places, &v->why));
        return finish(v, r);
}

static int port_rekey_pending(void *ctx, bool *ret_pending)
{
        _cleanup_(key_ring_done) KeyRing ring = {0};
        Vault *v = ctx;
        int r;

        v->why.text[0] = '\0';
        r = load(v, &ring);
        if (r == 0)
                *ret_pending = key_ring_is_changing(&ring);
        return finish(v, r);
}

static const char *port_why(void *ctx)
{
        return vault_why(ctx);
}

VaultPort vault_port(Vault *v)
{
        return (VaultPort){
                .seal = port_seal,
                .reseal = port_reseal,
                .rekey_begin = port_rekey_begin,
                .rekey_end = port_rekey_end,
                .rekey_pending = port_rekey_pending,
                .why = port_why,
                .ctx = v,
        };
}
