/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong, in words for people: on which file, and why. Valid UTF-8, never a secret. */
#pragma once

enum { VAULT_WHY_BYTES = 512 };

typedef struct VaultWhy {
        char text[VAULT_WHY_BYTES]; /* "" = nothing to say */
} VaultWhy;

/* "dir/leaf: reason", or "dir: reason" without a leaf. A very long path is cut. */
void vault_why_set(VaultWhy *why, const char *dir, const char *leaf, const char *reason);
