/* SPDX-License-Identifier: Apache-2.0 */
/* Changing the key of the vault, as far as it concerns the jobs (docs/design/vault.md). */
#include <errno.h>

#include "engine/manager_state.h"

/* A call takes jobs until it has looked at so many slots: some milliseconds, mostly of the vault.
 */
enum { RESEAL_SLOTS = 16, RESEAL_SLOTS_MAX = RESEAL_SLOTS + JOB_CREDENTIALS_MAX };

typedef struct Resealed {
        Job *job;
        JobCredential *slot;
        uint8_t *sealed;
        uint32_t sealed_bytes;
} Resealed;

typedef struct Part {
        Resealed items[RESEAL_SLOTS_MAX];
        uint32_t len;
        uint32_t seen; /* slots, these and others */
        uint32_t lost;
        uint64_t after;
} Part;

static void part_done(Part *part)
{
        for (uint32_t i = 0; i < part->len; i++)
                mem_free(part->items[i].sealed);
}

/* The job with credentials that comes next by its serial: that is kept when a job ends. */
static Job *next_job(const Manager *m, uint64_t after)
{
        const List *lists[] = {&m->queue.live, &m->queue.farewells, &m->queue.tombstones};
        Job *best = NULL;

        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                LIST_FOREACH (it, lists[i]) {
                        Job *job = QUEUE_JOB(it);

                        if (job->credentials_len > 0 && job->serial > after &&
                            (!best || job->serial < best->serial))
                                best = job;
                }
        return best;
}

static int reseal_slot(Manager *m, Part *part, Job *job, JobCredential *c)
{
        const VaultPort *vault = &m->ports.vault;
        const VaultSlot slot = {.job = job->id, .target = c->target, .scheme = c->scheme};
        Resealed *item = &part->items[part->len];
        int r;

        part->seen++;
        *item = (Resealed){.job = job, .slot = c};
        r = vault->reseal(vault->ctx, &slot, c->sealed, c->sealed_bytes, &item->sealed,
                          &item->sealed_bytes);
        if (r == VAULT_DONE)
                part->len++;
        else if (r == VAULT_KEY_LOST || r == -EBADMSG)
                part->lost++;
        else if (r != VAULT_UNCHANGED)
                return r < 0 ? r : -ENOKEY;
        return 0;
}

/* 1: there is more; 0: that were the last ones. */
static int collect(Manager *m, Part *part)
{
        while (part->seen < RESEAL_SLOTS) {
                Job *job = next_job(m, part->after);

                if (!job)
                        return 0;
                for (uint32_t i = 0; i < job->credentials_len; i++) {
                        int r = reseal_slot(m, part, job, &job->credentials[i]);

                        if (r < 0)
                                return r;
                }
                part->after = job->serial;
        }
        return 1;
}

static int store_part(Manager *m, const Part *part, bool durable)
{
        Txn t;

        txn_begin(&t, m);
        for (uint32_t i = 0; i < part->len; i++) {
                JobCredential fresh = *part->items[i].slot;

                fresh.sealed = part->items[i].sealed;
                fresh.sealed_bytes = part->items[i].sealed_bytes;
                txn_save_credential(&t, part->items[i].job, &fresh);
        }
        return txn_commit(&t, durable);
}

/* Should the durable commit be refused half-way, store and memory differ in which of two keys a
 * blob is sealed with. Both open: nothing needs to be taken back. */
int manager_reseal(Manager *m, ManagerReseal *r)
{
        _cleanup_(part_done) Part part = {.after = r->after};
        int more, error;

        more = collect(m, &part);
        if (more < 0)
                return more;
        error = store_part(m, &part, more == 0);
        if (error < 0)
                return error;
        for (uint32_t i = 0; i < part.len; i++) {
                JobCredential *slot = part.items[i].slot;

                mem_free(slot->sealed);
                slot->sealed = TAKE_PTR(part.items[i].sealed);
                slot->sealed_bytes = part.items[i].sealed_bytes;
        }
        r->after = part.after;
        r->slots += part.len;
        r->lost += part.lost;
        return more;
}
