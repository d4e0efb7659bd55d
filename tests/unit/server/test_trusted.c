/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/trusted.h"

static void nets_and_addresses(void **state)
{
        Trusted t = {0};

        assert_int_equal(trusted_add(&t, "127.0.0.1, 10.0.0.0/8 2001:db8::/33\tunix"), 0);
        assert_true(trusted_has(&t, "127.0.0.1"));
        assert_true(trusted_has(&t, "::ffff:127.0.0.1"));
        assert_false(trusted_has(&t, "127.0.0.2"));
        assert_true(trusted_has(&t, "10.255.1.2"));
        assert_false(trusted_has(&t, "11.0.0.0"));
        assert_true(trusted_has(&t, "2001:db8:7fff::1"));
        assert_false(trusted_has(&t, "2001:db8:8000::1"));
        assert_true(trusted_has(&t, "unix"));
        assert_false(trusted_has(&t, "nonsense"));
        assert_false(trusted_has(&t, ""));
}

static void what_is_no_net(void **state)
{
        static const char *const BAD[] = {"localhost", "10.0.0.0/33", "::1/129",   "1.2.3",
                                          "1.2.3.4/",  "/8",          "1.2.3.4/-1"};

        for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
                Trusted t = {0};

                assert_true(trusted_add(&t, BAD[i]) < 0);
        }
}

static void there_are_only_so_many(void **state)
{
        Trusted t = {0};

        for (unsigned i = 0; i < TRUSTED_MAX; i++)
                assert_int_equal(trusted_add(&t, "1.2.3.4"), 0);
        assert_int_equal(trusted_add(&t, "1.2.3.4"), -E2BIG);
}

static void the_client_is_the_last_that_is_not_trusted(void **state)
{
        char client[64];
        Trusted t = {0};

        assert_int_equal(trusted_add(&t, "10.0.0.0/8"), 0);
        assert_true(trusted_client(&t, "1.1.1.1, 2.2.2.2,10.1.1.1 ", client, sizeof(client)));
        assert_string_equal(client, "2.2.2.2");
        assert_true(trusted_client(&t, "10.0.0.1, 10.0.0.2", client, sizeof(client)));
        assert_string_equal(client, "10.0.0.1");
        assert_true(trusted_client(&t, "2001:db8::1", client, sizeof(client)));
        assert_string_equal(client, "2001:db8::1");
}

static void what_is_malformed_names_nobody(void **state)
{
        char client[64] = "untouched";
        Trusted t = {0};

        assert_int_equal(trusted_add(&t, "10.0.0.0/8"), 0);
        assert_false(trusted_client(&t, "", client, sizeof(client)));
        assert_false(trusted_client(&t, "1.1.1.1,", client, sizeof(client)));
        assert_false(trusted_client(&t, "evil, 10.0.0.1", client, sizeof(client)));
        assert_false(trusted_client(&t, "1.1.1.1:80", client, sizeof(client)));
        assert_string_equal(client, "untouched");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nets_and_addresses),
                cmocka_unit_test(what_is_no_net),
                cmocka_unit_test(there_are_only_so_many),
                cmocka_unit_test(the_client_is_the_last_that_is_not_trusted),
                cmocka_unit_test(what_is_malformed_names_nobody),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
