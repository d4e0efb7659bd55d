/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

#include "random.h"

static void system_clock_is_that_of_the_kernel(void **state)
{
        uint64_t mono = clock_mono_usec(&CLOCK_SYSTEM), wall = clock_wall_usec(&CLOCK_SYSTEM);
        struct timespec boot, real;

        assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &boot), 0);
        assert_int_equal(clock_gettime(CLOCK_REALTIME, &real), 0);
        assert_in_range((uint64_t) boot.tv_sec * USEC_PER_SEC + USEC_PER_SEC - mono, 0,
                        60 * USEC_PER_SEC);
        assert_in_range((uint64_t) real.tv_sec * USEC_PER_SEC + USEC_PER_SEC - wall, 0,
                        60 * USEC_PER_SEC);
}

static void monotonic_time_never_goes_back(void **state)
{
        uint64_t last = clock_mono_usec(&CLOCK_SYSTEM);

        for (int i = 0; i < 10000; i++) {
                uint64_t now = clock_mono_usec(&CLOCK_SYSTEM);

                assert_true(now >= last);
                last = now;
        }
}

static uint64_t fixed_usec(void *ctx)
{
        return *(uint64_t *) ctx;
}

static void a_clock_of_ones_own_is_asked_with_its_context(void **state)
{
        uint64_t value = 77;
        Clock c = {.mono_usec = fixed_usec, .wall_usec = fixed_usec, .ctx = &value};

        assert_int_equal(clock_mono_usec(&c), 77);
        value = 78;
        assert_int_equal(clock_wall_usec(&c), 78);
}

static void filetime_counts_from_1601(void **state)
{
        assert_true(filetime_from_wall_usec(1) == 116444736000000010);
        assert_true(filetime_from_wall_usec(946684800 * USEC_PER_SEC) == 125911584000000000);
        assert_true(filetime_to_wall_usec(125911584000000000) == 946684800 * USEC_PER_SEC);
        assert_true(filetime_to_wall_usec(125911584000000009) == 946684800 * USEC_PER_SEC);
}

static void never_stays_never(void **state)
{
        assert_int_equal(filetime_from_wall_usec(0), 0);
        assert_int_equal(filetime_to_wall_usec(0), 0);
}

static void times_that_cannot_be_expressed_saturate(void **state)
{
        assert_int_equal(filetime_to_wall_usec(1), 0); /* the year 1601 */
        assert_int_equal(filetime_to_wall_usec(116444735999999999), 0);
        assert_true(filetime_from_wall_usec(UINT64_MAX) == UINT64_MAX);
        assert_true(filetime_from_wall_usec(UINT64_MAX / 10) == UINT64_MAX);
        assert_true(filetime_to_wall_usec(UINT64_MAX) == 1833029933770955161);
        assert_true(filetime_from_wall_usec(1833029933770955161) == UINT64_MAX - 5);
}

static void wall_time_survives_the_way_through_filetime(void **state)
{
        Random random = random_seeded(__func__);

        for (int i = 0; i < 10000; i++) {
                uint64_t usec = random_below(&random, 1833029933770955161);

                assert_true(filetime_to_wall_usec(filetime_from_wall_usec(usec)) == usec);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(system_clock_is_that_of_the_kernel),
                cmocka_unit_test(monotonic_time_never_goes_back),
                cmocka_unit_test(a_clock_of_ones_own_is_asked_with_its_context),
                cmocka_unit_test(filetime_counts_from_1601),
                cmocka_unit_test(never_stays_never),
                cmocka_unit_test(times_that_cannot_be_expressed_saturate),
                cmocka_unit_test(wall_time_survives_the_way_through_filetime),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
