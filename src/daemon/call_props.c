/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that set one property of a job. */
#include "daemon/audit.h"
#include "daemon/call.h"

typedef HRESULT (*SetNumber)(Manager *m, const Caller *caller, const GUID *id, uint32_t v);
typedef HRESULT (*SetText)(Manager *m, const Caller *caller, const GUID *id, const char *v);

static HRESULT set_number(Call *call, SetNumber set)
{
        uint32_t value;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "u", &value);
        if (FAILED(hr))
                return hr;
        return set(call->service->manager, &call->caller, &call->job, value);
}

static HRESULT set_text(Call *call, SetText set, const char *what, int max_chars)
{
        const char *value;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "s", &value);
        if (FAILED(hr))
                return hr;
        hr = set(call->service->manager, &call->caller, &call->job, value);
        if (hr == BG_E_STRING_TOO_LONG)
                call_explain(call, "a %s has %d characters at most", what, max_chars);
        return hr;
}

HRESULT call_set_name(Call *call)
{
        return set_text(call, manager_set_name, "name", LIMIT_NAME_UNITS);
}

HRESULT call_set_description(Call *call)
{
        return set_text(call, manager_set_description, "description", LIMIT_DESCRIPTION_UNITS);
}

HRESULT call_set_priority(Call *call)
{
        return set_number(call, manager_set_priority);
}

HRESULT call_set_notify_flags(Call *call)
{
        return set_number(call, manager_set_notify_flags);
}

HRESULT call_set_retry_delay(Call *call)
{
        return set_number(call, manager_set_retry_delay);
}

HRESULT call_set_no_progress_timeout(Call *call)
{
        return set_number(call, manager_set_no_progress_timeout);
}

HRESULT call_set_files_in_flight(Call *call)
{
        return set_number(call, manager_set_files_in_flight);
}

HRESULT call_set_limit_rate(Call *call)
{
        uint64_t bps;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "t", &bps);
        if (FAILED(hr))
                return hr;
        hr = manager_set_limit_rate(call->service->manager, &call->caller, &call->job, bps);
        if (hr == E_INVALIDARG)
                call_explain(call, "a limit is at least %d bytes per second", LIMIT_RATE_BPS_MIN);
        return hr;
}

HRESULT call_set_auto_complete(Call *call)
{
        int on;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "b", &on);
        if (FAILED(hr))
                return hr;
        return manager_set_auto_complete(call->service->manager, &call->caller, &call->job,
                                         on != 0);
}

HRESULT call_set_proxy(Call *call)
{
        const char *list, *bypass;
        int has_list, has_bypass;
        uint32_t usage;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "ubsbs", &usage, &has_list, &list, &has_bypass, &bypass);
        if (FAILED(hr))
                return hr;
        hr = manager_set_proxy(call->service->manager, &call->caller, &call->job, usage,
                               has_list ? list : NULL, has_bypass ? bypass : NULL);
        if (hr == E_NOTIMPL && usage == BG_JOB_PROXY_USAGE_AUTODETECT)
                call_explain(call,
                             "proxies are not detected by this version; name one, or leave it "
                             "to the system's settings");
        return hr;
}

HRESULT call_set_notify_cmd_line(Call *call)
{
        const char *program, *parameters;
        int has_program, has_parameters;
        HRESULT hr = call_read_id(call);

        if (SUCCEEDED(hr))
                hr = call_read(call, "bsbs", &has_program, &program, &has_parameters, &parameters);
        if (FAILED(hr))
                return hr;
        hr = manager_set_notify_cmd_line(call->service->manager, &call->caller, &call->job,
                                         has_program ? program : NULL,
                                         has_parameters ? parameters : NULL);
        if (hr == E_INVALIDARG && !(has_program && *program))
                call_explain(call, "there are parameters, but no program");
        else if (hr == BG_E_STRING_TOO_LONG)
                call_explain(call,
                             "a program has %d characters at most, its parameters %d; let a script "
                             "hold what is longer",
                             LIMIT_PROGRAM_UNITS, LIMIT_PARAMETERS_UNITS);
        else if (hr == BG_E_BLOCKED_BY_POLICY)
                call_explain(call, "the configuration forbids programs (AllowPrograms)");
        else if (SUCCEEDED(hr) && has_program && *program)
                audit_job(call, "its program was set: %s", program);
        else if (SUCCEEDED(hr))
                audit_job(call, "its program was removed");
        return hr;
}
