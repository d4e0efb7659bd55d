/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords: from a file, a descriptor, standard input, or the person at the terminal; never from
 * the command line. Each is a line of its own. What was read stands in one block of memory that is
 * wiped, and no dump of this process is made once there is one. */
#pragma once

#include "cli.h"

enum {
        PASSWORDS_MAX = 2,
};

typedef struct Passwords { /* all zero to begin with */
        char *data;        /* NULL: there are none (any more) */
        size_t room;
        const char *of[PASSWORDS_MAX];
} Passwords;

/* Wipes. May be called at any time. */
void passwords_done(Passwords *p);
/* True when an option says where passwords come from. */
bool password_source_given(const Options *o);
/* Whether passwords can be had at all, before anything is done: prints a message and gives its
 * status when not. */
int passwords_check(const Cli *cli);
/* Reads `count` of them; `questions` are put to a person. On failure the message is printed and the
 * status given. */
int passwords_read(Cli *cli, const char *const *questions, size_t count, Passwords *ret);
/* True when somebody sits there to be asked. */
bool can_ask(const Cli *cli);
