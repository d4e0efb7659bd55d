/* SPDX-License-Identifier: Apache-2.0 */
/* For sources that include objbase.h before bits.h: the COM names of bits_com.h. */
#ifndef BITS_COMPAT_OBJBASE_H
#define BITS_COMPAT_OBJBASE_H

#include "bits_com.h"

#ifndef interface
#define interface struct
#endif

#endif /* BITS_COMPAT_OBJBASE_H */
