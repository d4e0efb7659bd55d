/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/file_plan.h"
#include "cli/message.h"

typedef struct Place {
        char dir[64];
        Options options;
        Cli cli;
        char *talk;
        size_t talk_bytes;
        FilePlan plan;
} Place;

static int set_up(void **state)
{
        Place *p = mem_new(Place);

        (void) strcpy(p->dir, "/tmp/bitsctl-plan-XXXXXX");
        if (!mkdtemp(p->dir))
                return -1;
        p->cli.opt = &p->options;
        p->cli.out.talk = open_memstream(&p->talk, &p->talk_bytes);
        *state = p;
        return chdir(p->dir);
}

static int tear_down(void **state)
{
        Place *p = *state;
        char command[128];

        file_plan_done(&p->plan);
        (void) fclose(p->cli.out.talk);
        mem_free(p->talk);
        (void) snprintf(command, sizeof(command), "rm -rf '%s'", p->dir);
        mem_free(p);
        return chdir("/") < 0 || system(command) != 0;
}

static const char *talk(Place *p)
{
        (void) fflush(p->cli.out.talk);
        return p->talk;
}

static void write_file(const char *name, const char *text)
{
        FILE *f = fopen(name, "w");

        assert_non_null(f);
        (void) fputs(text, f);
        assert_int_equal(fclose(f), 0);
}

static const char *local_of(const Place *p, size_t i)
{
        assert_true(strncmp(p->plan.files[i].local, p->dir, strlen(p->dir)) == 0);
        return p->plan.files[i].local + strlen(p->dir);
}

static void targets_become_absolute(void **state)
{
        Place *p = *state;

        assert_int_equal(mkdir("sub", 0700), 0);
        assert_int_equal(symlink("sub", "link"), 0);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/a", NULL, NULL), 0);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/b", NULL, "sub"), 0);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/b", "c", "sub/../link"), 0);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/b", "../d", "sub"), 0);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/b", "/etc/e", "sub"), 0);
        assert_string_equal(local_of(p, 0), "/a");
        assert_string_equal(local_of(p, 1), "/sub/b");
        assert_string_equal(local_of(p, 2), "/sub/c");
        assert_string_equal(local_of(p, 3), "/d");
        assert_string_equal(p->plan.files[4].local, "/etc/e");
        assert_string_equal(p->plan.files[4].remote, "http://h/b");
        assert_string_equal(talk(p), "");
}

static void what_names_no_file_is_refused(void **state)
{
        Place *p = *state;

        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/", NULL, NULL), 1);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/a", "sub/", NULL), 1);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/a", "..", NULL), 1);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/a", "b\xff", NULL), 1);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/a", "gone/b", NULL), 1);
        assert_int_equal(p->plan.count, 0);
        assert_non_null(strstr(talk(p), "cannot tell a file name from http://h/"));
        assert_non_null(strstr(talk(p), "No such file or directory\n  make the directory first"));
        assert_non_null(strstr(talk(p), "names must be UTF-8"));
}

static void existing_files_are_refused_unless_forced(void **state)
{
        Place *p = *state;

        write_file("there", "x");
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/new", NULL, NULL), 0);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/there", NULL, NULL), 0);
        assert_int_equal(file_plan_check(&p->cli, &p->plan, false), STATUS_FAILED);
        assert_non_null(strstr(talk(p), "/there: the file exists\n  replace it: --force"));
        assert_int_equal(file_plan_check(&p->cli, &p->plan, true), STATUS_OK);
}

static void directories_and_dangling_links_count_as_there(void **state)
{
        Place *p = *state;

        assert_int_equal(mkdir("dir", 0700), 0);
        assert_int_equal(symlink("nowhere", "dangling"), 0);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/dangling", NULL, NULL), 0);
        assert_int_equal(file_plan_check(&p->cli, &p->plan, false), STATUS_FAILED);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/dir", NULL, NULL), 0);
        assert_int_equal(file_plan_check(&p->cli, &p->plan, true), STATUS_FAILED);
        assert_non_null(strstr(talk(p), "it is a directory"));
}

static void two_files_of_one_name_are_refused(void **state)
{
        Place *p = *state;

        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/a", NULL, NULL), 0);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://h/b", NULL, NULL), 0);
        assert_int_equal(file_plan_add(&p->cli, &p->plan, "http://g/a", NULL, "./."), 0);
        assert_int_equal(file_plan_check(&p->cli, &p->plan, true), STATUS_USAGE);
        assert_non_null(strstr(talk(p), "two files would be saved as"));
}

static void lists_have_comments_blanks_and_paths(void **state)
{
        Place *p = *state;

        write_file("list", "# comment\n"
                           "\n"
                           "http://h/a\n"
                           "  http://h/b \t with blanks inside \r\n"
                           "http://h/c\t/etc/c");
        assert_int_equal(file_plan_add_from(&p->cli, &p->plan, "list", NULL), 0);
        assert_int_equal(p->plan.count, 3);
        assert_string_equal(p->plan.files[0].remote, "http://h/a");
        assert_string_equal(local_of(p, 0), "/a");
        assert_string_equal(p->plan.files[1].remote, "http://h/b");
        assert_string_equal(local_of(p, 1), "/with blanks inside");
        assert_string_equal(p->plan.files[2].local, "/etc/c");
}

static void many_lines_are_taken_and_endless_ones_refused(void **state)
{
        Place *p = *state;
        FILE *f = fopen("list", "w");

        for (int i = 0; i < 5000; i++)
                (void) fprintf(f, "http://h/%d\n", i);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(file_plan_add_from(&p->cli, &p->plan, "list", NULL), 0);
        assert_int_equal(p->plan.count, 5000);
        assert_string_equal(local_of(p, 4999), "/4999");

        f = fopen("list", "w");
        for (int i = 0; i < 20000; i++)
                (void) fputc('a', f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(file_plan_add_from(&p->cli, &p->plan, "list", NULL), STATUS_FAILED);
        assert_non_null(strstr(talk(p), "list, line 1: too long"));
}

static void a_missing_list_is_told(void **state)
{
        Place *p = *state;

        assert_int_equal(file_plan_add_from(&p->cli, &p->plan, "gone", NULL), STATUS_FAILED);
        assert_non_null(strstr(talk(p), "cannot read gone: No such file or directory"));
}

#define TEST_IN_PLACE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST_IN_PLACE(targets_become_absolute),
                TEST_IN_PLACE(what_names_no_file_is_refused),
                TEST_IN_PLACE(existing_files_are_refused_unless_forced),
                TEST_IN_PLACE(directories_and_dangling_links_count_as_there),
                TEST_IN_PLACE(two_files_of_one_name_are_refused),
                TEST_IN_PLACE(lists_have_comments_blanks_and_paths),
                TEST_IN_PLACE(many_lines_are_taken_and_endless_ones_refused),
                TEST_IN_PLACE(a_missing_list_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
