/* SPDX-License-Identifier: Apache-2.0 */
#include "hash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "alloc.h"

/* Open addressing with linear probing. Removal shifts later entries back instead of leaving
 * tombstones, so that probe lengths depend on the content alone, not on the history. Keys are
 * hashed with SipHash-1-3 (Aumasson and Bernstein), which is keyed: colliding keys cannot be
 * chosen without the seed. */

#define FIRST_CAP 16 /* a power of two, as every capacity is */

typedef struct HashSlot {
        uint64_t hash;
        const void *key; /* NULL = free */
        void *value;
} HashSlot;

struct Hash {
        HashSlot *slots;
        size_t cap; /* 0 before the first entry */
        size_t len;
        size_t key_bytes;
        uint64_t sip_key[2];
};

typedef struct SipState {
        uint64_t v0, v1, v2, v3;
} SipState;

static inline uint64_t rotate_left(uint64_t x, unsigned bits)
{
        return x << bits | x >> (64 - bits);
}

static inline void sip_round(SipState *s)
{
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate_left(s->v1, 13) ^ s->v0;
        s->v3 = rotate_left(s->v3, 16) ^ s->v2;
        s->v0 = rotate_left(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate_left(s->v1, 17) ^ s->v2;
        s->v3 = rotate_left(s->v3, 21) ^ s->v0;
        s->v2 = rotate_left(s->v2, 32);
}

static inline void sip_feed(SipState *s, uint64_t word)
{
        s->v3 ^= word;
        sip_round(s);
        s->v0 ^= word;
}

static uint64_t hash_of(const Hash *h, const void *key)
{
        SipState s = {
                .v0 = h->sip_key[0] ^ 0x736f6d6570736575,
                .v1 = h->sip_key[1] ^ 0x646f72616e646f6d,
                .v2 = h->sip_key[0] ^ 0x6c7967656e657261,
                .v3 = h->sip_key[1] ^ 0x7465646279746573,
        };
        const uint8_t *p = key;
        size_t left = h->key_bytes;
        uint64_t word;

        for (; left >= sizeof(word); p += sizeof(word), left -= sizeof(word)) {
                memcpy(&word, p, sizeof(word));
                sip_feed(&s, le64toh(word)); /* the same order on every machine */
        }
        word = 0;
        memcpy(&word, p, left);
        sip_feed(&s, le64toh(word) | (uint64_t) h->key_bytes << 56);
        s.v2 ^= 0xff;
        sip_round(&s);
        sip_round(&s);
        sip_round(&s);
        return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* Spreads one seed over the two words of the key (the splitmix64 step). */
static uint64_t next_seed(uint64_t *state)
{
        uint64_t z = *state += 0x9e3779b97f4a7c15;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
}

Hash *hash_new(size_t key_bytes, uint64_t seed)
{
        Hash *h = mem_new(Hash);

        if (!h)
                return NULL;
        h->key_bytes = key_bytes;
        h->sip_key[0] = next_seed(&seed);
        h->sip_key[1] = next_seed(&seed);
        return h;
}

Hash *hash_free(Hash *h)
{
        if (h) {
                mem_free(h->slots);
                mem_free(h);
        }
        return NULL;
}

/* The slot of the key, or the free slot where it belongs. At least one slot is free. */
static HashSlot *find_slot(const Hash *h, const void *key, uint64_t hash)
{
        size_t mask = h->cap - 1;
        size_t i = (size_t) hash & mask;

        while (h->slots[i].key) {
                if (h->slots[i].hash == hash && memcmp(h->slots[i].key, key, h->key_bytes) == 0)
                        break;
                i = (i + 1) & mask;
        }
        return &h->slots[i];
}

static int resize(Hash *h, size_t cap)
{
        HashSlot *slots = mem_array(cap, sizeof(*slots));
        size_t mask = cap - 1;

        if (!slots)
                return -ENOMEM;
        for (size_t i = 0; i < h->cap; i++) {
                size_t to = (size_t) h->slots[i].hash & mask;

                if (!h->slots[i].key)
                        continue;
                while (slots[to].key)
                        to = (to + 1) & mask;
                slots[to] = h->slots[i];
        }
        mem_free(h->slots);
        h->slots = slots;
        h->cap = cap;
        return 0;
}

int hash_put(Hash *h, const void *key, void *value)
{
        uint64_t hash = hash_of(h, key);
        HashSlot *slot;
        int r;

        if (h->len > 0) {
                slot = find_slot(h, key, hash);
                if (slot->key)
                        return -EEXIST;
        }
        if (h->len >= h->cap / 4 * 3) {
                r = resize(h, h->cap > 0 ? h->cap * 2 : FIRST_CAP);
                if (r < 0)
                        return r;
        }
        slot = find_slot(h, key, hash);
        *slot = (HashSlot){.hash = hash, .key = key, .value = value};
        h->len++;
        return 0;
}

void *hash_get(const Hash *h, const void *key)
{
        if (h->len == 0)
                return NULL;
        return find_slot(h, key, hash_of(h, key))->value;
}

/* Fills the hole at `hole` with later entries of the same run that may move there. */
static void close_hole(Hash *h, size_t hole)
{
        size_t mask = h->cap - 1;

        for (size_t i = (hole + 1) & mask; h->slots[i].key; i = (i + 1) & mask) {
                size_t home = (size_t) h->slots[i].hash & mask;

                /* It may move when the hole is not before its home, seen around the ring. */
                if (((i - home) & mask) >= ((i - hole) & mask)) {
                        h->slots[hole] = h->slots[i];
                        hole = i;
                }
        }
        h->slots[hole] = (HashSlot){0};
}

void *hash_remove(Hash *h, const void *key)
{
        HashSlot *slot;
        void *value;

        if (h->len == 0)
                return NULL;
        slot = find_slot(h, key, hash_of(h, key));
        if (!slot->key)
                return NULL;
        value = slot->value;
        close_hole(h, (size_t) (slot - h->slots));
        h->len--;
        if (h->cap > FIRST_CAP && h->len < h->cap / 8)
                (void) resize(h, h->cap / 2); /* out of memory: the table just stays large */
        return value;
}

size_t hash_size(const Hash *h)
{
        return h->len;
}

void *hash_next(const Hash *h, size_t *pos)
{
        while (*pos < h->cap) {
                const HashSlot *slot = &h->slots[(*pos)++];

                if (slot->key)
                        return slot->value;
        }
        return NULL;
}
