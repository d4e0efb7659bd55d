/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/manager.h"

static void every_cause_has_a_word(void **state)
{
        (void) state;
        assert_string_equal(why_code_to_string(WHY_NONE), "");
        assert_string_equal(why_code_to_string(WHY_QUEUED_BEHIND), "queued-behind");
        assert_string_equal(why_code_to_string(WHY_NEEDS_COMPLETE), "needs-complete");
        assert_string_equal(why_code_to_string(WHY_MAX), "");
        for (int code = WHY_NONE + 1; code < WHY_MAX; code++)
                assert_true(why_code_to_string((WhyCode) code)[0] != '\0');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_cause_has_a_word),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
