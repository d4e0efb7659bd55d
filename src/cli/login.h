/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials on their way from the options to the slots of a job: for cred, get and put. */
#pragma once

#include "bits_native.h"

#include "cli.h"
#include "password.h"

#define SCHEMES_ALL (SCHEMES_DEFAULT | SCHEME_BIT(BG_AUTH_SCHEME_PASSPORT))
/* Which one a server wants is not known before it asks, so all are set; Passport is another world.
 */
#define SCHEMES_DEFAULT                                                                            \
        (SCHEME_BIT(BG_AUTH_SCHEME_BASIC) | SCHEME_BIT(BG_AUTH_SCHEME_DIGEST) | SCHEMES_IMPLICIT)
#define SCHEMES_IMPLICIT (SCHEME_BIT(BG_AUTH_SCHEME_NTLM) | SCHEME_BIT(BG_AUTH_SCHEME_NEGOTIATE))

typedef struct Login {
        BG_AUTH_TARGET target;
        const char *user;     /* NULL: the owner's own identity ... */
        const char *password; /* ... and this NULL too */
} Login;

typedef struct Logins { /* all zero to begin with */
        Login logins[PASSWORDS_MAX];
        size_t count;
        unsigned schemes;
        Passwords passwords;
        char *asked_user; /* a user name that was typed; NULL */
} Logins;

/* Wipes. May be called at any time. */
void logins_done(Logins *l);
/* A user name that holds no password: for each that was given. Gives a status. */
int login_check_name(const Cli *cli, const char *user);
/* --login and --proxy-login of get and put: what can be said before anything is done. */
int logins_check(const Cli *cli);
/* Gets their passwords. On failure the message is printed and the status given. */
int logins_read(Cli *cli, Logins *ret);
/* Fills in the passwords of those that have a user. */
int logins_read_passwords(Cli *cli, Logins *l);
/* Fills the slots of the job. The first failure is told, and ends it. */
int logins_set(Cli *cli, const Logins *l, const bits_job_info *job);

const char *target_name(BG_AUTH_TARGET target); /* "server", "proxy" */
const char *scheme_name(BG_AUTH_SCHEME scheme); /* "basic" ... */
/* "basic, digest". Caller owns it. */
char *scheme_names(unsigned schemes);
