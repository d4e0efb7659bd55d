/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite store against files it should not find: of newer programs, of other programs, cut
 * short, scribbled over, with values no job can have. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
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
#include "base/str.h"
#include "sample_job.h"
#include "store_rig.h"

typedef struct Place {
        char dir[RIG_PATH_BYTES];
        char db[RIG_PATH_BYTES + 16];
        char wal[RIG_PATH_BYTES + 16];
} Place;

static int make_place(void **state)
{
        Place *p = mem_new(Place);

        if (!p)
                return -1;
        rig_make_dir(p->dir);
        (void) snprintf(p->db, sizeof(p->db), "%s/queue.db", p->dir);
        (void) snprintf(p->wal, sizeof(p->wal), "%s/queue.db-wal", p->dir);
        *state = p;
        return 0;
}

static int remove_place(void **state)
{
        Place *p = *state;

        rig_remove_dir(p->dir);
        mem_free(p);
        return 0;
}

static Store *open_expecting(const Place *p, StoreOutcome expected, StoreStatus *ret_status)
{
        StoreStatus status;
        Store *store = NULL;
        int r;

        r = store_open(p->dir, NULL, &status, &store);
        if (status.outcome != expected)
                fail_msg("%s instead of %s: %s", store_outcome_to_string(status.outcome),
                         store_outcome_to_string(expected), status.detail);
        assert_int_equal(r, 0);
        if (ret_status)
                *ret_status = status;
        return store;
}

/* Every third one is an upload with a reply, and has credentials. */
static void put_jobs(StorePort port, uint64_t n)
{
        for (uint64_t i = 1; i <= n; i++) {
                _cleanup_(stored_job_freep) Job *job =
                        i % 3 == 0 ? sample_upload(i) : sample_job_distinct(i);
                _cleanup_(stored_file_freep) JobFile *file = sample_file_distinct(0),
                                                     *reply = sample_reply();

                rig_save_job(port, job, false);
                if (i % 3 == 0) {
                        JobCredential c =
                                sample_credential(BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_NTLM, 7);

                        rig_insert_upload(port, job, file, reply, false);
                        rig_save_credential(port, job, &c, false);
                        sample_credential_done(&c);
                } else
                        rig_insert_file(port, job, file, false);
        }
}

static void make_queue(const Place *p, uint64_t jobs)
{
        Store *store = open_expecting(p, STORE_CREATED, NULL);

        put_jobs(store_port(store), jobs);
        store_close(store);
}

static void run_sql(const char *path, const char *sql)
{
        sqlite3 *db = NULL;
        char *error = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
                fail_msg("%s: %s", sql, error);
        sqlite3_close(db);
}

static size_t count_jobs(Store *store)
{
        RigQueue queue = rig_load(store_port(store));
        size_t n = queue.len;

        assert_int_equal(queue.result, 0);
        rig_queue_done(&queue);
        return n;
}

static void assert_usable(Store *store)
{
        size_t before = count_jobs(store);
        _cleanup_(stored_job_freep) Job *job = sample_job(1000);

        rig_save_job(store_port(store), job, true);
        assert_int_equal(count_jobs(store), before + 1);
        rig_delete_job(store_port(store), job, true);
}

static off_t file_size(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 ? st.st_size : -1;
}

static void fresh_file_is_private_and_reopens(void **state)
{
        Place *p = *state;
        mode_t mask = umask(0);
        struct stat st;
        Store *store;

        make_queue(p, 3);
        store = open_expecting(p, STORE_OPENED, NULL);
        put_jobs(store_port(store), 1);
        assert_int_equal(stat(p->db, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(stat(p->wal, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        store_close(store);
        umask(mask);
        assert_int_equal(file_size(p->wal), -1); /* folded into the database */

        assert_int_equal(chmod(p->db, 0666), 0);
        store = open_expecting(p, STORE_OPENED, NULL);
        assert_int_equal(stat(p->db, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(count_jobs(store), 3);
        store_close(store);
}

static void second_opener_is_refused(void **state)
{
        Place *p = *state;
        Store *first = open_expecting(p, STORE_CREATED, NULL), *second = NULL;
        StoreStatus status;

        put_jobs(store_port(first), 1);
        assert_int_equal(store_open(p->dir, NULL, &status, &second), -EBUSY);
        assert_int_equal(status.outcome, STORE_LOCKED);
        assert_null(second);
        assert_usable(first);
        store_close(first);
        store_close(open_expecting(p, STORE_OPENED, NULL));
}

static void newer_file_is_refused_and_left_alone(void **state)
{
        Place *p = *state;
        Store *store = NULL;
        StoreStatus status;

        make_queue(p, 2);
        run_sql(p->db, "PRAGMA user_version=5; ALTER TABLE jobs ADD COLUMN later TEXT");
        assert_int_equal(store_open(p->dir, NULL, &status, &store), -ENOTSUP);
        assert_int_equal(status.outcome, STORE_NEWER);
        assert_int_equal(status.version, 5);
        assert_non_null(strstr(status.detail, "version 5"));
        assert_string_equal(status.aside_path, "");
        assert_null(store);

        run_sql(p->db, "PRAGMA user_version=4; ALTER TABLE jobs DROP COLUMN later");
        store = open_expecting(p, STORE_OPENED, NULL);
        assert_int_equal(count_jobs(store), 2);
        store_close(store);
}

/* Replaced, and what was there still there under the reported name. */
static void assert_replaced(const Place *p, off_t bytes)
{
        StoreStatus status;
        Store *store = open_expecting(p, STORE_REPLACED, &status);

        assert_true(str_starts_with(status.aside_path, p->dir));
        assert_non_null(strstr(status.aside_path, "/queue.db.corrupt-"));
        assert_true(status.detail[0] != '\0');
        if (bytes >= 0)
                assert_int_equal(file_size(status.aside_path), bytes);
        assert_int_equal(count_jobs(store), 0);
        assert_usable(store);
        store_close(store);
        store_close(open_expecting(p, STORE_OPENED, NULL));
}

static void write_file(const char *path, const void *data, size_t bytes)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, data, bytes), 0);
}

static void file_that_is_no_database_is_set_aside(void **state)
{
        static const char text[] = "[Policy]\nMaxJobsPerUser=5\nthis is something else entirely\n";
        Place *p = *state;

        write_file(p->db, text, sizeof(text));
        assert_replaced(p, sizeof(text));
        write_file(p->db, text, 5); /* again in the same second: another name */
        assert_replaced(p, 5);
}

static void database_of_another_program_is_set_aside(void **state)
{
        Place *p = *state;

        run_sql(p->db, "CREATE TABLE jobs (a, b, c); INSERT INTO jobs VALUES (1, 2, 3)");
        assert_replaced(p, file_size(p->db));
}

static void impossible_versions_are_damage(void **state)
{
        static const char *const versions[] = {"0", "-1", "1001", "2147483647"};
        Place *p = *state;

        make_queue(p, 1);
        for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
                char sql[64];

                (void) snprintf(sql, sizeof(sql), "PRAGMA user_version=%s", versions[i]);
                run_sql(p->db, sql);
                assert_replaced(p, -1);
        }
}

/* Bytes 18 and 19 of the header say who may write and read; a number above those known forbids
 * it. Transactions would begin all the same, and fail at their first row. */
static void header_that_forbids_writing_is_damage(void **state)
{
        Place *p = *state;
        StoreStatus status;
        Store *store;
        int fd;

        make_queue(p, 3);
        fd = open(p->db, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, "\3", 1, 18), 1);
        assert_int_equal(close(fd), 0);
        store = open_expecting(p, STORE_REPLACED, &status);
        assert_string_equal(status.detail, "the header forbids writing");
        assert_true(file_size(status.aside_path) > 0);
        assert_usable(store);
        store_close(store);
}

/* Without /proc: bytes that were not synced are never trusted. */
static void boot_that_is_not_known_is_never_the_same(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        const StoreOptions unknown = {.boot_id = ""};
        Place *p = *state;

        for (int i = 0; i < 2; i++) {
                StoreStatus status;
                Store *store = NULL;
                RigQueue queue;

                assert_int_equal(store_open(p->dir, &unknown, &status, &store), 0);
                rig_save_job(store_port(store), job, true);
                queue = rig_load(store_port(store));
                assert_int_equal(queue.len, 1);
                assert_false(queue.same_boot);
                rig_queue_done(&queue);
                store_close(store);
        }
}

static void truncated_file_is_set_aside(void **state)
{
        Place *p = *state;

        make_queue(p, 50);
        assert_int_equal(truncate(p->db, file_size(p->db) / 2 + 100), 0);
        assert_replaced(p, file_size(p->db));
}

static void empty_file_counts_as_new(void **state)
{
        Place *p = *state;
        Store *store;

        write_file(p->db, "", 0);
        store = open_expecting(p, STORE_CREATED, NULL);
        assert_usable(store);
        store_close(store);
}

static void log_without_its_database_is_set_aside(void **state)
{
        char copy[RIG_PATH_BYTES + 32];
        Place *p = *state;
        StoreStatus status;
        Store *store = open_expecting(p, STORE_CREATED, NULL);
        off_t bytes;

        put_jobs(store_port(store), 3);
        (void) snprintf(copy, sizeof(copy), "%s/copy", p->dir);
        assert_int_equal(link(p->wal, copy), 0);
        store_close(store);
        assert_int_equal(unlink(p->db), 0);
        assert_int_equal(rename(copy, p->wal), 0);
        bytes = file_size(p->wal);
        assert_true(bytes > 0);

        store = open_expecting(p, STORE_REPLACED, &status);
        assert_usable(store);
        store_close(store);
        str_copy(copy, sizeof(copy), status.aside_path);
        assert_true(strlen(copy) + 5 < sizeof(copy));
        (void) strcat(copy, "-wal");
        assert_int_equal(file_size(copy), bytes);
}

static void things_that_are_no_file_are_refused(void **state)
{
        Place *p = *state;
        StoreStatus status;
        Store *store = NULL;

        assert_int_equal(mkdir(p->db, 0700), 0);
        assert_int_equal(store_open(p->dir, NULL, &status, &store), -EINVAL);
        assert_int_equal(status.outcome, STORE_FAILED);
        assert_int_equal(rmdir(p->db), 0);

        assert_int_equal(symlink("/etc/passwd", p->db), 0);
        assert_int_equal(store_open(p->dir, NULL, &status, &store), -EINVAL);
        assert_int_equal(unlink(p->db), 0);

        assert_int_equal(store_open("relative", NULL, &status, &store), -EINVAL);
        assert_int_equal(store_open("file:/tmp?mode=memory", NULL, &status, &store), -EINVAL);
        assert_int_equal(store_open("/nonexistent/dir", NULL, &status, &store), -ENOENT);
        assert_int_equal(status.outcome, STORE_FAILED);
        assert_true(status.detail[0] != '\0');
        assert_null(store);
}

/* Each of these rows is well-formed SQL in a sound file, and nonsense. */
static void nonsense_values_are_damage(void **state)
{
        static const char *const changes[] = {
                "UPDATE jobs SET state=9 WHERE serial=2",
                "UPDATE jobs SET state=-1 WHERE serial=2",
                "UPDATE jobs SET state=4294967296 WHERE serial=2",
                "UPDATE jobs SET priority=4 WHERE serial=2",
                "UPDATE jobs SET type=3 WHERE serial=2",
                "UPDATE jobs SET proxy_usage=4 WHERE serial=2",
                "UPDATE jobs SET intent=3 WHERE serial=2",
                "UPDATE jobs SET undelivered=4 WHERE serial=2",
                "UPDATE jobs SET error_context=9 WHERE serial=2",
                "UPDATE jobs SET error_file=-2 WHERE serial=2",
                "UPDATE jobs SET error_code=2147483648 WHERE serial=2",
                "UPDATE jobs SET error_fatal=2 WHERE serial=2",
                "UPDATE jobs SET auto_complete=-1 WHERE serial=2",
                "UPDATE jobs SET owner_uid=-1 WHERE serial=2",
                "UPDATE jobs SET owner_uid=4294967296 WHERE serial=2",
                "UPDATE jobs SET created_wall=-1 WHERE serial=2",
                "UPDATE jobs SET active_usec=-9223372036854775808 WHERE serial=2",
                "UPDATE jobs SET id=x'00' WHERE serial=2",
                "UPDATE jobs SET id=zeroblob(17) WHERE serial=2",
                "UPDATE jobs SET id=(SELECT id FROM jobs WHERE serial=1) WHERE serial=2",
                "UPDATE jobs SET name=CAST(x'ff' AS TEXT) WHERE serial=2",
                "UPDATE jobs SET name=CAST(x'610062' AS TEXT) WHERE serial=2",
                "UPDATE jobs SET name=CAST(zeroblob(300000) AS TEXT) WHERE serial=2",
                "UPDATE jobs SET name=replace(hex(zeroblob(100000)),'0','x') WHERE serial=2",
                "UPDATE jobs SET error_text=replace(hex(zeroblob(150)),'0','x') WHERE serial=2",
                "UPDATE jobs SET error_host=CAST(x'c0af' AS TEXT) WHERE serial=2",
                "UPDATE jobs SET serial=0 WHERE serial=1; DELETE FROM files WHERE job=1",
                "UPDATE jobs SET serial=-5 WHERE serial=1; DELETE FROM files WHERE job=1",
                "INSERT INTO jobs SELECT 9223372036854775807,x'00112233445566778899aabbccddeeff',"
                "owner_uid,type,name,description,priority,notify_flags,retry_delay_sec,"
                "no_progress_sec,proxy_usage,proxy_list,proxy_bypass,files_in_flight,"
                "auto_complete,state,intent,undelivered,error_count,created_wall,modified_wall,"
                "transferred_wall,ended_wall,end_result,active_usec,error_code,error_context,"
                "error_file,error_http_status,error_curl_code,error_errno,error_retry_after_sec,"
                "error_fatal,error_event_driven,error_host,error_text,reply_name,reply_optional,"
                "uploaded,farewell_wall,session,notify_program,notify_parameters,notify_uid,"
                "program_result,program_time_wall,program_runs,limit_bps FROM jobs WHERE serial=1",
                "UPDATE jobs SET session=zeroblob(16385) WHERE serial=3",
                "UPDATE jobs SET session=zeroblob(0) WHERE serial=3",
                "UPDATE jobs SET session=CAST('no bytes' AS BLOB) WHERE serial=2",
                "UPDATE jobs SET reply_name='/reply' WHERE serial=2",
                "UPDATE jobs SET reply_name=CAST(x'2fff' AS TEXT) WHERE serial=3",
                "UPDATE jobs SET reply_optional=2 WHERE serial=3",
                "UPDATE jobs SET uploaded=-1 WHERE serial=3",
                "UPDATE jobs SET farewell_wall=-1 WHERE serial=3",
                "UPDATE jobs SET type=0 WHERE serial=3",
                "UPDATE jobs SET type=1, reply_name=NULL WHERE serial=3",
                "INSERT INTO files SELECT 2,1,'',local,state,size_bytes,done_bytes,synced_bytes,"
                "etag,modified_sec FROM files WHERE job=3 AND idx=1",
                "INSERT INTO files SELECT 3,2,remote,local,state,size_bytes,done_bytes,"
                "synced_bytes,etag,modified_sec FROM files WHERE job=3 AND idx=1",
                "DELETE FROM files WHERE job=3 AND idx=0",
                "DELETE FROM files WHERE job=3 AND idx=1",
                "UPDATE files SET remote='' WHERE job=3 AND idx=0",
                "UPDATE files SET state=9 WHERE job=3 AND idx=1",
                "UPDATE files SET state=4 WHERE job=2",
                "UPDATE files SET state=-1 WHERE job=2",
                "UPDATE files SET size_bytes=-2 WHERE job=2",
                "UPDATE files SET done_bytes=-1 WHERE job=2",
                "UPDATE files SET synced_bytes=-1 WHERE job=2",
                "UPDATE files SET remote=CAST(x'80' AS TEXT) WHERE job=2",
                "UPDATE files SET etag=CAST(x'80' AS TEXT) WHERE job=2",
                "UPDATE files SET idx=1 WHERE job=2",
                "UPDATE files SET idx=-1 WHERE job=2",
                "UPDATE files SET job=77 WHERE job=2",
                "UPDATE files SET job=-1 WHERE job=2",
                "UPDATE jobs SET notify_program=NULL WHERE serial=2",
                "UPDATE jobs SET notify_program=CAST(x'2fff' AS TEXT) WHERE serial=2",
                "UPDATE jobs SET notify_parameters=CAST(x'ff' AS TEXT) WHERE serial=2",
                "UPDATE jobs SET notify_uid=-1 WHERE serial=2",
                "UPDATE jobs SET program_result=2147483648 WHERE serial=2",
                "UPDATE jobs SET program_time_wall=-1 WHERE serial=2",
                "UPDATE jobs SET program_runs=4294967296 WHERE serial=2",
                "UPDATE jobs SET limit_bps=-1 WHERE serial=2",
                "UPDATE jobs SET error_host=replace(hex(zeroblob(200)),'0','x') WHERE serial=2",
                "UPDATE job_credentials SET target=0",
                "UPDATE job_credentials SET target=3",
                "UPDATE job_credentials SET scheme=0",
                "UPDATE job_credentials SET scheme=6",
                "UPDATE job_credentials SET scheme=4294967297",
                "UPDATE job_credentials SET implicit=2",
                "UPDATE job_credentials SET sealed=zeroblob(0)",
                "UPDATE job_credentials SET sealed=zeroblob(197626)",
                "UPDATE job_credentials SET job=77",
                "UPDATE job_credentials SET job=-1",
                "DROP TABLE job_credentials",
                "DROP TABLE files",
                "DROP TABLE meta",
                "ALTER TABLE jobs DROP COLUMN name",
                "DROP TABLE files; CREATE VIEW files AS SELECT 1 AS job",
                "DROP TABLE meta; CREATE TABLE meta (a)",
        };
        char sql[2048];
        Place *p = *state;

        for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
                make_queue(p, 3);
                (void) snprintf(sql, sizeof(sql), "PRAGMA foreign_keys=OFF; BEGIN; %s; COMMIT",
                                changes[i]);
                run_sql(p->db, sql);
                assert_replaced(p, -1);
                assert_int_equal(unlink(p->db), 0);
        }
}

static void triggers_of_a_stranger_do_not_run(void **state)
{
        Place *p = *state;
        Store *store;

        make_queue(p, 2);
        run_sql(p->db, "CREATE TRIGGER t AFTER UPDATE ON jobs BEGIN DELETE FROM files; END");
        store = open_expecting(p, STORE_OPENED, NULL);
        put_jobs(store_port(store), 1);
        assert_int_equal(count_jobs(store), 2);
        store_close(store);
}

/* A small generator of its own: the same seed gives the same damage everywhere. */
static uint64_t next_random(uint64_t *seed)
{
        uint64_t x = *seed += 0x9e3779b97f4a7c15u;

        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        return x ^ (x >> 31);
}

static void scribble(uint8_t *data, size_t bytes, uint64_t *seed)
{
        switch (next_random(seed) % 4) {
        case 0: /* single bits */
                for (unsigned i = 0; i < 1 + next_random(seed) % 8; i++)
                        data[next_random(seed) % bytes] ^=
                                (uint8_t) (1u << (next_random(seed) % 8));
                break;
        case 1: { /* a run of zeros, as lost sectors are */
                size_t at = next_random(seed) % bytes;

                memset(data + at, 0, MIN(bytes - at, (size_t) 512));
                break;
        }
        case 2: /* bytes of the first page, where the header and the schema are */
                for (unsigned i = 0; i < 4; i++)
                        data[next_random(seed) % MIN(bytes, (size_t) 4096)] =
                                (uint8_t) next_random(seed);
                break;
        default: /* noise anywhere */
                for (unsigned i = 0; i < 64; i++)
                        data[next_random(seed) % bytes] = (uint8_t) next_random(seed);
                break;
        }
}

static uint8_t *read_whole(const char *path, size_t *ret_bytes)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        off_t bytes = file_size(path);
        uint8_t *data = mem_alloc((size_t) bytes);

        assert_true(fd >= 0 && data);
        assert_int_equal(read(fd, data, (size_t) bytes), bytes);
        *ret_bytes = (size_t) bytes;
        return data;
}

/* Opens whatever is there and, when it opens, works with it: nothing may crash, and damage met
 * late may fail a call but no more. */
static void open_and_poke(const Place *p, uint64_t seed)
{
        StoreStatus status;
        Store *store = NULL;
        int r;

        r = store_open(p->dir, NULL, &status, &store);
        if (r < 0) {
                if (status.outcome != STORE_NEWER)
                        fail_msg("seed %llu: %s: %s", (unsigned long long) seed, strerror(-r),
                                 status.detail);
                return;
        }
        assert_true(status.outcome <= STORE_REPLACED);
        if (status.outcome == STORE_REPLACED) {
                assert_true(file_size(status.aside_path) >= 0);
                assert_usable(store);
        } else {
                StorePort port = store_port(store);
                _cleanup_(stored_job_freep) Job *job = sample_job(2000);
                RigQueue queue = rig_load(port);

                assert_int_equal(queue.result, 0); /* opening has read it already */
                rig_queue_done(&queue);
                r = port.begin(port.ctx);
                if (r == 0)
                        r = port.job_save(port.ctx, job);
                if (r == 0)
                        r = port.commit(port.ctx, true);
                port.rollback(port.ctx);
                if (r < 0)
                        fail_msg("seed %llu: %s: %s", (unsigned long long) seed, strerror(-r),
                                 store_detail(store));
        }
        store_close(store);
}

static void empty_dir(const Place *p)
{
        rig_remove_dir(p->dir);
        assert_int_equal(mkdir(p->dir, 0700), 0);
}

static unsigned seeds(void)
{
        const char *text = getenv("BITSD_TEST_SEEDS");

        return text ? (unsigned) strtoul(text, NULL, 10) : 120;
}

static void damaged_database_loads_or_is_set_aside(void **state)
{
        _cleanup_free_ uint8_t *good = NULL;
        Place *p = *state;
        size_t bytes;

        make_queue(p, 60);
        good = read_whole(p->db, &bytes);
        for (uint64_t n = 0; n < seeds(); n++) {
                _cleanup_free_ uint8_t *bad = mem_alloc(bytes);
                uint64_t seed = n;

                memcpy(bad, good, bytes);
                scribble(bad, bytes, &seed);
                empty_dir(p);
                write_file(p->db, bad, bytes);
                open_and_poke(p, n);
        }
}

static void damaged_log_loads_or_is_set_aside(void **state)
{
        _cleanup_free_ uint8_t *good_db = NULL, *good_wal = NULL;
        size_t db_bytes, wal_bytes;
        Place *p = *state;
        Store *store = open_expecting(p, STORE_CREATED, NULL);

        put_jobs(store_port(store), 30);
        good_wal = read_whole(p->wal, &wal_bytes);
        good_db = read_whole(p->db, &db_bytes);
        store_close(store);
        for (uint64_t n = 0; n < seeds(); n++) {
                _cleanup_free_ uint8_t *bad = mem_alloc(wal_bytes);
                uint64_t seed = n;

                memcpy(bad, good_wal, wal_bytes);
                scribble(bad, wal_bytes, &seed);
                empty_dir(p);
                write_file(p->db, good_db, db_bytes);
                write_file(p->wal, bad, n % 3 ? wal_bytes : next_random(&seed) % wal_bytes);
                open_and_poke(p, n);
        }
}

static void memory_shortage_while_opening_is_reported(void **state)
{
        Place *p = *state;
        bool struck = true;

        make_queue(p, 3);
        for (uint64_t n = 1; struck; n++) {
                StoreStatus status;
                Store *store = NULL;
                int r;

                mem_fail_nth(n);
                r = store_open(p->dir, NULL, &status, &store);
                struck = mem_fail_struck();
                mem_fail_nth(0);
                assert_int_equal(r, struck ? -ENOMEM : 0);
                assert_int_equal(status.outcome, struck ? STORE_FAILED : STORE_OPENED);
                store_close(store);
                assert_true(n < 1000);
        }
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_PLACE(fresh_file_is_private_and_reopens),
                IN_PLACE(second_opener_is_refused),
                IN_PLACE(newer_file_is_refused_and_left_alone),
                IN_PLACE(file_that_is_no_database_is_set_aside),
                IN_PLACE(database_of_another_program_is_set_aside),
                IN_PLACE(impossible_versions_are_damage),
                IN_PLACE(truncated_file_is_set_aside),
                IN_PLACE(header_that_forbids_writing_is_damage),
                IN_PLACE(boot_that_is_not_known_is_never_the_same),
                IN_PLACE(empty_file_counts_as_new),
                IN_PLACE(log_without_its_database_is_set_aside),
                IN_PLACE(things_that_are_no_file_are_refused),
                IN_PLACE(nonsense_values_are_damage),
                IN_PLACE(triggers_of_a_stranger_do_not_run),
                IN_PLACE(damaged_database_loads_or_is_set_aside),
                IN_PLACE(damaged_log_loads_or_is_set_aside),
                IN_PLACE(memory_shortage_while_opening_is_reported),
        };

        return cmocka_run_group_tests_name("store against damage", tests, NULL, NULL);
}
