/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "server/tally.h"

static void names_are_counted_apart(void **state)
{
        _cleanup_(tally_freep) Hash *t = tally_new(1);

        assert_non_null(t);
        assert_int_equal(tally_get(t, "a"), 0);
        assert_int_equal(tally_add(t, "a"), 0);
        assert_int_equal(tally_add(t, "a"), 0);
        assert_int_equal(tally_add(t, ""), 0);
        assert_int_equal(tally_get(t, "a"), 2);
        assert_int_equal(tally_get(t, ""), 1);
        assert_int_equal(tally_get(t, "b"), 0);
        tally_remove(t, "a");
        assert_int_equal(tally_get(t, "a"), 1);
        tally_remove(t, "a");
        tally_remove(t, "a"); /* nobody is left */
        assert_int_equal(tally_get(t, "a"), 0);
}

static void what_is_gone_takes_no_room(void **state)
{
        _cleanup_(tally_freep) Hash *t = tally_new(2);
        char name[32];

        for (unsigned i = 0; i < 10000; i++) {
                (void) snprintf(name, sizeof(name), "n%u", i);
                assert_int_equal(tally_add(t, name), 0);
                tally_remove(t, name);
        }
        assert_int_equal(hash_size(t), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_counted_apart),
                cmocka_unit_test(what_is_gone_takes_no_room),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
