/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <errno.h>

#include "alloc.h"

#define FIRST_CAP 16

void heap_init(Heap *h)
{
        *h = (Heap){0};
}

void heap_done(Heap *h)
{
        for (size_t i = 1; i <= h->len; i++)
                h->nodes[i]->slot = 0;
        mem_free(h->nodes);
        *h = (Heap){0};
}

static bool leaves_before(const HeapNode *a, const HeapNode *b)
{
        return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void place(Heap *h, size_t slot, HeapNode *n)
{
        h->nodes[slot] = n;
        n->slot = slot;
}

static void sift_up(Heap *h, HeapNode *n)
{
        size_t slot = n->slot;

        while (slot > 1 && leaves_before(n, h->nodes[slot / 2])) {
                place(h, slot, h->nodes[slot / 2]);
                slot /= 2;
        }
        place(h, slot, n);
}

static void sift_down(Heap *h, HeapNode *n)
{
        size_t slot = n->slot;

        while (slot * 2 <= h->len) {
                size_t child = slot * 2;

                if (child < h->len && leaves_before(h->nodes[child + 1], h->nodes[child]))
                        child++;
                if (leaves_before(n, h->nodes[child]))
                        break;
                place(h, slot, h->nodes[child]);
                slot = child;
        }
        place(h, slot, n);
}

static int grow(Heap *h)
{
        size_t cap = h->cap > 0 ? h->cap * 2 : FIRST_CAP;
        HeapNode **nodes;

        nodes = mem_realloc(h->nodes, (cap + 1) * sizeof(HeapNode *)); /* slot 0 stays unused */
        if (!nodes)
                return -ENOMEM;
        h->nodes = nodes;
        h->cap = cap;
        return 0;
}

/* A node that moves to another key enters anew: it leaves after those that wait there already.
 * Setting the key it has changes nothing. */
int heap_set(Heap *h, HeapNode *n, uint64_t key)
{
        int r;

        if (n->slot == 0) {
                if (h->len == h->cap) {
                        r = grow(h);
                        if (r < 0)
                                return r;
                }
                h->len++;
                place(h, h->len, n);
        } else if (n->key == key)
                return 0;

        n->key = key;
        n->order = h->next_order++;
        sift_up(h, n);
        sift_down(h, n);
        return 0;
}

void heap_remove(Heap *h, HeapNode *n)
{
        HeapNode *last;

        if (n->slot == 0)
                return;
        last = h->nodes[h->len--];
        if (last != n) {
                place(h, n->slot, last);
                sift_up(h, last);
                sift_down(h, last);
        }
        n->slot = 0;
}

HeapNode *heap_peek(const Heap *h)
{
        return h->len > 0 ? h->nodes[1] : NULL;
}
