/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the native interface: what arrives, the descriptor, merging, lost connections. */
#include "rig.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"

static void set_bytes(bits_job_info *info, void *ctx)
{
        info->bytes_transferred = *(uint64_t *) ctx;
}

static void change(Rig *rig, const GUID *id, uint64_t bytes)
{
        fake_edit(rig->fake, id, set_bytes, &bytes);
}

/* The next event, which must come and be of this kind. */
static bits_event *expect(bits_events *events, bits_event_kind kind)
{
        bits_event *event;

        assert_hr(bits_events_next(events, 20000, &event), S_OK);
        assert_int_equal(event->kind, kind);
        assert_int_equal(event->info != NULL, kind == BITS_EVENT_CHANGED);
        return event;
}

static void expect_none(bits_events *events)
{
        bits_event *event = (bits_event *) 1;

        assert_hr(bits_events_next(events, 0, &event), S_FALSE);
        assert_null(event);
}

static bool is_readable(bits_events *events, int timeout_ms)
{
        struct pollfd p = {.fd = bits_events_fd(events), .events = POLLIN};

        return poll(&p, 1, timeout_ms) > 0;
}

static void arguments_are_checked(void **state)
{
        bits_options off = {.socket_path = "/nonexistent/s", .no_autostart = 1};
        bits_events *events = (bits_events *) 1;
        bits_event *event;
        GUID unknown = {.Data1 = 1234};

        assert_hr(bits_events_open(NULL, NULL, NULL), E_INVALIDARG);
        assert_hr(bits_events_open(&off, NULL, &events),
                  HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED));
        assert_null(events);
        assert_hr(bits_events_open(NULL, &unknown, &events), BG_E_NOT_FOUND);
        assert_string_equal(bits_last_message(), "no such job");
        assert_hr(bits_events_next(NULL, 0, &event), E_INVALIDARG);
        assert_int_equal(bits_events_fd(NULL), -1);
        bits_events_close(NULL);
        bits_event_free(NULL);
}

static void opening_fails_as_connecting_does(void **state)
{
        Rig *rig = *state;
        bits_options hurried = {.timeout_ms = HURRY_MS};
        bits_events *events;

        fake_fault(rig->fake, "Hello", FAULT_ERROR, E_ACCESSDENIED, 1);
        assert_hr(bits_events_open(NULL, NULL, &events), E_ACCESSDENIED);
        fake_fault(rig->fake, "Hello", FAULT_SILENCE, 0, 1);
        assert_hr(bits_events_open(&hurried, NULL, &events), RPC_E_TIMEOUT);
        fake_fault(rig->fake, "Watch", FAULT_SILENCE, 0, 1);
        assert_hr(bits_events_open(&hurried, NULL, &events), RPC_E_TIMEOUT);
        fake_fault(rig->fake, "Watch", FAULT_ERROR, E_OUTOFMEMORY, 1);
        assert_hr(bits_events_open(NULL, NULL, &events), E_OUTOFMEMORY);
        fake_fault(rig->fake, "Watch", FAULT_CLOSE_BEFORE, 0, 9);
        assert_hr(bits_events_open(NULL, NULL, &events),
                  HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE));
}

static void a_watch_of_one_job_tells_of_that_job_only(void **state)
{
        Rig *rig = *state;
        GUID a = fake_add_job(rig->fake, "a", BG_JOB_STATE_QUEUED);
        GUID b = fake_add_job(rig->fake, "b", BG_JOB_STATE_QUEUED);
        bits_events *events;
        bits_event *event;

        assert_hr(bits_events_open(NULL, &a, &events), S_OK);
        change(rig, &b, 1);
        change(rig, &a, 2);
        event = expect(events, BITS_EVENT_CHANGED);
        assert_memory_equal(&event->info->id, &a, sizeof(a));
        assert_true(event->info->bytes_transferred == 2);
        assert_string_equal(event->info->name, "a");
        bits_event_free(event);
        expect_none(events);
        bits_events_close(events);
}

static void unread_changes_of_a_job_are_merged_to_the_newest(void **state)
{
        Rig *rig = *state;
        GUID a = fake_add_job(rig->fake, "a", BG_JOB_STATE_QUEUED);
        GUID b = fake_add_job(rig->fake, "b", BG_JOB_STATE_QUEUED);
        bits_events *events;
        bits_event *event;

        assert_hr(bits_events_open(NULL, NULL, &events), S_OK);
        change(rig, &a, 1);
        change(rig, &b, 1);
        change(rig, &a, 2);
        assert_true(is_readable(events, 20000));
        /* A round trip on another connection: the service has written everything. */
        assert_hr(bits_job_suspend(rig->client, &b), S_OK);
        event = expect(events, BITS_EVENT_CHANGED);
        assert_memory_equal(&event->info->id, &a, sizeof(a));
        assert_true(event->info->bytes_transferred == 2);
        bits_event_free(event);
        event = expect(events, BITS_EVENT_CHANGED);
        assert_memory_equal(&event->info->id, &b, sizeof(b));
        assert_int_equal(event->info->state, BG_JOB_STATE_SUSPENDED);
        bits_event_free(event);
        expect_none(events);
        bits_events_close(events);
}

/* Many signals arrive in one read of the socket, so that most of them wait inside sd-bus. */
static void the_descriptor_is_readable_while_anything_waits(void **state)
{
        Rig *rig = *state;
        GUID jobs[40];
        bits_events *events;
        bits_event *event;

        for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
                jobs[i] = fake_add_job(rig->fake, "j", BG_JOB_STATE_QUEUED);
        assert_hr(bits_events_open(NULL, NULL, &events), S_OK);
        assert_false(is_readable(events, 0));
        for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
                change(rig, &jobs[i], i);
        for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
                assert_true(is_readable(events, 20000));
                event = expect(events, BITS_EVENT_CHANGED);
                assert_memory_equal(&event->info->id, &jobs[i], sizeof(GUID));
                bits_event_free(event);
        }
        expect_none(events);
        assert_false(is_readable(events, 0));
        bits_events_close(events);
}

static void a_storm_is_survived_and_ends_with_the_last_state(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_QUEUED);
        bits_events *events;
        bits_event *event;
        uint64_t last = 0;

        assert_hr(bits_events_open(NULL, &id, &events), S_OK);
        fake_storm(rig->fake, &id, 5000);
        while (last < 5000) {
                event = expect(events, BITS_EVENT_CHANGED);
                assert_true(event->info->bytes_transferred > last);
                last = event->info->bytes_transferred;
                bits_event_free(event);
        }
        expect_none(events);
        bits_events_close(events);
}

static void a_lost_service_is_told_and_found_again(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_QUEUED);
        bits_events *events;
        bits_event *event;

        assert_hr(bits_events_open(NULL, &id, &events), S_OK);
        change(rig, &id, 1);
        assert_true(is_readable(events, 20000));
        fake_listen(rig->fake, false);
        fake_drop_clients(rig->fake);
        bits_event_free(expect(events, BITS_EVENT_CHANGED)); /* what came before stays */
        bits_event_free(expect(events, BITS_EVENT_LOST));
        expect_none(events);
        fake_listen(rig->fake, true);
        /* Only poll(2) and calls that do not wait, as a program with a loop of its own does. */
        do
                assert_true(is_readable(events, 20000));
        while (bits_events_next(events, 0, &event) == S_FALSE);
        assert_int_equal(event->kind, BITS_EVENT_RECONNECTED);
        bits_event_free(event);
        change(rig, &id, 2);
        event = expect(events, BITS_EVENT_CHANGED);
        assert_true(event->info->bytes_transferred == 2);
        bits_event_free(event);
        bits_events_close(events);
}

static void each_loss_is_told_once(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_QUEUED);
        bits_events *events;

        assert_hr(bits_events_open(NULL, &id, &events), S_OK);
        for (unsigned i = 0; i < 3; i++) {
                fake_drop_clients(rig->fake);
                bits_event_free(expect(events, BITS_EVENT_LOST));
                bits_event_free(expect(events, BITS_EVENT_RECONNECTED));
                expect_none(events);
        }
        assert_int_equal(fake_calls(rig->fake, "Watch"), 4);
        bits_events_close(events);
}

static void a_job_that_is_gone_after_a_restart_is_no_failure(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_QUEUED);
        bits_events *events;

        assert_hr(bits_events_open(NULL, &id, &events), S_OK);
        fake_forget_job(rig->fake, &id);
        fake_drop_clients(rig->fake);
        bits_event_free(expect(events, BITS_EVENT_LOST));
        bits_event_free(expect(events, BITS_EVENT_RECONNECTED));
        bits_events_close(events);
}

static void a_restarted_service_that_is_silent_is_left_for_another_try(void **state)
{
        Rig *rig = *state;
        bits_options hurried = {.timeout_ms = HURRY_MS};
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_QUEUED);
        bits_events *events;

        assert_hr(bits_events_open(&hurried, &id, &events), S_OK);
        fake_fault(rig->fake, "Hello", FAULT_SILENCE, 0, 1);
        fake_drop_clients(rig->fake);
        bits_event_free(expect(events, BITS_EVENT_LOST));
        bits_event_free(expect(events, BITS_EVENT_RECONNECTED));
        bits_events_close(events);
}

static void waiting_ends_in_time(void **state)
{
        bits_events *events;
        bits_event *event;
        uint64_t began;

        assert_hr(bits_events_open(NULL, NULL, &events), S_OK);
        began = rig_now_ms();
        assert_hr(bits_events_next(events, 100, &event), S_FALSE);
        assert_in_range(rig_now_ms() - began, 99, 5000);
        bits_events_close(events);
}

static void *change_later(void *arg)
{
        Rig *rig = arg;

        fake_edit(rig->fake, &(GUID){.Data1 = 1, .Data4 = {0x80, 1, 2, 3, 4, 5, 6, 7}}, NULL, NULL);
        return NULL;
}

static void waiting_without_end_is_ended_by_an_event(void **state)
{
        Rig *rig = *state;
        bits_events *events;
        bits_event *event;
        pthread_t thread;

        (void) fake_add_job(rig->fake, "a", BG_JOB_STATE_QUEUED);
        assert_hr(bits_events_open(NULL, NULL, &events), S_OK);
        assert_int_equal(pthread_create(&thread, NULL, change_later, rig), 0);
        assert_hr(bits_events_next(events, -1, &event), S_OK);
        bits_event_free(event);
        (void) pthread_join(thread, NULL);
        bits_events_close(events);
}

static bool run_child(Rig *rig, bits_events *events)
{
        bits_event *event;
        bool lost = false;

        /* The connection is the parent's, so to the child it is lost, and made anew. */
        while (bits_events_next(events, 10000, &event) == S_OK) {
                bits_event_kind kind = event->kind;

                bits_event_free(event);
                if (kind == BITS_EVENT_LOST)
                        lost = true;
                if (kind == BITS_EVENT_RECONNECTED) {
                        bits_events_close(events);
                        return lost;
                }
        }
        return false;
}

static void a_child_gets_events_of_its_own(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_QUEUED);
        bits_events *events;
        int status;
        pid_t pid;

        assert_hr(bits_events_open(NULL, NULL, &events), S_OK);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(run_child(rig, events) ? 0 : 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        expect_none(events);
        change(rig, &id, 7);
        bits_event_free(expect(events, BITS_EVENT_CHANGED));
        bits_events_close(events);
}

static void nothing_is_leaked(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_QUEUED);
        unsigned before = rig_count_fds();
        bits_events *events;

        for (unsigned i = 0; i < 5; i++) {
                assert_hr(bits_events_open(NULL, NULL, &events), S_OK);
                change(rig, &id, i); /* stays unread */
                assert_true(is_readable(events, 20000));
                bits_events_close(events);
        }
        assert_true(fake_wait_clients(rig->fake, 1));
        assert_int_equal(rig_count_fds(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                TEST(arguments_are_checked),
                TEST(opening_fails_as_connecting_does),
                TEST(a_watch_of_one_job_tells_of_that_job_only),
                TEST(unread_changes_of_a_job_are_merged_to_the_newest),
                TEST(the_descriptor_is_readable_while_anything_waits),
                TEST(a_storm_is_survived_and_ends_with_the_last_state),
                TEST(a_lost_service_is_told_and_found_again),
                TEST(each_loss_is_told_once),
                TEST(a_job_that_is_gone_after_a_restart_is_no_failure),
                TEST(a_restarted_service_that_is_silent_is_left_for_another_try),
                TEST(waiting_ends_in_time),
                TEST(waiting_without_end_is_ended_by_an_event),
                TEST(a_child_gets_events_of_its_own),
                TEST(nothing_is_leaked),
        };

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
