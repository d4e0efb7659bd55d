/* SPDX-License-Identifier: Apache-2.0 */
/* The vault port without secrets: a blob tells which key, which slot and a digest of what was
 * sealed. Keys are numbers, kept over restarts like files. Misuse (a key dropped while the engine
 * still has blobs of it is the test's to see) shows when blobs do not open. */
#pragma once

#include "engine/port/vault.h"
#include "engine/types.h"

typedef struct FakeVault {
        uint32_t key, previous; /* 0 = none */
        uint32_t last_key;
        uint32_t blob_bytes; /* of every blob */
        uint32_t seals, reseals, changes;
        int result; /* what seal, reseal, begin and end answer, unless 0 */
        bool dead;
        void (*on_call)(void *ctx);
        void *on_call_ctx;
} FakeVault;

void fake_vault_init(FakeVault *v);
VaultPort fake_vault_port(FakeVault *v);
/* As whoever starts a worker would: the digest, or 0 when the blob does not open. */
uint64_t fake_vault_open(const FakeVault *v, const GUID *job, const JobCredential *c);
uint64_t fake_vault_digest(const char *user, const char *password);
/* The present key's blobs do not open any more. */
void fake_vault_lose_key(FakeVault *v);
