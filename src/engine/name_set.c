/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/name_set.h"

#include <errno.h>
#include <stddef.h>

#include "base/alloc.h"
#include "engine/file_name.h"

enum { NAME_SET_MIN_CAP = 4 };

void name_set_init(NameSet *set, uint64_t seed)
{
        *set = (NameSet){.seed = seed};
}

void name_set_done(NameSet *set)
{
        mem_free(set->slots);
        *set = (NameSet){0};
}

static uint32_t find_slot(const NameSet *set, const char *name)
{
        uint32_t mask = set->cap - 1;
        uint32_t i = (uint32_t) local_name_hash(name, set->seed) & mask;

        while (set->slots[i] && !local_name_equal(set->slots[i], name))
                i = (i + 1) & mask;
        return i;
}

int name_set_reserve(NameSet *set, uint32_t n)
{
        uint64_t want = ((uint64_t) set->len + n) * 4 / 3 + 1; /* three quarters full at most */
        uint64_t cap = set->cap ? set->cap : NAME_SET_MIN_CAP;
        NameSet bigger = {.seed = set->seed, .len = set->len};

        while (cap < want)
                cap *= 2;
        if (cap == set->cap)
                return 0;
        if (cap > UINT32_MAX)
                return -ENOMEM;
        bigger.slots = mem_array(cap, sizeof(*bigger.slots));
        if (!bigger.slots)
                return -ENOMEM;
        bigger.cap = (uint32_t) cap;
        for (uint32_t i = 0; i < set->cap; i++)
                if (set->slots[i])
                        bigger.slots[find_slot(&bigger, set->slots[i])] = set->slots[i];
        mem_free(set->slots);
        *set = bigger;
        return 0;
}

bool name_set_has(const NameSet *set, const char *name)
{
        return set->cap > 0 && set->slots[find_slot(set, name)] != NULL;
}

void name_set_add(NameSet *set, const char *name)
{
        set->slots[find_slot(set, name)] = name;
        set->len++;
}

void name_set_remove(NameSet *set, const char *name)
{
        uint32_t mask = set->cap - 1;
        uint32_t i;

        if (set->cap == 0)
                return;
        i = find_slot(set, name);
        if (!set->slots[i])
                return;
        set->slots[i] = NULL;
        set->len--;
        /* Names behind the hole move up, so that no search ends early. */
        for (i = (i + 1) & mask; set->slots[i]; i = (i + 1) & mask) {
                const char *moved = set->slots[i];

                set->slots[i] = NULL;
                set->slots[find_slot(set, moved)] = moved;
        }
}
