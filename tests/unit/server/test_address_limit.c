/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/str.h"
#include "server/address_limit.h"

static HttpPeer peer_at(const char *address)
{
        HttpPeer peer = {.is_unix = str_equal(address, "unix")};

        (void) str_copy(peer.address, sizeof(peer.address), address);
        return peer;
}

static bool admits(const AddressLimit *l, const char *address, uint32_t connections)
{
        HttpPeer peer = peer_at(address);

        return address_limit_admits(l, &peer, connections);
}

static AddressLimit limit_of(uint32_t max_connections, uint32_t per_address)
{
        _cleanup_(config_unrefp) Config *c = NULL;
        AddressLimit l;

        assert_int_equal(config_new(&c), 0);
        assert_int_equal(trusted_add(&c->trusted, "10.0.0.0/8"), 0);
        if (max_connections > 0)
                c->max_connections = max_connections;
        if (per_address != CONFIG_PER_ADDRESS_DEFAULT)
                c->max_connections_per_address = per_address;
        address_limit_init(&l, c);
        return l;
}

static void by_default_nobody_takes_more_than_an_eighth(void **state)
{
        AddressLimit l = limit_of(0, CONFIG_PER_ADDRESS_DEFAULT);

        assert_true(admits(&l, "192.0.2.1", 499));
        assert_false(admits(&l, "192.0.2.1", 500));
        assert_false(admits(&l, "2001:db8::1", 500));
        l = limit_of(40, CONFIG_PER_ADDRESS_DEFAULT);
        assert_true(admits(&l, "192.0.2.1", 15));
        assert_false(admits(&l, "192.0.2.1", 16));
}

static void who_brings_many_is_spared(void **state)
{
        static const char *const SPARED[] = {"unix", "127.0.0.1",        "127.3.2.1",
                                             "::1",  "::ffff:127.0.0.1", "10.1.2.3"};
        AddressLimit l = limit_of(0, CONFIG_PER_ADDRESS_DEFAULT);

        for (size_t i = 0; i < ARRAY_LEN(SPARED); i++)
                assert_true(admits(&l, SPARED[i], 100000));
        assert_false(admits(&l, "::ffff:192.0.2.1", 100000));
        assert_false(admits(&l, "::2", 100000));
}

static void a_limit_that_was_set_holds_for_this_machine(void **state)
{
        AddressLimit l = limit_of(0, 3);

        assert_true(admits(&l, "127.0.0.1", 2));
        assert_false(admits(&l, "127.0.0.1", 3));
        assert_false(admits(&l, "::1", 3));
        assert_true(admits(&l, "unix", 3));
        assert_true(admits(&l, "10.1.2.3", 3));
        l = limit_of(0, 0);
        assert_true(admits(&l, "192.0.2.1", 100000));
}

static void a_network_of_64_bits_is_one(void **state)
{
        static const char *const KEYS[][2] = {
                {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
                {"2001:db8:1:2::9", "2001:db8:1:2::"},
                {"2001:db8:1:3::9", "2001:db8:1:3::"},
                {"192.0.2.1", "192.0.2.1"},
                {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
                {"::1", "::1"},
                {"unix", "unix"},
        };

        for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
                HttpPeer peer = peer_at(KEYS[i][0]);
                char key[HTTP_ADDRESS_BYTES];

                address_limit_key(&peer, key);
                assert_string_equal(key, KEYS[i][1]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(by_default_nobody_takes_more_than_an_eighth),
                cmocka_unit_test(who_brings_many_is_spared),
                cmocka_unit_test(a_limit_that_was_set_holds_for_this_machine),
                cmocka_unit_test(a_network_of_64_bits_is_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
