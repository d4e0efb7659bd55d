/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list with a head. A link that is in no list points to itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct List {
        struct List *prev, *next;
} List;

static inline void list_init(List *l)
{
        l->prev = l->next = l;
}

static inline bool list_is_empty(const List *head)
{
        return head->next == head;
}

static inline void list_append(List *head, List *item)
{
        item->prev = head->prev;
        item->next = head;
        head->prev->next = item;
        head->prev = item;
}

static inline void list_remove(List *item)
{
        item->prev->next = item->next;
        item->next->prev = item->prev;
        item->prev = item->next = item;
}

#define list_item(ptr, type, member) ((type *) ((char *) (ptr) -offsetof(type, member)))

/* The current item may be removed inside the loop. */
#define LIST_FOREACH(it, head)                                                                     \
        for (List *it = (head)->next, *it##_next = it->next; it != (head);                         \
             it = it##_next, it##_next = it->next)
