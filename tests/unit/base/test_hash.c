/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/hash.h"

#include "failing.h"
#include "random.h"

typedef struct Entry {
        uint64_t key;
        bool in;
} Entry;

static void values_are_found_by_content_of_the_key(void **state)
{
        _cleanup_(hash_freep) Hash *h = hash_new(16, 1);
        char a[] = "0123456789abcdef", b[] = "0123456789abcdeF", same[] = "0123456789abcdef";
        int value_a, value_b;

        assert_non_null(h);
        assert_null(hash_get(h, a));
        assert_null(hash_remove(h, a));
        assert_int_equal(hash_put(h, a, &value_a), 0);
        assert_null(hash_get(h, b));
        assert_int_equal(hash_put(h, b, &value_b), 0);
        assert_ptr_equal(hash_get(h, same), &value_a);
        assert_ptr_equal(hash_get(h, b), &value_b);
        assert_ptr_equal(hash_remove(h, same), &value_a);
        assert_null(hash_get(h, a));
        assert_ptr_equal(hash_get(h, b), &value_b);
        assert_int_equal(hash_size(h), 1);
}

static void second_value_of_a_key_is_refused(void **state)
{
        _cleanup_(hash_freep) Hash *h = hash_new(8, 2);
        Entry first = {.key = 7}, second = {.key = 7};

        assert_int_equal(hash_put(h, &first.key, &first), 0);
        assert_int_equal(hash_put(h, &second.key, &second), -EEXIST);
        assert_ptr_equal(hash_get(h, &second.key), &first);
        assert_int_equal(hash_size(h), 1);
}

static void keys_of_odd_lengths_work(void **state)
{
        for (size_t key_bytes = 1; key_bytes <= 40; key_bytes++) {
                _cleanup_(hash_freep) Hash *h = hash_new(key_bytes, 3);
                char a[40] = {0}, b[40] = {0};

                b[key_bytes - 1] = 1;
                assert_int_equal(hash_put(h, a, a), 0);
                assert_int_equal(hash_put(h, b, b), 0);
                assert_ptr_equal(hash_get(h, a), a);
                assert_ptr_equal(hash_get(h, b), b);
        }
}

/* Few slots, so that probes run into one another and around the end of the table. */
static void small_tables_behave_like_a_set(void **state)
{
        enum { UNIVERSE = 40 };
        Random random = random_seeded(__func__);

        for (int round = 0; round < 300; round++) {
                _cleanup_(hash_freep) Hash *h = hash_new(8, random_u64(&random));
                Entry entries[UNIVERSE] = {0};
                size_t size = 0, limit = 1 + (size_t) random_below(&random, UNIVERSE);

                for (uint64_t i = 0; i < UNIVERSE; i++)
                        entries[i].key = i;
                for (int step = 0; step < 1000; step++) {
                        Entry *e = &entries[random_below(&random, limit)];

                        if (random_below(&random, 2)) {
                                assert_int_equal(hash_put(h, &e->key, e), e->in ? -EEXIST : 0);
                                size += !e->in;
                                e->in = true;
                        } else {
                                assert_ptr_equal(hash_remove(h, &e->key), e->in ? e : NULL);
                                size -= e->in;
                                e->in = false;
                        }
                        assert_int_equal(hash_size(h), size);
                        for (size_t i = 0; i < limit; i++)
                                if (hash_get(h, &entries[i].key) !=
                                    (entries[i].in ? &entries[i] : NULL))
                                        fail_msg("key %zu is wrong", i);
                }
        }
}

static void large_tables_grow_and_shrink_with_removal_in_between(void **state)
{
        enum { ENTRIES = 200000 };
        _cleanup_free_ Entry *entries = mem_array(ENTRIES, sizeof(Entry));
        _cleanup_(hash_freep) Hash *h = hash_new(8, 4);
        size_t size = 0;

        for (uint64_t i = 0; i < ENTRIES; i++) {
                entries[i].key = i << 32; /* regular keys, which a weak hash would pile up */
                assert_int_equal(hash_put(h, &entries[i].key, &entries[i]), 0);
                entries[i].in = true;
                size++;
                if (i % 3 == 2) {
                        Entry *victim = &entries[i / 2];

                        assert_ptr_equal(hash_remove(h, &victim->key), victim->in ? victim : NULL);
                        size -= victim->in;
                        victim->in = false;
                }
        }
        assert_int_equal(hash_size(h), size);
        for (uint64_t i = 0; i < ENTRIES; i++) {
                Entry *want = entries[i].in ? &entries[i] : NULL;

                if (hash_get(h, &entries[i].key) != want || hash_remove(h, &entries[i].key) != want)
                        fail_msg("key %" PRIu64 " is wrong", i);
        }
        assert_int_equal(hash_size(h), 0);
}

static void iteration_sees_each_value_once(void **state)
{
        enum { ENTRIES = 1000 };
        _cleanup_(hash_freep) Hash *h = hash_new(8, 5);
        Entry entries[ENTRIES], *e;
        size_t pos = 0, seen = 0;

        assert_null(hash_next(h, &pos));
        for (uint64_t i = 0; i < ENTRIES; i++) {
                entries[i] = (Entry){.key = i};
                assert_int_equal(hash_put(h, &entries[i].key, &entries[i]), 0);
        }
        for (pos = 0; (e = hash_next(h, &pos)); seen++) {
                assert_false(e->in);
                e->in = true;
        }
        assert_int_equal(seen, ENTRIES);
        assert_null(hash_next(h, &pos));
}

/* The order shows what a stranger would have to know for choosing colliding keys. */
static void order_follows_the_seed(void **state)
{
        enum { ENTRIES = 64 };
        uint64_t orders[3][ENTRIES], seeds[3] = {6, 6, 7};
        Entry entries[ENTRIES];

        for (size_t i = 0; i < 3; i++) {
                _cleanup_(hash_freep) Hash *h = hash_new(8, seeds[i]);
                size_t pos = 0;

                for (uint64_t k = 0; k < ENTRIES; k++) {
                        entries[k] = (Entry){.key = k};
                        assert_int_equal(hash_put(h, &entries[k].key, &entries[k]), 0);
                }
                for (size_t k = 0; k < ENTRIES; k++)
                        orders[i][k] = ((Entry *) hash_next(h, &pos))->key;
        }
        assert_memory_equal(orders[0], orders[1], sizeof(orders[0]));
        assert_memory_not_equal(orders[0], orders[2], sizeof(orders[0]));
}

/* Keys that differ in one place only are spread all the same, wherever that place is. */
static void every_byte_of_a_key_counts(void **state)
{
        enum { ENTRIES = 64, KEY_BYTES = 23 };

        for (size_t place = 0; place < KEY_BYTES; place++) {
                _cleanup_(hash_freep) Hash *h = hash_new(KEY_BYTES, 10);
                uint8_t keys[ENTRIES][KEY_BYTES] = {{0}}, *last = NULL, *key;
                size_t pos = 0, in_order = 0;

                for (uint8_t i = 0; i < ENTRIES; i++) {
                        keys[i][place] = i;
                        assert_int_equal(hash_put(h, keys[i], keys[i]), 0);
                }
                for (; (key = hash_next(h, &pos)); last = key)
                        in_order += last && key == last + KEY_BYTES;
                assert_true(in_order < ENTRIES / 4);
        }
}

static int put_many(void)
{
        enum { ENTRIES = 100 };
        _cleanup_(hash_freep) Hash *h = hash_new(8, 8);
        Entry entries[ENTRIES];
        int r = 0;

        if (!h)
                return -ENOMEM;
        for (uint64_t i = 0; i < ENTRIES && r == 0; i++) {
                entries[i] = (Entry){.key = i};
                r = hash_put(h, &entries[i].key, &entries[i]);
                entries[i].in = r == 0;
                assert_int_equal(hash_size(h), i + (r == 0));
                for (uint64_t k = 0; k <= i; k++)
                        assert_ptr_equal(hash_get(h, &k), entries[k].in ? &entries[k] : NULL);
        }
        return r;
}

static void exhausted_memory_leaves_the_table_as_it_was(void **state)
{
        assert_true(each_allocation_fails(put_many) > 3);
}

static void removal_works_without_memory(void **state)
{
        enum { ENTRIES = 1000 };
        _cleanup_(hash_freep) Hash *h = hash_new(8, 9);
        Entry entries[ENTRIES];
        size_t struck = 0;

        for (uint64_t i = 0; i < ENTRIES; i++) {
                entries[i] = (Entry){.key = i};
                assert_int_equal(hash_put(h, &entries[i].key, &entries[i]), 0);
        }
        for (uint64_t i = 0; i < ENTRIES; i++) {
                mem_fail_nth(1);
                assert_ptr_equal(hash_remove(h, &entries[i].key), &entries[i]);
                struck += mem_fail_struck() != 0;
        }
        mem_fail_nth(0);
        assert_true(struck > 0); /* it tried to shrink */
        assert_int_equal(hash_size(h), 0);
        assert_null(hash_free(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_are_found_by_content_of_the_key),
                cmocka_unit_test(second_value_of_a_key_is_refused),
                cmocka_unit_test(keys_of_odd_lengths_work),
                cmocka_unit_test(small_tables_behave_like_a_set),
                cmocka_unit_test(large_tables_grow_and_shrink_with_removal_in_between),
                cmocka_unit_test(iteration_sees_each_value_once),
                cmocka_unit_test(order_follows_the_seed),
                cmocka_unit_test(every_byte_of_a_key_counts),
                cmocka_unit_test(exhausted_memory_leaves_the_table_as_it_was),
                cmocka_unit_test(removal_works_without_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
