/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections one address may have, so that nobody takes all places. Pure.
 *
 * Those who bring the connections of many are not limited: Unix sockets, trusted proxies, and, as
 * long as nobody has set a limit, this machine itself, where most proxies run. An IPv6 address
 * counts as its network of 64 bits, of which whoever has one address has all. */
#pragma once

#include "server/config.h"
#include "server/http_front.h"

typedef struct AddressLimit {
        uint32_t max; /* 0: none */
        bool spares_loopback;
        Trusted trusted;
} AddressLimit;

void address_limit_init(AddressLimit *l, const Config *config);
/* May he, who has so many, have one more? */
bool address_limit_admits(const AddressLimit *l, const HttpPeer *peer, uint32_t connections);
/* What he is counted under. */
void address_limit_key(const HttpPeer *peer, char key[HTTP_ADDRESS_BYTES]);
