/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that nobody may succeed with: wrong arguments, and somebody else's job. They have to be
 * refused with the published code, whatever the job does at that moment, and they must change
 * nothing. */
#include <string.h>

#include "base/cleanup.h"
#include "sim.h"

enum { UNITS_LONG = 33000 };

typedef struct Wrong { /* what it is called with */
        Sim *sim;
        const Caller *caller;
        const GUID *id;
        char *text; /* very long */
} Wrong;

static HRESULT long_name(const Wrong *w)
{
        return manager_set_name(w->sim->rig.m, w->caller, w->id, w->text);
}

static HRESULT long_description(const Wrong *w)
{
        return manager_set_description(w->sim->rig.m, w->caller, w->id, w->text);
}

static HRESULT no_priority(const Wrong *w)
{
        return manager_set_priority(w->sim->rig.m, w->caller, w->id, 4);
}

static HRESULT no_flags(const Wrong *w)
{
        return manager_set_notify_flags(w->sim->rig.m, w->caller, w->id, 0x40);
}

static HRESULT no_proxy(const Wrong *w)
{
        return manager_set_proxy(w->sim->rig.m, w->caller, w->id, BG_JOB_PROXY_USAGE_OVERRIDE, NULL,
                                 NULL);
}

static HRESULT long_proxy(const Wrong *w)
{
        return manager_set_proxy(w->sim->rig.m, w->caller, w->id, BG_JOB_PROXY_USAGE_OVERRIDE,
                                 w->text, NULL);
}

static HRESULT long_bypass(const Wrong *w)
{
        return manager_set_proxy(w->sim->rig.m, w->caller, w->id, BG_JOB_PROXY_USAGE_OVERRIDE,
                                 "proxy:3128", w->text);
}

static HRESULT bad_remote(const Wrong *w)
{
        FileSpec spec = {"ftp://host/file", "/home/u/file"};

        return manager_add_files(w->sim->rig.m, w->caller, w->id, &spec, 1);
}

static HRESULT bad_local(const Wrong *w)
{
        FileSpec spec = {"http://host/file", "relative"};

        return manager_add_files(w->sim->rig.m, w->caller, w->id, &spec, 1);
}

static HRESULT long_user(const Wrong *w)
{
        w->text[VAULT_USER_UNITS_MAX + 1] = '\0';
        return manager_set_credentials(w->sim->rig.m, w->caller, w->id, BG_AUTH_TARGET_SERVER,
                                       BG_AUTH_SCHEME_BASIC, w->text, "x");
}

static HRESULT long_password(const Wrong *w)
{
        _cleanup_free_ char *text = mem_alloc(VAULT_PASSWORD_UNITS_MAX + 2);
        HRESULT hr = BG_E_PASSWORD_TOO_LARGE;

        if (!text)
                return hr;
        memset(text, 'x', VAULT_PASSWORD_UNITS_MAX + 1);
        text[VAULT_PASSWORD_UNITS_MAX + 1] = '\0';
        return manager_set_credentials(w->sim->rig.m, w->caller, w->id, BG_AUTH_TARGET_SERVER,
                                       BG_AUTH_SCHEME_BASIC, "somebody", text);
}

/* Both would end up in one file. */
static HRESULT one_name_twice(const Wrong *w)
{
        FileSpec specs[] = {{"http://host/a", "/home/u/once"},
                            {"http://host/b", "/home//u/./once"}};

        return manager_add_files(w->sim->rig.m, w->caller, w->id, specs, ARRAY_LEN(specs));
}

static HRESULT no_job(const Wrong *w)
{
        GUID id = *w->id;

        id.Data1 ^= 0xffffffff;
        return manager_suspend(w->sim->rig.m, w->caller, &id);
}

static HRESULT no_type(const Wrong *w)
{
        GUID id;

        return manager_create_job(w->sim->rig.m, w->caller, "simulated", (BG_JOB_TYPE) 3, &id);
}

static HRESULT long_new_name(const Wrong *w)
{
        GUID id;

        return manager_create_job(w->sim->rig.m, w->caller, w->text, BG_JOB_TYPE_DOWNLOAD, &id);
}

/* `owner_first`: a stranger, or an ended job, is refused for that instead. */
typedef struct WrongCall {
        HRESULT (*call)(const Wrong *w);
        HRESULT want; /* S_OK: any failure */
        bool owner_first;
} WrongCall;

static const WrongCall CALLS[] = {
        {long_name, BG_E_STRING_TOO_LONG, false},
        {long_description, BG_E_STRING_TOO_LONG, false},
        {no_priority, E_NOTIMPL, false},
        {no_flags, E_NOTIMPL, false},
        {no_proxy, E_INVALIDARG, false},
        {long_proxy, BG_E_PROXY_LIST_TOO_LARGE, false},
        {long_bypass, BG_E_PROXY_BYPASS_LIST_TOO_LARGE, false},
        {bad_remote, E_INVALIDARG, true},
        {bad_local, E_INVALIDARG, true},
        {long_user, BG_E_USERNAME_TOO_LARGE, false},
        {long_password, BG_E_PASSWORD_TOO_LARGE, false},
        {one_name_twice, S_OK, true},
        {no_job, BG_E_NOT_FOUND, false},
        {no_type, E_NOTIMPL, false},
        {long_new_name, E_INVALIDARG, false},
};

static uint32_t count_jobs(Sim *sim)
{
        ManagerCounts counts;

        manager_counts(sim->rig.m, &counts);
        return counts.jobs;
}

static void call_beyond_limits(Sim *sim, SimJob *j, const Caller *caller)
{
        Policy small = sim->rig.policy;
        _cleanup_free_ char *local =
                mem_printf("/home/u/%u-%u too many", (unsigned) (j - sim->jobs), j->files);
        FileSpec spec = {"http://host/file", local};
        HRESULT first = sim_common_refusal(sim, j, caller);
        HRESULT hr;
        GUID id;

        small.max_files_per_job = j->files;
        small.max_jobs_per_user = small.max_jobs_per_machine = 0;
        if (sim_chance(sim, 500))
                small.max_jobs_per_machine = UINT32_MAX;
        manager_set_policy(sim->rig.m, &small);
        if (sim_chance(sim, 500)) {
                hr = manager_add_files(sim->rig.m, caller, &j->id, &spec, 1);
                if (first != S_OK || caller->is_admin || j->type != BG_JOB_TYPE_DOWNLOAD)
                        sim_cover_answer(sim->cover, hr); /* limits are not for administrators */
                else
                        sim_expect(sim, hr, BG_E_TOO_MANY_FILES_IN_JOB, "one file too many");
                if (hr == S_OK)
                        j->files++;
        } else if (!caller->is_admin) {
                hr = manager_create_job(sim->rig.m, caller, "simulated", BG_JOB_TYPE_DOWNLOAD, &id);
                sim_expect(sim, hr,
                           small.max_jobs_per_machine == 0 ? BG_E_TOO_MANY_JOBS_PER_MACHINE
                                                           : BG_E_TOO_MANY_JOBS_PER_USER,
                           "one job too many");
        }
        manager_set_policy(sim->rig.m, &sim->rig.policy);
}

void sim_call_wrongly(Sim *sim, SimJob *j, const Caller *caller)
{
        const WrongCall *wrong = &CALLS[sim_below(sim, ARRAY_LEN(CALLS))];
        HRESULT first = sim_common_refusal(sim, j, caller);
        _cleanup_free_ char *text = mem_alloc(UNITS_LONG + 1);
        Wrong w = {.sim = sim, .caller = caller, .id = &j->id, .text = text};
        uint32_t jobs = count_jobs(sim);
        HRESULT hr;

        if (!text)
                return;
        if (sim_chance(sim, 200)) {
                call_beyond_limits(sim, j, caller);
                return;
        }
        memset(text, 'x', UNITS_LONG);
        text[UNITS_LONG] = '\0';
        hr = wrong->call(&w);
        if (first != BG_E_NOT_FOUND && (first == S_OK || !wrong->owner_first) &&
            wrong->want != S_OK)
                sim_expect(sim, hr, wrong->want, "a wrong call was not refused as it should be");
        else
                sim_cover_answer(sim->cover, hr);
        if (!sim->crashed && SUCCEEDED(hr))
                sim_break(sim, "a wrong call succeeded");
        if (!sim->crashed && count_jobs(sim) != jobs)
                sim_break(sim, "a refused call changed something");
}
