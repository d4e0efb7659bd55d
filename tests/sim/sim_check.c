/* SPDX-License-Identifier: Apache-2.0 */
/* The promises. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/file_name.h"
#include "engine/job_state.h"
#include "sim.h"

static const Caller ADMIN = {.uid = 0, .is_admin = true, .client = 4};

void sim_break(Sim *sim, const char *promise)
{
        if (!sim->broken)
                sim->broken = promise;
}

static bool note_live(void *ctx, const Job *job)
{
        Sim *sim = ctx;
        SimJob *j = sim_job_of(sim, &job->id);

        if (job_state_is_final(job->status.state))
                sim_break(sim, "an ended job is enumerated");
        if (!j)
                sim_break(sim, "a job that nobody made");
        else if (j->ended)
                sim_break(sim, "an ended job came back");
        return true;
}

/* Sums are kept, never recounted by the engine; here they are. */
static void check_sums(Sim *sim, const Job *job)
{
        uint64_t done_bytes = 0, total = 0;
        uint32_t done = 0, unknown = 0;

        for (uint32_t i = 0; i < job->files_len; i++) {
                const JobFile *f = job->files[i];

                done += f->state == FILE_DONE || f->state == FILE_PUBLISHED;
                unknown += f->size_bytes == BG_SIZE_UNKNOWN;
                total += f->size_bytes == BG_SIZE_UNKNOWN ? 0 : f->size_bytes;
                done_bytes += f->done_bytes;
        }
        if (done != job->files_done || unknown != job->files_size_unknown ||
            total != job->bytes_total_known || done_bytes != job->bytes_done)
                sim_break(sim, "the sums of a job are wrong");
}

static uint32_t version_of(const JobFile *f)
{
        return f->etag ? (uint32_t) strtoul(f->etag + 1, NULL, 10) : 0;
}

static void check_bytes(Sim *sim, const Job *job)
{
        bool whole = job->status.state == BG_JOB_STATE_TRANSFERRED;
        bool upload = job->type != BG_JOB_TYPE_DOWNLOAD;
        uint32_t n = upload ? job->reply != NULL : job->files_len;

        for (uint32_t i = 0; i < n; i++) {
                const JobFile *f = upload ? job->reply : job->files[i];
                const FakeTemp *temp = fake_disk_temp(&sim->rig.disk, &job->id, f->index);

                if (f->state == FILE_PUBLISHED || job->status.intent != INTENT_NONE)
                        continue;
                if (!temp || temp->version != version_of(f) || sim->files_vanish ||
                    sim->servers_lie)
                        continue; /* a crash came before the store could be told */
                if (sim->trace && (f->done_bytes > temp->bytes || f->synced_bytes > temp->synced))
                        (void) printf(
                                "file %u of %u: %s, state %d, %lu done, %lu there, %lu synced, "
                                "%lu there\n",
                                i, job->files_len, f->etag ? f->etag : "no tag", (int) f->state,
                                (unsigned long) f->done_bytes, (unsigned long) temp->bytes,
                                (unsigned long) f->synced_bytes, (unsigned long) temp->synced);
                if (f->done_bytes > temp->bytes)
                        sim_break(sim, "more bytes claimed than there are");
                if (f->synced_bytes > temp->synced)
                        sim_break(sim, "more bytes claimed to be on disk than are");
                if (whole && f->state == FILE_DONE && f->synced_bytes != f->size_bytes)
                        sim_break(sim, "TRANSFERRED before everything is on disk");
        }
}

/* Moving bytes or about to: a job that waits for the disk, or whose failure waits for the store,
 * holds no place. */
static bool is_running(const Sim *sim, const Job *job)
{
        return job_state_is_active(job->status.state) && job->status.intent == INTENT_NONE &&
               (job->status.state == BG_JOB_STATE_CONNECTING ||
                fake_transfer_count(&sim->rig.transfer, FAKE_FILE, &job->id) > 0);
}

/* Whoever does not run was asked to stop, and a job that ends too. */
static void check_stopped(Sim *sim, const Job *job)
{
        if (job_state_is_active(job->status.state) && job->status.intent == INTENT_NONE)
                return;
        LIST_FOREACH (it, &sim->rig.transfer.ops) {
                const FakeOp *op = list_item(it, FakeOp, in_all);

                if (op->kind == FAKE_FILE && guid_equal(&op->job, &job->id) && !op->stopped)
                        sim_break(sim, "a transfer of a stopped job goes on");
        }
}

static bool needs_network(const Job *job)
{
        if (job->type != BG_JOB_TYPE_DOWNLOAD)
                return remote_name_needs_network(job->files[0]->remote) ||
                       (job->reply && remote_name_needs_network(job->reply->remote));
        for (uint32_t i = 0; i < job->files_len; i++)
                if (job->files[i]->state != FILE_DONE && job->files[i]->state != FILE_PUBLISHED &&
                    remote_name_needs_network(job->files[i]->remote))
                        return true;
        return false;
}

/* Free to start: nothing of an earlier run is still ending. */
static bool may_start(const Sim *sim, const Job *job)
{
        return job->status.state == BG_JOB_STATE_QUEUED && job->status.intent == INTENT_NONE &&
               fake_transfer_count(&sim->rig.transfer, FAKE_FILE, &job->id) == 0 &&
               !fake_transfer_find(&sim->rig.transfer, FAKE_SYNC, &job->id) &&
               (sim->network_up || !needs_network(job)) &&
               !sim_is_braked(sim, job, needs_network(job));
}

typedef struct Levels {
        uint32_t running[4], waiting[4];
} Levels;

static Levels count_levels(Sim *sim)
{
        Levels levels = {0};

        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                const Job *job;

                if (!sim->jobs[i].live ||
                    FAILED(manager_read_job(sim->rig.m, &ADMIN, &sim->jobs[i].id, &job)))
                        continue;
                levels.running[job->props.priority] += is_running(sim, job);
                levels.waiting[job->props.priority] += may_start(sim, job);
        }
        return levels;
}

/* Or was a moment ago: a refused step is tried again after five seconds. */
static bool is_store_bad(const Sim *sim)
{
        return sim->store_bad || sim->rig.clock.mono < sim->store_bad_until;
}

static void check_scheduler(Sim *sim)
{
        const Policy *policy = &sim->rig.policy;
        Levels l = count_levels(sim);
        uint32_t background = l.running[1] + l.running[2] + l.running[3];

        if (background > policy->background_jobs)
                sim_break(sim, "too many background jobs run");
        if (l.running[0] > policy->foreground_jobs)
                sim_break(sim, "too many foreground jobs run");
        for (uint32_t i = 0; i < sim->jobs_len && !is_store_bad(sim); i++) {
                const Job *job;

                if (sim->jobs[i].live &&
                    SUCCEEDED(manager_read_job(sim->rig.m, &ADMIN, &sim->jobs[i].id, &job)) &&
                    job->files_len > 0)
                        sim_check_brake(sim, job, needs_network(job));
        }
        if (is_store_bad(sim))
                return; /* a refused commit holds the scheduler up for a moment */
        if (l.waiting[0] > 0 && l.running[0] < policy->foreground_jobs)
                sim_break(sim, "a foreground job waits without need");
        for (int high = 1; high < 4; high++) {
                if (l.waiting[high] == 0)
                        continue;
                if (background < policy->background_jobs)
                        sim_break(sim, "a background job waits without need");
                for (int low = high + 1; low < 4; low++)
                        if (l.running[low] > 0)
                                sim_break(sim, "a lower level runs while a higher one waits");
        }
}

/* Nobody waits longer than everybody else's slices: a job is first in line from the moment no
 * higher level is there, and its turn has to come while that stays so. */
static void check_fairness(Sim *sim)
{
        uint64_t slice = sim->rig.policy.time_slice_sec * USEC_PER_SEC;
        Levels l = count_levels(sim);

        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                SimJob *j = &sim->jobs[i];
                const Job *job;
                bool urgent = false;

                if (!j->live || FAILED(manager_read_job(sim->rig.m, &ADMIN, &j->id, &job)) ||
                    !may_start(sim, job) || job->props.priority == BG_JOB_PRIORITY_FOREGROUND ||
                    is_store_bad(sim)) {
                        j->waits_since = 0;
                        continue;
                }
                for (int high = 1; high < (int) job->props.priority; high++)
                        urgent = urgent || l.running[high] + l.waiting[high] > 0;
                if (urgent || j->waits_since == 0)
                        j->waits_since = sim->rig.clock.mono;
                else if (sim->rig.clock.mono - j->waits_since > (SIM_LIVE_JOBS + 2) * slice)
                        sim_break(sim, "a job starves inside its level");
        }
}

/* What only uploads promise. */
static void check_upload(Sim *sim, const Job *job)
{
        const JobFile *source;

        if (job->type == BG_JOB_TYPE_DOWNLOAD || job->files_len == 0)
                return;
        source = job->files[0];
        if (job->status.uploaded != (source->state == FILE_DONE))
                sim_break(sim, "uploaded and Completed disagree");
        if (source->state == FILE_PUBLISHED || fake_disk_temp(&sim->rig.disk, &job->id, 0) ||
            fake_disk_final(&sim->rig.disk, source->local))
                sim_break(sim, "the source of an upload was touched");
        if (job->status.state == BG_JOB_STATE_TRANSFERRED && !job->status.uploaded)
                sim_break(sim, "TRANSFERRED before the server has everything");
        if ((job->type == BG_JOB_TYPE_UPLOAD_REPLY) != (job->reply != NULL))
                sim_break(sim, "a reply is missing or too many");
        if (job->reply && job->status.transferred_wall == 0 && job->status.error_count == 0 &&
            job->reply->state == FILE_PUBLISHED)
                sim_break(sim, "a reply is visible before Complete");
        if (sim->uploads_by->check)
                sim->uploads_by->check(sim, job);
}

static void check_answer(Sim *sim, SimJob *j, const Job *job)
{
        HRESULT hr = sim->rig.notifier.answers[j->token];
        BG_JOB_STATE state = job->status.state;

        j->token = 0;
        if (j->asked == INTENT_CANCEL) {
                if (state != BG_JOB_STATE_CANCELLED || FAILED(hr))
                        sim_break(sim, "Cancel was answered before the end");
                if (hr == S_OK && fake_disk_count_temps(&sim->rig.disk, &job->id) > 0)
                        sim_break(sim, "temporary files outlive a cancelled job");
                return;
        }
        if (SUCCEEDED(hr) && state != BG_JOB_STATE_ACKNOWLEDGED)
                sim_break(sim, "Complete was answered before the end");
        if (FAILED(hr) && state == BG_JOB_STATE_ACKNOWLEDGED)
                sim_break(sim, "Complete failed and ended the job");
        if (hr == S_OK && job->type == BG_JOB_TYPE_UPLOAD_REPLY)
                sim->uploads_by->check_reply(sim, job);
        for (uint32_t i = 0; job->type == BG_JOB_TYPE_DOWNLOAD && hr == S_OK && i < job->files_len;
             i++) {
                const FakeFinal *f = fake_disk_final(&sim->rig.disk, job->files[i]->local);

                if (!f || f->bytes != job->files[i]->size_bytes)
                        sim_break(sim, "Complete said S_OK without the files");
        }
        if (hr == S_OK && fake_disk_count_temps(&sim->rig.disk, &job->id) > 0)
                sim_break(sim, "temporary files outlive the job");
}

static void note_state(Sim *sim, SimJob *j, const Job *job)
{
        BG_JOB_STATE state = job->status.state;

        if (sim->trace && state != j->state)
                (void) printf("step %u: job %u %s, %u of %u files, error %08x\n", sim->step,
                              (unsigned) (j - sim->jobs), job_state_name(state), job->files_done,
                              job->files_len, (unsigned) job->status.error.code);

        if (state != j->state) {
                j->owed = NOTIFY_NONE;
                if (state == BG_JOB_STATE_TRANSFERRED) {
                        j->owed = NOTIFY_TRANSFERRED;
                        sim->uploads += job->type != BG_JOB_TYPE_DOWNLOAD;
                        sim->replies += job->type == BG_JOB_TYPE_UPLOAD_REPLY;
                }
                if (state == BG_JOB_STATE_ERROR)
                        j->owed = NOTIFY_ERROR;
        }
        j->state = state;
        if (job_state_is_final(state)) {
                j->live = false;
                j->ended = true;
        }
}

/* It ended, and so many others did in the same step that even its tombstone is gone. */
static bool was_told_of_end(const Sim *sim, const SimJob *j)
{
        const FakeSeen *seen = fake_notifier_seen(&sim->rig.notifier, &j->id);

        return seen && job_state_is_final(seen->state);
}

static void note_evicted(Sim *sim, SimJob *j)
{
        if (!was_told_of_end(sim, j))
                sim_break(sim, "an acknowledged job is lost");
        j->live = false;
        j->ended = true;
}

void sim_note_ends(Sim *sim)
{
        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                SimJob *j = &sim->jobs[i];

                if (j->live && was_told_of_end(sim, j)) {
                        j->live = false;
                        j->ended = true;
                }
        }
}

static void check_job(Sim *sim, SimJob *j)
{
        const Job *job;

        if (FAILED(manager_read_job(sim->rig.m, &ADMIN, &j->id, &job))) {
                note_evicted(sim, j);
                return;
        }
        check_sums(sim, job);
        check_bytes(sim, job);
        check_upload(sim, job);
        sim_check_credentials(sim, j, job);
        check_stopped(sim, job);
        if (job->files_len != j->files)
                sim_break(sim, "an acknowledged file is lost");
        note_state(sim, j, job);
        if (j->token != 0 && sim->rig.notifier.answered[j->token])
                check_answer(sim, j, job);
        else if (j->token != 0 && j->ended)
                sim_break(sim, "a job ended without an answer");
}

static uint32_t count_farewells(const Sim *sim)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < sim->rig.store.image.len; i++)
                n += sim->rig.store.image.jobs[i]->status.farewell_wall != 0;
        return n;
}

/* They stay until their program has run. */
static uint32_t count_held(const Sim *sim)
{
        const FakeImage *image = &sim->rig.store.image;
        uint32_t n = 0;

        for (uint32_t i = 0; i < image->len; i++)
                n += job_state_is_final(image->jobs[i]->status.state) &&
                     image->jobs[i]->status.undelivered != NOTIFY_NONE;
        return n;
}

void sim_check(Sim *sim)
{
        const char *violation = fake_rig_violation(&sim->rig);
        ManagerCounts counts;
        uint32_t live = 0;

        if (violation)
                sim_break(sim, violation);
        (void) manager_enum_jobs(sim->rig.m, &ADMIN, BG_JOB_ENUM_ALL_USERS, note_live, sim);
        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                if (sim->jobs[i].live)
                        check_job(sim, &sim->jobs[i]);
                live += sim->jobs[i].live;
        }
        manager_counts(sim->rig.m, &counts);
        if (counts.jobs != live)
                sim_break(sim, "the number of jobs is wrong");
        if (!is_store_bad(sim) && sim->rig.store.image.len > live + sim->rig.policy.tombstones_max +
                                                                     count_farewells(sim) +
                                                                     count_held(sim))
                sim_break(sim, "ended jobs pile up in the store");
        if (!is_store_bad(sim) && sim->rig.store.tainted_len > 0)
                sim_break(sim, "a refused commit is never taken back");
        check_scheduler(sim);
        check_fairness(sim);
}

static bool adopt_unknown(void *ctx, const Job *job)
{
        Sim *sim = ctx;
        SimJob *j = sim_job_of(sim, &job->id);

        if (!j && sim->jobs_len < SIM_JOBS)
                (void) sim_adopt(sim, job); /* made, but the crash swallowed the answer */
        return true;
}

/* After a crash: what was acknowledged is there; what was not may be there or not. */
void sim_check_restart(Sim *sim)
{
        sim->rekey_token = 0;
        (void) manager_enum_jobs(sim->rig.m, &ADMIN, BG_JOB_ENUM_ALL_USERS, adopt_unknown, sim);
        for (uint32_t i = 0; i < sim->jobs_len; i++) {
                SimJob *j = &sim->jobs[i];
                const Job *job;

                j->token = 0;
                j->waits_since = 0;
                j->failed_run = 0;
                if (!j->live)
                        continue;
                if (FAILED(manager_read_job(sim->rig.m, &ADMIN, &j->id, &job))) {
                        sim_break(sim, "an acknowledged job is lost in a crash");
                        continue;
                }
                if (job->files_len < j->files)
                        sim_break(sim, "an acknowledged file is lost in a crash");
                j->files = job->files_len;
                sim_restart_credentials(sim, j, job);
                j->uid = job->owner_uid;
                if (job->status.state == j->state && job->status.undelivered == NOTIFY_NONE)
                        continue; /* delivered or nothing owed: checked at the end */
                note_state(sim, j, job);
        }
}

static void check_at_rest(Sim *sim, const SimJob *j)
{
        const Job *job;

        if (FAILED(manager_read_job(sim->rig.m, &ADMIN, &j->id, &job)))
                return;
        switch (job->status.state) {
        case BG_JOB_STATE_QUEUED:
        case BG_JOB_STATE_CONNECTING:
        case BG_JOB_STATE_TRANSFERRING:
        case BG_JOB_STATE_TRANSIENT_ERROR:
                sim_break(sim, "a job never comes to an end");
                break;
        default:
                break;
        }
        if (sim->trace && sim->broken && job->status.state != BG_JOB_STATE_SUSPENDED)
                (void) printf("job %u: %s, %u of %u files, error %08x\n",
                              (unsigned) (j - sim->jobs), job_state_name(job->status.state),
                              job->files_done, job->files_len, (unsigned) job->status.error.code);
        if (job->status.intent != INTENT_NONE)
                sim_break(sim, "a final step never comes to an end");
        if (j->token != 0)
                sim_break(sim, "a call was never answered");
        if (j->owed != NOTIFY_NONE)
                sim_break(sim, "a sticky notification was never delivered");
}

void sim_check_end(Sim *sim)
{
        for (uint32_t i = 0; i < sim->jobs_len; i++)
                if (sim->jobs[i].live)
                        check_at_rest(sim, &sim->jobs[i]);
        if (sim->rig.transfer.ops_len > 0)
                sim_break(sim, "operations are left over");
        if (count_farewells(sim) > 0)
                sim_break(sim, "a farewell is owed for ever");
        for (uint32_t i = 0; i < sim->jobs_len; i++)
                if (sim->jobs[i].cancelled != 0 &&
                    sim->uploads_by->is_open(sim, sim->jobs[i].cancelled))
                        sim_break(sim, "a server still waits for a cancelled upload");
        for (uint32_t i = 0; i < sim->jobs_len; i++)
                if (sim->jobs[i].owes_farewell &&
                    !fake_transfer_said_farewell(&sim->rig.transfer, &sim->jobs[i].id))
                        sim_break(sim, "a server that answers was not told of a cancel");
        if (manager_has_work(sim->rig.m))
                sim_break(sim, "programs are left over");
        sim_check_rekeyed(sim);
}
