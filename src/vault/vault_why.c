/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/vault_why.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define DIR_SHOWN_BYTES 320
#define LEAF_SHOWN_BYTES 64

void vault_why_set(VaultWhy *why, const char *dir, const char *leaf, const char *reason)
{
        char shown_dir[DIR_SHOWN_BYTES], shown_leaf[LEAF_SHOWN_BYTES] = "";

        (void) str_escape(shown_dir, sizeof(shown_dir), dir);
        if (leaf)
                (void) str_escape(shown_leaf, sizeof(shown_leaf), leaf);
        (void) snprintf(why->text, sizeof(why->text), "%s%s%s: %s", shown_dir, leaf ? "/" : "",
                        shown_leaf, reason);
}
