/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys there are. They are read anew for each use and are in memory no longer than that: a
 * key put back, or mended, is found without a restart, and one that is gone is missed at once.
 *
 *   $CREDENTIALS_DIRECTORY   bitsd-vault-key            seals, when it is there; opens
 *                            bitsd-vault-key-previous   opens (only beside the first)
 *   state directory          vault.key.new              seals, when there is no credential; opens.
 *                                                       Only during a change of the key
 *                            vault.key                  seals, when neither is there; opens
 *
 * Every one of them that exists must be usable, or the whole ring is refused: going on without one
 * would only hide what is wrong until a blob needs it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "vault/key_file.h"

enum { KEY_RING_MAX = 4 };

typedef struct KeyPlaces {
        char *state_dir;       /* NULL: nothing is kept, and keys come from credentials_dir alone */
        char *credentials_dir; /* NULL: none */
        uid_t uid;
} KeyPlaces;

typedef struct KeyRing {
        VaultKey keys[KEY_RING_MAX]; /* the first one seals, all open; no two are the same */
        unsigned len;
        const char *sealing_leaf; /* file of the first one in the state directory; NULL: handed */
} KeyRing;

void key_ring_done(KeyRing *ring);

/* 0 (also with no key at all), KEY_FILE_REFUSED or negative errno. */
_must_use_ int key_ring_load(const KeyPlaces *places, KeyRing *ret, VaultWhy *why);
/* A new vault.key. 0, KEY_FILE_REFUSED or negative errno. */
_must_use_ int key_ring_make_first(const KeyPlaces *places, VaultWhy *why);
/* Makes sure that the sealing key is on disk; nothing to do for a handed one. Also for files we
 * have not made in this process: what is sealed with them must not outlive them. */
_must_use_ int key_ring_sync(const KeyPlaces *places, const KeyRing *ring, VaultWhy *why);

/* A change of the key; see engine/port/vault.h. key_ring_begin makes vault.key.new, if there is a
 * vault.key to change and none under way; key_ring_end puts it in its place, or, once the key is
 * handed to us, removes the files it replaces. */
_must_use_ int key_ring_begin(const KeyPlaces *places, bool *ret_made, VaultWhy *why);
_must_use_ int key_ring_end(const KeyPlaces *places, VaultWhy *why);
/* Two keys, or a new one not yet in its place: key_ring_end() has not been reached. */
bool key_ring_is_changing(const KeyRing *ring);
/* The key of this name, or NULL. Borrowed. */
const VaultKey *key_ring_find(const KeyRing *ring, const uint8_t id[VAULT_KEY_ID_BYTES]);
