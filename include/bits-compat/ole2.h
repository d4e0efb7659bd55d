/* SPDX-License-Identifier: Apache-2.0 */
/* The COM names of objbase.h, nothing of OLE. */
#ifndef BITS_COMPAT_OLE2_H
#define BITS_COMPAT_OLE2_H

#include "objbase.h"

#endif /* BITS_COMPAT_OLE2_H */
