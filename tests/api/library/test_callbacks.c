/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks: registration, delivery on the library's thread, results, and everything a program
 * may do from inside one. Run it in a build with -Db_sanitize=thread as well. */
#include "callback_object.h"

#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "ipc/protocol.h"

static IUnknown *unknown(CallbackObject *c)
{
        return (IUnknown *) &c->iface;
}

static HRESULT set(IBackgroundCopyJob2 *job, CallbackObject *c)
{
        return IBackgroundCopyJob2_SetNotifyInterface(job, c ? unknown(c) : NULL);
}

static HRESULT notify(ComRig *com, const GUID *id, uint32_t kind)
{
        assert_true(fake_notify(com->fake, id, kind));
        return fake_notify_result(com->fake, id);
}

/* A job and a callback that is registered for it. */
static IBackgroundCopyJob2 *registered(ComRig *com, GUID *ret_id, CallbackObject *c,
                                       CallbackAction *action, void *ctx)
{
        IBackgroundCopyJob2 *job;

        *ret_id = fake_add_job(com->fake, "a", BG_JOB_STATE_TRANSFERRED);
        job = com_rig_job(com, ret_id);
        callback_object_init(c, action, ctx);
        assert_hr(set(job, c), S_OK);
        return job;
}

static void a_callback_is_registered_referenced_and_let_go(void **state)
{
        ComRig *com = *state;
        IBackgroundCopyJob2 *job;
        CallbackObject c, other;
        IUnknown *got;
        GUID id;

        job = registered(com, &id, &c, NULL, NULL);
        assert_true(fake_wait_registered(com->fake, &id, true));
        assert_int_equal(callback_object_refs(&c), 2);
        assert_hr(IBackgroundCopyJob2_GetNotifyInterface(job, &got), S_OK);
        assert_ptr_equal(got, unknown(&c));
        assert_int_equal(callback_object_refs(&c), 3);
        (void) IUnknown_Release(got);

        callback_object_init(&other, NULL, NULL);
        assert_hr(set(job, &other), S_OK); /* the last one wins */
        assert_int_equal(callback_object_refs(&c), 1);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), S_OK);
        assert_int_equal(c.transferred, 0);
        assert_int_equal(other.transferred, 1);

        assert_hr(set(job, NULL), S_OK);
        assert_true(callback_object_wait_refs(&other, 1));
        assert_true(fake_wait_registered(com->fake, &id, false));
        got = unknown(&c);
        assert_hr(IBackgroundCopyJob2_GetNotifyInterface(job, &got), S_OK);
        assert_null(got);
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
        callback_object_done(&other);
}

static void registering_can_be_refused(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_TRANSFERRED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        CallbackObject c;

        callback_object_init(&c, NULL, NULL);
        /* Something that is no callback. */
        assert_hr(IBackgroundCopyJob2_SetNotifyInterface(job, (IUnknown *) com->manager),
                  E_NOINTERFACE);
        fake_fault(com->fake, "SetNotifyClient", FAULT_ERROR, BG_E_INVALID_STATE, 1);
        assert_hr(set(job, &c), BG_E_INVALID_STATE);
        assert_int_equal(callback_object_refs(&c), 1);
        assert_hr(IBackgroundCopyJob2_Complete(job), S_OK);
        assert_hr(set(job, &c), BG_E_INVALID_STATE);
        assert_int_equal(callback_object_refs(&c), 1);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

static void the_result_of_a_callback_goes_back(void **state)
{
        ComRig *com = *state;
        CallbackObject c;
        IBackgroundCopyJob2 *job;
        GUID id;

        job = registered(com, &id, &c, NULL, NULL);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), S_OK);
        assert_hr(notify(com, &id, IPC_NOTIFY_MODIFICATION), S_OK);
        assert_int_equal(c.transferred, 1);
        assert_int_equal(c.modifications, 1);
        assert_hr(notify(com, &id, 77), E_NOTIMPL); /* a kind of a later service */
        assert_false(pthread_equal(c.thread, pthread_self()));
        (void) IBackgroundCopyJob2_Release(job);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), S_OK); /* without the job's object */
        CoUninitialize();
        assert_true(callback_object_wait_refs(&c, 1));
        assert_hr(CoInitializeEx(NULL, COINIT_MULTITHREADED), S_OK);
        callback_object_done(&c);
}

static HRESULT fail_twice(CallbackObject *c, IBackgroundCopyJob *job, IBackgroundCopyError *error,
                          void *ctx)
{
        return c->transferred < 3 ? E_FAIL : S_FALSE;
}

static void a_failing_callback_is_told_as_such(void **state)
{
        ComRig *com = *state;
        CallbackObject c;
        IBackgroundCopyJob2 *job;
        GUID id;

        job = registered(com, &id, &c, fail_twice, NULL);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), E_FAIL);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), E_FAIL);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), S_FALSE);
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

static void set_error(bits_job_info *info, void *ctx)
{
        info->state = BG_JOB_STATE_ERROR;
        info->error_code = BG_E_HTTP_ERROR_404;
        info->error_context = BG_ERROR_CONTEXT_REMOTE_FILE;
}

static HRESULT look_at_error(CallbackObject *c, IBackgroundCopyJob *job,
                             IBackgroundCopyError *error, void *ctx)
{
        BG_ERROR_CONTEXT context;
        HRESULT code = S_OK;

        return error && SUCCEEDED(IBackgroundCopyError_GetError(error, &context, &code)) ? code
                                                                                         : E_FAIL;
}

static void job_error_gets_the_error(void **state)
{
        ComRig *com = *state;
        CallbackObject c;
        IBackgroundCopyJob2 *job;
        GUID id;

        job = registered(com, &id, &c, look_at_error, NULL);
        /* The job has moved on when the news arrives: there is nothing to tell. */
        assert_hr(notify(com, &id, IPC_NOTIFY_ERROR), S_OK);
        assert_int_equal(c.errors, 0);
        fake_edit(com->fake, &id, set_error, NULL);
        assert_hr(notify(com, &id, IPC_NOTIFY_ERROR), BG_E_HTTP_ERROR_404);
        assert_int_equal(c.errors, 1);
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

/* ---- from inside ---- */

static HRESULT complete(CallbackObject *c, IBackgroundCopyJob *job, IBackgroundCopyError *error,
                        void *ctx)
{
        BG_JOB_STATE job_state;
        HRESULT hr = IBackgroundCopyJob_Complete(job);

        if (FAILED(hr) || FAILED(IBackgroundCopyJob_GetState(job, &job_state)))
                return E_FAIL;
        return job_state == BG_JOB_STATE_ACKNOWLEDGED ? S_OK : E_UNEXPECTED;
}

static void complete_inside_the_callback_is_the_normal_pattern(void **state)
{
        ComRig *com = *state;
        CallbackObject c;
        IBackgroundCopyJob2 *job;
        GUID id;

        job = registered(com, &id, &c, complete, NULL);
        (void) IBackgroundCopyJob2_Release(job);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), S_OK);
        assert_true(callback_object_wait_finished(&c, 1));
        assert_true(callback_object_wait_refs(&c, 1)); /* the job has ended, the callback goes */
        assert_false(fake_notify(com->fake, &id, IPC_NOTIFY_TRANSFERRED));
        callback_object_done(&c);
}

static HRESULT use_everything(CallbackObject *c, IBackgroundCopyJob *job,
                              IBackgroundCopyError *error, void *ctx)
{
        IBackgroundCopyManager *manager;
        IEnumBackgroundCopyJobs *jobs;
        IUnknown *got;

        if (FAILED(CoInitializeEx(NULL, COINIT_MULTITHREADED)) ||
            FAILED(CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                                    &IID_IBackgroundCopyManager, (void **) &manager)))
                return E_FAIL;
        if (FAILED(IBackgroundCopyManager_EnumJobs(manager, 0, &jobs)))
                return E_FAIL;
        (void) IEnumBackgroundCopyJobs_Release(jobs);
        (void) IBackgroundCopyManager_Release(manager);
        /* Replace, read and remove the callback that is running. */
        if (FAILED(IBackgroundCopyJob_SetNotifyInterface(job, unknown(c))) ||
            FAILED(IBackgroundCopyJob_GetNotifyInterface(job, &got)) || got != unknown(c))
                return E_FAIL;
        (void) IUnknown_Release(got);
        if (FAILED(IBackgroundCopyJob_SetNotifyInterface(job, NULL)))
                return E_FAIL;
        CoUninitialize();
        return S_OK;
}

static void every_call_works_inside_a_callback(void **state)
{
        ComRig *com = *state;
        CallbackObject c;
        IBackgroundCopyJob2 *job;
        GUID id;

        job = registered(com, &id, &c, use_everything, NULL);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), S_OK);
        assert_true(callback_object_wait_refs(&c, 1));
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

static HRESULT cancel_and_drop_everything(CallbackObject *c, IBackgroundCopyJob *job,
                                          IBackgroundCopyError *error, void *ctx)
{
        ComRig *com = ctx;
        HRESULT hr = IBackgroundCopyJob_Cancel(job);

        /* After this only the delivery itself keeps the session. */
        (void) IBackgroundCopyManager_Release(com->manager);
        com->manager = NULL;
        return hr;
}

static void the_last_object_may_go_inside_a_callback(void **state)
{
        ComRig *com = *state;
        CallbackObject c;
        IBackgroundCopyJob2 *job;
        GUID id;

        job = registered(com, &id, &c, cancel_and_drop_everything, com);
        (void) IBackgroundCopyJob2_Release(job);
        assert_true(fake_notify(com->fake, &id, IPC_NOTIFY_TRANSFERRED));
        assert_true(callback_object_wait_finished(&c, 1));
        assert_true(callback_object_wait_refs(&c, 1));
        assert_true(fake_wait_clients(com->fake, 1)); /* the rig's own native one */
        assert_hr(CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                                   &IID_IBackgroundCopyManager, (void **) &com->manager),
                  S_OK);
        callback_object_done(&c);
}

/* ---- slow ones ---- */

typedef struct Gate {
        sem_t open;
} Gate;

static HRESULT wait_at_gate(CallbackObject *c, IBackgroundCopyJob *job, IBackgroundCopyError *error,
                            void *ctx)
{
        Gate *gate = ctx;

        while (sem_wait(&gate->open) < 0)
                ;
        return S_OK;
}

static void a_slow_callback_stops_nobody_else(void **state)
{
        ComRig *com = *state;
        IBackgroundCopyJob2 *slow, *quick;
        CallbackObject slow_c, quick_c;
        BG_JOB_STATE job_state;
        GUID slow_id, quick_id;
        Gate gate;

        (void) sem_init(&gate.open, 0, 0);
        slow = registered(com, &slow_id, &slow_c, wait_at_gate, &gate);
        assert_true(fake_notify(com->fake, &slow_id, IPC_NOTIFY_TRANSFERRED));
        assert_true(callback_object_wait_begun(&slow_c, 1));
        /* Meanwhile: calls on the same job, registering another one, removing this one. */
        assert_hr(IBackgroundCopyJob2_GetState(slow, &job_state), S_OK);
        quick = registered(com, &quick_id, &quick_c, NULL, NULL);
        assert_true(fake_notify(com->fake, &quick_id, IPC_NOTIFY_TRANSFERRED));
        assert_hr(set(slow, NULL), S_OK);
        assert_int_equal(callback_object_refs(&slow_c), 2); /* still running */
        assert_int_equal(quick_c.transferred, 0);           /* its turn has not come */
        (void) sem_post(&gate.open);
        assert_true(callback_object_wait_finished(&slow_c, 1));
        assert_hr(fake_notify_result(com->fake, &slow_id), S_OK);
        assert_hr(fake_notify_result(com->fake, &quick_id), S_OK);
        assert_true(callback_object_wait_refs(&slow_c, 1));
        assert_hr(set(quick, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(slow);
        (void) IBackgroundCopyJob2_Release(quick);
        callback_object_done(&slow_c);
        callback_object_done(&quick_c);
        (void) sem_destroy(&gate.open);
}

static void com_can_be_left_while_a_callback_runs(void **state)
{
        ComRig *com = *state;
        IBackgroundCopyJob2 *job;
        CallbackObject c;
        Gate gate;
        GUID id;

        (void) sem_init(&gate.open, 0, 0);
        job = registered(com, &id, &c, wait_at_gate, &gate);
        (void) IBackgroundCopyJob2_Release(job);
        assert_true(fake_notify(com->fake, &id, IPC_NOTIFY_TRANSFERRED));
        assert_true(callback_object_wait_begun(&c, 1));
        (void) IBackgroundCopyManager_Release(com->manager);
        CoUninitialize(); /* waits for nobody */
        assert_int_equal(c.finished, 0);
        (void) sem_post(&gate.open);
        assert_true(callback_object_wait_finished(&c, 1));
        assert_true(callback_object_wait_refs(&c, 1));
        assert_true(fake_wait_clients(com->fake, 1));
        assert_hr(CoInitializeEx(NULL, COINIT_MULTITHREADED), S_OK);
        assert_hr(CoCreateInstance(&CLSID_BackgroundCopyManager, NULL, CLSCTX_LOCAL_SERVER,
                                   &IID_IBackgroundCopyManager, (void **) &com->manager),
                  S_OK);
        callback_object_done(&c);
        (void) sem_destroy(&gate.open);
}

/* ---- restarts ---- */

static void callbacks_are_registered_anew_after_a_restart(void **state)
{
        ComRig *com = *state;
        IBackgroundCopyJob2 *kept, *gone;
        CallbackObject kept_c, gone_c;
        GUID kept_id, gone_id;

        kept = registered(com, &kept_id, &kept_c, NULL, NULL);
        gone = registered(com, &gone_id, &gone_c, NULL, NULL);
        fake_listen(com->fake, false);
        fake_forget_job(com->fake, &gone_id);
        fake_drop_clients(com->fake);
        assert_false(fake_notify(com->fake, &kept_id, IPC_NOTIFY_TRANSFERRED));
        fake_listen(com->fake, true);
        assert_true(fake_wait_registered(com->fake, &kept_id, true));
        assert_hr(notify(com, &kept_id, IPC_NOTIFY_TRANSFERRED), S_OK);
        assert_int_equal(kept_c.transferred, 1);
        assert_true(callback_object_wait_refs(&gone_c, 1)); /* its job is gone */
        assert_hr(set(kept, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(kept);
        (void) IBackgroundCopyJob2_Release(gone);
        callback_object_done(&kept_c);
        callback_object_done(&gone_c);
}

enum { CROWD = 20 };

/* However many jobs are gone: thousands of them must not make millions of calls. */
static void each_is_registered_anew_once(void **state)
{
        ComRig *com = *state;
        IBackgroundCopyJob2 *jobs[CROWD];
        CallbackObject callbacks[CROWD];
        GUID ids[CROWD];
        unsigned before;

        for (unsigned i = 0; i < CROWD; i++)
                jobs[i] = registered(com, &ids[i], &callbacks[i], NULL, NULL);
        before = fake_calls(com->fake, "SetNotifyClient");
        fake_listen(com->fake, false);
        for (unsigned i = 0; i < CROWD; i += 2)
                fake_forget_job(com->fake, &ids[i]);
        fake_drop_clients(com->fake);
        fake_listen(com->fake, true);
        for (unsigned i = 0; i < CROWD; i++)
                if (i % 2 == 0)
                        assert_true(callback_object_wait_refs(&callbacks[i], 1));
                else
                        assert_true(fake_wait_registered(com->fake, &ids[i], true));
        assert_int_equal(fake_calls(com->fake, "SetNotifyClient"), before + CROWD);
        for (unsigned i = 0; i < CROWD; i++) {
                if (i % 2 == 1)
                        assert_hr(set(jobs[i], NULL), S_OK);
                (void) IBackgroundCopyJob2_Release(jobs[i]);
                callback_object_done(&callbacks[i]);
        }
}

static void a_restart_while_a_callback_runs_delivers_again(void **state)
{
        ComRig *com = *state;
        IBackgroundCopyJob2 *job;
        CallbackObject c;
        Gate gate;
        GUID id;

        (void) sem_init(&gate.open, 0, 0);
        job = registered(com, &id, &c, wait_at_gate, &gate);
        assert_true(fake_notify(com->fake, &id, IPC_NOTIFY_TRANSFERRED));
        assert_true(callback_object_wait_begun(&c, 1));
        fake_drop_clients(com->fake);
        assert_hr(fake_notify_result(com->fake, &id), RPC_E_DISCONNECTED);
        (void) sem_post(&gate.open); /* its answer goes nowhere, and harms nobody */
        assert_true(callback_object_wait_finished(&c, 1));
        assert_true(fake_wait_registered(com->fake, &id, true));
        assert_true(fake_notify(com->fake, &id, IPC_NOTIFY_TRANSFERRED));
        (void) sem_post(&gate.open);
        assert_hr(fake_notify_result(com->fake, &id), S_OK);
        assert_int_equal(c.transferred, 2);
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
        (void) sem_destroy(&gate.open);
}

static void a_lost_answer_to_the_registration_is_made_good(void **state)
{
        ComRig *com = *state;
        GUID id = fake_add_job(com->fake, "a", BG_JOB_STATE_TRANSFERRED);
        IBackgroundCopyJob2 *job = com_rig_job(com, &id);
        CallbackObject c;

        callback_object_init(&c, NULL, NULL);
        fake_fault(com->fake, "SetNotifyClient", FAULT_CLOSE_AFTER, 0, 1);
        assert_hr(set(job, &c), S_OK);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), S_OK);
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

/* ---- processes, threads, signals ---- */

static bool run_child(ComRig *com, IBackgroundCopyJob2 *job, const GUID *id)
{
        CallbackObject c;
        IUnknown *got = NULL;

        callback_object_init(&c, NULL, NULL);
        if (FAILED(IBackgroundCopyJob2_GetNotifyInterface(job, &got)) || got) /* the parent's */
                return false;
        return set(job, &c) == S_OK && set(job, NULL) == S_OK;
}

static void a_child_has_callbacks_of_its_own(void **state)
{
        ComRig *com = *state;
        IBackgroundCopyJob2 *job;
        CallbackObject c;
        int status;
        pid_t pid;
        GUID id;

        job = registered(com, &id, &c, NULL, NULL);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) alarm(20);
                _exit(run_child(com, job, &id) ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        /* The child's registration replaced ours in the service, as another program's would. */
        assert_hr(set(job, &c), S_OK);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), S_OK);
        assert_int_equal(c.transferred, 1);
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

static HRESULT read_mask(CallbackObject *c, IBackgroundCopyJob *job, IBackgroundCopyError *error,
                         void *ctx)
{
        (void) pthread_sigmask(SIG_SETMASK, NULL, ctx);
        return S_OK;
}

static void signals_are_left_to_the_programs_threads(void **state)
{
        ComRig *com = *state;
        IBackgroundCopyJob2 *job;
        sigset_t mask, own;
        CallbackObject c;
        GUID id;

        (void) sigemptyset(&mask);
        job = registered(com, &id, &c, read_mask, &mask);
        (void) pthread_sigmask(SIG_SETMASK, NULL, &own);
        assert_false(sigismember(&own, SIGTERM));
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), S_OK);
        assert_true(sigismember(&mask, SIGTERM));
        assert_true(sigismember(&mask, SIGCHLD));
        assert_hr(set(job, NULL), S_OK);
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

enum { THREADS = 4, ROUNDS = 50 };

typedef struct Worker {
        ComRig *com;
        IBackgroundCopyJob2 *job;
        CallbackObject callback;
        HRESULT wrong;
} Worker;

static void *set_and_clear(void *arg)
{
        Worker *w = arg;

        for (unsigned i = 0; i < ROUNDS && SUCCEEDED(w->wrong); i++) {
                w->wrong = set(w->job, &w->callback);
                if (SUCCEEDED(w->wrong) && i % 3 == 0)
                        w->wrong = set(w->job, NULL);
        }
        return NULL;
}

static void threads_register_and_remove_while_callbacks_arrive(void **state)
{
        ComRig *com = *state;
        pthread_t threads[THREADS];
        Worker workers[THREADS];
        GUID ids[THREADS];

        for (size_t i = 0; i < THREADS; i++) {
                workers[i] = (Worker){.com = com};
                workers[i].job = registered(com, &ids[i], &workers[i].callback, NULL, NULL);
                assert_int_equal(pthread_create(&threads[i], NULL, set_and_clear, &workers[i]), 0);
        }
        for (unsigned i = 0; i < 200; i++)
                if (fake_notify(com->fake, &ids[i % THREADS], IPC_NOTIFY_MODIFICATION))
                        (void) fake_notify_result(com->fake, &ids[i % THREADS]);
        for (size_t i = 0; i < THREADS; i++)
                (void) pthread_join(threads[i], NULL);
        for (size_t i = 0; i < THREADS; i++) {
                assert_hr(workers[i].wrong, S_OK);
                assert_hr(set(workers[i].job, NULL), S_OK);
                (void) IBackgroundCopyJob2_Release(workers[i].job);
                assert_true(callback_object_wait_refs(&workers[i].callback, 1));
                callback_object_done(&workers[i].callback);
        }
}

static void the_connection_is_given_up_when_no_callback_is_left(void **state)
{
        ComRig *com = *state;
        IBackgroundCopyJob2 *job;
        CallbackObject c;
        GUID id;

        job = registered(com, &id, &c, NULL, NULL);
        assert_true(fake_wait_clients(com->fake, 3));
        assert_hr(set(job, NULL), S_OK);
        assert_true(fake_wait_clients(com->fake, 2)); /* an idle service may leave */
        assert_hr(set(job, &c), S_OK);
        assert_hr(notify(com, &id, IPC_NOTIFY_TRANSFERRED), S_OK);
        CoUninitialize();
        assert_hr(CoInitializeEx(NULL, COINIT_MULTITHREADED), S_OK);
        assert_true(callback_object_wait_refs(&c, 1));
        (void) IBackgroundCopyJob2_Release(job);
        callback_object_done(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, com_rig_setup, com_rig_teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                TEST(a_callback_is_registered_referenced_and_let_go),
                TEST(registering_can_be_refused),
                TEST(the_result_of_a_callback_goes_back),
                TEST(a_failing_callback_is_told_as_such),
                TEST(job_error_gets_the_error),
                TEST(complete_inside_the_callback_is_the_normal_pattern),
                TEST(every_call_works_inside_a_callback),
                TEST(the_last_object_may_go_inside_a_callback),
                TEST(a_slow_callback_stops_nobody_else),
                TEST(com_can_be_left_while_a_callback_runs),
                TEST(callbacks_are_registered_anew_after_a_restart),
                TEST(each_is_registered_anew_once),
                TEST(a_restart_while_a_callback_runs_delivers_again),
                TEST(a_lost_answer_to_the_registration_is_made_good),
                TEST(a_child_has_callbacks_of_its_own),
                TEST(signals_are_left_to_the_programs_threads),
                TEST(threads_register_and_remove_while_callbacks_arrive),
                TEST(the_connection_is_given_up_when_no_callback_is_left),
        };

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
