/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/attr.h"
#include "transfer/http_url.h"

static void the_same_origin(void **state)
{
        static const char *const SAME[][2] = {
                {"http://h/a", "http://h/b?c#d"},         {"http://h/a", "HTTP://H:80/"},
                {"https://h/a", "https://h:443/"},        {"http://[::1]:8/", "http://[::1]:8/x y"},
                {"http://user:pw@h/", "http://h/"},       {"http://h:8080", "http://h:8080/"},
                {"http://ex%61mple/", "http://example/"},
        };

        for (size_t i = 0; i < ARRAY_LEN(SAME); i++) {
                assert_true(http_url_same_origin(SAME[i][0], SAME[i][1]));
                assert_true(http_url_same_origin(SAME[i][1], SAME[i][0]));
        }
}

/* All that could make a stranger look like the server of the job. */
static void another_origin(void **state)
{
        static const char *const OTHER[][2] = {
                {"http://h/", "https://h/"},
                {"http://h/", "http://h:8080/"},
                {"http://h/", "http://h.evil/"},
                {"http://h/", "http://h@evil/"},
                {"http://h/", "http://evil/h"},
                {"http://h/", "http://evil?@h/"},
                {"http://h/", "http://evil#@h/"},
                {"http://h/", "http://h\\@evil/"},
                {"http://h/", "//h/"},
                {"http://h/", "h"},
                {"http://h/", ""},
                {"http://127.0.0.1/", "http://localhost/"},
                {"http://h/", "http://h./"},
                {"https://h:80/", "http://h/"},
                {"http://h:1/", "http://h:99999/"},
        };

        for (size_t i = 0; i < ARRAY_LEN(OTHER); i++) {
                assert_false(http_url_same_origin(OTHER[i][0], OTHER[i][1]));
                assert_false(http_url_same_origin(OTHER[i][1], OTHER[i][0]));
        }
        assert_false(http_url_same_origin("", ""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_origin),
                cmocka_unit_test(another_origin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
