/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tally.h"

#include <errno.h>

#include "base/alloc.h"

/* Names are users and addresses, which nobody can choose so that their sums meet. */
typedef struct Count {
        uint64_t key;
        uint32_t n;
} Count;

static uint64_t sum(const char *name)
{
        uint64_t h = 0xcbf29ce484222325u;

        for (; *name; name++)
                h = (h ^ (uint8_t) *name) * 0x100000001b3u;
        return h;
}

Hash *tally_new(uint64_t seed)
{
        return hash_new(sizeof(uint64_t), seed);
}

Hash *tally_free(Hash *tally)
{
        size_t pos = 0;
        Count *c;

        if (!tally)
                return NULL;
        while ((c = hash_next(tally, &pos)))
                mem_free(c);
        return hash_free(tally);
}

int tally_add(Hash *tally, const char *name)
{
        uint64_t key = sum(name);
        Count *c = hash_get(tally, &key);
        int r;

        if (c) {
                c->n++;
                return 0;
        }
        c = mem_new(Count);
        if (!c)
                return -ENOMEM;
        *c = (Count){key, 1};
        r = hash_put(tally, &c->key, c);
        if (r < 0)
                mem_free(c);
        return r;
}

void tally_remove(Hash *tally, const char *name)
{
        uint64_t key = sum(name);
        Count *c = hash_get(tally, &key);

        if (c && --c->n == 0)
                mem_free(hash_remove(tally, &key));
}

uint32_t tally_get(const Hash *tally, const char *name)
{
        uint64_t key = sum(name);
        const Count *c = hash_get(tally, &key);

        return c ? c->n : 0;
}
