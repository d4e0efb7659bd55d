/* SPDX-License-Identifier: Apache-2.0 */
/* Property calls. All have one shape: a copy of the properties is changed by the function of job.h
 * that knows the rules, stored, and put in the place of the old one. */
#include "base/hresult.h"
#include "engine/access.h"
#include "engine/job_file.h"
#include "engine/manager_state.h"

typedef struct Edit {
        Job *job;
        JobProps props; /* owned copy */
} Edit;

static void edit_done(Edit *e)
{
        job_props_done(&e->props);
}

static HRESULT edit_open(Manager *m, const GUID *id, Edit *e)
{
        e->job = queue_find(&m->queue, id);
        if (!e->job)
                return BG_E_NOT_FOUND;
        return job_props_copy(&e->job->props, &e->props) < 0 ? E_OUTOFMEMORY : S_OK;
}

static HRESULT edit_store(Manager *m, const Edit *e, const JobRow *row, JobStatus *ret_next)
{
        Job view;
        int r;

        (void) manager_step_view(m, e->job, row, NULL, S_OK, &view);
        view.props = e->props;
        r = manager_save(m, e->job, &view, false);
        if (r < 0)
                return hresult_from_errno(r);
        *ret_next = view.status;
        return S_OK;
}

/* How its transfers are paced was told when they began. */
static HRESULT follow_pace(Manager *m, Job *job, const JobProps *old)
{
        const JobProps *props = &job->props;
        bool was_foreground = old->priority == BG_JOB_PRIORITY_FOREGROUND;

        if (was_foreground != job_is_foreground(job))
                return job->run->place == JOB_PLACE_ACTIVE
                               ? manager_step(m, job, JOB_EVENT_PREEMPT, NULL)
                               : S_OK;
        if (old->priority != props->priority || old->limit_bps != props->limit_bps)
                manager_retune(m, job);
        return S_OK;
}

/* The new values were checked; now the caller and the state. */
static HRESULT edit_commit(Manager *m, const Caller *caller, Edit *e)
{
        JobProps old;
        JobStatus next;
        const JobRow *row;
        Job *job;
        HRESULT hr = manager_open_job(m, caller, &e->job->id, JOB_EVENT_SET_PROPERTY, &job);

        if (FAILED(hr))
                return hr;
        row = job_state_row(job->status.state, JOB_EVENT_SET_PROPERTY);
        hr = edit_store(m, e, row, &next);
        if (FAILED(hr))
                return hr;
        scheduler_change_level(&m->scheduler, job, e->props.priority);
        old = job->props;
        job->props = e->props;
        e->props = old;
        manager_touch(m, job);
        manager_step_apply(m, job, row, &next);
        return follow_pace(m, job, &e->props);
}

static HRESULT edit_text(Manager *m, const Caller *caller, const GUID *id,
                         HRESULT (*set)(JobProps *props, const char *text), const char *text)
{
        _cleanup_(edit_done) Edit e = {0};
        HRESULT hr = edit_open(m, id, &e);

        if (SUCCEEDED(hr))
                hr = set(&e.props, text);
        return SUCCEEDED(hr) ? edit_commit(m, caller, &e) : hr;
}

static HRESULT edit_number(Manager *m, const Caller *caller, const GUID *id,
                           HRESULT (*set)(JobProps *props, uint32_t n), uint32_t n)
{
        _cleanup_(edit_done) Edit e = {0};
        HRESULT hr = edit_open(m, id, &e);

        if (SUCCEEDED(hr))
                hr = set(&e.props, n);
        return SUCCEEDED(hr) ? edit_commit(m, caller, &e) : hr;
}

HRESULT manager_set_name(Manager *m, const Caller *caller, const GUID *id, const char *name)
{
        return edit_text(m, caller, id, job_set_name, name);
}

HRESULT manager_set_description(Manager *m, const Caller *caller, const GUID *id, const char *text)
{
        return edit_text(m, caller, id, job_set_description, text);
}

HRESULT manager_set_priority(Manager *m, const Caller *caller, const GUID *id, uint32_t priority)
{
        return edit_number(m, caller, id, job_set_priority, priority);
}

HRESULT manager_set_notify_flags(Manager *m, const Caller *caller, const GUID *id, uint32_t flags)
{
        return edit_number(m, caller, id, job_set_notify_flags, flags);
}

HRESULT manager_set_retry_delay(Manager *m, const Caller *caller, const GUID *id, uint32_t sec)
{
        return edit_number(m, caller, id, job_set_retry_delay, sec);
}

HRESULT manager_set_no_progress_timeout(Manager *m, const Caller *caller, const GUID *id,
                                        uint32_t sec)
{
        return edit_number(m, caller, id, job_set_no_progress, sec);
}

HRESULT manager_set_proxy(Manager *m, const Caller *caller, const GUID *id, uint32_t usage,
                          const char *list, const char *bypass)
{
        _cleanup_(edit_done) Edit e = {0};
        HRESULT hr = edit_open(m, id, &e);

        if (SUCCEEDED(hr))
                hr = job_set_proxy(&e.props, usage, list, bypass);
        return SUCCEEDED(hr) ? edit_commit(m, caller, &e) : hr;
}

HRESULT manager_set_auto_complete(Manager *m, const Caller *caller, const GUID *id, bool on)
{
        _cleanup_(edit_done) Edit e = {0};
        HRESULT hr = edit_open(m, id, &e);

        if (FAILED(hr))
                return hr;
        e.props.auto_complete = on;
        return edit_commit(m, caller, &e);
}

HRESULT manager_set_files_in_flight(Manager *m, const Caller *caller, const GUID *id, uint32_t n)
{
        return edit_number(m, caller, id, job_set_files_in_flight, n);
}

HRESULT manager_set_limit_rate(Manager *m, const Caller *caller, const GUID *id, uint64_t bps)
{
        _cleanup_(edit_done) Edit e = {0};
        HRESULT hr = edit_open(m, id, &e);

        if (SUCCEEDED(hr))
                hr = job_set_limit_rate(&e.props, bps);
        return SUCCEEDED(hr) ? edit_commit(m, caller, &e) : hr;
}

/* The runs of an earlier program are not this one's. */
static void forget_runs(Manager *m, Job *job)
{
        notify_plan_program_changed(job);
        job->status.program_result = 0;
        job->status.program_time_wall = 0;
        job->status.program_runs = 0;
        manager_mark_dirty(m, job);
}

HRESULT manager_set_notify_cmd_line(Manager *m, const Caller *caller, const GUID *id,
                                    const char *program, const char *parameters)
{
        _cleanup_(edit_done) Edit e = {0};
        HRESULT hr = edit_open(m, id, &e);

        if (SUCCEEDED(hr))
                hr = job_set_notify_cmd_line(&e.props, program, parameters, caller->uid);
        if (FAILED(hr))
                return hr;
        if (e.props.notify_program && !m->policy.allow_programs)
                return BG_E_BLOCKED_BY_POLICY;
        if (e.props.notify_program && caller->uid == 0 && !m->policy.allow_root_programs)
                return BG_E_BLOCKED_BY_POLICY;
        hr = edit_commit(m, caller, &e);
        if (SUCCEEDED(hr))
                forget_runs(m, e.job);
        return hr;
}

/* The new owner's transfers must be able to go on where the old one's stopped. */
static HRESULT check_new_owner(const Manager *m, const Job *job, uint32_t uid)
{
        const TransferPort *port = &m->ports.transfer;

        if (job_is_upload(job)) {
                /* The source is only read, and not now. */
                return job->reply && FAILED(port->check_destination(port->ctx, uid,
                                                                    job->reply->local))
                               ? BG_E_NEW_OWNER_NO_FILE_ACCESS
                               : S_OK;
        }
        for (uint32_t i = 0; i < job->files_len; i++)
                if (FAILED(port->check_destination(port->ctx, uid, job->files[i]->local)))
                        return BG_E_NEW_OWNER_NO_FILE_ACCESS;
        return S_OK;
}

static HRESULT store_owner(Manager *m, Job *job, uint32_t uid, const JobRow *row,
                           JobStatus *ret_next)
{
        Job view;
        int r;

        (void) manager_step_view(m, job, row, NULL, S_OK, &view);
        view.owner_uid = uid;
        view.props.notify_program = view.props.notify_parameters = NULL;
        view.props.notify_uid = 0;
        view.credentials = NULL;
        view.credentials_len = 0;
        /* Secrets that are gone stay gone, also after power loss. */
        r = manager_save(m, job, &view, job->credentials_len > 0);
        if (r < 0)
                return hresult_from_errno(r);
        *ret_next = view.status;
        return S_OK;
}

HRESULT manager_take_ownership(Manager *m, const Caller *caller, const GUID *id)
{
        const JobRow *row;
        Owner *owner;
        JobStatus next;
        Job *job;
        HRESULT hr = access_check_admin(caller);

        if (SUCCEEDED(hr))
                hr = manager_open_job(m, caller, id, JOB_EVENT_TAKE_OWNERSHIP, &job);
        if (FAILED(hr) || job->owner_uid == caller->uid)
                return hr;
        hr = check_new_owner(m, job, caller->uid);
        if (FAILED(hr))
                return hr;
        owner = queue_owner(&m->queue, caller->uid);
        if (!owner)
                return E_OUTOFMEMORY;
        row = job_state_row(job->status.state, JOB_EVENT_TAKE_OWNERSHIP);
        hr = store_owner(m, job, caller->uid, row, &next);
        if (FAILED(hr))
                return hr;
        (void) job_set_notify_cmd_line(&job->props, NULL, NULL, 0); /* removing cannot fail */
        forget_runs(m, job);
        queue_keep_credentials(job, &(Job){0});
        list_remove(&job->run->notify.in_waiting); /* it was in line behind the old owner's */
        queue_set_owner(job, owner);
        manager_touch(m, job);
        manager_step_apply(m, job, row, &next);
        /* What runs, runs as the old owner: begin again as the new one. */
        return manager_step(m, job, JOB_EVENT_PREEMPT, NULL);
}
