/* SPDX-License-Identifier: Apache-2.0 */
/* Included before bits.h: the GUIDs declared from here on are also defined in this object. */
#ifndef BITS_COMPAT_INITGUID_H
#define BITS_COMPAT_INITGUID_H

#ifndef INITGUID
#define INITGUID
#endif

#include "wintypes.h"

/* wintypes.h may have been included before, without INITGUID. */
#undef DEFINE_GUID
#define DEFINE_GUID BITS_GUID_DEFINE_

#endif /* BITS_COMPAT_INITGUID_H */
