/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what, when, how often. */
#include "job_states.h"

static const Caller OTHER_CLIENT = {.uid = 1000, .client = 2};

static void listen(FakeRig *rig, const GUID *id, uint32_t flags)
{
        assert_hr(manager_set_notify_flags(rig->m, &FAKE_USER, id, flags), S_OK);
        assert_hr(manager_set_notify_client(rig->m, &FAKE_USER, id, true), S_OK);
        fake_rig_run(rig);
}

static void answer(FakeRig *rig, NotifyKind kind, HRESULT hr)
{
        FakeDelivery *d = fake_notifier_find(&rig->notifier, kind);

        assert_non_null(d);
        manager_notify_result(rig->m, fake_notifier_take(d), hr);
        fake_rig_run(rig);
}

static void transferred_is_delivered_once_it_is_taken(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        listen(rig, &id, 3);
        fake_rig_finish(rig);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 1);
        assert_int_equal(fake_rig_read(rig, &id)->status.undelivered, NOTIFY_TRANSFERRED);
        answer(rig, NOTIFY_TRANSFERRED, S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->status.undelivered, NOTIFY_NONE);
        fake_rig_advance(rig, 10000 * USEC_PER_SEC);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 1);
        assert_int_equal(fake_store_job(&rig->store, &id)->status.undelivered, NOTIFY_NONE);
}

static void a_failed_callback_is_called_again_after_the_delay(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        listen(rig, &id, 3);
        answer(rig, NOTIFY_ERROR, E_FAIL);
        assert_null(fake_notifier_find(&rig->notifier, NOTIFY_ERROR));
        fake_rig_advance(rig, 599 * USEC_PER_SEC);
        assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], 1);
        fake_rig_advance(rig, USEC_PER_SEC);
        assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], 2);
        answer(rig, NOTIFY_ERROR, S_FALSE); /* only S_OK takes it */
        fake_rig_advance(rig, 600 * USEC_PER_SEC);
        assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], 3);
}

static void a_hung_client_counts_as_failed(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        listen(rig, &id, 3);
        fake_rig_advance(rig, 60 * USEC_PER_SEC);
        fake_rig_advance(rig, 599 * USEC_PER_SEC);
        assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], 1);
        fake_rig_advance(rig, USEC_PER_SEC);
        assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], 2);
        assert_true(manager_has_notify_client(rig->m, fake_rig_read(rig, &id)));
        /* The late answer to the first call means nothing any more. */
        answer(rig, NOTIFY_ERROR, S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->status.undelivered, NOTIFY_ERROR);
}

static void who_registers_late_is_told(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 0);
        listen(rig, &id, 3);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 1);
}

static void flags_gate_at_delivery(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        listen(rig, &id, BG_NOTIFY_JOB_ERROR);
        assert_int_equal(fake_notifier_outstanding(&rig->notifier), 0);
        listen(rig, &id, BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_DISABLE);
        assert_int_equal(fake_notifier_outstanding(&rig->notifier), 0);
        assert_hr(manager_set_notify_flags(rig->m, &FAKE_USER, &id, BG_NOTIFY_JOB_TRANSFERRED),
                  S_OK);
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 1);
}

static void transient_errors_are_no_event(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        listen(rig, &id, 3);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
        assert_int_equal(fake_notifier_outstanding(&rig->notifier), 0);
}

static void the_last_to_register_is_the_one(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        uint64_t first;

        listen(rig, &id, 3);
        first = fake_notifier_find(&rig->notifier, NOTIFY_TRANSFERRED)->id;
        assert_hr(manager_set_notify_client(rig->m, &OTHER_CLIENT, &id, true), S_OK);
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 2);
        manager_notify_result(rig->m, first, S_OK); /* the former one's answer does not count */
        assert_int_equal(fake_rig_read(rig, &id)->status.undelivered, NOTIFY_TRANSFERRED);
        fake_notifier_take(fake_notifier_find(&rig->notifier, NOTIFY_TRANSFERRED));
        assert_int_equal(fake_notifier_find(&rig->notifier, NOTIFY_TRANSFERRED)->client, 2);
        answer(rig, NOTIFY_TRANSFERRED, S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->status.undelivered, NOTIFY_NONE);
}

static void taking_the_interface_away_ends_it(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        listen(rig, &id, 3);
        assert_hr(manager_set_notify_client(rig->m, &OTHER_CLIENT, &id, false), S_OK);
        assert_false(manager_has_notify_client(rig->m, fake_rig_read(rig, &id)));
        fake_rig_finish(rig);
        assert_int_equal(fake_notifier_outstanding(&rig->notifier), 0);
        assert_int_equal(fake_rig_read(rig, &id)->status.undelivered, NOTIFY_TRANSFERRED);
}

static void a_client_that_disappears_is_forgotten(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        GUID other = fake_rig_resumed(rig, 1);

        listen(rig, &id, 3);
        listen(rig, &other, 3);
        fake_notifier_take(fake_notifier_find(&rig->notifier, NOTIFY_TRANSFERRED));
        manager_client_gone(rig->m, 1);
        manager_client_gone(rig->m, 1);
        assert_false(manager_has_notify_client(rig->m, fake_rig_read(rig, &id)));
        assert_false(manager_has_notify_client(rig->m, fake_rig_read(rig, &other)));
        assert_hr(manager_set_notify_client(rig->m, &OTHER_CLIENT, &id, true), S_OK);
        fake_rig_run(rig);
        assert_int_equal(fake_notifier_find(&rig->notifier, NOTIFY_TRANSFERRED)->client, 2);
}

static void a_callback_that_cannot_be_called_is_not_valid(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        rig->notifier.deliver_error = -32;
        listen(rig, &id, 3);
        assert_false(manager_has_notify_client(rig->m, fake_rig_read(rig, &id)));
        rig->notifier.deliver_error = 0;
        listen(rig, &id, 3);
        answer(rig, NOTIFY_TRANSFERRED, S_OK);
}

static void leaving_the_state_takes_the_event_back(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        listen(rig, &id, 3);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->status.undelivered, NOTIFY_NONE);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
        assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], 2);
        answer(rig, NOTIFY_ERROR, S_OK); /* of the first event: void */
        assert_int_equal(fake_rig_read(rig, &id)->status.undelivered, NOTIFY_ERROR);
        answer(rig, NOTIFY_ERROR, S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->status.undelivered, NOTIFY_NONE);
}

static void modifications_come_once_a_second_and_after_the_last_change(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        FakeOp *op;

        listen(rig, &id, BG_NOTIFY_JOB_MODIFICATION);
        fake_rig_run(rig);
        answer(rig, NOTIFY_MODIFICATION, S_OK);
        fake_rig_advance(rig, 2 * USEC_PER_SEC);
        while (fake_notifier_find(&rig->notifier, NOTIFY_MODIFICATION))
                answer(rig, NOTIFY_MODIFICATION, S_OK);
        rig->notifier.delivered[NOTIFY_MODIFICATION] = 0;
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &id);
        fake_op_connected(&rig->transfer, rig->m, op);
        for (uint64_t i = 1; i <= 100; i++) {
                fake_op_progress(&rig->transfer, rig->m, op, i, 0);
                fake_rig_advance(rig, USEC_PER_SEC / 20);
                if (fake_notifier_find(&rig->notifier, NOTIFY_MODIFICATION))
                        answer(rig, NOTIFY_MODIFICATION, S_OK);
        }
        assert_in_range(rig->notifier.delivered[NOTIFY_MODIFICATION], 5, 6);
        rig->notifier.delivered[NOTIFY_MODIFICATION] = 0;
        fake_op_progress(&rig->transfer, rig->m, op, 101, 0);
        fake_rig_advance(rig, USEC_PER_SEC);
        assert_int_equal(rig->notifier.delivered[NOTIFY_MODIFICATION], 1);
        answer(rig, NOTIFY_MODIFICATION, E_FAIL); /* never repeated */
        fake_rig_advance(rig, 1000 * USEC_PER_SEC);
        assert_int_equal(rig->notifier.delivered[NOTIFY_MODIFICATION], 1);
}

static void four_at_a_time_per_user_sticky_ones_first(void **state)
{
        FakeRig *rig = *state;
        Caller stranger = {.uid = 1001, .client = 3};
        FileSpec spec = {"http://host/x", "/home/v/x"};
        GUID ids[6], modified, foreign;

        for (int i = 0; i < 6; i++)
                ids[i] = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        for (int i = 0; i < 4; i++)
                listen(rig, &ids[i], 3);
        assert_int_equal(fake_notifier_outstanding(&rig->notifier), 4);
        modified = fake_rig_job(rig);
        listen(rig, &modified, BG_NOTIFY_JOB_MODIFICATION);
        assert_hr(manager_set_name(rig->m, &FAKE_USER, &modified, "x"), S_OK);
        fake_rig_run(rig);
        listen(rig, &ids[4], 3);
        assert_int_equal(fake_notifier_outstanding(&rig->notifier), 4);
        /* Another user is not held up. */
        assert_hr(manager_create_job(rig->m, &stranger, "x", BG_JOB_TYPE_DOWNLOAD, &foreign), S_OK);
        assert_hr(manager_add_files(rig->m, &stranger, &foreign, &spec, 1), S_OK);
        assert_hr(manager_set_notify_client(rig->m, &stranger, &foreign, true), S_OK);
        assert_hr(manager_resume(rig->m, &stranger, &foreign), S_OK);
        fake_rig_finish(rig);
        assert_int_equal(fake_notifier_outstanding(&rig->notifier), 5);
        answer(rig, NOTIFY_TRANSFERRED, S_OK);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 6);
        assert_int_equal(rig->notifier.delivered[NOTIFY_MODIFICATION], 0);
        answer(rig, NOTIFY_TRANSFERRED, S_OK);
        assert_int_equal(rig->notifier.delivered[NOTIFY_MODIFICATION], 1);
}

static void an_ended_job_tells_its_last_change(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        uint32_t before;

        listen(rig, &id, BG_NOTIFY_JOB_MODIFICATION);
        before = rig->notifier.delivered[NOTIFY_MODIFICATION];
        assert_hr(fake_rig_complete(rig, &id), S_OK);
        assert_true(rig->notifier.delivered[NOTIFY_MODIFICATION] > before);
        answer(rig, NOTIFY_MODIFICATION, S_OK);
        assert_state(rig, &id, ACKNOWLEDGED);
}

static void undelivered_events_survive_a_restart(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        assert_true(fake_rig_restart(rig, true));
        assert_false(manager_has_notify_client(rig->m, fake_rig_read(rig, &id)));
        listen(rig, &id, 3);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 1);
        answer(rig, NOTIFY_TRANSFERRED, S_OK);
        assert_int_equal(manager_flush(rig->m), 0);
        assert_true(fake_rig_restart(rig, true));
        listen(rig, &id, 3);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(transferred_is_delivered_once_it_is_taken),
                rig_test(a_failed_callback_is_called_again_after_the_delay),
                rig_test(a_hung_client_counts_as_failed),
                rig_test(who_registers_late_is_told),
                rig_test(flags_gate_at_delivery),
                rig_test(transient_errors_are_no_event),
                rig_test(the_last_to_register_is_the_one),
                rig_test(taking_the_interface_away_ends_it),
                rig_test(a_client_that_disappears_is_forgotten),
                rig_test(a_callback_that_cannot_be_called_is_not_valid),
                rig_test(leaving_the_state_takes_the_event_back),
                rig_test(modifications_come_once_a_second_and_after_the_last_change),
                rig_test(four_at_a_time_per_user_sticky_ones_first),
                rig_test(an_ended_job_tells_its_last_change),
                rig_test(undelivered_events_survive_a_restart),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
