/* SPDX-License-Identifier: Apache-2.0 */
#include "must.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

void *must(void *p)
{
        if (p)
                return p;
        (void) fputs("bitsctl: out of memory\n", stderr);
        exit(EXIT_FAILURE);
}

char *must_take_str(Buf *b)
{
        return must(buf_take_str(b));
}

char *must_vprintf(const char *fmt, va_list ap)
{
        va_list copy;
        char *text;
        int len;

        va_copy(copy, ap);
        len = vsnprintf(NULL, 0, fmt, copy);
        va_end(copy);
        text = must(len < 0 ? NULL : mem_alloc((size_t) len + 1));
        (void) vsnprintf(text, (size_t) len + 1, fmt, ap); /* measured above */
        return text;
}
