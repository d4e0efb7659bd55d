/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/curl_memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"

/* curl gives its allocator no context. */
static _Atomic uint64_t refusals;

static void *counted(void *p)
{
        if (!p)
                (void) atomic_fetch_add(&refusals, 1);
        return p;
}

static void *counting_alloc(size_t bytes)
{
        return counted(mem_alloc(bytes));
}

static void *counting_array(size_t n, size_t bytes)
{
        return counted(mem_array(n, bytes));
}

static char *counting_strdup(const char *s)
{
        return counted(mem_strdup(s));
}

uint64_t curl_memory_refusals(void)
{
        return atomic_load(&refusals);
}

static void wiping_free(void *p)
{
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        mem_free(p);
}

/* realloc() leaves the old bytes where they were. */
static void *wiping_realloc(void *p, size_t bytes)
{
        size_t old = p ? malloc_usable_size(p) : 0;
        void *grown;

        if (p && bytes <= old && bytes > old / 2)
                return p;
        grown = counting_alloc(bytes);
        if (!grown)
                return NULL;
        if (p) {
                memcpy(grown, p, old < bytes ? old : bytes);
                wiping_free(p);
        }
        return grown;
}

CURLcode curl_memory_global_init(void)
{
        return curl_global_init_mem(CURL_GLOBAL_DEFAULT, counting_alloc, wiping_free,
                                    wiping_realloc, counting_strdup, counting_array);
}
