/* SPDX-License-Identifier: Apache-2.0 */
/* bits_com.h: the few calls of COM. Whether a thread and whether the process has initialised COM
 * is process-wide state by nature; there is no other here. */
#include "comapi.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/cleanup.h"
#include "base/guid.h"
#include "bits.h"
#include "com_manager.h"
#include "com_session.h"
#include "last_message.h"

enum {
        GUID_WIDE_CHARS = GUID_TEXT_LEN + 2, /* with braces */
        KNOWN_INIT_FLAGS =
                COINIT_APARTMENTTHREADED | COINIT_DISABLE_OLE1DDE | COINIT_SPEED_OVER_MEMORY,
};

static _Thread_local unsigned thread_inits;
static _Thread_local DWORD thread_model;
static _Thread_local bool is_library_thread;
static atomic_uint process_inits; /* sum over the program's threads */
static atomic_uint free_inits;    /* of these, multi-threaded: they hold for every thread */

static const GUID *const manager_classes[] = {
        &CLSID_BackgroundCopyManager,     &CLSID_BackgroundCopyManager1_5,
        &CLSID_BackgroundCopyManager2_0,  &CLSID_BackgroundCopyManager2_5,
        &CLSID_BackgroundCopyManager3_0,  &CLSID_BackgroundCopyManager4_0,
        &CLSID_BackgroundCopyManager5_0,  &CLSID_BackgroundCopyManager10_1,
        &CLSID_BackgroundCopyManager10_2, &CLSID_BackgroundCopyManager10_3,
};

_public_ HRESULT bits_CoInitializeEx(void *pvReserved, DWORD dwCoInit)
{
        DWORD model = dwCoInit & COINIT_APARTMENTTHREADED;

        if (pvReserved || (dwCoInit & ~(DWORD) KNOWN_INIT_FLAGS))
                return E_INVALIDARG;
        if ((thread_inits > 0 && model != thread_model) ||
            (is_library_thread && model != COINIT_MULTITHREADED))
                return RPC_E_CHANGED_MODE;
        thread_model = model;
        (void) atomic_fetch_add(&process_inits, 1);
        if (model == COINIT_MULTITHREADED)
                (void) atomic_fetch_add(&free_inits, 1);
        return thread_inits++ == 0 ? S_OK : S_FALSE;
}

_public_ HRESULT bits_CoInitialize(void *pvReserved)
{
        return bits_CoInitializeEx(pvReserved, COINIT_APARTMENTTHREADED);
}

_public_ void bits_CoUninitialize(void)
{
        if (thread_inits == 0)
                return;
        thread_inits--;
        if (thread_model == COINIT_MULTITHREADED)
                (void) atomic_fetch_sub(&free_inits, 1);
        /* Objects that are still held go on working; callbacks end with COM. */
        if (atomic_fetch_sub(&process_inits, 1) == 1)
                com_session_revoke_all();
}

void comapi_enter_library_thread(void)
{
        is_library_thread = true;
}

_public_ HRESULT bits_CoCreateInstance(REFCLSID rclsid, IUnknown *pUnkOuter, DWORD dwClsContext,
                                       REFIID riid, void **ppv)
{
        size_t i = 0;

        last_message_clear();
        if (!ppv)
                return E_POINTER;
        *ppv = NULL;
        if (!rclsid || !riid)
                return E_INVALIDARG;
        if (thread_inits == 0 && !is_library_thread && atomic_load(&free_inits) == 0)
                return CO_E_NOTINITIALIZED;
        while (i < ARRAY_LEN(manager_classes) && !IsEqualCLSID(rclsid, manager_classes[i]))
                i++;
        if (i == ARRAY_LEN(manager_classes) || !(dwClsContext & CLSCTX_LOCAL_SERVER))
                return REGDB_E_CLASSNOTREG;
        if (pUnkOuter)
                return CLASS_E_NOAGGREGATION;
        return com_manager_create(riid, ppv);
}

_public_ void *bits_CoTaskMemAlloc(size_t cb)
{
        return mem_alloc(cb > 0 ? cb : 1);
}

_public_ void *bits_CoTaskMemRealloc(void *pv, size_t cb)
{
        if (cb == 0 && pv) {
                mem_free(pv);
                return NULL;
        }
        return mem_realloc(pv, cb > 0 ? cb : 1);
}

_public_ void bits_CoTaskMemFree(void *pv)
{
        mem_free(pv);
}

_public_ HRESULT bits_CoInitializeSecurity(PSECURITY_DESCRIPTOR pSecDesc, LONG cAuthSvc,
                                           SOLE_AUTHENTICATION_SERVICE *asAuthSvc, void *pReserved1,
                                           DWORD dwAuthnLevel, DWORD dwImpLevel, void *pAuthList,
                                           DWORD dwCapabilities, void *pReserved3)
{
        return S_OK;
}

_public_ HRESULT bits_CoSetProxyBlanket(IUnknown *pProxy, DWORD dwAuthnSvc, DWORD dwAuthzSvc,
                                        OLECHAR *pServerPrincName, DWORD dwAuthnLevel,
                                        DWORD dwImpLevel, RPC_AUTH_IDENTITY_HANDLE pAuthInfo,
                                        DWORD dwCapabilities)
{
        return pProxy ? S_OK : E_INVALIDARG;
}

_public_ int bits_StringFromGUID2(REFGUID rguid, LPOLESTR lpsz, int cchMax)
{
        char text[GUID_TEXT_LEN + 1];

        if (!rguid || !lpsz || cchMax < GUID_WIDE_CHARS + 1)
                return 0;
        guid_format(rguid, text);
        lpsz[0] = L'{';
        for (size_t i = 0; i < GUID_TEXT_LEN; i++) {
                char c = text[i];

                lpsz[i + 1] = (OLECHAR) (c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
        }
        lpsz[GUID_WIDE_CHARS - 1] = L'}';
        lpsz[GUID_WIDE_CHARS] = L'\0';
        return GUID_WIDE_CHARS + 1;
}

/* Exactly the form of StringFromGUID2, in any case of letters. */
static HRESULT guid_from_wide(LPCOLESTR text, HRESULT malformed, GUID *ret)
{
        char narrow[GUID_WIDE_CHARS + 1];
        size_t n = 0;

        for (; n < GUID_WIDE_CHARS && text[n] > 0 && text[n] < 0x80; n++)
                narrow[n] = (char) text[n];
        narrow[n] = '\0';
        if (n != GUID_WIDE_CHARS || text[n] || narrow[0] != '{' || guid_parse(narrow, ret) < 0)
                return malformed;
        return S_OK;
}

static HRESULT guid_or_null(LPCOLESTR text, HRESULT malformed, GUID *ret)
{
        if (!ret)
                return E_INVALIDARG;
        *ret = (GUID){0};
        return text ? guid_from_wide(text, malformed, ret) : S_OK;
}

_public_ HRESULT bits_CLSIDFromString(LPCOLESTR lpsz, CLSID *pclsid)
{
        return guid_or_null(lpsz, CO_E_CLASSSTRING, pclsid);
}

_public_ HRESULT bits_IIDFromString(LPCOLESTR lpsz, IID *piid)
{
        return guid_or_null(lpsz, CO_E_IIDSTRING, piid);
}
