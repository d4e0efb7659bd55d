/* SPDX-License-Identifier: Apache-2.0 */
/* Hash table from a fixed-size key that lives inside the value to the value. The table owns
 * neither. The hash is seeded by the caller, so that a stranger cannot choose colliding keys and
 * a simulation stays deterministic. Iteration order is unspecified. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "attr.h"
#include "cleanup.h"

typedef struct Hash Hash;

/* key_bytes: length of every key. NULL when out of memory. */
_must_use_ Hash *hash_new(size_t key_bytes, uint64_t seed);
Hash *hash_free(Hash *h); /* NULL allowed; returns NULL; values are not touched */
DEFINE_CLEANUP(Hash *, hash_free)
/* 0, -EEXIST (unchanged) or -ENOMEM. `key` must stay valid and unchanged while it is in. */
_must_use_ int hash_put(Hash *h, const void *key, void *value);
void *hash_get(const Hash *h, const void *key); /* NULL when absent */
void *hash_remove(Hash *h, const void *key);    /* the removed value, NULL when absent */
size_t hash_size(const Hash *h);
/* Iteration: *pos starts at 0; NULL at the end. The table must not change in between. */
void *hash_next(const Hash *h, size_t *pos);
