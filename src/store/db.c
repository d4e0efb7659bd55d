/* SPDX-License-Identifier: Apache-2.0 */
#include "store/db.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"

/* No value comes near; a damaged row that claims more is refused before memory is taken. */
#define VALUE_MAX_BYTES (1024 * 1024)
/* Statements are our own; the longest is the table of jobs. */
#define SQL_MAX_BYTES (64 * 1024)

/* locking_mode comes first: set before the first look at the file, the log's index lives in our
 * memory, and no shared-memory file exists that another process could map. secure_delete=FAST
 * wipes what costs no extra write: the file is private, its speed is everybody's. What must be gone
 * for good goes through db_run_wiping(). */
static const char settings_sql[] = "PRAGMA locking_mode=EXCLUSIVE;"
                                   "PRAGMA cell_size_check=ON;"
                                   "PRAGMA trusted_schema=OFF;"
                                   "PRAGMA secure_delete=FAST;"
                                   "PRAGMA temp_store=MEMORY;"
                                   "PRAGMA mmap_size=0;"
                                   "PRAGMA cache_size=-512;"
                                   "PRAGMA auto_vacuum=NONE;"
                                   "PRAGMA synchronous=NORMAL;"
                                   "PRAGMA foreign_keys=ON;";

/* A longer log is folded into the database: a stall of a few milliseconds on a disk where one sync
 * takes 0.1 ms (docs/design/store.md has the figures). */
#define LOG_MAX_PAGES 1000 /* of 4 KiB */
/* What one large transaction left of it on disk is given back afterwards. */
static const char log_sql[] = "PRAGMA journal_size_limit=8388608;";
/* Steps in which a suspect log is written again. */
#define LOG_BLOCK_BYTES 16384

static int errno_from_system(int system_errno)
{
        switch (system_errno) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG: /* RLIMIT_FSIZE */
                return -ENOSPC;
        case EROFS:
                return -EROFS;
        case EACCES:
        case EPERM:
                return -EACCES;
        case ENOMEM:
                return -ENOMEM;
        default:
                return -EIO;
        }
}

static int file_last_errno(sqlite3_file *file)
{
        int last = 0;

        (void) file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &last);
        return last;
}

/* SQLite's object of the log file; NULL before the first look at the database. */
static sqlite3_file *log_file(sqlite3 *handle)
{
        sqlite3_file *log = NULL;

        if (sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK)
                return NULL;
        return log && log->pMethods ? log : NULL;
}

/* SQLite asks for errno late, when something else may have set it; the log remembers its own. */
static int errno_from_io_error(sqlite3 *handle, int rc)
{
        sqlite3_file *log = rc == SQLITE_IOERR_WRITE ? log_file(handle) : NULL;
        int r = log ? errno_from_system(file_last_errno(log)) : -EIO;

        return r != -EIO ? r : errno_from_system(sqlite3_system_errno(handle));
}

static int errno_from_result(sqlite3 *handle, int rc)
{
        switch (rc & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_TOOBIG:
                return -EMSGSIZE;
        case SQLITE_CONSTRAINT:
                return rc == SQLITE_CONSTRAINT_FOREIGNKEY ? -ENOENT : -EINVAL;
        case SQLITE_MISUSE:
                return -EINVAL;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_ERROR: /* our own SQL against a file that claims to be ours */
                return -EUCLEAN;
        case SQLITE_IOERR:
                if (rc == SQLITE_IOERR_NOMEM)
                        return -ENOMEM;
                return errno_from_io_error(handle, rc);
        case SQLITE_CANTOPEN:
                return errno_from_system(sqlite3_system_errno(handle));
        default:
                return -EIO;
        }
}

int db_fail(Db *db, int rc)
{
        int r = errno_from_result(db->handle, rc);
        int primary = rc & 0xff;

        if (r == 0)
                return 0;
        if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR)
                db->damaged = true;
        db->rc = rc;
        str_copy(db->detail, sizeof(db->detail),
                 db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc));
        return r;
}

int db_damage(Db *db, const char *fmt, ...)
{
        char text[DB_DETAIL_BYTES];
        va_list ap;

        va_start(ap, fmt);
        (void) vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        db->damaged = true;
        str_copy(db->detail, sizeof(db->detail), text);
        return -EUCLEAN;
}

/* A hostile file may bring triggers, views and functions of its own; none of them gets to run. */
static int restrict_connection(Db *db)
{
        static const struct {
                int op, value;
        } switches[] = {
                {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
                {SQLITE_DBCONFIG_ENABLE_VIEW, 0}, {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                {SQLITE_DBCONFIG_ENABLE_FKEY, 1}, {SQLITE_DBCONFIG_DQS_DML, 0},
                {SQLITE_DBCONFIG_DQS_DDL, 0},     {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        };

        for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
                int rc = sqlite3_db_config(db->handle, switches[i].op, switches[i].value, NULL);

                if (rc != SQLITE_OK)
                        return db_fail(db, rc);
        }
        (void) sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, VALUE_MAX_BYTES);
        (void) sqlite3_limit(db->handle, SQLITE_LIMIT_SQL_LENGTH, SQL_MAX_BYTES);
        (void) sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 0);
        (void) sqlite3_limit(db->handle, SQLITE_LIMIT_WORKER_THREADS, 0);
        return 0;
}

static int enter_wal_mode(Db *db)
{
        _cleanup_(db_finalizep) sqlite3_stmt *stmt = NULL;
        const unsigned char *mode;
        int r, rc;

        r = db_prepare(db, "PRAGMA journal_mode=WAL", &stmt);
        if (r < 0)
                return r;
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW)
                return db_fail(db, rc == SQLITE_DONE ? SQLITE_INTERNAL : rc);
        mode = sqlite3_column_text(stmt, 0);
        if (!mode || !str_equal((const char *) mode, "wal")) {
                str_copy(db->detail, sizeof(db->detail), "write-ahead log refused");
                return -EIO;
        }
        return 0;
}

/* Replaces SQLite's own checkpointing, which would not tell us of failures; see db_trim_log(). */
static int on_commit(void *ctx, sqlite3 *handle, const char *name, int log_pages)
{
        Db *db = ctx;

        (void) handle;
        (void) name;
        db->log_pages = log_pages;
        return SQLITE_OK;
}

int db_open(Db *db, const char *path)
{
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                          SQLITE_OPEN_EXRESCODE;
        int r;

        *db = (Db){0};
        r = db_fail(db, sqlite3_open_v2(path, &db->handle, flags, NULL));
        if (r < 0)
                return r;
        r = restrict_connection(db);
        if (r < 0)
                return r;
        r = db_exec(db, settings_sql);
        if (r < 0)
                return r;
        r = enter_wal_mode(db);
        if (r < 0)
                return r;
        (void) sqlite3_wal_hook(db->handle, on_commit, db); /* returns the hook before */
        return db_exec(db, log_sql);
}

int db_open_memory(Db *db)
{
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

        *db = (Db){0};
        return db_fail(db, sqlite3_open_v2(":memory:", &db->handle, flags, NULL));
}

void db_close(Db *db, bool keep_log)
{
        /* Closing folds the log into the database, which is wrong for a log that is not on disk. */
        if (db->wal_suspect && db_harden(db) < 0)
                keep_log = true;
        if (keep_log && db->handle)
                (void) sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        /* Fails only while statements are open; v2 then closes with the last of them. */
        (void) sqlite3_close_v2(db->handle);
        db->handle = NULL;
}

int db_exec(Db *db, const char *sql)
{
        return db_fail(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int db_prepare(Db *db, const char *sql, sqlite3_stmt **ret)
{
        return db_fail(
                db, sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL));
}

int db_run(Db *db, sqlite3_stmt *stmt)
{
        int rc = sqlite3_step(stmt);
        int r = db_fail(db, rc == SQLITE_ROW ? SQLITE_DONE : rc);

        (void) sqlite3_reset(stmt); /* repeats the error of the step */
        return r;
}

int db_run_wiping(Db *db, sqlite3_stmt *stmt)
{
        int r, r_off;

        r = db_exec(db, "PRAGMA secure_delete=ON");
        if (r < 0)
                return r;
        r = db_run(db, stmt);
        if (r == 0 && sqlite3_changes(db->handle) > 0)
                db->wipe_log = true;
        r_off = db_exec(db, "PRAGMA secure_delete=FAST");
        return r < 0 ? r : r_off;
}

int db_get_int(Db *db, const char *sql, int64_t *ret)
{
        _cleanup_(db_finalizep) sqlite3_stmt *stmt = NULL;
        int r, rc;

        r = db_prepare(db, sql, &stmt);
        if (r < 0)
                return r;
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW)
                return db_fail(db, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc);
        *ret = sqlite3_column_int64(stmt, 0);
        return 0;
}

/* Makes every page of the log dirty again. */
static int rewrite_log(sqlite3_file *log)
{
        char block[LOG_BLOCK_BYTES];
        sqlite3_int64 size = 0;
        int rc;

        rc = log->pMethods->xFileSize(log, &size);
        for (sqlite3_int64 at = 0; at < size && rc == SQLITE_OK; at += LOG_BLOCK_BYTES) {
                int bytes = (int) MIN(size - at, (sqlite3_int64) LOG_BLOCK_BYTES);

                rc = log->pMethods->xRead(log, block, bytes, at);
                if (rc == SQLITE_OK)
                        rc = log->pMethods->xWrite(log, block, bytes, at);
        }
        return rc;
}

/* A commit with synchronous=NORMAL has written all its frames, checksummed, to the log and left
 * the sync out; with FULL the same sync would follow at this point and nothing else. So one sync
 * of the log file hardens this commit and all before it. It goes through SQLite's own file object,
 * which also syncs the directory after a new log file was made.
 *
 * After a failed sync the kernel takes the pages it could not write for clean, and the next sync
 * reports success though they never reach the disk. The log is then written again, unchanged and
 * in place, before it is synced once more; a crash in between is no worse than before. */
static int read_all(Db *db, sqlite3_file *file)
{
        _cleanup_free_ char *block = mem_alloc(LOG_BLOCK_BYTES);
        sqlite3_int64 bytes, at = 0;
        int rc;

        if (!block)
                return -ENOMEM;
        rc = file->pMethods->xFileSize(file, &bytes);
        while (rc == SQLITE_OK && at < bytes) {
                int part = (int) MIN(bytes - at, LOG_BLOCK_BYTES);

                rc = file->pMethods->xRead(file, block, part, at);
                at += part;
        }
        if (rc == SQLITE_OK)
                return 0;
        db->rc = rc;
        str_copy(db->detail, sizeof(db->detail), sqlite3_errstr(rc));
        return (rc & 0xff) == SQLITE_IOERR ? errno_from_system(file_last_errno(file)) : -EIO;
}

int db_check_readable(Db *db)
{
        sqlite3_file *file = NULL, *log = log_file(db->handle);
        int r = 0;

        if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) ==
                    SQLITE_OK &&
            file && file->pMethods)
                r = read_all(db, file);
        if (r == 0 && log)
                r = read_all(db, log);
        return r;
}

int db_harden(Db *db)
{
        sqlite3_file *log = log_file(db->handle);
        int rc = SQLITE_OK;

        if (!log)
                return 0;
        if (db->wal_suspect)
                rc = rewrite_log(log);
        if (rc == SQLITE_OK)
                rc = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
        db->wal_suspect = rc != SQLITE_OK;
        if (rc == SQLITE_OK)
                return 0;
        str_copy(db->detail, sizeof(db->detail), "sync of the write-ahead log failed");
        return (rc & 0xff) == SQLITE_FULL ? -ENOSPC : errno_from_system(file_last_errno(log));
}

/* SQLite's own automatic checkpoint would sync the log and, failing, forget about it; the next one
 * would then trust the log and overwrite the database with what a crash can no longer repair. */
int db_trim_log(Db *db)
{
        int r, rc;

        if (db->log_pages < LOG_MAX_PAGES && !db->wipe_log)
                return 0;
        r = db_harden(db);
        if (r < 0)
                return r;
        rc = sqlite3_wal_checkpoint_v2(
                db->handle, "main",
                db->wipe_log ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        if (rc != SQLITE_OK)
                return db_fail(db, rc);
        db->wipe_log = false;
        db->log_pages = 0; /* the next commit starts it anew */
        return 0;
}
