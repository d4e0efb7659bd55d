/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for a program that lives for one command: there is nothing better to do about its
 * absence than to say so and to leave, so callers need not check. */
#pragma once

#include <stdarg.h>

#include "base/attr.h"
#include "base/buf.h"

/* Gives `p` back, or ends the program with status 1 when it is NULL. */
void *must(void *p) __attribute__((returns_nonnull));
/* The text of a finished buffer, the buffer being empty afterwards; the caller owns it. */
char *must_take_str(Buf *b) __attribute__((returns_nonnull));
/* What vprintf would print; the caller owns it. */
char *must_vprintf(const char *fmt, va_list ap) __attribute__((returns_nonnull)) _printf_(1, 0);
