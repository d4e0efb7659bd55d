/* SPDX-License-Identifier: Apache-2.0 */
/* A question to the person at the terminal. The terminal is as before when the answer is there, and
 * before any signal that ends or stops the program takes its effect. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"

enum {
        TERMINAL_LINE_MAX = 4094, /* bytes: the kernel silently drops what goes beyond */
};

/* Asks at the controlling terminal, whatever the streams are, and puts the answer without its line
 * end into dst, terminated. Gives its bytes, or -ENXIO (no terminal), -ENODATA (end of file
 * instead of an answer), -EMSGSIZE (dst is too small, or the line reached TERMINAL_LINE_MAX), or
 * another negative errno; dst holds nothing of it then. Ctrl-C and its relatives end the program.
 */
_must_use_ ssize_t terminal_ask(const char *question, bool echo, char *dst, size_t dst_bytes);
