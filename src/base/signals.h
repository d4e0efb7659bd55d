/* SPDX-License-Identifier: Apache-2.0 */
/* Signals of a process that is about to become another program. */
#pragma once

/* Every signal at its default, and none blocked. System calls only, so a child may call it between
 * its fork and its execve, also when the parent has threads. */
void signals_reset(void);
