/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation fails, for every n that a life of a few jobs has: nothing crashes, leaks or
 * is answered wrongly, and with memory back everything comes to a good end. */
#include "rig_test.h"

#include "base/alloc.h"

static bool is_memory_or_ok(HRESULT hr)
{
        return hr == S_OK || hr == E_OUTOFMEMORY;
}

/* True when the armed failure struck. */
static bool live_with_failure(uint64_t n)
{
        FakeRig *rig = calloc(1, sizeof(*rig));
        FileSpec specs[] = {{"http://host/a", "/home/u/a"}, {"http://host/b", "/home/u/b"}};
        GUID id = {0};
        bool struck;
        HRESULT hr;

        assert_non_null(rig);
        fake_rig_init(rig, 1);
        mem_fail_nth(n);
        hr = manager_create_job(rig->m, &FAKE_USER, "job", BG_JOB_TYPE_DOWNLOAD, &id);
        assert_true(is_memory_or_ok(hr));
        if (FAILED(hr))
                assert_hr(manager_create_job(rig->m, &FAKE_USER, "job", BG_JOB_TYPE_DOWNLOAD, &id),
                          S_OK);
        hr = manager_add_files(rig->m, &FAKE_USER, &id, specs, 2);
        assert_true(is_memory_or_ok(hr));
        if (FAILED(hr))
                assert_hr(manager_add_files(rig->m, &FAKE_USER, &id, specs, 2), S_OK);
        assert_int_equal(fake_rig_read(rig, &id)->files_len, 2);
        assert_true(is_memory_or_ok(manager_set_name(rig->m, &FAKE_USER, &id, "name")));
        assert_true(is_memory_or_ok(manager_set_notify_client(rig->m, &FAKE_USER, &id, true)));
        assert_hr(manager_resume(rig->m, &FAKE_USER, &id), S_OK);
        fake_rig_finish(rig);
        fake_rig_advance(rig, 700 * USEC_PER_SEC);
        fake_rig_finish(rig);
        assert_state(rig, &id, TRANSFERRED);
        manager_network_changed(rig->m, false);
        manager_network_changed(rig->m, true);
        fake_rig_advance(rig, 10 * USEC_PER_SEC);
        manager_complete(rig->m, &FAKE_USER, &id, 100);
        fake_rig_finish(rig);
        fake_rig_advance(rig, 10 * USEC_PER_SEC);
        fake_rig_finish(rig);
        assert_hr(rig->notifier.answers[100], S_OK);
        struck = mem_fail_struck();
        mem_fail_nth(0);
        assert_null(fake_rig_violation(rig));
        fake_rig_done(rig);
        free(rig);
        return struck;
}

static HRESULT add_source(FakeRig *rig, const GUID *id)
{
        FileSpec spec = {"http://host/up", "/home/u/source"};

        return manager_add_files(rig->m, &FAKE_USER, id, &spec, 1);
}

static GUID make_upload(FakeRig *rig)
{
        GUID id = {0};
        HRESULT hr = manager_create_job(rig->m, &FAKE_USER, "up", BG_JOB_TYPE_UPLOAD_REPLY, &id);

        assert_true(is_memory_or_ok(hr));
        if (FAILED(hr))
                assert_hr(
                        manager_create_job(rig->m, &FAKE_USER, "up", BG_JOB_TYPE_UPLOAD_REPLY, &id),
                        S_OK);
        hr = add_source(rig, &id);
        assert_true(is_memory_or_ok(hr));
        if (FAILED(hr))
                assert_hr(add_source(rig, &id), S_OK);
        assert_true(
                is_memory_or_ok(manager_set_reply_name(rig->m, &FAKE_USER, &id, "/home/u/answer")));
        assert_true(is_memory_or_ok(manager_set_reply_name(rig->m, &FAKE_USER, &id, NULL)));
        assert_non_null(fake_rig_read(rig, &id)->reply);
        return id;
}

/* Runs it until the source changes, and again from there. */
static void upload_twice(FakeRig *rig, const GUID *id)
{
        HRESULT hr;

        assert_hr(manager_resume(rig->m, &FAKE_USER, id), S_OK);
        fake_rig_run(rig);
        for (int i = 0; i < 6; i++) {
                (void) fake_transfer_step(&rig->transfer, rig->m);
                fake_rig_run(rig);
        }
        rig->transfer.faults.source = 1000;
        assert_hr(manager_suspend(rig->m, &FAKE_USER, id), S_OK);
        fake_rig_finish(rig);
        assert_hr(manager_resume(rig->m, &FAKE_USER, id), S_OK);
        fake_rig_finish(rig);
        fake_rig_advance(rig, 700 * USEC_PER_SEC);
        fake_rig_finish(rig);
        rig->transfer.faults.source = 0;
        hr = manager_resume(rig->m, &FAKE_USER, id);
        assert_true(is_memory_or_ok(hr) || hr == BG_E_EMPTY);
        if (hr == E_OUTOFMEMORY)
                assert_hr(manager_resume(rig->m, &FAKE_USER, id), S_OK);
        fake_rig_finish(rig);
        fake_rig_advance(rig, 700 * USEC_PER_SEC);
        fake_rig_finish(rig);
        assert_state(rig, id, TRANSFERRED);
}

static bool upload_with_failure(uint64_t n)
{
        FakeRig *rig = calloc(1, sizeof(*rig));
        FakeOp *op;
        bool struck;
        GUID whole, half;

        assert_non_null(rig);
        fake_rig_init(rig, 1);
        mem_fail_nth(n);
        whole = make_upload(rig);
        upload_twice(rig, &whole);
        manager_complete(rig->m, &FAKE_USER, &whole, 100);
        fake_rig_finish(rig);
        fake_rig_advance(rig, 10 * USEC_PER_SEC);
        fake_rig_finish(rig);
        assert_hr(rig->notifier.answers[100], S_OK);
        half = make_upload(rig);
        assert_hr(manager_resume(rig->m, &FAKE_USER, &half), S_OK);
        fake_rig_run(rig);
        op = fake_transfer_find(&rig->transfer, FAKE_FILE, &half);
        if (op) { /* else there was no memory for it */
                fake_op_session(&rig->transfer, rig->m, op, true);
                fake_rig_run(rig);
        }
        manager_cancel(rig->m, &FAKE_USER, &half, 101);
        fake_rig_finish(rig);
        fake_rig_advance(rig, 700 * USEC_PER_SEC);
        fake_rig_finish(rig);
        assert_state(rig, &half, CANCELLED);
        assert_int_equal(fake_rig_read(rig, &half)->status.farewell_wall, 0);
        struck = mem_fail_struck();
        mem_fail_nth(0);
        assert_null(fake_rig_violation(rig));
        fake_rig_done(rig);
        free(rig);
        return struck;
}

static void every_failure_of_memory_is_survived_by_uploads(void **state)
{
        uint64_t n = 1;

        (void) state;
        while (upload_with_failure(n))
                n++;
        assert_true(n > 40);
}

static void every_failure_of_memory_is_survived(void **state)
{
        uint64_t n = 1;

        (void) state;
        while (live_with_failure(n))
                n++;
        assert_true(n > 25);
}

static void making_a_manager_without_memory_fails_cleanly(void **state)
{
        Policy policy = policy_default(false);
        FakeRandom random;
        ManagerPorts ports = {0};

        (void) state;
        fake_random_init(&random, 1);
        ports.random = fake_random_port(&random);
        for (uint64_t n = 1;; n++) {
                Manager *m;

                mem_fail_nth(n);
                m = manager_new(&ports, &policy);
                if (m) {
                        assert_true(n > 4);
                        (void) manager_free(m);
                        break;
                }
        }
        mem_fail_nth(0);
}

static void loading_without_memory_fails_cleanly(void **state)
{
        FakeRig *rig = calloc(1, sizeof(*rig));
        uint64_t n = 1;

        (void) state;
        assert_non_null(rig);
        fake_rig_init(rig, 1);
        for (int i = 0; i < 3; i++)
                (void) fake_rig_resumed(rig, 2);
        (void) fake_rig_upload(rig, BG_JOB_TYPE_UPLOAD_REPLY);
        fake_rig_stop(rig, false, 0);
        for (;; n++) {
                ManagerPorts ports = {
                        .store = fake_store_port(&rig->store),
                        .transfer = fake_transfer_port(&rig->transfer),
                        .notifier = fake_notifier_port(&rig->notifier),
                        .random = fake_random_port(&rig->random),
                        .clock = fake_clock_port(&rig->clock),
                };
                int r;

                rig->m = manager_new(&ports, &rig->policy);
                assert_non_null(rig->m);
                mem_fail_nth(n);
                r = manager_load(rig->m);
                mem_fail_nth(0);
                if (r == 0)
                        break;
                assert_int_equal(r, -12);
                rig->m = manager_free(rig->m);
        }
        assert_true(n > 10);
        fake_rig_finish(rig);
        fake_rig_done(rig);
        free(rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_failure_of_memory_is_survived),
                cmocka_unit_test(every_failure_of_memory_is_survived_by_uploads),
                cmocka_unit_test(making_a_manager_without_memory_fails_cleanly),
                cmocka_unit_test(loading_without_memory_fails_cleanly),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
