/* SPDX-License-Identifier: Apache-2.0 */
#include "last_message.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"
#include "bits_native.h"

enum { MESSAGE_BYTES = 512 };

static _Thread_local char last_message[MESSAGE_BYTES];

void last_message_clear(void)
{
        last_message[0] = '\0';
}

void last_message_set(const char *text)
{
        (void) str_escape(last_message, sizeof(last_message), text ? text : "");
}

void last_message_format(const char *fmt, ...)
{
        char text[MESSAGE_BYTES];
        va_list args;

        va_start(args, fmt);
        (void) vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        last_message_set(text);
}

_public_ const char *bits_last_message(void)
{
        return last_message;
}
