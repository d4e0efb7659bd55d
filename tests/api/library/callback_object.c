/* SPDX-License-Identifier: Apache-2.0 */
#include "callback_object.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

static CallbackObject *object_of(IBackgroundCopyCallback *This)
{
        return (CallbackObject *) This;
}

static ULONG add_refs(IBackgroundCopyCallback *This, int delta)
{
        CallbackObject *c = object_of(This);
        ULONG refs;

        (void) pthread_mutex_lock(&c->lock);
        refs = c->refs = (unsigned) ((int) c->refs + delta);
        (void) pthread_cond_broadcast(&c->changed);
        (void) pthread_mutex_unlock(&c->lock);
        return refs;
}

static HRESULT query(IBackgroundCopyCallback *This, REFIID riid, void **ppv)
{
        *ppv = NULL;
        if (!IsEqualIID(riid, &IID_IUnknown) && !IsEqualIID(riid, &IID_IBackgroundCopyCallback))
                return E_NOINTERFACE;
        (void) add_refs(This, 1);
        *ppv = This;
        return S_OK;
}

static ULONG add_ref(IBackgroundCopyCallback *This)
{
        return add_refs(This, 1);
}

static ULONG release(IBackgroundCopyCallback *This)
{
        return add_refs(This, -1);
}

static HRESULT act(CallbackObject *c, unsigned *counter, IBackgroundCopyJob *job,
                   IBackgroundCopyError *error)
{
        HRESULT hr = S_OK;
        CallbackAction *action;

        (void) pthread_mutex_lock(&c->lock);
        ++*counter;
        c->thread = pthread_self();
        action = c->action;
        (void) pthread_cond_broadcast(&c->changed);
        (void) pthread_mutex_unlock(&c->lock);
        if (action)
                hr = action(c, job, error, c->ctx);
        (void) pthread_mutex_lock(&c->lock);
        c->finished++;
        (void) pthread_cond_broadcast(&c->changed);
        (void) pthread_mutex_unlock(&c->lock);
        return hr;
}

static HRESULT job_transferred(IBackgroundCopyCallback *This, IBackgroundCopyJob *pJob)
{
        return act(object_of(This), &object_of(This)->transferred, pJob, NULL);
}

static HRESULT job_error(IBackgroundCopyCallback *This, IBackgroundCopyJob *pJob,
                         IBackgroundCopyError *pError)
{
        return act(object_of(This), &object_of(This)->errors, pJob, pError);
}

static HRESULT job_modification(IBackgroundCopyCallback *This, IBackgroundCopyJob *pJob,
                                DWORD dwReserved)
{
        return act(object_of(This), &object_of(This)->modifications, pJob, NULL);
}

static const IBackgroundCopyCallbackVtbl callback_vtbl = {
        query, add_ref, release, job_transferred, job_error, job_modification,
};

void callback_object_init(CallbackObject *c, CallbackAction *action, void *ctx)
{
        pthread_condattr_t attr;

        memset(c, 0, sizeof(*c));
        c->iface.lpVtbl = &callback_vtbl;
        c->refs = 1;
        c->action = action;
        c->ctx = ctx;
        (void) pthread_mutex_init(&c->lock, NULL);
        (void) pthread_condattr_init(&attr);
        (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void) pthread_cond_init(&c->changed, &attr);
        (void) pthread_condattr_destroy(&attr);
}

unsigned callback_object_refs(CallbackObject *c)
{
        unsigned refs;

        (void) pthread_mutex_lock(&c->lock);
        refs = c->refs;
        (void) pthread_mutex_unlock(&c->lock);
        return refs;
}

static unsigned count_begun(const CallbackObject *c)
{
        return c->transferred + c->errors + c->modifications;
}

static unsigned count_finished(const CallbackObject *c)
{
        return c->finished;
}

static unsigned count_refs(const CallbackObject *c)
{
        return c->refs;
}

static bool wait_until(CallbackObject *c, unsigned (*count)(const CallbackObject *), unsigned n)
{
        struct timespec deadline;
        bool good;

        (void) clock_gettime(CLOCK_MONOTONIC, &deadline);
        deadline.tv_sec += 20;
        (void) pthread_mutex_lock(&c->lock);
        while (!(good = count(c) == n) &&
               pthread_cond_timedwait(&c->changed, &c->lock, &deadline) != ETIMEDOUT)
                ;
        (void) pthread_mutex_unlock(&c->lock);
        return good;
}

bool callback_object_wait_begun(CallbackObject *c, unsigned n)
{
        return wait_until(c, count_begun, n);
}

bool callback_object_wait_finished(CallbackObject *c, unsigned n)
{
        return wait_until(c, count_finished, n);
}

bool callback_object_wait_refs(CallbackObject *c, unsigned n)
{
        return wait_until(c, count_refs, n);
}

void callback_object_done(CallbackObject *c)
{
        assert_true(callback_object_wait_refs(c, 1));
        (void) pthread_cond_destroy(&c->changed);
        (void) pthread_mutex_destroy(&c->lock);
}
