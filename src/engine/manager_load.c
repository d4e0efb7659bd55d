/* SPDX-License-Identifier: Apache-2.0 */
/* The start of the service: reads the queue and works out where each job stands. */
#include <errno.h>

#include "base/attr.h"
#include "base/str.h"
#include "engine/job_upload.h"
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

        if (!job_is_sane(job) || job->run || job->files_len > 0 || job->reply)
                return -EBADMSG;
        if (job->status.state != BG_JOB_STATE_CANCELLED || !job_is_upload(job))
                job->status.farewell_wall = 0;
        if (job_attach_run(job, manager_now(m), m->hash_seed) < 0)
                return -ENOMEM;
        if ((!job_state_is_final(job->status.state) || job->status.farewell_wall != 0) &&
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

/* The reply's name is also a property: that one is the user's word. */
static int load_reply(Job *job, JobFile *take_file)
{
        _cleanup_(job_file_freep) JobFile *reply = take_file;
        const char *name = job->props.reply_name;

        if (job->reply || job->files_len != 1)
                return -EBADMSG;
        if (name && str_replace(&reply->local, name) < 0)
                return -ENOMEM;
        job->reply = TAKE_PTR(reply);
        return 0;
}

static int load_file(void *ctx, const GUID *job_id, JobFile *take_file)
{
        _cleanup_(job_file_freep) JobFile *file = take_file;
        Loader *loader = ctx;
        Job *job = loader->last;

        if (!job || !guid_equal(&job->id, job_id))
                job = queue_find(&loader->m->queue, job_id);
        if (!job || (unsigned) file->state >= FILE_STATE_MAX || !file->remote || !file->local ||
            file->local[0] != '/')
                return -EBADMSG;
        file->op = 0;
        file->dirty = file->stopping = false;
        if (job->type == BG_JOB_TYPE_UPLOAD_REPLY && file->index == JOB_REPLY_INDEX)
                return load_reply(job, TAKE_PTR(file));
        if (file->index != job->files_len || (job_is_upload(job) && file->index > 0))
                return -EBADMSG;
        if (name_set_has(&job->run->names, file->local))
                return -EBADMSG;
        if (job_files_reserve(job, 1) < 0)
                return -ENOMEM;
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
static void distrust_file(Manager *m, Job *job, JobFile *file)
{
        job_file_keep(job, file, file->synced_bytes, file->synced_bytes);
        job_file_mark_dirty(job, file);
        manager_mark_dirty(m, job);
        m->restated = true;
}

/* What a server acknowledged does not go with our machine, and a whole reply was on disk before
 * anything was said of it. */
static void distrust_upload(Manager *m, Job *job)
{
        JobFile *reply = job->reply;

        if (reply && reply->state == FILE_PARTIAL && reply->synced_bytes < reply->done_bytes)
                distrust_file(m, job, reply);
}

static void distrust_unsynced(Manager *m, Job *job)
{
        if (job_is_upload(job)) {
                distrust_upload(m, job);
                return;
        }
        for (uint32_t i = 0; i < job->files_len; i++) {
                JobFile *file = job->files[i];

                if (is_unsynced(file))
                        distrust_file(m, job, file);
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
static void finish_file(Job *job, JobFile *file)
{
        FileFacts facts = job_file_facts(file);

        if (facts.state != FILE_DONE)
                return;
        facts.state = FILE_PUBLISHED;
        job_file_learn(job, file, &facts);
}

static void finish_tombstone(Job *job)
{
        if (job->status.state != BG_JOB_STATE_ACKNOWLEDGED)
                return;
        if (job->reply)
                finish_file(job, job->reply);
        for (uint32_t i = 0; !job_is_upload(job) && i < job->files_len; i++)
                finish_file(job, job->files[i]);
}

static void restart_upload(Job *job)
{
        JobUpload *upload = &job->run->upload;

        if (!job_is_upload(job) || job->files_len == 0)
                return;
        upload->over = job->status.state == BG_JOB_STATE_TRANSFERRED &&
                       (!job->reply || job->reply->state == FILE_DONE ||
                        job->reply->state == FILE_PUBLISHED);
        upload->was_complete = job->status.uploaded;
        upload->best_bytes = job->files[0]->done_bytes;
}

static bool has_its_reply(const Job *job)
{
        return job->type != BG_JOB_TYPE_UPLOAD_REPLY || job->files_len == 0 || job->reply;
}

/* Every upload-reply job that has its file has the row of its reply. */
static bool are_replies_there(const List *jobs)
{
        LIST_FOREACH (it, jobs)
                if (!has_its_reply(QUEUE_JOB(it)))
                        return false;
        return true;
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

        restart_upload(job);
        mend_event(job);
        if (!same_boot && status->state != BG_JOB_STATE_TRANSFERRED)
                distrust_unsynced(m, job);
        job->run->synced = status->state == BG_JOB_STATE_TRANSFERRED;
        job->run->idle_usec = wall > status->modified_wall ? wall - status->modified_wall : 0;
        retry_after_restart(job, manager_now(m), wall);
        notify_plan_restart(job, manager_now(m), wall);
        if (row->kind == JOB_ROW_MOVE) {
                queue_state_changed(&m->queue, status->state, row->to);
                status->state = row->to;
        }
        m->intents += status->intent != INTENT_NONE;
        job->run->harden = status->intent != INTENT_NONE; /* it may not be on disk yet */
        manager_todo(m, job);
}

/* What the last process committed may not be on disk yet, and from here on it is acted upon and
 * told. Any durable write hardens all of it. When the disk is full the service starts all the
 * same, and the next durable commit makes up for it. */
static void harden_queue(Manager *m)
{
        const List *lists[] = {&m->queue.live, &m->queue.farewells, &m->queue.tombstones};

        for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
                if (list_is_empty(lists[i]))
                        continue;
                if (manager_save(m, QUEUE_JOB(lists[i]->next), QUEUE_JOB(lists[i]->next), true) < 0)
                        manager_mark_dirty(m, QUEUE_JOB(lists[i]->next));
                return;
        }
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
        if (!are_replies_there(&m->queue.live) || !are_replies_there(&m->queue.tombstones) ||
            !are_replies_there(&m->queue.farewells))
                return -EBADMSG;
        m->next_serial = next_serial;
        LIST_FOREACH (it, &m->queue.live)
                restart_job(m, QUEUE_JOB(it), same_boot);
        LIST_FOREACH (it, &m->queue.tombstones) {
                manager_forget_credentials(m, QUEUE_JOB(it));
                mend_event(QUEUE_JOB(it));
                finish_tombstone(QUEUE_JOB(it));
                manager_todo(m, QUEUE_JOB(it)); /* its program may not have run yet */
        }
        LIST_FOREACH (it, &m->queue.farewells) {
                mend_event(QUEUE_JOB(it));
                manager_begin_farewell(m, QUEUE_JOB(it));
        }
        harden_queue(m);
        manager_resume_rekey(m);
        m->schedule = true;
        return 0;
}
