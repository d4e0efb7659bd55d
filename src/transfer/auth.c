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

void auth_done(Auth *a)
{
        a->ticket = auth_ticket_unref(a->ticket);
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

bool auth_curl_has_ntlm(void)
{
        return curl_can(CURL_VERSION_NTLM);
}

static bool ntlm_can_carry(const AuthSlot *slot)
{
        return auth_curl_has_ntlm() && is_latin1(slot->user) && is_latin1(slot->password);
}

bool auth_curl_has_negotiate(void)
{
        return curl_can(CURL_VERSION_SPNEGO) && curl_can(CURL_VERSION_GSSAPI);
}

/* curl does Negotiate by GSS-API, with tickets: the owner's, or one that is got for user name and
 * password. Those can also do NTLM, as the other half of Negotiate is. And there is no identity of
 * the owner in NTLM but a ticket. */
static long slot_schemes(const AuthSlot *slot)
{
        long can = 0;

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
                        return auth_curl_has_negotiate() ? (long) CURLAUTH_NEGOTIATE : 0;
                if (slot->scheme == BG_AUTH_SCHEME_NEGOTIATE && auth_curl_has_negotiate() &&
                    auth_ticket_is_possible())
                        can |= CURLAUTH_NEGOTIATE;
                return ntlm_can_carry(slot) ? can | (long) CURLAUTH_NTLM : can;
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

/* A slot may be used with two schemes, and one of them refused. */
static uint32_t tried_bit(const Auth *a, const AuthSlot *slot, long scheme)
{
        bool second = slot->scheme == BG_AUTH_SCHEME_NEGOTIATE && scheme == CURLAUTH_NTLM;

        return 1u << ((slot - a->set->slots) + (second ? 16 : 0));
}

static const AuthSlot *find(const Auth *a, const AuthSide *side, long offered, long *ret_scheme)
{
        for (size_t i = 0; a->set && side->allowed && i < ARRAY_LEN(STRENGTH); i++) {
                if (!(offered & STRENGTH[i]))
                        continue;
                for (uint32_t n = 0; n < a->set->slots_len; n++) {
                        const AuthSlot *slot = &a->set->slots[n];

                        if ((side->tried & tried_bit(a, slot, STRENGTH[i])) ||
                            !slot_serves(a, side, slot) || !(slot_schemes(slot) & STRENGTH[i]))
                                continue;
                        *ret_scheme = STRENGTH[i];
                        return slot;
                }
        }
        return NULL;
}

static void refuse(const Auth *a, AuthSide *side, const AuthSlot *slot, long scheme)
{
        side->tried |= tried_bit(a, slot, scheme);
        side->refused |= (uint32_t) scheme;
}

static bool same_identity(const AuthSlot *x, const AuthSlot *y)
{
        if (!x->user || !y->user)
                return !x->user && !y->user;
        return secret_equal(x->user, y->user) && secret_equal(x->password, y->password);
}

/* GSS-API speaks for one identity at a time: server and proxy may only both be Negotiate when it is
 * the same. */
static bool get_ticket(Auth *a, const AuthSide *side, const AuthSlot *slot)
{
        const AuthSide *other = side == &a->server ? &a->proxy : &a->server;

        if (other->slot && other->scheme == CURLAUTH_NEGOTIATE) {
                if (same_identity(slot, other->slot))
                        return true;
                a->ticket_why = "server and proxy need different ones";
                return false;
        }
        if (!slot->user || (a->ticket && a->ticket_slot == slot))
                return true;
        a->ticket = auth_ticket_unref(a->ticket);
        if (auth_ticket_get(slot->user, slot->password, &a->ticket, &a->ticket_why) < 0)
                return false;
        a->ticket_slot = slot;
        return true;
}

static bool choose(Auth *a, AuthSide *side, long offered)
{
        const AuthSlot *slot;
        long scheme = 0;

        side->slot = NULL;
        side->scheme = 0;
        while ((slot = find(a, side, offered, &scheme))) {
                if (scheme != CURLAUTH_NEGOTIATE || get_ticket(a, side, slot)) {
                        side->slot = slot;
                        side->scheme = scheme;
                        side->expected = side->passed = false;
                        return true;
                }
                refuse(a, side, slot, scheme);
        }
        return false;
}

static bool needs_ticket(const AuthSide *side)
{
        return side->slot && side->slot->user && side->scheme == CURLAUTH_NEGOTIATE;
}

AuthTicket *auth_ticket_of(const Auth *a)
{
        return needs_ticket(&a->server) || needs_ticket(&a->proxy) ? a->ticket : NULL;
}

static void expect_digest(const Auth *a, AuthSide *side)
{
        long scheme = 0;
        const AuthSlot *slot = find(a, side, ~0L, &scheme);

        if (side->slot || side->offered || !slot || scheme != CURLAUTH_DIGEST)
                return;
        side->slot = slot;
        side->scheme = scheme;
        side->expected = true;
        side->passed = false;
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
                if (side->scheme == CURLAUTH_NEGOTIATE && side->slot->user)
                        a->ticket = auth_ticket_unref(a->ticket); /* it may have expired */
                return side->scheme != CURLAUTH_NEGOTIATE || get_ticket(a, side, side->slot) ||
                       choose(a, side, side->offered);
        }
        if (side->slot && (!side->expected || (side->offered & side->scheme)))
                refuse(a, side, side->slot, side->scheme);
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
