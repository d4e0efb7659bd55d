/* SPDX-License-Identifier: Apache-2.0 */
/* Standard error is a temporary file during each test; the journal is a wrapped function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"

typedef struct Capture {
        int saved_fd;
        int file_fd;
        char entry[8192]; /* fields of the last journal entry, one a line */
        int entries;
        int journal_result;
        int journal_access;
        char text[16384];
} Capture;

static Capture capture;

int __wrap_sd_journal_sendv(const struct iovec *iov, int n);
int __wrap_access(const char *path, int mode);

int __wrap_sd_journal_sendv(const struct iovec *iov, int n)
{
        size_t len = 0;

        capture.entries++;
        for (int i = 0; i < n; i++) {
                assert_true(len + iov[i].iov_len + 2 < sizeof(capture.entry));
                memcpy(capture.entry + len, iov[i].iov_base, iov[i].iov_len);
                len += iov[i].iov_len;
                capture.entry[len++] = '\n';
        }
        capture.entry[len] = '\0';
        return capture.journal_result;
}

int __wrap_access(const char *path, int mode)
{
        assert_string_equal(path, "/run/systemd/journal/socket");
        return capture.journal_access;
}

static int begin_capture(void **state)
{
        char path[] = "/tmp/test-base-log-XXXXXX";

        memset(&capture, 0, sizeof(capture));
        capture.file_fd = mkstemp(path);
        capture.saved_fd = dup(STDERR_FILENO);
        if (capture.file_fd < 0 || capture.saved_fd < 0 || unlink(path) < 0 ||
            dup2(capture.file_fd, STDERR_FILENO) < 0)
                return -1;
        return unsetenv("INVOCATION_ID") | unsetenv("JOURNAL_STREAM");
}

static int end_capture(void **state)
{
        (void) dup2(capture.saved_fd, STDERR_FILENO);
        (void) close(capture.saved_fd);
        (void) close(capture.file_fd);
        return 0;
}

static const char *written(void)
{
        ssize_t n = pread(capture.file_fd, capture.text, sizeof(capture.text) - 1, 0);

        assert_true(n >= 0);
        capture.text[n] = '\0';
        return capture.text;
}

static void stand_on_the_journal(void)
{
        struct stat st;
        char text[64];

        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        (void) snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t) st.st_dev,
                        (uintmax_t) st.st_ino);
        assert_int_equal(setenv("JOURNAL_STREAM", text, 1), 0);
}

static void plain_stderr_gets_one_line(void **state)
{
        log_setup("bitsd", LOG_INFO);
        log_info("job %d is %s", 7, "queued");
        log_error("bad");
        assert_string_equal(written(), "bitsd: job 7 is queued\nbitsd: bad\n");
        assert_int_equal(capture.entries, 0);
}

static void less_important_levels_are_left_out(void **state)
{
        log_setup("bitsd", LOG_WARNING);
        log_info("no");
        log_debug("no");
        log_warning("yes");
        log_setup("bitsd", LOG_DEBUG);
        log_debug("yes too");
        assert_string_equal(written(), "bitsd: yes\nbitsd: yes too\n");
}

static void services_mark_the_priority(void **state)
{
        assert_int_equal(setenv("INVOCATION_ID", "0123", 1), 0);
        log_setup("bitssrv", LOG_DEBUG);
        log_error("a");
        log_debug("b");
        assert_string_equal(written(), "<3>bitssrv: a\n<7>bitssrv: b\n");
}

static void foreign_journal_stream_is_not_the_journal(void **state)
{
        assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
        log_setup("bitsd", LOG_INFO);
        log_info("x");
        assert_string_equal(written(), "<6>bitsd: x\n");
        assert_int_equal(capture.entries, 0);
}

static void journal_out_of_reach_leaves_the_stream(void **state)
{
        stand_on_the_journal();
        capture.journal_access = -1;
        log_setup("bitsd", LOG_INFO);
        log_info("x");
        assert_string_equal(written(), "<6>bitsd: x\n");
        assert_int_equal(capture.entries, 0);
}

static void journal_gets_fields(void **state)
{
        static const GUID job = {0x00112233, 0x4455, 0x6677, {0x88, 1, 2, 3, 4, 5, 6, 7}};
        HRESULT hr = (HRESULT) 0x80070005;
        LogFields fields = {
                .job = &job, .hresult = &hr, .url_host = "exa\nmple.org", .owner_uid = 1000};
        LogFields none = {.owner_uid = -1};

        stand_on_the_journal();
        log_setup("bitsd", LOG_INFO);
        log_line(LOG_NOTICE, &fields, "access denied");
        assert_string_equal(capture.entry, "MESSAGE=access denied\n"
                                           "PRIORITY=5\n"
                                           "SYSLOG_IDENTIFIER=bitsd\n"
                                           "BITS_JOB=00112233-4455-6677-8801-020304050607\n"
                                           "BITS_OWNER=1000\n"
                                           "BITS_HRESULT=0x80070005\n"
                                           "BITS_URL_HOST=exa\\x0ample.org\n");
        log_line(LOG_ERR, &none, "bare");
        assert_string_equal(capture.entry, "MESSAGE=bare\nPRIORITY=3\nSYSLOG_IDENTIFIER=bitsd\n");
        log_info("no fields");
        assert_string_equal(capture.entry,
                            "MESSAGE=no fields\nPRIORITY=6\nSYSLOG_IDENTIFIER=bitsd\n");
        assert_string_equal(written(), "");
}

static void refused_journal_entries_go_to_stderr(void **state)
{
        stand_on_the_journal();
        capture.journal_result = -EPIPE;
        log_setup("bitsd", LOG_INFO);
        log_info("kept");
        assert_int_equal(capture.entries, 1);
        assert_string_equal(written(), "<6>bitsd: kept\n");
}

static void strangers_cannot_forge_lines(void **state)
{
        log_setup("bitsd", LOG_INFO);
        log_info("name: %s", "a\nbitsd: forged\x1b[2J\u202e");
        assert_string_equal(written(), "bitsd: name: a\\x0abitsd: forged\\x1b[2J\\xe2\\x80\\xae\n");
}

static void long_messages_are_cut_and_stay_one_line(void **state)
{
        char big[10000];
        const char *text;

        memset(big, '\n', sizeof(big) - 1);
        big[sizeof(big) - 1] = '\0';
        log_setup("bitsd", LOG_INFO);
        log_info("%s", big);
        memset(big, 'x', sizeof(big) - 1);
        log_info("%s", big);
        text = written();
        assert_ptr_equal(strchr(strchr(text, '\n') + 1, '\n') + 1, text + strlen(text));
        assert_in_range(strlen(text), 4000, 8000);
}

static void errno_is_printed_and_kept(void **state)
{
        log_setup("bitsd", LOG_INFO);
        (void) close(STDERR_FILENO);
        errno = ENOENT;
        log_info("lost");
        assert_int_equal(errno, ENOENT);
        assert_int_equal(dup2(capture.file_fd, STDERR_FILENO), STDERR_FILENO);
        errno = ENOENT;
        log_info("open: %s", strerror(errno));
        assert_int_equal(errno, ENOENT);
        assert_string_equal(written(), "bitsd: open: No such file or directory\n");
}

static void a_full_pipe_does_not_stop_the_service(void **state)
{
        int fds[2];

        assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
        assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
        log_setup("bitsd", LOG_INFO);
        for (int i = 0; i < 10000; i++)
                log_info("line %d of many that nobody reads", i);
        (void) close(fds[0]);
        (void) close(fds[1]);
}

static void the_last_error_is_kept_while_that_is_wanted(void **state)
{
        char kept[24] = "";

        log_setup("bitsd", LOG_INFO);
        log_keep_error(kept, sizeof(kept));
        log_error("first");
        log_warning("no error");
        assert_string_equal(kept, "first");
        log_error("second, \033 and more than there is room for");
        assert_string_equal(kept, "second, \\x1b and more t");
        log_keep_error(NULL, 0);
        log_error("third");
        assert_string_equal(kept, "second, \\x1b and more t");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_capture, end_capture)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(plain_stderr_gets_one_line),
                TEST(less_important_levels_are_left_out),
                TEST(services_mark_the_priority),
                TEST(foreign_journal_stream_is_not_the_journal),
                TEST(journal_out_of_reach_leaves_the_stream),
                TEST(journal_gets_fields),
                TEST(refused_journal_entries_go_to_stderr),
                TEST(strangers_cannot_forge_lines),
                TEST(long_messages_are_cut_and_stay_one_line),
                TEST(errno_is_printed_and_kept),
                TEST(a_full_pipe_does_not_stop_the_service),
                TEST(the_last_error_is_kept_while_that_is_wanted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
