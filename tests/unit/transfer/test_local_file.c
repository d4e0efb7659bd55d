/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/str.h"
#include "transfer/local_copy.h"
#include "transfer/local_file.h"
#include "../../fakes/skip_test.h"

static const GUID JOB_ID = {0x00112233, 0x4455, 0x6677, {0x88, 0x99, 0xaa, 0xbb, 1, 2, 3, 4}};

typedef struct Place {
        char dir[PATH_MAX];
        char local[PATH_MAX + 8];
        char temp[PATH_MAX + TEMP_LEAF_BYTES];
        LocalFile file;
        bool has_tags;
} Place;

static bool tags_work(const char *dir)
{
        char path[PATH_MAX + 8];
        bool work;
        int fd;

        (void) snprintf(path, sizeof(path), "%s/probe", dir);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        work = fsetxattr(fd, "user.probe", "x", 1, 0) == 0;
        assert_int_equal(close(fd), 0);
        assert_int_equal(unlink(path), 0);
        return work;
}

static int set_up(void **state)
{
        const char *base = getenv("TMPDIR");
        Place *p = mem_new(Place);

        assert_non_null(p);
        (void) snprintf(p->dir, sizeof(p->dir), "%s/test_local_file.XXXXXX", base ? base : "/tmp");
        assert_non_null(mkdtemp(p->dir));
        (void) snprintf(p->local, sizeof(p->local), "%s/final", p->dir);
        local_file_init(&p->file);
        assert_int_equal(local_file_open_dir(&p->file, p->local, &JOB_ID, 3), 0);
        (void) snprintf(p->temp, sizeof(p->temp), "%s/%s", p->dir, p->file.leaf);
        p->has_tags = tags_work(p->dir);
        *state = p;
        return 0;
}

static int tear_down(void **state)
{
        Place *p = *state;

        local_file_done(&p->file);
        (void) unlink(p->temp);
        (void) rmdir(p->temp);
        (void) unlink(p->local);
        assert_int_equal(rmdir(p->dir), 0);
        mem_free(p);
        return 0;
}

static uint64_t size_of(const char *path)
{
        struct stat st;

        assert_int_equal(lstat(path, &st), 0);
        return (uint64_t) st.st_size;
}

static void write_five(LocalFile *f)
{
        assert_int_equal(local_file_create(f), 0);
        assert_int_equal(local_file_append(f, "12345", 5), 0);
}

/* Closes the file as a crash does, and looks at the place anew. */
static void reopen(Place *p)
{
        local_file_done(&p->file);
        local_file_init(&p->file);
        assert_int_equal(local_file_open_dir(&p->file, p->local, &JOB_ID, 3), 0);
}

static void a_new_file_is_private_and_empty(void **state)
{
        Place *p = *state;
        struct stat st;

        assert_int_equal(local_file_create(&p->file), 0);
        assert_int_equal(stat(p->temp, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_size, 0);
        assert_int_equal(access(p->local, F_OK), -1);
}

static void bytes_are_appended(void **state)
{
        Place *p = *state;
        char data[16] = "";
        int fd;

        write_five(&p->file);
        assert_int_equal(local_file_append(&p->file, "678", 3), 0);
        assert_int_equal(p->file.written_bytes, 8);
        local_file_rewind(&p->file, 4);
        assert_int_equal(local_file_append(&p->file, "xyz", 3), 0);
        assert_int_equal(p->file.written_bytes, 7);
        fd = open(p->temp, O_RDONLY | O_CLOEXEC);
        assert_int_equal(read(fd, data, sizeof(data)), 8);
        assert_int_equal(close(fd), 0);
        assert_memory_equal(data, "1234xyz8", 8);
}

static void a_leftover_of_ours_makes_way(void **state)
{
        Place *p = *state;

        write_five(&p->file);
        reopen(p);
        assert_int_equal(local_file_create(&p->file), 0);
        assert_int_equal(size_of(p->temp), 0);
}

static void what_is_no_file_of_ours_stays(void **state)
{
        Place *p = *state;

        assert_int_equal(symlink("/etc/passwd", p->temp), 0);
        assert_int_equal(local_file_create(&p->file), -EEXIST);
        assert_int_equal(local_file_open_partial(&p->file, 1, 0), 0);
        assert_int_equal(local_file_remove(&p->file), -EEXIST);
        assert_int_equal(unlink(p->temp), 0);
        assert_int_equal(mkdir(p->temp, 0700), 0);
        assert_int_equal(local_file_create(&p->file), -EEXIST);
        assert_int_equal(local_file_remove(&p->file), -EEXIST);
}

static void a_second_name_makes_it_a_strangers(void **state)
{
        Place *p = *state;

        write_five(&p->file);
        assert_int_equal(local_file_set_tag(&p->file, 1) == 0, p->has_tags);
        reopen(p);
        assert_int_equal(link(p->temp, p->local), 0);
        assert_int_equal(local_file_open_partial(&p->file, 5, 1), 0);
        assert_int_equal(local_file_create(&p->file), -EEXIST);
        assert_int_equal(unlink(p->local), 0);
        assert_int_equal(local_file_open_partial(&p->file, 5, 1), 1);
}

static void a_part_is_cut_to_what_is_vouched_for(void **state)
{
        Place *p = *state;

        write_five(&p->file);
        assert_int_equal(local_file_set_tag(&p->file, 1) == 0, p->has_tags);
        reopen(p);
        assert_int_equal(local_file_open_partial(&p->file, 6, 1), 0); /* it has not so much */
        assert_int_equal(local_file_open_partial(&p->file, 3, 1), 1);
        assert_int_equal(p->file.written_bytes, 3);
        assert_int_equal(size_of(p->temp), 3);
}

static void a_part_of_another_version_is_not_opened(void **state)
{
        Place *p = *state;

        if (!p->has_tags)
                SKIP_TEST("no user.* attributes on this file system");
        write_five(&p->file);
        reopen(p);
        assert_int_equal(local_file_open_partial(&p->file, 5, 1), 0); /* no tag at all */
        write_five(&p->file);
        assert_int_equal(local_file_set_tag(&p->file, 1), 0);
        reopen(p);
        assert_int_equal(local_file_open_partial(&p->file, 5, 2), 0);
        assert_int_equal(local_file_open_partial(&p->file, 5, 1), 1);
}

static void a_new_file_has_no_old_tag(void **state)
{
        Place *p = *state;

        if (!p->has_tags)
                SKIP_TEST("no user.* attributes on this file system");
        write_five(&p->file);
        assert_int_equal(local_file_set_tag(&p->file, 1), 0);
        reopen(p);
        write_five(&p->file);
        reopen(p);
        assert_int_equal(local_file_open_partial(&p->file, 5, 1), 0);
}

static void a_finished_file_has_the_time_of_the_server(void **state)
{
        Place *p = *state;
        struct stat st;

        write_five(&p->file);
        assert_int_equal(local_file_finish(&p->file, 1600000000), 0);
        assert_int_equal(stat(p->temp, &st), 0);
        assert_int_equal(st.st_mtim.tv_sec, 1600000000);
        assert_int_equal(p->file.written_bytes, 5);
}

static void no_time_and_impossible_times_are_no_failure(void **state)
{
        Place *p = *state;
        struct stat st;

        write_five(&p->file);
        assert_int_equal(local_file_finish(&p->file, FILE_NO_TIME), 0);
        assert_int_equal(stat(p->temp, &st), 0);
        assert_true(st.st_mtim.tv_sec > 1700000000);
        write_five(&p->file);
        assert_int_equal(local_file_finish(&p->file, INT64_MAX), 0);
}

static void reserving_changes_no_size(void **state)
{
        Place *p = *state;

        write_five(&p->file);
        assert_int_equal(local_file_reserve(&p->file, 10), 0);
        assert_int_equal(local_file_reserve(&p->file, 8 << 20), 0);
        assert_int_equal(size_of(p->temp), 5);
        assert_true(local_file_reserve(&p->file, UINT64_MAX - 1) < 0);
        assert_true(local_file_reserve(&p->file, INT64_MAX) < 0);
}

static void removing_what_is_not_there_is_fine(void **state)
{
        Place *p = *state;

        assert_int_equal(local_file_remove(&p->file), 0);
        write_five(&p->file);
        assert_int_equal(local_file_remove(&p->file), 0);
        assert_int_equal(access(p->temp, F_OK), -1);
        assert_int_equal(local_file_remove(&p->file), 0);
}

static void a_directory_must_be_one(void **state)
{
        LocalFile f;

        local_file_init(&f);
        assert_int_equal(local_file_open_dir(&f, "/nowhere/at/all", &JOB_ID, 0), -ENOENT);
        assert_int_equal(local_file_open_dir(&f, "/etc/passwd/x", &JOB_ID, 0), -ENOTDIR);
        assert_int_equal(local_file_open_dir(&f, "/", &JOB_ID, 0), -EINVAL);
        local_file_done(&f);
}

static void file_urls_name_paths(void **state)
{
        static const struct {
                const char *remote, *path; /* NULL: refused */
        } CASES[] = {
                {"/a b", "/a b"},
                {"/a%20b", "/a%20b"},
                {"file:///a%20b", "/a b"},
                {"FILE:///a", "/a"},
                {"file://localhost/a", "/a"},
                {"file:/a", "/a"},
                {"file:///%C3%A9", "/\xc3\xa9"},
                {"file:///%2e%2e/x", "/../x"},
                {"file://host/a", NULL},
                {"file://", NULL},
                {"file:", NULL},
                {"file:a", NULL},
                {"file:////a", NULL},
                {"file:///a%00b", NULL},
                {"file:///a%", NULL},
                {"file:///a%2", NULL},
                {"file:///a%2x", NULL},
        };

        for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
                _cleanup_free_ char *path = NULL;
                int r = local_copy_path(CASES[i].remote, &path);

                assert_true(local_copy_handles(CASES[i].remote));
                assert_int_equal(r, CASES[i].path ? 0 : -EINVAL);
                if (r == 0)
                        assert_string_equal(path, CASES[i].path);
        }
        assert_false(local_copy_handles("http://x/"));
        assert_false(local_copy_handles("relative"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_new_file_is_private_and_empty),
                TEST(bytes_are_appended),
                TEST(a_leftover_of_ours_makes_way),
                TEST(what_is_no_file_of_ours_stays),
                TEST(a_second_name_makes_it_a_strangers),
                TEST(a_part_is_cut_to_what_is_vouched_for),
                TEST(a_part_of_another_version_is_not_opened),
                TEST(a_new_file_has_no_old_tag),
                TEST(a_finished_file_has_the_time_of_the_server),
                TEST(no_time_and_impossible_times_are_no_failure),
                TEST(reserving_changes_no_size),
                TEST(removing_what_is_not_there_is_fine),
                cmocka_unit_test(a_directory_must_be_one),
                cmocka_unit_test(file_urls_name_paths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
