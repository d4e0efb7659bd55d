/* SPDX-License-Identifier: Apache-2.0 */
/* What a bitssrv that clients have taken over could still do. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../fakes/skip_test.h"
#include "base/str.h"
#include "server/sandbox.h"
#include "walled.h"

#define PATH_BYTES 128
#define WHY_MAX_BYTES 4096

typedef struct Place {
        char top[PATH_BYTES];
        char root[PATH_BYTES];   /* the site's */
        char beside[PATH_BYTES]; /* not in the configuration */
        Options options;
        Config *config;
} Place;

static void enter(void *ctx)
{
        Place *p = ctx;
        ServerSandbox *s;

        if (server_sandbox_enter(&p->options, p->config, &s) < 0)
                _exit(WALLED_BROKEN);
}

static int try_it(Place *p, int (*attempt)(void *ctx))
{
        return walled_try(
                &(Walled){.enter = enter, .attempt = attempt, .ctx = p, .uid = (uid_t) -1});
}

static int make_file(const char *dir)
{
        char path[2 * PATH_BYTES];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/made", dir);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        return fd < 0 ? errno : unlink(path) < 0 ? errno : 0;
}

static int make_a_file_in_the_site(void *ctx)
{
        return make_file(((Place *) ctx)->root);
}

static int make_a_file_beside(void *ctx)
{
        return make_file(((Place *) ctx)->beside);
}

static int make_a_file_in_etc(void *ctx)
{
        return make_file("/etc");
}

static int list_what_is_beside(void *ctx)
{
        int fd = open(((Place *) ctx)->beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? errno : 0;
}

static int read_what_the_system_has(void *ctx)
{
        int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

        return fd < 0 ? errno : 0;
}

static int run(const char *program)
{
        char *const argv[] = {(char *) program, NULL};
        char *const none[] = {NULL};
        pid_t pid;

        return posix_spawn(&pid, program, NULL, NULL, argv, none);
}

static int run_a_program(void *ctx)
{
        return run("/bin/true");
}

static int run_itself(void *ctx)
{
        return run("/proc/self/exe"); /* the new one finds no test to run in there and ends */
}

static int signal_the_parent(void *ctx)
{
        return kill(getppid(), SIGTERM) < 0 ? errno : 0;
}

static int look_into_the_parent(void *ctx)
{
        return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 ? errno : 0;
}

static int mount_something(void *ctx)
{
        return mount("tmpfs", "/mnt", "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int listen_for_clients(void *ctx)
{
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return fd < 0 || listen(fd, 1) < 0 ? errno : 0;
}

static void hostile_calls_end_the_process(void **state)
{
        assert_int_equal(try_it(*state, look_into_the_parent), WALLED_KILLED);
        assert_int_equal(try_it(*state, mount_something), WALLED_KILLED);
}

static void files_are_those_of_the_configuration(void **state)
{
        if (!walled_has_landlock())
                SKIP_TEST("no Landlock here");
        assert_int_equal(try_it(*state, make_a_file_in_the_site), 0);
        assert_int_equal(try_it(*state, read_what_the_system_has), 0);
        assert_int_equal(try_it(*state, make_a_file_beside), EACCES);
        assert_int_equal(try_it(*state, make_a_file_in_etc), EACCES);
        assert_int_equal(try_it(*state, list_what_is_beside), EACCES);
}

static void no_program_is_run_but_itself(void **state)
{
        if (!walled_has_landlock())
                SKIP_TEST("no Landlock here");
        assert_int_equal(try_it(*state, run_a_program), EACCES);
        assert_int_equal(try_it(*state, run_itself), 0);
}

static void signals_stay_in_the_family(void **state)
{
        if (walled_landlock_abi() < 6)
                SKIP_TEST("this kernel's Landlock knows no signals");
        assert_int_equal(try_it(*state, signal_the_parent), EPERM);
}

static void what_a_server_needs_works(void **state)
{
        assert_int_equal(try_it(*state, listen_for_clients), 0);
}

static int setup(void **state)
{
        static Place p;
        char session_dir[2 * PATH_BYTES];
        Buf why;
        Site *site;

        (void) strcpy(p.top, "/tmp/test-sandbox-XXXXXX");
        if (!mkdtemp(p.top))
                return -1;
        (void) snprintf(p.root, sizeof(p.root), "%.90s/root", p.top);
        (void) snprintf(p.beside, sizeof(p.beside), "%.90s/beside", p.top);
        (void) snprintf(session_dir, sizeof(session_dir), "%s/sessions", p.top);
        if (mkdir(p.root, 0700) < 0 || mkdir(p.beside, 0700) < 0 || mkdir(session_dir, 0700) < 0)
                return -1;
        buf_init(&why, WHY_MAX_BYTES);
        if (config_new(&p.config) < 0 || config_add_root(p.config, p.root, &site) < 0 ||
            config_add_listener(p.config, "127.0.0.1:0", false) < 0)
                return -1;
        if (str_replace(&site->session_directory, session_dir) < 0 ||
            config_open(p.config, &why) < 0) {
                print_message("# %s\n", buf_cstr(&why));
                return -1;
        }
        buf_done(&why);
        *state = &p;
        return 0;
}

static int teardown(void **state)
{
        Place *p = *state;
        char path[2 * PATH_BYTES];

        config_unref(p->config);
        (void) snprintf(path, sizeof(path), "%s/sessions", p->top);
        (void) rmdir(path);
        (void) rmdir(p->root);
        (void) rmdir(p->beside);
        return rmdir(p->top);
}

int main(int argc, char *argv[])
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hostile_calls_end_the_process),
                cmocka_unit_test(files_are_those_of_the_configuration),
                cmocka_unit_test(no_program_is_run_but_itself),
                cmocka_unit_test(signals_stay_in_the_family),
                cmocka_unit_test(what_a_server_needs_works),
        };

#ifdef SANDBOX_LEFT_OUT
        (void) printf("1..0 # SKIP sanitized builds have no sandbox\n");
        return 0;
#endif
        if (strcmp(argv[0], "/proc/self/exe") == 0)
                return 0;
        return cmocka_run_group_tests(tests, setup, teardown);
}
