/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#include "failing.h"

#define BIG_BYTES ((size_t) 4 << 20)

static atomic_int interruptions;

typedef struct Drain {
        int fd;
        int after; /* interruptions to wait for, with the pipe full, before the first read */
        size_t bytes;
        uint64_t sum;
} Drain;

/* Reads in small bites until the end. */
static void *drain(void *arg)
{
        Drain *d = arg;
        uint8_t bite[1000];
        ssize_t n;

        while (atomic_load(&interruptions) < d->after)
                (void) sched_yield();
        while ((n = read(d->fd, bite, sizeof(bite))) != 0) {
                if (n < 0)
                        break;
                for (ssize_t i = 0; i < n; i++)
                        d->sum = d->sum * 31 + bite[i];
                d->bytes += (size_t) n;
        }
        return NULL;
}

static void write_through_pipe(bool nonblocking, int interrupted)
{
        _cleanup_free_ uint8_t *data = mem_alloc(BIG_BYTES);
        Drain d = {0};
        sigset_t alarm_only;
        uint64_t sum = 0;
        pthread_t thread;
        int fds[2];

        for (size_t i = 0; i < BIG_BYTES; i++) {
                data[i] = (uint8_t) (i * 7 + i / 251);
                sum = sum * 31 + data[i];
        }
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) > 0);
        if (nonblocking)
                assert_int_equal(fd_set_nonblock(fds[1]), 0);
        d.fd = fds[0];
        d.after = interrupted > 0 ? atomic_load(&interruptions) + interrupted : 0;
        (void) sigemptyset(&alarm_only);
        (void) sigaddset(&alarm_only, SIGALRM); /* the writer gets it, not the reader */
        assert_int_equal(pthread_sigmask(SIG_BLOCK, &alarm_only, NULL), 0);
        assert_int_equal(pthread_create(&thread, NULL, drain, &d), 0);
        assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL), 0);
        assert_int_equal(fd_write_all(fds[1], data, BIG_BYTES), 0);
        assert_int_equal(close(fds[1]), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(close(fds[0]), 0);
        assert_int_equal(d.bytes, BIG_BYTES);
        assert_true(d.sum == sum);
}

static void everything_goes_through_a_small_pipe(void **state)
{
        write_through_pipe(false, 0);
        write_through_pipe(true, 0);
}

static void count_interruption(int signal_number)
{
        atomic_fetch_add(&interruptions, 1);
}

static void signals_do_not_cut_a_write(void **state)
{
        struct sigaction action = {
                .sa_handler = count_interruption}; /* no SA_RESTART: writes see EINTR */
        struct itimerval often = {{0, 200}, {0, 200}}, off = {0};

        assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
        write_through_pipe(false, 10);
        write_through_pipe(true, 10);
        assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
}

static void failed_writes_say_why(void **state)
{
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(fd_write_all(fds[0], "x", 1), -EBADF);
        assert_int_equal(fd_write_all(fds[1], NULL, 0), 0);
        assert_int_equal(close(fds[0]), 0);
        assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        assert_int_equal(fd_write_all(fds[1], "x", 1), -EPIPE);
        assert_int_equal(fd_pwrite_all(fds[1], "x", 1, 0), -ESPIPE);
        assert_int_equal(close(fds[1]), 0);
        assert_int_equal(fd_set_nonblock(fds[1]), -EBADF);
}

static void full_devices_are_an_error(void **state)
{
        _cleanup_close_ int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, "x", 1), -ENOSPC);
}

static int setup_dir(void **state)
{
        char path[] = "/tmp/test-base-fd-XXXXXX";

        if (!mkdtemp(path) || chdir(path) < 0)
                return -1;
        *state = mem_strdup(path);
        return *state ? 0 : -1;
}

static int teardown_dir(void **state)
{
        int r = unlink("file") < 0 && errno != ENOENT;

        r |= chdir("/") | rmdir(*state);
        mem_free(*state);
        return r;
}

static void write_file(const char *bytes, size_t n)
{
        _cleanup_close_ int fd = open("file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, bytes, n), 0);
}

static void positioned_writes_leave_the_rest(void **state)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -1;
        struct stat st;

        write_file("0123456789", 10);
        fd = open("file", O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(fd_pwrite_all(fd, "abc", 3, 4), 0);
        assert_int_equal(fd_read_file("file", 100, &text), 0);
        assert_string_equal(text, "0123abc789");
        assert_int_equal(fd_pwrite_all(fd, "x", 1, ((uint64_t) 5 << 30) - 1), 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_true(st.st_size == (off_t) 5 << 30);
        assert_int_equal(fd_pwrite_all(fd, "x", 1, INT64_MAX), -EFBIG);
        assert_int_equal(fd_pwrite_all(fd, "x", 1, UINT64_MAX), -EFBIG);
        assert_int_equal(fd_pwrite_all(fd, NULL, 0, 0), 0);
}

/* The limit makes the first write a short one. */
static void short_writes_go_on_where_they_ended(void **state)
{
        _cleanup_close_ int fd = -1;
        struct rlimit old, five;

        write_file("", 0);
        fd = open("file", O_RDWR | O_CLOEXEC);
        assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        five = (struct rlimit){.rlim_cur = 5, .rlim_max = old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &five), 0);
        assert_int_equal(fd_pwrite_all(fd, "0123456789", 10, 0), -EFBIG);
        assert_int_equal(fd_write_all(fd, "0123456789", 10), -EFBIG);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
}

static void files_up_to_the_maximum_are_read(void **state)
{
        static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 10000};

        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                _cleanup_free_ char *data = mem_alloc(sizes[i]), *text = NULL;
                char *untouched = data;

                memset(data, 'a' + (int) i, sizes[i]);
                write_file(data, sizes[i]);
                assert_int_equal(fd_read_file("file", sizes[i], &text), 0);
                assert_int_equal(strlen(text), sizes[i]);
                assert_memory_equal(text, data, sizes[i]);
                if (sizes[i] > 0)
                        assert_int_equal(fd_read_file("file", sizes[i] - 1, &untouched), -EFBIG);
                assert_ptr_equal(untouched, data);
        }
}

static void what_is_no_text_file_is_refused(void **state)
{
        char *text = NULL;

        assert_int_equal(fd_read_file("missing", 100, &text), -ENOENT);
        assert_int_equal(fd_read_file("/", 100, &text), -EISDIR);
        write_file("ab\0cd", 5);
        assert_int_equal(fd_read_file("file", 100, &text), -EBADMSG);
        assert_int_equal(fd_read_file("/dev/zero", 100, &text), -EFBIG);
        assert_null(text);
}

static void files_without_a_size_are_read(void **state)
{
        _cleanup_free_ char *text = NULL;

        assert_int_equal(fd_read_file("/proc/self/status", SIZE_MAX, &text), 0);
        assert_non_null(strstr(text, "Name:"));
}

static int read_big(void)
{
        _cleanup_free_ char *text = NULL;

        return fd_read_file("file", 100000, &text);
}

static void reading_survives_exhausted_memory(void **state)
{
        char data[20000];

        memset(data, 'x', sizeof(data));
        write_file(data, sizeof(data));
        assert_true(each_allocation_fails(read_big) >= 3);
}

static void randomness_fills_all(void **state)
{
        uint8_t a[5000] = {0}, b[5000] = {0};
        size_t zeros = 0;

        assert_int_equal(fd_random(a, sizeof(a)), 0);
        assert_int_equal(fd_random(b, sizeof(b)), 0);
        assert_int_equal(fd_random(NULL, 0), 0);
        assert_memory_not_equal(a, b, sizeof(a));
        for (size_t i = 0; i < sizeof(a); i++)
                zeros += a[i] == 0;
        assert_true(zeros < 200);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, setup_dir, teardown_dir)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_goes_through_a_small_pipe),
                cmocka_unit_test(signals_do_not_cut_a_write),
                cmocka_unit_test(failed_writes_say_why),
                cmocka_unit_test(full_devices_are_an_error),
                IN_DIR(positioned_writes_leave_the_rest),
                IN_DIR(short_writes_go_on_where_they_ended),
                IN_DIR(files_up_to_the_maximum_are_read),
                IN_DIR(what_is_no_text_file_is_refused),
                cmocka_unit_test(files_without_a_size_are_read),
                IN_DIR(reading_survives_exhausted_memory),
                cmocka_unit_test(randomness_fills_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
