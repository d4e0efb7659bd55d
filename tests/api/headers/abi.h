/* SPDX-License-Identifier: Apache-2.0 */
/* What the C++ half of the ABI test gives to the C half. */
#pragma once

#include "bits.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Slot {
        const char *name;
        size_t slot;
} Slot;

/* Where the C++ compiler puts the methods of methods.def, in its order; NULL past the end. */
const Slot *cxx_slot(size_t i);

/* A callback that counts its calls; the caller owns one reference. */
typedef struct CallCounts {
        int transferred, error, modification, destroyed;
        IBackgroundCopyJob *job;
        IBackgroundCopyError *failure;
        DWORD reserved;
} CallCounts;
IBackgroundCopyCallback *cxx_callback_new(CallCounts *counts);

/* Calls every kind of method once through the abstract classes, with arguments the C side knows. */
HRESULT cxx_use(IBackgroundCopyManager *manager, IUnknown *notify);

/* Does __uuidof give the right identifier in all its forms? */
int cxx_uuidof_right(void);

#ifdef __cplusplus
}
#endif
