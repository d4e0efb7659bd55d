/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

#include "failing.h"

static void absolute_means_from_the_root(void **state)
{
        assert_true(path_is_absolute("/"));
        assert_true(path_is_absolute("//x"));
        assert_false(path_is_absolute(""));
        assert_false(path_is_absolute("a/b"));
        assert_false(path_is_absolute("./a"));
}

static void paths_split_at_the_last_slash(void **state)
{
        static const struct {
                const char *path, *dir, *leaf;
        } cases[] = {
                {"/x", "/", "x"},        {"//x", "/", "x"},         {"/a/b", "/a", "b"},
                {"/a//b", "/a", "b"},    {"/a/../b", "/a/..", "b"}, {"/a/./b", "/a/.", "b"},
                {"/a/...", "/a", "..."}, {"/a/.b", "/a", ".b"},     {"/a/..b", "/a", "..b"},
                {"/a/ ", "/a", " "},     {"/a/\n", "/a", "\n"},     {"a/b", "a", "b"},
                {"x", ".", "x"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_free_ char *dir = NULL;
                const char *leaf;

                assert_int_equal(path_split(cases[i].path, &dir, &leaf), 0);
                assert_string_equal(dir, cases[i].dir);
                assert_string_equal(leaf, cases[i].leaf);
                assert_ptr_equal(leaf, cases[i].path + strlen(cases[i].path) - strlen(leaf));
        }
}

static void paths_without_a_leaf_are_refused(void **state)
{
        static const char *const paths[] = {NULL,    "",  "/",  "//", "/a/", "/a//",  "/a/.",
                                            "/a/..", ".", "..", "/.", "/..", "a/../", "a/."};
        char *dir = NULL;
        const char *leaf = NULL;

        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
                assert_int_equal(path_split(paths[i], &dir, &leaf), -EINVAL);
        assert_null(dir);
        assert_null(leaf);
}

static int split_both_kinds(void)
{
        _cleanup_free_ char *first = NULL, *second = NULL;
        const char *leaf;
        int r = path_split("/a/b", &first, &leaf);

        return r < 0 ? r : path_split("b", &second, &leaf);
}

static void splitting_reports_exhausted_memory(void **state)
{
        assert_int_equal(each_allocation_fails(split_both_kinds), 2);
}

static int setup_dir(void **state)
{
        char path[] = "/tmp/test-base-path-XXXXXX";

        (void) umask(022);
        if (!mkdtemp(path) || chdir(path) < 0)
                return -1;
        *state = mem_strdup(path);
        return *state ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

static int teardown_dir(void **state)
{
        int r = chdir("/") | nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);

        mem_free(*state);
        return r;
}

static mode_t mode_of(const char *path)
{
        struct stat st;

        assert_int_equal(lstat(path, &st), 0);
        assert_true(S_ISDIR(st.st_mode));
        return st.st_mode & 07777;
}

static void missing_parts_are_made_with_the_mode(void **state)
{
        char absolute[PATH_MAX];

        assert_int_equal(mkdir("there", 0755), 0);
        assert_int_equal(path_make_dirs("there/a//b/c/", 0700), 0);
        assert_int_equal(mode_of("there"), 0755);
        assert_int_equal(mode_of("there/a"), 0700);
        assert_int_equal(mode_of("there/a/b/c"), 0700);
        assert_int_equal(path_make_dirs("there/a/b/c", 0755), 0);
        assert_int_equal(mode_of("there/a/b/c"), 0700);
        (void) snprintf(absolute, sizeof(absolute), "%s/x/y", (char *) *state);
        assert_int_equal(path_make_dirs(absolute, 0750), 0);
        assert_int_equal(mode_of("x/y"), 0750);
        assert_int_equal(path_make_dirs("single", 0700), 0);
        assert_int_equal(mode_of("single"), 0700);
        assert_int_equal(path_make_dirs("/", 0700), 0);
}

static void files_and_dangling_links_in_the_way_are_errors(void **state)
{
        _cleanup_free_ char *long_path = mem_alloc(PATH_MAX + 1);
        _cleanup_close_ int fd = open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(path_make_dirs("file", 0700), -ENOTDIR);
        assert_int_equal(path_make_dirs("file/a", 0700), -ENOTDIR);
        assert_int_equal(symlink("nowhere", "dangling"), 0);
        assert_int_equal(path_make_dirs("dangling", 0700), -EEXIST);
        assert_int_equal(path_make_dirs("", 0700), -EINVAL);
        assert_int_equal(path_make_dirs(NULL, 0700), -EINVAL);
        memset(long_path, 'a', PATH_MAX);
        long_path[PATH_MAX] = '\0';
        assert_int_equal(path_make_dirs(long_path, 0700), -ENAMETOOLONG);
        long_path[PATH_MAX - 1] = '\0';
        assert_int_equal(path_make_dirs(long_path, 0700), -ENAMETOOLONG);
}

static void links_to_directories_are_followed_on_the_way(void **state)
{
        assert_int_equal(mkdir("real", 0700), 0);
        assert_int_equal(symlink("real", "link"), 0);
        assert_int_equal(path_make_dirs("link", 0700), 0);
        assert_int_equal(path_make_dirs("link/sub", 0700), 0);
        assert_int_equal(mode_of("real/sub"), 0700);
}

static void only_a_closed_directory_of_ones_own_is_private(void **state)
{
        static const mode_t open_modes[] = {0710, 0720, 0740, 0701, 0702, 0704, 0777, 01777};
        uid_t me = geteuid();

        assert_int_equal(mkdir("dir", 0700), 0);
        assert_int_equal(path_check_private_dir("dir", me), 0);
        assert_int_equal(path_check_private_dir("dir///", me), 0);
        assert_int_equal(path_check_private_dir("dir", me + 1), -EPERM);
        for (size_t i = 0; i < ARRAY_LEN(open_modes); i++) {
                assert_int_equal(chmod("dir", open_modes[i]), 0);
                assert_int_equal(path_check_private_dir("dir", me), -EPERM);
        }
        assert_int_equal(chmod("dir", 0500), 0);
        assert_int_equal(path_check_private_dir("dir", me), 0);
}

static void links_and_files_are_no_private_directories(void **state)
{
        _cleanup_close_ int fd = open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        uid_t me = geteuid();

        assert_true(fd >= 0);
        assert_int_equal(mkdir("dir", 0700), 0);
        assert_int_equal(symlink("dir", "link"), 0);
        assert_int_equal(path_check_private_dir("link", me), -ENOTDIR);
        assert_int_equal(path_check_private_dir("link/", me), -ENOTDIR);
        assert_int_equal(path_check_private_dir("file", me), -ENOTDIR);
        assert_int_equal(path_check_private_dir("missing", me), -ENOENT);
        assert_int_equal(path_check_private_dir("", me), -EINVAL);
        assert_int_equal(path_check_private_dir(NULL, me), -EINVAL);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, setup_dir, teardown_dir)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(absolute_means_from_the_root),
                cmocka_unit_test(paths_split_at_the_last_slash),
                cmocka_unit_test(paths_without_a_leaf_are_refused),
                cmocka_unit_test(splitting_reports_exhausted_memory),
                IN_DIR(missing_parts_are_made_with_the_mode),
                IN_DIR(files_and_dangling_links_in_the_way_are_errors),
                IN_DIR(links_to_directories_are_followed_on_the_way),
                IN_DIR(only_a_closed_directory_of_ones_own_is_private),
                IN_DIR(links_and_files_are_no_private_directories),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
