/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/key_ring.h"

#include <errno.h>

#include "base/str.h"

#define HANDED_LEAF "bitsd-vault-key"
#define HANDED_PREVIOUS_LEAF "bitsd-vault-key-previous"
#define FILE_LEAF "vault.key"
#define FILE_NEW_LEAF "vault.key.new"

void key_ring_done(KeyRing *ring)
{
        for (unsigned i = 0; i < ring->len; i++)
                vault_key_done(&ring->keys[i]);
        *ring = (KeyRing){0};
}

const VaultKey *key_ring_find(const KeyRing *ring, const uint8_t id[VAULT_KEY_ID_BYTES])
{
        for (unsigned i = 0; i < ring->len; i++) {
                if (vault_key_has_id(&ring->keys[i], id))
                        return &ring->keys[i];
        }
        return NULL;
}

static int add_file(KeyRing *ring, const KeyDir *dir, const char *leaf, VaultWhy *why)
{
        VaultKey key;
        int r = key_file_read(dir, leaf, &key, why);

        if (r != 0)
                return r;
        if (ring->len == 0)
                ring->sealing_leaf = dir->handed ? NULL : leaf;
        if (key_ring_find(ring, key.id))
                vault_key_done(&key);
        else
                ring->keys[ring->len++] = key;
        return 0;
}

/* Adds the files of one directory in this order; a missing first one ends it when `needs_first`. */
static int add_dir(KeyRing *ring, const KeyDir *dir, const char *first, const char *second,
                   bool needs_first, VaultWhy *why)
{
        int r = add_file(ring, dir, first, why);

        if (r == KEY_FILE_NONE && needs_first)
                return 0;
        if (r == 0 || r == KEY_FILE_NONE)
                r = add_file(ring, dir, second, why);
        return r == KEY_FILE_NONE ? 0 : r;
}

static int add_handed(KeyRing *ring, const KeyPlaces *places, VaultWhy *why)
{
        _cleanup_(key_dir_close) KeyDir dir = {.fd = -1};
        int r;

        if (!places->credentials_dir)
                return 0;
        r = key_dir_open(places->credentials_dir, places->uid, true, &dir, why);
        if (r != 0)
                return r == KEY_FILE_NONE ? 0 : r;
        return add_dir(ring, &dir, HANDED_LEAF, HANDED_PREVIOUS_LEAF, true, why);
}

static int open_state_dir(const KeyPlaces *places, KeyDir *ret, VaultWhy *why)
{
        return key_dir_open(places->state_dir, places->uid, false, ret, why);
}

/* During a change both files are there: the new one seals. */
static int add_own(KeyRing *ring, const KeyPlaces *places, VaultWhy *why)
{
        _cleanup_(key_dir_close) KeyDir dir = {.fd = -1};
        int r;

        if (!places->state_dir)
                return 0;
        r = open_state_dir(places, &dir, why);
        if (r != 0)
                return r == KEY_FILE_NONE ? 0 : r;
        return add_dir(ring, &dir, FILE_NEW_LEAF, FILE_LEAF, false, why);
}

int key_ring_load(const KeyPlaces *places, KeyRing *ret, VaultWhy *why)
{
        _cleanup_(key_ring_done) KeyRing ring = {0};
        int r = add_handed(&ring, places, why);

        if (r == 0)
                r = add_own(&ring, places, why);
        if (r != 0)
                return r;
        *ret = ring;
        ring = (KeyRing){0};
        return 0;
}

/* Where files are made; a state directory that is gone is no place for a key. */
static int open_for_making(const KeyPlaces *places, KeyDir *ret, VaultWhy *why)
{
        int r;

        if (!places->state_dir)
                return -ENOTDIR;
        r = open_state_dir(places, ret, why);
        if (r == KEY_FILE_NONE) {
                vault_why_set(why, places->state_dir, NULL, "there is no such directory");
                return KEY_FILE_REFUSED;
        }
        return r;
}

static int make_key(const KeyPlaces *places, const char *leaf, VaultWhy *why)
{
        _cleanup_(key_dir_close) KeyDir dir = {.fd = -1};
        _cleanup_(vault_key_done) VaultKey key = {0};
        int r = open_for_making(places, &dir, why);

        if (r != 0)
                return r;
        r = vault_key_make(&key);
        if (r < 0)
                return r;
        return key_file_make(&dir, leaf, &key, why);
}

int key_ring_make_first(const KeyPlaces *places, VaultWhy *why)
{
        return make_key(places, FILE_LEAF, why);
}

int key_ring_sync(const KeyPlaces *places, const KeyRing *ring, VaultWhy *why)
{
        _cleanup_(key_dir_close) KeyDir dir = {.fd = -1};
        int r;

        if (ring->len == 0 || !ring->sealing_leaf)
                return 0;
        r = open_for_making(places, &dir, why);
        if (r == 0)
                r = key_file_sync(&dir, ring->sealing_leaf, why);
        return r == KEY_FILE_NONE ? -EAGAIN : r;
}

int key_ring_begin(const KeyPlaces *places, bool *ret_made, VaultWhy *why)
{
        _cleanup_(key_ring_done) KeyRing ring = {0};
        int r = key_ring_load(places, &ring, why);

        if (r != 0)
                return r;
        /* A vault.key.new means that a change is under way. A key that was handed to us is changed
         * by whoever did so. */
        if (!ring.sealing_leaf || !str_equal(ring.sealing_leaf, FILE_LEAF)) {
                *ret_made = false;
                return 0;
        }
        r = make_key(places, FILE_NEW_LEAF, why);
        if (r == 0)
                *ret_made = true;
        return r;
}

static int remove_own(const KeyDir *dir, VaultWhy *why)
{
        int r = key_file_remove(dir, FILE_NEW_LEAF, why);

        return r < 0 ? r : key_file_remove(dir, FILE_LEAF, why);
}

bool key_ring_is_changing(const KeyRing *ring)
{
        return ring->len > 1 ||
               (ring->sealing_leaf && str_equal(ring->sealing_leaf, FILE_NEW_LEAF));
}

int key_ring_end(const KeyPlaces *places, VaultWhy *why)
{
        _cleanup_(key_dir_close) KeyDir dir = {.fd = -1};
        _cleanup_(key_ring_done) KeyRing ring = {0};
        int r = key_ring_load(places, &ring, why);

        if (r != 0)
                return r;
        if (ring.len == 0 || !places->state_dir)
                return 0;
        r = open_state_dir(places, &dir, why);
        if (r != 0)
                return r == KEY_FILE_NONE ? 0 : r;
        if (!ring.sealing_leaf)
                return remove_own(&dir, why);
        if (str_equal(ring.sealing_leaf, FILE_NEW_LEAF))
                return key_file_replace(&dir, FILE_NEW_LEAF, FILE_LEAF, why);
        return 0;
}
