/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/socket_path.h"

#include "own_dir.h"
#include "../../fakes/skip_test.h"

static char *inside(void **state, const char *leaf)
{
        char *path = mem_printf("%s/%s", (char *) *state, leaf);

        assert_non_null(path);
        return path;
}

static int listen_at(const char *path)
{
        int fd;

        assert_int_equal(socket_path_bind(path, &fd), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static void a_bound_socket_is_private_and_closed_on_exec(void **state)
{
        _cleanup_free_ char *path = inside(state, "s");
        mode_t before = umask(0);
        struct stat st;
        int fd;

        assert_int_equal(socket_path_bind(path, &fd), 0);
        assert_int_equal(umask(before), 0); /* the process's own mask is as it was */
        assert_int_equal(stat(path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_int_equal(socket_path_bind(path, &fd), -EADDRINUSE);
        (void) close(fd);
}

static void paths_that_are_too_long_are_refused(void **state)
{
        char path[200];
        int fd = -7;

        memset(path, 'a', sizeof(path));
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(socket_path_bind(path, &fd), -ENAMETOOLONG);
        assert_int_equal(socket_path_probe(path), -ENAMETOOLONG);
        assert_int_equal(fd, -7);
}

static void probing_tells_the_living_from_the_dead(void **state)
{
        _cleanup_free_ char *path = inside(state, "s");
        _cleanup_free_ char *file = inside(state, "f");
        int fd;

        assert_int_equal(socket_path_probe(path), 0);
        fd = listen_at(path);
        assert_int_equal(socket_path_probe(path), 1);
        (void) close(fd);
        assert_int_equal(socket_path_probe(path), 0);
        assert_int_equal(close(creat(file, 0600)), 0);
        assert_int_equal(socket_path_probe(file), 0);
}

static void only_dead_sockets_are_cleared_away(void **state)
{
        _cleanup_free_ char *path = inside(state, "s");
        _cleanup_free_ char *file = inside(state, "f");
        char *problem = NULL;
        int fd;

        assert_int_equal(socket_path_clear(path, &problem), 0);
        fd = listen_at(path);
        assert_int_equal(socket_path_clear(path, &problem), -EADDRINUSE);
        assert_non_null(problem);
        mem_free(problem);
        problem = NULL;
        assert_int_equal(access(path, F_OK), 0);
        (void) close(fd);
        assert_int_equal(socket_path_clear(path, &problem), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(close(creat(file, 0600)), 0);
        assert_int_equal(socket_path_clear(file, &problem), -EEXIST);
        assert_non_null(problem);
        mem_free(problem);
        assert_int_equal(access(file, F_OK), 0);
}

static void a_link_leads_to_the_living_one_and_is_replaced_when_dead(void **state)
{
        _cleanup_free_ char *path = inside(state, "s");
        _cleanup_free_ char *link = inside(state, "l");
        char *problem = NULL;
        struct stat st;
        int fd = listen_at(path);

        assert_int_equal(socket_path_link(link, path), 0);
        assert_int_equal(socket_path_probe(link), 1);
        assert_int_equal(socket_path_clear(link, &problem), -EADDRINUSE);
        mem_free(problem);
        (void) close(fd);
        assert_int_equal(socket_path_probe(link), 0);
        assert_int_equal(socket_path_link(link, "/nonexistent"), 0);
        assert_int_equal(socket_path_clear(link, &problem), 0);
        assert_int_equal(lstat(link, &st), -1);
        assert_int_equal(lstat(path, &st), 0);
}

static int prepare(const char *path, bool is_chosen)
{
        _cleanup_free_ char *problem = NULL;
        int r = socket_path_prepare_dir(path, geteuid(), is_chosen, &problem);

        assert_true(r == 0 || problem);
        return r;
}

static void directories_are_made_private(void **state)
{
        _cleanup_free_ char *path = inside(state, "a/b/s");
        _cleanup_free_ char *dir = inside(state, "a/b");
        struct stat st;

        assert_int_equal(prepare(path, false), 0);
        assert_int_equal(stat(dir, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        assert_int_equal(prepare(path, true), 0);
}

static void directories_that_others_can_get_into_are_refused(void **state)
{
        static const struct {
                mode_t mode;
                int want_default;
                int want_chosen;
        } rows[] = {
                {0700, 0, 0},           {0755, -EPERM, 0},      {0711, -EPERM, 0},
                {0770, -EPERM, -EPERM}, {0707, -EPERM, -EPERM}, {01777, -EPERM, 0},
        };
        _cleanup_free_ char *path = inside(state, "d/s");
        _cleanup_free_ char *dir = inside(state, "d");

        assert_int_equal(mkdir(dir, 0700), 0);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                assert_int_equal(chmod(dir, rows[i].mode), 0);
                assert_int_equal(prepare(path, false), rows[i].want_default);
                assert_int_equal(prepare(path, true), rows[i].want_chosen);
        }
}

static void a_file_or_a_link_for_a_directory_is_refused(void **state)
{
        _cleanup_free_ char *file = inside(state, "f");
        _cleanup_free_ char *in_file = inside(state, "f/s");
        _cleanup_free_ char *link = inside(state, "l");
        _cleanup_free_ char *in_link = inside(state, "l/s");

        assert_int_equal(close(creat(file, 0600)), 0);
        assert_int_equal(prepare(in_file, false), -ENOTDIR);
        assert_int_equal(symlink(*state, link), 0);
        assert_int_equal(prepare(in_link, false), -ENOTDIR);
        assert_int_equal(prepare(in_link, true), 0); /* the user's own choice */
}

static void directories_of_others_are_refused(void **state)
{
        _cleanup_free_ char *path = inside(state, "s");

        if (geteuid() != 0)
                SKIP_TEST("needs root");
        assert_int_equal(chown(*state, 12345, 12345), 0);
        assert_int_equal(prepare(path, false), -EPERM);
        assert_int_equal(prepare(path, true), -EPERM);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                own_dir_test(a_bound_socket_is_private_and_closed_on_exec),
                own_dir_test(paths_that_are_too_long_are_refused),
                own_dir_test(probing_tells_the_living_from_the_dead),
                own_dir_test(only_dead_sockets_are_cleared_away),
                own_dir_test(a_link_leads_to_the_living_one_and_is_replaced_when_dead),
                own_dir_test(directories_are_made_private),
                own_dir_test(directories_that_others_can_get_into_are_refused),
                own_dir_test(a_file_or_a_link_for_a_directory_is_refused),
                own_dir_test(directories_of_others_are_refused),
        };

        return cmocka_run_group_tests_name("socket path", tests, NULL, NULL);
}
