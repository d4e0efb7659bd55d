/* SPDX-License-Identifier: Apache-2.0 */
/* The start of the service: reads the queue and works out where each job stands. */
#include <errno.h>

#include "engine/job_file.h"
#include "engine/manager_state.h"
#include "engine/retry.h"

typedef struct Loader {
        Manager *m;
        Job *last; /* files follow their job, so this is nearly always the right one */
} Loader;

static int load_job(void *ctx, Job *take_job)
{
        _cleanup_(job_freep) Job *job = take_job;
        Loader *loader = ctx;
        Manager *m = loader->m;
        int r;

        if (!job_is_sane(job) || job->run || job->files_len > 0)
                return -EBADMSG;
        if (job_attach_run(job, manager_now(m), m->hash_seed) < 0)
                return -ENOMEM;
        if (!job_state_is_final(job->status.state) &&
            heap_set(&m->timers, &job->run->timer, USEC_INFINITY) < 0)
                return -ENOMEM;
        r = queue_add(&m->queue, job);
        if (r < 0) {
                heap_remove(&m->timers, &job->run->timer);
                return r == -EEXIST ? -EBADMSG : r;
        }
        loader->last = TAKE_PTR(job);
        return 0;
}

static int load_file(void *ctx, const GUID *job_id, JobFile *take_file)
{
        _cleanup_(job_file_freep) JobFile *file = take_file;
        Loader *loader = ctx;
        Job *job = loader->last;

        if (!job || !guid_equal(&job->id, job_id))
                job = queue_find(&loader->m->queue, job_id);
        if (!job || file->index != job->files_len || (unsigned) file->state >= FILE_STATE_MAX ||
            !file->remote || !file->local || file->local[0] != '/')
                return -EBADMSG;
        if (name_set_has(&job->run->names, file->local))
                return -EBADMSG;
        if (job_files_reserve(job, 1) < 0)
                return -ENOMEM;
        file->op = 0;
        file->dirty = file->stopping = false;
        job_files_append(job, TAKE_PTR(file));
        return 0;
}

static bool is_unsynced(const JobFile *file)
{
        if (file->state == FILE_PARTIAL)
                return file->synced_bytes < file->done_bytes;
        return file->state == FILE_DONE &&
               (file->size_bytes == 0 || file->synced_bytes < file->size_bytes);
}

/* After a crash of the machine only what was brought to disk is there; of an empty file not even
 * the name. TRANSFERRED was stored after everything had been brought to disk. The first thing
 * written from now on makes the store's file one of this boot, so this has to go with it. */
static void distrust_unsynced(Manager *m, Job *job)
{
        for (uint32_t i = 0; i < job->files_len; i++) {
                JobFile *file = job->files[i];

                if (!is_unsynced(file))
                        continue;
                job_file_keep(job, file, file->synced_bytes, file->synced_bytes);
                job_file_mark_dirty(job, file);
                manager_mark_dirty(m, job);
                m->restated = true;
        }
}

/* An event that its state cannot have is nobody's: a damaged file must not run programs. */
static void mend_event(Job *job)
{
        JobStatus *s = &job->status;
        bool kept = s->state == BG_JOB_STATE_ACKNOWLEDGED && job->props.auto_complete &&
                    job->props.notify_program;

        if (s->state == BG_JOB_STATE_ERROR
                    ? s->undelivered != NOTIFY_ERROR
                    : s->undelivered != NOTIFY_TRANSFERRED ||
                              (s->state != BG_JOB_STATE_TRANSFERRED && !kept))
                s->undelivered = NOTIFY_NONE;
}

/* ACKNOWLEDGED is stored without touching every file: whole files of such a job were published. */
static void finish_tombstone(Job *job)
{
        for (uint32_t i = 0; i < job->files_len; i++) {
                FileFacts facts = job_file_facts(job->files[i]);

                if (job->status.state != BG_JOB_STATE_ACKNOWLEDGED || facts.state != FILE_DONE)
                        continue;
                facts.state = FILE_PUBLISHED;
                job_file_learn(job, job->files[i], &facts);
        }
}

/* A wait for something that may have happened meanwhile ends; if it goes on, the scheduler finds
 * that out and the job comes back here. */
static bool waits_for_event(const Job *job)
{
        return job->status.state == BG_JOB_STATE_TRANSIENT_ERROR &&
               job->status.error.event_driven && job->status.intent == INTENT_NONE;
}

static void restart_job(Manager *m, Job *job, bool same_boot)
{
        JobStatus *status = &job->status;
        uint64_t wall = manager_wall(m);
        const JobRow *row = job_state_row(
                status->state, waits_for_event(job) ? JOB_EVENT_NETWORK_BACK : JOB_EVENT_RESTART);

        mend_event(job);
        if (!same_boot && status->state != BG_JOB_STATE_TRANSFERRED)
                distrust_unsynced(m, job);
        job->run->synced = status->state == BG_JOB_STATE_TRANSFERRED;
        job->run->idle_usec = wall > status->modified_wall ? wall - status->modified_wall : 0;
        retry_after_restart(job, manager_now(m), wall);
        if (row->kind == JOB_ROW_MOVE) {
                queue_state_changed(&m->queue, status->state, row->to);
                status->state = row->to;
        }
        m->intents += status->intent != INTENT_NONE;
        manager_todo(m, job);
}

int manager_load(Manager *m)
{
        Loader loader = {.m = m};
        StoreSink sink = {.job = load_job, .file = load_file, .ctx = &loader};
        StorePort *store = &m->ports.store;
        bool same_boot = false;
        uint64_t next_serial = 0;
        int r = store->load(store->ctx, &sink, &same_boot, &next_serial);

        if (r < 0)
                return r;
        m->next_serial = next_serial;
        LIST_FOREACH (it, &m->queue.live)
                restart_job(m, QUEUE_JOB(it), same_boot);
        LIST_FOREACH (it, &m->queue.tombstones) {
                mend_event(QUEUE_JOB(it));
                finish_tombstone(QUEUE_JOB(it));
                manager_todo(m, QUEUE_JOB(it)); /* its program may not have run yet */
        }
        m->schedule = true;
        return 0;
}
