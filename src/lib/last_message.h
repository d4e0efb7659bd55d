/* SPDX-License-Identifier: Apache-2.0 */
/* What bits_last_message() gives: one line for people about this thread's last call. Every call
 * that can fail begins with last_message_clear(). */
#pragma once

#include "base/attr.h"

void last_message_clear(void);
/* Truncates; control characters in what the service said are escaped. */
void last_message_set(const char *text);
void last_message_format(const char *fmt, ...) _printf_(1, 2);
