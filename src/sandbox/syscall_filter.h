/* SPDX-License-Identifier: Apache-2.0 */
/* The list of system calls that a process may make from now on (seccomp, by libseccomp).
 *
 * Everything that is not on the list fails: with ENOSYS where C libraries try a newer call first
 * and know how to go on without it, else with EPERM, as a missing right would. What only an
 * intruder would ask for (running a program, looking into or mounting things, loading code into the
 * kernel) ends the process with SIGSYS. No memory may be writable and executable. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

typedef struct SyscallPolicy {
        bool listens;       /* listen and accept */
        bool spawns;        /* starts programs, waits for them and ends them */
        bool kernel_aio;    /* io_submit and its kin */
        bool lists_sockets; /* of the machine, over netlink, as /proc/net/tcp does */
        bool reads_keyring; /* Kerberos tickets in the kernel's keyring; nothing is put there */
} SyscallPolicy;

/* For this thread and all that it starts; there is no way back. 0; 1: filters cannot be had here
 * (no part of this kernel, or a filter around us forbids them), nothing has changed then; or
 * negative errno. */
_must_use_ int syscall_filter_enter(const SyscallPolicy *policy);
