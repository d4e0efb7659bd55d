/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a notification program: a process of its own session with nothing of ours but its
 * rights. It gets no shell and no search of PATH, `/` as directory, an empty stdin, one pipe as
 * stdout and stderr, the given words and environment, default signals with none blocked, umask 022,
 * and no other descriptor. Limits are those of the service, which sets none.
 *
 * PR_SET_NO_NEW_PRIVS is not set: a program has the rights of the user who asked for it, and
 * sending mail or calling sudo needs programs that change theirs. PR_SET_PDEATHSIG neither: a
 * program may finish when bitsd dies, and is run again, for nobody saw its end. */
#pragma once

#include <sys/types.h>

#include "base/attr.h"

typedef struct ProgramProcess {
        pid_t pid;     /* also its session and process group */
        int pid_fd;    /* becomes readable at its end; the other two are closed on exec as well */
        int output_fd; /* does not block */
        int status_fd; /* holds the errno of an execve() that failed; see program_exec_error() */
} ProgramProcess;

/* `path` is absolute. Does not wait for the execve(), which may hang on a file system that does.
 * The descriptors are the caller's, and so is reaping. 0 or negative errno. */
_must_use_ int program_exec(const char *path, char *const *argv, char *const *envp,
                            ProgramProcess *ret);
/* After the process has ended: negative errno when the program did not begin, else 0. */
int program_exec_error(const ProgramProcess *p);
