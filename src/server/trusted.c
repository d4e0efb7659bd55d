/* SPDX-License-Identifier: Apache-2.0 */
#include "server/trusted.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"

#define V4_PREFIX_BITS 96
#define ADDRESS_BYTES 64

static const uint8_t V4_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Length of an address of that kind in bits, or -EINVAL. */
static int parse_address(const char *text, uint8_t bytes[16])
{
        if (inet_pton(AF_INET6, text, bytes) == 1)
                return 128;
        if (inet_pton(AF_INET, text, bytes + sizeof(V4_PREFIX)) != 1)
                return -EINVAL;
        memcpy(bytes, V4_PREFIX, sizeof(V4_PREFIX));
        return 32;
}

static int add_one(Trusted *t, char *text)
{
        char *slash = strchr(text, '/');
        TrustedNet net = {.bits = 128};
        uint32_t bits;
        int length;

        if (str_equal(text, "unix")) {
                t->unix_sockets = true;
                return 0;
        }
        if (slash)
                *slash++ = '\0';
        length = parse_address(text, net.bytes);
        if (length < 0)
                return length;
        if (slash) {
                if (parse_u32(slash, &bits) < 0 || bits > (uint32_t) length)
                        return -EINVAL;
                net.bits = length == 32 ? V4_PREFIX_BITS + bits : bits;
        }
        if (t->n == TRUSTED_MAX)
                return -E2BIG;
        t->nets[t->n++] = net;
        return 0;
}

int trusted_add(Trusted *t, const char *list)
{
        char text[ADDRESS_BYTES];

        for (const char *p = list; *p;) {
                size_t bytes = strcspn(p, " \t,");
                int r;

                if (bytes >= sizeof(text))
                        return -EINVAL;
                if (bytes > 0) {
                        memcpy(text, p, bytes);
                        text[bytes] = '\0';
                        r = add_one(t, text);
                        if (r < 0)
                                return r;
                }
                p += bytes;
                p += strspn(p, " \t,");
        }
        return 0;
}

static bool is_in(const TrustedNet *net, const uint8_t bytes[16])
{
        unsigned whole = net->bits / 8, rest = net->bits % 8;

        if (memcmp(net->bytes, bytes, whole) != 0)
                return false;
        return rest == 0 || (net->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

bool trusted_has(const Trusted *t, const char *address)
{
        uint8_t bytes[16];

        if (str_equal(address, "unix"))
                return t->unix_sockets;
        if (parse_address(address, bytes) < 0)
                return false;
        for (size_t i = 0; i < t->n; i++)
                if (is_in(&t->nets[i], bytes))
                        return true;
        return false;
}

/* Cuts the last element off list[0..bytes): its text, or false when it is no address. */
static bool last_address(const char *list, size_t *bytes, char *ret, size_t ret_bytes)
{
        size_t begin, end = *bytes;
        uint8_t ignored[16];

        while (end > 0 && (list[end - 1] == ' ' || list[end - 1] == '\t'))
                end--;
        for (begin = end; begin > 0 && list[begin - 1] != ',';)
                begin--;
        *bytes = begin > 0 ? begin - 1 : 0;
        while (begin < end && (list[begin] == ' ' || list[begin] == '\t'))
                begin++;
        if (end - begin >= ret_bytes)
                return false;
        memcpy(ret, list + begin, end - begin);
        ret[end - begin] = '\0';
        return parse_address(ret, ignored) > 0;
}

bool trusted_client(const Trusted *t, const char *forwarded_for, char *ret, size_t ret_bytes)
{
        size_t bytes = strlen(forwarded_for);
        char address[ADDRESS_BYTES] = "";

        do {
                if (!last_address(forwarded_for, &bytes, address, sizeof(address)))
                        return false;
        } while (bytes > 0 && trusted_has(t, address));
        (void) str_copy(ret, ret_bytes, address);
        return true;
}
