/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/name_set.h"

enum { MANY = 5000 };

static char names[MANY][16];

static int make_names(void **state)
{
        (void) state;
        for (int i = 0; i < MANY; i++)
                (void) snprintf(names[i], sizeof(names[i]), "/d/%d", i);
        return 0;
}

static void names_are_found_under_every_spelling(void **state)
{
        NameSet set;

        (void) state;
        name_set_init(&set, 1);
        assert_false(name_set_has(&set, "/a"));
        assert_int_equal(name_set_reserve(&set, 2), 0);
        name_set_add(&set, "/a");
        name_set_add(&set, "/b/c");
        assert_true(name_set_has(&set, "/a"));
        assert_true(name_set_has(&set, "//b/./c"));
        assert_false(name_set_has(&set, "/c"));
        assert_int_equal(set.len, 2);
        name_set_done(&set);
}

static void thousands_of_names_come_and_go(void **state)
{
        NameSet set;

        (void) state;
        name_set_init(&set, 42);
        for (int i = 0; i < MANY; i++) {
                assert_int_equal(name_set_reserve(&set, 1), 0);
                name_set_add(&set, names[i]);
        }
        for (int i = 0; i < MANY; i += 2)
                name_set_remove(&set, names[i]);
        for (int i = 0; i < MANY; i++)
                assert_int_equal(name_set_has(&set, names[i]), i % 2 == 1);
        assert_int_equal(set.len, MANY / 2);
        name_set_done(&set);
}

static void removing_what_is_not_there_changes_nothing(void **state)
{
        NameSet set;

        (void) state;
        name_set_init(&set, 1);
        name_set_remove(&set, "/a");
        assert_int_equal(name_set_reserve(&set, 1), 0);
        name_set_add(&set, "/a");
        name_set_remove(&set, "/b");
        assert_true(name_set_has(&set, "/a"));
        name_set_done(&set);
}

static void room_is_reserved_or_nothing_changes(void **state)
{
        NameSet set;

        (void) state;
        name_set_init(&set, 1);
        assert_int_equal(name_set_reserve(&set, 1), 0);
        name_set_add(&set, "/a");
        mem_fail_nth(1);
        assert_int_equal(name_set_reserve(&set, 1000), -12);
        mem_fail_nth(0);
        assert_true(name_set_has(&set, "/a"));
        name_set_done(&set);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_found_under_every_spelling),
                cmocka_unit_test(thousands_of_names_come_and_go),
                cmocka_unit_test(removing_what_is_not_there_changes_nothing),
                cmocka_unit_test(room_is_reserved_or_nothing_changes),
        };

        return cmocka_run_group_tests(tests, make_names, NULL);
}
