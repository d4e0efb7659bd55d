/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The only mutable state of the process below main: fault injection must reach every allocation,
 * whichever thread makes it. */
static _Atomic uint64_t fail_countdown; /* 0 = off */
static atomic_int fail_struck;

static int allocation_must_fail(void)
{
        uint64_t n = atomic_load_explicit(&fail_countdown, memory_order_relaxed);

        while (n != 0) {
                if (!atomic_compare_exchange_weak(&fail_countdown, &n, n - 1))
                        continue;
                if (n > 1)
                        return 0;
                atomic_store(&fail_struck, 1);
                return 1;
        }
        return 0;
}

/* Sizes over PTRDIFF_MAX never succeed; refusing them here keeps sanitizers quiet about it. */
static int size_is_refused(size_t bytes)
{
        return bytes > PTRDIFF_MAX || allocation_must_fail();
}

void *mem_alloc(size_t bytes)
{
        if (size_is_refused(bytes))
                return NULL;
        return malloc(bytes > 0 ? bytes : 1);
}

void *mem_zalloc(size_t bytes)
{
        if (size_is_refused(bytes))
                return NULL;
        return calloc(1, bytes > 0 ? bytes : 1);
}

void *mem_array(size_t n, size_t bytes)
{
        size_t total;

        if (__builtin_mul_overflow(n, bytes, &total))
                return NULL;
        return mem_zalloc(total);
}

void *mem_realloc(void *p, size_t bytes)
{
        if (size_is_refused(bytes))
                return NULL;
        return realloc(p, bytes > 0 ? bytes : 1); /* 0 would free and return NULL */
}

char *mem_strdup(const char *s)
{
        return s ? mem_strndup(s, SIZE_MAX) : NULL;
}

char *mem_strndup(const char *s, size_t max_bytes)
{
        size_t bytes;
        char *copy;

        if (!s)
                return NULL;
        bytes = max_bytes == SIZE_MAX ? strlen(s) : strnlen(s, max_bytes);
        copy = mem_alloc(bytes + 1);
        if (!copy)
                return NULL;
        memcpy(copy, s, bytes);
        copy[bytes] = '\0';
        return copy;
}

char *mem_printf(const char *fmt, ...)
{
        va_list ap;
        char *text;
        int n;

        va_start(ap, fmt);
        n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        if (n < 0)
                return NULL;

        text = mem_alloc((size_t) n + 1);
        if (!text)
                return NULL;
        va_start(ap, fmt);
        (void) vsnprintf(text, (size_t) n + 1, fmt, ap); /* measured above */
        va_end(ap);
        return text;
}

void mem_free(void *p)
{
        free(p);
}

void mem_fail_nth(uint64_t n)
{
        atomic_store(&fail_struck, 0);
        atomic_store(&fail_countdown, n);
}

int mem_fail_struck(void)
{
        return atomic_load(&fail_struck);
}
