/* SPDX-License-Identifier: Apache-2.0 */
/* bitsd: options, what a process must set before anything else, exit status. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "daemon/app.h"
#include "daemon/options.h"

/* The queue may hold names and, in messages under way, secrets: no core dump, no debugger of the
 * same user. A leak check under a sanitizer needs to look into the process. */
static void forbid_dumps(void)
{
#ifndef __SANITIZE_ADDRESS__
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                log_warning("core dumps cannot be forbidden");
#endif
}

/* The loop takes these as events; the pool wants to see its children end. */
static int block_signals(void)
{
        sigset_t set;

        if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
            sigaddset(&set, SIGHUP) < 0 || sigaddset(&set, SIGCHLD) < 0)
                return -1;
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return -1;
        return sigprocmask(SIG_BLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
        Options options;

        switch (options_parse(argc, argv, &options)) {
        case OPTIONS_DONE:
                return fflush(stdout) == 0 ? APP_EXIT_OK : APP_EXIT_FAILURE;
        case OPTIONS_WRONG:
                return APP_EXIT_USAGE;
        case OPTIONS_RUN:
                break;
        }
        log_setup("bitsd", options.log_level);
        forbid_dumps();
        if (block_signals() < 0) {
                log_error("signals cannot be blocked");
                return APP_EXIT_FAILURE;
        }
        return app_run(&options);
}
