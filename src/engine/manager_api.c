/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that make, find and list jobs, add files, and start or pause them. */
#include <errno.h>
#include <string.h>

#include "base/attr.h"
#include "base/hresult.h"
#include "engine/access.h"
#include "engine/file_name.h"
#include "engine/job_file.h"
#include "engine/manager_state.h"

HRESULT manager_open_job(Manager *m, const Caller *caller, const GUID *id, JobEvent event,
                         Job **ret)
{
        Job *job = queue_find(&m->queue, id);
        const JobRow *row;
        HRESULT hr;

        if (!job)
                return BG_E_NOT_FOUND;
        hr = access_check(caller, job);
        if (FAILED(hr))
                return hr;
        row = job_state_row(job->status.state, event);
        if (row->kind == JOB_ROW_REFUSED)
                return row->refusal;
        if (job->status.intent != INTENT_NONE)
                return BG_E_INVALID_STATE; /* its end is under way */
        *ret = job;
        return S_OK;
}

static HRESULT check_job_quota(const Manager *m, const Caller *caller)
{
        if (access_is_exempt_from_quota(caller))
                return S_OK;
        if (m->queue.live_len >= m->policy.max_jobs_per_machine)
                return BG_E_TOO_MANY_JOBS_PER_MACHINE;
        if (queue_live_of(&m->queue, caller->uid) >= m->policy.max_jobs_per_user)
                return BG_E_TOO_MANY_JOBS_PER_USER;
        return S_OK;
}

static GUID fresh_guid(Manager *m)
{
        uint8_t bytes[16];

        m->ports.random.fill(m->ports.random.ctx, bytes, sizeof(bytes));
        return guid_from_random(bytes);
}

/* Takes a stored job in; nothing can fail any more but memory, which is asked for first. */
static HRESULT create(Manager *m, const Caller *caller, const char *name, BG_JOB_TYPE type,
                      GUID *ret_id)
{
        GUID id = fresh_guid(m);
        _cleanup_(job_freep) Job *job =
                job_new(&id, m->next_serial, caller->uid, name, manager_wall(m));
        Job *added = job;
        int r;

        if (!job || job_attach_run(job, manager_now(m), m->hash_seed) < 0 ||
            heap_set(&m->timers, &job->run->timer, USEC_INFINITY) < 0)
                return E_OUTOFMEMORY;
        job->type = type;
        r = queue_add(&m->queue, job);
        if (r < 0) {
                heap_remove(&m->timers, &job->run->timer);
                return r == -ENOMEM ? E_OUTOFMEMORY : E_UNEXPECTED;
        }
        (void) TAKE_PTR(job);
        r = manager_save(m, added, added, false);
        if (r < 0) {
                heap_remove(&m->timers, &added->run->timer);
                queue_drop(&m->queue, added);
                return hresult_from_errno(r);
        }
        m->next_serial++;
        m->ports.notifier.changed(m->ports.notifier.ctx, added, true);
        manager_todo(m, added);
        *ret_id = id;
        return S_OK;
}

HRESULT manager_create_job(Manager *m, const Caller *caller, const char *name, BG_JOB_TYPE type,
                           GUID *ret_id)
{
        HRESULT hr = job_check_create(name, type);

        if (SUCCEEDED(hr))
                hr = check_job_quota(m, caller);
        return SUCCEEDED(hr) ? create(m, caller, name, type, ret_id) : hr;
}

HRESULT manager_read_job(Manager *m, const Caller *caller, const GUID *id, const Job **ret)
{
        const Job *job = queue_find(&m->queue, id);
        HRESULT hr = job ? access_check(caller, job) : BG_E_NOT_FOUND;

        if (SUCCEEDED(hr))
                *ret = job;
        return hr;
}

HRESULT manager_get_job(Manager *m, const Caller *caller, const GUID *id, const Job **ret)
{
        const Job *job = queue_find(&m->queue, id);

        if (!job || job_state_is_final(job->status.state))
                return BG_E_NOT_FOUND;
        return manager_read_job(m, caller, id, ret);
}

HRESULT manager_enum_jobs(Manager *m, const Caller *caller, uint32_t flags,
                          bool (*each)(void *ctx, const Job *job), void *ctx)
{
        bool all = (flags & BG_JOB_ENUM_ALL_USERS) != 0;

        if ((flags & ~(uint32_t) BG_JOB_ENUM_ALL_USERS) != 0)
                return E_NOTIMPL;
        if (all && FAILED(access_check_admin(caller)))
                return E_ACCESSDENIED;
        LIST_FOREACH (it, &m->queue.live) {
                const Job *job = QUEUE_JOB(it);

                if ((all || job->owner_uid == caller->uid) && !each(ctx, job))
                        break;
        }
        return S_OK;
}

/* Files on their way into a job. */
typedef struct FileBatch {
        JobFile **files;
        uint32_t len;
        JobFile *reply; /* of an upload-reply job */
} FileBatch;

static void file_batch_done(FileBatch *batch)
{
        for (uint32_t i = 0; i < batch->len; i++)
                (void) job_file_free(batch->files[i]);
        mem_free(batch->files);
        (void) job_file_free(batch->reply);
}

static HRESULT check_specs(const FileSpec *files, uint32_t n)
{
        if (n > 0 && !files)
                return E_INVALIDARG;
        for (uint32_t i = 0; i < n; i++)
                if (FAILED(remote_name_check(files[i].remote)) ||
                    FAILED(local_name_check(files[i].local)))
                        return E_INVALIDARG;
        return S_OK;
}

static bool is_same_dir(const char *a, const char *b)
{
        size_t len = local_name_dir_len(a);

        return len == local_name_dir_len(b) && memcmp(a, b, len) == 0;
}

/* As the owner, for the transfers run as the owner; a run of files in one directory asks once. */
static HRESULT check_destinations(const Manager *m, const Job *job, const FileSpec *files,
                                  uint32_t n)
{
        const TransferPort *port = &m->ports.transfer;

        for (uint32_t i = 0; i < n; i++) {
                HRESULT hr;

                if (i > 0 && is_same_dir(files[i - 1].local, files[i].local))
                        continue;
                hr = port->check_destination(port->ctx, job->owner_uid, files[i].local);
                if (FAILED(hr))
                        return hr;
        }
        return S_OK;
}

/* One file, to a web server. The source is not looked at before it is sent: it may come later. */
static HRESULT check_upload(const Job *job, const FileSpec *files, uint32_t n)
{
        if (n > 0 && job->files_len + n > 1)
                return BG_E_TOO_MANY_FILES;
        return n == 0 || remote_name_is_http(files[0].remote) ? S_OK : E_INVALIDARG;
}

static HRESULT make_files(const Job *job, const FileSpec *files, uint32_t n, FileBatch *batch)
{
        batch->files = mem_array(n, sizeof(*batch->files));
        if (!batch->files)
                return E_OUTOFMEMORY;
        for (uint32_t i = 0; i < n; i++) {
                JobFile *file = job_file_new(job->files_len + i, files[i].remote, files[i].local);

                if (!file)
                        return E_OUTOFMEMORY;
                batch->files[batch->len++] = file;
        }
        return S_OK;
}

/* Two files onto one name would lose the first without a word, so that is refused. */
static HRESULT check_distinct(Job *job, const FileBatch *batch)
{
        NameSet *names = &job->run->names;
        HRESULT hr = S_OK;
        uint32_t i;

        for (i = 0; i < batch->len && SUCCEEDED(hr); i++) {
                if (name_set_has(names, batch->files[i]->local))
                        hr = HRESULT_FROM_WIN32(ERROR_FILE_EXISTS);
                else
                        name_set_add(names, batch->files[i]->local);
        }
        if (FAILED(hr))
                i--; /* the one that was refused is not in */
        while (i-- > 0)
                name_set_remove(names, batch->files[i]->local);
        return hr;
}

/* Other jobs need a Resume first, and that is durable. */
static bool runs_by_itself(BG_JOB_STATE state)
{
        return state == BG_JOB_STATE_QUEUED || state == BG_JOB_STATE_TRANSIENT_ERROR ||
               job_state_is_active(state);
}

static HRESULT store_files(Manager *m, Job *job, const FileBatch *batch, JobStatus *ret_next)
{
        const JobRow *row = job_state_row(job->status.state, JOB_EVENT_ADD_FILES);
        Job view;
        Txn t;
        int r;

        (void) manager_step_view(m, job, row, NULL, S_OK, &view);
        txn_begin(&t, m);
        if (batch->reply) {
                JobFile *rows[] = {batch->files[0], batch->reply};

                txn_insert_files(&t, job, rows, ARRAY_LEN(rows));
        } else {
                txn_insert_files(&t, job, batch->files, batch->len);
        }
        txn_save_job(&t, &view);
        r = txn_commit(&t, false);
        if (r < 0)
                return hresult_from_errno(r);
        *ret_next = view.status;
        return S_OK;
}

static HRESULT add_checked_files(Manager *m, Job *job, const FileSpec *files, uint32_t n)
{
        _cleanup_(file_batch_done) FileBatch batch = {0};
        JobStatus next;
        HRESULT hr = make_files(job, files, n, &batch);

        if (FAILED(hr))
                return hr;
        if (job_files_reserve(job, n) < 0)
                return E_OUTOFMEMORY;
        hr = check_distinct(job, &batch);
        if (SUCCEEDED(hr) && job->type == BG_JOB_TYPE_UPLOAD_REPLY)
                hr = manager_make_reply(m, job, files[0].local, &batch.reply);
        if (SUCCEEDED(hr))
                hr = store_files(m, job, &batch, &next);
        if (FAILED(hr))
                return hr;
        for (uint32_t i = 0; i < n; i++)
                job_files_append(job, TAKE_PTR(batch.files[i]));
        if (batch.reply)
                job->reply = TAKE_PTR(batch.reply);
        /* Were they forgotten in a power loss, nobody would remove their temporary files. */
        job->run->harden = job->run->harden || runs_by_itself(job->status.state);
        manager_touch(m, job);
        manager_step_apply(m, job, job_state_row(job->status.state, JOB_EVENT_ADD_FILES), &next);
        return S_OK;
}

HRESULT manager_add_files(Manager *m, const Caller *caller, const GUID *id, const FileSpec *files,
                          uint32_t n)
{
        Job *job;
        HRESULT hr = check_specs(files, n);

        if (SUCCEEDED(hr))
                hr = manager_open_job(m, caller, id, JOB_EVENT_ADD_FILES, &job);
        if (FAILED(hr))
                return hr;
        if (n > UINT32_MAX - job->files_len || (!access_is_exempt_from_quota(caller) &&
                                                job->files_len + n > m->policy.max_files_per_job))
                return BG_E_TOO_MANY_FILES_IN_JOB;
        hr = job_is_upload(job) ? check_upload(job, files, n)
                                : check_destinations(m, job, files, n);
        if (FAILED(hr) || n == 0)
                return hr;
        return add_checked_files(m, job, files, n);
}

static HRESULT change_state(Manager *m, Job *job, JobEvent event)
{
        HRESULT hr = manager_step(m, job, event, NULL);

        if (SUCCEEDED(hr))
                manager_touch(m, job);
        return hr;
}

HRESULT manager_suspend(Manager *m, const Caller *caller, const GUID *id)
{
        Job *job;
        HRESULT hr = manager_open_job(m, caller, id, JOB_EVENT_SUSPEND, &job);

        return SUCCEEDED(hr) ? change_state(m, job, JOB_EVENT_SUSPEND) : hr;
}

static bool has_something_to_move(const Job *job)
{
        if (job->status.state == BG_JOB_STATE_TRANSFERRED)
                return job_has_pending_files(job);
        return job->files_len > 0;
}

HRESULT manager_resume(Manager *m, const Caller *caller, const GUID *id)
{
        Job *job;
        HRESULT hr = manager_open_job(m, caller, id, JOB_EVENT_RESUME, &job);

        if (FAILED(hr))
                return hr;
        if (job_is_upload(job) && job->status.state == BG_JOB_STATE_ERROR &&
            job->status.error.code == BG_E_LOCAL_FILE_CHANGED) {
                hr = manager_resume_anew(m, job);
                if (SUCCEEDED(hr))
                        manager_touch(m, job);
                return hr;
        }
        return change_state(
                m, job, has_something_to_move(job) ? JOB_EVENT_RESUME : JOB_EVENT_RESUME_NOTHING);
}
