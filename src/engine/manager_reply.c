/* SPDX-License-Identifier: Apache-2.0 */
/* The reply of an upload-reply job: its name, and its bytes before (and after) Complete. */
#include <string.h>

#include "base/hresult.h"
#include "engine/access.h"
#include "engine/file_name.h"
#include "engine/job_upload.h"
#include "engine/manager_state.h"

static HRESULT generate_name(Manager *m, const char *source, char **ret)
{
        uint32_t number;

        m->ports.random.fill(m->ports.random.ctx, &number, sizeof(number));
        return job_reply_generate(source, number, ret);
}

HRESULT manager_make_reply(Manager *m, const Job *job, const char *local, JobFile **ret)
{
        _cleanup_free_ char *generated = NULL;
        const char *name = job->props.reply_name;
        JobFile *reply;

        if (name && local_name_equal(name, local))
                return E_INVALIDARG; /* the reply would replace what was sent */
        if (!name) {
                HRESULT hr = generate_name(m, local, &generated);

                if (FAILED(hr))
                        return hr;
                name = generated;
        }
        reply = job_file_new(JOB_REPLY_INDEX, "", name);
        if (!reply)
                return E_OUTOFMEMORY;
        *ret = reply;
        return S_OK;
}

/* A job with a reply, live or ended. */
static HRESULT find_job(const Manager *m, const Caller *caller, const GUID *id, Job **ret)
{
        Job *job = queue_find(&m->queue, id);
        HRESULT hr = job ? access_check(caller, job) : BG_E_NOT_FOUND;

        if (FAILED(hr))
                return hr;
        *ret = job;
        return job->type == BG_JOB_TYPE_UPLOAD_REPLY ? S_OK : E_NOTIMPL;
}

/* A change of reply properties on its way. */
typedef struct ReplyEdit {
        Job *job;
        JobProps props; /* owned copy */
        char *local;    /* owned: the reply's new name; NULL = none or as it was */
} ReplyEdit;

static void reply_edit_done(ReplyEdit *e)
{
        job_props_done(&e->props);
        mem_free(e->local);
}

static HRESULT reply_edit_open(const Manager *m, const Caller *caller, const GUID *id, ReplyEdit *e)
{
        HRESULT hr = find_job(m, caller, id, &e->job);

        if (FAILED(hr))
                return hr;
        return job_props_copy(&e->job->props, &e->props) < 0 ? E_OUTOFMEMORY : S_OK;
}

static int reply_edit_store(Manager *m, const ReplyEdit *e, const JobRow *row, JobStatus *ret_next)
{
        Job *job = e->job;
        Job view;
        Txn t;
        int r;

        (void) manager_step_view(m, job, row, NULL, S_OK, &view);
        view.props = e->props;
        txn_begin(&t, m);
        txn_save_job(&t, &view);
        txn_save_dirty_files(&t, job);
        if (e->local) {
                JobFile renamed = *job->reply;

                renamed.local = e->local;
                txn_save_file(&t, &view, &renamed);
        }
        r = txn_commit(&t, false);
        if (r < 0)
                return r;
        manager_mark_clean(job);
        *ret_next = view.status;
        return 0;
}

static bool is_same_dir(const char *a, const char *b)
{
        size_t len = local_name_dir_len(a);

        return len == local_name_dir_len(b) && memcmp(a, b, len) == 0;
}

/* A worker that runs would put the reply where it was told at its start: it begins again. Once the
 * server has everything it may be too late for that. */
static bool is_too_late(const ReplyEdit *e)
{
        const Job *job = e->job;

        return e->local && job->status.uploaded && job->files[0]->op != 0 &&
               !is_same_dir(e->local, job->reply->local);
}

static HRESULT reply_edit_commit(Manager *m, ReplyEdit *e)
{
        Job *job = e->job;
        const JobRow *row = job_state_row(job->status.state, JOB_EVENT_SET_PROPERTY);
        bool moves = e->local && !is_same_dir(e->local, job->reply->local);
        JobProps old = job->props;
        JobStatus next;
        int r = reply_edit_store(m, e, row, &next);

        if (r < 0)
                return hresult_from_errno(r);
        job->props = e->props;
        e->props = old;
        if (e->local) {
                char *name = job->reply->local;

                job->reply->local = e->local;
                e->local = name;
        }
        if (moves && job->files[0]->op != 0 && !job->run->upload.moved)
                job->run->upload.moved = TAKE_PTR(e->local);
        manager_touch(m, job);
        manager_step_apply(m, job, row, &next);
        return moves ? manager_step(m, job, JOB_EVENT_PREEMPT, NULL) : S_OK;
}

/* What the reply is to be called from now on. */
static HRESULT choose_name(Manager *m, ReplyEdit *e)
{
        const Job *job = e->job;
        const char *name = e->props.reply_name;

        if (job->files_len == 0)
                return S_OK; /* AddFile sees to it */
        if (!name)
                return job->props.reply_name ? generate_name(m, job->files[0]->local, &e->local)
                                             : S_OK;
        if (local_name_equal(name, job->files[0]->local))
                return E_INVALIDARG;
        e->local = mem_strdup(name);
        return e->local ? S_OK : E_OUTOFMEMORY;
}

HRESULT manager_set_reply_name(Manager *m, const Caller *caller, const GUID *id, const char *name)
{
        const TransferPort *port = &m->ports.transfer;
        _cleanup_(reply_edit_done) ReplyEdit e = {0};
        HRESULT hr = reply_edit_open(m, caller, id, &e);

        if (SUCCEEDED(hr))
                hr = job_set_reply_name(&e.props, name);
        if (SUCCEEDED(hr))
                hr = manager_open_job(m, caller, id, JOB_EVENT_SET_PROPERTY, &e.job);
        if (SUCCEEDED(hr) && job_reply_begun(e.job))
                hr = BG_E_INVALID_STATE;
        if (SUCCEEDED(hr))
                hr = choose_name(m, &e);
        if (SUCCEEDED(hr) && is_too_late(&e))
                hr = BG_E_INVALID_STATE;
        if (SUCCEEDED(hr) && e.props.reply_name)
                hr = port->check_destination(port->ctx, e.job->owner_uid, e.props.reply_name);
        return SUCCEEDED(hr) ? reply_edit_commit(m, &e) : hr;
}

bool manager_sweep_reply(Manager *m, Job *job)
{
        TransferPort *port = &m->ports.transfer;
        JobUpload *upload = &job->run->upload;
        Job view = *job;
        JobFile reply;
        Op *op;

        if (!upload->stray || !job->reply)
                return false;
        if (job->run->ops_len > 0)
                return true;
        reply = *job->reply;
        reply.local = upload->stray;
        view.reply = &reply;
        op = manager_op_new(m, OP_SWEEP, job, NULL);
        if (op && port->discard(port->ctx, op->id, &view) >= 0)
                return true;
        if (op)
                manager_op_end(m, op);
        mem_free(TAKE_PTR(upload->stray)); /* no reason to hold the job up */
        return false;
}

void manager_sweep_event(Manager *m, Op *op, const TransferEvent *ev)
{
        if (ev->kind != TRANSFER_DISCARDED)
                return;
        mem_free(TAKE_PTR(op->job->run->upload.stray));
        manager_op_end(m, op);
}

HRESULT manager_set_reply_optional(Manager *m, const Caller *caller, const GUID *id, bool on)
{
        _cleanup_(reply_edit_done) ReplyEdit e = {0};
        HRESULT hr = reply_edit_open(m, caller, id, &e);

        if (SUCCEEDED(hr))
                hr = manager_open_job(m, caller, id, JOB_EVENT_SET_PROPERTY, &e.job);
        if (FAILED(hr))
                return hr;
        e.props.reply_optional = on;
        return reply_edit_commit(m, &e);
}

HRESULT manager_reply_data(Manager *m, const Caller *caller, const GUID *id, uint8_t **ret_data,
                           uint64_t *ret_bytes)
{
        const TransferPort *port = &m->ports.transfer;
        Job *job;
        HRESULT hr = find_job(m, caller, id, &job);

        if (FAILED(hr))
                return hr;
        if ((job->status.state != BG_JOB_STATE_TRANSFERRED &&
             job->status.state != BG_JOB_STATE_ACKNOWLEDGED) ||
            !job->reply)
                return BG_E_INVALID_STATE;
        if (job->reply->size_bytes == 0) {
                *ret_data = NULL;
                *ret_bytes = 0;
                return S_OK;
        }
        if (job->reply->size_bytes != BG_SIZE_UNKNOWN &&
            job->reply->size_bytes > REPLY_DATA_BYTES_MAX) {
                *ret_bytes = job->reply->size_bytes;
                return BG_E_TOO_LARGE;
        }
        return port->read_reply(port->ctx, job, ret_data, ret_bytes);
}
