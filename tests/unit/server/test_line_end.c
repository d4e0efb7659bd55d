/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/line_end.h"

static void versions_that_cut_in_place(void **state)
{
        assert_true(line_end_is_readable("0.9.75"));
        assert_true(line_end_is_readable("0.9.76"));
        assert_false(line_end_is_readable("0.9.77"));
        assert_false(line_end_is_readable("0.9.8"));
        assert_false(line_end_is_readable("1.0.0"));
        assert_false(line_end_is_readable("0.9.751"));
}

static void ends_of_lines(void **state)
{
        assert_false(line_end_is_odd("\0\0Next"));
        assert_true(line_end_is_odd("\0Next: x")); /* bare LF */
        assert_true(line_end_is_odd("\0\0 folded"));
        assert_true(line_end_is_odd("\0\0\tfolded"));
        assert_true(line_end_is_odd("x\0\0"));
}

static void ends_of_heads(void **state)
{
        assert_false(line_end_closes_no_head("\0\0\0\0body"));
        assert_true(line_end_closes_no_head("\0\0GET"));   /* LF LF */
        assert_true(line_end_closes_no_head("\0\0\0GET")); /* CR LF LF */
        assert_true(line_end_closes_no_head("\0\0\0 x"));  /* a line ": x" */
}

static void bodies_that_begin_too_early(void **state)
{
        char buffer[16] = {0};

        assert_true(line_end_cuts_short(buffer, buffer + 2));
        assert_true(line_end_cuts_short(buffer, buffer + 3));
        assert_false(line_end_cuts_short(buffer, buffer + 4));
        assert_false(line_end_cuts_short(buffer + 8, buffer));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions_that_cut_in_place),
                cmocka_unit_test(ends_of_lines),
                cmocka_unit_test(ends_of_heads),
                cmocka_unit_test(bodies_that_begin_too_early),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
