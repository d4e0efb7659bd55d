/* SPDX-License-Identifier: Apache-2.0 */
/* SetCredentials and RemoveCredentials. What a user says of his secrets is on disk before he is
 * answered: a removed one does not come back with the power. Clear text is only passed on to the
 * vault. */
#include "base/hresult.h"
#include "engine/job_credential.h"
#include "engine/manager_state.h"

/* Not even an administrator speaks for somebody else here. */
static HRESULT open_own_job(Manager *m, const Caller *caller, const GUID *id, Job **ret)
{
        const Job *job = queue_find(&m->queue, id);

        if (!job)
                return BG_E_NOT_FOUND;
        if (job->owner_uid != caller->uid)
                return E_ACCESSDENIED;
        return manager_open_job(m, caller, id, JOB_EVENT_SET_PROPERTY, ret);
}

/* Stores the job with the credentials of the view, and gives them to it. */
static HRESULT commit(Manager *m, Job *job, const Job *changed)
{
        const JobRow *row = job_state_row(job->status.state, JOB_EVENT_SET_PROPERTY);
        Job view;
        int r;

        (void) manager_step_view(m, job, row, NULL, S_OK, &view);
        view.credentials = changed->credentials;
        view.credentials_len = changed->credentials_len;
        r = manager_save(m, job, &view, true);
        if (r < 0) {
                job_credentials_undo(job, &view);
                return hresult_from_errno(r);
        }
        queue_keep_credentials(job, &view);
        manager_touch(m, job);
        manager_step_apply(m, job, row, &view.status);
        return S_OK;
}

static bool fits(const Manager *m, const Job *job, const JobCredential *new)
{
        const JobCredential *old = job_credential_find(job, new->target, new->scheme);
        uint64_t others = job->run->owner->sealed_bytes - (old ? old->sealed_bytes : 0);

        /* The bound may have been lowered: what takes no more than before is never refused. */
        if (old && new->sealed_bytes <= old->sealed_bytes)
                return true;
        return others + new->sealed_bytes <= m->policy.sealed_bytes_per_user;
}

static HRESULT put(Manager *m, Job *job, const JobCredential *take)
{
        Job view = *job;
        HRESULT hr = S_OK;

        if (!fits(m, job, take))
                hr = HRESULT_FROM_WIN32(ERROR_NOT_ENOUGH_QUOTA);
        else if (job_credentials_with(job, take, &view) < 0)
                hr = E_OUTOFMEMORY;
        if (FAILED(hr)) {
                mem_free(take->sealed);
                return hr;
        }
        return commit(m, job, &view);
}

/* Anything but 0 of the vault. */
static HRESULT from_vault(int r)
{
        return r < 0 ? hresult_from_errno(r) : HRESULT_FROM_WIN32(ERROR_GEN_FAILURE);
}

HRESULT manager_set_credentials(Manager *m, const Caller *caller, const GUID *id, uint32_t target,
                                uint32_t scheme, const char *user, const char *password)
{
        const VaultPort *vault = &m->ports.vault;
        VaultSlot slot = {.job = *id, .target = target, .scheme = scheme};
        JobCredential new = {.target = target, .scheme = scheme, .implicit = !user};
        Job *job;
        HRESULT hr = job_credential_check_slot(target, scheme);
        int r;

        if (SUCCEEDED(hr))
                hr = job_credential_check(scheme, user, password);
        if (SUCCEEDED(hr))
                hr = open_own_job(m, caller, id, &job);
        if (FAILED(hr))
                return hr;
        if (!vault->seal)
                return E_NOTIMPL;
        r = vault->seal(vault->ctx, &slot, user, password, &new.sealed, &new.sealed_bytes);
        return r == 0 ? put(m, job, &new) : from_vault(r);
}

HRESULT manager_remove_credentials(Manager *m, const Caller *caller, const GUID *id,
                                   uint32_t target, uint32_t scheme)
{
        Job *job;
        Job view;
        HRESULT hr = job_credential_check_slot(target, scheme);

        if (SUCCEEDED(hr))
                hr = open_own_job(m, caller, id, &job);
        if (FAILED(hr))
                return hr;
        if (!job_credential_find(job, target, scheme))
                return S_FALSE;
        view = *job;
        if (job_credentials_without(job, target, scheme, &view) < 0)
                return E_OUTOFMEMORY;
        return commit(m, job, &view);
}

void manager_forget_credentials(Manager *m, Job *job)
{
        if (job->credentials_len == 0)
                return;
        queue_keep_credentials(job, &(Job){0});
        job->run->credentials_dirty = true;
        manager_mark_dirty(m, job);
}
