/* SPDX-License-Identifier: Apache-2.0 */
/* What a program finds that was started with its signals reset. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/signals.h"

#define OF_THE_C_LIBRARY 32 /* it keeps this one for its threads */

/* The kernel's own structure; the C library does not let this signal be set. */
static void ignore_raw(int number)
{
        static const unsigned long ignored[4] = {1 /* SIG_IGN */};

        (void) syscall(SYS_rt_sigaction, number, ignored, NULL, (_NSIG - 1) / 8);
}

/* Counts the lines of this process's status that show a signal ignored or blocked. */
static int unclean_lines(void)
{
        char line[256];
        int unclean = 0;
        FILE *f = fopen("/proc/self/status", "re");

        if (!f)
                return -1;
        while (fgets(line, sizeof(line), f))
                if (strncmp(line, "SigIgn:", 7) == 0 || strncmp(line, "SigBlk:", 7) == 0)
                        unclean += strspn(line + 7, "\t0\n") != strlen(line + 7);
        (void) fclose(f);
        return unclean;
}

static int in_a_child(void)
{
        sigset_t all;

        (void) sigfillset(&all);
        (void) sigprocmask(SIG_SETMASK, &all, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGRTMAX, SIG_IGN);
        ignore_raw(OF_THE_C_LIBRARY);
        if (unclean_lines() != 2)
                return 1;
        signals_reset();
        return unclean_lines() == 0 ? 0 : 2;
}

static void every_signal_is_as_at_the_start(void **state)
{
        int status = -1;
        pid_t pid = fork();

        if (pid == 0)
                _exit(in_a_child());
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(every_signal_is_as_at_the_start)};

        return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
