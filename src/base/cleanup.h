/* SPDX-License-Identifier: Apache-2.0 */
/* Scope cleanup: an object that owns something releases it when its scope ends, unless it is
 * handed over with TAKE_PTR or TAKE_FD. Used in the whole tree except the public headers. */
#pragma once

#include <unistd.h>

#include "attr.h"
#include "alloc.h"

/* Hands a pointer over: evaluates to the old value and leaves NULL behind. */
#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) *_take_pp = &(p);                                                    \
                __typeof__(p) _take_p = *_take_pp;                                                 \
                *_take_pp = NULL;                                                                  \
                _take_p;                                                                           \
        })

/* Hands a descriptor over: evaluates to the old value and leaves -1 behind. */
#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int *_take_fp = &(fd);                                                             \
                int _take_f = *_take_fp;                                                           \
                *_take_fp = -1;                                                                    \
                _take_f;                                                                           \
        })

/* DEFINE_CLEANUP(Job *, job_free) makes job_freep() for _cleanup_(job_freep) Job *job = NULL; */
#define DEFINE_CLEANUP(type, func)                                                                 \
        static inline _unused_ void func##p(type *p)                                               \
        {                                                                                          \
                if (*p)                                                                            \
                        (void) func(*p);                                                           \
        }

static inline void mem_freep(void *p)
{
        mem_free(*(void **) p);
}

static inline void close_fdp(const int *fd)
{
        if (*fd >= 0)
                (void) close(*fd); /* nothing useful can be done about a failed close here */
}

#define _cleanup_free_ _cleanup_(mem_freep)
#define _cleanup_close_ _cleanup_(close_fdp)
