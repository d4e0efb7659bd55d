/* SPDX-License-Identifier: Apache-2.0 */
/* What port "store" promises, run against every implementation of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "sample_job.h"
#include "store_rig.h"

static int start_mem(void **state)
{
        *state = rig_new(&RIG_MEM);
        return 0;
}

static int start_sqlite(void **state)
{
        *state = rig_new(&RIG_SQLITE);
        return 0;
}

static int stop(void **state)
{
        rig_free(*state);
        return 0;
}

static void assert_jobs_alike(const Job *a, const Job *b)
{
        const char *field;

        assert_non_null(a);
        assert_non_null(b);
        field = sample_job_difference(a, b);
        if (field)
                fail_msg("job %llu: %s differs", (unsigned long long) a->serial, field);
}

static void assert_files_alike(const JobFile *a, const JobFile *b)
{
        const char *field = sample_file_difference(a, b);

        if (field)
                fail_msg("file %u: %s differs", a->index, field);
}

/* Saves, restarts, loads: the job must come back with exactly this file. */
static void assert_round_trip(StoreRig *rig, const Job *job, JobFile *file)
{
        _cleanup_(stored_file_freep) JobFile *reply = sample_reply();
        const Job *loaded;
        RigQueue queue;

        rig_save_job(rig->port, job, false);
        if (job->type == BG_JOB_TYPE_UPLOAD_REPLY)
                rig_insert_upload(rig->port, job, file, reply, true);
        else
                rig_insert_file(rig->port, job, file, true);
        rig->kind->reboot(rig);
        queue = rig_load(rig->port);
        assert_int_equal(queue.result, 0);
        loaded = rig_queue_find(&queue, job->serial);
        assert_jobs_alike(job, loaded);
        assert_int_equal(loaded->files_len, 1);
        assert_files_alike(file, loaded->files[0]);
        rig_queue_done(&queue);
}

static void new_store_is_empty(void **state)
{
        StoreRig *rig = *state;
        RigQueue queue = rig_load(rig->port);

        assert_int_equal(queue.result, 0);
        assert_int_equal(queue.len, 0);
        assert_int_equal(queue.next_serial, 1);
        assert_false(queue.same_boot);
}

static void ordinary_values_come_back(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);

        assert_round_trip(*state, job, file);
}

static void every_field_comes_back(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job_distinct(7);
        _cleanup_(stored_file_freep) JobFile *file = sample_file_distinct(0);

        assert_round_trip(*state, job, file);
}

static void extreme_values_come_back(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job_extreme(STORED_NUMBER_MAX - 1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file_extreme(0);

        assert_round_trip(*state, job, file);
}

static void null_and_empty_are_told_apart(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1), *other = sample_job(2);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);

        job->props.proxy_list = mem_strdup("");
        assert_null(job->props.proxy_bypass);
        assert_null(file->etag);
        assert_round_trip(*state, job, file);

        file->etag = mem_strdup("");
        mem_free(other->props.name);
        other->props.name = NULL;
        other->props.proxy_bypass = mem_strdup("");
        assert_round_trip(*state, other, file);
}

static void jobs_load_by_serial_and_files_by_index(void **state)
{
        static const uint64_t serials[] = {5, 2, 300, 1, 299};
        StoreRig *rig = *state;
        RigQueue queue;

        for (size_t i = 0; i < ARRAY_LEN(serials); i++) {
                _cleanup_(stored_job_freep) Job *job = sample_job(serials[i]);

                rig_save_job(rig->port, job, false);
                for (uint32_t k = 0; k < 20; k++) {
                        _cleanup_(stored_file_freep) JobFile *file = sample_file(k);

                        rig_insert_file(rig->port, job, file, false);
                }
        }
        rig->kind->kill(rig);
        queue = rig_load(rig->port); /* asserts the order */
        assert_int_equal(queue.len, ARRAY_LEN(serials));
        for (size_t i = 0; i < queue.len; i++)
                assert_int_equal(queue.jobs[i]->files_len, 20);
        assert_int_equal(queue.next_serial, 301);
        rig_queue_done(&queue);
}

static void many_files_go_in_at_once(void **state)
{
        enum { N = 1000 };
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;
        JobFile *files[N];
        RigQueue queue;

        for (uint32_t i = 0; i < N; i++)
                files[i] = sample_file(i);
        assert_int_equal(rig->port.begin(rig->port.ctx), 0);
        assert_int_equal(rig->port.job_save(rig->port.ctx, job), 0);
        assert_int_equal(rig->port.files_insert(rig->port.ctx, job, files, 400), 0);
        assert_int_equal(rig->port.files_insert(rig->port.ctx, job, files + 400, N - 400), 0);
        assert_int_equal(rig->port.files_insert(rig->port.ctx, job, NULL, 0), 0);
        assert_int_equal(rig->port.commit(rig->port.ctx, true), 0);
        queue = rig_load(rig->port);
        assert_int_equal(queue.jobs[0]->files_len, N);
        for (uint32_t i = 0; i < N; i++) {
                assert_files_alike(files[i], queue.jobs[0]->files[i]);
                stored_file_free(files[i]);
        }
        rig_queue_done(&queue);
}

static void job_saved_again_is_replaced_and_keeps_its_files(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1), *other = sample_job_distinct(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        StoreRig *rig = *state;
        RigQueue queue;

        rig_save_job(rig->port, job, false);
        rig_insert_file(rig->port, job, file, false);
        rig_save_job(rig->port, other, false); /* same GUID and serial, all else differs */
        rig->kind->kill(rig);
        queue = rig_load(rig->port);
        assert_int_equal(queue.len, 1);
        assert_jobs_alike(other, queue.jobs[0]);
        assert_int_equal(queue.jobs[0]->files_len, 1);
        rig_queue_done(&queue);
}

static void file_saved_is_changed_and_no_other(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        _cleanup_(stored_file_freep) JobFile *first = sample_file(0), *second = sample_file(1),
                                             *changed = sample_file_distinct(1);
        StoreRig *rig = *state;
        RigQueue queue;

        rig_save_job(rig->port, job, false);
        rig_insert_file(rig->port, job, first, false);
        rig_insert_file(rig->port, job, second, false);
        rig_save_file(rig->port, job, changed, false);
        rig->kind->kill(rig);
        queue = rig_load(rig->port);
        assert_files_alike(first, queue.jobs[0]->files[0]);
        assert_files_alike(changed, queue.jobs[0]->files[1]);
        rig_queue_done(&queue);
}

static void deleted_job_is_gone_with_its_files(void **state)
{
        _cleanup_(stored_job_freep) Job *keep = sample_job(1), *gone = sample_job(2);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        StoreRig *rig = *state;
        RigQueue queue;

        rig_save_job(rig->port, keep, false);
        rig_save_job(rig->port, gone, false);
        rig_insert_file(rig->port, keep, file, false);
        rig_insert_file(rig->port, gone, file, false);
        rig_delete_job(rig->port, gone, true);
        rig_delete_job(rig->port, gone, true); /* once more does no harm */
        rig->kind->reboot(rig);
        queue = rig_load(rig->port);
        assert_int_equal(queue.len, 1);
        assert_int_equal(queue.jobs[0]->serial, 1);
        assert_int_equal(queue.jobs[0]->files_len, 1);
        rig_queue_done(&queue);

        /* Files of the old job do not come back with a new one. */
        rig_save_job(rig->port, gone, false);
        queue = rig_load(rig->port);
        assert_int_equal(rig_queue_find(&queue, 2)->files_len, 0);
        rig_queue_done(&queue);
}

static void ended_job_comes_back_as_tombstone(void **state)
{
        static const BG_JOB_STATE finals[] = {BG_JOB_STATE_ACKNOWLEDGED, BG_JOB_STATE_CANCELLED};
        StoreRig *rig = *state;
        RigQueue queue;

        for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
                _cleanup_(stored_job_freep) Job *job = sample_job(i + 1);

                rig_save_job(rig->port, job, true);
                job->status.state = finals[i];
                job->status.ended_wall = 1700000000000001;
                job->status.end_result = BG_S_PARTIAL_COMPLETE;
                rig_save_job(rig->port, job, true);
        }
        rig->kind->power_loss(rig);
        queue = rig_load(rig->port);
        assert_int_equal(queue.len, 2);
        for (size_t i = 0; i < queue.len; i++) {
                assert_int_equal(queue.jobs[i]->status.state, finals[i]);
                assert_int_equal(queue.jobs[i]->status.ended_wall, 1700000000000001);
                assert_int_equal(queue.jobs[i]->status.end_result, BG_S_PARTIAL_COMPLETE);
        }
        rig_queue_done(&queue);
}

/* One of each change, not committed. */
static void change_everything(StorePort port, const Job *old)
{
        _cleanup_(stored_job_freep) Job *changed = sample_job_distinct(old->serial),
                                        *added = sample_job(9), *deleted = sample_job(2);
        _cleanup_(stored_file_freep) JobFile *file = sample_file_distinct(0),
                                             *more = sample_file(1), *first = sample_file(0);

        assert_int_equal(port.begin(port.ctx), 0);
        assert_int_equal(port.job_save(port.ctx, changed), 0);
        assert_int_equal(port.file_save(port.ctx, old, file), 0);
        assert_int_equal(port.files_insert(port.ctx, old, &more, 1), 0);
        assert_int_equal(port.file_save(port.ctx, old, more), 0);
        assert_int_equal(port.job_delete(port.ctx, deleted), 0);
        assert_int_equal(port.job_save(port.ctx, added), 0);
        assert_int_equal(port.files_insert(port.ctx, added, &first, 1), 0);
        assert_int_equal(port.job_delete(port.ctx, added), 0);
        assert_int_equal(port.job_save(port.ctx, added), 0);
}

static void assert_nothing_changed(StorePort port, const Job *job, const JobFile *file)
{
        RigQueue queue = rig_load(port);

        assert_int_equal(queue.result, 0);
        assert_int_equal(queue.len, 2);
        assert_jobs_alike(job, queue.jobs[0]);
        assert_int_equal(queue.jobs[0]->files_len, 1);
        assert_files_alike(file, queue.jobs[0]->files[0]);
        assert_int_equal(queue.jobs[1]->serial, 2);
        assert_int_equal(queue.jobs[1]->files_len, 1);
        rig_queue_done(&queue);
}

static void uncommitted_changes_vanish(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1), *second = sample_job(2);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        StoreRig *rig = *state;

        rig_save_job(rig->port, job, false);
        rig_save_job(rig->port, second, false);
        rig_insert_file(rig->port, job, file, false);
        rig_insert_file(rig->port, second, file, true);

        change_everything(rig->port, job);
        rig->port.rollback(rig->port.ctx);
        assert_nothing_changed(rig->port, job, file);
        rig->port.rollback(rig->port.ctx); /* nothing to do, no harm */

        change_everything(rig->port, job);
        rig->kind->kill(rig);
        assert_nothing_changed(rig->port, job, file);

        change_everything(rig->port, job);
        rig->kind->power_loss(rig);
        assert_nothing_changed(rig->port, job, file);

        change_everything(rig->port, job);
        rig->kind->reboot(rig);
        assert_nothing_changed(rig->port, job, file);
}

static void committed_changes_survive_a_kill(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1), *second = sample_job(2);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        StoreRig *rig = *state;
        RigQueue queue;

        rig_save_job(rig->port, job, false);
        rig_save_job(rig->port, second, false);
        rig_insert_file(rig->port, job, file, false);
        change_everything(rig->port, job);
        assert_int_equal(rig->port.commit(rig->port.ctx, false), 0);
        rig->kind->kill(rig);
        queue = rig_load(rig->port);
        assert_int_equal(queue.len, 2);
        assert_int_equal(queue.jobs[0]->status.state, BG_JOB_STATE_TRANSIENT_ERROR);
        assert_int_equal(queue.jobs[0]->files_len, 2);
        assert_int_equal(queue.jobs[0]->files[0]->done_bytes, 32);
        assert_int_equal(queue.jobs[1]->serial, 9);
        assert_int_equal(queue.jobs[1]->files_len, 0);
        rig_queue_done(&queue);
}

static void durable_commit_survives_power_loss_with_all_before_it(void **state)
{
        StoreRig *rig = *state;
        RigQueue queue;

        for (unsigned round = 0; round < 3; round++) {
                for (uint64_t i = 1; i <= 5; i++) {
                        _cleanup_(stored_job_freep) Job *job = sample_job(round * 5 + i);
                        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);

                        rig_save_job(rig->port, job, false);
                        rig_insert_file(rig->port, job, file, i == 5);
                }
                rig->kind->power_loss(rig);
                queue = rig_load(rig->port);
                assert_int_equal(queue.len, (round + 1) * 5);
                for (size_t i = 0; i < queue.len; i++)
                        assert_int_equal(queue.jobs[i]->files_len, 1);
                rig_queue_done(&queue);
        }
}

static void empty_durable_commit_hardens_what_came_before(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;
        RigQueue queue;

        rig_save_job(rig->port, job, false);
        assert_int_equal(rig->port.begin(rig->port.ctx), 0);
        assert_int_equal(rig->port.commit(rig->port.ctx, true), 0);
        rig->kind->power_loss(rig);
        queue = rig_load(rig->port);
        assert_int_equal(queue.len, 1);
        rig_queue_done(&queue);
}

static void durable_commit_hardens_what_a_killed_process_left(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;
        RigQueue queue;

        rig_save_job(rig->port, job, false);
        rig->kind->kill(rig);
        assert_int_equal(rig->port.begin(rig->port.ctx), 0);
        assert_int_equal(rig->port.commit(rig->port.ctx, true), 0);
        rig->kind->power_loss(rig);
        queue = rig_load(rig->port);
        assert_int_equal(queue.len, 1);
        rig_queue_done(&queue);
}

static void power_loss_takes_plain_commits_whole(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        StoreRig *rig = *state;
        RigQueue queue;

        rig_save_job(rig->port, job, true);
        rig_insert_file(rig->port, job, file, false);
        job->status.state = BG_JOB_STATE_QUEUED;
        rig_save_job(rig->port, job, false);
        rig->kind->power_loss(rig);
        queue = rig_load(rig->port);
        assert_int_equal(queue.len, 1);
        assert_int_equal(queue.jobs[0]->files_len, 0);
        assert_int_equal(queue.jobs[0]->status.state, BG_JOB_STATE_SUSPENDED);
        rig_queue_done(&queue);
}

static bool same_boot(StoreRig *rig)
{
        RigQueue queue = rig_load(rig->port);
        bool same = queue.same_boot;

        rig_queue_done(&queue);
        return same;
}

static void boot_is_that_of_the_last_write(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;

        rig_save_job(rig->port, job, true);
        assert_true(same_boot(rig));
        rig->kind->kill(rig);
        assert_true(same_boot(rig));

        rig->kind->reboot(rig);
        assert_false(same_boot(rig));
        rig->kind->kill(rig); /* nothing was written on this boot yet */
        assert_false(same_boot(rig));
        assert_int_equal(rig->port.begin(rig->port.ctx), 0);
        assert_int_equal(rig->port.commit(rig->port.ctx, true), 0);
        assert_false(same_boot(rig));
        assert_int_equal(rig->port.begin(rig->port.ctx), 0);
        assert_int_equal(rig->port.job_save(rig->port.ctx, job), 0);
        rig->port.rollback(rig->port.ctx);
        assert_false(same_boot(rig));

        rig_save_job(rig->port, job, true);
        assert_true(same_boot(rig));
        rig->kind->power_loss(rig);
        assert_false(same_boot(rig));
}

static void writes_need_a_transaction(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        StorePort port = ((StoreRig *) *state)->port;
        RigQueue queue;

        assert_int_equal(port.job_save(port.ctx, job), -EINVAL);
        assert_int_equal(port.job_delete(port.ctx, job), -EINVAL);
        assert_int_equal(port.files_insert(port.ctx, job, &file, 1), -EINVAL);
        assert_int_equal(port.file_save(port.ctx, job, file), -EINVAL);
        assert_int_equal(port.commit(port.ctx, true), -EINVAL);
        assert_int_equal(port.begin(port.ctx), 0);
        assert_int_equal(port.begin(port.ctx), -EINVAL);
        port.rollback(port.ctx);
        queue = rig_load(port);
        assert_int_equal(queue.len, 0);
}

static void file_without_its_job_is_refused(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1), *unknown = sample_job(2);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0), *second = sample_file(1),
                                             *third = sample_file(2);
        StorePort port = ((StoreRig *) *state)->port;
        JobFile *gap[] = {file, third};

        rig_save_job(port, job, true);
        assert_int_equal(port.begin(port.ctx), 0);
        assert_int_equal(port.files_insert(port.ctx, unknown, &file, 1), -ENOENT);
        port.rollback(port.ctx);
        assert_int_equal(port.begin(port.ctx), 0);
        assert_int_equal(port.file_save(port.ctx, job, file), -ENOENT);
        port.rollback(port.ctx);
        assert_int_equal(port.begin(port.ctx), 0);
        assert_int_equal(port.file_save(port.ctx, unknown, file), -ENOENT);
        port.rollback(port.ctx);

        /* A gap among the files of a job could not be loaded again. */
        assert_int_equal(port.begin(port.ctx), 0);
        assert_int_equal(port.files_insert(port.ctx, job, &second, 1), -EINVAL);
        port.rollback(port.ctx);
        assert_int_equal(port.begin(port.ctx), 0);
        assert_int_equal(port.files_insert(port.ctx, job, gap, 2), -EINVAL);
        port.rollback(port.ctx);
}

typedef void (*Spoil)(Job *job, JobFile *file);

static void spoil_serial(Job *job, JobFile *file)
{
        job->serial = 0;
}
static void spoil_serial_high(Job *job, JobFile *file)
{
        job->serial = STORED_NUMBER_MAX;
}
static void spoil_type(Job *job, JobFile *file)
{
        job->type = BG_JOB_TYPE_UPLOAD_REPLY + 1;
}
static void spoil_state(Job *job, JobFile *file)
{
        job->status.state = BG_JOB_STATE_CANCELLED + 1;
}
static void spoil_priority(Job *job, JobFile *file)
{
        job->props.priority = BG_JOB_PRIORITY_LOW + 1;
}
static void spoil_proxy(Job *job, JobFile *file)
{
        job->props.proxy_usage = (BG_JOB_PROXY_USAGE) -1;
}
static void spoil_intent(Job *job, JobFile *file)
{
        job->status.intent = INTENT_MAX;
}
static void spoil_undelivered(Job *job, JobFile *file)
{
        job->status.undelivered = NOTIFY_KIND_MAX;
}
static void spoil_context(Job *job, JobFile *file)
{
        job->status.error.context = BG_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK + 1;
}
static void spoil_time(Job *job, JobFile *file)
{
        job->status.created_wall = UINT64_MAX;
}
static void spoil_name(Job *job, JobFile *file)
{
        job->props.name[0] = '\xff';
}
static void spoil_name_length(Job *job, JobFile *file)
{
        mem_free(job->props.name);
        job->props.name = sample_long_text(STORED_TEXT_BYTES_MAX / 3 + 1);
}
static void spoil_reply_name(Job *job, JobFile *file)
{
        job->type = BG_JOB_TYPE_UPLOAD_REPLY;
        job->props.reply_name = mem_strdup("/\xff");
}
static void spoil_reply_name_type(Job *job, JobFile *file)
{
        job->type = BG_JOB_TYPE_UPLOAD;
        job->props.reply_name = mem_strdup("/reply");
}
static void spoil_farewell(Job *job, JobFile *file)
{
        job->status.farewell_wall = UINT64_MAX;
}
static void spoil_session_type(Job *job, JobFile *file)
{
        job->session = mem_zalloc(1);
        job->session_bytes = 1;
}
static void spoil_session_length(Job *job, JobFile *file)
{
        job->type = BG_JOB_TYPE_UPLOAD;
        job->session = mem_zalloc(JOB_SESSION_BYTES_MAX + 1);
        job->session_bytes = JOB_SESSION_BYTES_MAX + 1;
}
static void spoil_session(Job *job, JobFile *file)
{
        job->type = BG_JOB_TYPE_UPLOAD;
        job->session_bytes = 1;
}
static void spoil_remote(Job *job, JobFile *file)
{
        file->remote[0] = '\xc0';
}
static void spoil_local(Job *job, JobFile *file)
{
        mem_free(file->local);
        file->local = NULL;
}
static void spoil_file_state(Job *job, JobFile *file)
{
        file->state = FILE_STATE_MAX;
}
static void spoil_size(Job *job, JobFile *file)
{
        file->size_bytes = BG_SIZE_UNKNOWN - 1;
}
static void spoil_done(Job *job, JobFile *file)
{
        file->done_bytes = BG_SIZE_UNKNOWN;
}

/* What could not be loaded again must not get in. */
static void values_against_the_rules_are_refused(void **state)
{
        static const Spoil spoils[] = {
                spoil_serial,
                spoil_serial_high,
                spoil_type,
                spoil_state,
                spoil_priority,
                spoil_proxy,
                spoil_intent,
                spoil_undelivered,
                spoil_context,
                spoil_time,
                spoil_name,
                spoil_name_length,
                spoil_remote,
                spoil_local,
                spoil_file_state,
                spoil_size,
                spoil_done,
                spoil_reply_name,
                spoil_reply_name_type,
                spoil_farewell,
                spoil_session_type,
                spoil_session_length,
                spoil_session,
        };
        StorePort port = ((StoreRig *) *state)->port;
        RigQueue queue;

        for (size_t i = 0; i < ARRAY_LEN(spoils); i++) {
                _cleanup_(stored_job_freep) Job *good = sample_job(1), *job = sample_job(1);
                _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
                int job_result, file_result;

                spoils[i](job, file);
                assert_int_equal(port.begin(port.ctx), 0);
                job_result = port.job_save(port.ctx, job);
                port.rollback(port.ctx);
                assert_int_equal(port.begin(port.ctx), 0);
                assert_int_equal(port.job_save(port.ctx, good), 0);
                file_result = port.files_insert(port.ctx, good, &file, 1);
                port.rollback(port.ctx);
                if (job_result == 0 && file_result == 0)
                        fail_msg("value %zu was let in", i);
                assert_true(job_result == 0 || job_result == -EINVAL);
                assert_true(file_result == 0 || file_result == -EINVAL);
        }
        queue = rig_load(port);
        assert_int_equal(queue.len, 0);
}

static void texts_of_strangers_never_stop_a_save(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        StoreRig *rig = *state;
        RigQueue queue;

        str_copy(job->status.error.host, JOB_ERROR_HOST_BYTES, "h");
        job->status.error.host[0] = '\xe4';
        memset(job->status.error.text, 0xfe, sizeof(job->status.error.text)); /* unterminated */
        file->etag = mem_strdup("\"\xff\"");
        rig_save_job(rig->port, job, false);
        rig_insert_file(rig->port, job, file, false);
        rig_save_file(rig->port, job, file, false);
        rig->kind->reboot(rig);
        queue = rig_load(rig->port);
        assert_int_equal(queue.len, 1);
        assert_string_equal(queue.jobs[0]->status.error.host, "?");
        assert_int_equal(queue.jobs[0]->status.error.text[0], '?');
        assert_int_equal(strlen(queue.jobs[0]->status.error.text), JOB_ERROR_TEXT_BYTES - 1);
        assert_null(queue.jobs[0]->files[0]->etag);
        rig_queue_done(&queue);
}

static void another_job_under_a_serial_brings_no_old_files(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1), *other = sample_job(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        StoreRig *rig = *state;
        RigQueue queue;

        other->id.Data1 ^= 1;
        rig_save_job(rig->port, job, false);
        rig_insert_file(rig->port, job, file, false);
        rig_save_job(rig->port, other, true);
        rig->kind->power_loss(rig);
        queue = rig_load(rig->port);
        assert_int_equal(queue.len, 1);
        assert_jobs_alike(other, queue.jobs[0]);
        assert_int_equal(queue.jobs[0]->files_len, 0);
        rig_queue_done(&queue);
}

/* Refuses the n-th object. */
typedef struct Refusal {
        unsigned n;
        unsigned seen;
} Refusal;

static int refuse(Refusal *r)
{
        return ++r->seen == r->n ? -ECANCELED : 0;
}

static int refuse_job(void *ctx, Job *job)
{
        stored_job_free(job);
        return refuse(ctx);
}

static int refuse_file(void *ctx, const GUID *job, JobFile *file)
{
        stored_file_free(file);
        return refuse(ctx);
}

/* Leaks are found by the sanitizer build. */
static void sink_failure_stops_the_load(void **state)
{
        StoreRig *rig = *state;

        for (uint64_t serial = 1; serial <= 3; serial++) {
                _cleanup_(stored_job_freep) Job *job =
                        serial == 2 ? sample_upload(serial) : sample_job(serial);

                _cleanup_(stored_file_freep) JobFile *file = sample_file(0),
                                                     *second = sample_file(1);

                rig_save_job(rig->port, job, false);
                if (serial == 2) {
                        rig_insert_upload(rig->port, job, file, second, false);
                        continue;
                }
                rig_insert_file(rig->port, job, file, false);
                rig_insert_file(rig->port, job, second, false);
        }
        for (unsigned n = 1; n <= 9; n++) {
                Refusal refusal = {.n = n};
                StoreSink sink = {refuse_job, refuse_file, &refusal};
                uint64_t next = 77;
                bool same = true;

                if (n % 2)
                        rig->kind->reboot(rig); /* both ways of loading: as opened, and again */
                assert_int_equal(rig->port.load(rig->port.ctx, &sink, &same, &next), -ECANCELED);
                assert_int_equal(refusal.seen, n);
                assert_int_equal(next, 77); /* untouched on failure */
        }
}

/* Whatever allocation fails: the call fails cleanly or succeeds, and nothing is half there. */
static void memory_shortage_leaves_the_store_whole(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1), *second = sample_upload(2);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0), *changed = sample_file(0),
                                             *reply = sample_reply();
        JobFile *both[] = {file, reply};
        StoreRig *rig = *state;
        bool struck = true;

        changed->done_bytes = 5;
        rig_save_job(rig->port, job, false);
        rig_insert_file(rig->port, job, file, true);
        for (uint64_t n = 1; struck; n++) {
                StorePort port = rig->port;
                RigQueue queue;
                int r;

                mem_fail_nth(n);
                r = port.begin(port.ctx);
                if (r == 0)
                        r = port.file_save(port.ctx, job, changed);
                if (r == 0)
                        r = port.job_save(port.ctx, second);
                if (r == 0)
                        r = port.files_insert(port.ctx, second, both, 2);
                if (r == 0)
                        r = port.commit(port.ctx, false);
                if (r < 0)
                        port.rollback(port.ctx);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_true(r == 0 || (struck && r == -ENOMEM));

                queue = rig_load(port);
                assert_int_equal(queue.result, 0);
                assert_int_equal(queue.len, r == 0 ? 2 : 1);
                assert_int_equal(queue.jobs[0]->files[0]->done_bytes, r == 0 ? 5 : 0);
                if (r == 0)
                        assert_files_alike(reply, queue.jobs[1]->reply);
                rig_queue_done(&queue);
                rig_delete_job(port, second, false);
                rig_save_file(port, job, file, false);
                assert_true(n < 1000);
        }
}

static int drop_job(void *ctx, Job *job)
{
        stored_job_free(job);
        return 0;
}

static int drop_file(void *ctx, const GUID *job, JobFile *file)
{
        stored_file_free(file);
        return 0;
}

static void memory_shortage_while_loading_is_reported(void **state)
{
        StoreSink sink = {drop_job, drop_file, NULL};
        StoreRig *rig = *state;
        bool struck = true;

        for (uint64_t serial = 1; serial <= 3; serial++) {
                _cleanup_(stored_job_freep) Job *job =
                        serial == 2 ? sample_upload(serial) : sample_job_distinct(serial);
                _cleanup_(stored_file_freep) JobFile *file = sample_file_distinct(0),
                                                     *second = sample_file_distinct(1);

                rig_save_job(rig->port, job, false);
                if (serial == 2) {
                        rig_insert_upload(rig->port, job, file, second, false);
                        continue;
                }
                rig_insert_file(rig->port, job, file, false);
                rig_insert_file(rig->port, job, second, false);
        }
        for (uint64_t n = 1; struck; n++) {
                uint64_t next;
                bool same;
                int r;

                mem_fail_nth(n);
                r = rig->port.load(rig->port.ctx, &sink, &same, &next);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
                assert_true(n < 1000);
        }
}

#define BOTH(test)                                                                                 \
        {"mem: " #test, test, start_mem, stop, NULL},                                              \
        {                                                                                          \
                "sqlite: " #test, test, start_sqlite, stop, NULL                                   \
        }

int main(void)
{
        const struct CMUnitTest tests[] = {
                BOTH(new_store_is_empty),
                BOTH(ordinary_values_come_back),
                BOTH(every_field_comes_back),
                BOTH(extreme_values_come_back),
                BOTH(null_and_empty_are_told_apart),
                BOTH(jobs_load_by_serial_and_files_by_index),
                BOTH(many_files_go_in_at_once),
                BOTH(job_saved_again_is_replaced_and_keeps_its_files),
                BOTH(file_saved_is_changed_and_no_other),
                BOTH(deleted_job_is_gone_with_its_files),
                BOTH(ended_job_comes_back_as_tombstone),
                BOTH(uncommitted_changes_vanish),
                BOTH(committed_changes_survive_a_kill),
                BOTH(durable_commit_survives_power_loss_with_all_before_it),
                BOTH(empty_durable_commit_hardens_what_came_before),
                BOTH(durable_commit_hardens_what_a_killed_process_left),
                BOTH(power_loss_takes_plain_commits_whole),
                BOTH(boot_is_that_of_the_last_write),
                BOTH(writes_need_a_transaction),
                BOTH(file_without_its_job_is_refused),
                BOTH(values_against_the_rules_are_refused),
                BOTH(texts_of_strangers_never_stop_a_save),
                BOTH(another_job_under_a_serial_brings_no_old_files),
                BOTH(sink_failure_stops_the_load),
                BOTH(memory_shortage_leaves_the_store_whole),
                BOTH(memory_shortage_while_loading_is_reported),
        };

        return cmocka_run_group_tests_name("store contract", tests, NULL, NULL);
}
