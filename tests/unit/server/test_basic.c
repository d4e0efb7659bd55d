/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "server/basic.h"

static void check(const char *text, const char *user, const char *password)
{
        BasicCredentials c;

        assert_int_equal(basic_parse(text, &c), 0);
        assert_string_equal(c.user, user);
        assert_string_equal(c.password, password);
        basic_wipe(&c);
        assert_true(c.user[0] == 0 && c.password[0] == 0);
}

static void names_and_passwords(void **state)
{
        check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame");
        check("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Aladdin", "open sesame");
        check("BASIC YTo=", "a", "");
        check("Basic YTpiOmM=", "a", "b:c");
}

static void what_is_none(void **state)
{
        static const char *const BAD[] = {
                "",
                "Basic",
                "Basic ",
                "Basic !",
                "Basic YTpi!",
                "Basic YTpi=x",
                "Bearer YTpi",
                "Basic YWI=" /* no colon */,
                "Basic OmI=" /* no name */,
                "Basic YTpiAA==" /* NUL */,
                "Basic YQo6Yg==" /* line feed */,
                "BasicYTpi",
        };

        for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
                BasicCredentials c;

                assert_int_equal(basic_parse(BAD[i], &c), -EINVAL);
                assert_true(c.user[0] == 0 && c.password[0] == 0);
        }
}

static void what_is_too_long(void **state)
{
        char text[4096] = "Basic ";
        BasicCredentials c;

        /* "YWFh" is "aaa", "Og==" is ":" */
        for (unsigned i = 0; i < BASIC_USER_BYTES / 3 + 1; i++)
                memcpy(text + 6 + 4 * i, "YWFh", 5);
        memcpy(text + strlen(text), "Og==", 5);
        assert_int_equal(basic_parse(text, &c), -EINVAL);
        memset(text + 6, 'A', 3000);
        text[3006] = '\0';
        assert_int_equal(basic_parse(text, &c), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_and_passwords),
                cmocka_unit_test(what_is_none),
                cmocka_unit_test(what_is_too_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
