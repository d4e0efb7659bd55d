/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/curl_memory.h"

#include <malloc.h>
#include <string.h>

#include "base/alloc.h"

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
        grown = mem_alloc(bytes > 0 ? bytes : 1);
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
        return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free, wiping_realloc,
                                    strdup, calloc);
}
