/* SPDX-License-Identifier: Apache-2.0 */
/* What store_mem offers beyond the port: accidents and failures on order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "sample_job.h"
#include "store_rig.h"

static int start(void **state)
{
        *state = store_mem_new();
        return *state ? 0 : -1;
}

static int stop(void **state)
{
        store_mem_free(*state);
        return 0;
}

static size_t count_jobs(StoreMem *mem)
{
        RigQueue queue = rig_load(store_mem_port(mem));
        size_t n = queue.len;

        assert_int_equal(queue.result, 0);
        rig_queue_done(&queue);
        return n;
}

static void save(StoreMem *mem, uint64_t serial, bool durable)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(serial);

        rig_save_job(store_mem_port(mem), job, durable);
}

static void power_loss_keeps_as_many_plain_commits_as_told(void **state)
{
        for (uint32_t keep = 0; keep <= 5; keep++) {
                _cleanup_(store_mem_freep) StoreMem *mem = store_mem_new();

                save(mem, 1, true);
                for (uint64_t serial = 2; serial <= 5; serial++)
                        save(mem, serial, false);
                assert_int_equal(store_mem_unhardened(mem), 4);
                assert_int_equal(store_mem_power_loss(mem, keep), 0);
                assert_int_equal(count_jobs(mem), 1 + MIN(keep, 4u));
                assert_int_equal(store_mem_unhardened(mem), 0);
                assert_int_equal(store_mem_power_loss(mem, 0), 0); /* what was found stays */
                assert_int_equal(count_jobs(mem), 1 + MIN(keep, 4u));
        }
}

static void power_loss_takes_the_open_transaction(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StorePort port = store_mem_port(*state);

        assert_int_equal(port.begin(port.ctx), 0);
        assert_int_equal(port.job_save(port.ctx, job), 0);
        assert_int_equal(store_mem_power_loss(*state, 100), 0);
        assert_int_equal(count_jobs(*state), 0);
        assert_int_equal(port.commit(port.ctx, true), -EINVAL);
        assert_int_equal(port.begin(port.ctx), 0);
        port.rollback(port.ctx);
}

static void durable_commit_leaves_nothing_unhardened(void **state)
{
        save(*state, 1, false);
        save(*state, 2, false);
        save(*state, 3, true);
        assert_int_equal(store_mem_unhardened(*state), 0);
        assert_int_equal(store_mem_power_loss(*state, 0), 0);
        assert_int_equal(count_jobs(*state), 3);
}

/* begin, job_save, files_insert, file_save, commit, one after the other. */
static int try_all(StorePort port, const Job *job, JobFile *file)
{
        int r;

        r = port.begin(port.ctx);
        if (r == 0)
                r = port.job_save(port.ctx, job);
        if (r == 0)
                r = port.files_insert(port.ctx, job, &file, 1);
        if (r == 0)
                r = port.file_save(port.ctx, job, file);
        if (r == 0)
                r = port.commit(port.ctx, true);
        port.rollback(port.ctx);
        return r;
}

static void call_fails_as_ordered_and_only_once(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        StorePort port = store_mem_port(*state);
        uint64_t before = store_mem_calls(*state);

        for (uint64_t n = 1; n <= 5; n++) {
                store_mem_fail_nth(*state, n, -ENOSPC);
                assert_int_equal(try_all(port, job, file), -ENOSPC);
                assert_int_equal(store_mem_calls(*state), before + n);
                before += n;
                assert_int_equal(count_jobs(*state), 0);
                before = store_mem_calls(*state);
        }
        store_mem_fail_nth(*state, 6, -EIO);
        assert_int_equal(try_all(port, job, file), 0);
        assert_int_equal(rig_load(port).result, -EIO); /* the sixth */
        assert_int_equal(count_jobs(*state), 1);
        store_mem_fail_nth(*state, 1, -EIO);
        store_mem_fail_nth(*state, 0, 0);
        assert_int_equal(try_all(port, job, file), 0);
}

/* A store that cannot be made, a load and an accident that end for want of memory leave all as it
 * was. */
static void want_of_memory_changes_nothing(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        JobCredential c = sample_credential(BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_BASIC, 1);
        StoreMem *mem = *state;
        StorePort port = store_mem_port(mem);
        bool struck = true;

        mem_fail_nth(1);
        assert_null(store_mem_new());
        mem_fail_nth(0);
        rig_save_job(port, job, true);
        rig_insert_file(port, job, file, true);
        rig_save_credential(port, job, &c, true);
        for (unsigned n = 1; struck; n++) {
                int r;

                mem_fail_nth(n);
                r = store_mem_power_loss(mem, 0);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
                assert_int_equal(count_jobs(mem), 1);
                assert_true(n < 100);
        }
        save(mem, 2, false);
        struck = true;
        for (unsigned n = 1; struck; n++) {
                RigQueue queue;
                int r;

                mem_fail_nth(n);
                r = store_mem_power_loss(mem, 1);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
                queue = rig_load(port);
                assert_int_equal(queue.len, 2);
                assert_int_equal(queue.jobs[0]->files_len, 1);
                assert_int_equal(queue.jobs[0]->credentials_len, 1);
                rig_queue_done(&queue);
                assert_true(n < 100);
        }
        sample_credential_done(&c);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(power_loss_keeps_as_many_plain_commits_as_told),
                CASE(power_loss_takes_the_open_transaction),
                CASE(durable_commit_leaves_nothing_unhardened),
                CASE(call_fails_as_ordered_and_only_once),
                CASE(want_of_memory_changes_nothing),
        };

        return cmocka_run_group_tests_name("store_mem", tests, NULL, NULL);
}
