/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of the native interface: lost, slow and nonsensical answers, restarts of the
 * service, threads, forks and signals. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "../../fakes/skip_test.h"

#define CALL_FAILED HRESULT_FROM_WIN32(RPC_S_CALL_FAILED)
#define UNAVAILABLE HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE)

static void connecting_says_whether_anybody_listens(void **state)
{
        Rig *rig = *state;
        bits_options missing = {.socket_path = "/nonexistent/bitsd/socket", .no_autostart = 1};
        bits_client *c = (bits_client *) 1;

        assert_hr(bits_connect(NULL, NULL), E_INVALIDARG);
        assert_hr(bits_connect(&missing, &c), HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED));
        assert_null(c);
        assert_non_null(strstr(bits_last_message(), "/nonexistent/bitsd/socket"));
        assert_string_equal(bits_client_socket(rig->client), rig->socket);
        bits_disconnect(NULL);
}

static void a_socket_path_that_is_too_long_is_an_argument_error(void **state)
{
        char path[200];
        bits_options options = {.socket_path = path};
        bits_client *c;

        memset(path, 'a', sizeof(path) - 1);
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        assert_hr(bits_connect(&options, &c), E_INVALIDARG);
        options.socket_path = "";
        assert_hr(bits_connect(&options, &c), E_INVALIDARG);
}

static void a_limit_is_set_with_all_its_bits(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);
        bits_job_info *info = NULL;
        char arguments[64];

        assert_hr(bits_job_set_limit_rate(rig->client, &id, (uint64_t) 1 << 40), S_OK);
        fake_last_arguments(rig->fake, arguments, sizeof(arguments));
        assert_string_equal(arguments, "1099511627776");
        assert_hr(bits_job_read(rig->client, &id, &info), S_OK);
        assert_true(info->limit_bps == (uint64_t) 1 << 40);
        bits_job_info_free(info);
        assert_hr(bits_job_set_limit_rate(NULL, &id, 0), E_INVALIDARG);
        assert_hr(bits_job_set_limit_rate(rig->client, NULL, 0), E_INVALIDARG);
}

static void lines_are_told_field_by_field(void **state)
{
        Rig *rig = *state;
        bits_line *lines = NULL;
        uint64_t time = 0;
        size_t n = 0;

        assert_hr(bits_lines(rig->client, &lines, &n, &time), S_OK);
        assert_int_equal(n, 2);
        assert_true(time == 116444736010000000); /* a second past 1970 */
        assert_string_equal(lines[0].interface_name, "eth0");
        for (int way = 0; way < 2; way++) {
                assert_int_equal(lines[0].capacity_bps[way], 1 + way);
                assert_int_equal(lines[0].own_bps[way], 3 + way);
                assert_int_equal(lines[0].foreground_bps[way], 5 + way);
                assert_int_equal(lines[0].foreign_bps[way], 7 + way);
        }
        assert_int_equal(lines[0].governor[0], BITS_GOVERNOR_SHARE);
        assert_int_equal(lines[0].governor[1], BITS_GOVERNOR_DUCK);
        assert_int_equal(lines[0].connections, 9);
        assert_int_equal(lines[0].yielding, 10);
        assert_int_equal(lines[0].base_usec, 11);
        assert_int_equal(lines[0].queue_usec, 12);
        assert_string_equal(lines[1].interface_name, "a-name-without-"); /* cut */
        free(lines);

        assert_hr(bits_lines(rig->client, NULL, &n, NULL), E_INVALIDARG);
        assert_hr(bits_lines(NULL, &lines, &n, NULL), E_INVALIDARG);
        fake_fault(rig->fake, "Lines", FAULT_WRONG_SIGNATURE, S_OK, 1);
        assert_true(FAILED(bits_lines(rig->client, &lines, &n, NULL)));
        assert_null(lines);
}

static void errors_carry_code_and_message_of_the_service(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);

        fake_fault(rig->fake, "Resume", FAULT_ERROR, BG_E_EMPTY, 1);
        assert_hr(bits_job_resume(rig->client, &id), BG_E_EMPTY);
        assert_string_equal(bits_last_message(), "said by the fake");
        assert_hr(bits_job_suspend(rig->client, &id), S_OK);
        assert_string_equal(bits_last_message(), "");

        fake_fault(rig->fake, "Resume", FAULT_FOREIGN_ERROR, 0, 1);
        assert_hr(bits_job_resume(rig->client, &id), E_UNEXPECTED);
        assert_string_equal(bits_last_message(), "odd\\x0athing");
}

static void *fail_in_thread(void *arg)
{
        GUID none = {0};

        return bits_job_open(arg, &none) == BG_E_NOT_FOUND &&
                               strcmp(bits_last_message(), "no such job") == 0
                       ? arg
                       : NULL;
}

static void messages_belong_to_their_thread(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);
        pthread_t thread;
        void *good;

        assert_hr(bits_job_suspend(rig->client, &id), S_OK);
        assert_int_equal(pthread_create(&thread, NULL, fail_in_thread, rig->client), 0);
        (void) pthread_join(thread, &good);
        assert_non_null(good);
        assert_string_equal(bits_last_message(), "");
}

static void a_restart_between_calls_is_not_noticed(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);
        GUID made;

        fake_drop_clients(rig->fake);
        assert_hr(bits_job_suspend(rig->client, &id), S_OK);
        /* Not even by a call that must not be repeated. */
        fake_drop_clients(rig->fake);
        assert_hr(bits_job_create(rig->client, "b", BG_JOB_TYPE_DOWNLOAD, &made), S_OK);
        fake_listen(rig->fake, false);
        fake_listen(rig->fake, true);
        fake_drop_clients(rig->fake);
        assert_hr(bits_job_cancel(rig->client, &made), S_OK);
        assert_int_equal(fake_calls(rig->fake, "CreateJob"), 1);
}

static void calls_that_set_a_value_are_repeated_when_the_answer_is_lost(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);
        bits_job_info *info;

        fake_fault(rig->fake, "SetPriority", FAULT_CLOSE_AFTER, 0, 1);
        assert_hr(bits_job_set_priority(rig->client, &id, BG_JOB_PRIORITY_LOW), S_OK);
        assert_int_equal(fake_calls(rig->fake, "SetPriority"), 2);
        fake_fault(rig->fake, "ReadJob", FAULT_CLOSE_BEFORE, 0, 1);
        assert_hr(bits_job_read(rig->client, &id, &info), S_OK);
        assert_int_equal(info->priority, BG_JOB_PRIORITY_LOW);
        bits_job_info_free(info);
}

static void calls_are_repeated_only_once(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);

        fake_fault(rig->fake, "Suspend", FAULT_CLOSE_BEFORE, 0, 5);
        assert_hr(bits_job_suspend(rig->client, &id), CALL_FAILED);
        assert_int_equal(fake_calls(rig->fake, "Suspend"), 2);
        assert_non_null(strstr(bits_last_message(), "may or may not"));
}

static void creating_and_adding_are_never_repeated(void **state)
{
        Rig *rig = *state;
        bits_file_spec file = {"http://h/a", "/tmp/a"};
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED), made;

        fake_fault(rig->fake, "CreateJob", FAULT_CLOSE_AFTER, 0, 1);
        assert_hr(bits_job_create(rig->client, "b", BG_JOB_TYPE_DOWNLOAD, &made), CALL_FAILED);
        assert_int_equal(fake_calls(rig->fake, "CreateJob"), 1);
        fake_fault(rig->fake, "AddFiles", FAULT_CLOSE_AFTER, 0, 1);
        assert_hr(bits_job_add_files(rig->client, &id, &file, 1), CALL_FAILED);
        assert_int_equal(fake_calls(rig->fake, "AddFiles"), 1);
        /* The connection is in order again. */
        assert_hr(bits_job_create(rig->client, "b", BG_JOB_TYPE_DOWNLOAD, &made), S_OK);
}

static void a_lost_answer_of_complete_is_found_out(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_TRANSFERRED);
        GUID partial = fake_add_job(rig->fake, "b", BG_JOB_STATE_ERROR);

        fake_fault(rig->fake, "Complete", FAULT_CLOSE_AFTER, 0, 1);
        assert_hr(bits_job_complete(rig->client, &id), S_OK);
        assert_int_equal(fake_calls(rig->fake, "Complete"), 1);

        fake_add_file(rig->fake, &partial, "http://h/b", "/tmp/b");
        fake_fault(rig->fake, "Complete", FAULT_CLOSE_AFTER, 0, 1);
        assert_hr(bits_job_complete(rig->client, &partial), BG_S_PARTIAL_COMPLETE);
        assert_int_equal(fake_calls(rig->fake, "Complete"), 2);
}

static void a_complete_that_did_not_arrive_is_sent_again(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_TRANSFERRED);

        fake_fault(rig->fake, "Complete", FAULT_CLOSE_BEFORE, 0, 1);
        assert_hr(bits_job_complete(rig->client, &id), S_OK);
        assert_int_equal(fake_calls(rig->fake, "Complete"), 2);
        assert_hr(bits_job_complete(rig->client, &id), BG_E_INVALID_STATE);
}

static void a_complete_that_never_arrives_is_a_failed_call(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_TRANSFERRED);

        fake_fault(rig->fake, "Complete", FAULT_CLOSE_BEFORE, 0, 9);
        assert_hr(bits_job_complete(rig->client, &id), CALL_FAILED);
        assert_int_equal(fake_calls(rig->fake, "Complete"), 2);
}

static void a_cancel_that_lost_against_a_complete_says_so(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_TRANSFERRED);

        fake_fault(rig->fake, "Cancel", FAULT_CLOSE_BEFORE, 0, 1);
        assert_hr(bits_job_complete(rig->client, &id), S_OK);
        assert_hr(bits_job_cancel(rig->client, &id), BG_E_INVALID_STATE);
}

static void an_answer_that_does_not_come_ends_the_call_in_time(void **state)
{
        Rig *rig = *state;
        bits_options options = {.timeout_ms = HURRY_MS};
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);
        bits_client *c;
        uint64_t began;

        assert_hr(bits_connect(&options, &c), S_OK);
        fake_fault(rig->fake, "Suspend", FAULT_SILENCE, 0, 1);
        began = rig_now_ms();
        assert_hr(bits_job_suspend(c, &id), RPC_E_TIMEOUT);
        assert_in_range(rig_now_ms() - began, HURRY_MS - 10, HURRY_MS + 5000);
        assert_int_equal(fake_calls(rig->fake, "Suspend"), 1);
        assert_hr(bits_job_suspend(c, &id), S_OK);
        bits_disconnect(c);
}

static void a_service_that_never_greets_ends_the_connect_in_time(void **state)
{
        Rig *rig = *state;
        bits_options options = {.timeout_ms = HURRY_MS};
        bits_client *c;

        fake_fault(rig->fake, "Hello", FAULT_SILENCE, 0, 1);
        assert_hr(bits_connect(&options, &c), RPC_E_TIMEOUT);
        fake_fault(rig->fake, "Hello", FAULT_ERROR, E_ACCESSDENIED, 1);
        assert_hr(bits_connect(&options, &c), E_ACCESSDENIED);
        fake_fault(rig->fake, "Hello", FAULT_CLOSE_BEFORE, 0, 9);
        assert_hr(bits_connect(&options, &c), UNAVAILABLE);
        fake_fault(rig->fake, "Hello", FAULT_CLOSE_BEFORE, 0, 1); /* one that was just leaving */
        assert_hr(bits_connect(&options, &c), S_OK);
        bits_disconnect(c);
        fake_fault(rig->fake, "Hello", FAULT_WRONG_SIGNATURE, 0, 1);
        assert_hr(bits_connect(&options, &c), UNAVAILABLE);
}

/* Every call that returns something, against answers that make no sense. */
static void call_reading(bits_client *c, const GUID *id, unsigned which, HRESULT expected)
{
        bits_job_info *info = NULL;
        bits_job_list *jobs = NULL;
        bits_file_list *files = NULL;
        bits_status *status = NULL;
        GUID made;

        switch (which) {
        case 0:
                assert_hr(bits_job_read(c, id, &info), expected);
                break;
        case 1:
                assert_hr(bits_jobs_list(c, 0, &jobs), expected);
                break;
        case 2:
                assert_hr(bits_files_list(c, id, &files), expected);
                break;
        case 3:
                assert_hr(bits_file_read(c, id, 0, &files), expected);
                break;
        case 4:
                assert_hr(bits_service_status(c, &status), expected);
                break;
        case 5:
                assert_hr(bits_job_create(c, "x", BG_JOB_TYPE_DOWNLOAD, &made), expected);
                break;
        default:
                assert_hr(bits_job_complete(c, id), expected);
                break;
        }
        assert_null(info);
        assert_null(jobs);
        assert_null(files);
        assert_null(status);
}

static void nonsense_in_answers_is_a_failed_call(void **state)
{
        Rig *rig = *state;
        static const char *const members[] = {"ReadJob", "ListJobs",  "ListFiles", "ReadFile",
                                              "Status",  "CreateJob", "Complete"};
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);

        for (unsigned i = 0; i < ARRAY_LEN(members); i++) {
                fake_fault(rig->fake, members[i], FAULT_WRONG_SIGNATURE, 0, 1);
                call_reading(rig->client, &id, i, CALL_FAILED);
                fake_fault(rig->fake, members[i], FAULT_GARBAGE_RECORD, 0, 1);
                call_reading(rig->client, &id, i, CALL_FAILED);
        }
        assert_hr(bits_job_suspend(rig->client, &id), S_OK);
}

static void noise_on_the_socket_is_a_failed_call(void **state)
{
        Rig *rig = *state;
        bits_options options = {.timeout_ms = 2000};
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);
        bits_client *c;

        assert_hr(bits_connect(&options, &c), S_OK);
        fake_fault(rig->fake, "Suspend", FAULT_GARBAGE_BYTES, 0, 1);
        assert_hr(bits_job_suspend(c, &id), CALL_FAILED);
        bits_disconnect(c);
        assert_hr(bits_job_suspend(rig->client, &id), S_OK);
}

/* ---- threads ---- */

enum { THREADS = 8, CALLS_EACH = 200 };

typedef struct Caller {
        bits_client *client;
        GUID job;
        HRESULT wrong; /* S_OK when all is well; S_FALSE: another one's answer */
} Caller;

/* A call whose connection is cut twice in a row fails, and is simply made again here. */
static bool is_cut(HRESULT hr)
{
        return hr == CALL_FAILED || hr == UNAVAILABLE;
}

static HRESULT set_and_read(Caller *caller, uint32_t value, uint32_t *ret)
{
        bits_job_info *info;
        HRESULT hr;

        do
                hr = bits_job_set_no_progress_timeout(caller->client, &caller->job, value);
        while (is_cut(hr));
        if (FAILED(hr))
                return hr;
        do
                hr = bits_job_read(caller->client, &caller->job, &info);
        while (is_cut(hr));
        if (FAILED(hr))
                return hr;
        *ret = info->no_progress_timeout;
        bits_job_info_free(info);
        return S_OK;
}

static void *call_often(void *arg)
{
        Caller *caller = arg;

        for (uint32_t i = 0; i < CALLS_EACH && !caller->wrong; i++) {
                uint32_t read = UINT32_MAX;

                caller->wrong = set_and_read(caller, i, &read);
                if (caller->wrong == S_OK && read != i)
                        caller->wrong = S_FALSE;
        }
        return NULL;
}

static void threads_share_a_client(void **state)
{
        Rig *rig = *state;
        pthread_t threads[THREADS];
        Caller callers[THREADS];

        for (size_t i = 0; i < THREADS; i++) {
                callers[i] = (Caller){
                        .client = rig->client,
                        .job = fake_add_job(rig->fake, "t", BG_JOB_STATE_SUSPENDED),
                };
                assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
        }
        for (unsigned i = 0; i < 20; i++)
                fake_drop_clients(rig->fake);
        for (size_t i = 0; i < THREADS; i++)
                (void) pthread_join(threads[i], NULL);
        for (size_t i = 0; i < THREADS; i++)
                assert_hr(callers[i].wrong, S_OK);
}

/* ---- signals ---- */

static void on_alarm(int sig)
{
}

static void interrupted_system_calls_end_nothing(void **state)
{
        Rig *rig = *state;
        struct sigaction action = {.sa_handler = on_alarm}, before;
        struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);
        bits_options options = {.timeout_ms = HURRY_MS};
        bits_client *c;

        (void) sigaction(SIGALRM, &action, &before);
        (void) setitimer(ITIMER_REAL, &often, NULL);
        for (unsigned i = 0; i < 500; i++)
                assert_hr(bits_job_suspend(rig->client, &id), S_OK);
        assert_hr(bits_connect(&options, &c), S_OK);
        fake_fault(rig->fake, "Suspend", FAULT_SILENCE, 0, 1);
        assert_hr(bits_job_suspend(c, &id), RPC_E_TIMEOUT);
        (void) setitimer(ITIMER_REAL, &never, NULL);
        (void) sigaction(SIGALRM, &before, NULL);
        bits_disconnect(c);
}

static void a_dead_connection_raises_no_signal(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);

        (void) signal(SIGPIPE, SIG_DFL); /* the default would end this process */
        for (unsigned i = 0; i < 100; i++) {
                fake_drop_clients(rig->fake);
                assert_hr(bits_job_suspend(rig->client, &id), S_OK);
        }
}

/* ---- forks ---- */

static void a_child_gets_a_connection_of_its_own(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);
        int status;
        pid_t pid;

        for (unsigned i = 0; i < 5; i++) {
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        bool good = true;

                        for (unsigned n = 0; n < 50; n++)
                                good = good && bits_job_suspend(rig->client, &id) == S_OK;
                        bits_disconnect(rig->client);
                        _exit(good ? 0 : 1);
                }
                for (unsigned n = 0; n < 50; n++)
                        assert_hr(bits_job_resume(rig->client, &id), S_OK);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
        }
        assert_hr(bits_job_suspend(rig->client, &id), S_OK);
}

static atomic_bool stop_calling;

static void *call_until_stopped(void *arg)
{
        Rig *rig = arg;
        bits_job_list *jobs;

        while (!atomic_load(&stop_calling)) {
                if (bits_jobs_list(rig->client, 0, &jobs) == S_OK)
                        bits_job_list_free(jobs);
        }
        return NULL;
}

static void a_child_is_not_stopped_by_a_lock_of_a_thread_it_does_not_have(void **state)
{
        Rig *rig = *state;
        GUID id = fake_add_job(rig->fake, "a", BG_JOB_STATE_SUSPENDED);
        pthread_t thread;
        int status;

        atomic_store(&stop_calling, false);
        assert_int_equal(pthread_create(&thread, NULL, call_until_stopped, rig), 0);
        for (unsigned i = 0; i < 30; i++) {
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0) {
                        (void) alarm(20);
                        _exit(bits_job_suspend(rig->client, &id) == S_OK ? 0 : 1);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
        }
        atomic_store(&stop_calling, true);
        (void) pthread_join(thread, NULL);
}

static void descriptors_are_closed_on_exec_and_not_leaked(void **state)
{
        Rig *rig = *state;
        unsigned before = rig_count_fds();
        bool inherited[64];
        bits_client *c;

        for (int fd = 0; fd < 64; fd++)
                inherited[fd] = fcntl(fd, F_GETFD) >= 0;
        for (unsigned i = 0; i < 10; i++) {
                assert_hr(bits_connect(NULL, &c), S_OK);
                for (int fd = 0; fd < 64; fd++) {
                        int flags = fcntl(fd, F_GETFD);

                        assert_true(inherited[fd] || flags < 0 || (flags & FD_CLOEXEC));
                }
                bits_disconnect(c);
        }
        assert_true(fake_wait_clients(rig->fake, 1));
        assert_int_equal(rig_count_fds(), before);
}

/* The default place, reached without naming it, and a listener of another user. */
static HRESULT connect_to_a_stranger(Rig *rig)
{
        char path[256];
        bits_client *c;
        HRESULT hr;

        (void) chmod(rig->dir, 0777);
        (void) unsetenv("BITSD_SOCKET");
        (void) setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
        (void) setenv("TMPDIR", rig->dir, 1);
        (void) snprintf(path, sizeof(path), "%.60s/bitsd-0", rig->dir);
        (void) mkdir(path, 0777);
        (void) chmod(path, 0777);
        (void) snprintf(path, sizeof(path), "%.60s/bitsd-0/socket", rig->dir);
        if (seteuid(65534) < 0)
                return E_FAIL;
        rig->fake = fake_start(path);
        if (seteuid(0) < 0)
                return E_FAIL;
        hr = bits_connect(NULL, &c);
        fake_stop(rig->fake);
        (void) snprintf(path, sizeof(path), "%.60s/bitsd-0", rig->dir);
        (void) rmdir(path);
        return hr;
}

static void a_strangers_service_is_not_trusted(void **state)
{
        int status;
        pid_t pid;

        if (geteuid() != 0 || access("/run/user/0", F_OK) == 0)
                SKIP_TEST("another user, and no /run/user/0");
        pid = fork();
        if (pid == 0)
                _exit(connect_to_a_stranger(*state) == E_ACCESSDENIED ? 0 : 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                TEST(connecting_says_whether_anybody_listens),
                TEST(a_socket_path_that_is_too_long_is_an_argument_error),
                TEST(errors_carry_code_and_message_of_the_service),
                TEST(a_limit_is_set_with_all_its_bits),
                TEST(lines_are_told_field_by_field),
                TEST(messages_belong_to_their_thread),
                TEST(a_restart_between_calls_is_not_noticed),
                TEST(calls_that_set_a_value_are_repeated_when_the_answer_is_lost),
                TEST(calls_are_repeated_only_once),
                TEST(creating_and_adding_are_never_repeated),
                TEST(a_lost_answer_of_complete_is_found_out),
                TEST(a_complete_that_did_not_arrive_is_sent_again),
                TEST(a_complete_that_never_arrives_is_a_failed_call),
                TEST(a_cancel_that_lost_against_a_complete_says_so),
                TEST(an_answer_that_does_not_come_ends_the_call_in_time),
                TEST(a_service_that_never_greets_ends_the_connect_in_time),
                TEST(nonsense_in_answers_is_a_failed_call),
                TEST(noise_on_the_socket_is_a_failed_call),
                TEST(threads_share_a_client),
                TEST(interrupted_system_calls_end_nothing),
                TEST(a_dead_connection_raises_no_signal),
                TEST(a_child_gets_a_connection_of_its_own),
                TEST(a_child_is_not_stopped_by_a_lock_of_a_thread_it_does_not_have),
                TEST(descriptors_are_closed_on_exec_and_not_leaked),
                TEST(a_strangers_service_is_not_trusted),
        };

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
