/* SPDX-License-Identifier: Apache-2.0 */
/* A Kerberos ticket for a user name and a password, for Negotiate: curl takes tickets only. It
 * lives in memory, never in the owner's cache, and goes with the last reference to its object.
 * Getting one asks the KDC and waits for it. Without libkrb5 at build time nothing of this is
 * possible. */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "vault/secret.h"

typedef struct AuthTicket AuthTicket;

bool auth_ticket_is_possible(void);
/* `user` is user, user@REALM or REALM\user. 0, or negative errno with *ret_why (static, without
 * names): -EACCES refused, -EHOSTUNREACH no KDC, -ENOTSUP, -ENOMEM, -EIO all else. */
_must_use_ int auth_ticket_get(const Secret *user, const Secret *password, AuthTicket **ret,
                               const char **ret_why);
AuthTicket *auth_ticket_ref(AuthTicket *t);   /* NULL allowed */
AuthTicket *auth_ticket_unref(AuthTicket *t); /* NULL allowed; returns NULL */
/* Whom GSS-API speaks for from now on; NULL: the owner of the process. */
void auth_ticket_use(const AuthTicket *t);
