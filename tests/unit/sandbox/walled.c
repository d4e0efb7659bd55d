/* SPDX-License-Identifier: Apache-2.0 */
#include "walled.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_for(pid_t pid)
{
        int status;

        if (pid < 0 || waitpid(pid, &status, 0) != pid)
                return WALLED_BROKEN;
        if (WIFSIGNALED(status))
                return WTERMSIG(status) == SIGSYS ? WALLED_KILLED : WALLED_BROKEN;
        return WEXITSTATUS(status);
}

int walled_try(const Walled *w)
{
        const struct rlimit none = {0, 0};
        pid_t pid = fork();

        if (pid == 0) {
                (void) setrlimit(RLIMIT_CORE, &none);
                if (w->uid != (uid_t) -1 && (setgid(w->uid) < 0 || setuid(w->uid) < 0))
                        _exit(WALLED_BROKEN);
                if (w->uid != (uid_t) -1) /* else what is ours in /proc is root's */
                        (void) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
                w->enter(w->ctx);
                _exit(w->attempt(w->ctx));
        }
        return wait_for(pid);
}

int walled_landlock_abi(void)
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return abi > 0 ? (int) abi : 0;
}

bool walled_has_landlock(void)
{
        return walled_landlock_abi() > 0;
}

bool walled_has_namespaces(uid_t uid)
{
        pid_t pid = fork();

        if (pid == 0) {
                if (uid != (uid_t) -1 && (setgid(uid) < 0 || setuid(uid) < 0))
                        _exit(WALLED_BROKEN);
                _exit(unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0);
        }
        return wait_for(pid) == 0;
}
