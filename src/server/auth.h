/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking: Basic authentication against a password file. What was found right is remembered
 * for a while, as a keyed hash only, so that a packet costs no bcrypt; a changed file is noticed
 * within a second. Questions go to another process (password_checker.h), a bounded number at a
 * time. */
#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "server/basic.h"

enum {
        AUTH_REMEMBERED_SEC = 300,
        AUTH_REMEMBERED_MAX = 4096,
        AUTH_QUESTIONS_MAX = 64,
};

typedef enum AuthVerdict {
        AUTH_REFUSED,
        AUTH_ACCEPTED,
        AUTH_BUSY,  /* too many are being asked about: later */
        AUTH_ASKED, /* the answer comes through `done` */
} AuthVerdict;

typedef struct Auth Auth;
typedef struct AuthQuestion AuthQuestion;
/* ACCEPTED, REFUSED or BUSY. */
typedef void (*AuthDone)(void *ctx, AuthVerdict verdict);

_must_use_ int auth_new(sd_event *loop, Auth **ret);
Auth *auth_free(Auth *a); /* no answers come any more */
DEFINE_CLEANUP(Auth *, auth_free)
/* `authorization`: value of the field, NULL when there is none. `user` gets the name whatever the
 * verdict. *ret_question: when ASKED, until done or auth_forget(). */
AuthVerdict auth_check(Auth *a, const char *file, const char *authorization,
                       char user[BASIC_USER_BYTES], AuthDone done, void *ctx,
                       AuthQuestion **ret_question);
void auth_forget(AuthQuestion *question);
