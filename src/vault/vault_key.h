/* SPDX-License-Identifier: Apache-2.0 */
/* One key of the vault, as a value: 256 random bits and the name derived from them that stands in
 * every blob sealed with it. Nothing here touches files (key_file.h does). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vault/secret.h"

enum {
        VAULT_KEY_BYTES = 32,
        VAULT_KEY_ID_BYTES = 16,
        VAULT_KEY_TEXT_BYTES = 2 * VAULT_KEY_BYTES + 1, /* hexadecimal and a line feed */
};

typedef struct VaultKey {
        Secret *bytes;
        uint8_t id[VAULT_KEY_ID_BYTES]; /* says nothing about the key itself */
} VaultKey;

/* Wipes; a zeroed one is allowed, and left behind. */
void vault_key_done(VaultKey *key);

/* 0 or what secret_new() may say; *ret is the caller's. */
_must_use_ int vault_key_make(VaultKey *ret);
/* Out of the content of a file: 32 raw bytes, or 64 hexadecimal digits and perhaps a line feed.
 * -EBADMSG: neither, or all bits zero (what some file systems leave after a crash). */
_must_use_ int vault_key_parse(const Secret *content, VaultKey *ret);
/* As such a content, in hexadecimal. */
_must_use_ int vault_key_format(const VaultKey *key, Secret **ret);
bool vault_key_has_id(const VaultKey *key, const uint8_t id[VAULT_KEY_ID_BYTES]);
