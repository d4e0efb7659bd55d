/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules, cost and battery hold jobs up and let them go; limits and pace. */
#include "rig_test.h"

#include <errno.h>

#define HOUR_USEC (3600 * USEC_PER_SEC)

static void to_hour(FakeRig *rig, uint64_t hour)
{
        uint64_t day = 24 * HOUR_USEC;
        uint64_t now = rig->clock.wall % day;

        fake_clock_advance(&rig->clock, (hour * HOUR_USEC + day - now) % day);
}

/* Nothing from 8 to 17, at 12. */
static void forbid_by_day(FakeRig *rig)
{
        to_hour(rig, 12);
        rig->policy.limits.daily = true;
        rig->policy.limits.daily_kbps = 0;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_run(rig);
}

static Why why_of(FakeRig *rig, const GUID *id)
{
        Why why;

        manager_why(rig->m, fake_rig_read(rig, id), &why);
        return why;
}

static void assert_braked(FakeRig *rig, const GUID *id, HRESULT code, WhyCode why)
{
        const Job *job = fake_rig_read(rig, id);

        assert_int_equal(job->status.state, BG_JOB_STATE_TRANSIENT_ERROR);
        assert_hr(job->status.error.code, code);
        assert_int_equal(job->status.error_count, 0);
        assert_int_equal(why_of(rig, id).code, why);
}

static void a_limit_of_nothing_holds_background_jobs_until_it_ends(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);
        uint64_t end;

        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
        forbid_by_day(rig);
        assert_true(fake_transfer_find(&rig->transfer, FAKE_FILE, &id)->stopped);
        fake_op_stopped(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_FILE, &id));
        assert_braked(rig, &id, BG_E_BLOCKED_BY_POLICY, WHY_SCHEDULE);
        fake_rig_run(rig);
        end = rig->clock.wall + 5 * HOUR_USEC;
        assert_true(why_of(rig, &id).retry_wall == end);
        assert_true(manager_next_wakeup_mono(rig->m) == rig->clock.mono + 5 * HOUR_USEC);
        fake_rig_advance(rig, 5 * HOUR_USEC - 1);
        assert_state(rig, &id, TRANSIENT_ERROR);
        fake_rig_advance(rig, 1);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void foreground_and_local_jobs_know_no_schedule(void **state)
{
        static const FileSpec local = {"/home/u/from", "/home/u/to"};
        FakeRig *rig = *state;
        GUID fg = fake_rig_job(rig), here = fake_rig_job(rig);

        forbid_by_day(rig);
        fake_rig_add(rig, &fg, 1);
        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &fg, BG_JOB_PRIORITY_FOREGROUND), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &fg), S_OK);
        assert_hr(manager_add_files(rig->m, &FAKE_USER, &here, &local, 1), S_OK);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &here), S_OK);
        fake_rig_run(rig);
        assert_state(rig, &fg, CONNECTING);
        assert_state(rig, &here, CONNECTING);
}

static void raising_a_held_job_to_foreground_sets_it_free(void **state)
{
        FakeRig *rig = *state;
        GUID id;

        forbid_by_day(rig);
        id = fake_rig_resumed(rig, 1);
        fake_rig_run(rig);
        assert_braked(rig, &id, BG_E_BLOCKED_BY_POLICY, WHY_SCHEDULE);
        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &id, BG_JOB_PRIORITY_FOREGROUND), S_OK);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
}

static void a_held_job_takes_nobodys_place(void **state)
{
        FakeRig *rig = *state;
        GUID low = fake_rig_job(rig), high = fake_rig_job(rig);
        FakeOp *op;

        rig->policy.run_on_metered[BG_JOB_PRIORITY_HIGH] = false;
        manager_set_policy(rig->m, &rig->policy);
        manager_metered_changed(rig->m, true);
        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &low, BG_JOB_PRIORITY_LOW), S_OK);
        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &high, BG_JOB_PRIORITY_HIGH), S_OK);
        fake_rig_add(rig, &low, 1);
        fake_rig_add(rig, &high, 1);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &low), S_OK);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &low);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &high), S_OK);
        fake_rig_run(rig);
        assert_braked(rig, &high, BG_E_BLOCKED_BY_COST_TRANSFER_POLICY, WHY_METERED);
        assert_state(rig, &low, CONNECTING);
        assert_false(op->stopped);
}

static void a_metered_network_holds_the_levels_that_may_not_use_it(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        manager_metered_changed(rig->m, true);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING); /* as BITS does: always, unless told otherwise */
        rig->policy.run_on_metered[BG_JOB_PRIORITY_NORMAL] = false;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_run(rig);
        fake_rig_finish(rig);
        assert_braked(rig, &id, BG_E_BLOCKED_BY_COST_TRANSFER_POLICY, WHY_METERED);
        fake_rig_advance(rig, 30 * 24 * HOUR_USEC); /* neither a retry nor an end */
        assert_braked(rig, &id, BG_E_BLOCKED_BY_COST_TRANSFER_POLICY, WHY_METERED);
        manager_metered_changed(rig->m, false);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
}

static void a_battery_holds_the_levels_that_may_not_drain_it(void **state)
{
        FakeRig *rig = *state;
        GUID id;

        manager_battery_changed(rig->m, true);
        id = fake_rig_resumed(rig, 1);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
        rig->policy.run_on_battery[BG_JOB_PRIORITY_NORMAL] = false;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_run(rig);
        fake_rig_finish(rig);
        assert_braked(rig, &id, BG_E_BLOCKED_BY_BATTERY_POLICY, WHY_BATTERY);
        manager_battery_changed(rig->m, false);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
}

static void one_brake_follows_another_and_the_last_lets_go(void **state)
{
        FakeRig *rig = *state;
        const BG_JOB_PRIORITY level = BG_JOB_PRIORITY_NORMAL;
        GUID id;

        rig->policy.run_on_metered[level] = rig->policy.run_on_battery[level] = false;
        forbid_by_day(rig);
        manager_network_changed(rig->m, false);
        manager_metered_changed(rig->m, true);
        manager_battery_changed(rig->m, true);
        id = fake_rig_resumed(rig, 1);
        fake_rig_run(rig);
        assert_braked(rig, &id, BG_E_NETWORK_DISCONNECTED, WHY_NETWORK_DOWN);
        manager_network_changed(rig->m, true);
        fake_rig_run(rig);
        assert_braked(rig, &id, BG_E_BLOCKED_BY_POLICY, WHY_SCHEDULE);
        fake_rig_advance(rig, 5 * HOUR_USEC);
        assert_braked(rig, &id, BG_E_BLOCKED_BY_COST_TRANSFER_POLICY, WHY_METERED);
        manager_metered_changed(rig->m, false);
        fake_rig_run(rig);
        assert_braked(rig, &id, BG_E_BLOCKED_BY_BATTERY_POLICY, WHY_BATTERY);
        manager_network_changed(rig->m, false);
        assert_braked(rig, &id, BG_E_NETWORK_DISCONNECTED, WHY_NETWORK_DOWN);
        manager_battery_changed(rig->m, false);
        manager_network_changed(rig->m, true);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
}

static int store_is_full(void *ctx, FakeStoreCall call)
{
        (void) ctx;
        (void) call;
        return -ENOSPC;
}

static void a_store_that_refuses_a_brake_is_asked_again(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        rig->policy.run_on_battery[BG_JOB_PRIORITY_NORMAL] = false;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_run(rig);
        rig->store.fault = store_is_full;
        manager_battery_changed(rig->m, true);
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
        rig->store.fault = NULL;
        fake_rig_advance(rig, 6 * USEC_PER_SEC);
        assert_braked(rig, &id, BG_E_BLOCKED_BY_BATTERY_POLICY, WHY_BATTERY);
}

static void after_a_restart_a_held_job_is_held_or_goes_on(void **state)
{
        FakeRig *rig = *state;
        GUID id;

        forbid_by_day(rig);
        id = fake_rig_resumed(rig, 1);
        fake_rig_run(rig);
        assert_true(fake_rig_restart(rig, false));
        fake_rig_run(rig);
        assert_braked(rig, &id, BG_E_BLOCKED_BY_POLICY, WHY_SCHEDULE);
        fake_rig_stop(rig, true, 0);
        to_hour(rig, 18);
        assert_true(fake_rig_start(rig));
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
}

static void a_clock_that_is_set_is_noticed(void **state)
{
        FakeRig *rig = *state;
        GUID id;

        forbid_by_day(rig);
        id = fake_rig_resumed(rig, 1);
        fake_rig_run(rig);
        rig->clock.wall += 6 * HOUR_USEC; /* 18:00, and no time has passed */
        fake_rig_run(rig);
        assert_state(rig, &id, CONNECTING);
        rig->clock.wall -= 6 * HOUR_USEC;
        fake_rig_run(rig);
        assert_braked(rig, &id, BG_E_BLOCKED_BY_POLICY, WHY_SCHEDULE);
}

static void without_jobs_that_could_run_no_schedule_wakes_anybody(void **state)
{
        FakeRig *rig = *state;
        ManagerCounts counts;

        forbid_by_day(rig);
        assert_true(manager_next_wakeup_mono(rig->m) == USEC_INFINITY);
        fake_clock_advance(&rig->clock, 6 * HOUR_USEC);
        fake_rig_run(rig);
        manager_counts(rig->m, &counts);
        assert_true(counts.limits.level_bps[BG_JOB_PRIORITY_LOW] == UINT64_MAX);
}

static void what_is_allowed_is_told_when_it_changes(void **state)
{
        FakeRig *rig = *state;
        FakeTransfer *t = &rig->transfer;

        fake_rig_run(rig);
        assert_int_equal(t->limits_told, 1);
        assert_true(t->limits.level_bps[BG_JOB_PRIORITY_LOW] == UINT64_MAX);
        to_hour(rig, 12);
        rig->policy.limits.daily = rig->policy.limits.lan_exempt = true;
        rig->policy.limits.daily_kbps = 800;
        manager_set_policy(rig->m, &rig->policy);
        (void) fake_rig_resumed(rig, 1);
        fake_rig_run(rig);
        fake_rig_run(rig);
        assert_int_equal(t->limits_told, 2);
        assert_int_equal(t->limits.level_bps[BG_JOB_PRIORITY_HIGH], 100000);
        assert_true(t->limits.level_bps[BG_JOB_PRIORITY_FOREGROUND] == UINT64_MAX);
        assert_true(t->limits.lan_exempt);
        fake_rig_advance(rig, 5 * HOUR_USEC);
        assert_int_equal(t->limits_told, 3);
        assert_true(t->limits.level_bps[BG_JOB_PRIORITY_HIGH] == UINT64_MAX);
}

static void a_running_job_follows_its_limit_and_level(void **state)
{
        FakeRig *rig = *state;
        FakeTransfer *t = &rig->transfer;
        GUID id = fake_rig_resumed(rig, 1);
        FakeOp *op;

        fake_rig_run(rig);
        op = fake_transfer_find(t, FAKE_FILE, &id);
        assert_hr(manager_set_limit_rate(rig->m, &FAKE_USER, &id, 100000), S_OK);
        assert_int_equal(t->retunes, 1);
        assert_int_equal(t->retuned_op, op->op);
        assert_int_equal(t->retuned_bps, 100000);
        assert_hr(manager_set_priority(rig->m, &FAKE_USER, &id, BG_JOB_PRIORITY_HIGH), S_OK);
        assert_int_equal(t->retunes, 2);
        assert_int_equal(t->retuned_level, BG_JOB_PRIORITY_HIGH);
        assert_hr(manager_set_name(rig->m, &FAKE_USER, &id, "other"), S_OK);
        assert_int_equal(t->retunes, 2);
        assert_false(op->stopped);
        assert_true(fake_rig_restart(rig, false));
        assert_int_equal(fake_rig_read(rig, &id)->props.limit_bps, 100000);
}

static void a_limit_below_sense_is_refused(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);

        assert_hr(manager_set_limit_rate(rig->m, &FAKE_USER, &id, LIMIT_RATE_BPS_MIN - 1),
                  E_INVALIDARG);
        assert_hr(manager_set_limit_rate(rig->m, &FAKE_USER, &id, (uint64_t) INT64_MAX + 1),
                  E_INVALIDARG);
        assert_hr(manager_set_limit_rate(rig->m, &FAKE_USER, &id, LIMIT_RATE_BPS_MIN), S_OK);
        assert_hr(manager_set_limit_rate(rig->m, &FAKE_USER, &id, 0), S_OK);
        assert_hr(manager_set_limit_rate(rig->m, &(Caller){.uid = 2}, &id, 0), E_ACCESSDENIED);
}

static void crossing_to_foreground_and_back_begins_the_transfers_anew(void **state)
{
        static const BG_JOB_PRIORITY levels[] = {BG_JOB_PRIORITY_FOREGROUND, BG_JOB_PRIORITY_LOW};
        FakeRig *rig = *state;
        FakeTransfer *t = &rig->transfer;
        GUID id = fake_rig_resumed(rig, 1);

        fake_rig_run(rig);
        for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
                FakeOp *op = fake_transfer_find(t, FAKE_FILE, &id);
                uint64_t number = op->op;

                fake_op_connected(t, rig->m, op);
                fake_op_meta(t, rig->m, op);
                fake_op_progress(t, rig->m, op, 1000, 0);
                assert_hr(manager_set_priority(rig->m, &FAKE_USER, &id, levels[i]), S_OK);
                fake_rig_run(rig);
                assert_true(op->stopped);
                assert_int_equal(t->retunes, 0);
                fake_op_stopped(t, rig->m, op);
                fake_rig_run(rig);
                op = fake_transfer_find(t, FAKE_FILE, &id);
                assert_non_null(op);
                assert_true(op->op != number);
                assert_true(fake_rig_read(rig, &id)->bytes_done >= 1000);
        }
}

static void pace_is_shown_and_forgotten_with_its_transfer(void **state)
{
        FakeRig *rig = *state;
        FakeTransfer *t = &rig->transfer;
        GUID id = fake_rig_resumed(rig, 2);
        FakeOp *first, *second;
        uint32_t changes;

        fake_rig_run(rig);
        first = fake_transfer_find_file(t, &id, 0);
        second = fake_transfer_find_file(t, &id, 1);
        fake_op_connected(t, rig->m, first);
        assert_int_equal(why_of(rig, &id).code, WHY_NONE);
        changes = rig->notifier.changes;
        fake_op_pace(t, rig->m, first, PACE_LINK_BUSY);
        assert_int_equal(why_of(rig, &id).code, WHY_LINK_BUSY);
        assert_int_equal(rig->notifier.changes, changes + 1);
        fake_op_pace(t, rig->m, second, PACE_LIMIT);
        assert_int_equal(why_of(rig, &id).code, WHY_LIMIT_RATE);
        fake_op_pace(t, rig->m, second, PACE_KIND_MAX); /* no such pace */
        assert_int_equal(why_of(rig, &id).code, WHY_LIMIT_RATE);
        fake_op_pace(t, rig->m, second, PACE_FREE);
        assert_int_equal(why_of(rig, &id).code, WHY_LINK_BUSY);
        fake_op_meta(t, rig->m, first);
        fake_op_done(t, rig->m, first);
        assert_int_equal(why_of(rig, &id).code, WHY_NONE);
        assert_state(rig, &id, TRANSFERRING);
}

static void pace_of_an_upload_is_shown(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_upload(rig, BG_JOB_TYPE_UPLOAD);

        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        fake_op_pace(&rig->transfer, rig->m, fake_transfer_find(&rig->transfer, FAKE_FILE, &id),
                     PACE_LIMIT);
        assert_int_equal(why_of(rig, &id).code, WHY_LIMIT_RATE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(a_limit_of_nothing_holds_background_jobs_until_it_ends),
                rig_test(foreground_and_local_jobs_know_no_schedule),
                rig_test(raising_a_held_job_to_foreground_sets_it_free),
                rig_test(a_held_job_takes_nobodys_place),
                rig_test(a_metered_network_holds_the_levels_that_may_not_use_it),
                rig_test(a_battery_holds_the_levels_that_may_not_drain_it),
                rig_test(one_brake_follows_another_and_the_last_lets_go),
                rig_test(a_store_that_refuses_a_brake_is_asked_again),
                rig_test(after_a_restart_a_held_job_is_held_or_goes_on),
                rig_test(a_clock_that_is_set_is_noticed),
                rig_test(without_jobs_that_could_run_no_schedule_wakes_anybody),
                rig_test(what_is_allowed_is_told_when_it_changes),
                rig_test(a_running_job_follows_its_limit_and_level),
                rig_test(a_limit_below_sense_is_refused),
                rig_test(crossing_to_foreground_and_back_begins_the_transfers_anew),
                rig_test(pace_is_shown_and_forgotten_with_its_transfer),
                rig_test(pace_of_an_upload_is_shown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
