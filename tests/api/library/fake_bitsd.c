/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for the program bitsd: looks at how it was started, writes that down beside the socket
 * and serves with the fake service until it is told to end. FAKE_BITSD names a misbehaviour. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_service.h"

/* Whatever happens to the test, no process stays. */
enum { LIFE_SEC = 60 };

static bool mode_is(const char *name)
{
        const char *mode = getenv("FAKE_BITSD");

        return mode && strcmp(mode, name) == 0;
}

static bool is_null_device(int fd)
{
        struct stat st, null;

        return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev &&
               S_ISCHR(st.st_mode);
}

/* Signals that are blocked or ignored. */
static unsigned count_odd_signals(void)
{
        struct sigaction action;
        sigset_t mask;
        unsigned n = 0;

        (void) sigprocmask(SIG_SETMASK, NULL, &mask);
        for (int sig = 1; sig < NSIG; sig++)
                if (sigaction(sig, NULL, &action) == 0)
                        n += action.sa_handler == SIG_IGN || sigismember(&mask, sig);
        return n;
}

static void describe(FILE *f, int ready_fd, int argc, char **argv)
{
        char cwd[256] = "";
        unsigned fds = 0;

        for (int fd = 3; fd < 1024; fd++)
                fds += fd != ready_fd && fcntl(fd, F_GETFD) >= 0 && fd != fileno(f);
        fprintf(f, "pid %d\n", (int) getpid());
        fprintf(f, "session of its own %d\n", getsid(0) != getpid() && getpgrp() == getsid(0));
        fprintf(f, "standard streams on null %d\n",
                is_null_device(0) && is_null_device(1) && is_null_device(2));
        fprintf(f, "other descriptors %u\n", fds);
        fprintf(f, "odd signals %u\n", count_odd_signals());
        fprintf(f, "directory %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : "?");
        fprintf(f, "notify socket %s\n", getenv("NOTIFY_SOCKET") ? "set" : "unset");
        fprintf(f, "listen fds %s\n", getenv("LISTEN_FDS") ? "set" : "unset");
        fprintf(f, "kept %s\n", getenv("KEPT_VARIABLE") ? getenv("KEPT_VARIABLE") : "unset");
        fprintf(f, "arguments");
        for (int i = 0; i < argc; i++)
                fprintf(f, " %s", argv[i]);
        fprintf(f, "\n");
}

static void note_start(const char *socket, int ready_fd, int argc, char **argv)
{
        char path[256];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s.started.%d", socket, (int) getpid());
        f = fopen(path, "we");
        if (!f)
                exit(3);
        describe(f, ready_fd, argc, argv);
        (void) fclose(f);
}

/* One instance serves; the others see that by the lock. */
static void take_lock(const char *socket)
{
        char path[256];
        int fd;

        (void) snprintf(path, sizeof(path), "%s.lock", socket);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                exit(4);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                exit(errno == EWOULDBLOCK ? 0 : 5); /* --if-needed */
}

/* Says why it cannot start, and does not. */
static int explain(int ready_fd, const char *text)
{
        return write(ready_fd, text, strlen(text)) < 0 ? 6 : 7;
}

static int explain_at_length(int ready_fd)
{
        char text[4000];

        (void) memset(text, 'x', sizeof(text) - 1);
        text[0] = '!';
        text[sizeof(text) - 1] = '\0';
        return explain(ready_fd, text);
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                {"user", no_argument, NULL, 'u'},
                {"if-needed", no_argument, NULL, 'i'},
                {"socket", required_argument, NULL, 's'},
                {"ready-fd", required_argument, NULL, 'r'},
                {NULL, 0, NULL, 0},
        };
        const char *socket = getenv("BITSD_SOCKET");
        bool user = false, if_needed = false;
        int ready_fd = -1, c, sig;
        sigset_t set;

        while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
                if (c == 'u')
                        user = true;
                else if (c == 'i')
                        if_needed = true;
                else if (c == 's')
                        socket = optarg;
                else if (c == 'r')
                        ready_fd = atoi(optarg);
                else
                        return 64;
        if (!user || !if_needed || !socket)
                return 65;
        (void) alarm(LIFE_SEC);
        note_start(socket, ready_fd, argc, argv);
        if (mode_is("fail"))
                return 7;
        if (mode_is("explain"))
                return explain(ready_fd, "!the disk is full\n\033[31mmore\n");
        if (mode_is("mark"))
                return explain(ready_fd, "!");
        if (mode_is("chatter"))
                return explain_at_length(ready_fd);
        if (mode_is("leave"))
                return 0;
        if (mode_is("crash"))
                abort();
        if (mode_is("hang"))
                (void) pause();
        take_lock(socket);
        if (mode_is("slow"))
                (void) usleep(400000);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        (void) fake_start(socket);
        if (ready_fd >= 0 && write(ready_fd, "1", 1) != 1)
                return 6;
        (void) sigwait(&set, &sig);
        return 0;
}
