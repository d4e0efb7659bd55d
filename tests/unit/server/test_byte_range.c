/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/byte_range.h"

#define TOTAL 1000

static void check_part(const char *value, uint64_t first, uint64_t length)
{
        uint64_t f = 0, l = 0;

        assert_int_equal(byte_range_parse(value, TOTAL, &f, &l), BYTE_RANGE_PART);
        assert_int_equal(f, first);
        assert_int_equal(l, length);
}

static void check_none(const char *value, uint64_t total, ByteRange wanted)
{
        uint64_t f = 4711, l = 4712;

        assert_int_equal(byte_range_parse(value, total, &f, &l), wanted);
        assert_int_equal(f, 4711);
        assert_int_equal(l, 4712);
}

static void parts(void **state)
{
        check_part("bytes=0-0", 0, 1);
        check_part("bytes=0-999", 0, 1000);
        check_part("bytes=0-1000", 0, 1000);
        check_part("bytes=999-", 999, 1);
        check_part("bytes=-1", 999, 1);
        check_part("bytes=-1000", 0, 1000);
        check_part("bytes=-18446744073709551615", 0, 1000);
        check_part("Bytes=5-18446744073709551615", 5, 995);
}

static void outside(void **state)
{
        check_none("bytes=1000-", TOTAL, BYTE_RANGE_OUTSIDE);
        check_none("bytes=1000-1000", TOTAL, BYTE_RANGE_OUTSIDE);
        check_none("bytes=-0", TOTAL, BYTE_RANGE_OUTSIDE);
        check_none("bytes=0-", 0, BYTE_RANGE_OUTSIDE);
        check_none("bytes=-5", 0, BYTE_RANGE_OUTSIDE);
}

static void whole(void **state)
{
        static const char *const WHOLE[] = {
                "",
                "bytes",
                "bytes=",
                "bytes=-",
                "bytes=5",
                "bytes=5-4",
                "bytes=a-",
                "bytes=0-b",
                "bytes=0-1,3-",
                "lines=0-1",
                "bytes=+0-1",
                "bytes=0-+1",
                "bytes= 0-1",
                "bytes=0--1",
                "bytes=--1",
                "bytes=0-18446744073709551616",
                "bytes=99999999999999999999999-",
        };

        check_none(NULL, TOTAL, BYTE_RANGE_WHOLE);
        for (size_t i = 0; i < sizeof(WHOLE) / sizeof(*WHOLE); i++)
                check_none(WHOLE[i], TOTAL, BYTE_RANGE_WHOLE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parts),
                cmocka_unit_test(outside),
                cmocka_unit_test(whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
