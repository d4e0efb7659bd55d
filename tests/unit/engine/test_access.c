/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/access.h"

static void owners_and_administrators_have_access(void **state)
{
        Job job = {.owner_uid = 1000};
        Caller owner = {.uid = 1000};
        Caller other = {.uid = 1001};
        Caller admin = {.uid = 1001, .is_admin = true};

        (void) state;
        assert_int_equal(access_check(&owner, &job), S_OK);
        assert_int_equal(access_check(&other, &job), E_ACCESSDENIED);
        assert_int_equal(access_check(&admin, &job), S_OK);
        assert_int_equal(access_check_admin(&owner), E_ACCESSDENIED);
        assert_int_equal(access_check_admin(&admin), S_OK);
        assert_true(access_is_exempt_from_quota(&admin));
        assert_false(access_is_exempt_from_quota(&owner));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(owners_and_administrators_have_access),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
