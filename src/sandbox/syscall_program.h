/* SPDX-License-Identifier: Apache-2.0 */
/* What the lists of system calls are compiled to at build time (syscall_rules.c), and what
 * syscall_filter.c fills in before it loads them. */
#pragma once

#define SYSCALL_PROGRAM_MAX 1024U   /* steps; on the stack of who loads it */
#define SYSCALL_OWN_PID 0x7f0b175dU /* stands for the process; no process can have that number */
