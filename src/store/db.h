/* SPDX-License-Identifier: Apache-2.0 */
/* One SQLite connection with our settings and our errors; knows nothing of jobs. Functions return
 * 0 or a negative errno: -ENOSPC (also over quota), -EROFS, -EBUSY (another process has it),
 * -ENOMEM, -EMSGSIZE, -ENOENT (a file without its job), -EINVAL, -EUCLEAN (the file is damaged),
 * -EACCES, else -EIO.
 * `damaged` and `detail` of the connection say more than the number does. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { DB_DETAIL_BYTES = 256 };

typedef struct Db {
        sqlite3 *handle;
        bool damaged;                 /* the file's content is at fault, not the disk */
        int rc;                       /* SQLite's own code of the last failure */
        int log_pages;                /* length of the log after the last commit */
        bool wipe_log;                /* it holds what db_run_wiping() took out */
        bool wal_suspect;             /* a sync of the log failed; see db_harden() */
        char detail[DB_DETAIL_BYTES]; /* of the last failure, for people */
} Db;

/* Opens an existing regular file (which may be empty) and settles every setting. *db must not move
 * while it is open. On failure the connection must still be closed, after `damaged` and `detail`
 * were read. */
_must_use_ int db_open(Db *db, const char *path);
/* An empty database that lives as long as the connection. */
_must_use_ int db_open_memory(Db *db);
/* keep_log: leaves the log file as it is instead of folding it into the database. */
void db_close(Db *db, bool keep_log);

/* Records the failure of `rc` and returns its errno; 0 for the codes that mean success. */
int db_fail(Db *db, int rc);
/* Records damage that SQLite itself cannot see. Returns -EUCLEAN. */
int db_damage(Db *db, const char *fmt, ...) _printf_(2, 3);

_must_use_ int db_exec(Db *db, const char *sql);
/* A statement that is kept and used often. */
_must_use_ int db_prepare(Db *db, const char *sql, sqlite3_stmt **ret);
/* Runs a statement that returns no rows, and makes it ready for the next use. */
_must_use_ int db_run(Db *db, sqlite3_stmt *stmt);
/* Runs a DELETE after which nothing of the rows is left: they are overwritten, in free pages too,
 * and the log, which has older copies of their pages, is emptied by the next db_trim_log(). */
_must_use_ int db_run_wiping(Db *db, sqlite3_stmt *stmt);
/* First column of the first row. */
_must_use_ int db_get_int(Db *db, const char *sql, int64_t *ret);

/* Reads every byte of the database and its log once: 0, or what keeps the disk from giving them. */
_must_use_ int db_check_readable(Db *db);

/* Makes everything committed so far survive a power loss. */
_must_use_ int db_harden(Db *db);
/* Outside transactions: folds a log that has grown long, or must be wiped, into the database. When
 * that fails nothing is lost, and the next call tries again. */
int db_trim_log(Db *db);

static inline sqlite3_stmt *db_finalize(sqlite3_stmt *stmt)
{
        (void) sqlite3_finalize(stmt); /* repeats the error of the last step, known already */
        return NULL;
}
DEFINE_CLEANUP(sqlite3_stmt *, db_finalize)
