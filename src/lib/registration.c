/* SPDX-License-Identifier: Apache-2.0 */
#include "registration.h"

#include <stdatomic.h>

#include "com_job.h"
#include "com_session.h"
#include "ipc/protocol.h"

struct Registration {
        atomic_uint refs;
        ComSession *session;
        GUID job;
        IBackgroundCopyCallback *callback;
        uint64_t connection; /* under the hub's lock */
};

Registration *registration_new(struct ComSession *session, const GUID *job,
                               IBackgroundCopyCallback *callback)
{
        Registration *r = mem_new(Registration);

        if (!r)
                return NULL;
        atomic_init(&r->refs, 1);
        r->connection = 0;
        r->session = com_session_ref(session);
        r->job = *job;
        (void) callback->lpVtbl->AddRef(callback);
        r->callback = callback;
        return r;
}

Registration *registration_ref(Registration *r)
{
        (void) atomic_fetch_add(&r->refs, 1);
        return r;
}

Registration *registration_unref(Registration *r)
{
        if (r && atomic_fetch_sub(&r->refs, 1) == 1) {
                (void) r->callback->lpVtbl->Release(r->callback);
                (void) com_session_unref(r->session);
                mem_free(r);
        }
        return NULL;
}

const GUID *registration_job(const Registration *r)
{
        return &r->job;
}

uint64_t registration_connection(const Registration *r)
{
        return r->connection;
}

void registration_set_connection(Registration *r, uint64_t connection)
{
        r->connection = connection;
}

IUnknown *registration_interface(Registration *r)
{
        (void) r->callback->lpVtbl->AddRef(r->callback);
        return (IUnknown *) r->callback;
}

static HRESULT deliver_error(Registration *r, IBackgroundCopyJob *job)
{
        IBackgroundCopyError *error = NULL;
        HRESULT hr;

        hr = job->lpVtbl->GetError(job, &error);
        if (hr == BG_E_ERROR_INFORMATION_UNAVAILABLE)
                return S_OK; /* the job has moved on, there is nothing to tell any more */
        if (FAILED(hr))
                return hr;
        hr = r->callback->lpVtbl->JobError(r->callback, job, error);
        (void) error->lpVtbl->Release(error);
        return hr;
}

HRESULT registration_deliver(Registration *r, uint32_t kind)
{
        IBackgroundCopyJob *job;
        HRESULT hr;

        hr = com_job_new(r->session, &r->job, &job);
        if (FAILED(hr))
                return hr;
        switch (kind) {
        case IPC_NOTIFY_TRANSFERRED:
                hr = r->callback->lpVtbl->JobTransferred(r->callback, job);
                break;
        case IPC_NOTIFY_ERROR:
                hr = deliver_error(r, job);
                break;
        case IPC_NOTIFY_MODIFICATION:
                hr = r->callback->lpVtbl->JobModification(r->callback, job, 0);
                break;
        default:
                hr = E_NOTIMPL;
                break;
        }
        (void) job->lpVtbl->Release(job);
        return hr;
}
