/* SPDX-License-Identifier: Apache-2.0 */
/* Cancelled uploads: the user is answered at once, and the server is told for as long as it takes.
 */
#include "job_states.h"

#define U BG_JOB_TYPE_UPLOAD
#define DAY_USEC (24 * 3600 * USEC_PER_SEC)

/* Cancelled in the middle, with a session at the server. Nothing is told yet. */
static GUID cancelled(FakeRig *rig)
{
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_SUSPENDED);
        uint64_t token = rig->next_token++;
        FakeOp *op;

        rig->policy.tombstone_sec = 30 * 86400; /* the tests look at it afterwards */
        manager_set_policy(rig->m, &rig->policy);
        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &id, BG_JOB_PRIORITY_FOREGROUND), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_connected(&rig->transfer, rig->m, op);
        fake_op_upload_meta(&rig->transfer, rig->m, op);
        op->blob.session = 42;
        fake_op_session(&rig->transfer, rig->m, op, true);
        fake_rig_run(rig);
        manager_cancel(rig->m, &FAKE_USER, &id, token);
        fake_op_stopped(&rig->transfer, rig->m, op);
        fake_rig_run(rig);
        assert_true(rig->notifier.answered[token]);
        assert_hr(rig->notifier.answers[token], S_OK);
        assert_state(rig, &id, CANCELLED);
        return id;
}

static FakeOp *farewell_of(FakeRig *rig, const GUID *id)
{
        return fake_transfer_find(&rig->transfer, FAKE_FAREWELL, id);
}

static void say(FakeRig *rig, const GUID *id, HRESULT hr)
{
        FakeOp *op = farewell_of(rig, id);

        assert_non_null(op);
        assert_int_equal(op->blob.session, 42);
        fake_op_farewell(&rig->transfer, rig->m, op, hr);
        fake_rig_run(rig);
}

static uint64_t owed(FakeRig *rig, const GUID *id)
{
        return fake_rig_read(rig, id)->status.farewell_wall;
}

static void cancel_is_answered_before_the_server_is_told(void **state)
{
        FakeRig *rig = *state;
        GUID id = cancelled(rig);
        const Job *job;

        assert_hr(manager_get_job(rig->m, &FAKE_USER, &id, &job), BG_E_NOT_FOUND);
        assert_int_equal(owed(rig, &id), rig->clock.wall + DAY_USEC);
        assert_int_equal(fake_store_durable_job(&rig->store, &id)->status.farewell_wall,
                         owed(rig, &id));
        assert_true(manager_has_work(rig->m));
        say(rig, &id, S_OK);
        assert_int_equal(owed(rig, &id), 0);
        assert_null(fake_rig_read(rig, &id)->session);
        fake_rig_advance(rig, 3 * USEC_PER_SEC);
        assert_int_equal(fake_store_job(&rig->store, &id)->status.farewell_wall, 0);
        assert_int_equal(fake_store_job(&rig->store, &id)->session_bytes, 0);
        assert_false(manager_has_work(rig->m));
        assert_state(rig, &id, CANCELLED); /* getters still answer */
}

static void who_has_no_session_tells_nobody(void **state)
{
        FakeRig *rig = *state;
        GUID fresh = upload_in_state(rig, U, BG_JOB_STATE_SUSPENDED);
        GUID whole = upload_in_state(rig, U, BG_JOB_STATE_TRANSFERRED);
        GUID completed = upload_in_state(rig, U, BG_JOB_STATE_ACKNOWLEDGED);
        GUID download = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        assert_hr(fake_rig_cancel(rig, &fresh), S_OK);
        assert_hr(fake_rig_cancel(rig, &whole), S_OK);
        assert_hr(fake_rig_cancel(rig, &download), S_OK);
        assert_int_equal(owed(rig, &fresh) + owed(rig, &whole) + owed(rig, &download), 0);
        assert_int_equal(owed(rig, &completed), 0);
        assert_null(fake_transfer_find(&rig->transfer, FAKE_FAREWELL, NULL));
        assert_int_equal(rig->transfer.farewells_len, 0);
}

static void an_unreachable_server_is_asked_again_for_a_day(void **state)
{
        FakeRig *rig = *state;
        GUID id = cancelled(rig);
        uint64_t begin = rig->clock.mono;
        int tries = 0;

        while (farewell_of(rig, &id)) {
                say(rig, &id, E_FAIL);
                tries++;
                assert_null(farewell_of(rig, &id));
                fake_rig_advance(rig, 599 * USEC_PER_SEC);
                assert_null(farewell_of(rig, &id)); /* not before the retry delay */
                fake_rig_advance(rig, USEC_PER_SEC);
        }
        assert_in_range(tries, 143, 145);
        assert_in_range(rig->clock.mono - begin, DAY_USEC, DAY_USEC + 700 * USEC_PER_SEC);
        assert_int_equal(owed(rig, &id), 0);
        assert_false(manager_has_work(rig->m));
}

static void a_short_time_out_shortens_the_patience(void **state)
{
        FakeRig *rig = *state;
        GUID id = upload_in_state(rig, U, BG_JOB_STATE_SUSPENDED);

        assert_hr(manager_set_no_progress_timeout(rig->m, &FAKE_USER, &id, 0), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_op_stopped(&rig->transfer, rig->m, upload_to_the_end(rig, &id));
        fake_rig_run(rig);
        manager_cancel(rig->m, &FAKE_USER, &id, 100);
        if (fake_transfer_find(&rig->transfer, FAKE_FILE, &id))
                fake_op_stopped(&rig->transfer, rig->m,
                                fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        fake_rig_run(rig);
        assert_non_null(farewell_of(rig, &id)); /* once it is told in any case */
        fake_op_farewell(&rig->transfer, rig->m, farewell_of(rig, &id), E_FAIL);
        fake_rig_run(rig);
        assert_null(farewell_of(rig, &id));
        assert_int_equal(owed(rig, &id), 0);
}

static void the_return_of_the_network_is_an_occasion(void **state)
{
        FakeRig *rig = *state;
        GUID id = cancelled(rig);

        manager_network_changed(rig->m, false);
        say(rig, &id, E_FAIL);
        fake_rig_advance(rig, 3600 * USEC_PER_SEC);
        assert_null(farewell_of(rig, &id)); /* no use while it is away */
        manager_network_changed(rig->m, true);
        fake_rig_run(rig);
        say(rig, &id, S_OK);
        assert_int_equal(owed(rig, &id), 0);
}

static void without_a_network_it_ends_all_the_same(void **state)
{
        FakeRig *rig = *state;
        GUID id = cancelled(rig);

        manager_network_changed(rig->m, false);
        say(rig, &id, E_FAIL);
        fake_rig_advance(rig, DAY_USEC - USEC_PER_SEC);
        assert_true(owed(rig, &id) != 0);
        fake_rig_advance(rig, 2 * USEC_PER_SEC);
        assert_int_equal(owed(rig, &id), 0);
}

static void a_restart_goes_on_telling(void **state)
{
        FakeRig *rig = *state;
        GUID id = cancelled(rig);

        for (int power = 0; power < 2; power++) {
                assert_true(fake_rig_restart(rig, power == 1));
                fake_rig_run(rig);
                assert_state(rig, &id, CANCELLED);
                assert_true(manager_has_work(rig->m));
                say(rig, &id, BITS_E_WORKER_LOST);
                fake_clock_advance(&rig->clock, 3600 * USEC_PER_SEC);
        }
        assert_true(fake_rig_restart(rig, false));
        fake_rig_run(rig);
        say(rig, &id, S_OK);
        fake_rig_advance(rig, 3 * USEC_PER_SEC);
        assert_true(fake_rig_restart(rig, false));
        fake_rig_run(rig);
        assert_null(farewell_of(rig, &id));
}

/* A wall clock set back makes nobody wait for years. */
static void a_jumping_clock_does_not_prolong_it(void **state)
{
        FakeRig *rig = *state;
        GUID id = cancelled(rig);

        rig->clock.wall -= 100 * DAY_USEC;
        assert_true(fake_rig_restart(rig, false));
        for (int i = 0; i < 200 && owed(rig, &id) != 0; i++) {
                fake_rig_run(rig);
                say(rig, &id, E_FAIL);
                fake_rig_advance(rig, 600 * USEC_PER_SEC);
        }
        assert_int_equal(owed(rig, &id), 0);
}

static void few_farewells_run_at_once(void **state)
{
        FakeRig *rig = *state;
        GUID ids[9];
        int told = 0;

        for (int i = 0; i < 9; i++)
                ids[i] = cancelled(rig);
        assert_int_equal(fake_transfer_count(&rig->transfer, FAKE_FAREWELL, NULL), 4);
        while (fake_transfer_find(&rig->transfer, FAKE_FAREWELL, NULL)) {
                fake_op_farewell(&rig->transfer, rig->m,
                                 fake_transfer_find(&rig->transfer, FAKE_FAREWELL, NULL), S_OK);
                fake_rig_run(rig);
                told++;
        }
        assert_int_equal(told, 9);
        for (int i = 0; i < 9; i++)
                assert_int_equal(owed(rig, &ids[i]), 0);
}

static void who_owes_a_farewell_is_not_forgotten(void **state)
{
        FakeRig *rig = *state;
        GUID id = cancelled(rig);
        const Job *job;

        rig->policy.tombstones_max = 1;
        rig->policy.tombstone_sec = 10;
        manager_set_policy(rig->m, &rig->policy);
        for (int i = 0; i < 5; i++) {
                GUID other = fake_rig_job(rig);

                manager_cancel(rig->m, &FAKE_USER, &other, rig->next_token++);
                fake_rig_run(rig);
        }
        say(rig, &id, E_FAIL);
        fake_rig_advance(rig, 3600 * USEC_PER_SEC);
        assert_non_null(farewell_of(rig, &id));
        say(rig, &id, S_OK);
        fake_rig_advance(rig, 3600 * USEC_PER_SEC);
        (void) fake_rig_job(rig);
        fake_rig_run(rig);
        fake_rig_run(rig);
        assert_hr(manager_read_job(rig->m, &FAKE_USER, &id, &job), BG_E_NOT_FOUND);
        assert_null(fake_store_job(&rig->store, &id));
}

static int refuse_commits(void *ctx, FakeStoreCall call)
{
        (void) ctx;
        return call == FAKE_STORE_COMMIT ? -28 : 0;
}

static void a_farewell_that_is_not_stored_is_said_again(void **state)
{
        FakeRig *rig = *state;
        GUID id = cancelled(rig);

        rig->store.fault = refuse_commits;
        say(rig, &id, S_OK);
        fake_rig_advance(rig, 30 * USEC_PER_SEC);
        rig->store.fault = NULL;
        assert_true(fake_rig_restart(rig, false));
        fake_rig_run(rig);
        say(rig, &id, S_OK);
}

/* Farewells that end make tombstones; what is too many goes, also after a store that refused. */
static void ended_farewells_do_not_pile_up(void **state)
{
        FakeRig *rig = *state;
        GUID first = cancelled(rig);
        GUID second = cancelled(rig);

        rig->policy.tombstones_max = 1;
        manager_set_policy(rig->m, &rig->policy);
        rig->store.fault = refuse_commits;
        say(rig, &first, S_OK);
        say(rig, &second, S_OK);
        assert_int_equal(rig->store.image.len, 2);
        rig->store.fault = NULL;
        fake_rig_advance(rig, 6 * USEC_PER_SEC);
        assert_int_equal(rig->store.image.len, 1);
        assert_null(fake_store_job(&rig->store, &first));
}

/* Inactivity cancels as a user would. */
static void a_scavenged_upload_says_farewell_too(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, U);

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_op_stopped(&rig->transfer, rig->m, upload_to_the_end(rig, &id));
        assert_hr(manager_suspend(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        if (fake_transfer_find(&rig->transfer, FAKE_FILE, &id))
                fake_op_stopped(&rig->transfer, rig->m,
                                fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        fake_rig_advance(rig, 91 * DAY_USEC);
        assert_state(rig, &id, CANCELLED);
        assert_non_null(farewell_of(rig, &id));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(cancel_is_answered_before_the_server_is_told),
                rig_test(who_has_no_session_tells_nobody),
                rig_test(an_unreachable_server_is_asked_again_for_a_day),
                rig_test(a_short_time_out_shortens_the_patience),
                rig_test(the_return_of_the_network_is_an_occasion),
                rig_test(without_a_network_it_ends_all_the_same),
                rig_test(a_restart_goes_on_telling),
                rig_test(a_jumping_clock_does_not_prolong_it),
                rig_test(few_farewells_run_at_once),
                rig_test(who_owes_a_farewell_is_not_forgotten),
                rig_test(a_farewell_that_is_not_stored_is_said_again),
                rig_test(ended_farewells_do_not_pile_up),
                rig_test(a_scavenged_upload_says_farewell_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
