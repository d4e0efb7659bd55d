/* SPDX-License-Identifier: Apache-2.0 */
/* The queue's database as a stranger, a broken disk or a broken program left it: bytes of a good
 * file changed or cut, values of good rows replaced by others, or any file at all. It opens whole,
 * or is set aside and kept; afterwards there is a queue that works. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "sample_job.h"
#include "store/row.h"
#include "store_rig.h"

#include "fuzz.h"

enum {
        FILE_MAX_BYTES = 256 * 1024,
        PATCHES_MAX = 32,
        TEXT_MAX_BYTES = 64,
        NEW_SERIAL = 1000000007,
        VERSIONS = 4, /* of the queue; the older ones stand in tests/contract/data */
};

static const StoreOptions OPTIONS = {.boot_id = "fuzz"};

typedef struct Queue {
        uint8_t *data;
        size_t bytes;
} Queue;

/* Three jobs with files, one of them an upload with a reply, one with credentials. */
static void fill(StorePort port)
{
        uint8_t sealed[] = "sealed";
        const JobCredential credential = {
                .target = 1, .scheme = 2, .sealed = sealed, .sealed_bytes = sizeof(sealed)};

        for (uint64_t i = 1; i <= 3; i++) {
                Job *job = i == 3 ? sample_upload(i) : sample_job_distinct(i);
                JobFile *file = sample_file_distinct(0), *reply = sample_reply();

                rig_save_job(port, job, false);
                if (i == 3)
                        rig_insert_upload(port, job, file, reply, false);
                else
                        rig_insert_file(port, job, file, false);
                if (i == 2)
                        rig_save_credential(port, job, &credential, false);
                stored_job_free(job);
                stored_file_free(file);
                stored_file_free(reply);
        }
}

static void read_queue(const char *path, Queue *ret)
{
        FILE *file = fopen(path, "rbe");

        ret->data = mem_alloc(FILE_MAX_BYTES);
        FUZZ_CHECK(file && ret->data);
        ret->bytes = fread(ret->data, 1, FILE_MAX_BYTES, file);
        (void) fclose(file);
        FUZZ_CHECK(ret->bytes > 0 && ret->bytes < FILE_MAX_BYTES);
}

static void make_queue(Queue *ret)
{
        StoreStatus status;
        char path[256];
        Store *store;

        fuzz_empty_directory();
        FUZZ_CHECK(store_open(fuzz_directory(), &OPTIONS, &status, &store) == 0);
        fill(store_port(store));
        store_close(store);
        (void) snprintf(path, sizeof(path), "%s/queue.db", fuzz_directory());
        read_queue(path, ret);
}

/* 0 is of the present version, the others of the versions with their number. */
static const Queue *good_queue(unsigned version)
{
        static Queue queues[VERSIONS];
        Queue *queue = &queues[version];
        char path[256];

        if (queue->data)
                return queue;
        if (version == 0) {
                make_queue(queue);
        } else {
                (void) snprintf(path, sizeof(path), FUZZ_QUEUES "/queue-%u.db", version);
                read_queue(path, queue);
        }
        return queue;
}

/* Bytes of the good file changed at places, and perhaps its end cut off. */
static void write_patched(FuzzInput *in, const Queue *good)
{
        uint8_t *copy = mem_alloc(good->bytes);
        size_t bytes = good->bytes;

        FUZZ_CHECK(copy);
        memcpy(copy, good->data, bytes);
        for (unsigned i = 0; i < PATCHES_MAX && in->left > 0; i++) {
                size_t at = ((size_t) fuzz_u8(in) << 8 | fuzz_u8(in)) % good->bytes;
                size_t n = fuzz_below(in, 8) + 1u;

                if (n == 8) {
                        bytes = at;
                        break;
                }
                for (size_t k = 0; k < n && at + k < good->bytes; k++)
                        copy[at + k] = fuzz_u8(in);
        }
        (void) fuzz_file("queue.db", copy, bytes);
        mem_free(copy);
}

static void bind_value(sqlite3_stmt *stmt, FuzzInput *in)
{
        uint64_t number;
        char *text;

        switch (fuzz_below(in, 6)) {
        case 0:
                (void) sqlite3_bind_null(stmt, 1);
                break;
        case 1:
                (void) sqlite3_bind_double(stmt, 1, (double) fuzz_number(in) / 3);
                break;
        case 2:
        case 3:
                number = fuzz_number(in);
                (void) sqlite3_bind_int64(stmt, 1, (int64_t) (fuzz_bool(in) ? number : ~number));
                break;
        default:
                text = fuzz_line(in, TEXT_MAX_BYTES);
                if (fuzz_bool(in))
                        (void) sqlite3_bind_blob(stmt, 1, text, (int) strlen(text),
                                                 SQLITE_TRANSIENT);
                else
                        (void) sqlite3_bind_text(stmt, 1, text, -1, SQLITE_TRANSIENT);
                mem_free(text);
        }
}

/* The n-th name of a list with commas, n modulo its length. Freed with mem_free(). */
static char *pick_column(const char *list, unsigned n)
{
        unsigned columns = 1;
        char *name;

        for (const char *p = list; *p; p++)
                columns += *p == ',';
        for (n %= columns; n > 0; n--)
                list = strchr(list, ',') + 1;
        name = mem_strndup(list, strcspn(list, ","));
        FUZZ_CHECK(name);
        return name;
}

/* What the table's own constraints refuse stays. */
static void change_row(FuzzInput *in, sqlite3 *db)
{
        static const struct {
                const char *name, *columns, *job;
        } tables[] = {
                {"files", ROW_FILE_KEY "," ROW_FILE_VALUES, "job"},
                {"jobs", ROW_JOB_KEY "," ROW_JOB_VALUES, "serial"},
                {"job_credentials", ROW_CREDENTIAL_KEY "," ROW_CREDENTIAL_VALUES, "job"},
        };
        uint8_t which = fuzz_u8(in);
        size_t table = which >= 0xc0 ? 2 : which & 1;
        char *column = pick_column(tables[table].columns, fuzz_u8(in));
        sqlite3_stmt *stmt = NULL;
        char sql[192];

        (void) snprintf(sql, sizeof(sql),
                        "UPDATE OR IGNORE %s SET %s=?1 WHERE %s="
                        "(SELECT serial FROM jobs ORDER BY serial LIMIT 1 OFFSET %u)",
                        tables[table].name, column, tables[table].job, fuzz_below(in, 3));
        if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) { /* it may be dropped */
                bind_value(stmt, in);
                (void) sqlite3_step(stmt);
        }
        (void) sqlite3_finalize(stmt);
        mem_free(column);
}

/* What a stranger may have done to the tables. True: it must not be taken for our file. */
static bool change_schema(FuzzInput *in, sqlite3 *db)
{
        enum {
                DOUBLED = 3,
                FOREIGN = 4
        }; /* the first ones; what stands beside our tables does no harm */
        static const char *const changes[] = {
                "ALTER TABLE jobs ADD COLUMN more INTEGER",
                "ALTER TABLE files RENAME COLUMN etag TO tag",
                "DROP TABLE files",
                "UPDATE jobs SET id=(SELECT min(id) FROM jobs)",
                "CREATE TRIGGER evil AFTER INSERT ON jobs BEGIN DELETE FROM files; END",
                "CREATE TRIGGER evil AFTER INSERT ON jobs BEGIN DELETE FROM jobs; END",
                "CREATE TABLE more (x)",
                "CREATE INDEX evil ON jobs (owner_uid)",
                "CREATE VIEW evil AS SELECT * FROM jobs",
                "DELETE FROM files",
                "DELETE FROM meta",
                "DELETE FROM jobs",
                "PRAGMA user_version=0",
                "PRAGMA user_version=1",
                "PRAGMA user_version=999",
                "PRAGMA user_version=-1",
                "PRAGMA application_id=1",
                "PRAGMA journal_mode=DELETE",
                "PRAGMA encoding='UTF-16'",
                "PRAGMA auto_vacuum=1; VACUUM",
                "PRAGMA page_size=512; PRAGMA journal_mode=DELETE; VACUUM",
        };

        unsigned which = fuzz_below(in, ARRAY_LEN(changes));

        if (sqlite3_exec(db, changes[which], NULL, NULL, NULL) != SQLITE_OK || which >= FOREIGN)
                return false;
        return which != DOUBLED || sqlite3_changes(db) > 1; /* there may be one left */
}

/* True: the file must not be taken for ours any more. */
static bool write_rows(FuzzInput *in, const Queue *good)
{
        const char *path = fuzz_file("queue.db", good->data, good->bytes);
        sqlite3 *db = NULL;
        bool foreign = false;

        FUZZ_CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        for (unsigned i = 0; i < PATCHES_MAX && in->left > 0; i++) {
                if (fuzz_below(in, 8) == 7)
                        foreign |= change_schema(in, db);
                else
                        change_row(in, db);
        }
        FUZZ_CHECK(sqlite3_close(db) == SQLITE_OK);
        return foreign;
}

/* One more job goes in, and is found again with all the others. */
static void check_usable(Store *store)
{
        RigQueue before = rig_load(store_port(store)), after;
        Job *job = sample_job(NEW_SERIAL);
        StoreStatus status;
        bool is_new;

        FUZZ_CHECK(before.result == 0);
        is_new = !rig_queue_find(&before, NEW_SERIAL);
        for (size_t i = 0; i < before.len && is_new; i++)
                is_new = memcmp(&before.jobs[i]->id, &job->id, sizeof(job->id)) != 0;
        if (is_new)
                rig_save_job(store_port(store), job, true);
        store_close(store);
        FUZZ_CHECK(store_open(fuzz_directory(), &OPTIONS, &status, &store) == 0);
        FUZZ_CHECK(status.outcome == STORE_OPENED);
        after = rig_load(store_port(store));
        FUZZ_CHECK(after.result == 0 && after.len == before.len + is_new);
        for (size_t i = 0; i < before.len; i++) {
                const Job *same = rig_queue_find(&after, before.jobs[i]->serial);

                FUZZ_CHECK(same && !sample_job_difference(before.jobs[i], same));
        }
        store_close(store);
        rig_queue_done(&before);
        rig_queue_done(&after);
        stored_job_free(job);
}

static void check_status(const StoreStatus *status, int r)
{
        struct stat st;

        switch (status->outcome) {
        case STORE_OPENED:
        case STORE_CREATED:
                FUZZ_CHECK(r == 0);
                break;
        case STORE_REPLACED:
                FUZZ_CHECK(r == 0 && *status->detail);
                FUZZ_CHECK(stat(status->aside_path, &st) == 0); /* nothing is deleted */
                break;
        case STORE_NEWER:
                FUZZ_CHECK(r < 0);
                break;
        default:
                FUZZ_CHECK(!"the store cannot be opened, and was not set aside");
        }
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        FuzzInput in = {data, bytes};
        uint8_t choice = fuzz_u8(&in);
        const Queue *good = good_queue(choice / (256 / VERSIONS));
        bool foreign = false;
        StoreStatus status;
        Store *store;
        int r;

        fuzz_empty_directory();
        switch (choice % 4) {
        case 0:
        case 1:
                write_patched(&in, good);
                break;
        case 2:
                foreign = write_rows(&in, good);
                break;
        default:
                (void) fuzz_file("queue.db", in.data, in.left);
        }
        r = store_open(fuzz_directory(), &OPTIONS, &status, &store);
        check_status(&status, r);
        FUZZ_CHECK(!foreign || status.outcome != STORE_OPENED);
        if (r == 0)
                check_usable(store);
}
