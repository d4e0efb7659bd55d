/* SPDX-License-Identifier: Apache-2.0 */
/* Window filters, the memory of a path, and the history of a connection. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bandwidth/history.h"
#include "bandwidth/path.h"

enum { SEC = 1000000 };

static void a_minimum_is_forgotten_after_its_window(void **state)
{
        WindowFilter f;

        window_filter_init(&f, 16 * SEC, false);
        assert_true(window_filter_get(&f, 7) == 7);
        window_filter_add(&f, 100 * (uint64_t) SEC, 5);
        window_filter_add(&f, 101 * (uint64_t) SEC, 9);
        assert_true(window_filter_get(&f, 0) == 5);
        window_filter_add(&f, 115 * (uint64_t) SEC, 8);
        assert_true(window_filter_get(&f, 0) == 5);
        window_filter_add(&f, 116 * (uint64_t) SEC, 10);
        assert_true(window_filter_get(&f, 0) == 8);
        window_filter_add(&f, 300 * (uint64_t) SEC, 20);
        assert_true(window_filter_get(&f, 0) == 20);
}

static void a_maximum_keeps_the_greatest(void **state)
{
        WindowFilter f;

        window_filter_init(&f, 16 * SEC, true);
        window_filter_add(&f, 0, 5);
        window_filter_add(&f, SEC, 9);
        window_filter_add(&f, 2 * SEC, 1);
        assert_true(window_filter_get(&f, 0) == 9);
        window_filter_add(&f, 17 * SEC, 2);
        assert_true(window_filter_get(&f, 0) == 2);
}

static void a_clock_that_goes_back_starts_anew(void **state)
{
        WindowFilter f;

        window_filter_init(&f, 16 * SEC, true);
        window_filter_add(&f, 1000 * (uint64_t) SEC, 50);
        window_filter_add(&f, 10 * SEC, 4);
        assert_true(window_filter_get(&f, 0) == 4);
        window_filter_add(&f, UINT64_MAX, 3);
        assert_true(window_filter_get(&f, 0) == 3);
}

static void a_window_of_nothing_still_holds_the_last(void **state)
{
        WindowFilter f;

        window_filter_init(&f, 0, false);
        window_filter_add(&f, 5, 2);
        assert_true(window_filter_get(&f, 0) == 2);
}

static void a_new_path_is_unknown_and_holds_one_second(void **state)
{
        PathMemory p;

        path_memory_init(&p);
        assert_true(path_memory_base_usec(&p) == 0);
        assert_true(path_memory_capacity_bps(&p) == 0);
        assert_int_equal(p.hold_usec, SEC);
}

static void add(History *h, uint64_t usec, uint64_t bytes, double rtt, double window)
{
        history_add(h, &(HistoryPoint){
                               .usec = usec, .bytes = bytes, .rtt_usec = rtt, .window = window});
}

/* Ticks of three, then of one that is left; what is doubtful counts, but is not learnt. */
static void connections_of_a_path_are_added_up(void **state)
{
        PathMemory p;

        path_memory_init(&p);
        assert_false(path_memory_is_shared(&p));
        assert_true(path_memory_whole_part(&p) == 0);
        for (uint64_t now = 10; now <= 30; now += 10)
                for (unsigned i = 1; i <= 3; i++)
                        path_memory_add_rate(&p, now, 100.0 * i, true);
        assert_true(path_memory_is_shared(&p));
        assert_true(path_memory_whole_part(&p) == 1);
        for (uint64_t now = 40; now <= 60; now += 10)
                path_memory_add_rate(&p, now, 150, true);
        assert_false(path_memory_is_shared(&p));
        assert_true(path_memory_whole_part(&p) == 0.25);
        path_memory_add_rate(&p, 70, 4800, true);
        path_memory_add_rate(&p, 70, 200, false);
        path_memory_add_rate(&p, 80, 300, true);
        assert_true(path_memory_whole_part(&p) > 1);
        path_memory_add_rate(&p, 90, 300, true);
        assert_true(path_memory_whole_part(&p) == 0.5);
}

static void history_answers_for_its_windows(void **state)
{
        static History h;

        history_clear(&h);
        assert_null(history_newest(&h));
        assert_true(history_rate_bps(&h, 1000) == 0);
        for (unsigned i = 0; i < 100; i++)
                add(&h, i * 10000, i * 1000, i == 95 ? 3000 : i % 2 ? 0 : 5000, 100 + i);
        assert_int_equal(history_newest(&h)->usec, 990000);
        assert_true(history_rate_bps(&h, 150000) == 100000);
        assert_true(history_min_rtt(&h, 100000) == 3000);
        assert_true(history_min_rtt(&h, 20000) == 5000);
        assert_true(history_min_rtt(&h, 0) == 0);
        assert_true(history_max_window(&h, 50000) == 199);
        assert_true(history_min_window(&h, 50000) == 194);
}

static void history_says_no_rate_from_too_short_a_time(void **state)
{
        static History h;

        history_clear(&h);
        add(&h, 0, 0, 0, 0);
        add(&h, 10000, 1000, 0, 0);
        assert_true(history_rate_bps(&h, 100000) == 0);
        add(&h, 60000, 1000, 0, 0);
        assert_true(history_rate_bps(&h, 100000) > 16000);
}

static void history_forgets_the_oldest_when_full(void **state)
{
        static History h;

        history_clear(&h);
        for (unsigned i = 0; i < 3 * HISTORY_POINTS; i++)
                add(&h, i, i, 1 + i, i);
        assert_true(history_min_rtt(&h, 1e9) == 1 + 2 * HISTORY_POINTS);
        assert_true(history_max_window(&h, 1e9) == 3 * HISTORY_POINTS - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_minimum_is_forgotten_after_its_window),
                cmocka_unit_test(a_maximum_keeps_the_greatest),
                cmocka_unit_test(a_clock_that_goes_back_starts_anew),
                cmocka_unit_test(a_window_of_nothing_still_holds_the_last),
                cmocka_unit_test(a_new_path_is_unknown_and_holds_one_second),
                cmocka_unit_test(connections_of_a_path_are_added_up),
                cmocka_unit_test(history_answers_for_its_windows),
                cmocka_unit_test(history_says_no_rate_from_too_short_a_time),
                cmocka_unit_test(history_forgets_the_oldest_when_full),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
