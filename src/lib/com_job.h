/* SPDX-License-Identifier: Apache-2.0 */
/* The job object: IBackgroundCopyJob and IBackgroundCopyJob2. It holds the job's id and nothing of
 * its state, so it survives restarts of the service, and what it reads is current. One exception:
 * once a final state has been read, that reading is kept, for the time when the service has
 * forgotten the job. */
#pragma once

#include <pthread.h>

#include "base/attr.h"
#include "base/cleanup.h"
#include "bits.h"
#include "bits_native.h"
#include "com_object.h"
#include "com_session.h"

typedef struct ComJob {
        ComObject object;
        ComSession *session;
        GUID id;
        pthread_mutex_t lock;
        uint8_t *final_record; /* the packed job; NULL while it is not known to have ended */
        size_t final_bytes;
} ComJob;

DEFINE_CLEANUP(bits_job_info *, bits_job_info_free)

/* Whether the job exists is not looked at. */
_must_use_ HRESULT com_job_new(ComSession *session, const GUID *id, IBackgroundCopyJob **ret);

/* From the pointer that the program has. */
static inline ComJob *com_job(IBackgroundCopyJob2 *This)
{
        return (ComJob *) This;
}

static inline bits_client *com_job_client(IBackgroundCopyJob2 *This)
{
        return com_session_client(com_job(This)->session);
}

/* The job as it is now; the caller frees it. */
_must_use_ HRESULT com_job_read(IBackgroundCopyJob2 *This, bits_job_info **ret);
/* The job has ended through us: its callback goes. */
void com_job_ended(IBackgroundCopyJob2 *This);

/* Methods of the table, by file. com_job_property.c: */
HRESULT com_job_get_id(IBackgroundCopyJob2 *This, GUID *pVal);
HRESULT com_job_get_type(IBackgroundCopyJob2 *This, BG_JOB_TYPE *pVal);
HRESULT com_job_get_progress(IBackgroundCopyJob2 *This, BG_JOB_PROGRESS *pVal);
HRESULT com_job_get_times(IBackgroundCopyJob2 *This, BG_JOB_TIMES *pVal);
HRESULT com_job_get_state(IBackgroundCopyJob2 *This, BG_JOB_STATE *pVal);
HRESULT com_job_get_owner(IBackgroundCopyJob2 *This, LPWSTR *pVal);
HRESULT com_job_set_display_name(IBackgroundCopyJob2 *This, LPCWSTR Val);
HRESULT com_job_get_display_name(IBackgroundCopyJob2 *This, LPWSTR *pVal);
HRESULT com_job_set_description(IBackgroundCopyJob2 *This, LPCWSTR Val);
HRESULT com_job_get_description(IBackgroundCopyJob2 *This, LPWSTR *pVal);
HRESULT com_job_set_priority(IBackgroundCopyJob2 *This, BG_JOB_PRIORITY Val);
HRESULT com_job_get_priority(IBackgroundCopyJob2 *This, BG_JOB_PRIORITY *pVal);
HRESULT com_job_set_notify_flags(IBackgroundCopyJob2 *This, ULONG Val);
HRESULT com_job_get_notify_flags(IBackgroundCopyJob2 *This, ULONG *pVal);
HRESULT com_job_set_minimum_retry_delay(IBackgroundCopyJob2 *This, ULONG Seconds);
HRESULT com_job_get_minimum_retry_delay(IBackgroundCopyJob2 *This, ULONG *Seconds);
HRESULT com_job_set_no_progress_timeout(IBackgroundCopyJob2 *This, ULONG Seconds);
HRESULT com_job_get_no_progress_timeout(IBackgroundCopyJob2 *This, ULONG *Seconds);
HRESULT com_job_get_error_count(IBackgroundCopyJob2 *This, ULONG *Errors);
HRESULT com_job_set_proxy_settings(IBackgroundCopyJob2 *This, BG_JOB_PROXY_USAGE ProxyUsage,
                                   const WCHAR *ProxyList, const WCHAR *ProxyBypassList);
HRESULT com_job_get_proxy_settings(IBackgroundCopyJob2 *This, BG_JOB_PROXY_USAGE *pProxyUsage,
                                   LPWSTR *pProxyList, LPWSTR *pProxyBypassList);

/* com_job2.c: */
HRESULT com_job_set_notify_cmd_line(IBackgroundCopyJob2 *This, LPCWSTR Program, LPCWSTR Parameters);
HRESULT com_job_get_notify_cmd_line(IBackgroundCopyJob2 *This, LPWSTR *pProgram,
                                    LPWSTR *pParameters);
HRESULT com_job_get_reply_progress(IBackgroundCopyJob2 *This, BG_JOB_REPLY_PROGRESS *pProgress);
HRESULT com_job_get_reply_data(IBackgroundCopyJob2 *This, BYTE **ppBuffer, UINT64 *pLength);
HRESULT com_job_set_reply_file_name(IBackgroundCopyJob2 *This, LPCWSTR ReplyFileName);
HRESULT com_job_get_reply_file_name(IBackgroundCopyJob2 *This, LPWSTR *pReplyFileName);
HRESULT com_job_set_credentials(IBackgroundCopyJob2 *This, BG_AUTH_CREDENTIALS *credentials);
HRESULT com_job_remove_credentials(IBackgroundCopyJob2 *This, BG_AUTH_TARGET Target,
                                   BG_AUTH_SCHEME Scheme);
