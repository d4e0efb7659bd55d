/* SPDX-License-Identifier: Apache-2.0 */
/* Files that earlier versions wrote, in data/. queue-1.db is of the store of version 1, closed in
 * good order: sample jobs 1 (two files), 7 (distinct values, an upload) and 9 (extreme values, an
 * upload, without proxy lists). queue-2.db is of version 2: the same jobs, 8 (an upload with a
 * reply) and 9 (extreme values, with a reply). queue-3.db is of version 3: the same, and
 * credentials of 7. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fd.h"
#include "sample_job.h"
#include "store/schema.h"
#include "store_rig.h"

static void forget_what_version_3_had_not(Job *job)
{
        job->props.limit_bps = 0;
}

static void forget_what_version_2_had_not(Job *job)
{
        forget_what_version_3_had_not(job);
        mem_free(job->props.notify_program);
        mem_free(job->props.notify_parameters);
        job->props.notify_program = job->props.notify_parameters = NULL;
        job->props.notify_uid = 0;
        job->status.program_result = 0;
        job->status.program_time_wall = 0;
        job->status.program_runs = 0;
}

static void forget_what_version_1_had_not(Job *job)
{
        forget_what_version_2_had_not(job);
        mem_free(job->props.reply_name);
        mem_free(job->session);
        job->props.reply_name = NULL;
        job->session = NULL;
        job->session_bytes = 0;
        job->props.reply_optional = job->status.uploaded = false;
        job->status.farewell_wall = 0;
        if (job->serial != 1)
                job->type = BG_JOB_TYPE_UPLOAD;
}

static void assert_version_1(Store *store)
{
        _cleanup_(stored_job_freep) Job *plain = sample_job(1), *distinct = sample_job_distinct(7),
                                        *extreme = sample_job_extreme(9);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0),
                                             *changed = sample_file_distinct(1);
        Job *const expected[] = {plain, distinct, extreme};
        RigQueue queue = rig_load(store_port(store));
        const char *field;

        mem_free(extreme->props.proxy_list);
        mem_free(extreme->props.proxy_bypass);
        extreme->props.proxy_list = extreme->props.proxy_bypass = NULL;
        assert_int_equal(queue.result, 0);
        assert_int_equal(queue.len, ARRAY_LEN(expected));
        for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
                forget_what_version_1_had_not(expected[i]);
                field = sample_job_difference(expected[i], queue.jobs[i]);
                if (field)
                        fail_msg("job %zu: %s differs", i, field);
                assert_null(queue.jobs[i]->reply);
        }
        assert_int_equal(queue.jobs[0]->files_len, 2);
        assert_null(sample_file_difference(file, queue.jobs[0]->files[0]));
        assert_null(sample_file_difference(changed, queue.jobs[0]->files[1]));
        assert_int_equal(queue.jobs[1]->files_len, 1);
        assert_null(sample_file_difference(file, queue.jobs[2]->files[0]));
        rig_queue_done(&queue);
}

/* Version 2 and what came after it has the same jobs. */
static void assert_version(Store *store, void (*forget)(Job *job), uint32_t credentials)
{
        _cleanup_(stored_job_freep) Job *plain = sample_job(1), *distinct = sample_job_distinct(7),
                                        *upload = sample_upload(8),
                                        *extreme = sample_job_extreme(9);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0), *reply = sample_reply(),
                                             *changed = sample_file_distinct(0);
        Job *const expected[] = {plain, distinct, upload, extreme};
        RigQueue queue = rig_load(store_port(store));
        const char *field;

        mem_free(extreme->props.proxy_list);
        mem_free(extreme->props.proxy_bypass);
        extreme->props.proxy_list = extreme->props.proxy_bypass = NULL;
        assert_int_equal(queue.result, 0);
        assert_int_equal(queue.len, ARRAY_LEN(expected));
        assert_int_equal(queue.jobs[1]->credentials_len, credentials);
        if (credentials > 0)
                stored_job_free_credentials(queue.jobs[1]);
        for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
                forget(expected[i]);
                field = sample_job_difference(expected[i], queue.jobs[i]);
                if (field)
                        fail_msg("job %zu: %s differs", i, field);
                assert_int_equal(queue.jobs[i]->reply != NULL, i >= 2);
                assert_int_equal(queue.jobs[i]->files_len, i == 0 ? 2 : 1);
                assert_null(
                        sample_file_difference(i == 1 ? changed : file, queue.jobs[i]->files[0]));
        }
        assert_null(sample_file_difference(reply, queue.jobs[3]->reply));
        rig_queue_done(&queue);
}

static Store *open_expecting(const char *state_dir, uint32_t version)
{
        StoreStatus status;
        Store *store = NULL;

        if (store_open(state_dir, NULL, &status, &store) < 0 || status.outcome != STORE_OPENED)
                fail_msg("%s: %s", store_outcome_to_string(status.outcome), status.detail);
        assert_int_equal(status.version, version);
        return store;
}

static void copy_file(const char *from, const char *to)
{
        _cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC),
                            out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        struct stat st;

        if (in < 0)
                fail_msg("%s: %s", from, strerror(errno));
        assert_true(out >= 0);
        assert_int_equal(fstat(in, &st), 0);
        assert_int_equal(sendfile(out, in, NULL, (size_t) st.st_size), st.st_size);
}

static void bring_queue_of(const char *name, const char *state_dir)
{
        const char *data = getenv("BITSD_TEST_DATA");
        char from[PATH_MAX], to[RIG_PATH_BYTES + 16];

        assert_non_null(data);
        (void) snprintf(from, sizeof(from), "%s/%s", data, name);
        (void) snprintf(to, sizeof(to), "%s/queue.db", state_dir);
        copy_file(from, to);
}

static void queue_of_version_3_is_raised_with_all_it_holds(void **state)
{
        _cleanup_(stored_job_freep) Job *more = sample_job_distinct(20);
        const char *state_dir = *state;
        RigQueue queue;
        Store *store;

        bring_queue_of("queue-3.db", state_dir);
        store = open_expecting(state_dir, 3); /* as found */
        assert_version(store, forget_what_version_3_had_not, 1);
        rig_save_job(store_port(store), more, true);
        store_close(store);

        store = open_expecting(state_dir, schema_steps()->n);
        queue = rig_load(store_port(store));
        assert_int_equal(queue.len, 5);
        assert_null(sample_job_difference(more, queue.jobs[4])); /* with its limit */
        rig_queue_done(&queue);
        store_close(store);
}

static void queue_of_version_2_is_raised_with_all_it_holds(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job_distinct(7),
                                        *more = sample_job_distinct(20);
        JobCredential c = sample_credential(BG_AUTH_TARGET_PROXY, BG_AUTH_SCHEME_DIGEST, 5);
        const char *state_dir = *state;
        RigQueue queue;
        Store *store;

        bring_queue_of("queue-2.db", state_dir);
        store = open_expecting(state_dir, 2); /* as found */
        assert_version(store, forget_what_version_2_had_not, 0);
        rig_save_credential(store_port(store), job, &c, true);
        store_close(store);

        store = open_expecting(state_dir, schema_steps()->n);
        assert_version(store, forget_what_version_2_had_not, 1);
        rig_save_job(store_port(store), more, true);
        store_close(store);

        store = open_expecting(state_dir, schema_steps()->n);
        queue = rig_load(store_port(store));
        assert_int_equal(queue.len, 5);
        assert_null(sample_job_difference(more, queue.jobs[4]));
        assert_null(sample_credential_difference(&c, &queue.jobs[1]->credentials[0]));
        rig_queue_done(&queue);
        store_close(store);
        sample_credential_done(&c);
}

static void queue_of_version_1_is_raised_with_all_it_holds(void **state)
{
        _cleanup_(stored_job_freep) Job *upload = sample_upload(20);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0), *reply = sample_reply();
        const char *state_dir = *state;
        RigQueue queue;
        Store *store;

        bring_queue_of("queue-1.db", state_dir);
        store = open_expecting(state_dir, 1); /* as found */
        assert_version_1(store);
        store_close(store);

        store = open_expecting(state_dir, schema_steps()->n);
        assert_version_1(store);
        rig_save_job(store_port(store), upload, false);
        rig_insert_upload(store_port(store), upload, file, reply, true);
        store_close(store);

        store = open_expecting(state_dir, schema_steps()->n);
        queue = rig_load(store_port(store));
        assert_int_equal(queue.len, 4);
        assert_null(sample_job_difference(upload, queue.jobs[3]));
        assert_non_null(queue.jobs[3]->reply);
        rig_queue_done(&queue);
        store_close(store);
}

static int make_dir(void **state)
{
        char *dir = mem_alloc(RIG_PATH_BYTES);

        if (!dir)
                return -1;
        rig_make_dir(dir);
        *state = dir;
        return 0;
}

static int remove_dir(void **state)
{
        rig_remove_dir(*state);
        mem_free(*state);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(queue_of_version_3_is_raised_with_all_it_holds,
                                                make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(queue_of_version_2_is_raised_with_all_it_holds,
                                                make_dir, remove_dir),
                cmocka_unit_test_setup_teardown(queue_of_version_1_is_raised_with_all_it_holds,
                                                make_dir, remove_dir),
        };

        return cmocka_run_group_tests_name("store of earlier versions", tests, NULL, NULL);
}
