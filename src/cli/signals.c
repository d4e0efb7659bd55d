/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int watch(Signals *s, const int *watched, size_t count)
{
        sigset_t set;

        *s = (Signals){.fd = -1};
        (void) sigemptyset(&set); /* cannot fail, nor can the next for these numbers */
        for (size_t i = 0; i < count; i++)
                (void) sigaddset(&set, watched[i]);
        s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (s->fd < 0)
                return -errno;
        if (sigprocmask(SIG_BLOCK, &set, &s->before) < 0) {
                int r = -errno;

                (void) close(s->fd); /* nothing was written to it */
                s->fd = -1;
                return r;
        }
        return 0;
}

int signals_watch(Signals *s)
{
        static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH};

        return watch(s, watched, ARRAY_LEN(watched));
}

int signals_watch_all(Signals *s)
{
        static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGQUIT};

        return watch(s, watched, ARRAY_LEN(watched));
}

void signals_release(Signals *s)
{
        if (s->fd < 0)
                return;
        (void) close(s->fd); /* nothing was written to it */
        s->fd = -1;
        (void) sigprocmask(SIG_SETMASK, &s->before, NULL); /* a mask it gave itself */
}

int signals_next(Signals *s)
{
        struct signalfd_siginfo info;

        if (s->fd < 0 || read(s->fd, &info, sizeof(info)) != sizeof(info))
                return 0;
        return (int) info.ssi_signo;
}

void signals_stop_here(void)
{
        (void) raise(SIGSTOP); /* cannot fail for a signal of this process */
}

void signals_die(Signals *s, int signo)
{
        signals_release(s);
        (void) signal(signo, SIG_DFL); /* a valid number: it came from the kernel */
        (void) raise(signo);
        exit(128 + signo); /* the signal is blocked from outside: leave all the same */
}
