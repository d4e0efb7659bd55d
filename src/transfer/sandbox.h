/* SPDX-License-Identifier: Apache-2.0 */
/* The walls around a worker, which reads what strangers send: docs/security.md says what each of
 * them stops, and what none does. A kernel that lacks one gets the others. */
#pragma once

#include "base/attr.h"

/* First in main, while there is one thread and the process may be dumped: takes the directory of
 * that lock, with queue and key, out of sight. -1: there is none. */
void sandbox_hide_state(int lock_fd);
/* Once all is set up, before a byte of the network is read. 0; negative errno: something that this
 * kernel has failed, and the worker must not go on. */
_must_use_ int sandbox_enter(void);
