/* SPDX-License-Identifier: Apache-2.0 */
/* What port "store" promises about credentials and the programs of jobs; and that a blob that was
 * deleted or replaced is in no file any more. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "engine/port/vault.h"
#include "sample_job.h"
#include "store_rig.h"

enum { SERVER = BG_AUTH_TARGET_SERVER, PROXY = BG_AUTH_TARGET_PROXY };
enum { BASIC = BG_AUTH_SCHEME_BASIC, NTLM = BG_AUTH_SCHEME_NTLM };

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

static void put(StoreRig *rig, const Job *job, uint32_t target, uint32_t scheme, uint8_t mark)
{
        JobCredential c = sample_credential(target, scheme, mark);

        rig_save_credential(rig->port, job, &c, true);
        sample_credential_done(&c);
}

/* Each slot: target, scheme, mark; in the order of loading. */
static void assert_slots(StoreRig *rig, uint64_t serial, const uint8_t (*slots)[3], uint32_t n)
{
        RigQueue queue = rig_load(rig->port);
        const Job *job = rig_queue_find(&queue, serial);

        assert_int_equal(queue.result, 0);
        assert_non_null(job);
        assert_int_equal(job->credentials_len, n);
        for (uint32_t i = 0; i < n; i++) {
                JobCredential c = sample_credential(slots[i][0], slots[i][1], slots[i][2]);
                const char *field = sample_credential_difference(&c, &job->credentials[i]);

                if (field)
                        fail_msg("credential %u: %s differs", i, field);
                sample_credential_done(&c);
        }
        rig_queue_done(&queue);
}

static void every_slot_comes_back_in_order_after_any_accident(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1), *other = sample_upload(2);
        uint8_t slots[JOB_CREDENTIALS_MAX][3];
        StoreRig *rig = *state;

        rig_save_job(rig->port, other, false);
        rig_save_job(rig->port, job, false);
        for (uint8_t i = JOB_CREDENTIALS_MAX; i > 0; i--) {
                uint8_t *slot = slots[i - 1];

                slot[0] = i > 5 ? PROXY : SERVER;
                slot[1] = (uint8_t) ((i - 1) % 5 + 1);
                slot[2] = (uint8_t) (i - 1); /* the first one as large as can be */
                put(rig, job, slot[0], slot[1], slot[2]);
        }
        assert_slots(rig, 1, (const uint8_t(*)[3]) slots, JOB_CREDENTIALS_MAX);
        assert_slots(rig, 2, NULL, 0);
        rig->kind->kill(rig);
        assert_slots(rig, 1, (const uint8_t(*)[3]) slots, JOB_CREDENTIALS_MAX);
        rig->kind->power_loss(rig);
        assert_slots(rig, 1, (const uint8_t(*)[3]) slots, JOB_CREDENTIALS_MAX);
}

static void slot_is_replaced_and_emptied_alone(void **state)
{
        static const uint8_t both[][3] = {{SERVER, BASIC, 8}, {PROXY, NTLM, 9}},
                             left[][3] = {{PROXY, NTLM, 9}};
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;

        rig_save_job(rig->port, job, false);
        put(rig, job, PROXY, NTLM, 9);
        put(rig, job, SERVER, BASIC, 200);
        put(rig, job, SERVER, BASIC, 8);
        assert_slots(rig, 1, both, 2);
        rig_delete_credential(rig->port, job, SERVER, NTLM, false); /* is empty */
        assert_slots(rig, 1, both, 2);
        rig_delete_credential(rig->port, job, SERVER, BASIC, false);
        assert_slots(rig, 1, left, 1);
        rig->kind->kill(rig);
        assert_slots(rig, 1, left, 1);
}

static void credentials_stay_when_the_job_is_saved_and_go_with_it(void **state)
{
        static const uint8_t kept[][3] = {{SERVER, BASIC, 8}};
        _cleanup_(stored_job_freep) Job *job = sample_job(1), *successor = sample_job_distinct(1);
        StoreRig *rig = *state;

        rig_save_job(rig->port, job, false);
        put(rig, job, SERVER, BASIC, 8);
        job->status.error_count = 5;
        rig_save_job(rig->port, job, false);
        assert_slots(rig, 1, kept, 1);

        successor->id.Data1 ^= 1; /* another job under the same serial */
        rig_save_job(rig->port, successor, false);
        assert_slots(rig, 1, NULL, 0);
        put(rig, successor, SERVER, BASIC, 8);
        rig_delete_job(rig->port, successor, false);
        rig_save_job(rig->port, job, false);
        assert_slots(rig, 1, NULL, 0);
}

static void rollback_and_kill_restore_what_the_slot_held(void **state)
{
        static const uint8_t kept[][3] = {{SERVER, BASIC, 8}};
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        JobCredential c = sample_credential(SERVER, BASIC, 99),
                      d = sample_credential(PROXY, NTLM, 9);
        StoreRig *rig = *state;

        rig_save_job(rig->port, job, false);
        put(rig, job, SERVER, BASIC, 8);
        for (int i = 0; i < 2; i++) {
                StorePort port = rig->port;

                assert_int_equal(port.begin(port.ctx), 0);
                assert_int_equal(port.credential_delete(port.ctx, job, SERVER, BASIC), 0);
                assert_int_equal(port.credential_save(port.ctx, job, &c), 0);
                assert_int_equal(port.credential_save(port.ctx, job, &d), 0);
                if (i == 0)
                        port.rollback(port.ctx);
                else
                        rig->kind->kill(rig);
                assert_slots(rig, 1, kept, 1);
        }
        sample_credential_done(&c);
        sample_credential_done(&d);
}

static int try_save(StorePort port, const Job *job, const JobCredential *c)
{
        int r;

        assert_int_equal(port.begin(port.ctx), 0);
        r = port.credential_save(port.ctx, job, c);
        port.rollback(port.ctx);
        return r;
}

static void slots_that_are_none_are_refused(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1), *unknown = sample_job(2);
        JobCredential c = sample_credential(SERVER, BASIC, 0), bad;
        StorePort port = ((StoreRig *) *state)->port;

        rig_save_job(port, job, false);
        assert_int_equal(try_save(port, job, &c), 0);
        assert_int_equal(try_save(port, unknown, &c), -ENOENT);
        assert_int_equal(port.credential_save(port.ctx, job, &c), -EINVAL); /* no transaction */
        assert_int_equal(port.credential_delete(port.ctx, job, SERVER, BASIC), -EINVAL);

        bad = c, bad.target = 0;
        assert_int_equal(try_save(port, job, &bad), -EINVAL);
        bad = c, bad.target = 3;
        assert_int_equal(try_save(port, job, &bad), -EINVAL);
        bad = c, bad.scheme = 0;
        assert_int_equal(try_save(port, job, &bad), -EINVAL);
        bad = c, bad.scheme = 6;
        assert_int_equal(try_save(port, job, &bad), -EINVAL);
        bad = c, bad.sealed_bytes = 0;
        assert_int_equal(try_save(port, job, &bad), -EINVAL);
        bad = c, bad.sealed_bytes = VAULT_SEALED_BYTES_MAX + 1;
        assert_int_equal(try_save(port, job, &bad), -EINVAL);
        bad = c, bad.sealed = NULL;
        assert_int_equal(try_save(port, job, &bad), -EINVAL);
        sample_credential_done(&c);
}

static int try_job(StorePort port, const Job *job)
{
        int r;

        assert_int_equal(port.begin(port.ctx), 0);
        r = port.job_save(port.ctx, job);
        port.rollback(port.ctx);
        return r;
}

static void programs_against_the_rules_are_refused(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job_distinct(1);
        StorePort port = ((StoreRig *) *state)->port;
        char *program = job->props.notify_program;

        assert_int_equal(try_job(port, job), 0);
        job->props.notify_program = NULL; /* parameters of no program */
        assert_int_equal(try_job(port, job), -EINVAL);
        job->props.notify_program = program;
        program[1] = (char) 0xff;
        assert_int_equal(try_job(port, job), -EINVAL);
        program[1] = 'o';
        job->status.program_time_wall = STORED_NUMBER_MAX + 1;
        assert_int_equal(try_job(port, job), -EINVAL);
        job->status.program_time_wall = 0;
        assert_int_equal(try_job(port, job), 0);
}

static void memory_shortage_leaves_slots_whole(void **state)
{
        static const uint8_t kept[][3] = {{SERVER, BASIC, 8}};
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        JobCredential c = sample_credential(SERVER, BASIC, 99),
                      d = sample_credential(PROXY, NTLM, 9);
        StoreRig *rig = *state;
        bool struck = true;

        rig_save_job(rig->port, job, false);
        put(rig, job, SERVER, BASIC, 8);
        for (uint64_t n = 1; struck; n++) {
                StorePort port = rig->port;
                int r;

                mem_fail_nth(n);
                r = port.begin(port.ctx);
                if (r == 0)
                        r = port.credential_save(port.ctx, job, &c);
                if (r == 0)
                        r = port.credential_save(port.ctx, job, &d);
                if (r == 0)
                        r = port.credential_delete(port.ctx, job, SERVER, BASIC);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
                port.rollback(port.ctx);
                assert_slots(rig, 1, kept, 1);
                assert_true(n < 1000);
        }
        sample_credential_done(&c);
        sample_credential_done(&d);
}

/* ---- nothing stays behind ---- */

static bool file_has(const char *dir, const char *name, uint8_t mark)
{
        char path[RIG_PATH_BYTES + 32];
        size_t run = 0;
        FILE *file;
        int c;

        (void) snprintf(path, sizeof(path), "%s/%s", dir, name);
        file = fopen(path, "rbe");
        if (!file)
                return false;
        while ((c = fgetc(file)) != EOF && run < 32)
                run = c == mark ? run + 1 : 0;
        (void) fclose(file);
        return run >= 32;
}

static bool lies_about(const StoreRig *rig, uint8_t mark)
{
        return file_has(rig->dir, "queue.db", mark) || file_has(rig->dir, "queue.db-wal", mark);
}

enum { MARK = 0xa7 }; /* a blob of 6,780 bytes: it needs pages of its own */

static void replaced_blob_is_in_no_file(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;

        rig_save_job(rig->port, job, false);
        put(rig, job, SERVER, BASIC, MARK);
        assert_true(lies_about(rig, MARK)); /* it would be found */
        put(rig, job, SERVER, BASIC, 3);
        assert_false(lies_about(rig, MARK));
}

static void deleted_blob_is_in_no_file(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;

        for (int durable = 0; durable < 2; durable++) {
                rig_save_job(rig->port, job, false);
                put(rig, job, SERVER, BASIC, MARK);
                rig->kind->reboot(rig); /* now it is in the database, not in its log */
                assert_true(file_has(rig->dir, "queue.db", MARK));
                rig_delete_credential(rig->port, job, SERVER, BASIC, durable);
                assert_false(lies_about(rig, MARK));
                put(rig, job, PROXY, NTLM, MARK);
                assert_true(lies_about(rig, MARK));
                rig_delete_job(rig->port, job, durable);
                assert_false(lies_about(rig, MARK));
        }
}

/* What could not be wiped then is wiped with the next commit. */
static void blob_survives_a_rollback_and_goes_later(void **state)
{
        static const uint8_t kept[][3] = {{SERVER, BASIC, MARK}};
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;

        rig_save_job(rig->port, job, false);
        put(rig, job, SERVER, BASIC, MARK);
        assert_int_equal(rig->port.begin(rig->port.ctx), 0);
        assert_int_equal(rig->port.credential_delete(rig->port.ctx, job, SERVER, BASIC), 0);
        rig->port.rollback(rig->port.ctx);
        assert_slots(rig, 1, kept, 1);
        rig_delete_credential(rig->port, job, SERVER, BASIC, false);
        assert_false(lies_about(rig, MARK));
}

#define BOTH(test)                                                                                 \
        {"mem: " #test, test, start_mem, stop, NULL},                                              \
        {                                                                                          \
                "sqlite: " #test, test, start_sqlite, stop, NULL                                   \
        }
#define SQLITE(test) cmocka_unit_test_setup_teardown(test, start_sqlite, stop)

int main(void)
{
        const struct CMUnitTest tests[] = {
                BOTH(every_slot_comes_back_in_order_after_any_accident),
                BOTH(slot_is_replaced_and_emptied_alone),
                BOTH(credentials_stay_when_the_job_is_saved_and_go_with_it),
                BOTH(rollback_and_kill_restore_what_the_slot_held),
                BOTH(slots_that_are_none_are_refused),
                BOTH(programs_against_the_rules_are_refused),
                BOTH(memory_shortage_leaves_slots_whole),
                SQLITE(replaced_blob_is_in_no_file),
                SQLITE(deleted_blob_is_in_no_file),
                SQLITE(blob_survives_a_rollback_and_goes_later),
        };

        return cmocka_run_group_tests_name("store contract for credentials", tests, NULL, NULL);
}
