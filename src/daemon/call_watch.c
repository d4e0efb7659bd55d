/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that make a connection one for events. */
#include "daemon/call.h"
#include "daemon/watch.h"

HRESULT call_watch(Call *call)
{
        const Job *job;
        int one;
        HRESULT hr = call_read(call, "b", &one);

        if (FAILED(hr))
                return hr;
        if (!one) {
                watch_add(call->service->watch, call->client, NULL);
                return S_OK;
        }
        hr = call_read_id(call);
        if (SUCCEEDED(hr))
                hr = manager_read_job(call->service->manager, &call->caller, &call->job, &job);
        if (SUCCEEDED(hr))
                watch_add(call->service->watch, call->client, &call->job);
        return hr;
}

HRESULT call_set_notify_client(Call *call)
{
        int on;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "b", &on);
        if (FAILED(hr))
                return hr;
        return manager_set_notify_client(call->service->manager, &call->caller, &call->job,
                                         on != 0);
}
