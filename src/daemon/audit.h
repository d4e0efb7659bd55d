/* SPDX-License-Identifier: Apache-2.0 */
/* What the administrator wants to find in the log afterwards: who made a job, gave it a login or a
 * program, or took it over. Never a user name or password, nor the parameters of a program, which
 * may hold one. That a program ran is told by program_pool.h. */
#pragma once

#include "daemon/call.h"

/* After the call has succeeded: one line about its job, with its owner, and with the caller where
 * that is somebody else. `fmt` says what was done. */
void audit_job(const Call *call, const char *fmt, ...) _printf_(2, 3);
/* "the server's Digest credentials"; an unknown slot is one of "no". */
enum { AUDIT_SLOT_BYTES = 48 };
const char *audit_slot(uint32_t target, uint32_t scheme, char text[AUDIT_SLOT_BYTES]);
