/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/port/transfer.h"

static void temporary_files_are_hidden_and_tell_job_and_file(void **state)
{
        GUID a = {0x12345678, 0x9abc, 0xdef0, {1, 2, 3, 4, 5, 6, 7, 8}};
        GUID b = a;
        char leaf[TEMP_LEAF_BYTES], other[TEMP_LEAF_BYTES];

        (void) state;
        transfer_temp_leaf(&a, 0x1f, leaf);
        assert_string_equal(leaf, ".BIT123456789abcdef001020000001f.tmp");
        transfer_temp_leaf(&a, UINT32_MAX, other);
        assert_string_not_equal(leaf, other);
        assert_true(strlen(other) < TEMP_LEAF_BYTES);
        b.Data1++;
        transfer_temp_leaf(&b, 0x1f, other);
        assert_string_not_equal(leaf, other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(temporary_files_are_hidden_and_tell_job_and_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
