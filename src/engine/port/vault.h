/* SPDX-License-Identifier: Apache-2.0 */
/* Port "vault": credentials at rest. Implemented by src/vault. The engine keeps what seal() gives
 * it as an opaque blob of the job, one for each slot it was sealed for; the store keeps it as it
 * is. Only whoever moves bytes opens a blob (vault/vault.h), at the moment it needs it.
 *
 * Functions return 0, a positive VaultOutcome, or a negative errno. After anything but 0 and
 * VAULT_UNCHANGED, why() says in words what is wrong; no text ever holds a secret. Nothing here
 * waits for anything but the key's file.
 *
 * A change of the key, which a crash may interrupt anywhere:
 *
 *   rekey_begin → reseal every blob of every job, ended ones too → durable commit → rekey_end
 *
 * Both keys open until the end, so there may be several commits, and turns of the loop between
 * them; the last one has to be durable. What is sealed meanwhile takes the new key.
 *
 * rekey_pending() after a start says that this was interrupted: then it is done again from the
 * beginning, which finds the new key already made. Blobs whose key is lost or that are damaged
 * stay as they are and need not hold it up: no key will open them. After any other failure
 * rekey_end() must not be called, for it destroys the old key. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wintypes.h"

enum {
        VAULT_USER_UNITS_MAX = 300, /* UTF-16 units */
        VAULT_PASSWORD_UNITS_MAX = 65536,
        VAULT_SEALED_BYTES_MIN = 121,    /* no blob is smaller, */
        VAULT_SEALED_BYTES_MAX = 197625, /* none larger */
};

typedef enum VaultOutcome {
        VAULT_DONE,
        VAULT_UNCHANGED,   /* reseal: sealed with the present key already */
        VAULT_KEY_LOST,    /* sealed with a key that is not here: set the credentials again, or
                              bring the key back and Resume */
        VAULT_KEY_REFUSED, /* the key is there but must not or cannot be used: mend it, and Resume
                            */
        VAULT_OUTCOME_MAX,
} VaultOutcome;

/* What a blob belongs to. Opened for any other slot it is refused as damaged. */
typedef struct VaultSlot {
        GUID job;
        uint32_t target; /* BG_AUTH_TARGET */
        uint32_t scheme; /* BG_AUTH_SCHEME */
} VaultSlot;

typedef struct VaultPort {
        /* Seals user name and password, UTF-8, or implicit credentials when both are NULL. Makes
         * the key when there is none. *ret is the caller's (mem_free). The texts stay the
         * caller's, who wipes them. -EINVAL: only one is NULL; -EMSGSIZE: over the limits above;
         * -EILSEQ: no UTF-8. */
        int (*seal)(void *ctx, const VaultSlot *slot, const char *user, const char *password,
                    uint8_t **ret, uint32_t *ret_bytes);
        /* The same content under the present key. *ret is the caller's, and set only with 0.
         * -EBADMSG: damaged, or another slot's. */
        int (*reseal)(void *ctx, const VaultSlot *slot, const uint8_t *sealed,
                      uint32_t sealed_bytes, uint8_t **ret, uint32_t *ret_bytes);
        /* *ret_made: a new key was made by this call. Not so when a change was under way, when
         * there is no key yet, and when the key is not ours to make (it comes from the service
         * manager); what follows is the same. */
        int (*rekey_begin)(void *ctx, bool *ret_made);
        int (*rekey_end)(void *ctx);
        int (*rekey_pending)(void *ctx, bool *ret_pending);
        const char *(*why)(void *ctx); /* valid until the next call; "" at first */
        void *ctx;
} VaultPort;
