/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/heap.h"
#include "base/list.h"

#include "failing.h"
#include "random.h"

static HeapNode *pop(Heap *h)
{
        HeapNode *n = heap_peek(h);

        if (n)
                heap_remove(h, n);
        return n;
}

static void least_key_leaves_first(void **state)
{
        static const uint64_t keys[] = {5, 1, UINT64_MAX, 3, 0, 4, 2};
        static const uint64_t sorted[] = {0, 1, 2, 3, 4, 5, UINT64_MAX};
        HeapNode nodes[ARRAY_LEN(keys)] = {0};
        _cleanup_(heap_done) Heap h;

        heap_init(&h);
        assert_null(heap_peek(&h));
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                assert_int_equal(heap_set(&h, &nodes[i], keys[i]), 0);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                assert_int_equal(pop(&h)->key, sorted[i]);
        assert_null(pop(&h));
}

static void equal_keys_leave_in_order_of_entry(void **state)
{
        enum { NODES = 100 };
        HeapNode nodes[NODES] = {0}, early = {0};
        _cleanup_(heap_done) Heap h;

        heap_init(&h);
        for (size_t i = 0; i < NODES; i++)
                assert_int_equal(heap_set(&h, &nodes[i], 10), 0);
        assert_int_equal(heap_set(&h, &early, 9), 0);
        assert_ptr_equal(pop(&h), &early);
        for (size_t i = 0; i < NODES; i++)
                assert_ptr_equal(pop(&h), &nodes[i]);
}

static void moving_to_a_key_queues_behind_it(void **state)
{
        HeapNode a = {0}, b = {0}, c = {0};
        _cleanup_(heap_done) Heap h;

        heap_init(&h);
        assert_int_equal(heap_set(&h, &a, 1), 0);
        assert_int_equal(heap_set(&h, &b, 2), 0);
        assert_int_equal(heap_set(&h, &c, 3), 0);
        assert_int_equal(heap_set(&h, &a, 3), 0); /* up: behind c */
        assert_int_equal(heap_set(&h, &b, 2), 0); /* same: nothing happens */
        assert_ptr_equal(heap_peek(&h), &b);
        assert_int_equal(heap_set(&h, &c, 2), 0); /* down: behind b */
        assert_ptr_equal(pop(&h), &b);
        assert_ptr_equal(pop(&h), &c);
        assert_ptr_equal(pop(&h), &a);
}

static void removal_of_a_node_outside_is_no_change(void **state)
{
        HeapNode a = {0}, stranger = {0};
        _cleanup_(heap_done) Heap h;

        heap_init(&h);
        heap_remove(&h, &stranger);
        assert_int_equal(heap_set(&h, &a, 1), 0);
        heap_remove(&h, &stranger);
        heap_remove(&h, &a);
        heap_remove(&h, &a);
        assert_null(heap_peek(&h));
        assert_int_equal(heap_set(&h, &a, 2), 0);
        assert_ptr_equal(heap_peek(&h), &a);
}

static void nodes_are_free_after_the_heap_is_done(void **state)
{
        HeapNode nodes[50] = {0};
        Heap h;

        heap_init(&h);
        for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
                assert_int_equal(heap_set(&h, &nodes[i], i), 0);
        heap_done(&h);
        for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
                assert_int_equal(nodes[i].slot, 0);
        assert_null(heap_peek(&h));
}

/* The model: the least (key, time of entry) by looking at all. */
static void heap_behaves_like_a_sorted_list(void **state)
{
        enum { NODES = 60 };
        Random random = random_seeded(__func__);
        HeapNode nodes[NODES] = {0};
        uint64_t keys[NODES] = {0}, entered[NODES] = {0};
        bool in[NODES] = {false};
        Heap h;

        heap_init(&h);
        for (uint64_t step = 1; step < 100000; step++) {
                size_t i = (size_t) random_below(&random, NODES), least = NODES;
                uint64_t key = random_below(&random, 20);

                if (random_below(&random, 3) > 0) {
                        assert_int_equal(heap_set(&h, &nodes[i], key), 0);
                        if (!in[i] || keys[i] != key)
                                entered[i] = step;
                        keys[i] = key;
                        in[i] = true;
                } else {
                        heap_remove(&h, &nodes[i]);
                        in[i] = false;
                }
                for (size_t k = 0; k < NODES; k++)
                        if (in[k] && (least == NODES || keys[k] < keys[least] ||
                                      (keys[k] == keys[least] && entered[k] < entered[least])))
                                least = k;
                assert_ptr_equal(heap_peek(&h), least == NODES ? NULL : &nodes[least]);
        }
        heap_done(&h);
}

static int set_many(void)
{
        HeapNode nodes[100] = {0};
        _cleanup_(heap_done) Heap h;

        heap_init(&h);
        for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
                int r = heap_set(&h, &nodes[i], 1000 - i);

                if (r < 0) {
                        assert_int_equal(nodes[i].slot, 0);
                        assert_int_equal(h.len, i);
                        return r;
                }
                assert_ptr_equal(heap_peek(&h), &nodes[i]);
        }
        return 0;
}

static void exhausted_memory_leaves_the_heap_as_it_was(void **state)
{
        assert_true(each_allocation_fails(set_many) >= 3);
}

static void a_move_needs_no_memory(void **state)
{
        HeapNode nodes[16] = {0};
        _cleanup_(heap_done) Heap h;

        heap_init(&h);
        for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
                assert_int_equal(heap_set(&h, &nodes[i], i), 0);
        mem_fail_nth(1);
        for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
                assert_int_equal(heap_set(&h, &nodes[i], 100 - i), 0);
        assert_false(mem_fail_struck());
        mem_fail_nth(0);
}

typedef struct Member {
        int value;
        List link;
} Member;

static void list_keeps_order_and_allows_removal_in_a_loop(void **state)
{
        Member members[5];
        List head;
        int sum = 0, seen = 0;

        list_init(&head);
        assert_true(list_is_empty(&head));
        for (int i = 0; i < 5; i++) {
                members[i].value = i;
                list_append(&head, &members[i].link);
        }
        LIST_FOREACH (it, &head) {
                Member *m = list_item(it, Member, link);

                assert_int_equal(m->value, seen++);
                if (m->value % 2)
                        list_remove(it);
        }
        assert_int_equal(seen, 5);
        LIST_FOREACH (it, &head)
                sum += list_item(it, Member, link)->value;
        assert_int_equal(sum, 6);
        list_remove(&members[1].link); /* in no list already */
        assert_true(list_is_empty(&members[1].link));
        assert_false(list_is_empty(&head));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(least_key_leaves_first),
                cmocka_unit_test(equal_keys_leave_in_order_of_entry),
                cmocka_unit_test(moving_to_a_key_queues_behind_it),
                cmocka_unit_test(removal_of_a_node_outside_is_no_change),
                cmocka_unit_test(nodes_are_free_after_the_heap_is_done),
                cmocka_unit_test(heap_behaves_like_a_sorted_list),
                cmocka_unit_test(exhausted_memory_leaves_the_heap_as_it_was),
                cmocka_unit_test(a_move_needs_no_memory),
                cmocka_unit_test(list_keeps_order_and_allows_removal_in_a_loop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
