/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of jobs: what they are told, what the log tells, what becomes of their processes; and
 * the engine with the real pool, without a socket. */
#include "../engine/rig_test.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/guid.h"
#include "base/log.h"
#include "base/str.h"
#include "daemon/orphans.h"
#include "daemon/program_env.h"
#include "daemon/program_pool.h"

#include "../../fakes/skip_test.h"

#include "own_dir.h"
#include "program_rig.h"

#define MSEC USEC_PER_MSEC
#define DEADLINE_USEC (20 * USEC_PER_SEC)

enum { ENDS_MAX = 64 };

typedef struct End {
        uint64_t delivery;
        int32_t result;
} End;

typedef struct Fixture {
        char *dir;
        sd_event *loop;
        ProgramPool *pool;
        Job job;
        End ends[ENDS_MAX];
        size_t ends_len;
        int log_fd, stderr_fd; /* the log goes to a file meanwhile */
        FakeRig *rig;          /* when the engine is asked too */
} Fixture;

static void keep_end(void *ctx, uint64_t delivery, int32_t result)
{
        Fixture *f = ctx;

        assert_true(f->ends_len < ENDS_MAX);
        f->ends[f->ends_len++] = (End){delivery, result};
        if (f->rig)
                manager_program_result(f->rig->m, delivery, result);
}

static int make_pool(Fixture *f)
{
        const ProgramPoolOptions options = {
                .loop = f->loop,
                .uid = geteuid(),
                .timeout_usec = DEADLINE_USEC,
                .grace_usec = 50 * MSEC,
                .ended = keep_end,
                .ctx = f,
        };

        return program_pool_new(&options, &f->pool);
}

static int setup(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));
        _cleanup_free_ char *log = NULL;
        void *dir = NULL;

        if (!f || own_dir_make(&dir) < 0 || sd_event_new(&f->loop) < 0)
                return -1;
        f->dir = dir;
        /* As the service does, which makes much of /proc root's. */
        (void) prctl(PR_SET_DUMPABLE, 0);
        log = mem_printf("%s/log", f->dir);
        f->stderr_fd = dup(STDERR_FILENO);
        f->log_fd = open(log, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
        if (f->log_fd < 0 || dup2(f->log_fd, STDERR_FILENO) < 0 || make_pool(f) < 0)
                return -1;
        (void) unsetenv("INVOCATION_ID");
        (void) unsetenv("JOURNAL_STREAM");
        log_setup("bitsd", LOG_INFO);
        f->job.id = (GUID){0x12345678, 0x9abc, 0xdef0, {1, 2, 3, 4, 5, 6, 7, 8}};
        f->job.owner_uid = geteuid();
        f->job.props.notify_program = (char *) "/bin/sh";
        f->job.props.notify_uid = geteuid();
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;
        void *dir = f->dir;

        (void) program_pool_free(f->pool);
        (void) prctl(PR_SET_DUMPABLE, 1); /* or leaks cannot be looked for */
        (void) dup2(f->stderr_fd, STDERR_FILENO);
        (void) close(f->stderr_fd);
        (void) close(f->log_fd);
        (void) sd_event_unref(f->loop);
        (void) own_dir_remove(&dir);
        free(f);
        return 0;
}

static char *read_text(const Fixture *f, const char *name)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", f->dir, name);
        char *text = NULL;

        assert_non_null(path);
        assert_int_equal(fd_read_file(path, 1000000, &text), 0);
        return text;
}

static void assert_logged(const Fixture *f, const char *part)
{
        _cleanup_free_ char *log = read_text(f, "log");

        if (!strstr(log, part))
                fail_msg("\"%s\" is not in the log:\n%s", part, log);
}

/* `fmt` has one %s for the directory, or more; all are that. */
_printf_(2, 3) static char *script(const Fixture *f, const char *fmt, ...)
{
        _cleanup_free_ char *path = mem_printf("%s/script", f->dir);
        _cleanup_close_ int fd = -1;
        char text[2000];
        va_list ap;

        va_start(ap, fmt);
        assert_true(vsnprintf(text, sizeof(text), fmt, ap) < (int) sizeof(text));
        va_end(ap);
        fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0700);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, "#!/bin/sh\n", 10), 0);
        assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
        return TAKE_PTR(path);
}

static int begin(Fixture *f, uint64_t delivery, const char *path)
{
        f->job.props.notify_program = (char *) path; /* only read */
        return program_pool_run(f->pool, delivery, &f->job, NOTIFY_TRANSFERRED);
}

static void wait_ends(Fixture *f, size_t n)
{
        while (f->ends_len < n)
                if (sd_event_run(f->loop, DEADLINE_USEC) <= 0)
                        fail_msg("nothing happens any more");
}

static pid_t number_in(const Fixture *f, const char *name)
{
        _cleanup_free_ char *text = read_text(f, name);

        text[strcspn(text, "\n")] = '\0';
        return process_number(text);
}

/* ---- one run ---- */

static void the_delivery_is_answered(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = script(f, "exit 3");

        assert_int_equal(begin(f, 77, path), 0);
        assert_int_equal(f->ends_len, 0);
        wait_ends(f, 1);
        assert_int_equal(f->ends[0].delivery, 77);
        assert_int_equal(f->ends[0].result, 3);
}

/* What programs wrote, out of the log. */
static char *said(const Fixture *f)
{
        static const char MARK[] = "program says: ";
        _cleanup_free_ char *log = read_text(f, "log");
        char *text = mem_strdup("");

        for (char *p = log; (p = strstr(p, MARK));) {
                char *more;

                p += strlen(MARK);
                more = mem_printf("%s%.*s\n", text, (int) strcspn(p, "\n"), p);
                mem_free(text);
                text = more;
        }
        assert_non_null(text);
        return text;
}

static void the_environment_tells_of_the_job(void **state)
{
        Fixture *f = *state;
        const struct passwd *user = getpwuid(geteuid());
        _cleanup_free_ char *env = NULL, *expected = NULL;

        assert_non_null(user);
        assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/x", 1), 0);
        assert_int_equal(setenv("LANG", "de_DE.UTF-8", 1), 0);
        assert_int_equal(setenv("LD_PRELOAD_OF_OTHERS", "x", 1), 0);
        assert_int_equal(program_pool_set_socket(f->pool, "/run/bits"), 0);
        expected = mem_printf("HOME=%s\nUSER=%s\nLOGNAME=%s\nSHELL=%s\n"
                              "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
                              "LANG=de_DE.UTF-8\nXDG_RUNTIME_DIR=/run/user/x\n"
                              "BITSD_SOCKET=/run/bits\n"
                              "BITS_JOB_ID=12345678-9abc-def0-0102-030405060708\n"
                              "BITS_JOB_EVENT=transferred\n",
                              user->pw_dir, user->pw_name, user->pw_name, user->pw_shell);
        assert_int_equal(begin(f, 1, "/usr/bin/env"), 0);
        wait_ends(f, 1);
        env = said(f);
        assert_string_equal(env, expected);
}

static void what_is_not_there_is_left_out(void **state)
{
        GUID id = {0};
        ProgramUser user = {(char *) "u", (char *) "/h", (char *) "/s"};
        _cleanup_free_ char **envp = NULL;
        char text[1000] = "";

        (void) state;
        assert_int_equal(unsetenv("LANG"), 0);
        assert_int_equal(setenv("XDG_RUNTIME_DIR", "relative", 1), 0);
        envp = program_env_new(&user, NULL, &id, NOTIFY_ERROR);
        assert_non_null(envp);
        for (size_t i = 0; envp[i]; i++) {
                strcat(text, envp[i]);
                strcat(text, "\n");
        }
        assert_null(strstr(text, "XDG_RUNTIME_DIR"));
        assert_null(strstr(text, "BITSD_SOCKET"));
        assert_non_null(strstr(text, "LANG=C.UTF-8\n"));
        assert_non_null(strstr(text, "BITS_JOB_EVENT=error\n"));
        mem_fail_nth(1);
        assert_null(program_env_new(&user, NULL, &id, NOTIFY_ERROR));
        mem_fail_nth(0);
}

static void a_user_without_an_entry_is_a_number(void **state)
{
        ProgramUser user;

        (void) state;
        assert_int_equal(setenv("HOME", "/somewhere", 1), 0);
        assert_int_equal(program_user_find(4242424, &user), 0);
        assert_string_equal(user.name, "4242424");
        assert_string_equal(user.home, "/somewhere");
        assert_string_equal(user.shell, "/bin/sh");
        program_user_done(&user);
        assert_int_equal(setenv("HOME", "not absolute", 1), 0);
        assert_int_equal(program_user_find(4242424, &user), 0);
        assert_string_equal(user.home, "/");
        program_user_done(&user);
        for (uint64_t n = 1; n <= 3; n++) {
                mem_fail_nth(n);
                assert_int_equal(program_user_find(0, &user), -ENOMEM);
        }
        mem_fail_nth(0);
}

static void parameters_are_the_whole_command_line(void **state)
{
        Fixture *f = *state;

        f->job.props.notify_parameters =
                (char *) "shell -c \"printf '%s|' \\\"$0\\\" \\\"$@\\\"\" name \"a b\" \"\" $HOME";
        assert_int_equal(begin(f, 1, "/bin/sh"), 0);
        wait_ends(f, 1);
        assert_logged(f, "program says: name|a b||$HOME|");
}

static void what_cannot_be_run_is_refused(void **state)
{
        Fixture *f = *state;

        assert_int_equal(begin(f, 1, "sh"), -ENOENT); /* PATH is not searched */
        assert_int_equal(begin(f, 1, "./sh"), -ENOENT);
        assert_logged(f, "job 12345678: program ./sh could not be started: No such file");
        f->job.props.notify_uid = geteuid() + 1;
        assert_int_equal(begin(f, 1, "/bin/true"), -EPERM);
        f->job.props.notify_uid = 0; /* root set it: it runs as the user all the same */
        f->job.props.notify_parameters = (char *) "\xff";
        assert_int_equal(begin(f, 1, "/bin/true"), -EILSEQ);
        f->job.props.notify_parameters = NULL;
        /* The first time the user is looked for, too. */
        for (uint64_t n = 1; n <= 7; n++) {
                mem_fail_nth(n);
                assert_int_equal(begin(f, 1, "/bin/true"), -ENOMEM);
        }
        mem_fail_nth(5);
        assert_int_equal(begin(f, 1, "/bin/true"), -ENOMEM);
        mem_fail_nth(0);
        assert_int_equal(f->ends_len, 0);
        assert_int_equal(begin(f, 2, "/bin/true"), 0);
        wait_ends(f, 1);
        assert_int_equal(f->ends[0].result, 0);
}

static void the_log_is_an_audit(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = script(f, "echo one; echo two >&2; exit 3");
        _cleanup_free_ char *line = NULL;

        assert_int_equal(begin(f, 1, path), 0);
        wait_ends(f, 1);
        line = mem_printf("bitsd: job 12345678: program %s started as user %ld for "
                          "\"transferred\", set by user %ld, pid ",
                          path, (long) geteuid(), (long) geteuid());
        assert_logged(f, line);
        assert_logged(f, "bitsd: job 12345678: program says: one\n");
        assert_logged(f, "bitsd: job 12345678: program says: two\n");
        assert_logged(f, "script ended with status 3, after ");
        assert_int_equal(begin(f, 2, "/not/there"), 0);
        wait_ends(f, 2);
        assert_logged(f, "program /not/there could not be started: No such file or directory");
        program_pool_set_timeout(f->pool, 20 * MSEC);
        f->job.props.notify_parameters = (char *) "sleep 1000";
        assert_int_equal(begin(f, 3, "/bin/sleep"), 0);
        wait_ends(f, 3);
        assert_logged(f, "program /bin/sleep was ended by SIGTERM, having run too long, after ");
}

static void control_characters_do_not_reach_the_log(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = script(f, "printf 'a\\033[2J\\rb\\n'; head -c 70000 /dev/zero");

        assert_int_equal(begin(f, 1, path), 0);
        wait_ends(f, 1);
        assert_logged(f, "program says: a\\x1b[2J\\x0db\n");
        assert_logged(f, "program wrote too much: 44");
}

/* ---- what they leave ---- */

/* Its number is in the file `name` before the program ends. */
#define ESCAPE(name)                                                                               \
        "mkfifo %s/ready-" name "; setsid sh -c 'echo $$ > %s/" name "; echo > %s/ready-" name     \
        "; exec sleep 1000' & read x < %s/ready-" name "; "

static void turn_until_dead(Fixture *f, pid_t pid)
{
        assert_true(pid > 0);
        for (int i = 0; !process_is_dead(pid); i++) {
                assert_true(i < 1000);
                assert_true(sd_event_run(f->loop, 10 * MSEC) >= 0);
        }
}

static void daemons_do_not_outlive_the_last_program(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = script(f, ESCAPE("a") "exit 0", f->dir, f->dir, f->dir, f->dir);

        assert_int_equal(begin(f, 1, path), 0);
        wait_ends(f, 1);
        turn_until_dead(f, number_in(f, "a"));
}

/* Double forks, and what the daemon itself has started. */
static void nor_do_their_children(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path =
                script(f,
                       "mkfifo %s/p; setsid sh -c '(setsid sh -c \"echo \\$\\$ > %s/b; echo > %s/p;"
                       " exec sleep 1000\" & exec sleep 1000) & echo $! > %s/a; exit 0' &"
                       " read x < %s/p; exit 0",
                       f->dir, f->dir, f->dir, f->dir, f->dir);

        assert_int_equal(begin(f, 1, path), 0);
        wait_ends(f, 1);
        turn_until_dead(f, number_in(f, "a"));
        turn_until_dead(f, number_in(f, "b"));
}

static void a_daemon_may_be_of_a_program_that_still_runs(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *leaver =
                script(f, ESCAPE("a") "exit 0", f->dir, f->dir, f->dir, f->dir);
        _cleanup_free_ char *gate = mem_printf("%s/gate", f->dir);
        _cleanup_free_ char *stayer = mem_printf("sh -c \"read x < %s\"", gate);
        _cleanup_close_ int gate_fd = -1;
        pid_t daemon;

        assert_int_equal(mkfifo(gate, 0600), 0);
        gate_fd = open(gate, O_RDWR | O_CLOEXEC);
        assert_true(gate_fd >= 0);
        f->job.props.notify_parameters = stayer;
        assert_int_equal(begin(f, 1, "/bin/sh"), 0);
        f->job.props.notify_parameters = NULL;
        assert_int_equal(begin(f, 2, leaver), 0);
        wait_ends(f, 1);
        assert_int_equal(f->ends[0].delivery, 2);
        daemon = number_in(f, "a");
        assert_false(process_is_dead(daemon));
        assert_int_equal(fd_write_all(gate_fd, "\n", 1), 0);
        wait_ends(f, 2);
        turn_until_dead(f, daemon);
}

/* As the workers are: children of ours that no program made. */
static void our_own_children_are_left_alone(void **state)
{
        Fixture *f = *state;
        pid_t worker = fork();

        if (worker == 0) {
                (void) setpgid(0, 0);
                for (;;)
                        (void) pause();
        }
        assert_true(worker > 0);
        for (uint64_t i = 0; i < 3; i++) {
                assert_int_equal(begin(f, i, "/bin/true"), 0);
                wait_ends(f, i + 1);
        }
        assert_int_equal(waitpid(worker, NULL, WNOHANG), 0);
        assert_false(process_is_dead(worker));
        assert_int_equal(kill(worker, SIGKILL), 0);
        assert_int_equal(waitpid(worker, NULL, 0), worker);
}

static bool nothing_runs(void *ctx)
{
        return false;
}

static bool is_no_program(void *ctx, pid_t pid)
{
        return false;
}

/* A process of a session of its own that has lost its parent, which is dead and collected. */
static pid_t make_stranger(void)
{
        int ends[2];
        pid_t parent, stranger = 0;

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        parent = fork();
        if (parent == 0) {
                if (fork() == 0) {
                        pid_t self = getpid();

                        if (setsid() < 0 || write(ends[1], &self, sizeof(self)) < 0)
                                _exit(1);
                        for (;;)
                                (void) pause();
                }
                _exit(0);
        }
        assert_true(parent > 0);
        assert_int_equal(waitpid(parent, NULL, 0), parent);
        assert_int_equal(read(ends[0], &stranger, sizeof(stranger)), sizeof(stranger));
        (void) close(ends[0]);
        (void) close(ends[1]);
        return stranger;
}

enum { EXIT_SKIPPED = 77 };

/* Process 1 of a PID namespace; has a child whose session was made outside of it, as one has whom
 * `nsenter` started. */
static int be_process_1(void)
{
        OrphansOptions options = {
                .is_running = is_no_program,
                .any_running = nothing_runs,
                .is_init = true,
        };
        pid_t guest = fork();
        Orphans *o;

        if (guest == 0)
                for (;;)
                        (void) pause();
        if (guest < 0 || setsid() < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("proc", "/proc", "proc", 0, NULL) < 0)
                return EXIT_SKIPPED;
        if (getsid(guest) != 0 || sd_event_new(&options.loop) < 0 || orphans_new(&options, &o) < 0)
                return 1;
        orphans_check(o);
        orphans_kill_all(o, 100);
        return waitpid(guest, NULL, WNOHANG) == 0 ? 0 : 2; /* it ends with its namespace */
}

static void sessions_from_outside_are_strangers(void **state)
{
        pid_t outside = fork();
        int status;

        if (outside == 0) {
                pid_t first;

                if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
                        _exit(EXIT_SKIPPED);
                first = fork();
                if (first == 0)
                        _exit(be_process_1());
                _exit(waitpid(first, &status, 0) == first && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                               : 3);
        }
        assert_int_equal(waitpid(outside, &status, 0), outside);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == EXIT_SKIPPED)
                SKIP_TEST("namespaces need root");
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void process_1_spares_strangers(void **state)
{
        Fixture *f = *state;
        OrphansOptions options = {
                .loop = f->loop,
                .is_running = is_no_program,
                .any_running = nothing_runs,
                .is_init = true,
        };
        pid_t stranger = make_stranger();
        Orphans *o;

        assert_int_equal(orphans_new(&options, &o), 0);
        orphans_check(o);
        orphans_kill_all(o, 100);
        assert_int_equal(kill(stranger, 0), 0);
        assert_false(process_is_dead(stranger));
        orphans_session_ended(o, stranger); /* but not what a program has left */
        assert_process_ends(stranger);
        o = orphans_free(o);
        options.is_init = false;
        assert_int_equal(orphans_new(&options, &o), 0);
        stranger = make_stranger();
        orphans_kill_all(o, 5000);
        assert_process_ends(stranger);
        (void) orphans_free(o);
}

static void no_dead_children_pile_up(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = script(
                f, "i=0; while [ $i -lt 30 ]; do (setsid true &); i=$((i + 1)); done; exit 0");
        _cleanup_free_ char *children = NULL;

        assert_int_equal(begin(f, 1, path), 0);
        wait_ends(f, 1);
        for (int i = 0; i < 1000; i++) {
                mem_free(TAKE_PTR(children));
                assert_int_equal(fd_read_file("/proc/thread-self/children", 65536, &children), 0);
                if (*children == '\0')
                        return;
                assert_true(sd_event_run(f->loop, 10 * MSEC) >= 0);
        }
        fail_msg("still children: %s", children);
}

static void leaving_ends_everything(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = script(f, ESCAPE("a") "trap '' TERM; echo > %s/go; sleep 1000",
                                           f->dir, f->dir, f->dir, f->dir, f->dir);
        _cleanup_free_ char *go = mem_printf("%s/go", f->dir);
        pid_t daemon;

        assert_int_equal(mkfifo(go, 0600), 0);
        assert_int_equal(begin(f, 1, path), 0);
        assert_int_equal(begin(f, 2, "/bin/true"), 0);
        assert_int_equal(close(open(go, O_RDONLY | O_CLOEXEC)), 0); /* it is so far */
        daemon = number_in(f, "a");
        f->pool = program_pool_free(f->pool);
        assert_process_ends(daemon);
        assert_int_equal(f->ends_len, 0);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_logged(f, "bitsd leaves");
}

/* ---- with the engine ---- */

static int run_by_pool(void *ctx, uint64_t delivery, const Job *job, NotifyKind kind)
{
        Fixture *f = ctx;

        return program_pool_run(f->pool, delivery, job, kind);
}

static void no_answer(void *ctx, uint64_t token, HRESULT hr, const JobFile *file)
{
}

static void no_change(void *ctx, const Job *job, bool state_changed)
{
}

static int no_client(void *ctx, uint64_t client, uint64_t delivery, const Job *job, NotifyKind kind)
{
        return -ENOTCONN;
}

/* The rig with the real pool in the place of the fake notifier. */
static FakeRig *start_engine(Fixture *f)
{
        FakeRig *rig = calloc(1, sizeof(*rig));
        ManagerPorts ports;

        assert_non_null(rig);
        fake_rig_init(rig, 1);
        rig->m = manager_free(rig->m);
        ports = (ManagerPorts){
                .store = fake_store_port(&rig->store),
                .transfer = fake_transfer_port(&rig->transfer),
                .notifier = {.reply = no_answer,
                             .changed = no_change,
                             .deliver = no_client,
                             .run_program = run_by_pool,
                             .ctx = f},
                .random = fake_random_port(&rig->random),
                .clock = fake_clock_port(&rig->clock),
        };
        rig->m = manager_new(&ports, &rig->policy);
        assert_non_null(rig->m);
        assert_int_equal(manager_load(rig->m), 0);
        f->rig = rig;
        return rig;
}

static void stop_engine(Fixture *f)
{
        fake_rig_done(f->rig);
        free(f->rig);
        f->rig = NULL;
}

static void a_job_runs_its_program_until_it_succeeds(void **state)
{
        Fixture *f = *state;
        FakeRig *rig = start_engine(f);
        const Caller caller = {.uid = geteuid(), .is_admin = true};
        _cleanup_free_ char *path = script(f,
                                           "echo $BITS_JOB_ID $BITS_JOB_EVENT $1 >> %s/runs;"
                                           " [ $(wc -l < %s/runs) -ge 3 ]",
                                           f->dir, f->dir);
        _cleanup_free_ char *line = mem_printf("%s \"an argument\"", path);
        _cleanup_free_ char *runs = NULL, *expected = NULL;
        GUID id = fake_rig_resumed(rig, 1);
        const Job *job = fake_rig_read(rig, &id);
        char text[GUID_TEXT_LEN + 1];

        assert_hr(manager_set_notify_cmd_line(rig->m, &caller, &id, path, line), S_OK);
        fake_rig_finish(rig);
        for (size_t i = 1; i <= 3; i++) {
                wait_ends(f, i);
                assert_int_equal(job->status.program_runs, i);
                assert_int_equal(job->status.program_result, i < 3);
                fake_rig_advance(rig, 600 * USEC_PER_SEC);
        }
        assert_int_equal(job->status.undelivered, NOTIFY_NONE);
        assert_false(manager_has_work(rig->m));
        guid_format(&id, text);
        expected = mem_printf("%s transferred an argument\n%s transferred an argument\n"
                              "%s transferred an argument\n",
                              text, text, text);
        runs = read_text(f, "runs");
        assert_string_equal(runs, expected);
        stop_engine(f);
}

static void six_jobs_run_four_programs_at_a_time(void **state)
{
        Fixture *f = *state;
        FakeRig *rig = start_engine(f);
        const Caller caller = {.uid = geteuid(), .is_admin = true};
        _cleanup_free_ char *path =
                script(f, "echo >> %s/started; read x < %s/gate; exit 0", f->dir, f->dir);
        _cleanup_free_ char *gate = mem_printf("%s/gate", f->dir);
        _cleanup_close_ int gate_fd = -1;

        assert_int_equal(mkfifo(gate, 0600), 0);
        gate_fd = open(gate, O_RDWR | O_CLOEXEC);
        assert_true(gate_fd >= 0);
        for (int i = 0; i < 6; i++) {
                GUID id = fake_rig_resumed(rig, 1);

                assert_hr(manager_set_notify_cmd_line(rig->m, &caller, &id, path, NULL), S_OK);
        }
        fake_rig_finish(rig);
        assert_logged(f, "started as user");
        for (size_t i = 1; i <= 6; i++) {
                _cleanup_free_ char *log = read_text(f, "log");
                size_t started = 0;

                for (const char *p = log; (p = strstr(p, " started as user")); p++)
                        started++;
                assert_int_equal(started, MIN(i + 3, (size_t) 6));
                assert_int_equal(fd_write_all(gate_fd, "\n", 1), 0);
                wait_ends(f, i);
                fake_rig_run(rig);
        }
        assert_false(manager_has_work(rig->m));
        stop_engine(f);
}

#define pool_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                pool_test(the_delivery_is_answered),
                pool_test(the_environment_tells_of_the_job),
                pool_test(what_is_not_there_is_left_out),
                pool_test(a_user_without_an_entry_is_a_number),
                pool_test(parameters_are_the_whole_command_line),
                pool_test(what_cannot_be_run_is_refused),
                pool_test(the_log_is_an_audit),
                pool_test(control_characters_do_not_reach_the_log),
                pool_test(daemons_do_not_outlive_the_last_program),
                pool_test(nor_do_their_children),
                pool_test(a_daemon_may_be_of_a_program_that_still_runs),
                pool_test(our_own_children_are_left_alone),
                pool_test(process_1_spares_strangers),
                pool_test(sessions_from_outside_are_strangers),
                pool_test(no_dead_children_pile_up),
                pool_test(leaving_ends_everything),
                pool_test(a_job_runs_its_program_until_it_succeeds),
                pool_test(six_jobs_run_four_programs_at_a_time),
        };

        return cmocka_run_group_tests_name("program pool", tests, NULL, NULL);
}
