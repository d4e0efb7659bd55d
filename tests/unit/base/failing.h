/* SPDX-License-Identifier: Apache-2.0 */
/* Repeats an operation with its first, second, … allocation failing until one run is untouched.
 * The operation cleans up after itself and returns 0 or -ENOMEM. */
#pragma once

#include <errno.h>

#include "base/alloc.h"

/* Returns how many allocations the operation makes. */
static inline unsigned each_allocation_fails(int (*operation)(void))
{
        for (unsigned n = 1;; n++) {
                int r, struck;

                mem_fail_nth(n);
                r = operation();
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
                if (!struck)
                        return n - 1;
        }
}
