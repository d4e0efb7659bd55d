/* SPDX-License-Identifier: Apache-2.0 */
/* The form of a blob (vault.h draws it), with the key as an argument: no files here. */
#pragma once

#include "engine/port/vault.h"
#include "vault/vault.h"
#include "vault/vault_key.h"

/* -EINVAL: one of the two is NULL; -EMSGSIZE: too long; -EILSEQ: not UTF-8. */
_must_use_ int seal_check(const char *user, const char *password);
/* Caller has checked. *ret is the caller's (mem_free). 0 or -ENOMEM, -EIO. */
_must_use_ int seal_make(const VaultKey *key, const VaultSlot *slot, const char *user,
                         const char *password, uint8_t **ret, uint32_t *ret_bytes);
/* The name of the key that opens it, inside `sealed`; NULL when this is no blob of ours. */
const uint8_t *seal_key_id(const uint8_t *sealed, uint32_t sealed_bytes);
/* 0, -EBADMSG, or -ENOMEM, -EIO. The key must be that of seal_key_id(). */
_must_use_ int seal_open(const VaultKey *key, const VaultSlot *slot, const uint8_t *sealed,
                         uint32_t sealed_bytes, Credential *ret);
/* The same content from one key to the other; returns as both above. */
_must_use_ int seal_again(const VaultKey *old_key, const VaultKey *new_key, const VaultSlot *slot,
                          const uint8_t *sealed, uint32_t sealed_bytes, uint8_t **ret,
                          uint32_t *ret_bytes);
