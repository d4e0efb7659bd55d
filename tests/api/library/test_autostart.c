/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the service: with a stand-in for bitsd, whose path is the first argument. */
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#define COBJMACROS
#include "bits.h"

#define UNAVAILABLE HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE)

static const char *program;

static int setup(void **state)
{
        (void) rig_setup_bare(state);
        assert_int_equal(setenv("BITSD_AUTOSTART", "1", 1), 0);
        assert_int_equal(setenv("BITSD_PATH", program, 1), 0);
        assert_int_equal(unsetenv("FAKE_BITSD"), 0);
        return 0;
}

/* What the started programs wrote: the number of them, and the last one's text. */
static unsigned read_starts(Rig *rig, char *text, size_t bytes)
{
        DIR *dir = opendir(rig->dir);
        struct dirent *entry;
        unsigned n = 0;

        assert_non_null(dir);
        while ((entry = readdir(dir))) {
                ssize_t got;
                int fd;

                if (!strstr(entry->d_name, ".started."))
                        continue;
                n++;
                fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
                assert_true(fd >= 0);
                got = read(fd, text, bytes - 1);
                assert_true(got >= 0);
                text[got] = '\0';
                (void) close(fd);
        }
        (void) closedir(dir);
        return n;
}

static pid_t started_pid(Rig *rig)
{
        char text[2048] = "";
        int pid = 0;

        (void) read_starts(rig, text, sizeof(text));
        assert_int_equal(sscanf(text, "pid %d", &pid), 1);
        return pid;
}

/* Ends every service of the test, and waits for that: their sockets refuse connections then. */
static int teardown(void **state)
{
        Rig *rig = *state;
        DIR *dir = opendir(rig->dir);
        struct dirent *entry;

        while ((entry = readdir(dir))) {
                const char *pid = strstr(entry->d_name, ".started.");

                if (pid)
                        (void) kill(atoi(pid + strlen(".started.")), SIGKILL);
        }
        (void) closedir(dir);
        return rig_teardown(state);
}

static void connects(void)
{
        bits_client *c;
        GUID id;

        assert_hr(bits_connect(NULL, &c), S_OK);
        assert_hr(bits_job_create(c, "a", BG_JOB_TYPE_DOWNLOAD, &id), S_OK);
        bits_disconnect(c);
}

/* ---- what is started ---- */

static void the_service_is_started_and_serves(void **state)
{
        Rig *rig = *state;
        char text[2048];

        connects();
        connects();
        assert_int_equal(read_starts(rig, text, sizeof(text)), 1);
}

static void it_inherits_nothing_it_should_not_have(void **state)
{
        Rig *rig = *state;
        struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
        int fd = open("/dev/zero", O_RDONLY); /* without close-on-exec */
        sigset_t set, old;
        char text[2048];

        assert_true(fd >= 0);
        (void) setenv("NOTIFY_SOCKET", "/run/notify", 1);
        (void) setenv("LISTEN_FDS", "1", 1);
        (void) setenv("KEPT_VARIABLE", "yes", 1);
        (void) sigaction(SIGUSR1, &ignore, &before);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGUSR2);
        (void) sigprocmask(SIG_BLOCK, &set, &old);
        connects();
        (void) sigprocmask(SIG_SETMASK, &old, NULL);
        (void) sigaction(SIGUSR1, &before, NULL);
        (void) unsetenv("NOTIFY_SOCKET");
        (void) unsetenv("LISTEN_FDS");
        (void) close(fd);

        assert_int_equal(read_starts(rig, text, sizeof(text)), 1);
        assert_non_null(strstr(text, "session of its own 1\n"));
        assert_non_null(strstr(text, "standard streams on null 1\n"));
        assert_non_null(strstr(text, "other descriptors 0\n"));
        assert_non_null(strstr(text, "odd signals 0\n"));
        assert_non_null(strstr(text, "directory /\n"));
        assert_non_null(strstr(text, "notify socket unset\n"));
        assert_non_null(strstr(text, "listen fds unset\n"));
        assert_non_null(strstr(text, "kept yes\n"));
        assert_non_null(strstr(text, " --user --if-needed --socket "));
}

static void a_program_without_standard_streams_can_start_it(void **state)
{
        Rig *rig = *state;
        char text[2048];
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                bits_client *c;

                for (int fd = 0; fd < 3; fd++)
                        (void) close(fd);
                _exit(bits_connect(NULL, &c) == S_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(read_starts(rig, text, sizeof(text)), 1);
        assert_non_null(strstr(text, "standard streams on null 1\n"));
        assert_non_null(strstr(text, "other descriptors 0\n"));
}

/* ---- children ---- */

static volatile sig_atomic_t children_seen;

static void on_child(int sig)
{
        children_seen++;
}

/* The program sees no child and no zombie, whatever it does with SIGCHLD. */
static void check_children(void **state, void (*handler)(int))
{
        struct sigaction action = {.sa_handler = handler}, before;

        children_seen = 0;
        /* Orphans of our process come to us, and would show. */
        assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
        (void) sigaction(SIGCHLD, &action, &before);
        connects();
        (void) sigaction(SIGCHLD, &before, NULL);
        assert_int_equal(children_seen, 0);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
        assert_int_equal(errno, ECHILD);
}

static void no_child_is_left_with_the_default_handling(void **state)
{
        check_children(state, SIG_DFL);
}

static void no_child_is_left_when_sigchld_is_ignored(void **state)
{
        check_children(state, SIG_IGN);
}

static void no_child_is_left_when_sigchld_is_handled(void **state)
{
        check_children(state, on_child);
}

static void on_alarm(int sig)
{
}

static void signals_do_not_disturb_starting(void **state)
{
        struct sigaction action = {.sa_handler = on_alarm}, before;
        struct itimerspec often = {{0, 500000}, {0, 500000}};
        timer_t timer;

        (void) setenv("FAKE_BITSD", "slow", 1);
        (void) sigaction(SIGALRM, &action, &before);
        assert_int_equal(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
        assert_int_equal(timer_settime(timer, 0, &often, NULL), 0);
        connects();
        (void) timer_delete(timer);
        (void) sigaction(SIGALRM, &before, NULL);
}

/* ---- several at once ---- */

enum { PROCESSES = 12, THREADS = 6 };

static void programs_that_start_it_at_once_get_one_service(void **state)
{
        Rig *rig = *state;
        pid_t pids[PROCESSES];
        char text[2048];
        int status;

        (void) setenv("FAKE_BITSD", "slow", 1);
        for (size_t i = 0; i < PROCESSES; i++) {
                pids[i] = fork();
                assert_true(pids[i] >= 0);
                if (pids[i] == 0) {
                        bits_client *c;
                        GUID id;

                        _exit(bits_connect(NULL, &c) == S_OK &&
                                              bits_job_create(c, "a", BG_JOB_TYPE_DOWNLOAD, &id) ==
                                                      S_OK
                                      ? 0
                                      : 1);
                }
        }
        for (size_t i = 0; i < PROCESSES; i++) {
                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_int_equal(status, 0);
        }
        /* Several were started; one of them has all the jobs. */
        assert_in_range(read_starts(rig, text, sizeof(text)), 1, PROCESSES);
        {
                bits_job_list *jobs;
                bits_client *c;

                assert_hr(bits_connect(NULL, &c), S_OK);
                assert_hr(bits_jobs_list(c, 0, &jobs), S_OK);
                assert_int_equal(jobs->count, PROCESSES);
                bits_job_list_free(jobs);
                bits_disconnect(c);
        }
}

static void *connect_in_thread(void *arg)
{
        bits_client *c;
        HRESULT hr = bits_connect(NULL, &c);

        if (SUCCEEDED(hr))
                bits_disconnect(c);
        return SUCCEEDED(hr) ? NULL : (void *) "failed";
}

static void threads_that_start_it_at_once_get_one_service(void **state)
{
        pthread_t threads[THREADS];
        void *result;

        for (size_t i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, connect_in_thread, NULL), 0);
        for (size_t i = 0; i < THREADS; i++) {
                (void) pthread_join(threads[i], &result);
                assert_null(result);
        }
}

/* ---- when it does not work ---- */

static void a_service_that_cannot_start_is_told_at_once(void **state)
{
        bits_client *c;
        uint64_t began = rig_now_ms();

        (void) setenv("FAKE_BITSD", "fail", 1);
        assert_hr(bits_connect(NULL, &c), UNAVAILABLE);
        assert_non_null(strstr(bits_last_message(), "exit status 7"));
        (void) setenv("FAKE_BITSD", "crash", 1);
        assert_hr(bits_connect(NULL, &c), UNAVAILABLE);
        (void) setenv("BITSD_PATH", "/nonexistent/bitsd", 1);
        assert_hr(bits_connect(NULL, &c), UNAVAILABLE);
        assert_non_null(strstr(bits_last_message(), "BITSD_PATH"));
        (void) setenv("BITSD_PATH", "/dev/null", 1);
        assert_hr(bits_connect(NULL, &c), UNAVAILABLE);
        assert_in_range(rig_now_ms() - began, 0, 9000); /* and not when its time is over */
}

static void what_the_service_says_is_told(void **state)
{
        bits_client *c;

        (void) setenv("FAKE_BITSD", "explain", 1);
        assert_hr(bits_connect(NULL, &c), UNAVAILABLE);
        assert_non_null(strstr(bits_last_message(), "could not start: the disk is full"));
        assert_null(strchr(bits_last_message(), '\n'));
        assert_null(strstr(bits_last_message(), "more"));
        (void) setenv("FAKE_BITSD", "mark", 1);
        assert_hr(bits_connect(NULL, &c), UNAVAILABLE);
        assert_non_null(strstr(bits_last_message(), "exit status 7"));
        (void) setenv("FAKE_BITSD", "chatter", 1);
        assert_hr(bits_connect(NULL, &c), UNAVAILABLE);
        assert_non_null(strstr(bits_last_message(), "could not start: xxxx"));
}

static void *connect_in_vain(void *arg)
{
        bits_client *c;

        return bits_connect(NULL, &c) == UNAVAILABLE ? NULL : (void *) "not unavailable";
}

static void a_service_that_never_gets_ready_is_given_up(void **state)
{
        static const char *const modes[] = {"hang", "leave"};
        pthread_t threads[ARRAY_LEN(modes)];
        uint64_t began = rig_now_ms();
        void *result;

        for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
                (void) setenv("FAKE_BITSD", modes[i], 1);
                assert_int_equal(pthread_create(&threads[i], NULL, connect_in_vain, NULL), 0);
                (void) poll(NULL, 0, 300); /* it reads the environment when it starts */
        }
        for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
                (void) pthread_join(threads[i], &result);
                assert_null(result);
        }
        assert_in_range(rig_now_ms() - began, 9000, 20000);
}

static void starting_can_be_forbidden(void **state)
{
        Rig *rig = *state;
        bits_options options = {.no_autostart = 1};
        bits_client *c;
        char text[2048];

        assert_hr(bits_connect(&options, &c), HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED));
        (void) setenv("BITSD_AUTOSTART", "0", 1);
        assert_hr(bits_connect(NULL, &c), HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED));
        (void) setenv("BITSD_AUTOSTART", "no", 1);
        assert_hr(bits_connect(NULL, &c), HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED));
        assert_int_equal(read_starts(rig, text, sizeof(text)), 0);
}

/* ---- again ---- */

/* SIGKILL, and waits until the socket is refused. */
static void kill_service(Rig *rig)
{
        bits_options off = {.no_autostart = 1};
        bits_client *c;
        char path[256];
        pid_t pid = started_pid(rig);

        assert_int_equal(kill(pid, SIGKILL), 0);
        (void) snprintf(path, sizeof(path), "%s.started.%d", rig->socket, (int) pid);
        (void) unlink(path);
        while (bits_connect(&off, &c) == S_OK)
                bits_disconnect(c);
}

static void a_killed_service_is_started_again_by_the_next_call(void **state)
{
        Rig *rig = *state;
        bits_client *c;
        GUID id;

        assert_hr(bits_connect(NULL, &c), S_OK);
        for (unsigned i = 0; i < 3; i++) {
                kill_service(rig);
                assert_hr(bits_job_create(c, "a", BG_JOB_TYPE_DOWNLOAD, &id), S_OK);
        }
        bits_disconnect(c);
}

static void a_killed_service_is_started_again_for_events(void **state)
{
        Rig *rig = *state;
        bits_events *events;
        bits_event *event;
        uint64_t began;

        assert_hr(bits_events_open(NULL, NULL, &events), S_OK);
        kill_service(rig);
        assert_hr(bits_events_next(events, 20000, &event), S_OK);
        assert_int_equal(event->kind, BITS_EVENT_LOST);
        bits_event_free(event);
        /* Without waiting: a call with timeout 0 comes back at once, also when it starts. */
        for (;;) {
                struct pollfd p = {.fd = bits_events_fd(events), .events = POLLIN};
                HRESULT hr;

                assert_int_equal(poll(&p, 1, 20000), 1);
                began = rig_now_ms();
                hr = bits_events_next(events, 0, &event);
                assert_in_range(rig_now_ms() - began, 0, 5000);
                if (hr == S_OK)
                        break;
        }
        assert_int_equal(event->kind, BITS_EVENT_RECONNECTED);
        bits_event_free(event);
        bits_events_close(events);
}

static void creating_a_manager_starts_it(void **state)
{
        IBackgroundCopyManager *manager;

        assert_hr(CoInitializeEx(NULL, COINIT_APARTMENTTHREADED), S_OK);
        assert_hr(CoCreateInstance(&CLSID_BackgroundCopyManager5_0, NULL, CLSCTX_LOCAL_SERVER,
                                   &IID_IBackgroundCopyManager, (void **) &manager),
                  S_OK);
        (void) IBackgroundCopyManager_Release(manager);
        CoUninitialize();
}

static void nothing_is_leaked(void **state)
{
        unsigned before = rig_count_fds();

        connects();
        assert_int_equal(rig_count_fds(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                TEST(the_service_is_started_and_serves),
                TEST(it_inherits_nothing_it_should_not_have),
                TEST(a_program_without_standard_streams_can_start_it),
                TEST(no_child_is_left_with_the_default_handling),
                TEST(no_child_is_left_when_sigchld_is_ignored),
                TEST(no_child_is_left_when_sigchld_is_handled),
                TEST(signals_do_not_disturb_starting),
                TEST(programs_that_start_it_at_once_get_one_service),
                TEST(threads_that_start_it_at_once_get_one_service),
                TEST(a_service_that_cannot_start_is_told_at_once),
                TEST(what_the_service_says_is_told),
                TEST(a_service_that_never_gets_ready_is_given_up),
                TEST(starting_can_be_forbidden),
                TEST(a_killed_service_is_started_again_by_the_next_call),
                TEST(a_killed_service_is_started_again_for_events),
                TEST(creating_a_manager_starts_it),
                TEST(nothing_is_leaked),
        };

        if (argc < 2) {
                fprintf(stderr, "usage: %s PROGRAM [TEST]\n", argv[0]);
                return 2;
        }
        program = argv[1];
        if (argc > 2)
                cmocka_set_test_filter(argv[2]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
