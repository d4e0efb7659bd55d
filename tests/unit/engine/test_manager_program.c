/* SPDX-License-Identifier: Apache-2.0 */
/* SetNotifyCmdLine: what is accepted, when the program runs, and what becomes of the event. The
 * rows of the published table of precedence have a test each. */
#include "job_states.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"

static const Caller OTHER_CLIENT = {.uid = 1000, .client = 2};
static const Caller ADMIN = {.uid = 0, .is_admin = true, .client = 4};
static const Caller STRANGER = {.uid = 1001, .client = 3};

enum { EXIT_1 = 1, KILLED = -9, DELAY_SEC = 600 };

static HRESULT set_program(FakeRig *rig, const GUID *id, const char *program)
{
        HRESULT hr = manager_set_notify_cmd_line(rig->m, &FAKE_USER, id, program, NULL);

        fake_rig_run(rig);
        return hr;
}

static void with_program(FakeRig *rig, const GUID *id)
{
        assert_hr(set_program(rig, id, "/bin/notify"), S_OK);
}

static void with_callback(FakeRig *rig, const GUID *id)
{
        assert_hr(manager_set_notify_client(rig->m, &FAKE_USER, id, true), S_OK);
        fake_rig_run(rig);
}

static void answer(FakeRig *rig, HRESULT hr)
{
        FakeDelivery *d = fake_notifier_find(&rig->notifier, NOTIFY_NONE);

        assert_non_null(d);
        manager_notify_result(rig->m, fake_notifier_take(d), hr);
        fake_rig_run(rig);
}

static void program_ends(FakeRig *rig, int32_t result)
{
        FakeDelivery *d = fake_notifier_find_program(&rig->notifier);

        assert_non_null(d);
        manager_program_result(rig->m, fake_notifier_take(d), result);
        fake_rig_run(rig);
}

static NotifyKind undelivered(FakeRig *rig, const GUID *id)
{
        return fake_rig_read(rig, id)->status.undelivered;
}

static void pass(FakeRig *rig, uint64_t sec)
{
        fake_rig_advance(rig, sec * USEC_PER_SEC);
}

/* ---- what is accepted ---- */

static char *repeat(const char *unit, size_t n)
{
        char *text = calloc(n, strlen(unit) + 1);

        assert_non_null(text);
        for (size_t i = 0; i < n; i++)
                strcat(text, unit);
        return text;
}

static HRESULT set_lengths(FakeRig *rig, const GUID *id, size_t program, size_t parameters,
                           const char *unit)
{
        char *p = repeat(unit, program), *q = repeat(unit, parameters);
        HRESULT hr = manager_set_notify_cmd_line(rig->m, &FAKE_USER, id, p, q);

        free(p);
        free(q);
        return hr;
}

static void lengths_count_utf16_units(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);

        assert_hr(set_lengths(rig, &id, 260, 4000, "a"), S_OK);
        assert_hr(set_lengths(rig, &id, 261, 4000, "a"), BG_E_STRING_TOO_LONG);
        assert_hr(set_lengths(rig, &id, 260, 4001, "a"), BG_E_STRING_TOO_LONG);
        assert_hr(set_lengths(rig, &id, 260, 4000, "\u20ac"), S_OK);
        assert_hr(set_lengths(rig, &id, 130, 2000, "\U0001f600"), S_OK);
        assert_hr(set_lengths(rig, &id, 131, 2000, "\U0001f600"), BG_E_STRING_TOO_LONG);
        assert_hr(set_lengths(rig, &id, 130, 2001, "\U0001f600"), BG_E_STRING_TOO_LONG);
}

static void bad_values_are_refused_and_change_nothing(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig), none = {0};
        const JobProps *p = &fake_rig_read(rig, &id)->props;

        assert_hr(manager_set_notify_cmd_line(rig->m, &FAKE_USER, &id, "/p", "p x"), S_OK);
        assert_hr(manager_set_notify_cmd_line(rig->m, &FAKE_USER, &id, NULL, "p"), E_INVALIDARG);
        assert_hr(manager_set_notify_cmd_line(rig->m, &FAKE_USER, &id, "", "p"), E_INVALIDARG);
        assert_hr(manager_set_notify_cmd_line(rig->m, &FAKE_USER, &id, "/\xff", NULL),
                  E_INVALIDARG);
        assert_hr(manager_set_notify_cmd_line(rig->m, &FAKE_USER, &id, "/p", "\xc0\xaf"),
                  E_INVALIDARG);
        assert_hr(manager_set_notify_cmd_line(rig->m, &STRANGER, &id, "/q", NULL), E_ACCESSDENIED);
        assert_hr(manager_set_notify_cmd_line(rig->m, &FAKE_USER, &none, "/q", NULL),
                  BG_E_NOT_FOUND);
        assert_string_equal(p->notify_program, "/p");
        assert_string_equal(p->notify_parameters, "p x");
        assert_int_equal(p->notify_uid, 1000);
        assert_string_equal(fake_store_job(&rig->store, &id)->props.notify_parameters, "p x");
}

/* A relative path is stored like one of a program that is not there: it shows at the launch. */
static void paths_are_not_checked(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);

        assert_hr(set_program(rig, &id, "notify.sh"), S_OK);
        assert_hr(set_program(rig, &id, "/not/there"), S_OK);
}

static void nothing_twice_removes_it(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_job(rig);
        const JobProps *p = &fake_rig_read(rig, &id)->props;

        with_program(rig, &id);
        assert_hr(manager_set_notify_cmd_line(rig->m, &FAKE_USER, &id, NULL, NULL), S_OK);
        assert_null(p->notify_program);
        with_program(rig, &id);
        assert_hr(manager_set_notify_cmd_line(rig->m, &FAKE_USER, &id, "", ""), S_OK);
        assert_null(p->notify_program);
        assert_null(p->notify_parameters);
        assert_null(fake_store_job(&rig->store, &id)->props.notify_program);
}

static void ended_jobs_take_none(void **state)
{
        FakeRig *rig = *state;
        GUID ended = job_in_state(rig, BG_JOB_STATE_ACKNOWLEDGED);
        GUID cancelled = job_in_state(rig, BG_JOB_STATE_CANCELLED);

        assert_hr(set_program(rig, &ended, "/p"), BG_E_INVALID_STATE);
        assert_hr(set_program(rig, &cancelled, NULL), BG_E_INVALID_STATE);
}

static void the_switch_forbids_programs(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        with_program(rig, &id);
        rig->policy.allow_programs = false;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_finish(rig);
        assert_int_equal(rig->notifier.runs, 0);
        assert_false(manager_has_work(rig->m));
        assert_hr(set_program(rig, &id, "/p"), BG_E_BLOCKED_BY_POLICY);
        assert_string_equal(fake_rig_read(rig, &id)->props.notify_program, "/bin/notify");
        rig->policy.allow_programs = true;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.ran[NOTIFY_TRANSFERRED], 1);
        rig->policy.allow_programs = false;
        manager_set_policy(rig->m, &rig->policy);
        assert_hr(set_program(rig, &id, NULL), S_OK);
}

static void programs_of_root_have_a_switch_of_their_own(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1), other = fake_rig_resumed(rig, 1);

        assert_hr(manager_set_notify_cmd_line(rig->m, &ADMIN, &id, "/p", NULL), S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->props.notify_uid, 0);
        with_program(rig, &other);
        rig->policy.allow_root_programs = false;
        manager_set_policy(rig->m, &rig->policy);
        fake_rig_finish(rig);
        assert_int_equal(rig->notifier.runs, 1);
        assert_hr(manager_set_notify_cmd_line(rig->m, &ADMIN, &other, "/p", NULL),
                  BG_E_BLOCKED_BY_POLICY);
        assert_false(policy_default(true).allow_root_programs);
        assert_true(policy_default(true).allow_programs);
}

/* ---- the table of precedence ---- */

static void no_callback_and_no_program_leave_the_event_pending(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        pass(rig, 100000);
        assert_int_equal(rig->notifier.runs, 0);
        assert_int_equal(undelivered(rig, &id), NOTIFY_TRANSFERRED);
}

static void without_a_callback_the_program_runs(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        assert_hr(manager_set_notify_cmd_line(rig->m, &FAKE_USER, &id, "/bin/n", "n \"a b\""),
                  S_OK);
        fake_rig_finish(rig);
        assert_int_equal(rig->notifier.ran[NOTIFY_TRANSFERRED], 1);
        assert_string_equal(rig->notifier.last_program, "/bin/n|n \"a b\"");
        assert_int_equal(undelivered(rig, &id), NOTIFY_TRANSFERRED);
        pass(rig, 100000); /* however long it takes: it is run once */
        assert_int_equal(rig->notifier.runs, 1);
        program_ends(rig, 0);
        assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
        pass(rig, 100000);
        assert_int_equal(rig->notifier.runs, 1);
        assert_state(rig, &id, TRANSFERRED);
}

static void after_a_callback_that_takes_it_the_program_does_not_run(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        with_program(rig, &id);
        with_callback(rig, &id);
        fake_rig_finish(rig);
        answer(rig, S_OK);
        manager_client_gone(rig->m, 1);
        pass(rig, 100000);
        assert_int_equal(rig->notifier.runs, 0);
        assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
}

static void a_failed_callback_without_program_is_called_again(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        with_callback(rig, &id);
        for (uint32_t i = 1; i < 5; i++) {
                assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], i);
                answer(rig, E_FAIL);
                pass(rig, DELAY_SEC);
        }
        assert_int_equal(rig->notifier.runs, 0);
}

static void after_a_failed_callback_the_program_runs_and_owns_the_event(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        with_callback(rig, &id);
        with_program(rig, &id);
        assert_int_equal(rig->notifier.runs, 0); /* the callback has not answered */
        answer(rig, E_FAIL);
        assert_int_equal(rig->notifier.ran[NOTIFY_ERROR], 1); /* at once */
        program_ends(rig, EXIT_1);
        pass(rig, DELAY_SEC - 1);
        assert_int_equal(rig->notifier.runs, 1);
        pass(rig, 1);
        assert_int_equal(rig->notifier.runs, 2);
        program_ends(rig, KILLED);
        pass(rig, DELAY_SEC);
        program_ends(rig, 0);
        pass(rig, 100000);
        assert_int_equal(rig->notifier.runs, 3);
        assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], 1);
        assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
}

static void a_hung_callback_is_a_failed_one(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        with_callback(rig, &id);
        with_program(rig, &id);
        pass(rig, 59);
        assert_int_equal(rig->notifier.runs, 0);
        pass(rig, 1);
        assert_int_equal(rig->notifier.runs, 1);
        answer(rig, S_OK); /* too late to mean anything */
        assert_int_equal(undelivered(rig, &id), NOTIFY_ERROR);
        program_ends(rig, 0);
        assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
}

static void when_the_client_is_gone_the_program_runs(void **state)
{
        FakeRig *rig = *state;
        GUID dead = fake_rig_resumed(rig, 1), dies = fake_rig_resumed(rig, 1);
        GUID invalid = fake_rig_resumed(rig, 1);

        with_callback(rig, &dead);
        with_program(rig, &dead);
        with_program(rig, &dies);
        manager_client_gone(rig->m, 1);
        with_callback(rig, &dies);
        fake_rig_finish(rig);
        assert_int_equal(rig->notifier.runs, 1);
        program_ends(rig, 0);
        /* In the middle of its callback. */
        fake_notifier_take(fake_notifier_find(&rig->notifier, NOTIFY_TRANSFERRED));
        manager_client_gone(rig->m, 1);
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.runs, 2);
        program_ends(rig, 0);
        /* It cannot even be called. */
        with_program(rig, &invalid);
        program_ends(rig, EXIT_1);
        rig->notifier.deliver_error = -ENOTCONN;
        with_callback(rig, &invalid);
        assert_false(manager_has_notify_client(rig->m, fake_rig_read(rig, &invalid)));
        pass(rig, DELAY_SEC);
        program_ends(rig, 0);
        assert_int_equal(undelivered(rig, &invalid), NOTIFY_NONE);
}

static void an_invalid_callback_lets_the_program_run_at_once(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        with_program(rig, &id);
        with_callback(rig, &id);
        rig->notifier.deliver_error = -ENOTCONN;
        fake_rig_finish(rig);
        assert_int_equal(rig->notifier.runs, 1);
}

static void when_both_fail_both_are_tried_again(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        rig->notifier.run_error = -ENOENT;
        with_callback(rig, &id);
        with_program(rig, &id);
        for (uint32_t i = 1; i < 4; i++) {
                assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], i);
                answer(rig, E_FAIL);
                assert_int_equal(rig->notifier.runs, i);
                assert_int_equal(rig->notifier.ran[NOTIFY_ERROR], 0);
                pass(rig, DELAY_SEC - 1);
                assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], i);
                pass(rig, 1);
        }
        assert_int_equal(undelivered(rig, &id), NOTIFY_ERROR);
        answer(rig, S_OK);
        assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
}

/* The same when the start fails only after a while. */
static void a_late_failure_to_start_gives_the_event_back(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        with_callback(rig, &id);
        with_program(rig, &id);
        answer(rig, E_FAIL);
        program_ends(rig, PROGRAM_NOT_STARTED - ENOEXEC);
        assert_int_equal(fake_rig_read(rig, &id)->status.program_result,
                         PROGRAM_NOT_STARTED - ENOEXEC);
        pass(rig, DELAY_SEC);
        assert_int_equal(rig->notifier.delivered[NOTIFY_ERROR], 2);
        assert_int_equal(rig->notifier.runs, 1);
}

/* ---- when, and how often ---- */

static void it_runs_for_an_event_that_is_past(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        pass(rig, 5000);
        with_program(rig, &id);
        assert_int_equal(rig->notifier.ran[NOTIFY_TRANSFERRED], 1);
}

static void a_program_that_cannot_start_is_tried_again(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);
        const JobStatus *s = &fake_rig_read(rig, &id)->status;

        rig->notifier.run_error = -ENOENT;
        with_program(rig, &id);
        assert_int_equal(s->program_result, PROGRAM_NOT_STARTED - ENOENT);
        assert_int_equal(s->program_runs, 1);
        pass(rig, DELAY_SEC);
        assert_int_equal(rig->notifier.runs, 2);
        rig->notifier.run_error = 0;
        pass(rig, DELAY_SEC);
        program_ends(rig, 0);
        assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
        assert_int_equal(s->program_runs, 3);
}

static void the_retry_delay_is_the_jobs_own(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        assert_hr(manager_set_retry_delay(rig->m, &FAKE_USER, &id, 30), S_OK);
        with_program(rig, &id);
        for (uint32_t i = 1; i < 50; i++) {
                assert_int_equal(rig->notifier.runs, i);
                program_ends(rig, EXIT_1);
                pass(rig, 30);
        }
}

static void transient_errors_and_modifications_run_nothing(void **state)
{
        FakeRig *rig = *state;
        GUID id = fake_rig_resumed(rig, 1);

        with_program(rig, &id);
        assert_hr(manager_set_notify_flags(rig->m, &FAKE_USER, &id, 11), S_OK);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_500);
        assert_state(rig, &id, TRANSIENT_ERROR);
        pass(rig, 10);
        assert_int_equal(rig->notifier.runs, 0);
}

static void flags_are_respected(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        assert_hr(manager_set_notify_flags(rig->m, &FAKE_USER, &id, BG_NOTIFY_JOB_ERROR), S_OK);
        with_program(rig, &id);
        assert_int_equal(rig->notifier.runs, 0);
        assert_false(manager_has_work(rig->m));
        assert_hr(manager_set_notify_flags(rig->m, &FAKE_USER, &id,
                                           BG_NOTIFY_JOB_TRANSFERRED | BG_NOTIFY_DISABLE),
                  S_OK);
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.runs, 0);
        assert_hr(manager_set_notify_flags(rig->m, &FAKE_USER, &id, BG_NOTIFY_JOB_TRANSFERRED),
                  S_OK);
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.runs, 1);
}

static void each_entry_into_the_state_is_a_new_event(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        with_program(rig, &id);
        program_ends(rig, 0);
        for (uint32_t i = 2; i < 5; i++) {
                assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
                fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
                assert_int_equal(rig->notifier.ran[NOTIFY_ERROR], i);
                program_ends(rig, 0);
        }
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        assert_int_equal(rig->notifier.ran[NOTIFY_TRANSFERRED], 1);
}

static void leaving_the_state_voids_the_run(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        with_program(rig, &id);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
        assert_int_equal(rig->notifier.runs, 2); /* no waiting for the one of the old event */
        program_ends(rig, 0);                    /* the old one's */
        assert_int_equal(undelivered(rig, &id), NOTIFY_ERROR);
        program_ends(rig, 0);
        assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
}

static void a_wait_for_the_next_try_ends_with_the_event(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        with_program(rig, &id);
        program_ends(rig, EXIT_1);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_run(rig);
        pass(rig, 2 * DELAY_SEC);
        assert_int_equal(rig->notifier.runs, 1);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
        assert_int_equal(rig->notifier.runs, 2); /* and the new one begins at once */
}

/* As programs do: Complete from inside, then an exit with whatever. */
static void a_program_that_completes_its_job(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        with_program(rig, &id);
        assert_hr(fake_rig_complete(rig, &id), S_OK);
        assert_true(manager_has_work(rig->m)); /* it is still running */
        program_ends(rig, 3);
        assert_false(manager_has_work(rig->m));
        pass(rig, 100000);
        assert_int_equal(rig->notifier.runs, 1);
        assert_int_equal(fake_rig_read(rig, &id)->status.program_result, 3);
        assert_int_equal(fake_rig_read(rig, &id)->status.program_runs, 1);
        assert_int_equal(fake_store_job(&rig->store, &id)->status.program_result, 3);
}

static void no_program_begins_while_the_job_is_completed(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        uint64_t token = rig->next_token++;

        with_program(rig, &id);
        program_ends(rig, EXIT_1);
        manager_complete(rig->m, &FAKE_USER, &id, token);
        fake_rig_run(rig);
        pass(rig, 5 * DELAY_SEC);
        assert_int_equal(rig->notifier.runs, 1);
        fake_rig_finish(rig);
        assert_state(rig, &id, ACKNOWLEDGED);
        pass(rig, DELAY_SEC);
        assert_int_equal(rig->notifier.runs, 1);
}

static void the_outcome_is_kept(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);
        const JobStatus *s = &fake_rig_read(rig, &id)->status;

        with_program(rig, &id);
        assert_int_equal(s->program_time_wall, 0);
        pass(rig, 7);
        program_ends(rig, KILLED);
        assert_int_equal(s->program_result, KILLED);
        assert_int_equal(s->program_runs, 1);
        assert_true(s->program_time_wall == rig->clock.wall);
        assert_int_equal(manager_flush(rig->m), 0);
        assert_int_equal(fake_store_job(&rig->store, &id)->status.program_result, KILLED);
        assert_hr(set_program(rig, &id, "/another"), S_OK);
        assert_int_equal(s->program_runs, 0);
        assert_int_equal(s->program_time_wall, 0);
}

/* ---- changes while it runs ---- */

static void a_new_program_runs_whatever_the_old_one_does(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        with_program(rig, &id);
        assert_hr(set_program(rig, &id, "/another"), S_OK);
        assert_string_equal(rig->notifier.last_program, "/another|");
        program_ends(rig, 0); /* the old one */
        assert_int_equal(undelivered(rig, &id), NOTIFY_TRANSFERRED);
        assert_int_equal(fake_rig_read(rig, &id)->status.program_runs, 0);
        program_ends(rig, 0);
        assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
        assert_int_equal(fake_rig_read(rig, &id)->status.program_runs, 1);
}

static void removing_it_ends_the_retries(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        with_program(rig, &id);
        program_ends(rig, EXIT_1);
        assert_hr(set_program(rig, &id, NULL), S_OK);
        assert_false(manager_has_work(rig->m));
        pass(rig, 10 * DELAY_SEC);
        assert_int_equal(rig->notifier.runs, 1);
        assert_int_equal(undelivered(rig, &id), NOTIFY_TRANSFERRED);
}

static void who_registers_between_two_tries_is_told(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        with_program(rig, &id);
        with_callback(rig, &id); /* while it runs: its result counts */
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 0);
        program_ends(rig, EXIT_1);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 0); /* the event is its own */
        assert_hr(manager_set_notify_client(rig->m, &OTHER_CLIENT, &id, true), S_OK);
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 1);
        manager_client_gone(rig->m, 2);
        fake_notifier_take(fake_notifier_find(&rig->notifier, NOTIFY_TRANSFERRED));
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.runs, 1); /* not before its delay */
        pass(rig, DELAY_SEC);
        assert_int_equal(rig->notifier.runs, 2);
}

static void ownership_takes_the_program_away(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        const Job *job = fake_rig_read(rig, &id);

        with_program(rig, &id);
        assert_hr(manager_take_ownership(rig->m, &FAKE_USER, &id), E_ACCESSDENIED);
        assert_non_null(job->props.notify_program);
        assert_hr(manager_take_ownership(rig->m, &ADMIN, &id), S_OK);
        fake_rig_run(rig);
        assert_null(job->props.notify_program);
        assert_int_equal(job->props.notify_uid, 0);
        assert_null(fake_store_job(&rig->store, &id)->props.notify_program);
        program_ends(rig, 0); /* still running, but it means nothing */
        assert_int_equal(undelivered(rig, &id), NOTIFY_TRANSFERRED);
        assert_int_equal(job->status.program_runs, 0);
        assert_true(fake_rig_restart(rig, false));
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.runs, 1);
}

/* ---- four at a time ---- */

static void four_at_a_time_together_with_callbacks(void **state)
{
        FakeRig *rig = *state;
        GUID ids[7], modified = fake_rig_job(rig);

        for (int i = 0; i < 7; i++)
                ids[i] = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        with_callback(rig, &ids[0]);
        for (int i = 1; i < 7; i++)
                with_program(rig, &ids[i]);
        assert_int_equal(rig->notifier.runs, 3);
        assert_int_equal(fake_notifier_outstanding(&rig->notifier), 4);
        assert_hr(manager_set_notify_flags(rig->m, &FAKE_USER, &modified, 8), S_OK);
        with_callback(rig, &modified);
        assert_hr(manager_set_name(rig->m, &FAKE_USER, &modified, "x"), S_OK);
        pass(rig, 30);
        assert_int_equal(rig->notifier.delivered[NOTIFY_MODIFICATION], 0);
        answer(rig, S_OK);
        assert_int_equal(rig->notifier.runs, 4);
        for (uint32_t i = 5; i <= 6; i++) {
                program_ends(rig, 0);
                assert_int_equal(rig->notifier.runs, i);
        }
        program_ends(rig, 0);
        assert_int_equal(rig->notifier.delivered[NOTIFY_MODIFICATION], 1);
        assert_int_equal(rig->notifier.runs, 6);
}

static void a_void_run_holds_its_place_until_it_ends(void **state)
{
        FakeRig *rig = *state;
        GUID ids[5];

        for (int i = 0; i < 5; i++) {
                ids[i] = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
                with_program(rig, &ids[i]);
        }
        for (int i = 0; i < 4; i++)
                assert_hr(fake_rig_complete(rig, &ids[i]), S_OK);
        pass(rig, 100000);
        assert_int_equal(rig->notifier.runs, 4);
        program_ends(rig, 0);
        assert_int_equal(rig->notifier.runs, 5);
}

/* Whoever stood in line for an event that is no more gives its place to the next. */
static void nobody_is_forgotten_in_the_line(void **state)
{
        FakeRig *rig = *state;
        GUID ids[12];

        for (int i = 0; i < 12; i++) {
                ids[i] = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
                with_program(rig, &ids[i]);
        }
        for (int i = 4; i < 10; i++)
                assert_hr(fake_rig_complete(rig, &ids[i]), S_OK);
        for (int i = 0; i < 6; i++)
                program_ends(rig, 0);
        assert_int_equal(rig->notifier.runs, 6);
        assert_int_equal(undelivered(rig, &ids[11]), NOTIFY_NONE);
}

static void a_failed_start_gives_its_place_back(void **state)
{
        FakeRig *rig = *state;

        rig->notifier.run_error = -EACCES;
        for (int i = 0; i < 9; i++) {
                GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

                with_program(rig, &id);
        }
        assert_int_equal(rig->notifier.runs, 9);
        pass(rig, DELAY_SEC);
        assert_int_equal(rig->notifier.runs, 18);
}

/* ---- restarts ---- */

static void it_runs_again_after_a_crash_in_the_middle(void **state)
{
        FakeRig *rig = *state;

        for (int power = 0; power < 2; power++) {
                GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
                uint32_t before = rig->notifier.runs;

                assert_hr(set_program(rig, &id, "/bin/notify"), S_OK);
                assert_int_equal(manager_flush(rig->m), 0);
                assert_int_equal(rig->notifier.runs, before + 1);
                assert_true(fake_rig_restart(rig, power));
                assert_true(manager_has_work(rig->m));
                fake_rig_run(rig);
                assert_int_equal(rig->notifier.runs, before + 2);
                program_ends(rig, 0);
                assert_int_equal(manager_flush(rig->m), 0);
                assert_true(fake_rig_restart(rig, power));
                fake_rig_run(rig);
                assert_int_equal(rig->notifier.runs, before + 2);
                assert_false(manager_has_work(rig->m));
        }
}

static void a_wait_for_the_next_try_outlives_a_restart(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);

        with_program(rig, &id);
        for (int power = 0; power < 2; power++) {
                uint32_t before = rig->notifier.runs;

                program_ends(rig, EXIT_1);
                assert_int_equal(manager_flush(rig->m), 0);
                pass(rig, DELAY_SEC / 3);
                assert_true(fake_rig_restart(rig, power));
                fake_rig_run(rig);
                assert_true(manager_has_work(rig->m));
                pass(rig, DELAY_SEC - DELAY_SEC / 3 - 1);
                assert_int_equal(rig->notifier.runs, before);
                pass(rig, 1);
                assert_int_equal(rig->notifier.runs, before + 1);
        }
        /* A callback does not wait for it. */
        program_ends(rig, EXIT_1);
        assert_int_equal(manager_flush(rig->m), 0);
        assert_true(fake_rig_restart(rig, false));
        with_callback(rig, &id);
        answer(rig, S_OK);
        assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
}

static void a_new_event_does_not_wait_for_an_old_try(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);
        uint32_t before;

        with_program(rig, &id);
        program_ends(rig, EXIT_1);
        pass(rig, 1);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fail_transfer(rig, &id, BG_E_HTTP_ERROR_404);
        before = rig->notifier.runs;
        assert_int_equal(manager_flush(rig->m), 0);
        assert_true(fake_rig_restart(rig, false)); /* the run is not over */
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.runs, before + 1);
}

static void a_clock_that_was_set_back_lengthens_no_wait(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_ERROR);
        uint32_t before;

        with_program(rig, &id);
        program_ends(rig, EXIT_1);
        before = rig->notifier.runs;
        assert_int_equal(manager_flush(rig->m), 0);
        rig->clock.wall -= 1000000 * USEC_PER_SEC;
        assert_true(fake_rig_restart(rig, false));
        pass(rig, DELAY_SEC - 1);
        assert_int_equal(rig->notifier.runs, before);
        pass(rig, 1);
        assert_int_equal(rig->notifier.runs, before + 1);
}

/* What a damaged file may say. */
static void events_that_cannot_be_run_nothing(void **state)
{
        static const struct {
                BG_JOB_STATE state;
                NotifyKind undelivered;
        } cases[] = {
                {BG_JOB_STATE_SUSPENDED, NOTIFY_TRANSFERRED},
                {BG_JOB_STATE_TRANSFERRED, NOTIFY_ERROR},
                {BG_JOB_STATE_TRANSFERRED, NOTIFY_MODIFICATION},
                {BG_JOB_STATE_ERROR, NOTIFY_TRANSFERRED},
                {BG_JOB_STATE_ERROR, NOTIFY_MODIFICATION},
                {BG_JOB_STATE_ACKNOWLEDGED, NOTIFY_TRANSFERRED},
                {BG_JOB_STATE_CANCELLED, NOTIFY_ERROR},
        };
        FakeRig *rig = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                GUID id = fake_rig_job(rig);
                Job *stored;

                fake_rig_add(rig, &id, 1);
                with_program(rig, &id);
                assert_int_equal(manager_flush(rig->m), 0);
                fake_rig_stop(rig, false, 0);
                stored = (Job *) fake_store_job(&rig->store, &id);
                stored->status.state = cases[i].state;
                stored->status.undelivered = cases[i].undelivered;
                stored->status.ended_wall = rig->clock.wall;
                assert_true(fake_rig_start(rig));
                fake_rig_run(rig);
                pass(rig, 2 * DELAY_SEC);
                assert_int_equal(rig->notifier.runs, 0);
                assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
                assert_false(manager_has_work(rig->m));
        }
}

static void the_service_stays_while_a_program_is_to_run(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);

        assert_false(manager_has_work(rig->m));
        with_program(rig, &id);
        assert_true(manager_has_work(rig->m));
        program_ends(rig, EXIT_1);
        assert_true(manager_has_work(rig->m)); /* it will be run again */
        pass(rig, DELAY_SEC);
        program_ends(rig, 0);
        assert_false(manager_has_work(rig->m));
}

static void answers_that_nobody_asked_for_are_ignored(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
        FakeDelivery *d;
        uint64_t number;

        manager_program_result(rig->m, 12345, 0);
        with_program(rig, &id);
        d = fake_notifier_find_program(&rig->notifier);
        number = d->id;
        manager_notify_result(rig->m, number, S_OK); /* no callback's */
        assert_int_equal(undelivered(rig, &id), NOTIFY_TRANSFERRED);
        program_ends(rig, EXIT_1);
        manager_program_result(rig->m, number, 0);
        assert_int_equal(undelivered(rig, &id), NOTIFY_TRANSFERRED);
        with_callback(rig, &id);
        d = fake_notifier_find(&rig->notifier, NOTIFY_TRANSFERRED);
        manager_program_result(rig->m, d->id, 0); /* no program's */
        assert_int_equal(undelivered(rig, &id), NOTIFY_TRANSFERRED);
}

/* ---- jobs that complete by themselves ---- */

static GUID auto_job(FakeRig *rig)
{
        GUID id = fake_rig_job(rig);

        fake_rig_add(rig, &id, 1);
        assert_hr(manager_set_auto_complete(rig->m, &FAKE_USER, &id, true), S_OK);
        with_program(rig, &id);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        return id;
}

static void its_program_runs_when_the_files_are_in_their_places(void **state)
{
        FakeRig *rig = *state;
        GUID id = auto_job(rig);

        fake_rig_finish(rig);
        assert_state(rig, &id, ACKNOWLEDGED);
        assert_non_null(fake_disk_final(&rig->disk, "/home/u/0"));
        assert_int_equal(rig->notifier.ran[NOTIFY_TRANSFERRED], 1);
        assert_true(manager_has_work(rig->m));
        program_ends(rig, EXIT_1); /* an ended job has no later */
        assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
        assert_int_equal(fake_rig_read(rig, &id)->status.program_result, EXIT_1);
        assert_false(manager_has_work(rig->m));
        pass(rig, 10 * DELAY_SEC);
        assert_int_equal(rig->notifier.runs, 1);
}

static void its_callback_comes_first(void **state)
{
        FakeRig *rig = *state;
        GUID taken = auto_job(rig), failed;

        with_callback(rig, &taken);
        fake_rig_finish(rig);
        assert_state(rig, &taken, ACKNOWLEDGED);
        assert_int_equal(rig->notifier.delivered[NOTIFY_TRANSFERRED], 1);
        answer(rig, S_OK);
        assert_int_equal(rig->notifier.runs, 0);
        assert_false(manager_has_notify_client(rig->m, fake_rig_read(rig, &taken)));
        failed = auto_job(rig);
        with_callback(rig, &failed);
        fake_rig_finish(rig);
        answer(rig, E_FAIL);
        assert_int_equal(rig->notifier.runs, 1);
        program_ends(rig, 0);
        assert_false(manager_has_work(rig->m));
}

static void a_crash_before_its_program_has_run_is_made_good(void **state)
{
        FakeRig *rig = *state;
        GUID id = auto_job(rig);

        fake_rig_finish(rig);
        assert_true(fake_rig_restart(rig, true));
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.runs, 2);
        program_ends(rig, 0);
        assert_int_equal(manager_flush(rig->m), 0);
        assert_true(fake_rig_restart(rig, true));
        fake_rig_run(rig);
        assert_int_equal(rig->notifier.runs, 2);
        assert_state(rig, &id, ACKNOWLEDGED);
}

static void completing_it_by_hand_tells_nobody(void **state)
{
        FakeRig *rig = *state;
        GUID id = auto_job(rig);

        assert_hr(fake_rig_complete(rig, &id), BG_S_PARTIAL_COMPLETE);
        assert_int_equal(rig->notifier.runs, 0);
        assert_false(manager_has_work(rig->m));
}

/* However few ended jobs are kept: those with a program to run are. */
/* It was to be tried again later; then the job completes by itself, and has no later. Whose turn it
 * is stays. */
static void a_try_that_was_due_after_the_end_is_made_at_the_end(void **state)
{
        enum { ALONE, AFTER_CALLBACK, CALLBACK_NEXT, CASES };

        for (int which = ALONE; which < CASES; which++) {
                FakeRig *rig;
                GUID id;

                assert_int_equal(rig_teardown(state), 0);
                assert_int_equal(rig_setup(state), 0);
                rig = *state;
                id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
                if (which != ALONE)
                        with_callback(rig, &id);
                with_program(rig, &id);
                if (which != ALONE)
                        answer(rig, E_FAIL);
                program_ends(rig, which == CALLBACK_NEXT ? PROGRAM_NOT_STARTED - ENOENT : EXIT_1);
                assert_int_equal(undelivered(rig, &id), NOTIFY_TRANSFERRED);
                assert_hr(manager_set_auto_complete(rig->m, &FAKE_USER, &id, true), S_OK);
                fake_rig_finish(rig);
                assert_state(rig, &id, ACKNOWLEDGED);
                if (which == CALLBACK_NEXT)
                        answer(rig, S_OK);
                else
                        program_ends(rig, 0);
                assert_int_equal(undelivered(rig, &id), NOTIFY_NONE);
                assert_false(manager_has_work(rig->m));
        }
}

static void ended_jobs_wait_for_their_program(void **state)
{
        FakeRig *rig = *state;
        GUID first;

        rig->policy.tombstones_max = 1;
        rig->policy.tombstone_sec = 1;
        manager_set_policy(rig->m, &rig->policy);
        first = auto_job(rig);
        for (int i = 0; i < 9; i++)
                (void) auto_job(rig);
        fake_rig_finish(rig);
        assert_int_equal(rig->notifier.runs, 4);
        pass(rig, 5000);
        assert_state(rig, &first, ACKNOWLEDGED);
        for (int i = 0; i < 10; i++)
                program_ends(rig, i % 2);
        assert_int_equal(rig->notifier.runs, 10);
        pass(rig, 5);
        assert_int_equal(rig->store.image.len, 0);
        assert_false(manager_has_work(rig->m));
}

static void its_failure_to_complete_is_an_error_like_any(void **state)
{
        FakeRig *rig = *state;
        GUID id = auto_job(rig);

        rig->transfer.faults.publish = 1000;
        fake_rig_finish(rig);
        assert_state(rig, &id, ERROR);
        assert_int_equal(rig->notifier.ran[NOTIFY_ERROR], 1);
        assert_int_equal(rig->notifier.ran[NOTIFY_TRANSFERRED], 0);
}

/* ---- no memory ---- */

static void every_failure_of_memory_is_survived(void **state)
{
        FakeRig *rig = *state;

        for (uint64_t n = 1; n < 60; n++) {
                GUID id = job_in_state(rig, BG_JOB_STATE_TRANSFERRED);
                bool struck;
                HRESULT hr;

                mem_fail_nth(n);
                hr = manager_set_notify_cmd_line(rig->m, &FAKE_USER, &id, "/p", "p");
                fake_rig_run(rig);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_true(hr == S_OK || hr == E_OUTOFMEMORY);
                if (hr != S_OK)
                        assert_hr(set_program(rig, &id, "/p"), S_OK);
                pass(rig, 5);
                assert_int_equal(rig->notifier.ran[NOTIFY_TRANSFERRED], n);
                program_ends(rig, 0);
                if (!struck) {
                        assert_true(n > 5);
                        return;
                }
        }
        fail_msg("allocations never end");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                rig_test(lengths_count_utf16_units),
                rig_test(bad_values_are_refused_and_change_nothing),
                rig_test(paths_are_not_checked),
                rig_test(nothing_twice_removes_it),
                rig_test(ended_jobs_take_none),
                rig_test(the_switch_forbids_programs),
                rig_test(programs_of_root_have_a_switch_of_their_own),
                rig_test(no_callback_and_no_program_leave_the_event_pending),
                rig_test(without_a_callback_the_program_runs),
                rig_test(after_a_callback_that_takes_it_the_program_does_not_run),
                rig_test(a_failed_callback_without_program_is_called_again),
                rig_test(after_a_failed_callback_the_program_runs_and_owns_the_event),
                rig_test(a_hung_callback_is_a_failed_one),
                rig_test(when_the_client_is_gone_the_program_runs),
                rig_test(an_invalid_callback_lets_the_program_run_at_once),
                rig_test(when_both_fail_both_are_tried_again),
                rig_test(a_late_failure_to_start_gives_the_event_back),
                rig_test(it_runs_for_an_event_that_is_past),
                rig_test(a_program_that_cannot_start_is_tried_again),
                rig_test(the_retry_delay_is_the_jobs_own),
                rig_test(transient_errors_and_modifications_run_nothing),
                rig_test(flags_are_respected),
                rig_test(each_entry_into_the_state_is_a_new_event),
                rig_test(leaving_the_state_voids_the_run),
                rig_test(a_wait_for_the_next_try_ends_with_the_event),
                rig_test(a_program_that_completes_its_job),
                rig_test(no_program_begins_while_the_job_is_completed),
                rig_test(the_outcome_is_kept),
                rig_test(a_new_program_runs_whatever_the_old_one_does),
                rig_test(removing_it_ends_the_retries),
                rig_test(who_registers_between_two_tries_is_told),
                rig_test(ownership_takes_the_program_away),
                rig_test(four_at_a_time_together_with_callbacks),
                rig_test(a_void_run_holds_its_place_until_it_ends),
                rig_test(nobody_is_forgotten_in_the_line),
                rig_test(a_failed_start_gives_its_place_back),
                rig_test(it_runs_again_after_a_crash_in_the_middle),
                rig_test(a_wait_for_the_next_try_outlives_a_restart),
                rig_test(a_new_event_does_not_wait_for_an_old_try),
                rig_test(a_clock_that_was_set_back_lengthens_no_wait),
                rig_test(events_that_cannot_be_run_nothing),
                rig_test(the_service_stays_while_a_program_is_to_run),
                rig_test(answers_that_nobody_asked_for_are_ignored),
                rig_test(its_program_runs_when_the_files_are_in_their_places),
                rig_test(its_callback_comes_first),
                rig_test(a_crash_before_its_program_has_run_is_made_good),
                rig_test(completing_it_by_hand_tells_nobody),
                rig_test(ended_jobs_wait_for_their_program),
                rig_test(a_try_that_was_due_after_the_end_is_made_at_the_end),
                rig_test(its_failure_to_complete_is_an_error_like_any),
                rig_test(every_failure_of_memory_is_survived),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
