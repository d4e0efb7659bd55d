/* SPDX-License-Identifier: Apache-2.0 */
/* BITS 1.5: uploads with a reply, credentials, notification by running a program. */
#ifndef BITS_BITS1_5_H
#define BITS_BITS1_5_H

#include "bits.h"

#ifndef __IBackgroundCopyJob2_FWD_DEFINED__
#define __IBackgroundCopyJob2_FWD_DEFINED__
typedef struct IBackgroundCopyJob2 IBackgroundCopyJob2;
#endif

typedef struct _BG_JOB_REPLY_PROGRESS {
        UINT64 BytesTotal BITS_ALIGN8; /* BG_SIZE_UNKNOWN until the reply has begun */
        UINT64 BytesTransferred BITS_ALIGN8;
} BG_JOB_REPLY_PROGRESS;

/* Both NULL: the credentials of the job's owner, for NTLM and Negotiate. */
typedef struct _BG_BASIC_CREDENTIALS {
        LPWSTR UserName;
        LPWSTR Password;
} BG_BASIC_CREDENTIALS, *PBG_BASIC_CREDENTIALS;

typedef union _BG_AUTH_CREDENTIALS_UNION {
        BG_BASIC_CREDENTIALS Basic;
} BG_AUTH_CREDENTIALS_UNION;

typedef struct _BG_AUTH_CREDENTIALS {
        BG_AUTH_TARGET Target;
        BG_AUTH_SCHEME Scheme;
        BG_AUTH_CREDENTIALS_UNION Credentials;
} BG_AUTH_CREDENTIALS, *PBG_AUTH_CREDENTIALS;

#ifdef __cplusplus
/* Abstract classes without virtual destructors: those would add slots to the tables. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#endif

/* QueryInterface of any job answers for it. */
#ifndef __IBackgroundCopyJob2_INTERFACE_DEFINED__
#define __IBackgroundCopyJob2_INTERFACE_DEFINED__
DEFINE_GUID(IID_IBackgroundCopyJob2, 0x54b50739, 0x686f, 0x45eb, 0x9d, 0xff, 0xd6, 0xa9, 0xa0, 0xfa,
            0xa9, 0xaf);
#if defined(__cplusplus) && !defined(CINTERFACE)
struct IBackgroundCopyJob2 : public IBackgroundCopyJob {
        virtual HRESULT SetNotifyCmdLine(LPCWSTR Program, LPCWSTR Parameters) = 0;
        virtual HRESULT GetNotifyCmdLine(LPWSTR *pProgram, LPWSTR *pParameters) = 0;
        virtual HRESULT GetReplyProgress(BG_JOB_REPLY_PROGRESS *pProgress) = 0;
        virtual HRESULT GetReplyData(BYTE **ppBuffer, UINT64 *pLength) = 0;
        virtual HRESULT SetReplyFileName(LPCWSTR ReplyFileName) = 0;
        virtual HRESULT GetReplyFileName(LPWSTR *pReplyFileName) = 0;
        virtual HRESULT SetCredentials(BG_AUTH_CREDENTIALS *credentials) = 0;
        virtual HRESULT RemoveCredentials(BG_AUTH_TARGET Target, BG_AUTH_SCHEME Scheme) = 0;
};
BITS_UUIDOF(IBackgroundCopyJob2, IID_IBackgroundCopyJob2)
#else
typedef struct IBackgroundCopyJob2Vtbl {
        HRESULT (*QueryInterface)(IBackgroundCopyJob2 *This, REFIID riid, void **ppvObject);
        ULONG (*AddRef)(IBackgroundCopyJob2 *This);
        ULONG (*Release)(IBackgroundCopyJob2 *This);
        HRESULT (*AddFileSet)(IBackgroundCopyJob2 *This, ULONG cFileCount, BG_FILE_INFO *pFileSet);
        HRESULT (*AddFile)(IBackgroundCopyJob2 *This, LPCWSTR RemoteUrl, LPCWSTR LocalName);
        HRESULT (*EnumFiles)(IBackgroundCopyJob2 *This, IEnumBackgroundCopyFiles **pEnum);
        HRESULT (*Suspend)(IBackgroundCopyJob2 *This);
        HRESULT (*Resume)(IBackgroundCopyJob2 *This);
        HRESULT (*Cancel)(IBackgroundCopyJob2 *This);
        HRESULT (*Complete)(IBackgroundCopyJob2 *This);
        HRESULT (*GetId)(IBackgroundCopyJob2 *This, GUID *pVal);
        HRESULT (*GetType)(IBackgroundCopyJob2 *This, BG_JOB_TYPE *pVal);
        HRESULT (*GetProgress)(IBackgroundCopyJob2 *This, BG_JOB_PROGRESS *pVal);
        HRESULT (*GetTimes)(IBackgroundCopyJob2 *This, BG_JOB_TIMES *pVal);
        HRESULT (*GetState)(IBackgroundCopyJob2 *This, BG_JOB_STATE *pVal);
        HRESULT (*GetError)(IBackgroundCopyJob2 *This, IBackgroundCopyError **ppError);
        HRESULT (*GetOwner)(IBackgroundCopyJob2 *This, LPWSTR *pVal);
        HRESULT (*SetDisplayName)(IBackgroundCopyJob2 *This, LPCWSTR Val);
        HRESULT (*GetDisplayName)(IBackgroundCopyJob2 *This, LPWSTR *pVal);
        HRESULT (*SetDescription)(IBackgroundCopyJob2 *This, LPCWSTR Val);
        HRESULT (*GetDescription)(IBackgroundCopyJob2 *This, LPWSTR *pVal);
        HRESULT (*SetPriority)(IBackgroundCopyJob2 *This, BG_JOB_PRIORITY Val);
        HRESULT (*GetPriority)(IBackgroundCopyJob2 *This, BG_JOB_PRIORITY *pVal);
        HRESULT (*SetNotifyFlags)(IBackgroundCopyJob2 *This, ULONG Val);
        HRESULT (*GetNotifyFlags)(IBackgroundCopyJob2 *This, ULONG *pVal);
        HRESULT (*SetNotifyInterface)(IBackgroundCopyJob2 *This, IUnknown *Val);
        HRESULT (*GetNotifyInterface)(IBackgroundCopyJob2 *This, IUnknown **pVal);
        HRESULT (*SetMinimumRetryDelay)(IBackgroundCopyJob2 *This, ULONG Seconds);
        HRESULT (*GetMinimumRetryDelay)(IBackgroundCopyJob2 *This, ULONG *Seconds);
        HRESULT (*SetNoProgressTimeout)(IBackgroundCopyJob2 *This, ULONG Seconds);
        HRESULT (*GetNoProgressTimeout)(IBackgroundCopyJob2 *This, ULONG *Seconds);
        HRESULT (*GetErrorCount)(IBackgroundCopyJob2 *This, ULONG *Errors);
        HRESULT(*SetProxySettings)
        (IBackgroundCopyJob2 *This, BG_JOB_PROXY_USAGE ProxyUsage, const WCHAR *ProxyList,
         const WCHAR *ProxyBypassList);
        HRESULT(*GetProxySettings)
        (IBackgroundCopyJob2 *This, BG_JOB_PROXY_USAGE *pProxyUsage, LPWSTR *pProxyList,
         LPWSTR *pProxyBypassList);
        HRESULT (*TakeOwnership)(IBackgroundCopyJob2 *This);
        HRESULT (*SetNotifyCmdLine)(IBackgroundCopyJob2 *This, LPCWSTR Program, LPCWSTR Parameters);
        HRESULT(*GetNotifyCmdLine)
        (IBackgroundCopyJob2 *This, LPWSTR *pProgram, LPWSTR *pParameters);
        HRESULT (*GetReplyProgress)(IBackgroundCopyJob2 *This, BG_JOB_REPLY_PROGRESS *pProgress);
        HRESULT (*GetReplyData)(IBackgroundCopyJob2 *This, BYTE **ppBuffer, UINT64 *pLength);
        HRESULT (*SetReplyFileName)(IBackgroundCopyJob2 *This, LPCWSTR ReplyFileName);
        HRESULT (*GetReplyFileName)(IBackgroundCopyJob2 *This, LPWSTR *pReplyFileName);
        HRESULT (*SetCredentials)(IBackgroundCopyJob2 *This, BG_AUTH_CREDENTIALS *credentials);
        HRESULT(*RemoveCredentials)
        (IBackgroundCopyJob2 *This, BG_AUTH_TARGET Target, BG_AUTH_SCHEME Scheme);
} IBackgroundCopyJob2Vtbl;
struct IBackgroundCopyJob2 {
        const IBackgroundCopyJob2Vtbl *lpVtbl;
};
#ifdef COBJMACROS
#define IBackgroundCopyJob2_QueryInterface(This, riid, ppvObject)                                  \
        ((This)->lpVtbl->QueryInterface(This, riid, ppvObject))
#define IBackgroundCopyJob2_AddRef(This) ((This)->lpVtbl->AddRef(This))
#define IBackgroundCopyJob2_Release(This) ((This)->lpVtbl->Release(This))
#define IBackgroundCopyJob2_AddFileSet(This, cFileCount, pFileSet)                                 \
        ((This)->lpVtbl->AddFileSet(This, cFileCount, pFileSet))
#define IBackgroundCopyJob2_AddFile(This, RemoteUrl, LocalName)                                    \
        ((This)->lpVtbl->AddFile(This, RemoteUrl, LocalName))
#define IBackgroundCopyJob2_EnumFiles(This, pEnum) ((This)->lpVtbl->EnumFiles(This, pEnum))
#define IBackgroundCopyJob2_Suspend(This) ((This)->lpVtbl->Suspend(This))
#define IBackgroundCopyJob2_Resume(This) ((This)->lpVtbl->Resume(This))
#define IBackgroundCopyJob2_Cancel(This) ((This)->lpVtbl->Cancel(This))
#define IBackgroundCopyJob2_Complete(This) ((This)->lpVtbl->Complete(This))
#define IBackgroundCopyJob2_GetId(This, pVal) ((This)->lpVtbl->GetId(This, pVal))
#define IBackgroundCopyJob2_GetType(This, pVal) ((This)->lpVtbl->GetType(This, pVal))
#define IBackgroundCopyJob2_GetProgress(This, pVal) ((This)->lpVtbl->GetProgress(This, pVal))
#define IBackgroundCopyJob2_GetTimes(This, pVal) ((This)->lpVtbl->GetTimes(This, pVal))
#define IBackgroundCopyJob2_GetState(This, pVal) ((This)->lpVtbl->GetState(This, pVal))
#define IBackgroundCopyJob2_GetError(This, ppError) ((This)->lpVtbl->GetError(This, ppError))
#define IBackgroundCopyJob2_GetOwner(This, pVal) ((This)->lpVtbl->GetOwner(This, pVal))
#define IBackgroundCopyJob2_SetDisplayName(This, Val) ((This)->lpVtbl->SetDisplayName(This, Val))
#define IBackgroundCopyJob2_GetDisplayName(This, pVal) ((This)->lpVtbl->GetDisplayName(This, pVal))
#define IBackgroundCopyJob2_SetDescription(This, Val) ((This)->lpVtbl->SetDescription(This, Val))
#define IBackgroundCopyJob2_GetDescription(This, pVal) ((This)->lpVtbl->GetDescription(This, pVal))
#define IBackgroundCopyJob2_SetPriority(This, Val) ((This)->lpVtbl->SetPriority(This, Val))
#define IBackgroundCopyJob2_GetPriority(This, pVal) ((This)->lpVtbl->GetPriority(This, pVal))
#define IBackgroundCopyJob2_SetNotifyFlags(This, Val) ((This)->lpVtbl->SetNotifyFlags(This, Val))
#define IBackgroundCopyJob2_GetNotifyFlags(This, pVal) ((This)->lpVtbl->GetNotifyFlags(This, pVal))
#define IBackgroundCopyJob2_SetNotifyInterface(This, Val)                                          \
        ((This)->lpVtbl->SetNotifyInterface(This, Val))
#define IBackgroundCopyJob2_GetNotifyInterface(This, pVal)                                         \
        ((This)->lpVtbl->GetNotifyInterface(This, pVal))
#define IBackgroundCopyJob2_SetMinimumRetryDelay(This, Seconds)                                    \
        ((This)->lpVtbl->SetMinimumRetryDelay(This, Seconds))
#define IBackgroundCopyJob2_GetMinimumRetryDelay(This, Seconds)                                    \
        ((This)->lpVtbl->GetMinimumRetryDelay(This, Seconds))
#define IBackgroundCopyJob2_SetNoProgressTimeout(This, Seconds)                                    \
        ((This)->lpVtbl->SetNoProgressTimeout(This, Seconds))
#define IBackgroundCopyJob2_GetNoProgressTimeout(This, Seconds)                                    \
        ((This)->lpVtbl->GetNoProgressTimeout(This, Seconds))
#define IBackgroundCopyJob2_GetErrorCount(This, Errors)                                            \
        ((This)->lpVtbl->GetErrorCount(This, Errors))
#define IBackgroundCopyJob2_SetProxySettings(This, ProxyUsage, ProxyList, ProxyBypassList)         \
        ((This)->lpVtbl->SetProxySettings(This, ProxyUsage, ProxyList, ProxyBypassList))
#define IBackgroundCopyJob2_GetProxySettings(This, pProxyUsage, pProxyList, pProxyBypassList)      \
        ((This)->lpVtbl->GetProxySettings(This, pProxyUsage, pProxyList, pProxyBypassList))
#define IBackgroundCopyJob2_TakeOwnership(This) ((This)->lpVtbl->TakeOwnership(This))
#define IBackgroundCopyJob2_SetNotifyCmdLine(This, Program, Parameters)                            \
        ((This)->lpVtbl->SetNotifyCmdLine(This, Program, Parameters))
#define IBackgroundCopyJob2_GetNotifyCmdLine(This, pProgram, pParameters)                          \
        ((This)->lpVtbl->GetNotifyCmdLine(This, pProgram, pParameters))
#define IBackgroundCopyJob2_GetReplyProgress(This, pProgress)                                      \
        ((This)->lpVtbl->GetReplyProgress(This, pProgress))
#define IBackgroundCopyJob2_GetReplyData(This, ppBuffer, pLength)                                  \
        ((This)->lpVtbl->GetReplyData(This, ppBuffer, pLength))
#define IBackgroundCopyJob2_SetReplyFileName(This, ReplyFileName)                                  \
        ((This)->lpVtbl->SetReplyFileName(This, ReplyFileName))
#define IBackgroundCopyJob2_GetReplyFileName(This, pReplyFileName)                                 \
        ((This)->lpVtbl->GetReplyFileName(This, pReplyFileName))
#define IBackgroundCopyJob2_SetCredentials(This, credentials)                                      \
        ((This)->lpVtbl->SetCredentials(This, credentials))
#define IBackgroundCopyJob2_RemoveCredentials(This, Target, Scheme)                                \
        ((This)->lpVtbl->RemoveCredentials(This, Target, Scheme))
#endif /* COBJMACROS */
#endif
#endif /* __IBackgroundCopyJob2_INTERFACE_DEFINED__ */

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

DEFINE_GUID(LIBID_BackgroundCopyManager1_5, 0xea9319ea, 0xc628, 0x480f, 0x83, 0x31, 0x76, 0x8f,
            0xac, 0x39, 0x7e, 0x4e);

#endif /* BITS_BITS1_5_H */
