/* SPDX-License-Identifier: Apache-2.0 */
/* How many of something each name has: sessions of a user, connections of an address. */
#pragma once

#include <stdint.h>

#include "base/hash.h"

/* NULL: no memory. */
_must_use_ Hash *tally_new(uint64_t seed);
Hash *tally_free(Hash *tally); /* NULL allowed */
DEFINE_CLEANUP(Hash *, tally_free)
/* 0 or -ENOMEM. */
_must_use_ int tally_add(Hash *tally, const char *name);
void tally_remove(Hash *tally, const char *name);
uint32_t tally_get(const Hash *tally, const char *name);
