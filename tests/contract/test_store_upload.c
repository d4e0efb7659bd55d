/* SPDX-License-Identifier: Apache-2.0 */
/* What port "store" promises about uploads: their session, and the reply that stands apart. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

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

static void assert_upload(StorePort port, const Job *job, const JobFile *file, const JobFile *reply)
{
        RigQueue queue = rig_load(port);
        const Job *loaded;

        assert_int_equal(queue.result, 0);
        loaded = rig_queue_find(&queue, job->serial);
        assert_jobs_alike(job, loaded);
        assert_int_equal(loaded->files_len, 1);
        assert_files_alike(file, loaded->files[0]);
        assert_non_null(loaded->reply);
        assert_files_alike(reply, loaded->reply);
        rig_queue_done(&queue);
}

static void upload_comes_back_with_its_reply(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_upload(1), *next = sample_job(2);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0), *reply = sample_reply(),
                                             *other = sample_file(1);
        JobFile *both[] = {file, reply};
        StoreRig *rig = *state;
        RigQueue queue;

        mem_free(reply->remote);
        reply->remote = mem_strdup(""); /* the server has not named it yet */
        assert_int_equal(rig->port.begin(rig->port.ctx), 0);
        assert_int_equal(rig->port.job_save(rig->port.ctx, job), 0);
        assert_int_equal(rig->port.files_insert(rig->port.ctx, job, both, 2), 0);
        assert_int_equal(rig->port.commit(rig->port.ctx, true), 0);
        rig_save_job(rig->port, next, false);
        rig_insert_file(rig->port, next, file, false);
        rig_insert_file(rig->port, next, other, true);
        rig->kind->power_loss(rig);
        assert_upload(rig->port, job, file, reply);
        queue = rig_load(rig->port);
        assert_null(queue.jobs[1]->reply);
        assert_int_equal(queue.jobs[1]->files_len, 2);
        rig_queue_done(&queue);
}

static void reply_is_changed_alone_and_goes_with_its_job(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_upload(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0), *reply = sample_reply();
        StoreRig *rig = *state;
        RigQueue queue;

        rig_save_job(rig->port, job, false);
        rig_insert_upload(rig->port, job, file, reply, true);
        assert_upload(rig->port, job, file, reply);

        reply->done_bytes = 99;
        assert_int_equal(rig->port.begin(rig->port.ctx), 0);
        assert_int_equal(rig->port.file_save(rig->port.ctx, job, reply), 0);
        rig->port.rollback(rig->port.ctx);
        reply->done_bytes = 52;
        assert_upload(rig->port, job, file, reply);
        reply->done_bytes = 99;
        rig_save_file(rig->port, job, reply, false);
        rig->kind->kill(rig);
        assert_upload(rig->port, job, file, reply);

        rig_delete_job(rig->port, job, false);
        rig_save_job(rig->port, job, false);
        rig->kind->reboot(rig);
        queue = rig_load(rig->port);
        assert_null(queue.jobs[0]->reply);
        assert_int_equal(queue.jobs[0]->files_len, 0);
        rig_queue_done(&queue);
}

static void session_is_replaced_and_forgotten_with_the_job(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_upload(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0), *reply = sample_reply();
        StoreRig *rig = *state;

        rig_save_job(rig->port, job, false);
        rig_insert_upload(rig->port, job, file, reply, true);
        job->session[3] ^= 0xff;
        job->session_bytes = 7;
        rig_save_job(rig->port, job, true);
        rig->kind->kill(rig);
        assert_upload(rig->port, job, file, reply); /* a job saved again keeps its reply */

        job->session_bytes = 0;
        mem_free(job->props.reply_name);
        job->props.reply_name = NULL;
        job->props.reply_optional = job->status.uploaded = false;
        job->status.farewell_wall = 0;
        rig_save_job(rig->port, job, false);
        assert_upload(rig->port, job, file, reply);
        rig->kind->kill(rig);
        assert_upload(rig->port, job, file, reply);
}

static int try_insert(StorePort port, const Job *job, JobFile *first, JobFile *second)
{
        JobFile *files[] = {first, second};
        int r;

        assert_int_equal(port.begin(port.ctx), 0);
        r = port.files_insert(port.ctx, job, files, second ? 2 : 1);
        port.rollback(port.ctx);
        return r;
}

static void files_that_do_not_go_with_the_type_are_refused(void **state)
{
        _cleanup_(stored_job_freep) Job *upload = sample_job(1), *with_reply = sample_upload(2),
                                        *download = sample_job(3);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0), *second = sample_file(1),
                                             *third = sample_file(2), *nameless = sample_file(0);
        StorePort port = ((StoreRig *) *state)->port;

        nameless->remote[0] = '\0';
        upload->type = BG_JOB_TYPE_UPLOAD;
        rig_save_job(port, upload, false);
        rig_save_job(port, with_reply, false);
        rig_save_job(port, download, false);

        assert_int_equal(try_insert(port, upload, file, NULL), 0);
        assert_int_equal(try_insert(port, upload, file, second), -EINVAL);
        rig_insert_file(port, upload, file, false);
        assert_int_equal(try_insert(port, upload, second, NULL), -EINVAL);

        assert_int_equal(try_insert(port, with_reply, file, NULL), -EINVAL);
        assert_int_equal(try_insert(port, with_reply, second, NULL), -EINVAL);
        assert_int_equal(try_insert(port, with_reply, second, third), -EINVAL);
        assert_int_equal(try_insert(port, with_reply, nameless, second), -EINVAL);
        assert_int_equal(try_insert(port, with_reply, file, second), 0);

        assert_int_equal(try_insert(port, download, file, second), 0);
        assert_int_equal(try_insert(port, download, nameless, NULL), -EINVAL);
        second->remote[0] = '\0'; /* as only a reply may be */
        assert_int_equal(try_insert(port, download, file, second), -EINVAL);
        assert_int_equal(try_insert(port, with_reply, file, second), 0);
        rig_insert_file(port, download, file, false);
        assert_int_equal(port.begin(port.ctx), 0);
        assert_int_equal(port.file_save(port.ctx, download, nameless), -EINVAL);
        assert_int_equal(port.file_save(port.ctx, with_reply, second), -ENOENT);
        port.rollback(port.ctx);
}

#define BOTH(test)                                                                                 \
        {"mem: " #test, test, start_mem, stop, NULL},                                              \
        {                                                                                          \
                "sqlite: " #test, test, start_sqlite, stop, NULL                                   \
        }

int main(void)
{
        const struct CMUnitTest tests[] = {
                BOTH(upload_comes_back_with_its_reply),
                BOTH(reply_is_changed_alone_and_goes_with_its_job),
                BOTH(session_is_replaced_and_forgotten_with_the_job),
                BOTH(files_that_do_not_go_with_the_type_are_refused),
        };

        return cmocka_run_group_tests_name("store contract for uploads", tests, NULL, NULL);
}
