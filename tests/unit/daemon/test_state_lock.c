/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/state_lock.h"

#include "own_dir.h"

#define SHORT_USEC (30 * USEC_PER_MSEC)
#define LONG_USEC (30 * USEC_PER_SEC)

static void take_both(StateLock *l, const char *dir)
{
        LiveBroker live;

        assert_int_equal(state_lock_try_broker(l, dir, &live), 1);
        assert_int_equal(state_lock_wait_workers(l, dir, SHORT_USEC), 1);
}

static void only_one_lives_and_says_who_and_where(void **state)
{
        StateLock first = STATE_LOCK_INIT, second = STATE_LOCK_INIT;
        LiveBroker live;

        take_both(&first, *state);
        assert_int_equal(state_lock_announce(&first, "/some/socket"), 0);
        assert_int_equal(state_lock_try_broker(&second, *state, &live), 0);
        assert_int_equal(second.broker_fd, -1);
        assert_int_equal(live.pid, getpid());
        assert_string_equal(live.socket, "/some/socket");
        live_broker_done(&live);
        state_lock_done(&first);
        take_both(&second, *state);
        state_lock_done(&second);
}

static void one_that_does_not_listen_yet_says_nothing(void **state)
{
        StateLock first = STATE_LOCK_INIT, second = STATE_LOCK_INIT;
        LiveBroker live;

        take_both(&first, *state);
        assert_int_equal(state_lock_announce(&first, "/old"), 0);
        state_lock_done(&first);
        take_both(&first, *state);
        assert_int_equal(state_lock_try_broker(&second, *state, &live), 0);
        assert_int_equal(live.pid, 0);
        assert_null(live.socket);
        state_lock_done(&first);
}

static void a_new_announcement_replaces_a_longer_one(void **state)
{
        StateLock first = STATE_LOCK_INIT, second = STATE_LOCK_INIT;
        LiveBroker live;

        take_both(&first, *state);
        assert_int_equal(state_lock_announce(&first, "/a/rather/long/path/to/a/socket"), 0);
        assert_int_equal(state_lock_announce(&first, "/b"), 0);
        assert_int_equal(state_lock_try_broker(&second, *state, &live), 0);
        assert_string_equal(live.socket, "/b");
        live_broker_done(&live);
        state_lock_done(&first);
}

static void nonsense_in_the_file_says_nothing(void **state)
{
        static const char *const texts[] = {"\n",           "x",     "12", "12\n", "x\n\n",
                                            "\xff\xff\n\n", "-1\n\n"};
        StateLock first = STATE_LOCK_INIT, second = STATE_LOCK_INIT;
        LiveBroker live;

        take_both(&first, *state);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                assert_int_equal(ftruncate(first.broker_fd, 0), 0);
                assert_int_equal(fd_pwrite_all(first.broker_fd, texts[i], strlen(texts[i]), 0), 0);
                assert_int_equal(state_lock_try_broker(&second, *state, &live), 0);
                assert_null(live.socket);
                live_broker_done(&live);
        }
        state_lock_done(&first);
}

/* The worker's part: a process that has inherited the shared lock and nothing else. */
static pid_t fork_worker(StateLock *l)
{
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid > 0)
                return pid;
        (void) close(l->broker_fd);
        for (;;)
                pause();
}

static void workers_left_behind_are_waited_for(void **state)
{
        StateLock first = STATE_LOCK_INIT, second = STATE_LOCK_INIT;
        LiveBroker live;
        pid_t worker;

        take_both(&first, *state);
        worker = fork_worker(&first);
        state_lock_done(&first);
        /* The broker is dead as far as anybody can tell, but its worker is not. */
        while (state_lock_try_broker(&second, *state, &live) == 0)
                live_broker_done(&live); /* until the child has closed its copy */
        assert_int_equal(state_lock_wait_workers(&second, *state, SHORT_USEC), 0);
        assert_int_equal(second.shared_fd, -1);
        assert_int_equal(kill(worker, SIGKILL), 0);
        assert_int_equal(waitpid(worker, NULL, 0), worker);
        assert_int_equal(state_lock_wait_workers(&second, *state, LONG_USEC), 1);
        state_lock_done(&second);
}

static void who_leaves_makes_room_but_keeps_the_files(void **state)
{
        StateLock first = STATE_LOCK_INIT, second = STATE_LOCK_INIT;
        LiveBroker live;

        take_both(&first, *state);
        state_lock_leave(&first);
        assert_int_equal(first.broker_fd, -1);
        assert_int_equal(state_lock_try_broker(&second, *state, &live), 1);
        assert_int_equal(state_lock_wait_workers(&second, *state, SHORT_USEC), 0);
        state_lock_done(&first);
        assert_int_equal(state_lock_wait_workers(&second, *state, SHORT_USEC), 1);
        state_lock_done(&second);
}

static void locks_are_not_given_to_programs_by_accident(void **state)
{
        StateLock l = STATE_LOCK_INIT;
        struct stat st;

        take_both(&l, *state);
        assert_int_equal(fcntl(l.broker_fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(l.shared_fd, F_GETFD),
                         FD_CLOEXEC); /* the pool gives it on purpose */
        assert_int_equal(fstat(l.broker_fd, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        state_lock_done(&l);
        state_lock_done(&l); /* twice does no harm */
}

static void a_directory_that_cannot_be_used_is_an_error(void **state)
{
        StateLock l = STATE_LOCK_INIT;
        LiveBroker live;

        assert_int_equal(state_lock_try_broker(&l, "/nonexistent", &live), -ENOENT);
        assert_int_equal(state_lock_wait_workers(&l, "/nonexistent", SHORT_USEC), -ENOENT);
        assert_int_equal(l.broker_fd, -1);
}

static void a_link_in_place_of_a_lock_is_not_followed(void **state)
{
        _cleanup_free_ char *link = mem_printf("%s/broker.lock", (char *) *state);
        StateLock l = STATE_LOCK_INIT;
        LiveBroker live;

        assert_int_equal(symlink("/tmp/elsewhere", link), 0);
        assert_int_equal(state_lock_try_broker(&l, *state, &live), -ELOOP);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                own_dir_test(only_one_lives_and_says_who_and_where),
                own_dir_test(one_that_does_not_listen_yet_says_nothing),
                own_dir_test(a_new_announcement_replaces_a_longer_one),
                own_dir_test(nonsense_in_the_file_says_nothing),
                own_dir_test(workers_left_behind_are_waited_for),
                own_dir_test(who_leaves_makes_room_but_keeps_the_files),
                own_dir_test(locks_are_not_given_to_programs_by_accident),
                own_dir_test(a_directory_that_cannot_be_used_is_an_error),
                own_dir_test(a_link_in_place_of_a_lock_is_not_followed),
        };

        return cmocka_run_group_tests_name("state lock", tests, NULL, NULL);
}
