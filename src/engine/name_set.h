/* SPDX-License-Identifier: Apache-2.0 */
/* The local names of one job, so that no two of its files go to one place. Holds borrowed strings
 * that must outlive it. Small sets stay a plain array: most jobs have one file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

typedef struct NameSet {
        const char **slots; /* open addressing; NULL = free */
        uint32_t cap;       /* a power of two, or 0 */
        uint32_t len;
        uint64_t seed;
} NameSet;

void name_set_init(NameSet *set, uint64_t seed);
void name_set_done(NameSet *set);
/* Makes room for n more, so that name_set_add() cannot fail. 0 or -ENOMEM. */
_must_use_ int name_set_reserve(NameSet *set, uint32_t n);
bool name_set_has(const NameSet *set, const char *name);
/* Room must have been reserved; the name must not be in. */
void name_set_add(NameSet *set, const char *name);
/* The last added names may be taken out again, in any order. */
void name_set_remove(NameSet *set, const char *name);
