/* SPDX-License-Identifier: Apache-2.0 */
/* The BITS API as Windows programs know it: version 1.0 here, version 1.5 in bits1_5.h, which
 * this header includes at its end, as the Windows SDK does.
 *
 * In C an object starts with lpVtbl, and COBJMACROS gives IBackgroundCopyJob_Resume(job) and the
 * like; in C++ the interfaces are abstract classes over the same tables (CINTERFACE selects the
 * C form). Strings and buffers that a method returns are freed with CoTaskMemFree, interfaces
 * with Release. Arguments are copied before a method returns. */
#ifndef BITS_BITS_H
#define BITS_BITS_H

#include "wintypes.h"
#include "bitsmsg.h"
#include "bits_enums.h"
#include "bits_com.h"

#ifndef __IBackgroundCopyFile_FWD_DEFINED__
#define __IBackgroundCopyFile_FWD_DEFINED__
typedef struct IBackgroundCopyFile IBackgroundCopyFile;
#endif
#ifndef __IEnumBackgroundCopyFiles_FWD_DEFINED__
#define __IEnumBackgroundCopyFiles_FWD_DEFINED__
typedef struct IEnumBackgroundCopyFiles IEnumBackgroundCopyFiles;
#endif
#ifndef __IBackgroundCopyError_FWD_DEFINED__
#define __IBackgroundCopyError_FWD_DEFINED__
typedef struct IBackgroundCopyError IBackgroundCopyError;
#endif
#ifndef __IBackgroundCopyJob_FWD_DEFINED__
#define __IBackgroundCopyJob_FWD_DEFINED__
typedef struct IBackgroundCopyJob IBackgroundCopyJob;
#endif
#ifndef __IEnumBackgroundCopyJobs_FWD_DEFINED__
#define __IEnumBackgroundCopyJobs_FWD_DEFINED__
typedef struct IEnumBackgroundCopyJobs IEnumBackgroundCopyJobs;
#endif
#ifndef __IBackgroundCopyCallback_FWD_DEFINED__
#define __IBackgroundCopyCallback_FWD_DEFINED__
typedef struct IBackgroundCopyCallback IBackgroundCopyCallback;
#endif
#ifndef __IBackgroundCopyManager_FWD_DEFINED__
#define __IBackgroundCopyManager_FWD_DEFINED__
typedef struct IBackgroundCopyManager IBackgroundCopyManager;
#endif

/* The 64-bit members are aligned as on Windows also where the platform would pack them closer. */
typedef struct _BG_FILE_PROGRESS {
        UINT64 BytesTotal BITS_ALIGN8; /* BG_SIZE_UNKNOWN until it is learnt */
        UINT64 BytesTransferred BITS_ALIGN8;
        BOOL Completed; /* a download's file is visible only after Complete */
} BG_FILE_PROGRESS;

typedef struct _BG_FILE_INFO {
        LPWSTR RemoteName;
        LPWSTR LocalName;
} BG_FILE_INFO;

typedef struct _BG_JOB_PROGRESS {
        UINT64 BytesTotal BITS_ALIGN8; /* BG_SIZE_UNKNOWN while one file's size is */
        UINT64 BytesTransferred BITS_ALIGN8;
        ULONG FilesTotal;
        ULONG FilesTransferred;
} BG_JOB_PROGRESS;

typedef struct _BG_JOB_TIMES {
        FILETIME CreationTime;
        FILETIME ModificationTime;
        FILETIME TransferCompletionTime; /* zero before the job is TRANSFERRED */
} BG_JOB_TIMES;

#ifdef __cplusplus
/* Abstract classes without virtual destructors: those would add slots to the tables. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#endif

/* One file of a job; what it reads is current. */
#ifndef __IBackgroundCopyFile_INTERFACE_DEFINED__
#define __IBackgroundCopyFile_INTERFACE_DEFINED__
DEFINE_GUID(IID_IBackgroundCopyFile, 0x01b7bd23, 0xfb88, 0x4a77, 0x84, 0x90, 0x58, 0x91, 0xd3, 0xe4,
            0x65, 0x3a);
#if defined(__cplusplus) && !defined(CINTERFACE)
struct IBackgroundCopyFile : public IUnknown {
        virtual HRESULT GetRemoteName(LPWSTR *pVal) = 0;
        virtual HRESULT GetLocalName(LPWSTR *pVal) = 0;
        virtual HRESULT GetProgress(BG_FILE_PROGRESS *pVal) = 0;
};
BITS_UUIDOF(IBackgroundCopyFile, IID_IBackgroundCopyFile)
#else
typedef struct IBackgroundCopyFileVtbl {
        HRESULT (*QueryInterface)(IBackgroundCopyFile *This, REFIID riid, void **ppvObject);
        ULONG (*AddRef)(IBackgroundCopyFile *This);
        ULONG (*Release)(IBackgroundCopyFile *This);
        HRESULT (*GetRemoteName)(IBackgroundCopyFile *This, LPWSTR *pVal);
        HRESULT (*GetLocalName)(IBackgroundCopyFile *This, LPWSTR *pVal);
        HRESULT (*GetProgress)(IBackgroundCopyFile *This, BG_FILE_PROGRESS *pVal);
} IBackgroundCopyFileVtbl;
struct IBackgroundCopyFile {
        const IBackgroundCopyFileVtbl *lpVtbl;
};
#ifdef COBJMACROS
#define IBackgroundCopyFile_QueryInterface(This, riid, ppvObject)                                  \
        ((This)->lpVtbl->QueryInterface(This, riid, ppvObject))
#define IBackgroundCopyFile_AddRef(This) ((This)->lpVtbl->AddRef(This))
#define IBackgroundCopyFile_Release(This) ((This)->lpVtbl->Release(This))
#define IBackgroundCopyFile_GetRemoteName(This, pVal) ((This)->lpVtbl->GetRemoteName(This, pVal))
#define IBackgroundCopyFile_GetLocalName(This, pVal) ((This)->lpVtbl->GetLocalName(This, pVal))
#define IBackgroundCopyFile_GetProgress(This, pVal) ((This)->lpVtbl->GetProgress(This, pVal))
#endif /* COBJMACROS */
#endif
#endif /* __IBackgroundCopyFile_INTERFACE_DEFINED__ */

/* The files a job had when the enumerator was made. */
#ifndef __IEnumBackgroundCopyFiles_INTERFACE_DEFINED__
#define __IEnumBackgroundCopyFiles_INTERFACE_DEFINED__
DEFINE_GUID(IID_IEnumBackgroundCopyFiles, 0xca51e165, 0xc365, 0x424c, 0x8d, 0x41, 0x24, 0xaa, 0xa4,
            0xff, 0x3c, 0x40);
#if defined(__cplusplus) && !defined(CINTERFACE)
struct IEnumBackgroundCopyFiles : public IUnknown {
        virtual HRESULT Next(ULONG celt, IBackgroundCopyFile **rgelt, ULONG *pceltFetched) = 0;
        virtual HRESULT Skip(ULONG celt) = 0;
        virtual HRESULT Reset() = 0;
        virtual HRESULT Clone(IEnumBackgroundCopyFiles **ppenum) = 0;
        virtual HRESULT GetCount(ULONG *puCount) = 0;
};
BITS_UUIDOF(IEnumBackgroundCopyFiles, IID_IEnumBackgroundCopyFiles)
#else
typedef struct IEnumBackgroundCopyFilesVtbl {
        HRESULT (*QueryInterface)(IEnumBackgroundCopyFiles *This, REFIID riid, void **ppvObject);
        ULONG (*AddRef)(IEnumBackgroundCopyFiles *This);
        ULONG (*Release)(IEnumBackgroundCopyFiles *This);
        HRESULT(*Next)
        (IEnumBackgroundCopyFiles *This, ULONG celt, IBackgroundCopyFile **rgelt,
         ULONG *pceltFetched);
        HRESULT (*Skip)(IEnumBackgroundCopyFiles *This, ULONG celt);
        HRESULT (*Reset)(IEnumBackgroundCopyFiles *This);
        HRESULT (*Clone)(IEnumBackgroundCopyFiles *This, IEnumBackgroundCopyFiles **ppenum);
        HRESULT (*GetCount)(IEnumBackgroundCopyFiles *This, ULONG *puCount);
} IEnumBackgroundCopyFilesVtbl;
struct IEnumBackgroundCopyFiles {
        const IEnumBackgroundCopyFilesVtbl *lpVtbl;
};
#ifdef COBJMACROS
#define IEnumBackgroundCopyFiles_QueryInterface(This, riid, ppvObject)                             \
        ((This)->lpVtbl->QueryInterface(This, riid, ppvObject))
#define IEnumBackgroundCopyFiles_AddRef(This) ((This)->lpVtbl->AddRef(This))
#define IEnumBackgroundCopyFiles_Release(This) ((This)->lpVtbl->Release(This))
#define IEnumBackgroundCopyFiles_Next(This, celt, rgelt, pceltFetched)                             \
        ((This)->lpVtbl->Next(This, celt, rgelt, pceltFetched))
#define IEnumBackgroundCopyFiles_Skip(This, celt) ((This)->lpVtbl->Skip(This, celt))
#define IEnumBackgroundCopyFiles_Reset(This) ((This)->lpVtbl->Reset(This))
#define IEnumBackgroundCopyFiles_Clone(This, ppenum) ((This)->lpVtbl->Clone(This, ppenum))
#define IEnumBackgroundCopyFiles_GetCount(This, puCount) ((This)->lpVtbl->GetCount(This, puCount))
#endif /* COBJMACROS */
#endif
#endif /* __IEnumBackgroundCopyFiles_INTERFACE_DEFINED__ */

/* Why a job is in ERROR or TRANSIENT_ERROR. */
#ifndef __IBackgroundCopyError_INTERFACE_DEFINED__
#define __IBackgroundCopyError_INTERFACE_DEFINED__
DEFINE_GUID(IID_IBackgroundCopyError, 0x19c613a0, 0xfcb8, 0x4f28, 0x81, 0xae, 0x89, 0x7c, 0x3d,
            0x07, 0x8f, 0x81);
#if defined(__cplusplus) && !defined(CINTERFACE)
struct IBackgroundCopyError : public IUnknown {
        virtual HRESULT GetError(BG_ERROR_CONTEXT *pContext, HRESULT *pCode) = 0;
        virtual HRESULT GetFile(IBackgroundCopyFile **pVal) = 0;
        virtual HRESULT GetErrorDescription(DWORD LanguageId, LPWSTR *pErrorDescription) = 0;
        virtual HRESULT GetErrorContextDescription(DWORD LanguageId,
                                                   LPWSTR *pContextDescription) = 0;
        virtual HRESULT GetProtocol(LPWSTR *pProtocol) = 0;
};
BITS_UUIDOF(IBackgroundCopyError, IID_IBackgroundCopyError)
#else
typedef struct IBackgroundCopyErrorVtbl {
        HRESULT (*QueryInterface)(IBackgroundCopyError *This, REFIID riid, void **ppvObject);
        ULONG (*AddRef)(IBackgroundCopyError *This);
        ULONG (*Release)(IBackgroundCopyError *This);
        HRESULT (*GetError)(IBackgroundCopyError *This, BG_ERROR_CONTEXT *pContext, HRESULT *pCode);
        HRESULT (*GetFile)(IBackgroundCopyError *This, IBackgroundCopyFile **pVal);
        HRESULT(*GetErrorDescription)
        (IBackgroundCopyError *This, DWORD LanguageId, LPWSTR *pErrorDescription);
        HRESULT(*GetErrorContextDescription)
        (IBackgroundCopyError *This, DWORD LanguageId, LPWSTR *pContextDescription);
        HRESULT (*GetProtocol)(IBackgroundCopyError *This, LPWSTR *pProtocol);
} IBackgroundCopyErrorVtbl;
struct IBackgroundCopyError {
        const IBackgroundCopyErrorVtbl *lpVtbl;
};
#ifdef COBJMACROS
#define IBackgroundCopyError_QueryInterface(This, riid, ppvObject)                                 \
        ((This)->lpVtbl->QueryInterface(This, riid, ppvObject))
#define IBackgroundCopyError_AddRef(This) ((This)->lpVtbl->AddRef(This))
#define IBackgroundCopyError_Release(This) ((This)->lpVtbl->Release(This))
#define IBackgroundCopyError_GetError(This, pContext, pCode)                                       \
        ((This)->lpVtbl->GetError(This, pContext, pCode))
#define IBackgroundCopyError_GetFile(This, pVal) ((This)->lpVtbl->GetFile(This, pVal))
#define IBackgroundCopyError_GetErrorDescription(This, LanguageId, pErrorDescription)              \
        ((This)->lpVtbl->GetErrorDescription(This, LanguageId, pErrorDescription))
#define IBackgroundCopyError_GetErrorContextDescription(This, LanguageId, pContextDescription)     \
        ((This)->lpVtbl->GetErrorContextDescription(This, LanguageId, pContextDescription))
#define IBackgroundCopyError_GetProtocol(This, pProtocol)                                          \
        ((This)->lpVtbl->GetProtocol(This, pProtocol))
#endif /* COBJMACROS */
#endif
#endif /* __IBackgroundCopyError_INTERFACE_DEFINED__ */

/* A job. It lives in the service: releasing the last pointer changes nothing about it. */
#ifndef __IBackgroundCopyJob_INTERFACE_DEFINED__
#define __IBackgroundCopyJob_INTERFACE_DEFINED__
DEFINE_GUID(IID_IBackgroundCopyJob, 0x37668d37, 0x507e, 0x4160, 0x93, 0x16, 0x26, 0x30, 0x6d, 0x15,
            0x0b, 0x12);
#if defined(__cplusplus) && !defined(CINTERFACE)
struct IBackgroundCopyJob : public IUnknown {
        virtual HRESULT AddFileSet(ULONG cFileCount, BG_FILE_INFO *pFileSet) = 0;
        virtual HRESULT AddFile(LPCWSTR RemoteUrl, LPCWSTR LocalName) = 0;
        virtual HRESULT EnumFiles(IEnumBackgroundCopyFiles **pEnum) = 0;
        virtual HRESULT Suspend() = 0;
        virtual HRESULT Resume() = 0;
        virtual HRESULT Cancel() = 0;
        virtual HRESULT Complete() = 0;
        virtual HRESULT GetId(GUID *pVal) = 0;
        virtual HRESULT GetType(BG_JOB_TYPE *pVal) = 0;
        virtual HRESULT GetProgress(BG_JOB_PROGRESS *pVal) = 0;
        virtual HRESULT GetTimes(BG_JOB_TIMES *pVal) = 0;
        virtual HRESULT GetState(BG_JOB_STATE *pVal) = 0;
        virtual HRESULT GetError(IBackgroundCopyError **ppError) = 0;
        virtual HRESULT GetOwner(LPWSTR *pVal) = 0;
        virtual HRESULT SetDisplayName(LPCWSTR Val) = 0;
        virtual HRESULT GetDisplayName(LPWSTR *pVal) = 0;
        virtual HRESULT SetDescription(LPCWSTR Val) = 0;
        virtual HRESULT GetDescription(LPWSTR *pVal) = 0;
        virtual HRESULT SetPriority(BG_JOB_PRIORITY Val) = 0;
        virtual HRESULT GetPriority(BG_JOB_PRIORITY *pVal) = 0;
        virtual HRESULT SetNotifyFlags(ULONG Val) = 0;
        virtual HRESULT GetNotifyFlags(ULONG *pVal) = 0;
        virtual HRESULT SetNotifyInterface(IUnknown *Val) = 0;
        virtual HRESULT GetNotifyInterface(IUnknown **pVal) = 0;
        virtual HRESULT SetMinimumRetryDelay(ULONG Seconds) = 0;
        virtual HRESULT GetMinimumRetryDelay(ULONG *Seconds) = 0;
        virtual HRESULT SetNoProgressTimeout(ULONG Seconds) = 0;
        virtual HRESULT GetNoProgressTimeout(ULONG *Seconds) = 0;
        virtual HRESULT GetErrorCount(ULONG *Errors) = 0;
        virtual HRESULT SetProxySettings(BG_JOB_PROXY_USAGE ProxyUsage, const WCHAR *ProxyList,
                                         const WCHAR *ProxyBypassList) = 0;
        virtual HRESULT GetProxySettings(BG_JOB_PROXY_USAGE *pProxyUsage, LPWSTR *pProxyList,
                                         LPWSTR *pProxyBypassList) = 0;
        virtual HRESULT TakeOwnership() = 0;
};
BITS_UUIDOF(IBackgroundCopyJob, IID_IBackgroundCopyJob)
#else
typedef struct IBackgroundCopyJobVtbl {
        HRESULT (*QueryInterface)(IBackgroundCopyJob *This, REFIID riid, void **ppvObject);
        ULONG (*AddRef)(IBackgroundCopyJob *This);
        ULONG (*Release)(IBackgroundCopyJob *This);
        HRESULT (*AddFileSet)(IBackgroundCopyJob *This, ULONG cFileCount, BG_FILE_INFO *pFileSet);
        HRESULT (*AddFile)(IBackgroundCopyJob *This, LPCWSTR RemoteUrl, LPCWSTR LocalName);
        HRESULT (*EnumFiles)(IBackgroundCopyJob *This, IEnumBackgroundCopyFiles **pEnum);
        HRESULT (*Suspend)(IBackgroundCopyJob *This);
        HRESULT (*Resume)(IBackgroundCopyJob *This);
        HRESULT (*Cancel)(IBackgroundCopyJob *This);
        HRESULT (*Complete)(IBackgroundCopyJob *This);
        HRESULT (*GetId)(IBackgroundCopyJob *This, GUID *pVal);
        HRESULT (*GetType)(IBackgroundCopyJob *This, BG_JOB_TYPE *pVal);
        HRESULT (*GetProgress)(IBackgroundCopyJob *This, BG_JOB_PROGRESS *pVal);
        HRESULT (*GetTimes)(IBackgroundCopyJob *This, BG_JOB_TIMES *pVal);
        HRESULT (*GetState)(IBackgroundCopyJob *This, BG_JOB_STATE *pVal);
        HRESULT (*GetError)(IBackgroundCopyJob *This, IBackgroundCopyError **ppError);
        HRESULT (*GetOwner)(IBackgroundCopyJob *This, LPWSTR *pVal);
        HRESULT (*SetDisplayName)(IBackgroundCopyJob *This, LPCWSTR Val);
        HRESULT (*GetDisplayName)(IBackgroundCopyJob *This, LPWSTR *pVal);
        HRESULT (*SetDescription)(IBackgroundCopyJob *This, LPCWSTR Val);
        HRESULT (*GetDescription)(IBackgroundCopyJob *This, LPWSTR *pVal);
        HRESULT (*SetPriority)(IBackgroundCopyJob *This, BG_JOB_PRIORITY Val);
        HRESULT (*GetPriority)(IBackgroundCopyJob *This, BG_JOB_PRIORITY *pVal);
        HRESULT (*SetNotifyFlags)(IBackgroundCopyJob *This, ULONG Val);
        HRESULT (*GetNotifyFlags)(IBackgroundCopyJob *This, ULONG *pVal);
        HRESULT (*SetNotifyInterface)(IBackgroundCopyJob *This, IUnknown *Val);
        HRESULT (*GetNotifyInterface)(IBackgroundCopyJob *This, IUnknown **pVal);
        HRESULT (*SetMinimumRetryDelay)(IBackgroundCopyJob *This, ULONG Seconds);
        HRESULT (*GetMinimumRetryDelay)(IBackgroundCopyJob *This, ULONG *Seconds);
        HRESULT (*SetNoProgressTimeout)(IBackgroundCopyJob *This, ULONG Seconds);
        HRESULT (*GetNoProgressTimeout)(IBackgroundCopyJob *This, ULONG *Seconds);
        HRESULT (*GetErrorCount)(IBackgroundCopyJob *This, ULONG *Errors);
        HRESULT(*SetProxySettings)
        (IBackgroundCopyJob *This, BG_JOB_PROXY_USAGE ProxyUsage, const WCHAR *ProxyList,
         const WCHAR *ProxyBypassList);
        HRESULT(*GetProxySettings)
        (IBackgroundCopyJob *This, BG_JOB_PROXY_USAGE *pProxyUsage, LPWSTR *pProxyList,
         LPWSTR *pProxyBypassList);
        HRESULT (*TakeOwnership)(IBackgroundCopyJob *This);
} IBackgroundCopyJobVtbl;
struct IBackgroundCopyJob {
        const IBackgroundCopyJobVtbl *lpVtbl;
};
#ifdef COBJMACROS
#define IBackgroundCopyJob_QueryInterface(This, riid, ppvObject)                                   \
        ((This)->lpVtbl->QueryInterface(This, riid, ppvObject))
#define IBackgroundCopyJob_AddRef(This) ((This)->lpVtbl->AddRef(This))
#define IBackgroundCopyJob_Release(This) ((This)->lpVtbl->Release(This))
#define IBackgroundCopyJob_AddFileSet(This, cFileCount, pFileSet)                                  \
        ((This)->lpVtbl->AddFileSet(This, cFileCount, pFileSet))
#define IBackgroundCopyJob_AddFile(This, RemoteUrl, LocalName)                                     \
        ((This)->lpVtbl->AddFile(This, RemoteUrl, LocalName))
#define IBackgroundCopyJob_EnumFiles(This, pEnum) ((This)->lpVtbl->EnumFiles(This, pEnum))
#define IBackgroundCopyJob_Suspend(This) ((This)->lpVtbl->Suspend(This))
#define IBackgroundCopyJob_Resume(This) ((This)->lpVtbl->Resume(This))
#define IBackgroundCopyJob_Cancel(This) ((This)->lpVtbl->Cancel(This))
#define IBackgroundCopyJob_Complete(This) ((This)->lpVtbl->Complete(This))
#define IBackgroundCopyJob_GetId(This, pVal) ((This)->lpVtbl->GetId(This, pVal))
#define IBackgroundCopyJob_GetType(This, pVal) ((This)->lpVtbl->GetType(This, pVal))
#define IBackgroundCopyJob_GetProgress(This, pVal) ((This)->lpVtbl->GetProgress(This, pVal))
#define IBackgroundCopyJob_GetTimes(This, pVal) ((This)->lpVtbl->GetTimes(This, pVal))
#define IBackgroundCopyJob_GetState(This, pVal) ((This)->lpVtbl->GetState(This, pVal))
#define IBackgroundCopyJob_GetError(This, ppError) ((This)->lpVtbl->GetError(This, ppError))
#define IBackgroundCopyJob_GetOwner(This, pVal) ((This)->lpVtbl->GetOwner(This, pVal))
#define IBackgroundCopyJob_SetDisplayName(This, Val) ((This)->lpVtbl->SetDisplayName(This, Val))
#define IBackgroundCopyJob_GetDisplayName(This, pVal) ((This)->lpVtbl->GetDisplayName(This, pVal))
#define IBackgroundCopyJob_SetDescription(This, Val) ((This)->lpVtbl->SetDescription(This, Val))
#define IBackgroundCopyJob_GetDescription(This, pVal) ((This)->lpVtbl->GetDescription(This, pVal))
#define IBackgroundCopyJob_SetPriority(This, Val) ((This)->lpVtbl->SetPriority(This, Val))
#define IBackgroundCopyJob_GetPriority(This, pVal) ((This)->lpVtbl->GetPriority(This, pVal))
#define IBackgroundCopyJob_SetNotifyFlags(This, Val) ((This)->lpVtbl->SetNotifyFlags(This, Val))
#define IBackgroundCopyJob_GetNotifyFlags(This, pVal) ((This)->lpVtbl->GetNotifyFlags(This, pVal))
#define IBackgroundCopyJob_SetNotifyInterface(This, Val)                                           \
        ((This)->lpVtbl->SetNotifyInterface(This, Val))
#define IBackgroundCopyJob_GetNotifyInterface(This, pVal)                                          \
        ((This)->lpVtbl->GetNotifyInterface(This, pVal))
#define IBackgroundCopyJob_SetMinimumRetryDelay(This, Seconds)                                     \
        ((This)->lpVtbl->SetMinimumRetryDelay(This, Seconds))
#define IBackgroundCopyJob_GetMinimumRetryDelay(This, Seconds)                                     \
        ((This)->lpVtbl->GetMinimumRetryDelay(This, Seconds))
#define IBackgroundCopyJob_SetNoProgressTimeout(This, Seconds)                                     \
        ((This)->lpVtbl->SetNoProgressTimeout(This, Seconds))
#define IBackgroundCopyJob_GetNoProgressTimeout(This, Seconds)                                     \
        ((This)->lpVtbl->GetNoProgressTimeout(This, Seconds))
#define IBackgroundCopyJob_GetErrorCount(This, Errors) ((This)->lpVtbl->GetErrorCount(This, Errors))
#define IBackgroundCopyJob_SetProxySettings(This, ProxyUsage, ProxyList, ProxyBypassList)          \
        ((This)->lpVtbl->SetProxySettings(This, ProxyUsage, ProxyList, ProxyBypassList))
#define IBackgroundCopyJob_GetProxySettings(This, pProxyUsage, pProxyList, pProxyBypassList)       \
        ((This)->lpVtbl->GetProxySettings(This, pProxyUsage, pProxyList, pProxyBypassList))
#define IBackgroundCopyJob_TakeOwnership(This) ((This)->lpVtbl->TakeOwnership(This))
#endif /* COBJMACROS */
#endif
#endif /* __IBackgroundCopyJob_INTERFACE_DEFINED__ */

/* The jobs there were when the enumerator was made. */
#ifndef __IEnumBackgroundCopyJobs_INTERFACE_DEFINED__
#define __IEnumBackgroundCopyJobs_INTERFACE_DEFINED__
DEFINE_GUID(IID_IEnumBackgroundCopyJobs, 0x1af4f612, 0x3b71, 0x466f, 0x8f, 0x58, 0x7b, 0x6f, 0x73,
            0xac, 0x57, 0xad);
#if defined(__cplusplus) && !defined(CINTERFACE)
struct IEnumBackgroundCopyJobs : public IUnknown {
        virtual HRESULT Next(ULONG celt, IBackgroundCopyJob **rgelt, ULONG *pceltFetched) = 0;
        virtual HRESULT Skip(ULONG celt) = 0;
        virtual HRESULT Reset() = 0;
        virtual HRESULT Clone(IEnumBackgroundCopyJobs **ppenum) = 0;
        virtual HRESULT GetCount(ULONG *puCount) = 0;
};
BITS_UUIDOF(IEnumBackgroundCopyJobs, IID_IEnumBackgroundCopyJobs)
#else
typedef struct IEnumBackgroundCopyJobsVtbl {
        HRESULT (*QueryInterface)(IEnumBackgroundCopyJobs *This, REFIID riid, void **ppvObject);
        ULONG (*AddRef)(IEnumBackgroundCopyJobs *This);
        ULONG (*Release)(IEnumBackgroundCopyJobs *This);
        HRESULT(*Next)
        (IEnumBackgroundCopyJobs *This, ULONG celt, IBackgroundCopyJob **rgelt,
         ULONG *pceltFetched);
        HRESULT (*Skip)(IEnumBackgroundCopyJobs *This, ULONG celt);
        HRESULT (*Reset)(IEnumBackgroundCopyJobs *This);
        HRESULT (*Clone)(IEnumBackgroundCopyJobs *This, IEnumBackgroundCopyJobs **ppenum);
        HRESULT (*GetCount)(IEnumBackgroundCopyJobs *This, ULONG *puCount);
} IEnumBackgroundCopyJobsVtbl;
struct IEnumBackgroundCopyJobs {
        const IEnumBackgroundCopyJobsVtbl *lpVtbl;
};
#ifdef COBJMACROS
#define IEnumBackgroundCopyJobs_QueryInterface(This, riid, ppvObject)                              \
        ((This)->lpVtbl->QueryInterface(This, riid, ppvObject))
#define IEnumBackgroundCopyJobs_AddRef(This) ((This)->lpVtbl->AddRef(This))
#define IEnumBackgroundCopyJobs_Release(This) ((This)->lpVtbl->Release(This))
#define IEnumBackgroundCopyJobs_Next(This, celt, rgelt, pceltFetched)                              \
        ((This)->lpVtbl->Next(This, celt, rgelt, pceltFetched))
#define IEnumBackgroundCopyJobs_Skip(This, celt) ((This)->lpVtbl->Skip(This, celt))
#define IEnumBackgroundCopyJobs_Reset(This) ((This)->lpVtbl->Reset(This))
#define IEnumBackgroundCopyJobs_Clone(This, ppenum) ((This)->lpVtbl->Clone(This, ppenum))
#define IEnumBackgroundCopyJobs_GetCount(This, puCount) ((This)->lpVtbl->GetCount(This, puCount))
#endif /* COBJMACROS */
#endif
#endif /* __IEnumBackgroundCopyJobs_INTERFACE_DEFINED__ */

/* Implemented by the program, given to SetNotifyInterface. */
#ifndef __IBackgroundCopyCallback_INTERFACE_DEFINED__
#define __IBackgroundCopyCallback_INTERFACE_DEFINED__
DEFINE_GUID(IID_IBackgroundCopyCallback, 0x97ea99c7, 0x0186, 0x4ad4, 0x8d, 0xf9, 0xc5, 0xb4, 0xe0,
            0xed, 0x6b, 0x22);
#if defined(__cplusplus) && !defined(CINTERFACE)
struct IBackgroundCopyCallback : public IUnknown {
        virtual HRESULT JobTransferred(IBackgroundCopyJob *pJob) = 0;
        virtual HRESULT JobError(IBackgroundCopyJob *pJob, IBackgroundCopyError *pError) = 0;
        virtual HRESULT JobModification(IBackgroundCopyJob *pJob, DWORD dwReserved) = 0;
};
BITS_UUIDOF(IBackgroundCopyCallback, IID_IBackgroundCopyCallback)
#else
typedef struct IBackgroundCopyCallbackVtbl {
        HRESULT (*QueryInterface)(IBackgroundCopyCallback *This, REFIID riid, void **ppvObject);
        ULONG (*AddRef)(IBackgroundCopyCallback *This);
        ULONG (*Release)(IBackgroundCopyCallback *This);
        HRESULT (*JobTransferred)(IBackgroundCopyCallback *This, IBackgroundCopyJob *pJob);
        HRESULT(*JobError)
        (IBackgroundCopyCallback *This, IBackgroundCopyJob *pJob, IBackgroundCopyError *pError);
        HRESULT(*JobModification)
        (IBackgroundCopyCallback *This, IBackgroundCopyJob *pJob, DWORD dwReserved);
} IBackgroundCopyCallbackVtbl;
struct IBackgroundCopyCallback {
        const IBackgroundCopyCallbackVtbl *lpVtbl;
};
#ifdef COBJMACROS
#define IBackgroundCopyCallback_QueryInterface(This, riid, ppvObject)                              \
        ((This)->lpVtbl->QueryInterface(This, riid, ppvObject))
#define IBackgroundCopyCallback_AddRef(This) ((This)->lpVtbl->AddRef(This))
#define IBackgroundCopyCallback_Release(This) ((This)->lpVtbl->Release(This))
#define IBackgroundCopyCallback_JobTransferred(This, pJob)                                         \
        ((This)->lpVtbl->JobTransferred(This, pJob))
#define IBackgroundCopyCallback_JobError(This, pJob, pError)                                       \
        ((This)->lpVtbl->JobError(This, pJob, pError))
#define IBackgroundCopyCallback_JobModification(This, pJob, dwReserved)                            \
        ((This)->lpVtbl->JobModification(This, pJob, dwReserved))
#endif /* COBJMACROS */
#endif
#endif /* __IBackgroundCopyCallback_INTERFACE_DEFINED__ */

/* The service: CoCreateInstance with one of the CLSIDs below. */
#ifndef __IBackgroundCopyManager_INTERFACE_DEFINED__
#define __IBackgroundCopyManager_INTERFACE_DEFINED__
DEFINE_GUID(IID_IBackgroundCopyManager, 0x5ce34c0d, 0x0dc9, 0x4c1f, 0x89, 0x7c, 0xda, 0xa1, 0xb7,
            0x8c, 0xee, 0x7c);
#if defined(__cplusplus) && !defined(CINTERFACE)
struct IBackgroundCopyManager : public IUnknown {
        virtual HRESULT CreateJob(LPCWSTR DisplayName, BG_JOB_TYPE Type, GUID *pJobId,
                                  IBackgroundCopyJob **ppJob) = 0;
        virtual HRESULT GetJob(REFGUID jobID, IBackgroundCopyJob **ppJob) = 0;
        virtual HRESULT EnumJobs(DWORD dwFlags, IEnumBackgroundCopyJobs **ppEnum) = 0;
        virtual HRESULT GetErrorDescription(HRESULT hResult, DWORD LanguageId,
                                            LPWSTR *pErrorDescription) = 0;
};
BITS_UUIDOF(IBackgroundCopyManager, IID_IBackgroundCopyManager)
#else
typedef struct IBackgroundCopyManagerVtbl {
        HRESULT (*QueryInterface)(IBackgroundCopyManager *This, REFIID riid, void **ppvObject);
        ULONG (*AddRef)(IBackgroundCopyManager *This);
        ULONG (*Release)(IBackgroundCopyManager *This);
        HRESULT(*CreateJob)
        (IBackgroundCopyManager *This, LPCWSTR DisplayName, BG_JOB_TYPE Type, GUID *pJobId,
         IBackgroundCopyJob **ppJob);
        HRESULT (*GetJob)(IBackgroundCopyManager *This, REFGUID jobID, IBackgroundCopyJob **ppJob);
        HRESULT(*EnumJobs)
        (IBackgroundCopyManager *This, DWORD dwFlags, IEnumBackgroundCopyJobs **ppEnum);
        HRESULT(*GetErrorDescription)
        (IBackgroundCopyManager *This, HRESULT hResult, DWORD LanguageId,
         LPWSTR *pErrorDescription);
} IBackgroundCopyManagerVtbl;
struct IBackgroundCopyManager {
        const IBackgroundCopyManagerVtbl *lpVtbl;
};
#ifdef COBJMACROS
#define IBackgroundCopyManager_QueryInterface(This, riid, ppvObject)                               \
        ((This)->lpVtbl->QueryInterface(This, riid, ppvObject))
#define IBackgroundCopyManager_AddRef(This) ((This)->lpVtbl->AddRef(This))
#define IBackgroundCopyManager_Release(This) ((This)->lpVtbl->Release(This))
#define IBackgroundCopyManager_CreateJob(This, DisplayName, Type, pJobId, ppJob)                   \
        ((This)->lpVtbl->CreateJob(This, DisplayName, Type, pJobId, ppJob))
#define IBackgroundCopyManager_GetJob(This, jobID, ppJob)                                          \
        ((This)->lpVtbl->GetJob(This, jobID, ppJob))
#define IBackgroundCopyManager_EnumJobs(This, dwFlags, ppEnum)                                     \
        ((This)->lpVtbl->EnumJobs(This, dwFlags, ppEnum))
#define IBackgroundCopyManager_GetErrorDescription(This, hResult, LanguageId, pErrorDescription)   \
        ((This)->lpVtbl->GetErrorDescription(This, hResult, LanguageId, pErrorDescription))
#endif /* COBJMACROS */
#endif
#endif /* __IBackgroundCopyManager_INTERFACE_DEFINED__ */

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

/* One class for each version; which of them can be created tells the version installed. */
DEFINE_GUID(CLSID_BackgroundCopyManager, 0x4991d34b, 0x80a1, 0x4291, 0x83, 0xb6, 0x33, 0x28, 0x36,
            0x6b, 0x90, 0x97);
DEFINE_GUID(CLSID_BackgroundCopyManager1_5, 0xf087771f, 0xd74f, 0x4c1a, 0xbb, 0x8a, 0xe1, 0x6a,
            0xca, 0x91, 0x24, 0xea);
DEFINE_GUID(CLSID_BackgroundCopyManager2_0, 0x6d18ad12, 0xbde3, 0x4393, 0xb3, 0x11, 0x09, 0x9c,
            0x34, 0x6e, 0x6d, 0xf9);
DEFINE_GUID(CLSID_BackgroundCopyManager2_5, 0x03ca98d6, 0xff5d, 0x49b8, 0xab, 0xc6, 0x03, 0xdd,
            0x84, 0x12, 0x70, 0x20);
DEFINE_GUID(CLSID_BackgroundCopyManager3_0, 0x659cdea7, 0x489e, 0x11d9, 0xa9, 0xcd, 0x00, 0x0d,
            0x56, 0x96, 0x52, 0x51);
DEFINE_GUID(CLSID_BackgroundCopyManager4_0, 0xbb6df56b, 0xcace, 0x11dc, 0x99, 0x92, 0x00, 0x19,
            0xb9, 0x3a, 0x3a, 0x84);
DEFINE_GUID(CLSID_BackgroundCopyManager5_0, 0x1ecca34c, 0xe88a, 0x44e3, 0x8d, 0x6a, 0x89, 0x21,
            0xbd, 0xe9, 0xe4, 0x52);
DEFINE_GUID(CLSID_BackgroundCopyManager10_1, 0x4bd3e4e1, 0x7bd4, 0x4a2b, 0x99, 0x64, 0x49, 0x64,
            0x00, 0xde, 0x51, 0x93);
DEFINE_GUID(CLSID_BackgroundCopyManager10_2, 0x4575438f, 0xa6c8, 0x4976, 0xb0, 0xfe, 0x2f, 0x26,
            0xb8, 0x0d, 0x95, 0x9e);
DEFINE_GUID(CLSID_BackgroundCopyManager10_3, 0x5fd42ad5, 0xc04e, 0x4d36, 0xad, 0xc7, 0xe0, 0x8f,
            0xf1, 0x57, 0x37, 0xad);
DEFINE_GUID(LIBID_BackgroundCopyManager, 0x1deeb74f, 0x7915, 0x4560, 0xb5, 0x58, 0x91, 0x8c, 0x83,
            0xf1, 0x76, 0xa6);

#ifdef __cplusplus
class BackgroundCopyManager;
class BackgroundCopyManager1_5;
class BackgroundCopyManager2_0;
class BackgroundCopyManager2_5;
class BackgroundCopyManager3_0;
class BackgroundCopyManager4_0;
class BackgroundCopyManager5_0;
class BackgroundCopyManager10_1;
class BackgroundCopyManager10_2;
class BackgroundCopyManager10_3;
BITS_UUIDOF(BackgroundCopyManager, CLSID_BackgroundCopyManager)
BITS_UUIDOF(BackgroundCopyManager1_5, CLSID_BackgroundCopyManager1_5)
BITS_UUIDOF(BackgroundCopyManager2_0, CLSID_BackgroundCopyManager2_0)
BITS_UUIDOF(BackgroundCopyManager2_5, CLSID_BackgroundCopyManager2_5)
BITS_UUIDOF(BackgroundCopyManager3_0, CLSID_BackgroundCopyManager3_0)
BITS_UUIDOF(BackgroundCopyManager4_0, CLSID_BackgroundCopyManager4_0)
BITS_UUIDOF(BackgroundCopyManager5_0, CLSID_BackgroundCopyManager5_0)
BITS_UUIDOF(BackgroundCopyManager10_1, CLSID_BackgroundCopyManager10_1)
BITS_UUIDOF(BackgroundCopyManager10_2, CLSID_BackgroundCopyManager10_2)
BITS_UUIDOF(BackgroundCopyManager10_3, CLSID_BackgroundCopyManager10_3)
#endif

#include "bits1_5.h"

#endif /* BITS_BITS_H */
