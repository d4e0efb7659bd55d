/* SPDX-License-Identifier: Apache-2.0 */
/* The log's lines, its file and the file's turn. */
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
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "cli/log_entry.h"
#include "cli/log_reader.h"
#include "fake_bits.h"
#include "run_cli.h"

#define JOB "8be01d77-3a90-4d2e-9a6d-0d5be3a1c202"

static void a_line_is_taken_apart(void **state)
{
        LogEntry e;

        assert_true(log_entry_parse("2026-11-22T08:12:40Z 4711 4 " JOB " error 503: retry", &e));
        assert_int_equal(e.wall_usec, UINT64_C(1795335160) * 1000000);
        assert_int_equal(e.pid, 4711);
        assert_int_equal(e.level, 4);
        assert_true(e.has_job);
        assert_string_equal(e.text, "error 503: retry");
        assert_true(log_entry_parse("2026-11-22T08:12:40Z 1 6 - x", &e));
        assert_false(e.has_job);
}

static void what_is_no_line_is_none(void **state)
{
        static const char *const bad[] = {
                "",
                "x",
                "2026-11-22T08:12:40Z",
                "2026-11-22T08:12:40Z 1 6",
                "2026-11-22T08:12:40 1 6 - x",
                "2026-13-22T08:12:40Z 1 6 - x",
                "2026-11-22T08:12:40Zz 1 6 - x",
                "2026-11-22T08:12:40Z a 6 - x",
                "2026-11-22T08:12:40Z 1 6 job x",
                "2026-11-22T08:12:40Z 1 6 " JOB JOB " x",
        };
        LogEntry e;

        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                if (log_entry_parse(bad[i], &e))
                        fail_msg("\"%s\" is a line", bad[i]);
}

static void fields_of_the_journal_are_added(void **state)
{
        LogEntry e = {0};

        log_entry_add_field(&e, "__REALTIME_TIMESTAMP=1795335160000001");
        log_entry_add_field(&e, "_PID=12");
        log_entry_add_field(&e, "PRIORITY=3");
        log_entry_add_field(&e, "BITS_JOB=" JOB);
        log_entry_add_field(&e, "MESSAGE=a=b");
        log_entry_add_field(&e, "BITS_JOB_NAME=x");
        log_entry_add_field(&e, "nonsense");
        assert_int_equal(e.wall_usec, UINT64_C(1795335160000001));
        assert_int_equal(e.pid, 12);
        assert_int_equal(e.level, 3);
        assert_true(e.has_job);
        assert_string_equal(e.text, "a=b");
        log_entry_add_field(&e, "BITS_JOB=nonsense");
        assert_false(e.has_job);
        log_entry_add_field(&e, "PRIORITY=-1");
        assert_int_equal(e.level, 0);
}

/* ---- files ---- */

static int make_dir(void **state)
{
        char *dir = mem_strdup("/tmp/bitsctl-test-XXXXXX");

        *state = mkdtemp(dir);
        return *state ? 0 : -1;
}

static void name_in(const char *dir, const char *name, char dst[64])
{
        (void) snprintf(dst, 64, "%s/%s", dir, name);
}

static int remove_dir(void **state)
{
        char path[64];

        name_in(*state, "log", path);
        (void) unlink(path);
        name_in(*state, "log.1", path);
        (void) unlink(path);
        assert_int_equal(rmdir(*state), 0);
        mem_free(*state);
        return 0;
}

static void append(const char *dir, const char *name, const char *text)
{
        _cleanup_close_ int fd = -1;
        char path[64];

        name_in(dir, name, path);
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void turn_over(const char *dir)
{
        char from[64], to[64];

        name_in(dir, "log", from);
        name_in(dir, "log.1", to);
        assert_int_equal(rename(from, to), 0);
}

static void without_a_log_there_is_none(void **state)
{
        LogReader *r = NULL;

        assert_int_equal(log_reader_open(*state, &r), -ENOENT);
        assert_int_equal(log_reader_open("/nonexistent", &r), -ENOENT);
}

static void both_files_are_read_in_their_order(void **state)
{
        _cleanup_(log_reader_freep) LogReader *r = NULL;

        append(*state, "log.1", "one\ntwo\n");
        append(*state, "log", "three\nfou");
        assert_int_equal(log_reader_open(*state, &r), 0);
        assert_string_equal(log_reader_next(r), "one");
        assert_string_equal(log_reader_next(r), "two");
        assert_string_equal(log_reader_next(r), "three");
        assert_null(log_reader_next(r));
        append(*state, "log", "r\n\nfive\n");
        assert_int_equal(log_reader_wait(r), 0);
        assert_string_equal(log_reader_next(r), "four");
        assert_string_equal(log_reader_next(r), "");
        assert_string_equal(log_reader_next(r), "five");
        assert_null(log_reader_next(r));
}

static void a_turn_loses_nothing(void **state)
{
        _cleanup_(log_reader_freep) LogReader *r = NULL;

        append(*state, "log", "one\n");
        assert_int_equal(log_reader_open(*state, &r), 0);
        assert_string_equal(log_reader_next(r), "one");
        assert_null(log_reader_next(r));
        append(*state, "log", "two\n");
        turn_over(*state);
        append(*state, "log", "three\n");
        assert_string_equal(log_reader_next(r), "two");
        assert_string_equal(log_reader_next(r), "three");
        turn_over(*state);
        assert_null(log_reader_next(r)); /* there is no file just now */
        append(*state, "log", "four\n");
        assert_string_equal(log_reader_next(r), "four");
        assert_null(log_reader_next(r));
}

static void an_endless_line_takes_no_endless_memory(void **state)
{
        _cleanup_(log_reader_freep) LogReader *r = NULL;
        enum { BYTES = 3 << 20 };
        _cleanup_free_ char *text = mem_zalloc(BYTES + 1);

        (void) memset(text, 'x', BYTES);
        append(*state, "log", text);
        append(*state, "log", "\nnext\n");
        assert_int_equal(log_reader_open(*state, &r), 0);
        assert_true(strlen(log_reader_next(r)) <= 1 << 20);
        assert_string_equal(log_reader_next(r), "next");
}

/* ---- the verb ---- */

#define LINE(pid, job, text) "2026-11-22T08:12:40Z " pid " 6 " job " " text "\n"

static int set_up_verb(void **state)
{
        int r = make_dir(state);

        fake_reset();
        fake_set_state_dir(*state);
        (void) fake_add_job("3f2a91c4", "job");
        return r;
}

static void expect(const char *line, const char *data)
{
        Ran ran = run_cli(line);

        assert_string_equal(ran.talk, "");
        assert_int_equal(ran.status, 0);
        assert_string_equal(ran.data, data);
        ran_done(&ran);
}

static void log_prints_what_was_asked_for(void **state)
{
        append(*state, "log.1", LINE("1", "-", "old") "broken line\n");
        append(*state, "log",
               LINE("4711", "3f2a91c4-7c1d-4f0e-9f5a-2f1b3a7d9c10",
                    "about \\x1b job") "2026-11-22T08:12:41Z 4711 3 " JOB
                                       " gone\n" LINE("4711", "-", "new"));
        expect("log", "2026-11-22 08:12:40  old\n"
                      "2026-11-22 08:12:40  about \\x1b job\n"
                      "2026-11-22 08:12:41  error: gone\n"
                      "2026-11-22 08:12:40  new\n");
        expect("log -n 2", "2026-11-22 08:12:41  error: gone\n2026-11-22 08:12:40  new\n");
        expect("log --lines=0", "");
        expect("log job", "2026-11-22 08:12:40  about \\x1b job\n");
        expect("log " JOB, "2026-11-22 08:12:41  error: gone\n");
        expect("log -j " JOB, "{\"v\":1,\"at\":\"2026-11-22T08:12:41Z\",\"level\":\"error\","
                              "\"pid\":4711,\"job\":\"" JOB "\",\"text\":\"gone\"}\n");
}

/* The last pid of the file is not the service's, but there is no journal to ask. */
static void an_old_file_is_better_than_nothing(void **state)
{
        _cleanup_free_ char *path = mem_strdup(getenv("PATH"));

        append(*state, "log", LINE("1", "-", "old"));
        (void) setenv("PATH", "/nonexistent", 1);
        expect("log", "2026-11-22 08:12:40  old\n");
        (void) setenv("PATH", path, 1);
}

/* A stand-in for journalctl that says what it was asked, and then what the journal holds. */
static void the_journal_is_asked_when_there_is_no_file(void **state)
{
        _cleanup_free_ char *path = mem_strdup(getenv("PATH")), *program = NULL;

        program = mem_printf("%s/journalctl", (char *) *state);
        append(*state, "journalctl",
               "#!/bin/sh\n"
               "printf '__REALTIME_TIMESTAMP=1795335160000000\\nPRIORITY=4\\nMESSAGE=%s\\n\\n' "
               "\"$*\"\n"
               "printf '__CURSOR=x\\nMESSAGE=second\\nPRIORITY=6\\n\\n'\n");
        assert_int_equal(chmod(program, 0700), 0);
        (void) setenv("PATH", *state, 1);
        expect("log -n 3 job", "2026-11-22 08:12:40  warning: --user --quiet --no-pager "
                               "--output=export --identifier=bitsd --lines=3 "
                               "BITS_JOB=3f2a91c4-7c1d-4f0e-9f5a-2f1b3a7d9c10\n"
                               "-  second\n");
        (void) setenv("PATH", path, 1);
        assert_int_equal(unlink(program), 0);
}

/* A value with a line feed comes by its length; nothing in it is a field, an end, or a command for
 * the terminal. */
static void what_others_wrote_as_bitsd_is_only_text(void **state)
{
        _cleanup_free_ char *path = mem_strdup(getenv("PATH")), *program = NULL;

        program = mem_printf("%s/journalctl", (char *) *state);
        append(*state, "journalctl",
               "#!/bin/sh\n"
               "printf 'OTHER\\n\\003\\000\\000\\000\\000\\000\\000\\000a\\nb\\n'\n"
               "printf 'MESSAGE\\n\\017\\000\\000\\000\\000\\000\\000\\000"
               "x\\n\\nMESSAGE=\\033[2J\\n'\n"
               "printf 'PRIORITY=3\\n\\n'\n"
               "printf 'PRIORITY=6\\nMESSAGE=second\\n\\n'\n"
               "printf 'MESSAGE\\n\\377\\377\\377\\377\\377\\377\\377\\377cut off'\n");
        assert_int_equal(chmod(program, 0700), 0);
        (void) setenv("PATH", *state, 1);
        expect("log", "-  error: x\\x0a\\x0aMESSAGE=\\x1b[2J\n-  second\n");
        (void) setenv("PATH", path, 1);
        assert_int_equal(unlink(program), 0);
}

static void no_log_anywhere_is_said(void **state)
{
        _cleanup_free_ char *path = mem_strdup(getenv("PATH"));
        Ran ran;

        (void) setenv("PATH", "/nonexistent", 1);
        ran = run_cli("log");
        (void) setenv("PATH", path, 1);
        assert_int_equal(ran.status, 1);
        assert_non_null(strstr(ran.talk, "keeps no log"));
        ran_done(&ran);
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
#define VERB(f) cmocka_unit_test_setup_teardown(f, set_up_verb, remove_dir)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_is_taken_apart),
                cmocka_unit_test(what_is_no_line_is_none),
                cmocka_unit_test(fields_of_the_journal_are_added),
                WITH_DIR(without_a_log_there_is_none),
                WITH_DIR(both_files_are_read_in_their_order),
                WITH_DIR(a_turn_loses_nothing),
                WITH_DIR(an_endless_line_takes_no_endless_memory),
                VERB(log_prints_what_was_asked_for),
                VERB(an_old_file_is_better_than_nothing),
                VERB(the_journal_is_asked_when_there_is_no_file),
                VERB(what_others_wrote_as_bitsd_is_only_text),
                VERB(no_log_anywhere_is_said),
        };

        (void) setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
