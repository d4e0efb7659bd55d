/* SPDX-License-Identifier: Apache-2.0 */
/* The few Windows types bits.h is written in: fixed widths, GUID, WCHAR, IUnknown.
 *
 * Widths are those of Windows whatever the data model here: HRESULT, LONG, ULONG and DWORD are
 * 32-bit, never "long". WCHAR is wchar_t (32-bit), so that L"…" literals and wcs* functions work.
 *
 * Other headers that imitate Windows may be in the same program: structures, IUnknown and macros
 * carry the guards such headers commonly use, and scalars are typedefs of the same types, which
 * C11 and C++ let stand twice. */
#ifndef BITS_WINTYPES_H
#define BITS_WINTYPES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#if defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ != 4
#error "libbits passes strings as 32-bit wchar_t; build without -fshort-wchar"
#endif

/* Linkage of everything that libbits exports. */
#ifndef BITS_API
#define BITS_API __attribute__((visibility("default")))
#endif

/* 64-bit members stand at multiples of 8 also on 32-bit platforms that would allow 4. */
#ifndef BITS_ALIGN8
#define BITS_ALIGN8 __attribute__((aligned(8)))
#endif

#ifndef EXTERN_C
#ifdef __cplusplus
#define EXTERN_C extern "C"
#else
#define EXTERN_C extern
#endif
#endif
#ifndef EXTERN_C_START
#ifdef __cplusplus
#define EXTERN_C_START extern "C" {
#define EXTERN_C_END }
#else
#define EXTERN_C_START
#define EXTERN_C_END
#endif
#endif

typedef int32_t HRESULT;
typedef int32_t LONG;
typedef uint32_t ULONG;
typedef uint32_t DWORD;
typedef uint16_t WORD;
typedef uint32_t UINT;
typedef int64_t INT64;
typedef uint64_t UINT64;
typedef int BOOL;
typedef unsigned char BYTE;
typedef wchar_t WCHAR;
typedef char CHAR;

typedef WCHAR *LPWSTR;
typedef WCHAR *PWSTR;
typedef const WCHAR *LPCWSTR;
typedef const WCHAR *PCWSTR;
typedef WCHAR *LPOLESTR;
typedef const WCHAR *LPCOLESTR;
typedef WCHAR OLECHAR;
typedef BYTE *PBYTE;
typedef BYTE *LPBYTE;
typedef DWORD *PDWORD;
typedef DWORD *LPDWORD;
typedef ULONG *PULONG;
typedef UINT64 *PUINT64;
typedef BOOL *PBOOL;
typedef void *PVOID;
typedef void *LPVOID;
typedef DWORD LCID;
typedef WORD LANGID;

#ifndef VOID
#define VOID void
#endif
#ifndef CONST
#define CONST const
#endif
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#ifndef MAX_PATH
#define MAX_PATH 260
#endif

/* 100 ns steps since 1601-01-01 UTC. */
#ifndef _FILETIME_
#define _FILETIME_
typedef struct _FILETIME {
        DWORD dwLowDateTime;
        DWORD dwHighDateTime;
} FILETIME, *PFILETIME, *LPFILETIME;
#endif

#ifndef GUID_DEFINED
#define GUID_DEFINED
typedef struct _GUID {
        uint32_t Data1;
        uint16_t Data2;
        uint16_t Data3;
        uint8_t Data4[8];
} GUID;
#endif

#ifndef __IID_DEFINED__
#define __IID_DEFINED__
typedef GUID IID;
typedef GUID CLSID;
typedef GUID *LPGUID;
typedef GUID *LPIID;
typedef GUID *LPCLSID;
#endif

#ifndef _REFGUID_DEFINED
#define _REFGUID_DEFINED
#ifdef __cplusplus
#define REFGUID const GUID &
#else
#define REFGUID const GUID *
#endif
#endif
#ifndef _REFIID_DEFINED
#define _REFIID_DEFINED
#ifdef __cplusplus
#define REFIID const IID &
#else
#define REFIID const IID *
#endif
#endif
#ifndef _REFCLSID_DEFINED
#define _REFCLSID_DEFINED
#ifdef __cplusplus
#define REFCLSID const IID &
#else
#define REFCLSID const IID *
#endif
#endif

/* Calling conventions and method decoration for ported sources. libbits itself uses none of
 * them: its tables are in the platform's own convention, whatever another header defines here. */
#ifndef STDMETHODCALLTYPE
#define STDMETHODCALLTYPE
#endif
#ifndef STDAPICALLTYPE
#define STDAPICALLTYPE
#endif
#ifndef WINAPI
#define WINAPI
#endif
#ifndef CALLBACK
#define CALLBACK
#endif
#ifndef STDMETHODIMP
#define STDMETHODIMP HRESULT STDMETHODCALLTYPE
#define STDMETHODIMP_(type) type STDMETHODCALLTYPE
#endif
#ifndef STDAPI
#define STDAPI EXTERN_C HRESULT STDAPICALLTYPE
#define STDAPI_(type) EXTERN_C type STDAPICALLTYPE
#endif
#ifdef __cplusplus
#ifndef STDMETHOD
#define STDMETHOD(method) virtual HRESULT STDMETHODCALLTYPE method
#define STDMETHOD_(type, method) virtual type STDMETHODCALLTYPE method
#endif
#ifndef PURE
#define PURE = 0
#endif
#ifndef THIS_
#define THIS_
#define THIS void
#endif
#endif

#include "bits_winerror.h"

/* GUID constants: declared everywhere, defined by libbits, and also in each object that defines
 * INITGUID (weak, so any number of them may). */
#define BITS_GUID_DECLARE_(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                        \
        EXTERN_C const GUID name __attribute__((visibility("default")))
#define BITS_GUID_DEFINE_(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                         \
        EXTERN_C const GUID name __attribute__((weak, visibility("default")));                     \
        EXTERN_C_START const GUID name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}};            \
        EXTERN_C_END struct bits_need_semicolon_
#ifndef DEFINE_GUID
#ifdef INITGUID
#define DEFINE_GUID BITS_GUID_DEFINE_
#else
#define DEFINE_GUID BITS_GUID_DECLARE_
#endif
#endif

#ifdef __cplusplus
#if !defined(_SYS_GUID_OPERATORS_) && !defined(IsEqualGUID)
#define _SYS_GUID_OPERATORS_
static inline int IsEqualGUID(REFGUID a, REFGUID b)
{
        return memcmp(&a, &b, sizeof(GUID)) == 0;
}
#endif
#ifndef _SYS_GUID_OPERATOR_EQ_
#define _SYS_GUID_OPERATOR_EQ_
inline bool operator==(const GUID &a, const GUID &b)
{
        return memcmp(&a, &b, sizeof(GUID)) == 0;
}
inline bool operator!=(const GUID &a, const GUID &b)
{
        return memcmp(&a, &b, sizeof(GUID)) != 0;
}
#endif
#else
#ifndef IsEqualGUID
#define IsEqualGUID(a, b) (memcmp((a), (b), sizeof(GUID)) == 0)
#endif
#endif
#ifndef IsEqualIID
#define IsEqualIID(a, b) IsEqualGUID(a, b)
#endif
#ifndef IsEqualCLSID
#define IsEqualCLSID(a, b) IsEqualGUID(a, b)
#endif

/* __uuidof(type) and __uuidof(expression) without compiler support: a class template that each
 * interface and class specialises through BITS_UUIDOF. */
#ifdef __cplusplus
template <typename T> struct bits_uuidof_;
template <typename T> struct bits_uuidof_<T *> : bits_uuidof_<T> {
};
template <typename T> struct bits_uuidof_<T &> : bits_uuidof_<T> {
};
template <typename T> struct bits_uuidof_<const T> : bits_uuidof_<T> {
};
#define BITS_UUIDOF(type, guid)                                                                    \
        template <> struct bits_uuidof_<type> {                                                    \
                static const GUID &get()                                                           \
                {                                                                                  \
                        return guid;                                                               \
                }                                                                                  \
        };
#ifndef __uuidof
#define __uuidof(type) (bits_uuidof_<__typeof__(type)>::get())
#endif
#else
#define BITS_UUIDOF(type, guid)
#endif

/* Another shim may define IID_IUnknown in the same program, so ours has a name of its own. */
#ifndef __IUnknown_INTERFACE_DEFINED__
#define __IUnknown_INTERFACE_DEFINED__
#ifndef IID_IUnknown
#define IID_IUnknown bits_IID_IUnknown
#endif
DEFINE_GUID(IID_IUnknown, 0x00000000, 0x0000, 0x0000, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            0x46);

#if defined(__cplusplus) && !defined(CINTERFACE)
extern "C++" {
/* No virtual destructor: it would add slots that no other compiler's caller expects. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
struct IUnknown {
        virtual HRESULT QueryInterface(REFIID riid, void **ppvObject) = 0;
        virtual ULONG AddRef() = 0;
        virtual ULONG Release() = 0;

        template <typename Q> HRESULT QueryInterface(Q **pp)
        {
                return QueryInterface(__uuidof(Q), reinterpret_cast<void **>(pp));
        }
};
#pragma GCC diagnostic pop
BITS_UUIDOF(IUnknown, IID_IUnknown)
}
#else
typedef struct IUnknown IUnknown;
typedef struct IUnknownVtbl {
        HRESULT (*QueryInterface)(IUnknown *This, REFIID riid, void **ppvObject);
        ULONG (*AddRef)(IUnknown *This);
        ULONG (*Release)(IUnknown *This);
} IUnknownVtbl;
struct IUnknown {
        const IUnknownVtbl *lpVtbl;
};
#ifdef COBJMACROS
#define IUnknown_QueryInterface(This, riid, ppv) ((This)->lpVtbl->QueryInterface(This, riid, ppv))
#define IUnknown_AddRef(This) ((This)->lpVtbl->AddRef(This))
#define IUnknown_Release(This) ((This)->lpVtbl->Release(This))
#endif
#endif
typedef IUnknown *LPUNKNOWN;
#endif /* __IUnknown_INTERFACE_DEFINED__ */

#endif /* BITS_WINTYPES_H */
