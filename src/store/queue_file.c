/* SPDX-License-Identifier: Apache-2.0 */
#include "store/queue_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "base/str.h"
#include "store/aside.h"
#include "store/row.h"
#include "store/schema.h"

static const char jobs_sql[] =
        "SELECT " ROW_JOB_KEY "," ROW_JOB_VALUES " FROM jobs ORDER BY serial";
static const char files_sql[] =
        "SELECT " ROW_FILE_KEY "," ROW_FILE_VALUES " FROM files ORDER BY job,idx";
static const char credentials_sql[] = "SELECT " ROW_CREDENTIAL_KEY "," ROW_CREDENTIAL_VALUES
                                      " FROM job_credentials ORDER BY job,target,scheme";

static int read_jobs(Db *db, Image *image)
{
        _cleanup_(db_finalizep) sqlite3_stmt *stmt = NULL;
        int r, rc;

        r = db_prepare(db, jobs_sql, &stmt);
        if (r < 0)
                return r;
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
                _cleanup_(stored_job_freep) Job *job = NULL;
                size_t pos;

                r = row_read_job(db, stmt, &job);
                if (r < 0)
                        return r;
                if (image_find(image, job->serial, &pos) || pos != image->len)
                        return db_damage(db, "jobs are out of order");
                r = image_reserve(image);
                if (r < 0)
                        return r;
                image_insert(image, pos, TAKE_PTR(job));
        }
        return db_fail(db, rc);
}

/* The job of a row; rows come in order of their job, and *at goes along. NULL: there is none. */
static Job *seek_job(const Image *image, uint64_t serial, size_t *at)
{
        while (*at < image->len && image->jobs[*at]->serial < serial)
                (*at)++;
        if (*at == image->len || image->jobs[*at]->serial != serial)
                return NULL;
        return image->jobs[*at];
}

static int append_file(Db *db, Image *image, sqlite3_stmt *stmt, size_t *at)
{
        _cleanup_(stored_file_freep) JobFile *file = NULL;
        const char *bad;
        uint64_t serial;
        Job *job;
        int r;

        r = row_read_file(db, stmt, &serial, &file);
        if (r < 0)
                return r;
        job = seek_job(image, serial, at);
        if (!job)
                return db_damage(db, "file %" PRIu32 " of no job", file->index);
        bad = stored_file_bad_place(job->type, file);
        if (bad)
                return db_damage(db,
                                 "job %" PRIu64 ", file %" PRIu32 ": column %s does not go with "
                                 "the type of the job",
                                 serial, file->index, bad);
        if (file->index != job->files_len)
                return db_damage(db,
                                 "job %" PRIu64 ": file %" PRIu32 " where %" PRIu32 " should be",
                                 serial, file->index, job->files_len);
        if (stored_is_reply(job->type, file->index)) {
                job->reply = TAKE_PTR(file);
                return 0;
        }
        r = image_reserve_file(job);
        if (r < 0)
                return r;
        image_append_file(job, TAKE_PTR(file));
        return 0;
}

static int append_credential(Db *db, Image *image, sqlite3_stmt *stmt, size_t *at)
{
        JobCredential c;
        uint64_t serial;
        uint32_t pos;
        Job *job;
        int r;

        r = row_read_credential(db, stmt, &serial, &c);
        if (r < 0)
                return r;
        job = seek_job(image, serial, at);
        /* The table's key keeps two of a slot apart; a damaged index might not. */
        if (!job || image_find_credential(job, c.target, c.scheme, &pos) ||
            pos != job->credentials_len)
                r = db_damage(db, "job %" PRIu64 ": credentials that belong nowhere", serial);
        else
                r = image_reserve_credential(job);
        if (r < 0) {
                mem_free(c.sealed);
                return r;
        }
        image_insert_credential(job, pos, &c);
        return 0;
}

/* Gives every row of a table to its job; rows come in the jobs' order. */
static int read_rows(Db *db, Image *image, const char *sql,
                     int (*append)(Db *db, Image *image, sqlite3_stmt *stmt, size_t *at))
{
        _cleanup_(db_finalizep) sqlite3_stmt *stmt = NULL;
        size_t at = 0;
        int r, rc;

        r = db_prepare(db, sql, &stmt);
        if (r < 0)
                return r;
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
                r = append(db, image, stmt, &at);
                if (r < 0)
                        return r;
        }
        return db_fail(db, rc);
}

static int check_replies(Db *db, const Image *image)
{
        for (size_t i = 0; i < image->len; i++)
                if (stored_lacks_reply(image->jobs[i]))
                        return db_damage(db, "job %" PRIu64 ": it has a file, but no reply",
                                         image->jobs[i]->serial);
        return 0;
}

static int check_twins(Db *db, const Image *image)
{
        const Job *twin;
        int r;

        r = image_find_twin(image, &twin);
        if (r < 0)
                return r;
        if (twin)
                return db_damage(db, "job %" PRIu64 ": its identifier occurs twice", twin->serial);
        return 0;
}

int queue_file_read(Db *db, Image *ret)
{
        Image image = {0};
        int r;

        r = read_jobs(db, &image);
        if (r == 0)
                r = read_rows(db, &image, files_sql, append_file);
        if (r == 0)
                r = read_rows(db, &image, credentials_sql, append_credential);
        if (r == 0)
                r = check_replies(db, &image);
        if (r == 0)
                r = check_twins(db, &image);
        if (r < 0) {
                image_done(&image);
                return r;
        }
        *ret = image;
        return 0;
}

/* 0: what SQLite found is in `ret`, "ok" when it is nothing. */
static int run_check(Db *db, char ret[DB_DETAIL_BYTES])
{
        _cleanup_(db_finalizep) sqlite3_stmt *stmt = NULL;
        const char *text;
        int r, rc;

        r = db_prepare(db, "PRAGMA quick_check(1)", &stmt);
        if (r < 0)
                return r;
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW)
                return db_fail(db, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc);
        text = (const char *) sqlite3_column_text(stmt, 0);
        if (!text)
                return -ENOMEM;
        str_copy(ret, DB_DETAIL_BYTES, text);
        return 0;
}

/* Damage outside the rows (free pages, inner nodes) would otherwise show at some later write,
 * when the queue can no longer be set aside. To SQLite's check a page that could not be read just
 * now, or for which there was no memory, is a damaged one: it has to say so twice, of a file that
 * can be read. */
static int check_structure(Db *db)
{
        char text[DB_DETAIL_BYTES];
        int r;

        r = run_check(db, text);
        if (r < 0 || str_equal(text, "ok"))
                return r;
        (void) sqlite3_db_release_memory(db->handle); /* its pages are read again */
        r = db_check_readable(db);
        if (r == 0)
                r = run_check(db, text);
        if (r < 0 || str_equal(text, "ok"))
                return r;
        return db_damage(db, "%s", text);
}

/* SQLite would make the file readable by everybody; its log inherits the mode. The file is not
 * opened when it exists: closing any descriptor of it would drop the locks of another connection
 * of this process. */
static int make_file(int dir_fd, StoreStatus *status)
{
        _cleanup_close_ int fd = -1;
        struct stat st;

        fd = openat(dir_fd, QUEUE_FILE_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0600);
        if (fd >= 0)
                return fsync(dir_fd) < 0 ? -errno : 0;
        if (errno != EEXIST)
                return -errno;
        if (fstatat(dir_fd, QUEUE_FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode)) {
                str_copy(status->detail, sizeof(status->detail),
                         QUEUE_FILE_NAME " is no regular file");
                return -EINVAL;
        }
        if ((st.st_mode & 0177) != 0 && fchmodat(dir_fd, QUEUE_FILE_NAME, 0600, 0) < 0)
                return -errno;
        /* SQLite has one answer to all that may be wrong here. */
        if (faccessat(dir_fd, QUEUE_FILE_NAME, R_OK | W_OK, AT_EACCESS) < 0 ||
            faccessat(dir_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
                return -errno;
        return 0;
}

static int read_boot(Db *db, char ret[BOOT_ID_BYTES])
{
        _cleanup_(db_finalizep) sqlite3_stmt *stmt = NULL;
        const char *text;
        int r, rc;

        r = db_prepare(db, "SELECT value FROM meta WHERE key='boot_id'", &stmt);
        if (r < 0)
                return r;
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW)
                return db_fail(db, rc);
        text = (const char *) sqlite3_column_text(stmt, 0);
        if (text)
                str_copy(ret, BOOT_ID_BYTES, text);
        return 0;
}

/* The file itself can be written; SQLite would begin transactions all the same and fail at the
 * first row. */
static int check_writable(Db *db)
{
        if (sqlite3_db_readonly(db->handle, "main") == 0)
                return 0;
        return db_damage(db, "the header forbids writing");
}

static int apply_schema(Db *db, StoreStatus *status)
{
        SchemaVerdict verdict;
        int r;

        r = schema_apply(db, schema_steps(), &verdict, &status->version);
        if (r < 0)
                return r;
        if (verdict == SCHEMA_NEWER) {
                status->outcome = STORE_NEWER;
                (void) snprintf(db->detail, sizeof(db->detail),
                                "version %" PRIu32 ", this program knows up to %" PRIu32,
                                status->version, schema_steps()->n);
                return -ENOTSUP;
        }
        status->outcome = verdict == SCHEMA_FRESH ? STORE_CREATED : STORE_OPENED;
        return 0;
}

/* One try; on failure queue->db must still be closed. */
static int open_and_read(const char *path, StoreStatus *status, QueueFile *queue)
{
        Db *db = &queue->db;
        int r;

        status->outcome = STORE_FAILED;
        r = db_open(db, path);
        if (r == 0)
                r = check_writable(db);
        if (r == 0)
                r = apply_schema(db, status);
        if (r == 0)
                r = check_structure(db);
        if (r == 0)
                r = schema_check(db, schema_steps());
        if (r == 0)
                r = read_boot(db, queue->boot_id);
        if (r == 0)
                r = queue_file_read(db, &queue->image);
        if (r == 0) {
                (void) sqlite3_db_release_memory(db->handle); /* pages of the one long read */
                return 0;
        }
        if ((db->rc & 0xff) == SQLITE_BUSY)
                status->outcome = STORE_LOCKED;
        else if (status->outcome != STORE_NEWER)
                status->outcome = STORE_FAILED;
        return r;
}

static int set_aside(const char *dir, int dir_fd, const char *why, StoreStatus *status)
{
        char name[ASIDE_NAME_BYTES];
        int n, r;

        r = aside_move(dir_fd, QUEUE_FILE_NAME, clock_wall_usec(&CLOCK_SYSTEM), name);
        if (r < 0)
                return r;
        n = snprintf(status->aside_path, sizeof(status->aside_path), "%s/%s", dir, name);
        if (n < 0 || (size_t) n >= sizeof(status->aside_path))
                str_copy(status->aside_path, sizeof(status->aside_path), name);
        str_copy(status->detail, sizeof(status->detail), why);
        return 0;
}

/* Opens, and when what is there is damaged, sets it aside and opens afresh. */
static int open_or_replace(const char *dir, int dir_fd, const char *path, StoreStatus *status,
                           QueueFile *queue)
{
        bool replaced = false;
        int r;

        if (aside_is_orphaned(dir_fd, QUEUE_FILE_NAME)) {
                r = set_aside(dir, dir_fd, "a log without its database", status);
                if (r < 0)
                        return r;
                replaced = true;
        }
        for (;;) {
                r = make_file(dir_fd, status);
                if (r < 0)
                        return r;
                r = open_and_read(path, status, queue);
                if (r == 0)
                        break;
                db_close(&queue->db, true);
                if (!queue->db.damaged || replaced) {
                        str_copy(status->detail, sizeof(status->detail), queue->db.detail);
                        return r;
                }
                r = set_aside(dir, dir_fd, queue->db.detail, status);
                if (r < 0)
                        return r;
                replaced = true;
        }
        if (replaced)
                status->outcome = STORE_REPLACED;
        return 0;
}

static int open_in_dir(const char *dir, StoreStatus *status, QueueFile *ret)
{
        _cleanup_close_ int dir_fd = -1;
        _cleanup_free_ char *path = NULL;

        /* A name that starts with "file:" would be read as a URI. */
        if (!path_is_absolute(dir))
                return -EINVAL;
        path = mem_printf("%s/" QUEUE_FILE_NAME, dir);
        if (!path)
                return -ENOMEM;
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;
        return open_or_replace(dir, dir_fd, path, status, ret);
}

int queue_file_open(const char *dir, StoreStatus *status, QueueFile *ret)
{
        int r;

        *status = (StoreStatus){.outcome = STORE_FAILED};
        *ret = (QueueFile){0};
        r = open_in_dir(dir, status, ret);
        if (r < 0 && status->detail[0] == '\0')
                str_copy(status->detail, sizeof(status->detail), strerror(-r));
        return r;
}
