/* SPDX-License-Identifier: Apache-2.0 */
/* Of two real numbers; unlike MIN() and MAX() each argument is worked out once, and whole numbers
 * may be given. */
#pragma once

static inline double least(double a, double b)
{
        return a < b ? a : b;
}

static inline double most(double a, double b)
{
        return a > b ? a : b;
}
