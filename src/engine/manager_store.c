/* SPDX-License-Identifier: Apache-2.0 */
/* How the manager talks to the store: transactions, and progress that is written now and then. */
#include "engine/job_credential.h"
#include "engine/job_file.h"
#include "engine/manager_state.h"

static bool txn_ok(Txn *t, int r)
{
        StorePort *store = &t->m->ports.store;

        if (r >= 0)
                return true;
        t->error = r;
        t->m->store_error = r;
        store->rollback(store->ctx);
        return false;
}

/* A running job is queued for whoever starts the service again, and its time so far counts. */
static Job as_stored(const Manager *m, const Job *view)
{
        Job stored = *view;

        if (job_state_is_active(view->status.state)) {
                stored.status.state = BG_JOB_STATE_QUEUED;
                stored.status.active_usec += manager_active_usec(m, view);
        }
        return stored;
}

void txn_save_job(Txn *t, const Job *view)
{
        StorePort *store = &t->m->ports.store;
        Job stored;

        if (t->error < 0)
                return;
        stored = as_stored(t->m, view);
        (void) txn_ok(t, store->job_save(store->ctx, &stored));
}

static int save_file(void *ctx, Job *job, JobFile *file)
{
        StorePort *store = &((Txn *) ctx)->m->ports.store;

        return store->file_save(store->ctx, job, file);
}

void txn_save_dirty_files(Txn *t, Job *job)
{
        if (t->error < 0)
                return;
        (void) txn_ok(t, job_files_each_dirty(job, save_file, t));
}

static void save_slot(Txn *t, const Job *job, const JobCredential *credential)
{
        StorePort *store = &t->m->ports.store;

        if (t->error >= 0)
                (void) txn_ok(t, store->credential_save(store->ctx, job, credential));
}

static void delete_slot(Txn *t, const Job *job, uint32_t target, uint32_t scheme)
{
        StorePort *store = &t->m->ports.store;

        if (t->error >= 0)
                (void) txn_ok(t, store->credential_delete(store->ctx, job, target, scheme));
}

/* Whatever the store holds, afterwards it is this. */
static void save_all_slots(Txn *t, const Job *view)
{
        for (uint32_t target = BG_AUTH_TARGET_SERVER; target <= BG_AUTH_TARGET_PROXY; target++)
                for (uint32_t s = BG_AUTH_SCHEME_BASIC; s <= BG_AUTH_SCHEME_PASSPORT; s++)
                        if (!job_credential_find(view, target, s))
                                delete_slot(t, view, target, s);
        for (uint32_t i = 0; i < view->credentials_len; i++)
                save_slot(t, view, &view->credentials[i]);
}

static void save_changed_slots(Txn *t, const Job *job, const Job *view)
{
        for (uint32_t i = 0; i < job->credentials_len; i++) {
                const JobCredential *old = &job->credentials[i];

                if (!job_credential_find(view, old->target, old->scheme))
                        delete_slot(t, view, old->target, old->scheme);
        }
        for (uint32_t i = 0; i < view->credentials_len; i++) {
                const JobCredential *new = &view->credentials[i];
                const JobCredential *old = job_credential_find(job, new->target, new->scheme);

                if (!old || old->sealed != new->sealed)
                        save_slot(t, view, new);
        }
}

void txn_save_view(Txn *t, Job *job, const Job *view)
{
        if (t->error < 0)
                return;
        txn_save_job(t, view);
        txn_save_dirty_files(t, job);
        if (job->run->credentials_dirty)
                save_all_slots(t, view);
        else if (view->credentials != job->credentials)
                save_changed_slots(t, job, view);
        /* Until the commit is known to have worked, and the job is clean. */
        job->run->credentials_dirty |= view->credentials != job->credentials;
}

/* Durably, and before anything else: a commit that the store refused may wait in its log, and would
 * come back with the power if what is written over it did not survive that. */
static int take_back(Manager *m)
{
        int r;

        m->overreached = false;
        r = manager_checkpoint(m, true);
        m->overreached = m->overreached || r < 0;
        return r;
}

void txn_begin(Txn *t, Manager *m)
{
        *t = (Txn){.m = m};
        if (m->overreached)
                t->error = take_back(m);
        if (t->error < 0)
                return;
        t->error = m->ports.store.begin(m->ports.store.ctx);
        if (t->error < 0)
                m->store_error = t->error;
        if (!m->restated)
                return;
        LIST_FOREACH (it, &m->dirty)
                txn_save_dirty_files(t, list_item(it, JobRun, in_dirty)->job);
}

void txn_save_file(Txn *t, const Job *job, const JobFile *file)
{
        StorePort *store = &t->m->ports.store;

        if (t->error < 0)
                return;
        (void) txn_ok(t, store->file_save(store->ctx, job, file));
}

void txn_insert_files(Txn *t, const Job *job, JobFile *const *files, uint32_t n)
{
        StorePort *store = &t->m->ports.store;

        if (t->error < 0)
                return;
        (void) txn_ok(t, store->files_insert(store->ctx, job, files, n));
}

void txn_delete_job(Txn *t, const Job *job)
{
        StorePort *store = &t->m->ports.store;

        if (t->error < 0)
                return;
        (void) txn_ok(t, store->job_delete(store->ctx, job));
}

int txn_commit(Txn *t, bool durable)
{
        StorePort *store = &t->m->ports.store;

        if (t->error < 0)
                return t->error;
        if (!txn_ok(t, store->commit(store->ctx, durable)))
                return t->error;
        t->m->store_error = 0;
        t->m->restated = false;
        return 0;
}

void manager_mark_clean(Job *job)
{
        job_files_clear_dirty(job);
        job->run->status_dirty = job->run->credentials_dirty = false;
        job->run->unsaved = false;
        list_remove(&job->run->in_dirty);
}

int manager_save(Manager *m, Job *job, const Job *view, bool durable)
{
        Txn t;
        int r;

        durable = durable || job->run->harden;
        txn_begin(&t, m);
        txn_save_view(&t, job, view);
        r = txn_commit(&t, durable);
        if (r < 0) {
                if (durable)
                        manager_take_back(m, job);
                return r;
        }
        if (durable)
                job->run->harden = false;
        manager_mark_clean(job);
        return 0;
}

void manager_block(Manager *m, Job *job)
{
        job->run->blocked_until = manager_now(m) + COMMIT_RETRY_USEC;
        if (job->run->unsaved)
                return;
        job->run->unsaved = true;
        m->ports.notifier.changed(m->ports.notifier.ctx, job, false);
}

void manager_mark_dirty(Manager *m, Job *job)
{
        if (list_is_empty(&m->dirty))
                m->checkpoint_at = manager_now(m) + m->policy.checkpoint_usec;
        job->run->status_dirty = true;
        if (list_is_empty(&job->run->in_dirty))
                list_append(&m->dirty, &job->run->in_dirty);
}

void manager_take_back(Manager *m, Job *job)
{
        manager_mark_dirty(m, job);
        m->overreached = true;
        m->checkpoint_at = manager_now(m);
}

/* Everything that changed since the last time in one transaction, however many files of however
 * many jobs that are. */
int manager_checkpoint(Manager *m, bool durable)
{
        Txn t;
        int r;

        txn_begin(&t, m);
        LIST_FOREACH (it, &m->dirty) {
                Job *job = list_item(it, JobRun, in_dirty)->job;

                txn_save_view(&t, job, job);
        }
        r = txn_commit(&t, durable);
        if (r < 0) {
                m->checkpoint_at = manager_now(m) + COMMIT_RETRY_USEC;
                return r;
        }
        LIST_FOREACH (it, &m->dirty)
                manager_mark_clean(list_item(it, JobRun, in_dirty)->job);
        return 0;
}
