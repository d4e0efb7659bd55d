/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials at rest: the port of engine/port/vault.h, and opening. A blob is
 *
 *   version 1 │ name of the key 16 │ nonce 24 │ ciphertext, a multiple of 64 │ tag 16
 *
 * XChaCha20-Poly1305 with a random nonce; the associated data are the version, the name of the
 * key, and the slot. Inside: kind, lengths, user name, password, zeros up to a multiple of 64
 * bytes, so that the size of a blob does not tell the length of a password.
 *
 * Returns are those of the port: 0, a positive VaultOutcome, or a negative errno. */
#pragma once

#include <sys/types.h>

#include "engine/port/vault.h"
#include "vault/secret.h"

typedef struct Vault Vault;

/* What is in a slot. Both NULL: implicit credentials, the owner's own identity. */
typedef struct Credential {
        Secret *user;
        Secret *password;
} Credential;

void credential_done(Credential *c); /* wipes; a zeroed one is allowed, and left behind */

/* Touches nothing yet. state_dir NULL: nothing is kept, and without a handed key one is made that
 * lives in memory. credentials_dir is $CREDENTIALS_DIRECTORY, NULL when unset; both are absolute
 * paths and copied (-EINVAL for a relative one). Key files must belong to `uid`. */
_must_use_ int vault_new(const char *state_dir, const char *credentials_dir, uid_t uid,
                         Vault **ret);
Vault *vault_free(Vault *v); /* NULL allowed; returns NULL */
DEFINE_CLEANUP(Vault *, vault_free)
/* Valid as long as the vault. */
VaultPort vault_port(Vault *v);

/* Never makes a key. *ret is the caller's: credential_done() as soon as it has been used.
 * VAULT_KEY_LOST, VAULT_KEY_REFUSED; -EBADMSG: damaged, or another slot's. */
_must_use_ int vault_open(Vault *v, const VaultSlot *slot, const uint8_t *sealed,
                          uint32_t sealed_bytes, Credential *ret);
/* What the last call had to say: "" after success. Valid until the next one. */
const char *vault_why(const Vault *v);
