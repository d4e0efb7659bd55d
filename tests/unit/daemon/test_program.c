/* SPDX-License-Identifier: Apache-2.0 */
/* Real programs on a real loop: what they get, how they end, and that nothing of them stays. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "daemon/program.h"
#include "daemon/program_output.h"
#include "engine/types.h"

#include "own_dir.h"
#include "program_rig.h"

enum { LINES_MAX = 400 };

#define MSEC USEC_PER_MSEC
#define DEADLINE_USEC (20 * USEC_PER_SEC) /* of a test that went wrong */

typedef struct Fixture {
        char *dir;
        sd_event *loop;
        uint64_t timeout_usec, grace_usec;
        Program *program;
        ProgramEnd end;
        bool ended;
        char lines[LINES_MAX][PROGRAM_LINE_BYTES + 1];
        size_t lines_len;
} Fixture;

static int setup(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));
        void *dir = NULL;

        if (!f || own_dir_make(&dir) < 0 || sd_event_new(&f->loop) < 0)
                return -1;
        f->dir = dir;
        f->timeout_usec = DEADLINE_USEC;
        f->grace_usec = 100 * MSEC;
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;
        void *dir = f->dir;

        (void) program_free(f->program);
        (void) sd_event_unref(f->loop);
        (void) own_dir_remove(&dir);
        free(f);
        return 0;
}

static void keep_line(void *ctx, const char *text)
{
        Fixture *f = ctx;

        if (f->lines_len < LINES_MAX)
                str_copy(f->lines[f->lines_len], sizeof(f->lines[0]), text);
        f->lines_len++;
}

static void keep_end(void *ctx, Program *p, const ProgramEnd *end)
{
        Fixture *f = ctx;

        assert_ptr_equal(p, f->program);
        assert_false(f->ended); /* once */
        f->ended = true;
        f->end = *end;
        f->program = program_free(p);
}

static int begin(Fixture *f, const char *path, char *const *argv, char *const *envp)
{
        const ProgramOptions options = {
                .path = path,
                .argv = argv,
                .envp = envp,
                .timeout_usec = f->timeout_usec,
                .grace_usec = f->grace_usec,
                .line = keep_line,
                .ended = keep_end,
                .ctx = f,
        };

        f->ended = false;
        f->lines_len = 0;
        return program_start(f->loop, &options, &f->program);
}

static int32_t finish(Fixture *f)
{
        while (!f->ended)
                if (sd_event_run(f->loop, DEADLINE_USEC) <= 0)
                        fail_msg("nothing happens any more");
        return f->end.result;
}

static void begin_sh(Fixture *f, const char *script)
{
        char *argv[] = {(char *) "sh", (char *) "-c", (char *) script, NULL};
        char *envp[] = {(char *) "PATH=/usr/bin:/bin", NULL};

        assert_int_equal(begin(f, "/bin/sh", argv, envp), 0);
}

static int32_t sh(Fixture *f, const char *script)
{
        begin_sh(f, script);
        return finish(f);
}

static int32_t run_path(Fixture *f, const char *path)
{
        char *argv[] = {(char *) path, NULL};
        char *envp[] = {NULL};

        assert_int_equal(begin(f, path, argv, envp), 0);
        return finish(f);
}

static void assert_line(const Fixture *f, size_t i, const char *text)
{
        assert_true(f->lines_len > i);
        assert_string_equal(f->lines[i], text);
}

/* ---- how they end ---- */

static void the_exit_status_is_kept(void **state)
{
        Fixture *f = *state;

        assert_int_equal(sh(f, "exit 0"), 0);
        assert_int_equal(sh(f, "exit 3"), 3);
        assert_int_equal(sh(f, "exit 127"), 127); /* not to be taken for a failed start */
        assert_int_equal(sh(f, "exit 255"), 255);
        assert_false(f->end.timed_out);
        assert_true(f->end.duration_usec < DEADLINE_USEC);
}

static void death_by_signal_is_told_apart(void **state)
{
        Fixture *f = *state;

        assert_int_equal(sh(f, "kill -9 $$"), -SIGKILL);
        assert_int_equal(sh(f, "kill -TERM $$"), -SIGTERM);
        assert_int_equal(sh(f, "kill -SEGV $$"), -SIGSEGV);
        assert_false(f->end.timed_out);
}

static char *make_file(Fixture *f, const char *name, const char *text, mode_t mode)
{
        char *path = mem_printf("%s/%s", f->dir, name);
        _cleanup_close_ int fd = -1;

        assert_non_null(path);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
        return path;
}

static void programs_that_cannot_start_say_why(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *plain = make_file(f, "plain", "#!/bin/sh\nexit 0\n", 0644);
        _cleanup_free_ char *text = make_file(f, "text", "no program\n", 0755);
        _cleanup_free_ char *lost = make_file(f, "lost", "#!/not/there\n", 0755);
        _cleanup_free_ char *below = mem_printf("%s/x", plain);

        assert_int_equal(run_path(f, "/not/there"), PROGRAM_NOT_STARTED - ENOENT);
        assert_int_equal(run_path(f, plain), PROGRAM_NOT_STARTED - EACCES);
        assert_int_equal(run_path(f, f->dir), PROGRAM_NOT_STARTED - EACCES);
        assert_int_equal(run_path(f, text), PROGRAM_NOT_STARTED - ENOEXEC); /* no shell helps */
        assert_int_equal(run_path(f, lost), PROGRAM_NOT_STARTED - ENOENT);
        assert_int_equal(run_path(f, below), PROGRAM_NOT_STARTED - ENOTDIR);
        assert_int_equal(f->lines_len, 0);
}

static void scripts_run_by_their_first_line(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *script = make_file(f, "a script", "#!/bin/sh\nexit 7\n", 0755);

        assert_int_equal(run_path(f, script), 7);
}

/* ---- what they get ---- */

static void words_arrive_as_they_are(void **state)
{
        Fixture *f = *state;
        char *shown[] = {(char *) "another-name", (char *) "/proc/self/cmdline", NULL};
        char *words[] = {(char *) "sh",
                         (char *) "-c",
                         (char *) "printf '[%s]' \"$@\"",
                         (char *) "x",
                         (char *) "",
                         (char *) "a b",
                         (char *) "*",
                         (char *) "$HOME",
                         (char *) "\"'\\",
                         (char *) "\u20ac",
                         NULL};
        char *envp[] = {NULL};

        assert_int_equal(begin(f, "/bin/cat", shown, envp), 0);
        assert_int_equal(finish(f), 0);
        assert_line(f, 0, "another-name /proc/self/cmdline "); /* NULs are shown as blanks */
        assert_int_equal(begin(f, "/bin/sh", words, envp), 0);
        assert_int_equal(finish(f), 0);
        assert_line(f, 0, "[][a b][*][$HOME][\"'\\][\u20ac]");
}

static void the_environment_is_the_one_given(void **state)
{
        Fixture *f = *state;
        char *argv[] = {(char *) "env", NULL};
        char *envp[] = {(char *) "A=1", (char *) "B=two words", NULL};

        assert_int_equal(setenv("SECRET", "of the service", 1), 0);
        assert_int_equal(begin(f, "/usr/bin/env", argv, envp), 0);
        assert_int_equal(finish(f), 0);
        assert_int_equal(f->lines_len, 2);
        assert_line(f, 0, "A=1");
        assert_line(f, 1, "B=two words");
}

/* Whatever is open here, also without close-on-exec. */
static void no_descriptor_is_inherited(void **state)
{
        Fixture *f = *state;
        int open_ones[60];

        for (size_t i = 0; i < ARRAY_LEN(open_ones); i++) {
                open_ones[i] = dup(STDERR_FILENO);
                assert_true(open_ones[i] >= 0);
        }
        assert_int_equal(sh(f, "i=3; while [ $i -lt 200 ]; do"
                               " [ -e /proc/self/fd/$i ] && echo $i; i=$((i + 1)); done; exit 0"),
                         0);
        for (size_t i = 0; i < ARRAY_LEN(open_ones); i++)
                (void) close(open_ones[i]);
        assert_int_equal(f->lines_len, 0);
}

static void stdin_is_empty_and_the_others_are_one_pipe(void **state)
{
        Fixture *f = *state;

        assert_int_equal(sh(f, "read x && echo input; readlink /proc/self/fd/0;"
                               " a=$(readlink /proc/$$/fd/1); b=$(readlink /proc/$$/fd/2);"
                               " [ \"$a\" = \"$b\" ] && echo ${a%:*}; echo error >&2"),
                         0);
        assert_int_equal(f->lines_len, 3);
        assert_line(f, 0, "/dev/null");
        assert_line(f, 1, "pipe");
        assert_line(f, 2, "error");
}

static void directory_and_umask_are_plain(void **state)
{
        Fixture *f = *state;
        mode_t before = umask(0077);

        assert_int_equal(sh(f, "pwd; umask"), 0);
        (void) umask(before);
        assert_line(f, 0, "/");
        assert_line(f, 1, "0022");
}

static void signals_are_as_if_nobody_had_touched_them(void **state)
{
        Fixture *f = *state;
        char *argv[] = {(char *) "grep", (char *) "-E", (char *) "^Sig(Blk|Ign|Cgt)",
                        (char *) "/proc/self/status", NULL};
        char *envp[] = {NULL};
        sigset_t blocked, before;

        assert_int_equal(sigfillset(&blocked), 0);
        assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
        assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR);
        assert_int_equal(begin(f, "/bin/grep", argv, envp), 0);
        assert_int_equal(finish(f), 0);
        assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
        assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
        assert_true(signal(SIGHUP, SIG_DFL) != SIG_ERR);
        assert_line(f, 0, "SigBlk:\t0000000000000000");
        assert_line(f, 1, "SigIgn:\t0000000000000000");
}

static void each_leads_a_session_of_its_own(void **state)
{
        Fixture *f = *state;
        char expected[64];

        begin_sh(f, "read -r line < /proc/self/stat; set -- $line; echo $1 $5 $6");
        (void) snprintf(expected, sizeof(expected), "%d %d %d", (int) program_pid(f->program),
                        (int) program_pid(f->program), (int) program_pid(f->program));
        assert_int_equal(finish(f), 0);
        assert_line(f, 0, expected);
}

/* ---- time ---- */

static void a_program_that_hangs_is_asked_to_end(void **state)
{
        Fixture *f = *state;

        f->timeout_usec = 50 * MSEC;
        f->grace_usec = DEADLINE_USEC;
        assert_int_equal(sh(f, "exec sleep 1000"), -SIGTERM);
        assert_true(f->end.timed_out);
        assert_true(f->end.duration_usec >= 50 * MSEC);
        assert_int_equal(sh(f, "trap 'exit 4' TERM; while :; do sleep 0.01; done"), 4);
        assert_true(f->end.timed_out);
}

static void one_that_does_not_listen_is_killed(void **state)
{
        Fixture *f = *state;

        f->timeout_usec = 50 * MSEC;
        f->grace_usec = 50 * MSEC;
        assert_int_equal(sh(f, "trap '' TERM; while :; do sleep 0.01; done"), -SIGKILL);
        assert_true(f->end.timed_out);
        assert_int_equal(sh(f, "kill -STOP $$; sleep 1000"), -SIGTERM); /* it is woken for it */
        f->grace_usec = 50 * MSEC;
        assert_int_equal(sh(f, "trap '' TERM; kill -STOP $$; while :; do sleep 0.01; done"),
                         -SIGKILL);
}

static void the_whole_group_is_asked(void **state)
{
        Fixture *f = *state;
        pid_t child;

        f->timeout_usec = 100 * MSEC;
        f->grace_usec = DEADLINE_USEC;
        assert_int_equal(sh(f, "sleep 1000 & echo $!; wait; exit 0"), -SIGTERM);
        assert_int_equal(f->lines_len, 1);
        child = process_number(f->lines[0]);
        assert_process_ends(child);
}

/* ---- what they leave ---- */

static void what_still_runs_in_its_group_is_killed(void **state)
{
        Fixture *f = *state;

        assert_int_equal(sh(f, "trap '' TERM HUP; sleep 1000 & echo $!;"
                               " (sleep 1000 & echo $!); exit 5"),
                         5);
        assert_int_equal(f->lines_len, 2); /* they hold the pipe, but nobody waits for them */
        assert_process_ends(process_number(f->lines[0]));
        assert_process_ends(process_number(f->lines[1]));
}

/* A program that ends once a child of its has a session of its own; that one writes its number, and
 * then goes on as `then`, with the pipe. */
static pid_t run_with_escaped(Fixture *f, const char *then)
{
        _cleanup_free_ char *script =
                mem_printf("mkfifo %s/ready; setsid sh -c 'echo $$; echo > %s/ready; %s' &"
                           " read x < %s/ready; exit 0",
                           f->dir, f->dir, then, f->dir);

        assert_non_null(script);
        assert_int_equal(sh(f, script), 0);
        assert_true(f->lines_len > 0);
        return process_number(f->lines[0]);
}

/* It left the group and keeps the pipe: the run ends all the same. */
static void who_holds_the_pipe_elsewhere_holds_up_nothing(void **state)
{
        pid_t child = run_with_escaped(*state, "exec sleep 1000");

        assert_int_equal(kill(child, SIGKILL), 0);
        assert_process_ends(child);
}

/* One that fills it besides. */
static void nor_does_who_fills_it(void **state)
{
        pid_t child = run_with_escaped(*state, "trap '' PIPE; while :; do echo y; done");

        assert_int_equal(kill(child, SIGKILL), 0);
        assert_process_ends(child);
}

static void freeing_it_kills_it(void **state)
{
        Fixture *f = *state;
        pid_t pid, child;

        begin_sh(f, "trap '' TERM; sleep 1000 & echo $!; wait");
        while (f->lines_len == 0)
                assert_true(sd_event_run(f->loop, DEADLINE_USEC) > 0);
        pid = program_pid(f->program);
        child = process_number(f->lines[0]);
        f->program = program_free(f->program);
        assert_process_ends(pid);
        assert_process_ends(child);
        assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* collected */
        assert_false(f->ended);
}

/* ---- output ---- */

static void lines_come_one_by_one(void **state)
{
        Fixture *f = *state;

        assert_int_equal(sh(f, "printf 'a\\n\\nb'; sleep 0.02; printf 'c\\nlast'"), 0);
        assert_int_equal(f->lines_len, 4);
        assert_line(f, 0, "a");
        assert_line(f, 1, "");
        assert_line(f, 2, "bc");
        assert_line(f, 3, "last");
}

static void output_over_the_bound_is_counted_only(void **state)
{
        Fixture *f = *state;

        assert_int_equal(sh(f, "head -c 1000000 /dev/zero | tr '\\0' x"), 0);
        assert_int_equal(f->end.dropped_bytes, 1000000 - PROGRAM_OUTPUT_BYTES_MAX);
        assert_int_equal(f->lines_len, PROGRAM_OUTPUT_BYTES_MAX / PROGRAM_LINE_BYTES + 1);
        assert_int_equal(strlen(f->lines[0]), PROGRAM_LINE_BYTES);
}

static void endless_output_ends_with_the_time(void **state)
{
        Fixture *f = *state;

        f->timeout_usec = 200 * MSEC;
        assert_int_equal(sh(f, "exec yes"), -SIGTERM);
        assert_true(f->end.dropped_bytes > 0);
        assert_true(f->end.duration_usec < 10 * USEC_PER_SEC);
        assert_int_equal(f->lines_len, PROGRAM_OUTPUT_BYTES_MAX / 2); /* "y" and its end */
}

static void closing_the_pipe_is_not_the_end(void **state)
{
        Fixture *f = *state;

        assert_int_equal(sh(f, "echo bye; exec >&- 2>&-; sleep 0.1; exit 9"), 9);
        assert_true(f->end.duration_usec >= 100 * MSEC);
        assert_line(f, 0, "bye");
}

static void any_bytes_are_output(void **state)
{
        Fixture *f = *state;
        ProgramOutput o;
        char every[256];

        for (size_t i = 0; i < sizeof(every); i++)
                every[i] = (char) i;
        program_output_init(&o, keep_line, f);
        f->lines_len = 0;
        program_output_add(&o, every, sizeof(every));
        program_output_add(&o, NULL, 0);
        program_output_end(&o);
        program_output_end(&o);
        assert_int_equal(f->lines_len, 2);
        assert_int_equal(f->lines[0][0], ' ');
        assert_int_equal(strlen(f->lines[0]), 10);
        assert_int_equal(strlen(f->lines[1]), 245);
}

/* ---- means ---- */

static size_t count_fds(void)
{
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        (void) closedir(dir);
        return n;
}

static void nothing_is_used_up(void **state)
{
        Fixture *f = *state;
        size_t before;

        (void) sh(f, "exit 0");
        before = count_fds();
        for (int i = 0; i < 100; i++)
                assert_int_equal(run_path(f, i % 2 ? "/bin/true" : "/not/there"),
                                 i % 2 ? 0 : PROGRAM_NOT_STARTED - ENOENT);
        assert_int_equal(count_fds(), before);
}

static void without_descriptors_it_fails_cleanly(void **state)
{
        Fixture *f = *state;
        char *argv[] = {(char *) "true", NULL}, *envp[] = {NULL};
        int taken[2000];
        size_t n = 0;
        int r = -1;

        assert_int_equal(limit_descriptors(64), 0);
        while (n < ARRAY_LEN(taken) && (taken[n] = dup(STDERR_FILENO)) >= 0)
                n++;
        assert_true(n > 0);
        while (r < 0 && n > 0) {
                r = begin(f, "/bin/true", argv, envp);
                assert_true(r == 0 || r == -EMFILE);
                (void) close(taken[--n]);
        }
        while (n > 0)
                (void) close(taken[--n]);
        assert_int_equal(r, 0);
        assert_int_equal(finish(f), 0);
        assert_int_equal(limit_descriptors(1024), 0);
}

static void without_memory_it_fails_cleanly(void **state)
{
        Fixture *f = *state;
        char *argv[] = {(char *) "true", NULL}, *envp[] = {NULL};

        mem_fail_nth(1);
        assert_int_equal(begin(f, "/bin/true", argv, envp), -ENOMEM);
        mem_fail_nth(0);
        assert_null(f->program);
}

#define program_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                program_test(the_exit_status_is_kept),
                program_test(death_by_signal_is_told_apart),
                program_test(programs_that_cannot_start_say_why),
                program_test(scripts_run_by_their_first_line),
                program_test(words_arrive_as_they_are),
                program_test(the_environment_is_the_one_given),
                program_test(no_descriptor_is_inherited),
                program_test(stdin_is_empty_and_the_others_are_one_pipe),
                program_test(directory_and_umask_are_plain),
                program_test(signals_are_as_if_nobody_had_touched_them),
                program_test(each_leads_a_session_of_its_own),
                program_test(a_program_that_hangs_is_asked_to_end),
                program_test(one_that_does_not_listen_is_killed),
                program_test(the_whole_group_is_asked),
                program_test(what_still_runs_in_its_group_is_killed),
                program_test(who_holds_the_pipe_elsewhere_holds_up_nothing),
                program_test(nor_does_who_fills_it),
                program_test(freeing_it_kills_it),
                program_test(lines_come_one_by_one),
                program_test(output_over_the_bound_is_counted_only),
                program_test(endless_output_ends_with_the_time),
                program_test(closing_the_pipe_is_not_the_end),
                program_test(any_bytes_are_output),
                program_test(nothing_is_used_up),
                program_test(without_descriptors_it_fails_cleanly),
                program_test(without_memory_it_fails_cleanly),
        };

        return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
