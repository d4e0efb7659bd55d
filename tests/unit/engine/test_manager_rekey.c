/* SPDX-License-Identifier: Apache-2.0 */
/* A new key for the vault: every slot, nothing lost in between, and what happens when it breaks. */
#include "job_states.h"

#include <errno.h>

#include "base/alloc.h"
#include "engine/job_credential.h"

enum { JOBS = 17, SERVER = BG_AUTH_TARGET_SERVER, PROXY = BG_AUTH_TARGET_PROXY };

static void give(FakeRig *rig, const GUID *id)
{
        for (uint32_t scheme = 1; scheme <= 2; scheme++)
                assert_hr(manager_set_credentials(rig->m, &FAKE_USER, id, SERVER, scheme, "user",
                                                  "p"),
                          S_OK);
}

static void make_jobs(FakeRig *rig, GUID *ids)
{
        for (int i = 0; i < JOBS; i++) {
                ids[i] = fake_rig_job(rig);
                give(rig, &ids[i]);
        }
}

static bool all_open(FakeRig *rig, const Job *job)
{
        bool good = job && job->credentials_len == 2;

        for (uint32_t i = 0; good && i < job->credentials_len; i++)
                good = fake_vault_open(&rig->vault, &job->id, &job->credentials[i]) ==
                       fake_vault_digest("user", "p");
        return good;
}

static void assert_all_open(FakeRig *rig, const GUID *ids)
{
        for (int i = 0; i < JOBS; i++) {
                assert_true(all_open(rig, fake_rig_read(rig, &ids[i])));
                assert_true(all_open(rig, fake_store_job(&rig->store, &ids[i])));
                assert_true(all_open(rig, fake_store_durable_job(&rig->store, &ids[i])));
        }
}

static HRESULT rekey(FakeRig *rig, uint64_t token)
{
        rig->notifier.answered[token] = false;
        manager_rekey(rig->m, token);
        fake_rig_run(rig);
        assert_true(rig->notifier.answered[token]);
        return rig->notifier.answers[token];
}

static void every_slot_gets_the_new_key(void **state)
{
        FakeRig *rig = *state;
        GUID ids[JOBS];

        make_jobs(rig, ids);
        assert_hr(rekey(rig, 1), S_OK);
        assert_int_equal(manager_rekeyed_slots(rig->m), 2 * JOBS);
        assert_int_equal(rig->vault.key, 2);
        assert_int_equal(rig->vault.previous, 0);
        assert_all_open(rig, ids);
        assert_false(manager_has_work(rig->m));
        assert_hr(rekey(rig, 2), S_OK);
        assert_int_equal(rig->vault.key, 3);
        assert_all_open(rig, ids);
}

static void without_slots_it_is_done_at_once(void **state)
{
        FakeRig *rig = *state;

        assert_hr(rekey(rig, 1), S_OK);
        assert_int_equal(manager_rekeyed_slots(rig->m), 0);
}

static int no_harden(void *ctx, FakeStoreCall call)
{
        (void) ctx;
        return call == FAKE_STORE_HARDEN ? -EIO : 0;
}

/* Credentials that the store refused may stand in its file, sealed with the old key: that one goes
 * only when they are gone. */
static void the_old_key_stays_for_what_was_refused(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);

        rig->store.fault = no_harden;
        assert_true(
                FAILED(manager_set_credentials(rig->m, &FAKE_USER, &id, SERVER, 1, "user", "p")));
        assert_int_equal(fake_store_job(&rig->store, &id)->credentials_len, 1);
        assert_true(FAILED(rekey(rig, 1)));
        assert_int_equal(rig->vault.previous, 1);
        rig->store.fault = NULL;
        fake_rig_advance(rig, 10 * USEC_PER_SEC);
        assert_int_equal(rig->vault.previous, 0);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->credentials_len, 0);
}

static void it_takes_turns(void **state)
{
        FakeRig *rig = *state;
        GUID ids[JOBS], late;

        make_jobs(rig, ids);
        manager_rekey(rig->m, 50);
        manager_run(rig->m);
        assert_false(rig->notifier.answered[50]);
        assert_true(manager_has_work(rig->m));
        assert_true(manager_next_wakeup_mono(rig->m) <= rig->clock.mono);
        assert_int_equal(rig->vault.previous, 1);
        assert_all_open(rig, ids);
        /* Meanwhile life goes on. */
        late = fake_rig_job(rig);
        give(rig, &late);
        assert_hr(fake_rig_cancel(rig, &ids[JOBS - 1]), S_OK);
        assert_hr(manager_remove_credentials(rig->m, &FAKE_USER, &ids[JOBS - 2], SERVER, 1), S_OK);
        fake_rig_run(rig);
        assert_true(rig->notifier.answered[50]);
        assert_int_equal(rig->vault.previous, 0);
        assert_true(all_open(rig, fake_rig_read(rig, &late)));
        assert_int_equal(fake_rig_read(rig, &ids[JOBS - 2])->credentials_len, 1);
        for (int i = 0; i < JOBS - 2; i++)
                assert_true(all_open(rig, fake_rig_read(rig, &ids[i])));
}

static void two_at_a_time_are_not_answered_twice(void **state)
{
        FakeRig *rig = *state;
        GUID ids[JOBS];

        make_jobs(rig, ids);
        manager_rekey(rig->m, 1);
        manager_rekey(rig->m, 2);
        assert_true(rig->notifier.answered[2]);
        assert_hr(rig->notifier.answers[2], HRESULT_FROM_WIN32(ERROR_BUSY));
        fake_rig_run(rig);
        assert_hr(rig->notifier.answers[1], S_OK);
        assert_int_equal(rig->vault.key, 2);
}

/* In any turn, with and without the machine. */
static void a_start_goes_on(void **state)
{
        FakeRig *rig = *state;

        for (int turns = 0; turns < 4; turns++)
                for (int power = 0; power < 2; power++) {
                        GUID ids[JOBS];

                        assert_int_equal(rig_teardown(state), 0);
                        assert_int_equal(rig_setup(state), 0);
                        rig = *state;
                        make_jobs(rig, ids);
                        manager_rekey(rig->m, 1);
                        for (int i = 0; i < turns; i++)
                                manager_run(rig->m);
                        assert_true(fake_rig_restart(rig, power != 0));
                        assert_all_open(rig, ids);
                        fake_rig_run(rig);
                        assert_int_equal(rig->vault.key, 2); /* no third one */
                        assert_int_equal(rig->vault.previous, 0);
                        assert_int_equal(rig->vault.changes, 1);
                        assert_all_open(rig, ids);
                        assert_false(manager_has_work(rig->m));
                }
}

static int fail_at(void *ctx, FakeStoreCall call)
{
        return call == *(const FakeStoreCall *) ctx ? -ENOSPC : 0;
}

static void a_refusing_store_only_delays_it(void **state)
{
        static const FakeStoreCall CALLS[] = {FAKE_STORE_CREDENTIAL_SAVE, FAKE_STORE_COMMIT,
                                              FAKE_STORE_HARDEN};
        FakeRig *rig = *state;

        for (size_t i = 0; i < ARRAY_LEN(CALLS); i++) {
                FakeStoreCall call = CALLS[i];
                GUID ids[JOBS];

                assert_int_equal(rig_teardown(state), 0);
                assert_int_equal(rig_setup(state), 0);
                rig = *state;
                make_jobs(rig, ids);
                rig->store.fault = fail_at;
                rig->store.fault_ctx = &call;
                assert_hr(rekey(rig, 1), HRESULT_FROM_WIN32(ERROR_DISK_FULL));
                assert_int_equal(rig->vault.previous, 1);
                assert_true(manager_has_work(rig->m));
                rig->store.fault = NULL;
                assert_all_open(rig, ids);
                fake_rig_advance(rig, 20 * USEC_PER_SEC);
                assert_int_equal(rig->vault.previous, 0);
                assert_int_equal(manager_rekeyed_slots(rig->m), 2 * JOBS);
                assert_all_open(rig, ids);
        }
}

static void a_failing_vault_keeps_the_old_key(void **state)
{
        FakeRig *rig = *state;
        GUID ids[JOBS];

        make_jobs(rig, ids);
        rig->vault.result = VAULT_KEY_REFUSED;
        assert_hr(rekey(rig, 1), HRESULT_FROM_WIN32(ERROR_GEN_FAILURE));
        assert_int_equal(rig->vault.key, 1);
        rig->vault.result = 0;
        manager_rekey(rig->m, 2);
        manager_run(rig->m);
        rig->vault.result = -EIO;
        fake_rig_run(rig);
        assert_hr(rig->notifier.answers[2], HRESULT_FROM_WIN32(ERROR_IO_DEVICE));
        assert_false(manager_has_work(rig->m));
        assert_int_equal(rig->vault.previous, 1);
        assert_all_open(rig, ids);
        rig->vault.result = 0;
        assert_hr(rekey(rig, 3), S_OK);
        assert_int_equal(rig->vault.key, 2);
        assert_int_equal(rig->vault.previous, 0);
        assert_all_open(rig, ids);
}

static void what_no_key_opens_stays(void **state)
{
        FakeRig *rig = *state;
        GUID lost = fake_rig_job(rig), id = fake_rig_job(rig);
        const Job *job;

        give(rig, &lost);
        fake_vault_lose_key(&rig->vault);
        give(rig, &id);
        assert_hr(rekey(rig, 1), S_OK);
        assert_int_equal(manager_rekeyed_slots(rig->m), 2);
        assert_true(all_open(rig, fake_rig_read(rig, &id)));
        job = fake_rig_read(rig, &lost);
        assert_int_equal(job->credentials_len, 2);
        assert_int_equal(fake_vault_open(&rig->vault, &lost, &job->credentials[0]), 0);
        give(rig, &lost);
        assert_true(all_open(rig, fake_rig_read(rig, &lost)));
}

/* Ended, and still with its credentials. */
static void farewells_are_not_forgotten(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, BG_JOB_TYPE_UPLOAD);
        FakeOp *op;

        give(rig, &id);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_connected(&rig->transfer, rig->m, op);
        fake_op_upload_meta(&rig->transfer, rig->m, op);
        op->blob.session = 7;
        op->blob.source = 1;
        fake_op_session(&rig->transfer, rig->m, op, true);
        fake_rig_run(rig);
        manager_cancel(rig->m, &FAKE_USER, &id, 1);
        fake_rig_run(rig);
        fake_op_stopped(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        assert_state(rig, &id, CANCELLED);
        assert_hr(rekey(rig, 2), S_OK);
        assert_int_equal(manager_rekeyed_slots(rig->m), 2);
        assert_true(all_open(rig, fake_rig_read(rig, &id)));
        assert_true(all_open(rig, fake_store_durable_job(&rig->store, &id)));
}

static void every_allocation_may_fail(void **state)
{
        FakeRig *rig = *state;
        GUID ids[JOBS];
        bool struck = true;

        make_jobs(rig, ids);
        for (uint64_t n = 1; struck; n++) {
                HRESULT hr;

                mem_fail_nth(n);
                hr = rekey(rig, 1);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_true(hr == S_OK || hr == E_OUTOFMEMORY);
                assert_int_equal(hr == S_OK, !struck);
                assert_all_open(rig, ids);
                assert_true(n > 1 || struck);
        }
        assert_int_equal(rig->vault.previous, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(every_slot_gets_the_new_key),
                rig_test(without_slots_it_is_done_at_once),
                rig_test(the_old_key_stays_for_what_was_refused),
                rig_test(it_takes_turns),
                rig_test(two_at_a_time_are_not_answered_twice),
                rig_test(a_start_goes_on),
                rig_test(a_refusing_store_only_delays_it),
                rig_test(a_failing_vault_keeps_the_old_key),
                rig_test(what_no_key_opens_stays),
                rig_test(farewells_are_not_forgotten),
                rig_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
