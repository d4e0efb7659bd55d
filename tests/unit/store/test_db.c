/* SPDX-License-Identifier: Apache-2.0 */
/* What SQLite says, as an errno: what a user is told, and whether a queue is set aside, hangs on
 * it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "store/db.h"

static int open_db(void **state)
{
        static Db db;

        db = (Db){0};
        *state = &db;
        return db_open_memory(&db);
}

static int close_db(void **state)
{
        db_close(*state, false);
        return 0;
}

typedef struct Code {
        int rc, errno_negative;
        bool damaged;
} Code;

static void each_code_has_its_errno(void **state)
{
        static const Code CODES[] = {
                {SQLITE_FULL, -ENOSPC, false},
                {SQLITE_READONLY, -EROFS, false},
                {SQLITE_READONLY_DBMOVED, -EROFS, false},
                {SQLITE_BUSY, -EBUSY, false},
                {SQLITE_BUSY_SNAPSHOT, -EBUSY, false},
                {SQLITE_LOCKED, -EBUSY, false},
                {SQLITE_NOMEM, -ENOMEM, false},
                {SQLITE_IOERR_NOMEM, -ENOMEM, false},
                {SQLITE_TOOBIG, -EMSGSIZE, false},
                {SQLITE_CONSTRAINT_FOREIGNKEY, -ENOENT, false},
                {SQLITE_CONSTRAINT_CHECK, -EINVAL, false},
                {SQLITE_MISUSE, -EINVAL, false},
                {SQLITE_CORRUPT, -EUCLEAN, true},
                {SQLITE_CORRUPT_VTAB, -EUCLEAN, true},
                {SQLITE_NOTADB, -EUCLEAN, true},
                {SQLITE_ERROR, -EUCLEAN, true},
                {SQLITE_IOERR_READ, -EIO, false},
                {SQLITE_IOERR_WRITE, -EIO, false},
                {SQLITE_CANTOPEN, -EIO, false},
                {SQLITE_PROTOCOL, -EIO, false},
        };
        Db *db = *state;

        for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
                db->damaged = false;
                assert_int_equal(db_fail(db, CODES[i].rc), CODES[i].errno_negative);
                assert_int_equal(db->damaged, CODES[i].damaged);
                assert_int_equal(db->rc, CODES[i].rc);
                assert_true(strlen(db->detail) > 0);
        }
}

static void success_is_no_failure(void **state)
{
        static const int CODES[] = {SQLITE_OK, SQLITE_ROW, SQLITE_DONE};
        Db *db = *state;

        for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
                assert_int_equal(db_fail(db, CODES[i]), 0);
        assert_int_equal(db->rc, SQLITE_OK);
        assert_false(db->damaged);
}

static void damage_stays_known_over_other_failures(void **state)
{
        Db *db = *state;

        assert_int_equal(db_damage(db, "row %d", 7), -EUCLEAN);
        assert_string_equal(db->detail, "row 7");
        assert_int_equal(db_fail(db, SQLITE_BUSY), -EBUSY);
        assert_true(db->damaged);
}

static void file_that_is_not_there_is_no_damage(void **state)
{
        Db db = {0};

        (void) state;
        assert_int_equal(db_open(&db, "/nonexistent/queue.db"), -EIO);
        assert_false(db.damaged);
        db_close(&db, false);
}

static void log_that_is_refused_is_an_error(void **state)
{
        Db db = {0};

        (void) state;
        assert_int_equal(db_open(&db, ":memory:"), -EIO); /* which can have none */
        assert_string_equal(db.detail, "write-ahead log refused");
        assert_false(db.damaged);
        db_close(&db, false);
}

static void missing_row_of_a_query_is_damage(void **state)
{
        int64_t value = 0;

        assert_int_equal(db_get_int(*state, "SELECT 5 WHERE 0", &value), -EUCLEAN);
        assert_int_equal(db_get_int(*state, "SELECT 5", &value), 0);
        assert_int_equal(value, 5);
        assert_int_equal(db_get_int(*state, "no SQL", &value), -EUCLEAN);
}

static void text_that_is_no_statement_is_refused(void **state)
{
        sqlite3_stmt *stmt = NULL;

        assert_int_equal(db_prepare(*state, "no SQL", &stmt), -EUCLEAN);
        assert_int_equal(db_exec(*state, "no SQL"), -EUCLEAN);
}

static void rows_of_a_statement_that_is_run_are_not_missed(void **state)
{
        sqlite3_stmt *stmt = NULL;

        assert_int_equal(db_prepare(*state, "SELECT 5", &stmt), 0);
        assert_int_equal(db_run(*state, stmt), 0);
        assert_int_equal(db_run(*state, stmt), 0); /* it is as fresh */
        (void) sqlite3_finalize(stmt);
}

static void database_without_files_has_nothing_to_harden_or_read(void **state)
{
        Db *db = *state;

        assert_int_equal(db_exec(db, "CREATE TABLE t (x); INSERT INTO t VALUES (1)"), 0);
        assert_int_equal(db_harden(db), 0);
        assert_int_equal(db_check_readable(db), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_code_has_its_errno, open_db, close_db),
                cmocka_unit_test_setup_teardown(success_is_no_failure, open_db, close_db),
                cmocka_unit_test_setup_teardown(damage_stays_known_over_other_failures, open_db,
                                                close_db),
                cmocka_unit_test(file_that_is_not_there_is_no_damage),
                cmocka_unit_test(log_that_is_refused_is_an_error),
                cmocka_unit_test_setup_teardown(missing_row_of_a_query_is_damage, open_db,
                                                close_db),
                cmocka_unit_test_setup_teardown(text_that_is_no_statement_is_refused, open_db,
                                                close_db),
                cmocka_unit_test_setup_teardown(rows_of_a_statement_that_is_run_are_not_missed,
                                                open_db, close_db),
                cmocka_unit_test_setup_teardown(
                        database_without_files_has_nothing_to_harden_or_read, open_db, close_db),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
