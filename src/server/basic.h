/* SPDX-License-Identifier: Apache-2.0 */
/* The Authorization field of Basic authentication (RFC 7617). Pure. */
#pragma once

#include "base/attr.h"

enum {
        BASIC_USER_BYTES = 256,
        BASIC_PASSWORD_BYTES = 1025,
};

typedef struct BasicCredentials {
        char user[BASIC_USER_BYTES];
        char password[BASIC_PASSWORD_BYTES];
} BasicCredentials;

/* 0 or -EINVAL with *ret cleared: another scheme, no base64, no colon, control characters, too
 * long. Wipe it after use. */
_must_use_ int basic_parse(const char *authorization, BasicCredentials *ret);
void basic_wipe(BasicCredentials *c);
