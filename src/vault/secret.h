/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that must not be found later: passwords, user names, keys. They live in memory of their
 * own between guard pages, locked where the process may lock (else they may be swapped, nothing
 * worse), left out of core dumps, and wiped when freed. They know their length; a NUL that does
 * not count follows them, for libraries that want text.
 *
 * Made by secret_new() and secret_copy(), owned by the caller, never duplicated in secret. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

typedef struct Secret Secret;

/* Zeroed. 0, -ENOMEM (also when the limit of mappings is reached), -EMSGSIZE over
 * SECRET_BYTES_MAX, or -EIO when the crypto library does not work here. */
enum { SECRET_BYTES_MAX = 1 << 20 };
_must_use_ int secret_new(size_t bytes, Secret **ret);
_must_use_ int secret_copy(const void *data, size_t bytes, Secret **ret);
Secret *secret_free(Secret *s); /* wipes; NULL allowed; returns NULL */
DEFINE_CLEANUP(Secret *, secret_free)

/* Borrowed, as long as the secret lives. */
uint8_t *secret_data(Secret *s);
const uint8_t *secret_bytes_of(const Secret *s);
const char *secret_text(const Secret *s);
size_t secret_len_bytes(const Secret *s);
/* Shortens; what is cut off is wiped at once. A longer length than the present one is a bug. */
void secret_cut(Secret *s, size_t bytes);

/* The time it takes depends on the lengths alone. */
bool secret_equal(const Secret *a, const Secret *b);
/* Wipes memory of others in a way that no compiler leaves out. */
void secret_wipe(void *data, size_t bytes);
