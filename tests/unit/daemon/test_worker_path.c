/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "daemon/worker_path.h"

#include "own_dir.h"

static char *make_program(void **state, mode_t mode)
{
        char *path = mem_printf("%s/worker", (char *) *state);

        assert_non_null(path);
        assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode)), 0);
        return path;
}

static void the_environment_names_it(void **state)
{
        _cleanup_free_ char *program = make_program(state, 0700);
        _cleanup_free_ char *found = NULL;

        assert_int_equal(setenv("BITSD_WORKER", program, 1), 0);
        assert_int_equal(worker_path_find(&found), 0);
        assert_string_equal(found, program);
}

static void what_the_environment_names_wrongly_is_not_replaced(void **state)
{
        _cleanup_free_ char *plain = make_program(state, 0600);
        char *found = NULL;

        assert_int_equal(setenv("BITSD_WORKER", plain, 1), 0);
        assert_int_equal(worker_path_find(&found), -ENOENT);
        assert_int_equal(setenv("BITSD_WORKER", *state, 1), 0); /* a directory */
        assert_int_equal(worker_path_find(&found), -ENOENT);
        assert_int_equal(setenv("BITSD_WORKER", "relative", 1), 0);
        assert_int_equal(worker_path_find(&found), -ENOENT);
        assert_null(found);
}

static void beside_the_own_program_it_is_found(void **state)
{
        _cleanup_free_ char *beside = NULL;
        _cleanup_free_ char *found = NULL;
        char self[PATH_MAX] = "";
        char *slash;

        assert_int_equal(unsetenv("BITSD_WORKER"), 0);
        assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
        slash = strrchr(self, '/');
        *slash = '\0';
        beside = mem_printf("%s/bitsd-worker", self);
        assert_int_equal(close(open(beside, O_CREAT | O_WRONLY | O_CLOEXEC, 0700)), 0);
        assert_int_equal(worker_path_find(&found), 0);
        assert_int_equal(unlink(beside), 0);
        assert_string_equal(found, beside);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                own_dir_test(the_environment_names_it),
                own_dir_test(what_the_environment_names_wrongly_is_not_replaced),
                own_dir_test(beside_the_own_program_it_is_found),
        };

        return cmocka_run_group_tests_name("worker path", tests, NULL, NULL);
}
