/* SPDX-License-Identifier: Apache-2.0 */
/* A new key for the vault: every slot of every job is sealed anew, some with each turn of the loop,
 * each batch on disk before the next; only then the old key goes. A crash anywhere is made up for
 * at the next start. What no key opens stays as it is. */
#include <errno.h>

#include "base/attr.h"
#include "base/hresult.h"
#include "engine/job_credential.h"
#include "engine/manager_state.h"

enum { BATCH_JOBS = 8 }; /* a turn: 80 slots, some 25 ms, at most 15 MiB */

typedef struct Resealed {
        Job *job;
        Job view; /* with its own set when any slot changed */
        uint32_t slots;
} Resealed;

typedef struct Batch {
        Resealed jobs[BATCH_JOBS];
        uint32_t len;
} Batch;

static void answer(Manager *m, HRESULT hr)
{
        Rekey *rekey = &m->rekey;

        if (!rekey->has_token)
                return;
        rekey->has_token = false;
        m->ports.notifier.reply(m->ports.notifier.ctx, rekey->token, hr, NULL);
}

void manager_rekey_done(Manager *m)
{
        m->rekey.active = false;
        mem_free(m->rekey.jobs);
        m->rekey.jobs = NULL;
        m->rekey.len = m->rekey.pos = 0;
}

/* The old key stays beside the new one; the next Rekey or the next start goes on. */
static void give_up(Manager *m, HRESULT hr)
{
        manager_rekey_done(m);
        answer(m, hr);
}

static HRESULT from_vault(int r)
{
        return r < 0 ? hresult_from_errno(r) : HRESULT_FROM_WIN32(ERROR_GEN_FAILURE);
}

/* Ended jobs have credentials while they owe a farewell. */
static int note_jobs(Manager *m)
{
        const List *lists[] = {&m->queue.live, &m->queue.farewells};
        Rekey *rekey = &m->rekey;

        rekey->jobs =
                mem_array(m->queue.live_len + m->queue.farewells_len + 1, sizeof(*rekey->jobs));
        if (!rekey->jobs)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                LIST_FOREACH (it, lists[i])
                        if (QUEUE_JOB(it)->credentials_len > 0)
                                rekey->jobs[rekey->len++] = QUEUE_JOB(it)->id;
        return 0;
}

static int begin(Manager *m)
{
        const VaultPort *vault = &m->ports.vault;
        bool made;
        int r = note_jobs(m);

        if (r == 0)
                r = vault->rekey_begin(vault->ctx, &made);
        if (r != 0) {
                manager_rekey_done(m);
                return r;
        }
        m->rekey.active = true;
        m->rekey.slots = 0;
        m->rekey.not_before = 0;
        return 0;
}

void manager_rekey(Manager *m, uint64_t token)
{
        NotifierPort *port = &m->ports.notifier;
        HRESULT hr = S_OK;
        int r;

        if (!m->ports.vault.rekey_begin)
                hr = E_NOTIMPL;
        else if (m->rekey.has_token)
                hr = HRESULT_FROM_WIN32(ERROR_BUSY);
        if (SUCCEEDED(hr) && !m->rekey.active) {
                r = begin(m);
                hr = r == 0 ? S_OK : from_vault(r);
        }
        if (FAILED(hr)) {
                port->reply(port->ctx, token, hr, NULL);
                return;
        }
        m->rekey.has_token = true;
        m->rekey.token = token;
}

uint32_t manager_rekeyed_slots(const Manager *m)
{
        return m->rekey.slots;
}

void manager_resume_rekey(Manager *m)
{
        const VaultPort *vault = &m->ports.vault;
        bool pending = false;

        if (vault->rekey_pending && vault->rekey_pending(vault->ctx, &pending) == 0 && pending)
                (void) begin(m);
}

uint64_t manager_rekey_due(const Manager *m)
{
        return m->rekey.active ? m->rekey.not_before : USEC_INFINITY;
}

/* 0, or what ends the whole. */
static int reseal_slot(const VaultPort *vault, const JobCredential *old, Resealed *r)
{
        VaultSlot slot = {.job = r->job->id, .target = old->target, .scheme = old->scheme};
        JobCredential new = *old;
        Job before = r->view;
        int result = vault->reseal(vault->ctx, &slot, old->sealed, old->sealed_bytes, &new.sealed,
                                   &new.sealed_bytes);

        if (result == VAULT_UNCHANGED || result == VAULT_KEY_LOST || result == -EBADMSG)
                return 0;
        if (result != 0)
                return result;
        if (job_credentials_with(&before, &new, &r->view) < 0) {
                mem_free(new.sealed);
                return -ENOMEM;
        }
        if (before.credentials != r->job->credentials)
                mem_free(before.credentials); /* only the array: the blobs went over */
        r->slots++;
        return 0;
}

static int reseal_job(Manager *m, Job *job, Batch *batch)
{
        Resealed *r = &batch->jobs[batch->len];
        int result = 0;

        *r = (Resealed){.job = job, .view = *job};
        for (uint32_t i = 0; i < job->credentials_len && result == 0; i++)
                result = reseal_slot(&m->ports.vault, &job->credentials[i], r);
        batch->len += r->slots > 0;
        return result;
}

static void undo(Batch *batch)
{
        for (uint32_t i = 0; i < batch->len; i++)
                job_credentials_undo(batch->jobs[i].job, &batch->jobs[i].view);
}

static int store(Manager *m, Batch *batch)
{
        Txn t;
        int r;

        if (batch->len == 0)
                return 0;
        txn_begin(&t, m);
        for (uint32_t i = 0; i < batch->len; i++)
                txn_save_view(&t, batch->jobs[i].job, &batch->jobs[i].view);
        r = txn_commit(&t, true);
        for (uint32_t i = 0; r < 0 && i < batch->len; i++)
                manager_take_back(m, batch->jobs[i].job);
        return r;
}

static void apply(Manager *m, Batch *batch)
{
        for (uint32_t i = 0; i < batch->len; i++) {
                queue_keep_credentials(batch->jobs[i].job, &batch->jobs[i].view);
                manager_mark_clean(batch->jobs[i].job);
                m->rekey.slots += batch->jobs[i].slots;
        }
}

/* Whoever asked need not wait until the disk is well again; the change goes on without him. */
static void store_refused(Manager *m, int r, uint32_t pos)
{
        m->rekey.pos = pos;
        m->rekey.not_before = manager_now(m) + COMMIT_RETRY_USEC;
        answer(m, hresult_from_errno(r));
}

static void finish(Manager *m)
{
        const VaultPort *vault = &m->ports.vault;
        int r;

        /* What a refused commit left in the file may be sealed with the old key. */
        r = m->overreached ? manager_checkpoint(m, true) : 0;
        if (r < 0) {
                store_refused(m, r, m->rekey.pos);
                return;
        }
        r = vault->rekey_end(vault->ctx);
        manager_rekey_done(m);
        answer(m, r == 0 ? S_OK : from_vault(r));
}

void manager_tend_rekey(Manager *m)
{
        Rekey *rekey = &m->rekey;
        uint32_t pos = rekey->pos;
        Batch batch = {0};
        int r = 0;

        if (!rekey->active || rekey->not_before > manager_now(m))
                return;
        while (rekey->pos < rekey->len && rekey->pos - pos < BATCH_JOBS && r == 0) {
                Job *job = queue_find(&m->queue, &rekey->jobs[rekey->pos]);

                r = job ? reseal_job(m, job, &batch) : 0;
                rekey->pos += r == 0;
        }
        if (r != 0) {
                undo(&batch);
                give_up(m, from_vault(r));
                return;
        }
        r = store(m, &batch);
        if (r < 0) {
                undo(&batch);
                store_refused(m, r, pos);
                return;
        }
        apply(m, &batch);
        if (rekey->pos == rekey->len)
                finish(m);
}
