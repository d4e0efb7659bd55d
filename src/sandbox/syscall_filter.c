/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/syscall_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/syscall_program.h"
#include "syscall_programs.inc" /* WORKER_CALLS and SERVER_CALLS, by syscall_rules.c */

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Asked before anything is changed, for a filter around us may refuse with any error. */
static bool can_filter(void)
{
        const uint32_t action = SECCOMP_RET_KILL_PROCESS;

        return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static int load(const struct sock_filter *steps, size_t n)
{
        struct sock_filter own[SYSCALL_PROGRAM_MAX];
        const struct sock_fprog program = {.len = (unsigned short) n, .filter = own};

        for (size_t i = 0; i < n; i++) {
                own[i] = steps[i];
                if (own[i].k == SYSCALL_OWN_PID)
                        own[i].k = (uint32_t) getpid();
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
                return -errno;
        return 0;
}

int syscall_filter_enter(SyscallList list)
{
        if (!can_filter())
                return 1;
        if (list == SYSCALLS_OF_SERVER)
                return load(SERVER_CALLS, LEN(SERVER_CALLS));
        return load(WORKER_CALLS, LEN(WORKER_CALLS));
}
