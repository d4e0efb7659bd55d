/* SPDX-License-Identifier: Apache-2.0 */
/* Answers challenges of servers and proxies with the credentials of a job. Nothing is ever sent
 * unasked: a request goes out without credentials, its 401 or 407 says which schemes are offered,
 * and the strongest for which there is a slot is given to curl alone, so that curl never chooses.
 * A slot that is refused is not tried again; so every chain of challenges ends.
 *
 *   auth_init
 *   each request: auth_hop, auth_apply to its handle
 *   401 or 407:   auth_challenged: true: again, with a new handle; false: auth_error says why not
 *   another answer: auth_passed
 *
 * A handle to which credentials were applied must not serve anything else: curl keeps nonces and
 * choices in it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "transfer/auth_set.h"
#include "transfer/auth_ticket.h"

enum {
        AUTH_ROUNDS_MAX = 6,               /* heads of one request; NTLM needs three */
        AUTH_SKIP_MAX_BYTES = 1024 * 1024, /* text of a refusal, when a handshake may go on */
};

typedef struct AuthSide {     /* the server's, or the proxy's */
        bool allowed;         /* this request may carry such credentials */
        const AuthSlot *slot; /* in use; NULL: none yet */
        long scheme;          /* the curl bit it is used with */
        bool expected;        /* chosen before it was offered */
        bool passed;          /* something was let through with it */
        uint32_t tried;   /* refused slots, by their place in the set; again from 16 on as NTLM */
        uint32_t refused; /* the curl bits they were used with */
        long offered;     /* curl bits of the last challenge */
} AuthSide;

typedef struct Auth {
        const AuthSet *set; /* borrowed; NULL: no credentials */
        AuthSide server;
        AuthSide proxy;
        AuthTicket *ticket; /* of an explicit slot for Negotiate */
        const AuthSlot *ticket_slot;
        const char *ticket_why; /* why there is none; NULL: none was wanted */
} Auth;

void auth_init(Auth *a, const AuthSet *set);
void auth_done(Auth *a);
/* The next request may carry credentials for the server (it is the job's own), and for a proxy
 * (there may be one). What was learnt is kept as long as neither changes. True: it did, so that a
 * handle to which credentials were applied has to go. */
bool auth_hop(Auth *a, bool server_allowed, bool proxy_allowed);
/* Forgets what was learnt: another server or another proxy comes now. */
void auth_forget(Auth *a);
/* Chooses Digest before it is asked for, where nothing stronger could be chosen: curl sends nothing
 * without a nonce, and answers the challenge without coming back here. Not for requests with a
 * body, which curl leaves out until it has a nonce. */
void auth_expect_digest(Auth *a);
/* 0, -ENOMEM, or -EIO when the crypto library does not work. */
_must_use_ int auth_apply(const Auth *a, CURL *easy);
bool auth_is_applied(const Auth *a); /* credentials are in use */
/* The scheme in use proves a connection, not a request: others must not use that connection. */
bool auth_binds_connection(const Auth *a);

/* `easy` has ended with `status` 401 or 407. True: there is (another) slot to try. */
_must_use_ bool auth_challenged(Auth *a, CURL *easy, int status);
void auth_passed(Auth *a); /* the last answer was no challenge */
/* A head of 401 or 407 with a text of `bytes`: may it be a step of a handshake, so that the
 * connection must live? False: enough of them, or too much text. */
bool auth_follows(const Auth *a, uint32_t *count, uint64_t bytes);
/* One line of the answers to CONNECT, which curl goes on with by itself. False: enough of them. */
bool auth_heads_are_few(uint32_t *count, const char *line, size_t bytes);
/* What the libcurl that is here can do, asked at run time. */
bool auth_curl_has_ntlm(void);
bool auth_curl_has_negotiate(void);
/* Why 401 or 407 is the last word, and what to do about it. Fatal. No text holds a secret. */
JobError auth_error(const Auth *a, int status);

/* The ticket that GSS-API has to use for this request; NULL: the owner's, if any. */
AuthTicket *auth_ticket_of(const Auth *a);
