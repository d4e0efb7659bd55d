/* SPDX-License-Identifier: Apache-2.0 */
#include "server/address_limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/str.h"

/* Of all places: enough for an office behind one address, and eight of these are served. */
#define SHARE 8
#define MIN_CONNECTIONS 16
#define NETWORK_BYTES 8
#define V4_IN_V6_BYTES 12

void address_limit_init(AddressLimit *l, const Config *c)
{
        bool chosen = c->max_connections_per_address != CONFIG_PER_ADDRESS_DEFAULT;

        *l = (AddressLimit){
                .max = chosen ? c->max_connections_per_address
                              : MAX(c->max_connections / SHARE, (uint32_t) MIN_CONNECTIONS),
                .spares_loopback = !chosen,
                .trusted = c->trusted,
        };
}

static bool is_loopback(const char *address)
{
        struct in6_addr v6;

        if (inet_pton(AF_INET6, address, &v6) != 1)
                return str_starts_with(address, "127.");
        if (IN6_IS_ADDR_V4MAPPED(&v6))
                return v6.s6_addr[V4_IN_V6_BYTES] == IN_LOOPBACKNET;
        return IN6_IS_ADDR_LOOPBACK(&v6);
}

bool address_limit_admits(const AddressLimit *l, const HttpPeer *peer, uint32_t connections)
{
        if (l->max == 0 || connections < l->max || peer->is_unix)
                return true;
        return trusted_has(&l->trusted, peer->address) ||
               (l->spares_loopback && is_loopback(peer->address));
}

void address_limit_key(const HttpPeer *peer, char key[HTTP_ADDRESS_BYTES])
{
        struct in6_addr v6;

        (void) str_copy(key, HTTP_ADDRESS_BYTES, peer->address);
        if (peer->is_unix || inet_pton(AF_INET6, peer->address, &v6) != 1 ||
            IN6_IS_ADDR_V4MAPPED(&v6) || IN6_IS_ADDR_LOOPBACK(&v6))
                return;
        memset(v6.s6_addr + NETWORK_BYTES, 0, sizeof(v6.s6_addr) - NETWORK_BYTES);
        (void) inet_ntop(AF_INET6, &v6, key, HTTP_ADDRESS_BYTES); /* cannot fail: it has room */
}
