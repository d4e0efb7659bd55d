/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "server/http_front.h"

static void fields_are_kept_in_order(void **state)
{
        HttpAnswer a;

        http_answer_init(&a, 200);
        assert_int_equal(http_answer_add(&a, "A", "b"), 0);
        assert_int_equal(http_answer_add(&a, "C", ""), 0);
        assert_memory_equal(a.fields.data, "A\0b\0C\0", 7);
        http_answer_done(&a);
        assert_int_equal(a.fd, -1);
}

static void what_would_be_another_field_is_refused(void **state)
{
        HttpAnswer a;

        http_answer_init(&a, 200);
        assert_int_equal(http_answer_add(&a, "A", "b\r\nEvil: 1"), -EINVAL);
        assert_int_equal(http_answer_add(&a, "A\n", "b"), -EINVAL);
        assert_int_equal(http_answer_add(&a, "A:", "b"), -EINVAL);
        assert_int_equal(http_answer_add(&a, "", "b"), -EINVAL);
        assert_int_equal(http_answer_add(&a, "A", "\x7f"), -EINVAL);
        assert_int_equal(a.fields.len, 0);
        http_answer_done(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields_are_kept_in_order),
                cmocka_unit_test(what_would_be_another_field_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
