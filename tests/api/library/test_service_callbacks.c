/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks of the real service: at least once, late, again after a failure, after a restart, and
 * after the program that had them is gone. */
#include "service_rig.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static HRESULT set(IBackgroundCopyJob2 *job, CallbackObject *c)
{
        return IBackgroundCopyJob2_SetNotifyInterface(job, c ? (IUnknown *) &c->iface : NULL);
}

static HRESULT complete(CallbackObject *c, IBackgroundCopyJob *job, IBackgroundCopyError *error,
                        void *ctx)
{
        return IBackgroundCopyJob_Complete(job);
}

static void transferred_is_told_and_completed_from_inside(void **state)
{
        ServiceRig *s = *state;
        char path[PATH_BYTES];
        IBackgroundCopyJob2 *job;
        CallbackObject c;
        GUID id;

        callback_object_init(&c, complete, NULL);
        job = service_job(s, &id);
        service_job_add(s, job, "size=5000", path);
        assert_hr(set(job, &c), S_OK);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        assert_true(callback_object_wait_finished(&c, 1));
        assert_int_equal(c.transferred, 1);
        assert_int_equal(service_job_state(job), BG_JOB_STATE_ACKNOWLEDGED);
        assert_int_equal(service_file_size(path), 5000);
        assert_true(callback_object_wait_refs(&c, 1));
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

static void registration_after_the_event_is_not_too_late(void **state)
{
        ServiceRig *s = *state;
        IBackgroundCopyJob2 *job, *failed;
        CallbackObject c;
        GUID id;

        job = service_job_in(s, BG_JOB_STATE_TRANSFERRED, &id, NULL);
        failed = service_job_in(s, BG_JOB_STATE_ERROR, &id, NULL);
        callback_object_init(&c, NULL, NULL);
        assert_hr(set(job, &c), S_OK);
        assert_true(callback_object_wait_finished(&c, 1));
        assert_int_equal(c.transferred, 1);
        assert_hr(set(failed, &c), S_OK);
        assert_true(callback_object_wait_finished(&c, 2));
        assert_int_equal(c.errors, 1);
        /* Told once: another registration is told nothing. */
        assert_hr(set(job, NULL), S_OK);
        assert_hr(set(job, &c), S_OK);
        assert_hr(IBackgroundCopyJob2_SetDescription(job, L"x"), S_OK);
        assert_int_equal(c.finished, 2);
        assert_hr(set(job, NULL), S_OK);
        assert_hr(set(failed, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        (void) IBackgroundCopyJob2_Release(failed);
        callback_object_done(&c);
}

static HRESULT read_error(CallbackObject *c, IBackgroundCopyJob *job, IBackgroundCopyError *error,
                          void *ctx)
{
        BG_ERROR_CONTEXT context;
        HRESULT *code = ctx;

        return IBackgroundCopyError_GetError(error, &context, code);
}

static void error_is_told_with_its_cause(void **state)
{
        ServiceRig *s = *state;
        HRESULT code = S_OK;
        char path[PATH_BYTES];
        IBackgroundCopyJob2 *job;
        CallbackObject c;
        GUID id;

        callback_object_init(&c, read_error, &code);
        job = service_job(s, &id);
        service_job_add(s, job, "status=404", path);
        assert_hr(set(job, &c), S_OK);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        assert_true(callback_object_wait_finished(&c, 1));
        assert_hr(code, BG_E_HTTP_ERROR_404);
        /* A new entry into ERROR is a new event. */
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        assert_true(callback_object_wait_finished(&c, 2));
        assert_int_equal(c.errors, 2);
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

static HRESULT fail_first(CallbackObject *c, IBackgroundCopyJob *job, IBackgroundCopyError *error,
                          void *ctx)
{
        return c->transferred == 1 ? E_FAIL : S_OK;
}

static void a_failing_callback_is_called_again(void **state)
{
        ServiceRig *s = *state;
        char path[PATH_BYTES];
        IBackgroundCopyJob2 *job;
        CallbackObject c;
        GUID id;

        callback_object_init(&c, fail_first, NULL);
        job = service_job(s, &id);
        service_job_add(s, job, "size=10", path);
        assert_hr(IBackgroundCopyJob2_SetMinimumRetryDelay(job, 5), S_OK);
        assert_hr(set(job, &c), S_OK);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        assert_true(callback_object_wait_finished(&c, 2));
        assert_int_equal(c.transferred, 2);
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

static void flags_say_what_is_told(void **state)
{
        ServiceRig *s = *state;
        IBackgroundCopyJob2 *job;
        CallbackObject c;
        GUID id;

        callback_object_init(&c, NULL, NULL);
        job = service_job_in(s, BG_JOB_STATE_TRANSFERRED, &id, NULL);
        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(job,
                                                     BG_NOTIFY_DISABLE | BG_NOTIFY_JOB_TRANSFERRED),
                  S_OK);
        assert_hr(set(job, &c), S_OK);
        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(job, BG_NOTIFY_JOB_ERROR), S_OK);
        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(job, 0), S_OK);
        assert_int_equal(c.finished, 0);
        /* What becomes allowed later is told then. */
        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(job, BG_NOTIFY_JOB_TRANSFERRED), S_OK);
        assert_true(callback_object_wait_finished(&c, 1));
        assert_int_equal(c.transferred, 1);
        assert_hr(IBackgroundCopyJob2_SetNotifyFlags(job, BG_NOTIFY_JOB_MODIFICATION), S_OK);
        assert_hr(IBackgroundCopyJob2_SetDescription(job, L"changed"), S_OK);
        assert_true(callback_object_wait_finished(&c, 2));
        assert_int_equal(c.modifications, 1);
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

static void a_killed_service_tells_after_its_restart(void **state)
{
        ServiceRig *s = *state;
        char path[PATH_BYTES];
        IBackgroundCopyJob2 *job;
        CallbackObject c;
        GUID id;

        callback_object_init(&c, complete, NULL);
        job = service_job(s, &id);
        service_job_add(s, job, "size=30000&gate=g&gate_at=10000", path);
        assert_hr(set(job, &c), S_OK);
        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRING);
        service_rig_kill(s);
        service_rig_steer(s, "_open?gate=g");
        /* No call from here: the library finds the service again by itself. */
        assert_true(callback_object_wait_finished(&c, 1));
        assert_int_equal(c.transferred, 1);
        assert_int_equal(service_file_size(path), 30000);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

/* Registers, says so on the pipe, and stays in the callback until it is killed. */
static void run_doomed_program(const GUID *id, int out)
{
        IBackgroundCopyManager *manager;
        IBackgroundCopyJob *job;
        CallbackObject c;

        callback_object_init(&c, NULL, NULL);
        if (FAILED(CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                                    &IID_IBackgroundCopyManager, (void **) &manager)) ||
            FAILED(IBackgroundCopyManager_GetJob(manager, id, &job)) ||
            FAILED(IBackgroundCopyJob_SetNotifyInterface(job, (IUnknown *) &c.iface)))
                _exit(1);
        if (write(out, "r", 1) != 1)
                _exit(1);
        for (;;)
                (void) pause();
}

static void another_program_takes_over_when_one_is_killed(void **state)
{
        ServiceRig *s = *state;
        char path[PATH_BYTES], byte;
        IBackgroundCopyJob2 *job;
        CallbackObject c;
        int ends[2], status;
        pid_t pid;
        GUID id;

        job = service_job(s, &id);
        service_job_add(s, job, "size=10", path);
        assert_int_equal(pipe(ends), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                run_doomed_program(&id, ends[1]);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        (void) close(ends[0]);
        (void) close(ends[1]);

        assert_hr(IBackgroundCopyJob2_Resume(job), S_OK);
        service_job_wait(job, BG_JOB_STATE_TRANSFERRED);
        callback_object_init(&c, NULL, NULL);
        assert_hr(set(job, &c), S_OK);
        assert_true(callback_object_wait_finished(&c, 1));
        assert_int_equal(c.transferred, 1);
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

enum { MANY = 30 };

static void many_jobs_are_all_told(void **state)
{
        ServiceRig *s = *state;
        IBackgroundCopyJob2 *jobs[MANY];
        char paths[MANY][PATH_BYTES];
        CallbackObject c;
        GUID id;

        callback_object_init(&c, complete, NULL);
        for (unsigned i = 0; i < MANY; i++) {
                jobs[i] = service_job(s, &id);
                service_job_add(s, jobs[i], "size=100", paths[i]);
                assert_hr(set(jobs[i], &c), S_OK);
                assert_hr(IBackgroundCopyJob2_Resume(jobs[i]), S_OK);
        }
        assert_true(callback_object_wait_finished(&c, MANY));
        assert_int_equal(c.transferred, MANY);
        assert_true(callback_object_wait_refs(&c, 1));
        for (unsigned i = 0; i < MANY; i++) {
                assert_int_equal(service_job_state(jobs[i]), BG_JOB_STATE_ACKNOWLEDGED);
                assert_int_equal(service_file_size(paths[i]), 100);
                (void) IBackgroundCopyJob2_Release(jobs[i]);
        }
        callback_object_done(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, service_rig_setup, service_rig_teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                TEST(transferred_is_told_and_completed_from_inside),
                TEST(registration_after_the_event_is_not_too_late),
                TEST(error_is_told_with_its_cause),
                TEST(a_failing_callback_is_called_again),
                TEST(flags_say_what_is_told),
                TEST(a_killed_service_tells_after_its_restart),
                TEST(another_program_takes_over_when_one_is_killed),
                TEST(many_jobs_are_all_told),
        };

        if (!service_rig_arguments(argc, argv)) {
                fprintf(stderr, "usage: %s BITSD BAD_SERVER [TEST]\n", argv[0]);
                return 2;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
