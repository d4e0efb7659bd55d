/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials of one job, open: what a START carries from the broker to a worker. Secrets live
 * in guarded memory (vault/secret.h) and are wiped with the last reference. Counted, because the
 * files of a job that move at once, and the reply to an upload, share one. */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/pack.h"
#include "engine/types.h"
#include "vault/secret.h"

enum {
        AUTH_REASON_BYTES = 120,
        /* User name and password in bytes; a UTF-16 unit takes three of UTF-8 at most. */
        AUTH_USER_BYTES_MAX = 300 * 3,
        AUTH_PASSWORD_BYTES_MAX = 65536 * 3,
        AUTH_SET_PACKED_BYTES_MAX =
                JOB_CREDENTIALS_MAX * (AUTH_USER_BYTES_MAX + AUTH_PASSWORD_BYTES_MAX + 32) + 1024,
};

typedef struct AuthSlot {
        BG_AUTH_TARGET target;
        BG_AUTH_SCHEME scheme;
        Secret *user; /* both NULL: implicit, the owner's own identity */
        Secret *password;
} AuthSlot;

typedef struct AuthSet {
        List link; /* for whoever keeps sets; removed with the last reference */
        unsigned refs;
        AuthSlot slots[JOB_CREDENTIALS_MAX];
        uint32_t slots_len;
        char unreadable[AUTH_REASON_BYTES]; /* why slots are left out; "" when none are */
} AuthSet;

_must_use_ int auth_set_new(AuthSet **ret); /* 0 or -ENOMEM */
AuthSet *auth_set_ref(AuthSet *s);          /* NULL allowed */
AuthSet *auth_set_unref(AuthSet *s);        /* NULL allowed; returns NULL */
DEFINE_CLEANUP(AuthSet *, auth_set_unref)

/* Both secrets NULL or neither; taken in any case. 0, -ENOSPC over JOB_CREDENTIALS_MAX, -EINVAL for
 * a target or scheme that is none, a slot that is there already, or only one secret. */
_must_use_ int auth_set_add(AuthSet *s, uint32_t target, uint32_t scheme, Secret *take_user,
                            Secret *take_password);
bool auth_set_equal(const AuthSet *a, const AuthSet *b); /* NULL equals only NULL */

void auth_set_pack(Buf *b, const AuthSet *s); /* NULL: no credentials */
/* Owned by the caller. NULL when there are none, or when the reader turned bad. */
_must_use_ AuthSet *auth_set_unpack(PackReader *r);
