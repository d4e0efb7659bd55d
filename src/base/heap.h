/* SPDX-License-Identifier: Apache-2.0 */
/* Binary min-heap of intrusive nodes with 64-bit keys, for deadlines. Equal keys leave in the
 * order they entered, so that a simulation replays exactly. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attr.h"

typedef struct HeapNode {
        uint64_t key; /* e.g. deadline in usec */
        uint64_t order;
        size_t slot; /* 0 = in no heap */
} HeapNode;

typedef struct Heap {
        HeapNode **nodes; /* 1-based */
        size_t len, cap;
        uint64_t next_order;
} Heap;

void heap_init(Heap *h);
void heap_done(Heap *h);
/* Inserts, or moves when already in. 0 or -ENOMEM (a move never fails). */
_must_use_ int heap_set(Heap *h, HeapNode *n, uint64_t key);
void heap_remove(Heap *h, HeapNode *n); /* no-op when in no heap */
HeapNode *heap_peek(const Heap *h);     /* NULL when empty */
