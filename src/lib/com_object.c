/* SPDX-License-Identifier: Apache-2.0 */
#include "com_object.h"

void com_object_init(ComObject *object, const ComClass *class, const void *vtbl)
{
        object->vtbl = vtbl;
        object->class = class;
        atomic_init(&object->refs, 1);
}

HRESULT com_object_query(void *object, REFIID riid, void **ppv)
{
        ComObject *o = object;

        if (!ppv)
                return E_POINTER;
        *ppv = NULL;
        if (!riid)
                return E_INVALIDARG;
        for (const IID *const *iid = o->class->iids; *iid; iid++) {
                if (!IsEqualIID(riid, *iid))
                        continue;
                (void) com_object_add_ref(object);
                *ppv = object;
                return S_OK;
        }
        if (!IsEqualIID(riid, &IID_IUnknown))
                return E_NOINTERFACE;
        (void) com_object_add_ref(object);
        *ppv = object;
        return S_OK;
}

ULONG com_object_add_ref(void *object)
{
        ComObject *o = object;

        return atomic_fetch_add(&o->refs, 1) + 1;
}

ULONG com_object_release(void *object)
{
        ComObject *o = object;
        ULONG left = atomic_fetch_sub(&o->refs, 1) - 1;

        if (left == 0)
                o->class->destroy(object);
        return left;
}
