/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ipc/address.h"
#include "../../fakes/skip_test.h"

/* Nobody's: no home, no runtime directory. */
#define STRANGE_UID 4000000001u

typedef struct Env {
        const char *name;
        const char *value; /* NULL: unset; "@": the test's own directory */
} Env;

typedef struct Row {
        const char *what;
        bool stranger;
        Env env[3];
        const char *want; /* @ stands for the directory, % for the uid */
} Row;

static char *own_dir;

static void fill_in(const char *pattern, uint32_t uid, char *dst, size_t bytes)
{
        char *p = dst, *end = dst + bytes - 1;

        for (; *pattern && p < end; pattern++) {
                if (*pattern == '@')
                        p += snprintf(p, (size_t) (end - p), "%s", own_dir);
                else if (*pattern == '%')
                        p += snprintf(p, (size_t) (end - p), "%u", uid);
                else
                        *p++ = *pattern;
        }
        *p = '\0';
}

static void set_environment(const Row *row)
{
        static const char *const names[] = {
                "BITSD_SOCKET", "BITSD_STATE_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
                "HOME",         "TMPDIR"};
        char value[512];

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                assert_int_equal(unsetenv(names[i]), 0);
        for (size_t i = 0; i < ARRAY_LEN(row->env) && row->env[i].name; i++) {
                fill_in(row->env[i].value, 0, value, sizeof(value));
                assert_int_equal(setenv(row->env[i].name, value, 1), 0);
        }
}

static void check_rows(const Row *rows, size_t n, int (*address)(uint32_t uid, char **ret_path))
{
        for (size_t i = 0; i < n; i++) {
                uint32_t uid = rows[i].stranger ? STRANGE_UID : (uint32_t) getuid();
                _cleanup_free_ char *got = NULL;
                char want[512];

                set_environment(&rows[i]);
                fill_in(rows[i].want, uid, want, sizeof(want));
                assert_int_equal(address(uid, &got), 0);
                if (strcmp(got, want) != 0)
                        fail_msg("%s: %s instead of %s", rows[i].what, got, want);
        }
}

static void socket_is_where_the_table_says(void **state)
{
        static const Row rows[] = {
                {"named", false, {{"BITSD_SOCKET", "/x/s"}, {"XDG_RUNTIME_DIR", "@"}}, "/x/s"},
                {"empty name",
                 false,
                 {{"BITSD_SOCKET", ""}, {"XDG_RUNTIME_DIR", "@"}},
                 "@/bitsd/socket"},
                {"session", false, {{"XDG_RUNTIME_DIR", "@"}, {"TMPDIR", "/t"}}, "@/bitsd/socket"},
                {"a session of somebody else",
                 true,
                 {{"XDG_RUNTIME_DIR", "@"}, {"TMPDIR", "/t"}},
                 "/t/bitsd-%/socket"},
                {"relative",
                 true,
                 {{"XDG_RUNTIME_DIR", "run"}, {"TMPDIR", "/t"}},
                 "/t/bitsd-%/socket"},
                {"gone",
                 true,
                 {{"XDG_RUNTIME_DIR", "/nonexistent"}, {"TMPDIR", "/t"}},
                 "/t/bitsd-%/socket"},
                {"no session", true, {{"TMPDIR", "/t"}}, "/t/bitsd-%/socket"},
                {"nothing", true, {{0}}, "/tmp/bitsd-%/socket"},
                {"relative TMPDIR", true, {{"TMPDIR", "t"}}, "/tmp/bitsd-%/socket"},
        };

        check_rows(rows, ARRAY_LEN(rows), address_user_socket);
}

static void state_directory_is_where_the_table_says(void **state)
{
        static const Row rows[] = {
                {"named", false, {{"BITSD_STATE_DIR", "/q"}, {"XDG_STATE_HOME", "/s"}}, "/q"},
                {"empty name",
                 false,
                 {{"BITSD_STATE_DIR", ""}, {"XDG_STATE_HOME", "/s"}},
                 "/s/bitsd"},
                {"base directory", false, {{"XDG_STATE_HOME", "/s"}, {"HOME", "/h"}}, "/s/bitsd"},
                {"relative",
                 false,
                 {{"XDG_STATE_HOME", "s"}, {"HOME", "/h"}},
                 "/h/.local/state/bitsd"},
                {"home", false, {{"HOME", "/h"}}, "/h/.local/state/bitsd"},
        };

        check_rows(rows, ARRAY_LEN(rows), address_user_state_dir);
}

static void home_comes_from_the_password_database_at_last(void **state)
{
        static const Row empty = {0};
        struct passwd *pw = getpwuid(getuid());
        _cleanup_free_ char *got = NULL;
        char want[512];

        if (!pw)
                SKIP_TEST("this user has no entry in the password database");
        (void) snprintf(want, sizeof(want), "%s/.local/state/bitsd", pw->pw_dir);
        set_environment(&empty);
        assert_int_equal(address_user_state_dir((uint32_t) getuid(), &got), 0);
        assert_string_equal(got, want);
}

static void without_any_home_there_is_no_state_directory(void **state)
{
        static const Row empty = {0};
        char *got = NULL;

        set_environment(&empty);
        assert_int_equal(address_user_state_dir(STRANGE_UID, &got), -ENOENT);
        assert_null(got);
}

static void socket_path_longer_than_the_kernel_takes_is_refused(void **state)
{
        char path[110], *got = NULL;

        memset(path, 'a', sizeof(path));
        path[0] = '/';
        path[107] = '\0';
        assert_int_equal(setenv("BITSD_SOCKET", path, 1), 0);
        assert_int_equal(address_user_socket(0, &got), 0);
        assert_string_equal(got, path);
        mem_free(got);
        got = NULL;
        path[107] = 'a';
        path[108] = '\0';
        assert_int_equal(setenv("BITSD_SOCKET", path, 1), 0);
        assert_int_equal(address_user_socket(0, &got), -ENAMETOOLONG);
        assert_null(got);
}

static void out_of_memory_is_reported(void **state)
{
        char *got = NULL;

        assert_int_equal(setenv("BITSD_SOCKET", "/x", 1), 0);
        mem_fail_nth(1);
        assert_int_equal(address_user_socket(0, &got), -ENOMEM);
        mem_fail_nth(1);
        assert_int_equal(address_user_state_dir(0, &got), -ENOMEM);
        mem_fail_nth(0);
        assert_null(got);
}

static int make_own_dir(void **state)
{
        static char dir[] = "/tmp/test-address-XXXXXX";

        own_dir = mkdtemp(dir);
        return own_dir ? 0 : -1;
}

static int remove_own_dir(void **state)
{
        return rmdir(own_dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(socket_is_where_the_table_says),
                cmocka_unit_test(state_directory_is_where_the_table_says),
                cmocka_unit_test(home_comes_from_the_password_database_at_last),
                cmocka_unit_test(without_any_home_there_is_no_state_directory),
                cmocka_unit_test(socket_path_longer_than_the_kernel_takes_is_refused),
                cmocka_unit_test(out_of_memory_is_reported),
        };

        return cmocka_run_group_tests_name("address", tests, make_own_dir, remove_own_dir);
}
