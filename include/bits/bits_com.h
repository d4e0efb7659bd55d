/* SPDX-License-Identifier: Apache-2.0 */
/* The handful of COM calls that BITS programs make, implemented by libbits.
 *
 * The exported names start with bits_ and the usual names are macros for them, so that another
 * library with a CoCreateInstance of its own can live in the same program; BITS_NO_COM_NAMES
 * leaves the macros out. There is one kind of apartment: callbacks arrive on a thread of the
 * library, whatever was asked of CoInitializeEx. */
#ifndef BITS_COM_H
#define BITS_COM_H

#include "wintypes.h"

typedef enum tagCOINIT {
        COINIT_MULTITHREADED = 0x0,
        COINIT_APARTMENTTHREADED = 0x2,
        COINIT_DISABLE_OLE1DDE = 0x4,
        COINIT_SPEED_OVER_MEMORY = 0x8
} COINIT;

typedef enum tagCLSCTX {
        CLSCTX_INPROC_SERVER = 0x1,
        CLSCTX_INPROC_HANDLER = 0x2,
        CLSCTX_LOCAL_SERVER = 0x4,
        CLSCTX_REMOTE_SERVER = 0x10
} CLSCTX;
#define CLSCTX_INPROC (CLSCTX_INPROC_SERVER | CLSCTX_INPROC_HANDLER)
#define CLSCTX_SERVER (CLSCTX_INPROC_SERVER | CLSCTX_LOCAL_SERVER | CLSCTX_REMOTE_SERVER)
#define CLSCTX_ALL (CLSCTX_INPROC_HANDLER | CLSCTX_SERVER)

/* What programs pass to CoInitializeSecurity and CoSetProxyBlanket. */
#define RPC_C_AUTHN_NONE 0
#define RPC_C_AUTHN_GSS_NEGOTIATE 9
#define RPC_C_AUTHN_WINNT 10
#define RPC_C_AUTHN_DEFAULT 0xFFFFFFFFu
#define RPC_C_AUTHZ_NONE 0
#define RPC_C_AUTHZ_NAME 1
#define RPC_C_AUTHZ_DCE 2
#define RPC_C_AUTHZ_DEFAULT 0xFFFFFFFFu
#define RPC_C_AUTHN_LEVEL_DEFAULT 0
#define RPC_C_AUTHN_LEVEL_NONE 1
#define RPC_C_AUTHN_LEVEL_CONNECT 2
#define RPC_C_AUTHN_LEVEL_CALL 3
#define RPC_C_AUTHN_LEVEL_PKT 4
#define RPC_C_AUTHN_LEVEL_PKT_INTEGRITY 5
#define RPC_C_AUTHN_LEVEL_PKT_PRIVACY 6
#define RPC_C_IMP_LEVEL_DEFAULT 0
#define RPC_C_IMP_LEVEL_ANONYMOUS 1
#define RPC_C_IMP_LEVEL_IDENTIFY 2
#define RPC_C_IMP_LEVEL_IMPERSONATE 3
#define RPC_C_IMP_LEVEL_DELEGATE 4

typedef enum tagEOLE_AUTHENTICATION_CAPABILITIES {
        EOAC_NONE = 0x0,
        EOAC_MUTUAL_AUTH = 0x1,
        EOAC_SECURE_REFS = 0x2,
        EOAC_ACCESS_CONTROL = 0x4,
        EOAC_APPID = 0x8,
        EOAC_DYNAMIC = 0x10,
        EOAC_STATIC_CLOAKING = 0x20,
        EOAC_DYNAMIC_CLOAKING = 0x40,
        EOAC_DISABLE_AAA = 0x1000,
        EOAC_DEFAULT = 0x800
} EOLE_AUTHENTICATION_CAPABILITIES;

#define COLE_DEFAULT_PRINCIPAL ((OLECHAR *) (intptr_t) -1)
#define COLE_DEFAULT_AUTHINFO ((void *) (intptr_t) -1)

typedef void *PSECURITY_DESCRIPTOR;
typedef void *RPC_AUTH_IDENTITY_HANDLE;
typedef struct tagSOLE_AUTHENTICATION_SERVICE {
        DWORD dwAuthnSvc;
        DWORD dwAuthzSvc;
        OLECHAR *pPrincipalName;
        HRESULT hr;
} SOLE_AUTHENTICATION_SERVICE;

/* For each thread, counted: S_OK first, S_FALSE when already done, RPC_E_CHANGED_MODE when the
 * thread asked for the other apartment before. */
EXTERN_C BITS_API HRESULT bits_CoInitialize(void *pvReserved);
EXTERN_C BITS_API HRESULT bits_CoInitializeEx(void *pvReserved, DWORD dwCoInit);
EXTERN_C BITS_API void bits_CoUninitialize(void);

/* Knows the BITS managers only; REGDB_E_CLASSNOTREG for every other class, with *ppv NULL. */
EXTERN_C BITS_API HRESULT bits_CoCreateInstance(REFCLSID rclsid, IUnknown *pUnkOuter,
                                                DWORD dwClsContext, REFIID riid, void **ppv);

/* The memory is malloc's: free() and CoTaskMemFree() are interchangeable. */
EXTERN_C BITS_API void *bits_CoTaskMemAlloc(size_t cb);
EXTERN_C BITS_API void *bits_CoTaskMemRealloc(void *pv, size_t cb);
EXTERN_C BITS_API void bits_CoTaskMemFree(void *pv);

/* Accepted and without effect: the kernel tells the service who is calling. */
EXTERN_C BITS_API HRESULT bits_CoInitializeSecurity(PSECURITY_DESCRIPTOR pSecDesc, LONG cAuthSvc,
                                                    SOLE_AUTHENTICATION_SERVICE *asAuthSvc,
                                                    void *pReserved1, DWORD dwAuthnLevel,
                                                    DWORD dwImpLevel, void *pAuthList,
                                                    DWORD dwCapabilities, void *pReserved3);
EXTERN_C BITS_API HRESULT bits_CoSetProxyBlanket(IUnknown *pProxy, DWORD dwAuthnSvc,
                                                 DWORD dwAuthzSvc, OLECHAR *pServerPrincName,
                                                 DWORD dwAuthnLevel, DWORD dwImpLevel,
                                                 RPC_AUTH_IDENTITY_HANDLE pAuthInfo,
                                                 DWORD dwCapabilities);

/* "{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}". StringFromGUID2 gives the number of characters
 * written with the terminator (39), or 0 when cchMax is smaller. */
EXTERN_C BITS_API int bits_StringFromGUID2(REFGUID rguid, LPOLESTR lpsz, int cchMax);
EXTERN_C BITS_API HRESULT bits_CLSIDFromString(LPCOLESTR lpsz, CLSID *pclsid);
EXTERN_C BITS_API HRESULT bits_IIDFromString(LPCOLESTR lpsz, IID *piid);

#ifndef BITS_NO_COM_NAMES
#ifndef CoInitialize
#define CoInitialize bits_CoInitialize
#endif
#ifndef CoInitializeEx
#define CoInitializeEx bits_CoInitializeEx
#endif
#ifndef CoUninitialize
#define CoUninitialize bits_CoUninitialize
#endif
#ifndef CoCreateInstance
#define CoCreateInstance bits_CoCreateInstance
#endif
#ifndef CoTaskMemAlloc
#define CoTaskMemAlloc bits_CoTaskMemAlloc
#endif
#ifndef CoTaskMemRealloc
#define CoTaskMemRealloc bits_CoTaskMemRealloc
#endif
#ifndef CoTaskMemFree
#define CoTaskMemFree bits_CoTaskMemFree
#endif
#ifndef CoInitializeSecurity
#define CoInitializeSecurity bits_CoInitializeSecurity
#endif
#ifndef CoSetProxyBlanket
#define CoSetProxyBlanket bits_CoSetProxyBlanket
#endif
#ifndef StringFromGUID2
#define StringFromGUID2 bits_StringFromGUID2
#endif
#ifndef CLSIDFromString
#define CLSIDFromString bits_CLSIDFromString
#endif
#ifndef IIDFromString
#define IIDFromString bits_IIDFromString
#endif
#endif /* BITS_NO_COM_NAMES */

/* CoCreateInstance(clsid, NULL, CLSCTX_LOCAL_SERVER, IID_PPV_ARGS(&manager)) */
#if defined(__cplusplus) && !defined(CINTERFACE) && !defined(IID_PPV_ARGS)
template <typename T> inline void **bits_ppv_(T **pp)
{
        (void) static_cast<IUnknown *>(*pp); /* only interfaces */
        return reinterpret_cast<void **>(pp);
}
#define IID_PPV_ARGS(pp) __uuidof(**(pp)), bits_ppv_(pp)
#endif

/* Formats for printf and wprintf: printf("failed: " BITS_FMT_HRESULT "\n", BITS_ARG_HRESULT(hr)).
 * (HRESULT is not long here, so "%lx" of ported sources reads the wrong width.) */
#define BITS_FMT_HRESULT "0x%08x"
#define BITS_ARG_HRESULT(hr) ((unsigned int) (hr))
#define BITS_FMT_GUID "{%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}"
#define BITS_ARG_GUID(guid)                                                                        \
        (unsigned int) (guid).Data1, (unsigned int) (guid).Data2, (unsigned int) (guid).Data3,     \
                (unsigned int) (guid).Data4[0], (unsigned int) (guid).Data4[1],                    \
                (unsigned int) (guid).Data4[2], (unsigned int) (guid).Data4[3],                    \
                (unsigned int) (guid).Data4[4], (unsigned int) (guid).Data4[5],                    \
                (unsigned int) (guid).Data4[6], (unsigned int) (guid).Data4[7]

#endif /* BITS_COM_H */
