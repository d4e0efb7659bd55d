/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/auth.h"

#include <errno.h>
#include <string.h>

#include "transfer/http_client.h"

/* Strongest first. */
static const long STRENGTH[] = {CURLAUTH_NEGOTIATE, CURLAUTH_NTLM, CURLAUTH_DIGEST, CURLAUTH_BASIC};

#define CONNECTION_SCHEMES (CURLAUTH_NEGOTIATE | CURLAUTH_NTLM)

void auth_init(Auth *a, const AuthSet *set)
{
        *a = (Auth){.set = set};
}

static void side_forget(AuthSide *s)
{
        *s = (AuthSide){.allowed = s->allowed};
}

void auth_forget(Auth *a)
{
        side_forget(&a->server);
        side_forget(&a->proxy);
}

static bool side_allow(AuthSide *s, bool allowed)
{
        if (s->allowed == allowed)
                return false;
        s->allowed = allowed;
        side_forget(s);
        return true;
}

bool auth_hop(Auth *a, bool server_allowed, bool proxy_allowed)
{
        bool server = side_allow(&a->server, server_allowed);
        bool proxy = side_allow(&a->proxy, proxy_allowed);

        return server || proxy;
}

static bool curl_can(long feature)
{
        return (curl_version_info(CURLVERSION_NOW)->features & feature) != 0;
}

/* curl makes UTF-16 of the bytes of a text by putting zeros between them, which is right for
 * Latin-1 and for nothing else. */
static bool is_latin1(const Secret *text)
{
        const uint8_t *p = secret_bytes_of(text);

        for (size_t i = 0; i < secret_len_bytes(text); i++)
                if (p[i] > 0xc3)
                        return false;
        return true;
}

static bool ntlm_can_carry(const AuthSlot *slot)
{
        return curl_can(CURL_VERSION_NTLM) && is_latin1(slot->user) && is_latin1(slot->password);
}

/* curl does Negotiate by GSS-API, whose tickets are the owner's and not made of a password; what a
 * password for Negotiate can do is NTLM, as the other half of Negotiate is. And there is no
 * identity of the owner in NTLM but a ticket. */
long auth_slot_scheme(const AuthSlot *slot)
{
        switch (slot->scheme) {
        case BG_AUTH_SCHEME_BASIC: /* a colon would end the user name */
                return slot->user && !memchr(secret_text(slot->user), ':',
                                             secret_len_bytes(slot->user))
                               ? CURLAUTH_BASIC
                               : 0;
        case BG_AUTH_SCHEME_DIGEST:
                return slot->user ? CURLAUTH_DIGEST : 0;
        case BG_AUTH_SCHEME_NTLM:
        case BG_AUTH_SCHEME_NEGOTIATE:
                if (!slot->user)
                        return curl_can(CURL_VERSION_SPNEGO) && curl_can(CURL_VERSION_GSSAPI)
                                       ? (long) CURLAUTH_NEGOTIATE
                                       : 0;
                return ntlm_can_carry(slot) ? (long) CURLAUTH_NTLM : 0;
        default:
                return 0;
        }
}

static bool has_explicit_server_slot(const AuthSet *set)
{
        for (uint32_t i = 0; i < set->slots_len; i++)
                if (set->slots[i].target == BG_AUTH_TARGET_SERVER && set->slots[i].user)
                        return true;
        return false;
}

/* Implicit credentials for the proxy serve the server, too, unless it has explicit ones. */
static bool slot_serves(const Auth *a, const AuthSide *side, const AuthSlot *slot)
{
        if (side == &a->proxy)
                return slot->target == BG_AUTH_TARGET_PROXY;
        return slot->target == BG_AUTH_TARGET_SERVER ||
               (!slot->user && !has_explicit_server_slot(a->set));
}

static bool choose(Auth *a, AuthSide *side, long offered)
{
        for (size_t i = 0; a->set && side->allowed && i < ARRAY_LEN(STRENGTH); i++) {
                if (!(offered & STRENGTH[i]))
                        continue;
                for (uint32_t n = 0; n < a->set->slots_len; n++) {
                        const AuthSlot *slot = &a->set->slots[n];

                        if ((side->tried & 1u << n) || !slot_serves(a, side, slot) ||
                            auth_slot_scheme(slot) != STRENGTH[i])
                                continue;
                        side->slot = slot;
                        side->scheme = STRENGTH[i];
                        side->expected = side->passed = false;
                        return true;
                }
        }
        side->slot = NULL;
        side->scheme = 0;
        return false;
}

static void expect_digest(Auth *a, AuthSide *side)
{
        if (side->slot || side->offered || !choose(a, side, ~0L))
                return;
        side->expected = side->scheme == CURLAUTH_DIGEST;
        if (side->expected)
                return;
        side->slot = NULL;
        side->scheme = 0;
}

void auth_expect_digest(Auth *a)
{
        expect_digest(a, &a->server);
        expect_digest(a, &a->proxy);
}

/* The Latin-1 of a text that ntlm_can_carry(). NTLM compares names in capitals, which curl makes of
 * ASCII only. */
static int make_latin1(const Secret *text, bool is_name, Secret **ret)
{
        const uint8_t *p = secret_bytes_of(text);
        size_t bytes = secret_len_bytes(text), n = 0;
        Secret *s;
        int r = secret_new(bytes, &s);

        if (r < 0)
                return r;
        for (size_t i = 0; i < bytes; i++) {
                uint8_t c = p[i];

                if (c >= 0x80 && i + 1 < bytes) {
                        c = (uint8_t) ((c & 0x03) << 6 | (p[++i] & 0x3f));
                        if (is_name && c >= 0xe0 && c != 0xf7 && c != 0xff)
                                c = (uint8_t) (c - 0x20);
                }
                secret_data(s)[n++] = c;
        }
        secret_cut(s, n);
        *ret = s;
        return 0;
}

typedef struct SideOptions {
        CURLoption scheme, user, password;
} SideOptions;

static int set_options(CURL *easy, const SideOptions *o, long scheme, const char *user,
                       const char *password)
{
        if (curl_easy_setopt(easy, o->scheme, scheme) || curl_easy_setopt(easy, o->user, user) ||
            curl_easy_setopt(easy, o->password, password))
                return -ENOMEM;
        return 0;
}

static int apply_ntlm(CURL *easy, const SideOptions *o, const AuthSlot *slot)
{
        _cleanup_(secret_freep) Secret *user = NULL, *password = NULL;
        int r = make_latin1(slot->user, true, &user);

        if (r == 0)
                r = make_latin1(slot->password, false, &password);
        if (r < 0)
                return r;
        return set_options(easy, o, CURLAUTH_NTLM, secret_text(user), secret_text(password));
}

static int apply_side(const AuthSide *s, CURL *easy, const SideOptions *o)
{
        if (!s->slot || !s->allowed)
                return set_options(easy, o, CURLAUTH_BASIC, NULL, NULL);
        if (s->scheme == CURLAUTH_NEGOTIATE) /* an empty name: whoever has the ticket */
                return set_options(easy, o, s->scheme, "", "");
        if (s->scheme == CURLAUTH_NTLM)
                return apply_ntlm(easy, o, s->slot);
        return set_options(easy, o, s->scheme, secret_text(s->slot->user),
                           secret_text(s->slot->password));
}

int auth_apply(const Auth *a, CURL *easy)
{
        static const SideOptions SERVER = {CURLOPT_HTTPAUTH, CURLOPT_USERNAME, CURLOPT_PASSWORD};
        static const SideOptions PROXY = {CURLOPT_PROXYAUTH, CURLOPT_PROXYUSERNAME,
                                          CURLOPT_PROXYPASSWORD};
        int r = apply_side(&a->server, easy, &SERVER);

        if (r == 0)
                r = apply_side(&a->proxy, easy, &PROXY);
        if (r < 0 || !auth_is_applied(a))
                return r;
        /* The heads of CONNECT are counted, or a proxy could challenge for ever. */
        return curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 0L) ? -ENOMEM : 0;
}

bool auth_is_applied(const Auth *a)
{
        return a->server.slot || a->proxy.slot;
}

bool auth_binds_connection(const Auth *a)
{
        return ((a->server.scheme | a->proxy.scheme) & CONNECTION_SCHEMES) != 0;
}

static AuthSide *side_of(Auth *a, int status)
{
        return status == 407 ? &a->proxy : &a->server;
}

bool auth_challenged(Auth *a, CURL *easy, int status)
{
        AuthSide *side = side_of(a, status);

        side->offered = 0;
        (void) curl_easy_getinfo(easy,
                                 status == 407 ? CURLINFO_PROXYAUTH_AVAIL : CURLINFO_HTTPAUTH_AVAIL,
                                 &side->offered);
        /* What was right a moment ago gets a second chance: a nonce may be gone. */
        if (side->slot && side->passed && (side->offered & side->scheme)) {
                side->passed = false;
                return true;
        }
        if (side->slot && (!side->expected || (side->offered & side->scheme))) {
                side->tried |= 1u << (side->slot - a->set->slots);
                side->refused |= (uint32_t) side->scheme;
        }
        return choose(a, side, side->offered);
}

void auth_passed(Auth *a)
{
        if (a->server.slot)
                a->server.passed = true;
        if (a->proxy.slot)
                a->proxy.passed = true;
}

bool auth_follows(const Auth *a, uint32_t *count, uint64_t bytes)
{
        uint64_t max_bytes = auth_is_applied(a) ? AUTH_SKIP_MAX_BYTES : HTTP_SKIP_MAX_BYTES;

        return ++*count <= AUTH_ROUNDS_MAX && bytes <= max_bytes;
}

bool auth_heads_are_few(uint32_t *count, const char *line, size_t bytes)
{
        if (bytes >= 5 && memcmp(line, "HTTP/", 5) == 0)
                ++*count;
        return *count <= AUTH_ROUNDS_MAX;
}
