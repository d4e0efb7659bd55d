/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "store/aside.h"
#include "store_rig.h"

#define NOON 1700000000000000 /* 2023-11-14 22:13:20 UTC */
#define NOON_NAME "queue.db.corrupt-20231114T221320Z"

typedef struct Place {
        char dir[RIG_PATH_BYTES];
        int fd;
} Place;

static int make_place(void **state)
{
        Place *p = mem_new(Place);

        if (!p)
                return -1;
        rig_make_dir(p->dir);
        p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *state = p;
        return p->fd < 0 ? -1 : 0;
}

static int remove_place(void **state)
{
        Place *p = *state;

        (void) close(p->fd);
        rig_remove_dir(p->dir);
        mem_free(p);
        return 0;
}

static void put(const Place *p, const char *name, const char *text)
{
        _cleanup_close_ int fd =
                openat(p->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void assert_holds(const Place *p, const char *name, const char *text)
{
        char path[512];
        _cleanup_free_ char *found = NULL;

        (void) snprintf(path, sizeof(path), "%s/%s", p->dir, name);
        assert_int_equal(fd_read_file(path, 100, &found), 0);
        assert_string_equal(found, text);
}

static void database_moves_with_its_companions(void **state)
{
        char name[ASIDE_NAME_BYTES];
        Place *p = *state;

        put(p, "queue.db", "d");
        put(p, "queue.db-wal", "w");
        put(p, "queue.db-journal", "j");
        put(p, "other", "o");
        assert_int_equal(aside_move(p->fd, "queue.db", NOON, name), 0);
        assert_string_equal(name, NOON_NAME);
        assert_holds(p, NOON_NAME, "d");
        assert_holds(p, NOON_NAME "-wal", "w");
        assert_holds(p, NOON_NAME "-journal", "j");
        assert_holds(p, "other", "o");
        assert_int_equal(faccessat(p->fd, "queue.db", F_OK, 0), -1);
        assert_int_equal(faccessat(p->fd, "queue.db-wal", F_OK, 0), -1);
}

static void nothing_is_ever_replaced(void **state)
{
        char name[ASIDE_NAME_BYTES];
        Place *p = *state;

        put(p, NOON_NAME, "first");
        put(p, NOON_NAME "-2-wal", "second, of which only the log is left");
        put(p, "queue.db", "d");
        assert_int_equal(aside_move(p->fd, "queue.db", NOON, name), 0);
        assert_string_equal(name, NOON_NAME "-3");
        assert_holds(p, NOON_NAME, "first");
        assert_holds(p, NOON_NAME "-3", "d");
}

static void orphaned_log_is_recognised(void **state)
{
        Place *p = *state;

        assert_false(aside_is_orphaned(p->fd, "queue.db"));
        put(p, "queue.db-wal", "");
        assert_false(aside_is_orphaned(p->fd, "queue.db")); /* nothing to lose */
        put(p, "queue.db-wal", "w");
        assert_true(aside_is_orphaned(p->fd, "queue.db"));
        put(p, "queue.db", "");
        assert_true(aside_is_orphaned(p->fd, "queue.db"));
        put(p, "queue.db", "d");
        assert_false(aside_is_orphaned(p->fd, "queue.db"));
}

static void name_that_is_too_long_is_refused(void **state)
{
        char name[ASIDE_NAME_BYTES] = "untouched", longest[70];
        Place *p = *state;

        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        assert_int_equal(aside_move(p->fd, longest, NOON, name), -ENAMETOOLONG);
        assert_string_equal(name, "untouched");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

/* Somebody keeps a thousand damaged files of one second: nothing of them is replaced. */
static void no_name_is_left(void **state)
{
        char name[ASIDE_NAME_BYTES], taken[128];
        Place *p = *state;

        put(p, "queue.db", "d");
        put(p, NOON_NAME, "old");
        for (unsigned i = 2; i <= 1000; i++) {
                (void) snprintf(taken, sizeof(taken), NOON_NAME "-%u", i);
                put(p, taken, "old");
        }
        assert_int_equal(aside_move(p->fd, "queue.db", NOON, name), -EEXIST);
        assert_holds(p, "queue.db", "d");
        assert_holds(p, NOON_NAME, "old");
}

static void directory_that_cannot_be_written_is_an_error(void **state)
{
        char name[ASIDE_NAME_BYTES];

        (void) state;
        assert_int_equal(aside_move(-1, "queue.db", NOON, name), -EBADF);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(no_name_is_left),
                CASE(directory_that_cannot_be_written_is_an_error),
                CASE(database_moves_with_its_companions),
                CASE(nothing_is_ever_replaced),
                CASE(orphaned_log_is_recognised),
                CASE(name_that_is_too_long_is_refused),
        };

        return cmocka_run_group_tests_name("aside", tests, NULL, NULL);
}
