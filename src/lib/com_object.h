/* SPDX-License-Identifier: Apache-2.0 */
/* What all our COM objects share: a table of methods first, a reference count, and QueryInterface
 * by a list of identifiers. Each object has one table, which begins with the methods of every
 * interface it answers for, so there is one pointer to an object. */
#pragma once

#include <stdatomic.h>

#include "base/attr.h"
#include "bits.h"

typedef struct ComClass {
        const IID *const *iids; /* ended by NULL; IUnknown is understood */
        void (*destroy)(void *object);
} ComClass;

typedef struct ComObject {
        const void *vtbl; /* what C programs know as lpVtbl */
        const ComClass *class;
        atomic_uint refs;
} ComObject;

/* Born with one reference. */
void com_object_init(ComObject *object, const ComClass *class, const void *vtbl);
HRESULT com_object_query(void *object, REFIID riid, void **ppv);
ULONG com_object_add_ref(void *object);
ULONG com_object_release(void *object);

/* The first three methods of a table, with the types that the table wants. */
#define COM_UNKNOWN_METHODS(interface, prefix)                                                     \
        static HRESULT prefix##_QueryInterface(interface *This, REFIID riid, void **ppv)           \
        {                                                                                          \
                return com_object_query(This, riid, ppv);                                          \
        }                                                                                          \
        static ULONG prefix##_AddRef(interface *This)                                              \
        {                                                                                          \
                return com_object_add_ref(This);                                                   \
        }                                                                                          \
        static ULONG prefix##_Release(interface *This)                                             \
        {                                                                                          \
                return com_object_release(This);                                                   \
        }
