/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "faulty_disk.h"
#include "store/schema.h"
#include "store_rig.h"

/* A history of four versions: a table, rows, a column filled from another, a table gone. */
static const char *const history[] = {
        "CREATE TABLE a (x INTEGER NOT NULL) STRICT; CREATE TABLE old (y TEXT) STRICT",
        "INSERT INTO a VALUES (1), (2), (3)",
        "ALTER TABLE a ADD COLUMN z INTEGER; UPDATE a SET z = x * 10",
        "DROP TABLE old; INSERT INTO a VALUES (4, 40)",
};
enum { VERSIONS = ARRAY_LEN(history) };

typedef struct Place {
        char root[RIG_PATH_BYTES];
        char db[RIG_PATH_BYTES + 32];
        unsigned copies;
} Place;

static int make_place(void **state)
{
        Place *p = mem_new(Place);

        if (!p)
                return -1;
        disk_install();
        rig_make_dir(p->root);
        (void) snprintf(p->db, sizeof(p->db), "%s/queue.db", p->root);
        *state = p;
        return 0;
}

static int remove_place(void **state)
{
        Place *p = *state;

        disk_repair();
        rig_remove_dir(p->root);
        mem_free(p);
        return 0;
}

static void open_db(const char *path, Db *ret)
{
        FILE *file = fopen(path, "ae"); /* it must exist */

        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(db_open(ret, path), 0);
}

static int apply(Db *db, uint32_t versions, SchemaVerdict *verdict, uint32_t *found)
{
        const SchemaSteps steps = {history, versions};

        return schema_apply(db, &steps, verdict, found);
}

static int64_t value(Db *db, const char *sql)
{
        int64_t v = -1;

        assert_int_equal(db_get_int(db, sql, &v), 0);
        return v;
}

static void assert_last_version(Db *db)
{
        const SchemaSteps steps = {history, VERSIONS};

        assert_int_equal(value(db, "PRAGMA user_version"), VERSIONS);
        assert_int_equal(value(db, "SELECT sum(z) FROM a"), 100);
        assert_int_equal(value(db, "SELECT count(*) FROM sqlite_schema"), 1);
        assert_int_equal(schema_check(db, &steps), 0);
}

static void every_version_rises_to_the_last(void **state)
{
        Place *p = *state;

        for (uint32_t from = 0; from <= VERSIONS; from++) {
                SchemaVerdict verdict;
                uint32_t found;
                Db db;

                open_db(p->db, &db);
                if (from > 0) {
                        assert_int_equal(apply(&db, from, &verdict, &found), 0);
                        assert_int_equal(verdict, SCHEMA_FRESH);
                        assert_int_equal(found, 0);
                        assert_int_equal(value(&db, "PRAGMA user_version"), from);
                }
                assert_int_equal(apply(&db, VERSIONS, &verdict, &found), 0);
                assert_int_equal(found, from);
                assert_int_equal(verdict, from == 0          ? SCHEMA_FRESH
                                          : from == VERSIONS ? SCHEMA_READY
                                                             : SCHEMA_RAISED);
                assert_last_version(&db);
                db_close(&db, false);
                assert_int_equal(unlink(p->db), 0);
        }
}

static void newer_version_is_told_and_not_touched(void **state)
{
        Place *p = *state;
        SchemaVerdict verdict;
        uint32_t found;
        Db db;

        open_db(p->db, &db);
        assert_int_equal(apply(&db, 4, &verdict, &found), 0);
        assert_int_equal(apply(&db, 2, &verdict, &found), 0);
        assert_int_equal(verdict, SCHEMA_NEWER);
        assert_int_equal(found, 4);
        assert_last_version(&db);
        assert_false(db.damaged);
        db_close(&db, false);
}

static void failing_step_leaves_the_old_version(void **state)
{
        const char *const broken[] = {history[0], history[1], "ALTER TABLE a ADD COLUMN z INTEGER",
                                      "INSERT INTO nowhere VALUES (1)"};
        const SchemaSteps steps = {broken, ARRAY_LEN(broken)};
        Place *p = *state;
        SchemaVerdict verdict;
        uint32_t found;
        Db db;

        open_db(p->db, &db);
        assert_int_equal(apply(&db, 2, &verdict, &found), 0);
        assert_true(schema_apply(&db, &steps, &verdict, &found) < 0);
        assert_int_equal(value(&db, "PRAGMA user_version"), 2);
        assert_int_equal(value(&db, "SELECT count(*) FROM pragma_table_info('a')"), 1);
        assert_int_equal(apply(&db, VERSIONS, &verdict, &found), 0);
        assert_int_equal(found, 2);
        assert_last_version(&db);
        db_close(&db, false);
}

/* The file as a crash would leave it: version 2 whole or version 4 whole. */
static void assert_whole_after_crash(Place *p, bool keep_all, bool reported_done)
{
        char dir[RIG_PATH_BYTES + 32], path[RIG_PATH_BYTES + 64];
        SchemaVerdict verdict;
        uint32_t found;
        Db db;

        (void) snprintf(dir, sizeof(dir), "%s/%u", p->root, ++p->copies);
        (void) snprintf(path, sizeof(path), "%s/queue.db", dir);
        assert_int_equal(mkdir(dir, 0700), 0);
        disk_copy(p->root, dir, keep_all);
        open_db(path, &db);
        assert_int_equal(apply(&db, VERSIONS, &verdict, &found), 0);
        assert_true(found == 2 || found == VERSIONS);
        if (reported_done)
                assert_int_equal(found, VERSIONS);
        assert_last_version(&db);
        db_close(&db, false);
}

static void crash_at_any_call_of_a_migration_leaves_one_version_whole(void **state)
{
        Place *p = *state;
        bool failed = true;

        for (uint64_t n = 1; failed; n++) {
                SchemaVerdict verdict;
                uint32_t found;
                int r;
                Db db;

                open_db(p->db, &db);
                assert_int_equal(apply(&db, 2, &verdict, &found), 0);
                disk_fail_at(DISK_BREAK_AT, n);
                r = apply(&db, VERSIONS, &verdict, &found);
                failed = disk_has_failed();
                disk_repair();
                assert_int_equal(r < 0, failed);
                assert_whole_after_crash(p, true, r == 0);
                assert_whole_after_crash(p, false, r == 0);
                db_close(&db, true);
                rig_remove_dir(p->root);
                assert_int_equal(mkdir(p->root, 0700), 0);
                assert_true(n < 100);
        }
}

static void table_that_differs_is_damage(void **state)
{
        const SchemaSteps steps = {history, VERSIONS};
        Place *p = *state;
        SchemaVerdict verdict;
        uint32_t found;
        Db db;

        open_db(p->db, &db);
        assert_int_equal(apply(&db, VERSIONS, &verdict, &found), 0);
        assert_int_equal(db_exec(&db, "CREATE INDEX more ON a (x)"), 0); /* somebody's own affair */
        assert_int_equal(schema_check(&db, &steps), 0);
        assert_int_equal(db_exec(&db, "ALTER TABLE a ADD COLUMN w INTEGER"), 0);
        assert_true(schema_check(&db, &steps) < 0);
        assert_true(db.damaged);
        db_close(&db, false);
}

static void shipped_steps_make_a_file_that_passes_the_check(void **state)
{
        Place *p = *state;
        SchemaVerdict verdict;
        uint32_t found;
        Db db;

        open_db(p->db, &db);
        assert_int_equal(schema_apply(&db, schema_steps(), &verdict, &found), 0);
        assert_int_equal(schema_check(&db, schema_steps()), 0);
        assert_int_equal(value(&db, "PRAGMA user_version"), schema_steps()->n);
        assert_int_equal(value(&db, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
        db_close(&db, false);
}

/* Only a file with nothing at all in it is taken for a new one. */
static void empty_file_of_somebody_else_is_damage(void **state)
{
        static const char *const theirs[] = {"PRAGMA user_version=3", "PRAGMA application_id=3",
                                             "CREATE TABLE theirs (x)"};
        Place *p = *state;

        for (size_t i = 0; i < ARRAY_LEN(theirs); i++) {
                SchemaVerdict verdict;
                uint32_t found;
                Db db;

                (void) unlink(p->db);
                open_db(p->db, &db);
                assert_int_equal(db_exec(&db, theirs[i]), 0);
                assert_int_equal(schema_apply(&db, schema_steps(), &verdict, &found), -EUCLEAN);
                assert_true(db.damaged);
                db_close(&db, false);
        }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(every_version_rises_to_the_last),
                CASE(newer_version_is_told_and_not_touched),
                CASE(failing_step_leaves_the_old_version),
                CASE(crash_at_any_call_of_a_migration_leaves_one_version_whole),
                CASE(table_that_differs_is_damage),
                CASE(empty_file_of_somebody_else_is_damage),
                CASE(shipped_steps_make_a_file_that_passes_the_check),
        };

        return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
