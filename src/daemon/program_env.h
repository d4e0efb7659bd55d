/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of notification programs, whatever that of the service is:
 *
 *   HOME, USER, LOGNAME, SHELL   of the user's entry in the user database
 *   PATH                         the usual directories
 *   LANG, XDG_RUNTIME_DIR        as the service has them (LANG else C.UTF-8)
 *   BITSD_SOCKET                 where the service listens, so that the program finds this one
 *   BITS_JOB_ID                  36 characters, as bitsctl writes it
 *   BITS_JOB_EVENT               "transferred" or "error" */
#pragma once

#include <sys/types.h>

#include "base/cleanup.h"
#include "engine/types.h"

/* What is the same for all runs: asked for once, since user databases may be slow. */
typedef struct ProgramUser {
        char *name;
        char *home;
        char *shell;
} ProgramUser;

/* A user without an entry has his number as name, $HOME or else `/`, and /bin/sh. 0 or -ENOMEM. */
_must_use_ int program_user_find(uid_t uid, ProgramUser *ret);
void program_user_done(ProgramUser *user);

/* One block, freed with mem_free(). `socket` may be NULL. NULL when out of memory. */
_must_use_ char **program_env_new(const ProgramUser *user, const char *socket, const GUID *job,
                                  NotifyKind event);
