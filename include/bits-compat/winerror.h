/* SPDX-License-Identifier: Apache-2.0 */
/* The codes are in wintypes.h and bitsmsg.h. */
#ifndef BITS_COMPAT_WINERROR_H
#define BITS_COMPAT_WINERROR_H

#include "wintypes.h"

#endif /* BITS_COMPAT_WINERROR_H */
