/* SPDX-License-Identifier: Apache-2.0 */
/* The list of system calls that a process may make from now on (seccomp).
 *
 * Everything that is not on the list fails: with ENOSYS where C libraries try a newer call first
 * and know how to go on without it, else with EPERM, as a missing right would. What only an
 * intruder would ask for (running a program, looking into or mounting things, loading code into the
 * kernel) ends the process with SIGSYS. No memory may be writable and executable. */
#pragma once

#include "base/attr.h"

typedef enum SyscallList {
        SYSCALLS_OF_WORKER, /* lists the machine's sockets, reads Kerberos tickets in the keyring */
        SYSCALLS_OF_SERVER, /* listens, starts programs and ends them, has the kernel's AIO */
} SyscallList;

/* For this thread and all that it starts; there is no way back, and no new rights by running a
 * program either. Needs no memory. 0; 1: filters cannot be had here (no part of this kernel, or a
 * filter around us forbids them), nothing has changed then; or negative errno. */
_must_use_ int syscall_filter_enter(SyscallList list);
