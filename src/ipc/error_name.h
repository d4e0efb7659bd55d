/* SPDX-License-Identifier: Apache-2.0 */
/* HRESULT ↔ name of a D-Bus error. An invalid name would make the bus library drop the answer and
 * leave the caller waiting for its time-out, so names are made here only. */
#pragma once

#include "base/attr.h"
#include "ipc/protocol.h"
#include "wintypes.h"

/* The prefix, eight upper-case hexadecimal digits and the terminator. */
enum { ERROR_NAME_BYTES = sizeof(IPC_ERROR_PREFIX) + 8 };

/* A code that is no failure (it must not happen) becomes E_UNEXPECTED. Returns `name`. */
const char *error_name_format(HRESULT hr, char name[ERROR_NAME_BYTES]);

/* The code in one of our names; the nearest one for the errors that the bus libraries of both
 * ends make by themselves (unknown method, wrong signature, no answer …); E_UNEXPECTED for any
 * other and for NULL. Always a failure code. */
HRESULT error_name_to_hresult(const char *name);
