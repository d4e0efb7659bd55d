/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/guid.h"
#include "base/log.h"
#include "daemon/log_file.h"

#include "own_dir.h"

enum {
        BYTES_MAX = 4000,
};

static void read_log(const char *dir, const char *name, char **ret)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", dir, name);

        assert_int_equal(fd_read_file(path, 1 << 20, ret), 0);
}

static LogFile *open_log(const char *dir)
{
        LogFile *f = NULL;

        assert_int_equal(log_file_open(dir, BYTES_MAX, &f), 0);
        return f;
}

static void lines_say_when_who_and_about_what(void **state)
{
        _cleanup_(log_file_freep) LogFile *f = open_log(*state);
        _cleanup_free_ char *text = NULL;
        int year, pid, level, used = 0;
        char job[64];
        GUID id;

        assert_int_equal(guid_parse("8be01d77-3a90-4d2e-9a6d-0d5be3a1c202", &id), 0);
        log_line(LOG_WARNING, &(LogFields){.job = &id, .owner_uid = -1}, "two\nlines");
        log_info("no job");
        read_log(*state, "log", &text);
        assert_int_equal(sscanf(text, "%4d-%*2d-%*2dT%*2d:%*2d:%*2dZ %d %d %63s %n", &year, &pid,
                                &level, job, &used),
                         4);
        assert_in_range(year, 2020, 9999);
        assert_int_equal(pid, getpid());
        assert_int_equal(level, LOG_WARNING);
        assert_string_equal(job, "8be01d77-3a90-4d2e-9a6d-0d5be3a1c202");
        assert_true(strncmp(text + used, "two\\x0alines\n", 13) == 0);
        assert_non_null(strstr(text, " 6 - no job\n"));
}

static void it_is_for_its_owner_alone(void **state)
{
        mode_t before = umask(0);
        _cleanup_(log_file_freep) LogFile *f = open_log(*state);
        _cleanup_free_ char *path = mem_printf("%s/log", (char *) *state);
        struct stat st;

        (void) umask(before);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void it_goes_on_where_it_was(void **state)
{
        _cleanup_free_ char *text = NULL;
        LogFile *f = open_log(*state);

        log_info("one");
        f = log_file_free(f);
        f = open_log(*state);
        log_info("two");
        f = log_file_free(f);
        log_info("this one goes to standard error");
        read_log(*state, "log", &text);
        assert_non_null(strstr(text, " one\n"));
        assert_non_null(strstr(text, " two\n"));
        assert_null(strstr(text, "standard error"));
}

/* No line is lost at the turn, and there are never more than two files' worth. */
static void it_turns_over(void **state)
{
        _cleanup_(log_file_freep) LogFile *f = open_log(*state);
        _cleanup_free_ char *text = NULL, *old = NULL;
        unsigned first, last;

        for (unsigned i = 0; i < 1000; i++)
                log_info("line %u", i);
        read_log(*state, "log", &text);
        read_log(*state, "log.1", &old);
        assert_in_range(strlen(text), 1, BYTES_MAX);
        assert_in_range(strlen(old), BYTES_MAX - 100, BYTES_MAX);
        assert_int_equal(sscanf(strrchr(old, ' '), " %u", &last), 1);
        assert_int_equal(sscanf(strstr(text, "line"), "line %u", &first), 1);
        assert_int_equal(first, last + 1);
        assert_non_null(strstr(text, "line 999\n"));
}

static void what_is_no_file_is_no_log(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/log", (char *) *state);
        LogFile *f = NULL;

        assert_int_equal(symlink("/tmp/elsewhere", path), 0);
        assert_int_equal(log_file_open(*state, BYTES_MAX, &f), -ELOOP);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_true(log_file_open(*state, BYTES_MAX, &f) < 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_true(log_file_open(*state, BYTES_MAX, &f) < 0);
        assert_int_equal(log_file_open("/nonexistent", BYTES_MAX, &f), -ENOENT);
        assert_null(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                own_dir_test(lines_say_when_who_and_about_what),
                own_dir_test(it_is_for_its_owner_alone),
                own_dir_test(it_goes_on_where_it_was),
                own_dir_test(it_turns_over),
                own_dir_test(what_is_no_file_is_no_log),
        };

        log_setup("bitsd", LOG_INFO);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
