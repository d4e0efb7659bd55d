/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include <inttypes.h>
#include <stdio.h>

/* Enumerations are the numbers of the API and of engine/types.h. Sizes: -1 is BG_SIZE_UNKNOWN.
 * Times `_wall`: microseconds since 1970. The rules about values live in stored.c, because both
 * stores keep them; the schema adds types and the tie between files and jobs.
 *
 * jobs has a rowid (its serial), since rows are long. files has none: its key is the pair, and a
 * job's files lie side by side in the order of their loading. */
static const char step_1[] =
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE TABLE jobs ("
        " serial INTEGER PRIMARY KEY,"
        " id BLOB NOT NULL,"
        " owner_uid INTEGER NOT NULL,"
        " type INTEGER NOT NULL,"
        " name TEXT,"
        " description TEXT,"
        " priority INTEGER NOT NULL,"
        " notify_flags INTEGER NOT NULL,"
        " retry_delay_sec INTEGER NOT NULL,"
        " no_progress_sec INTEGER NOT NULL,"
        " proxy_usage INTEGER NOT NULL,"
        " proxy_list TEXT,"
        " proxy_bypass TEXT,"
        " files_in_flight INTEGER NOT NULL,"
        " auto_complete INTEGER NOT NULL,"
        " state INTEGER NOT NULL,"
        " intent INTEGER NOT NULL,"
        " undelivered INTEGER NOT NULL,"
        " error_count INTEGER NOT NULL,"
        " created_wall INTEGER NOT NULL,"
        " modified_wall INTEGER NOT NULL,"
        " transferred_wall INTEGER NOT NULL,"
        " ended_wall INTEGER NOT NULL,"
        " end_result INTEGER NOT NULL,"
        " active_usec INTEGER NOT NULL,"
        " error_code INTEGER NOT NULL,"
        " error_context INTEGER NOT NULL,"
        " error_file INTEGER NOT NULL,"
        " error_http_status INTEGER NOT NULL,"
        " error_curl_code INTEGER NOT NULL,"
        " error_errno INTEGER NOT NULL,"
        " error_retry_after_sec INTEGER NOT NULL,"
        " error_fatal INTEGER NOT NULL,"
        " error_event_driven INTEGER NOT NULL,"
        " error_host TEXT NOT NULL,"
        " error_text TEXT NOT NULL"
        ") STRICT;"
        "CREATE TABLE files ("
        " job INTEGER NOT NULL REFERENCES jobs (serial),"
        " idx INTEGER NOT NULL,"
        " remote TEXT NOT NULL,"
        " local TEXT NOT NULL,"
        " state INTEGER NOT NULL,"
        " size_bytes INTEGER NOT NULL,"
        " done_bytes INTEGER NOT NULL,"
        " synced_bytes INTEGER NOT NULL,"
        " etag TEXT,"
        " modified_sec INTEGER NOT NULL,"
        " PRIMARY KEY (job, idx)"
        ") STRICT, WITHOUT ROWID;";

/* Uploads: the name of the reply's file as its user set it, and where the upload stands. The reply
 * itself is a row of files (stored.h). */
static const char step_2[] =
        "ALTER TABLE jobs ADD COLUMN reply_name TEXT;"
        "ALTER TABLE jobs ADD COLUMN reply_optional INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN uploaded INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN farewell_wall INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN session BLOB;";

/* The program that is run when a job is done, and what became of it; and the sealed credentials. */
static const char step_3[] =
        "ALTER TABLE jobs ADD COLUMN notify_program TEXT;"
        "ALTER TABLE jobs ADD COLUMN notify_parameters TEXT;"
        "ALTER TABLE jobs ADD COLUMN notify_uid INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN program_result INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN program_time_wall INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN program_runs INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE job_credentials ("
        " job INTEGER NOT NULL REFERENCES jobs (serial),"
        " target INTEGER NOT NULL,"
        " scheme INTEGER NOT NULL,"
        " implicit INTEGER NOT NULL,"
        " sealed BLOB NOT NULL,"
        " PRIMARY KEY (job, target, scheme)"
        ") STRICT, WITHOUT ROWID;";

/* A limit of its own to what a job takes of the line. */
static const char step_4[] = "ALTER TABLE jobs ADD COLUMN limit_bps INTEGER NOT NULL DEFAULT 0;";

static const char *const step_list[] = {step_1, step_2, step_3, step_4};

const SchemaSteps *schema_steps(void)
{
        static const SchemaSteps steps = {step_list, ARRAY_LEN(step_list)};

        return &steps;
}

static int set_pragma(Db *db, const char *name, uint32_t value)
{
        char sql[64];

        (void) snprintf(sql, sizeof(sql), "PRAGMA %s=%" PRIu32, name, value);
        return db_exec(db, sql);
}

static int raise_version(Db *db, const SchemaSteps *steps, uint32_t from)
{
        int r;

        for (uint32_t i = from; i < steps->n; i++) {
                r = db_exec(db, steps->sql[i]);
                if (r < 0)
                        return r;
        }
        r = set_pragma(db, "application_id", SCHEMA_APPLICATION_ID);
        if (r < 0)
                return r;
        return set_pragma(db, "user_version", steps->n);
}

/* Whose file is it, and of which version? */
static int identify(Db *db, uint32_t *ret_version)
{
        int64_t app, version, objects;
        int r;

        r = db_get_int(db, "PRAGMA application_id", &app);
        if (r < 0)
                return r;
        r = db_get_int(db, "PRAGMA user_version", &version);
        if (r < 0)
                return r;
        r = db_get_int(db, "SELECT count(*) FROM sqlite_schema", &objects);
        if (r < 0)
                return r;

        if (app == 0 && version == 0 && objects == 0) {
                *ret_version = 0;
                return 0;
        }
        if (app != SCHEMA_APPLICATION_ID)
                return db_damage(db, "a database, but not of this program");
        if (version <= 0 || version > SCHEMA_PLAUSIBLE_VERSIONS)
                return db_damage(db, "impossible version %" PRIi64, version);
        *ret_version = (uint32_t) version;
        return 0;
}

static int decide_and_raise(Db *db, const SchemaSteps *steps, SchemaVerdict *ret,
                            uint32_t *ret_version)
{
        SchemaVerdict verdict;
        uint32_t version = 0;
        int r;

        r = identify(db, &version);
        if (r < 0)
                return r;
        if (version > steps->n)
                verdict = SCHEMA_NEWER;
        else if (version == steps->n)
                verdict = SCHEMA_READY;
        else
                verdict = version == 0 ? SCHEMA_FRESH : SCHEMA_RAISED;

        if (verdict == SCHEMA_FRESH || verdict == SCHEMA_RAISED) {
                r = raise_version(db, steps, version);
                if (r < 0)
                        return r;
        }
        *ret = verdict;
        *ret_version = version;
        return 0;
}

int schema_apply(Db *db, const SchemaSteps *steps, SchemaVerdict *ret, uint32_t *ret_version)
{
        SchemaVerdict verdict;
        uint32_t version = 0;
        int r;

        /* The write lock at once: a file that cannot be written is found out here, not at the
         * first job. */
        r = db_exec(db, "BEGIN IMMEDIATE");
        if (r < 0)
                return r;
        r = decide_and_raise(db, steps, &verdict, &version);
        if (r == 0 && (verdict == SCHEMA_FRESH || verdict == SCHEMA_RAISED))
                r = db_exec(db, "COMMIT");
        if (!sqlite3_get_autocommit(db->handle)) {
                if (r < 0)
                        (void) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL,
                                            NULL); /* r says why */
                else /* for want of memory it would stay open, and no other could begin */
                        r = db_exec(db, "ROLLBACK");
        }
        if (r < 0)
                return r;
        if (verdict == SCHEMA_FRESH || verdict == SCHEMA_RAISED) {
                r = db_harden(db);
                if (r < 0)
                        return r;
        }
        *ret = verdict;
        *ret_version = version;
        return 0;
}

static const char model_sql[] = "SELECT type,name,sql FROM sqlite_schema";
static const char same_sql[] =
        "SELECT 1 FROM sqlite_schema WHERE type IS ?1 AND name IS ?2 AND sql IS ?3";

/* Is what the row of the model describes also in the file? */
static int check_object(Db *db, sqlite3_stmt *model, sqlite3_stmt *same)
{
        int rc = SQLITE_OK;

        for (int i = 0; i < 3 && rc == SQLITE_OK; i++)
                rc = sqlite3_bind_value(same, i + 1, sqlite3_column_value(model, i));
        if (rc == SQLITE_OK)
                rc = sqlite3_step(same);
        if (rc == SQLITE_DONE)
                return db_damage(db, "table %s is not as it should be",
                                 (const char *) sqlite3_column_text(model, 1));
        if (rc != SQLITE_ROW)
                return db_fail(db, rc);
        (void) sqlite3_reset(same); /* the step succeeded */
        return 0;
}

static int check_objects(Db *db, Db *model)
{
        _cleanup_(db_finalizep) sqlite3_stmt *model_stmt = NULL, *same_stmt = NULL;
        int r, rc;

        r = db_prepare(model, model_sql, &model_stmt);
        if (r < 0)
                return r;
        r = db_prepare(db, same_sql, &same_stmt);
        if (r < 0)
                return r;
        while ((rc = sqlite3_step(model_stmt)) == SQLITE_ROW) {
                r = check_object(db, model_stmt, same_stmt);
                if (r < 0)
                        return r;
        }
        return db_fail(model, rc);
}

int schema_check(Db *db, const SchemaSteps *steps)
{
        Db model = {0};
        int r;

        r = db_open_memory(&model);
        if (r == 0)
                r = raise_version(&model, steps, 0);
        if (r == 0)
                r = check_objects(db, &model);
        db_close(&model, false);
        return r;
}
