/* SPDX-License-Identifier: Apache-2.0 */
/* Names of users. Asking for one is slow, and a list holds the same one over and over: the last
 * answer is kept. */
#pragma once

#include <stdint.h>

typedef struct Owners { /* all zero to begin with */
        uint32_t uid;
        char *name; /* NULL: nobody was asked for yet */
} Owners;

void owners_done(Owners *o);
/* The log-on name, or the number when the user is unknown. Borrowed until the next call. */
const char *owners_name(Owners *o, uint32_t uid);
