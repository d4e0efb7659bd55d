/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"

static void zero_bytes_are_an_allocation(void **state)
{
        _cleanup_free_ void *a = mem_alloc(0), *b = mem_zalloc(0), *c = mem_array(0, 8);
        void *d = mem_realloc(mem_alloc(8), 0);

        assert_non_null(a);
        assert_non_null(b);
        assert_non_null(c);
        assert_non_null(d);
        mem_free(d);
        mem_free(NULL);
}

static void absurd_sizes_are_refused(void **state)
{
        volatile size_t huge = SIZE_MAX, half = SIZE_MAX / 2 + 1;

        assert_null(mem_alloc(huge));
        assert_null(mem_zalloc(half));
        assert_null(mem_array(half, 2));
        assert_null(mem_array(2, half));
        assert_null(mem_array(huge, huge));
        assert_null(mem_realloc(NULL, half));
}

static void zeroed_memory_is_zero(void **state)
{
        static const uint8_t zeros[4096];
        _cleanup_free_ void *a = mem_zalloc(4096), *b = mem_array(64, 64);

        assert_memory_equal(a, zeros, 4096);
        assert_memory_equal(b, zeros, 4096);
}

static void failed_realloc_keeps_the_block(void **state)
{
        _cleanup_free_ char *p = mem_strdup("kept");

        mem_fail_nth(1);
        assert_null(mem_realloc(p, 100));
        assert_true(mem_fail_struck());
        assert_string_equal(p, "kept");
        p = mem_realloc(p, 100);
        assert_string_equal(p, "kept");
}

static void strings_are_copied(void **state)
{
        static const char raw[3] = {'a', 'b', 'c'};
        _cleanup_free_ char *whole = mem_strdup("text"), *part = mem_strndup(raw, sizeof(raw));
        _cleanup_free_ char *shorter = mem_strndup("ab", 100), *empty = mem_strndup("ab", 0);
        _cleanup_free_ char *printed = mem_printf("%s-%d", "job", 7), *none = mem_printf("%s", "");

        assert_string_equal(whole, "text");
        assert_string_equal(part, "abc");
        assert_string_equal(shorter, "ab");
        assert_string_equal(empty, "");
        assert_string_equal(printed, "job-7");
        assert_string_equal(none, "");
        assert_null(mem_strdup(NULL));
        assert_null(mem_strndup(NULL, 4));
}

static void only_the_nth_allocation_fails(void **state)
{
        mem_fail_nth(3);
        for (int i = 1; i <= 5; i++) {
                void *p = mem_alloc(1);

                assert_int_equal(p == NULL, i == 3);
                assert_int_equal(mem_fail_struck(), i >= 3);
                mem_free(p);
        }
        mem_fail_nth(1);
        assert_null(mem_strdup("x"));
        mem_fail_nth(1);
        assert_null(mem_printf("x"));
        mem_fail_nth(1);
        mem_fail_nth(0);
        assert_false(mem_fail_struck());
        mem_free(mem_zalloc(1));
        assert_false(mem_fail_struck());
}

static atomic_int failures;

static void *allocate_often(void *unused)
{
        for (int i = 0; i < 5000; i++) {
                void *p = mem_alloc(16);

                if (!p)
                        atomic_fetch_add(&failures, 1);
                mem_free(p);
        }
        return NULL;
}

static void one_thread_of_many_meets_the_failure(void **state)
{
        pthread_t threads[4];

        mem_fail_nth(9999);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, allocate_often, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(atomic_load(&failures), 1);
        assert_true(mem_fail_struck());
}

static int own_closed; /* counts what the cleanup macros did */

typedef struct Owned {
        int value;
} Owned;

static Owned *owned_free(Owned *o)
{
        own_closed += o->value;
        return NULL;
}

DEFINE_CLEANUP(Owned *, owned_free)

static void taken_pointers_are_not_released(void **state)
{
        Owned a = {1}, b = {10};

        {
                _cleanup_(owned_freep) Owned *p = &a;
                _cleanup_(owned_freep) Owned *q = &b;
                _cleanup_(owned_freep) Owned *none = NULL;
                int fd = 5;

                assert_null(none);
                assert_non_null(p);
                assert_ptr_equal(TAKE_PTR(q), &b);
                assert_null(q);
                assert_int_equal(TAKE_FD(fd), 5);
                assert_int_equal(fd, -1);
        }
        assert_int_equal(own_closed, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(zero_bytes_are_an_allocation),
                cmocka_unit_test(absurd_sizes_are_refused),
                cmocka_unit_test(zeroed_memory_is_zero),
                cmocka_unit_test(failed_realloc_keeps_the_block),
                cmocka_unit_test(strings_are_copied),
                cmocka_unit_test(only_the_nth_allocation_fails),
                cmocka_unit_test(one_thread_of_many_meets_the_failure),
                cmocka_unit_test(taken_pointers_are_not_released),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
