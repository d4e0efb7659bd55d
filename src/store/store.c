/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "store/queue_file.h"
#include "store/row.h"

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"

typedef enum StoreSql {
        SQL_BEGIN,
        SQL_COMMIT,
        SQL_BOOT,
        SQL_JOB_UPDATE,
        SQL_JOB_INSERT,
        SQL_JOB_DELETE,
        SQL_FILES_DELETE,
        SQL_FILE_EXISTS,
        SQL_FILE_INSERT,
        SQL_FILE_UPDATE,
        SQL_CREDENTIALS_EXIST,
        SQL_CREDENTIALS_DELETE,
        SQL_CREDENTIAL_INSERT,
        SQL_CREDENTIAL_DELETE,
        SQL_MAX,
} StoreSql;

static const char *const sql_texts[SQL_MAX] = {
        [SQL_BEGIN] = "BEGIN IMMEDIATE",
        [SQL_COMMIT] = "COMMIT",
        [SQL_BOOT] = "INSERT OR REPLACE INTO meta (key,value) VALUES ('boot_id',?1)",
        [SQL_JOB_UPDATE] = "UPDATE jobs SET (" ROW_JOB_VALUES ")=(" ROW_JOB_VALUE_PARAMS
                           ") WHERE serial=?1 AND id=?2",
        [SQL_JOB_INSERT] = "INSERT INTO jobs (" ROW_JOB_KEY "," ROW_JOB_VALUES
                           ") VALUES (" ROW_JOB_KEY_PARAMS "," ROW_JOB_VALUE_PARAMS ")",
        [SQL_JOB_DELETE] = "DELETE FROM jobs WHERE serial=?1",
        [SQL_FILES_DELETE] = "DELETE FROM files WHERE job=?1",
        [SQL_FILE_EXISTS] = "SELECT 1 FROM files WHERE job=?1 AND idx=?2",
        [SQL_FILE_INSERT] = "INSERT OR REPLACE INTO files (" ROW_FILE_KEY "," ROW_FILE_VALUES
                            ") VALUES (" ROW_FILE_KEY_PARAMS "," ROW_FILE_VALUE_PARAMS ")",
        [SQL_FILE_UPDATE] = "UPDATE files SET (" ROW_FILE_VALUES ")=(" ROW_FILE_VALUE_PARAMS
                            ") WHERE job=?1 AND idx=?2",
        [SQL_CREDENTIALS_EXIST] = "SELECT 1 FROM job_credentials WHERE job=?1",
        [SQL_CREDENTIALS_DELETE] = "DELETE FROM job_credentials WHERE job=?1",
        [SQL_CREDENTIAL_INSERT] = "INSERT INTO job_credentials (" ROW_CREDENTIAL_KEY
                                  "," ROW_CREDENTIAL_VALUES ") VALUES (" ROW_CREDENTIAL_PARAMS ")",
        [SQL_CREDENTIAL_DELETE] =
                "DELETE FROM job_credentials WHERE job=?1 AND target=?2 AND scheme=?3",
};

struct Store {
        QueueFile queue; /* its image: as read at opening, void after the first write */
        Db *db;          /* inside `queue` */
        sqlite3_stmt *sql[SQL_MAX];
        bool image_is_current;
        bool in_transaction;
        bool has_written;            /* in the open transaction */
        bool needs_harden;           /* committed since the log was last synced */
        bool boot_recorded;          /* the file names this boot as that of its last write */
        char boot_id[BOOT_ID_BYTES]; /* of this boot; "" when it is not known */
};

const char *store_outcome_to_string(StoreOutcome outcome)
{
        static const char *const names[STORE_OUTCOME_MAX] = {
                [STORE_OPENED] = "opened",     [STORE_CREATED] = "created",
                [STORE_REPLACED] = "replaced", [STORE_LOCKED] = "locked",
                [STORE_NEWER] = "newer",       [STORE_FAILED] = "failed",
        };

        return (unsigned) outcome < STORE_OUTCOME_MAX ? names[outcome] : "unknown";
}

const char *store_detail(const Store *store)
{
        return store->db->detail;
}

/* SQLite ends the transaction by itself after some failures; what follows must not slip out of
 * it, one autocommit each. */
static bool transaction_is_open(const Store *s)
{
        return s->in_transaction && !sqlite3_get_autocommit(s->db->handle);
}

static void end_transaction(Store *s)
{
        if (!sqlite3_get_autocommit(s->db->handle))
                (void) sqlite3_exec(s->db->handle, "ROLLBACK", NULL, NULL, NULL);
        s->in_transaction = false;
        s->has_written = false;
}

static int store_begin(void *ctx)
{
        Store *s = ctx;
        int r;

        if (s->in_transaction)
                return -EINVAL;
        end_transaction(s); /* of one that could not be rolled back for want of memory */
        if (!sqlite3_get_autocommit(s->db->handle))
                return db_fail(s->db, SQLITE_NOMEM);
        r = db_run(s->db, s->sql[SQL_BEGIN]);
        if (r < 0) {
                end_transaction(s);
                return r;
        }
        s->in_transaction = true;
        s->has_written = false;
        return 0;
}

static void store_rollback(void *ctx)
{
        end_transaction(ctx);
}

/* The first write of a process on this boot says so in the same transaction. */
static int record_boot(Store *s)
{
        sqlite3_stmt *stmt = s->sql[SQL_BOOT];
        int r;

        r = db_fail(s->db, sqlite3_bind_text(stmt, 1, s->boot_id, -1, SQLITE_STATIC));
        if (r < 0)
                return r;
        return db_run(s->db, stmt);
}

static int commit_now(Store *s)
{
        int r;

        if (!transaction_is_open(s))
                return s->in_transaction ? -EIO : -EINVAL;
        if (s->has_written && !s->boot_recorded) {
                r = record_boot(s);
                if (r < 0)
                        return r;
        }
        return db_run(s->db, s->sql[SQL_COMMIT]);
}

static int store_commit(void *ctx, bool durable)
{
        Store *s = ctx;
        bool has_written = s->has_written;
        int r;

        r = commit_now(s);
        end_transaction(s); /* rolls back when the commit failed */
        if (r < 0)
                return r;
        if (has_written) {
                s->boot_recorded = true;
                s->needs_harden = true;
        }
        if (durable && s->needs_harden) {
                r = db_harden(s->db);
                if (r < 0)
                        return r;
                s->needs_harden = false;
        }
        (void) db_trim_log(s->db); /* the commit stands; a failure shows again at the next */
        return 0;
}

/* Every write passes here first. */
static int prepare_write(Store *s)
{
        if (!transaction_is_open(s))
                return -EINVAL;
        s->has_written = true;
        if (s->image_is_current) {
                image_done(&s->queue.image);
                s->image_is_current = false;
        }
        return 0;
}

static int run_by_serial(Store *s, StoreSql which, uint64_t serial)
{
        int r;

        r = db_fail(s->db, sqlite3_bind_int64(s->sql[which], 1, (int64_t) serial));
        if (r < 0)
                return r;
        return db_run(s->db, s->sql[which]);
}

static int run_with_job(Store *s, StoreSql which, const Job *job)
{
        int r;

        r = row_bind_job(s->db, s->sql[which], job);
        if (r == 0)
                r = db_run(s->db, s->sql[which]);
        (void) sqlite3_clear_bindings(s->sql[which]); /* they point into the job; cannot fail */
        return r;
}

static int run_with_file(Store *s, StoreSql which, uint64_t serial, const JobFile *file)
{
        int r;

        r = row_bind_file(s->db, s->sql[which], serial, file);
        if (r == 0)
                r = db_run(s->db, s->sql[which]);
        (void) sqlite3_clear_bindings(s->sql[which]); /* they point into the file; cannot fail */
        return r;
}

/* Does the statement, whose parameters are bound, find a row? */
static int find_row(Store *s, StoreSql which, bool *ret)
{
        int rc = sqlite3_step(s->sql[which]);
        int r = db_fail(s->db, rc);

        (void) sqlite3_reset(s->sql[which]); /* repeats the error of the step */
        if (r < 0)
                return r;
        *ret = rc == SQLITE_ROW;
        return 0;
}

/* Few jobs have any. */
static int remove_credentials(Store *s, uint64_t serial)
{
        bool exist = false;
        int r;

        r = db_fail(s->db, sqlite3_bind_int64(s->sql[SQL_CREDENTIALS_EXIST], 1, (int64_t) serial));
        if (r == 0)
                r = find_row(s, SQL_CREDENTIALS_EXIST, &exist);
        if (r < 0 || !exist)
                return r;
        r = db_fail(s->db, sqlite3_bind_int64(s->sql[SQL_CREDENTIALS_DELETE], 1, (int64_t) serial));
        return r < 0 ? r : db_run_wiping(s->db, s->sql[SQL_CREDENTIALS_DELETE]);
}

static int remove_job(Store *s, uint64_t serial)
{
        int r;

        r = remove_credentials(s, serial);
        if (r == 0)
                r = run_by_serial(s, SQL_FILES_DELETE, serial);
        if (r == 0)
                r = run_by_serial(s, SQL_JOB_DELETE, serial);
        return r;
}

static int store_job_save(void *ctx, const Job *job)
{
        Store *s = ctx;
        int r;

        r = prepare_write(s);
        if (r < 0)
                return r;
        r = run_with_job(s, SQL_JOB_UPDATE, job);
        if (r < 0 || sqlite3_changes(s->db->handle) > 0)
                return r;
        /* New here. A job that the engine gave up after a durable commit failed half-way (written
         * but not synced) may still hold the serial. */
        r = remove_job(s, job->serial);
        if (r < 0)
                return r;
        return run_with_job(s, SQL_JOB_INSERT, job);
}

static int store_job_delete(void *ctx, const Job *job)
{
        Store *s = ctx;
        int r;

        r = prepare_write(s);
        if (r < 0)
                return r;
        return remove_job(s, job->serial);
}

static int file_exists(Store *s, uint64_t serial, uint32_t index, bool *ret)
{
        sqlite3_stmt *stmt = s->sql[SQL_FILE_EXISTS];
        int r;

        r = db_fail(s->db, sqlite3_bind_int64(stmt, 1, (int64_t) serial));
        if (r == 0)
                r = db_fail(s->db, sqlite3_bind_int64(stmt, 2, index));
        return r < 0 ? r : find_row(s, SQL_FILE_EXISTS, ret);
}

/* Reading refuses a job with a gap among its files, or with others than its type allows, so none
 * may get in. */
static int check_places(Store *s, const Job *job, JobFile *const *files, uint32_t n)
{
        bool exists = true;

        if (!stored_files_fit(job->type, files, n))
                return -EINVAL;
        if (n > 0 && files[0]->index > 0) {
                int r = file_exists(s, job->serial, files[0]->index - 1, &exists);

                if (r < 0)
                        return r;
        }
        return exists ? 0 : -EINVAL;
}

static int store_files_insert(void *ctx, const Job *job, JobFile *const *files, uint32_t n)
{
        Store *s = ctx;
        int r;

        r = prepare_write(s);
        if (r == 0)
                r = check_places(s, job, files, n);
        for (uint32_t i = 0; i < n && r == 0; i++)
                r = run_with_file(s, SQL_FILE_INSERT, job->serial, files[i]);
        return r;
}

static int store_file_save(void *ctx, const Job *job, const JobFile *file)
{
        Store *s = ctx;
        int r;

        r = prepare_write(s);
        if (r < 0)
                return r;
        if (stored_file_bad_place(job->type, file))
                return -EINVAL;
        r = run_with_file(s, SQL_FILE_UPDATE, job->serial, file);
        if (r < 0)
                return r;
        return sqlite3_changes(s->db->handle) > 0 ? 0 : -ENOENT;
}

static int empty_slot(Store *s, uint64_t serial, uint32_t target, uint32_t scheme)
{
        sqlite3_stmt *stmt = s->sql[SQL_CREDENTIAL_DELETE];
        int r;

        r = db_fail(s->db, sqlite3_bind_int64(stmt, 1, (int64_t) serial));
        if (r == 0)
                r = db_fail(s->db, sqlite3_bind_int64(stmt, 2, target));
        if (r == 0)
                r = db_fail(s->db, sqlite3_bind_int64(stmt, 3, scheme));
        return r < 0 ? r : db_run_wiping(s->db, stmt);
}

static int store_credential_save(void *ctx, const Job *job, const JobCredential *credential)
{
        Store *s = ctx;
        sqlite3_stmt *stmt = s->sql[SQL_CREDENTIAL_INSERT];
        int r;

        r = prepare_write(s);
        if (r == 0)
                r = empty_slot(s, job->serial, credential->target, credential->scheme);
        if (r == 0)
                r = row_bind_credential(s->db, stmt, job->serial, credential);
        if (r == 0)
                r = db_run(s->db, stmt);
        (void) sqlite3_clear_bindings(stmt); /* they point into the blob; cannot fail */
        return r;
}

static int store_credential_delete(void *ctx, const Job *job, uint32_t target, uint32_t scheme)
{
        Store *s = ctx;
        int r;

        r = prepare_write(s);
        return r < 0 ? r : empty_slot(s, job->serial, target, scheme);
}

static int store_load(void *ctx, const StoreSink *sink, bool *ret_same_boot,
                      uint64_t *ret_next_serial)
{
        Store *s = ctx;
        Image image = {0};
        uint64_t next_serial;
        int r;

        if (s->image_is_current) {
                image = s->queue.image;
                s->queue.image = (Image){0};
                s->image_is_current = false;
        } else {
                r = queue_file_read(s->db, &image);
                if (r < 0)
                        return r;
        }
        next_serial = image_next_serial(&image);
        r = image_hand_out(&image, sink);
        if (r < 0)
                return r;
        *ret_same_boot = s->boot_recorded && s->boot_id[0] != '\0';
        *ret_next_serial = next_serial;
        return 0;
}

StorePort store_port(Store *store)
{
        return (StorePort){
                .begin = store_begin,
                .commit = store_commit,
                .rollback = store_rollback,
                .job_save = store_job_save,
                .job_delete = store_job_delete,
                .files_insert = store_files_insert,
                .file_save = store_file_save,
                .credential_save = store_credential_save,
                .credential_delete = store_credential_delete,
                .load = store_load,
                .ctx = store,
        };
}

static int prepare_statements(Store *s)
{
        int r;

        for (size_t i = 0; i < SQL_MAX; i++) {
                r = db_prepare(s->db, sql_texts[i], &s->sql[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int find_boot_id(const StoreOptions *options, char ret[BOOT_ID_BYTES])
{
        _cleanup_free_ char *text = NULL;
        int r;

        if (options && options->boot_id) {
                str_copy(ret, BOOT_ID_BYTES, options->boot_id);
                return 0;
        }
        r = fd_read_file(BOOT_ID_PATH, BOOT_ID_BYTES - 1, &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return 0; /* without /proc no boot is known to be the same: the safe side */
        text[strcspn(text, "\n")] = '\0';
        str_copy(ret, BOOT_ID_BYTES, text);
        return 0;
}

int store_open(const char *dir, const StoreOptions *options, StoreStatus *status, Store **ret)
{
        _cleanup_(store_closep) Store *s = mem_new(Store);
        int r;

        if (!s) {
                *status = (StoreStatus){.outcome = STORE_FAILED};
                return -ENOMEM;
        }
        r = queue_file_open(dir, status, &s->queue);
        if (r < 0)
                return r;
        s->db = &s->queue.db;
        s->image_is_current = true;
        s->needs_harden = true; /* what a killed process committed may be in the log, unsynced */

        r = find_boot_id(options, s->boot_id);
        if (r == 0)
                r = prepare_statements(s);
        if (r < 0) {
                status->outcome = STORE_FAILED;
                str_copy(status->detail, sizeof(status->detail), s->db->detail);
                return r;
        }
        s->boot_recorded = str_equal(s->queue.boot_id, s->boot_id);
        *ret = TAKE_PTR(s);
        return 0;
}

Store *store_close(Store *store)
{
        if (!store)
                return NULL;
        if (store->db)
                end_transaction(store);
        for (size_t i = 0; i < SQL_MAX; i++)
                store->sql[i] = db_finalize(store->sql[i]);
        db_close(&store->queue.db, false);
        image_done(&store->queue.image);
        mem_free(store);
        return NULL;
}
