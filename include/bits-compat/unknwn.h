/* SPDX-License-Identifier: Apache-2.0 */
/* IUnknown is in wintypes.h. */
#ifndef BITS_COMPAT_UNKNWN_H
#define BITS_COMPAT_UNKNWN_H

#include "wintypes.h"

#endif /* BITS_COMPAT_UNKNWN_H */
