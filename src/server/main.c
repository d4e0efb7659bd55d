/* SPDX-License-Identifier: Apache-2.0 */
/* bitssrv: options, what a process must set before anything else, exit status. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/str.h"
#include "server/options.h"
#include "server/password_checker.h"
#include "server/server.h"

#define PASSWORD_CHECKER_FD 3

/* A file limit is an error of the write, a vanished client one of the send; the loop takes the
 * others as events. */
static int set_signals(void)
{
        sigset_t set;

        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
                return -1;
        if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
            sigaddset(&set, SIGHUP) < 0 || sigaddset(&set, SIGUSR1) < 0)
                return -1;
        return sigprocmask(SIG_BLOCK, &set, NULL);
}

/* One descriptor for each connection and one for each file that is being received. */
static void raise_limits(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                log_warning("the number of descriptors cannot be raised");
}

int main(int argc, char **argv)
{
        Options options;

        if (argc == 2 && str_equal(argv[1], PASSWORD_CHECKER_OPTION)) {
                log_setup("bitssrv", LOG_INFO);
                return password_checker_run(PASSWORD_CHECKER_FD);
        }
        switch (options_parse(argc, argv, &options)) {
        case OPTIONS_DONE:
                return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
        case OPTIONS_WRONG:
                return EXIT_USAGE;
        case OPTIONS_CHECK_CONFIG:
                log_setup("bitssrv", options.log_level);
                return server_check_config(&options);
        case OPTIONS_RUN:
                break;
        }
        log_setup("bitssrv", options.log_level);
        if (set_signals() < 0) {
                log_error("signals cannot be set");
                return EXIT_FAILED;
        }
        raise_limits();
        return server_run(&options);
}
