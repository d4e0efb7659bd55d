/* SPDX-License-Identifier: Apache-2.0 */
/* Every method in every state, for download jobs, as the published matrix has it: the answer and
 * the state afterwards. One cmocka test per method × state. */
#include <stdio.h>

#include "engine/job_state.h"
#include "job_states.h"

#define S(name) BG_JOB_STATE_##name

enum { STATES = 9, SAME = -1, METHOD_NAME_BYTES = 80 };

typedef HRESULT (*Method)(FakeRig *rig, const GUID *id);

static HRESULT call_add(FakeRig *rig, const GUID *id)
{
        FileSpec spec = {"http://host/new", "/home/u/new"};

        return manager_add_files(rig->m, &FAKE_USER, id, &spec, 1);
}

static HRESULT call_suspend(FakeRig *rig, const GUID *id)
{
        return manager_suspend(rig->m, &FAKE_USER, id);
}

static HRESULT call_resume(FakeRig *rig, const GUID *id)
{
        return manager_resume(rig->m, &FAKE_USER, id);
}

static HRESULT call_cancel(FakeRig *rig, const GUID *id)
{
        return fake_rig_cancel(rig, id);
}

static HRESULT call_complete(FakeRig *rig, const GUID *id)
{
        return fake_rig_complete(rig, id);
}

static HRESULT call_set_name(FakeRig *rig, const GUID *id)
{
        return manager_set_name(rig->m, &FAKE_USER, id, "other");
}

static HRESULT call_set_description(FakeRig *rig, const GUID *id)
{
        return manager_set_description(rig->m, &FAKE_USER, id, "other");
}

static HRESULT call_set_priority(FakeRig *rig, const GUID *id)
{
        return manager_set_priority(rig->m, &FAKE_USER, id, BG_JOB_PRIORITY_LOW);
}

static HRESULT call_set_flags(FakeRig *rig, const GUID *id)
{
        return manager_set_notify_flags(rig->m, &FAKE_USER, id, 0);
}

static HRESULT call_set_client(FakeRig *rig, const GUID *id)
{
        return manager_set_notify_client(rig->m, &FAKE_USER, id, true);
}

static HRESULT call_set_delay(FakeRig *rig, const GUID *id)
{
        return manager_set_retry_delay(rig->m, &FAKE_USER, id, 60);
}

static HRESULT call_set_no_progress(FakeRig *rig, const GUID *id)
{
        return manager_set_no_progress_timeout(rig->m, &FAKE_USER, id, 100000);
}

static HRESULT call_set_proxy(FakeRig *rig, const GUID *id)
{
        return manager_set_proxy(rig->m, &FAKE_USER, id, BG_JOB_PROXY_USAGE_NO_PROXY, NULL, NULL);
}

static HRESULT call_set_cmd_line(FakeRig *rig, const GUID *id)
{
        return manager_set_notify_cmd_line(rig->m, &FAKE_USER, id, "/bin/notify", "notify");
}

static HRESULT call_take_ownership(FakeRig *rig, const GUID *id)
{
        static const Caller ADMIN = {.uid = 1000, .is_admin = true};

        return manager_take_ownership(rig->m, &ADMIN, id);
}

static HRESULT call_set_auto_complete(FakeRig *rig, const GUID *id)
{
        return manager_set_auto_complete(rig->m, &FAKE_USER, id, false);
}

static HRESULT call_set_in_flight(FakeRig *rig, const GUID *id)
{
        return manager_set_files_in_flight(rig->m, &FAKE_USER, id, 1);
}

static HRESULT call_get_job(FakeRig *rig, const GUID *id)
{
        const Job *job;

        return manager_get_job(rig->m, &FAKE_USER, id, &job);
}

static HRESULT call_read_job(FakeRig *rig, const GUID *id)
{
        const Job *job;

        return manager_read_job(rig->m, &FAKE_USER, id, &job);
}

typedef struct Answer {
        HRESULT hr;
        int state; /* afterwards; SAME */
} Answer;

typedef struct MethodRow {
        const char *name;
        Method call;
        Answer answers[STATES]; /* by state */
} MethodRow;

static const Answer OK = {S_OK, SAME};
static const Answer NO = {BG_E_INVALID_STATE, SAME};

/* Filled at start, since the rows repeat a lot. */
enum { ROWS = 19 };
static MethodRow rows[ROWS];
static size_t rows_len;

static MethodRow *add_row(const char *name, Method call, Answer live)
{
        MethodRow *row = &rows[rows_len++];

        row->name = name;
        row->call = call;
        for (int s = 0; s < STATES; s++)
                row->answers[s] = job_state_is_final((BG_JOB_STATE) s) ? NO : live;
        return row;
}

static void make_rows(void)
{
        const Answer to_suspended = {S_OK, S(SUSPENDED)};
        const Answer to_queued = {S_OK, S(QUEUED)};
        const Answer partial = {BG_S_PARTIAL_COMPLETE, S(ACKNOWLEDGED)};
        MethodRow *row;

        (void) add_row("AddFile", call_add, OK);
        row = add_row("Suspend", call_suspend, to_suspended);
        row->answers[S(ERROR)] = row->answers[S(TRANSFERRED)] = OK;
        row = add_row("Resume", call_resume, OK);
        row->answers[S(SUSPENDED)] = row->answers[S(ERROR)] = to_queued;
        row->answers[S(TRANSIENT_ERROR)] = to_queued;
        row->answers[S(TRANSFERRED)] = (Answer){BG_E_EMPTY, SAME};
        (void) add_row("Cancel", call_cancel, (Answer){S_OK, S(CANCELLED)});
        row = add_row("Complete", call_complete, partial);
        row->answers[S(TRANSFERRED)] = (Answer){S_OK, S(ACKNOWLEDGED)};
        (void) add_row("SetDisplayName", call_set_name, OK);
        (void) add_row("SetDescription", call_set_description, OK);
        (void) add_row("SetPriority", call_set_priority, OK);
        (void) add_row("SetNotifyFlags", call_set_flags, OK);
        (void) add_row("SetNotifyInterface", call_set_client, OK);
        (void) add_row("SetMinimumRetryDelay", call_set_delay, OK);
        (void) add_row("SetNoProgressTimeout", call_set_no_progress, OK);
        (void) add_row("SetProxySettings", call_set_proxy, OK);
        (void) add_row("SetNotifyCmdLine", call_set_cmd_line, OK);
        (void) add_row("TakeOwnership", call_take_ownership, OK);
        (void) add_row("auto complete", call_set_auto_complete, OK);
        (void) add_row("files in flight", call_set_in_flight, OK);
        row = add_row("GetJob", call_get_job, OK);
        row->answers[S(ACKNOWLEDGED)].hr = row->answers[S(CANCELLED)].hr = BG_E_NOT_FOUND;
        row = add_row("getters", call_read_job, OK);
        row->answers[S(ACKNOWLEDGED)] = row->answers[S(CANCELLED)] = OK;
}

typedef struct Case {
        const MethodRow *row;
        BG_JOB_STATE state;
        FakeRig rig;
} Case;

static int case_setup(void **state)
{
        Case *c = *state;

        fake_rig_init(&c->rig, 1);
        return 0;
}

static int case_teardown(void **state)
{
        Case *c = *state;
        const char *violation = fake_rig_violation(&c->rig);

        if (violation)
                print_error("violation: %s\n", violation);
        fake_rig_done(&c->rig);
        return violation ? -1 : 0;
}

static void the_method_answers_as_published(void **state)
{
        Case *c = *state;
        const Answer *want = &c->row->answers[c->state];
        GUID id = job_in_state(&c->rig, c->state);
        uint64_t modified = fake_rig_read(&c->rig, &id)->status.modified_wall;
        bool refused = FAILED(want->hr);

        fake_clock_advance(&c->rig.clock, 1);
        assert_hr(c->row->call(&c->rig, &id), want->hr);
        assert_int_equal(fake_rig_state(&c->rig, &id),
                         want->state == SAME ? c->state : (BG_JOB_STATE) want->state);
        if (refused)
                assert_int_equal(fake_rig_read(&c->rig, &id)->status.modified_wall, modified);
}

/* While Complete or Cancel is under way the old state shows and nothing is accepted. */
static void an_ending_job_accepts_nothing(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, S(TRANSFERRED));

        manager_complete(rig->m, &FAKE_USER, &id, 100);
        fake_rig_run(rig);
        assert_false(rig->notifier.answered[100]);
        for (size_t i = 0; i < rows_len; i++) {
                HRESULT want = rows[i].call == call_get_job || rows[i].call == call_read_job
                                       ? S_OK
                                       : BG_E_INVALID_STATE;

                if (rows[i].call == call_complete || rows[i].call == call_cancel)
                        continue;
                assert_hr(rows[i].call(rig, &id), want);
                assert_state(rig, &id, TRANSFERRED);
        }
        manager_complete(rig->m, &FAKE_USER, &id, 101);
        assert_hr(rig->notifier.answers[101], BG_E_INVALID_STATE);
        manager_cancel(rig->m, &FAKE_USER, &id, 102);
        assert_hr(rig->notifier.answers[102], BG_E_INVALID_STATE);
        fake_rig_finish(rig);
        assert_hr(rig->notifier.answers[100], S_OK);
        assert_state(rig, &id, ACKNOWLEDGED);
}

static void strangers_are_refused_whatever_they_call(void **state)
{
        FakeRig *rig = *state;
        GUID id = job_in_state(rig, S(SUSPENDED));
        Caller stranger = {.uid = 1001, .client = 2};
        FileSpec spec = {"http://host/new", "/home/u/new"};
        const Job *job;

        assert_hr(manager_get_job(rig->m, &stranger, &id, &job), E_ACCESSDENIED);
        assert_hr(manager_read_job(rig->m, &stranger, &id, &job), E_ACCESSDENIED);
        assert_hr(manager_add_files(rig->m, &stranger, &id, &spec, 1), E_ACCESSDENIED);
        assert_hr(manager_resume(rig->m, &stranger, &id), E_ACCESSDENIED);
        assert_hr(manager_suspend(rig->m, &stranger, &id), E_ACCESSDENIED);
        assert_hr(manager_set_name(rig->m, &stranger, &id, "x"), E_ACCESSDENIED);
        assert_hr(manager_set_priority(rig->m, &stranger, &id, 0), E_ACCESSDENIED);
        assert_hr(manager_set_notify_client(rig->m, &stranger, &id, true), E_ACCESSDENIED);
        assert_hr(manager_set_notify_cmd_line(rig->m, &stranger, &id, "/p", NULL), E_ACCESSDENIED);
        assert_hr(manager_take_ownership(rig->m, &stranger, &id), E_ACCESSDENIED);
        assert_hr(manager_take_ownership(rig->m, &FAKE_USER, &id), E_ACCESSDENIED);
        manager_complete(rig->m, &stranger, &id, 100);
        manager_cancel(rig->m, &stranger, &id, 101);
        assert_hr(rig->notifier.answers[100], E_ACCESSDENIED);
        assert_hr(rig->notifier.answers[101], E_ACCESSDENIED);
        assert_string_equal(fake_rig_read(rig, &id)->props.name, "job");
}

static void jobs_that_never_were_are_not_found(void **state)
{
        FakeRig *rig = *state;
        GUID nobody = {1, 2, 3, {4}};

        for (size_t i = 0; i < rows_len; i++)
                assert_hr(rows[i].call(rig, &nobody), BG_E_NOT_FOUND);
}

int main(void)
{
        struct CMUnitTest tests[ROWS * STATES + 3] = {0};
        static char names[ROWS * STATES][METHOD_NAME_BYTES];
        size_t n = 0;
        Case *cases;
        int failed;

        make_rows();
        assert_int_equal(rows_len, ROWS);
        cases = calloc(rows_len * STATES, sizeof(*cases));
        if (!cases)
                return 1;
        for (size_t i = 0; i < rows_len; i++) {
                for (int s = 0; s < STATES; s++, n++) {
                        cases[n].row = &rows[i];
                        cases[n].state = (BG_JOB_STATE) s;
                        (void) snprintf(names[n], METHOD_NAME_BYTES, "%s in %s", rows[i].name,
                                        job_state_name((BG_JOB_STATE) s));
                        tests[n] = (struct CMUnitTest){names[n], the_method_answers_as_published,
                                                       case_setup, case_teardown, &cases[n]};
                }
        }
        tests[n++] = (struct CMUnitTest) rig_test(an_ending_job_accepts_nothing);
        tests[n++] = (struct CMUnitTest) rig_test(strangers_are_refused_whatever_they_call);
        tests[n++] = (struct CMUnitTest) rig_test(jobs_that_never_were_are_not_found);
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        free(cases);
        return failed;
}
