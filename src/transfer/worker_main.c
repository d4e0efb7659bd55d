/* SPDX-License-Identifier: Apache-2.0 */
/* bitsd-worker: started by bitsd alone, with the socket to it as descriptor 3. */
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "transfer/curl_memory.h"
#include "transfer/sandbox.h"
#include "transfer/worker.h"
#include "transfer/worker_msg.h"

/* It dies with the broker, leaves no core with what it has seen, gains no rights by exec, and may
 * open as many files as it is allowed to. */
static void set_up_process(void)
{
        struct rlimit limit = {0, 0};

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        (void) prctl(PR_SET_NAME, "bitsd-worker");
        (void) setrlimit(RLIMIT_CORE, &limit);
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        }
        (void) signal(SIGPIPE, SIG_IGN);
        (void) setlocale(LC_CTYPE, "C.UTF-8"); /* host names beyond ASCII */
        (void) mallopt(M_ARENA_MAX, 1);        /* the helper threads hardly allocate */
}

int main(int argc, char *argv[])
{
        sd_event *loop = NULL;
        Worker *worker = NULL;
        int type;
        socklen_t len = sizeof(type);

        if (getsockopt(WORKER_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
            type != SOCK_STREAM) {
                (void) fprintf(stderr, "bitsd-worker: to be started by bitsd only\n");
                return EXIT_FAILURE;
        }
        log_setup("bitsd-worker", LOG_INFO);
        sandbox_hide_state(WORKER_SOCKET_FD + 1);
        set_up_process();
        if (curl_memory_global_init() || sd_event_default(&loop) < 0 ||
            worker_new(loop, WORKER_SOCKET_FD, &worker) < 0) {
                log_error("worker: cannot start");
                return EXIT_FAILURE;
        }
        if (sandbox_enter() < 0) {
                log_error("worker: the sandbox cannot be closed");
                return EXIT_FAILURE;
        }
        (void) sd_event_loop(loop); /* ends with the process, when the broker is gone */
        worker_free(worker);
        sd_event_unref(loop);
        return EXIT_FAILURE;
}
