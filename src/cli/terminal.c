/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#include "signals.h"

typedef struct Asking {
        int fd; /* the terminal, not blocking */
        struct termios before;
        Signals signals;
        const char *question;
        bool echo;
} Asking;

/* What was typed ahead was typed for all to see, and for somebody else. */
static int begin(const Asking *a)
{
        struct termios now = a->before;

        now.c_lflag |= ICANON | ISIG;
        if (!a->echo)
                now.c_lflag &= ~(tcflag_t) (ECHO | ECHOE | ECHOK | ECHONL);
        if (tcsetattr(a->fd, TCSAFLUSH, &now) < 0)
                return -errno;
        return fd_write_all(a->fd, a->question, strlen(a->question));
}

/* The line end of the answer was not shown. */
static void end(const Asking *a, bool answered)
{
        (void) tcsetattr(a->fd, TCSAFLUSH, &a->before); /* nothing can be done about it */
        if (!answered || !a->echo)
                (void) !fd_write_all(a->fd, "\n", 1); /* for the looks only */
}

/* 0 when the question stands again; does not come back from signals that end the program. */
static int take_signal(Asking *a, int signo)
{
        end(a, false);
        if (signo != SIGTSTP)
                signals_die(&a->signals, signo);
        signals_stop_here();
        return begin(a);
}

/* A line as the terminal hands it out: whole. */
static ssize_t read_answer(Asking *a, char *dst, size_t dst_bytes)
{
        struct pollfd p[] = {{.fd = a->fd, .events = POLLIN},
                             {.fd = a->signals.fd, .events = POLLIN}};

        for (;;) {
                int signo, r;
                ssize_t n;

                if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
                        return -errno;
                signo = signals_next(&a->signals);
                if (signo != 0) {
                        r = take_signal(a, signo);
                        if (r < 0)
                                return r;
                        continue;
                }
                n = read(a->fd, dst, dst_bytes);
                if (n >= 0)
                        return n;
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
}

static ssize_t check_answer(const char *dst, size_t dst_bytes, ssize_t n)
{
        if (n <= 0)
                return n < 0 ? n : -ENODATA;
        if (dst[n - 1] == '\n')
                return n - 1 < TERMINAL_LINE_MAX ? n - 1 : -EMSGSIZE;
        /* ended by Ctrl-D, or cut */
        return (size_t) n < dst_bytes && n < TERMINAL_LINE_MAX ? n : -EMSGSIZE;
}

ssize_t terminal_ask(const char *question, bool echo, char *dst, size_t dst_bytes)
{
        _cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        Asking a = {.fd = fd, .question = question, .echo = echo};
        ssize_t n;
        int r;

        if (fd < 0)
                return -ENXIO;
        if (tcgetattr(fd, &a.before) < 0)
                return -errno;
        r = signals_watch_all(&a.signals);
        if (r < 0)
                return r;
        r = begin(&a);
        n = r < 0 ? r : read_answer(&a, dst, dst_bytes);
        end(&a, n > 0);
        signals_release(&a.signals);
        n = check_answer(dst, dst_bytes, n);
        if (n < 0)
                explicit_bzero(dst, dst_bytes);
        else
                dst[n] = '\0';
        return n;
}
