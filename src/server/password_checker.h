/* SPDX-License-Identifier: Apache-2.0 */
/* A process that compares passwords: bcrypt takes tens of milliseconds on purpose, in which the
 * loop would stand still. It is this program again, started with one descriptor and nothing else;
 * it ends when that is closed, and is started anew when it is needed and gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/cleanup.h"

#define PASSWORD_CHECKER_OPTION "--password-checker" /* how main() is told */

typedef struct PasswordChecker PasswordChecker;
/* The answer to question `id`; -1: there will be none, ask again. */
typedef void (*PasswordAnswer)(void *ctx, uint32_t id, int verdict);

_must_use_ int password_checker_new(sd_event *loop, PasswordAnswer answer, void *ctx,
                                    PasswordChecker **ret);
PasswordChecker *password_checker_free(PasswordChecker *c);
DEFINE_CLEANUP(PasswordChecker *, password_checker_free)
/* 0 or negative errno; the answer never comes from inside. */
_must_use_ int password_checker_ask(PasswordChecker *c, uint32_t id, const char *path,
                                    const char *user, const char *password);
/* The other process: answers until the descriptor is closed. Returns its exit status. */
int password_checker_run(int fd);
