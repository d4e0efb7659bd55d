/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C and its relatives as something to poll: while they are watched they come as a descriptor
 * and interrupt nothing. Watching begins before a job is made, so that no moment is left in which
 * a signal could leave it behind unmentioned. */
#pragma once

#include <signal.h>

#include "base/attr.h"

typedef struct Signals {
        int fd; /* -1: not watched */
        sigset_t before;
} Signals;

/* 0 or negative errno. */
_must_use_ int signals_watch(Signals *s);
/* The same with Ctrl-\ too, for when a terminal has to be put in order before anything else. */
_must_use_ int signals_watch_all(Signals *s);
/* Back to what was before: a signal that waits unread takes its usual effect at once. */
void signals_release(Signals *s);
/* The next signal, 0 when there is none. */
int signals_next(Signals *s);
/* Stops the program as Ctrl-Z does; returns when it goes on. */
void signals_stop_here(void);
/* Ends the program by the signal, as if it had never been watched. */
_noreturn_ void signals_die(Signals *s, int signo);
