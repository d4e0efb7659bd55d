/* SPDX-License-Identifier: Apache-2.0 */
/* The few names of windows.h that BITS programs use besides bits.h: reference counts, pauses,
 * memory, language identifiers. Wide characters only; what is not here does not exist here. */
#ifndef BITS_COMPAT_WINDOWS_H
#define BITS_COMPAT_WINDOWS_H

#include <limits.h>
#include <poll.h>
#include <string.h>

#include "objbase.h"

#ifndef INFINITE
#define INFINITE 0xFFFFFFFFu
#endif

#ifndef UNREFERENCED_PARAMETER
#define UNREFERENCED_PARAMETER(p) ((void) (p))
#endif
#ifndef ARRAYSIZE
#define ARRAYSIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif
#ifndef ZeroMemory
#define ZeroMemory(p, n) memset((p), 0, (n))
#endif
#ifndef CopyMemory
#define CopyMemory(to, from, n) memcpy((to), (from), (n))
#endif
#ifndef __cdecl
#define __cdecl
#endif

/* For LONG as on Windows, and for sources that count in long. */
#ifndef InterlockedIncrement
#define InterlockedIncrement(p) bits_compat_add_((p), 1)
#define InterlockedDecrement(p) bits_compat_add_((p), -1)
#ifdef __cplusplus
template <typename T> inline T bits_compat_add_(T volatile *p, int n)
{
        return __atomic_add_fetch(p, n, __ATOMIC_SEQ_CST);
}
#else
#define bits_compat_add_(p, n) __atomic_add_fetch((p), (n), __ATOMIC_SEQ_CST)
#endif
#endif

#ifndef Sleep
#define Sleep(milliseconds) bits_compat_sleep_(milliseconds)
static __inline__ void bits_compat_sleep_(DWORD milliseconds)
{
        int timeout = -1;

        if (milliseconds <= INT_MAX)
                timeout = milliseconds;
        (void) poll(NULL, 0, timeout);
}
#endif

/* Texts of the service exist in English; any other language falls back to it. */
#ifndef MAKELANGID
#define MAKELANGID(primary, sub) ((LANGID) (((WORD) (sub) << 10) | (WORD) (primary)))
#define LANG_NEUTRAL 0x00
#define LANG_ENGLISH 0x09
#define SUBLANG_DEFAULT 0x01
#define SUBLANG_ENGLISH_US 0x01
#endif
#ifndef LANGIDFROMLCID
#define LANGIDFROMLCID(lcid) ((LANGID) (lcid))
#endif
#ifndef GetThreadLocale
#define GetThreadLocale() ((LCID) MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US))
#endif
#ifndef GetUserDefaultLangID
#define GetUserDefaultLangID() MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US)
#endif
#ifndef GetSystemDefaultLangID
#define GetSystemDefaultLangID() MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US)
#endif

typedef unsigned char byte;

#endif /* BITS_COMPAT_WINDOWS_H */
