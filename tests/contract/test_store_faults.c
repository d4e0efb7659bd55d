/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite store when the disk is full, read-only or breaking, and when its process is killed. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "faulty_disk.h"
#include "sample_job.h"
#include "store_rig.h"

enum { NOBODY = 65534, CHILD_OK = 0, CHILD_FAILED = 1 };

static int start(void **state)
{
        *state = rig_new(&RIG_SQLITE);
        return 0;
}

static int stop(void **state)
{
        disk_repair();
        rig_free(*state);
        return 0;
}

static int make_dir(void **state)
{
        char *dir = mem_zalloc(RIG_PATH_BYTES);

        if (!dir)
                return -1;
        rig_make_dir(dir);
        *state = dir;
        return 0;
}

static int remove_dir(void **state)
{
        rig_remove_dir(*state);
        mem_free(*state);
        return 0;
}

/* One of each kind of change in one transaction: a job, its file, and an old file's progress. */
static int try_changes(StorePort port, const Job *old, uint64_t serial, bool durable)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(serial);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0),
                                             *progress = sample_file_distinct(0);
        int r;

        progress->done_bytes = serial;
        r = port.begin(port.ctx);
        if (r == 0)
                r = port.job_save(port.ctx, job);
        if (r == 0)
                r = port.files_insert(port.ctx, job, &file, 1);
        if (r == 0)
                r = port.file_save(port.ctx, old, progress);
        if (r == 0)
                r = port.commit(port.ctx, durable);
        port.rollback(port.ctx);
        return r;
}

/* Either all of the changes or none. Returns which. */
static bool changes_are_there(StorePort port, uint64_t serial)
{
        RigQueue queue = rig_load(port);
        const Job *job = rig_queue_find(&queue, serial), *old = rig_queue_find(&queue, 1);
        bool there = job != NULL;

        assert_int_equal(queue.result, 0);
        assert_non_null(old);
        assert_int_equal(old->files_len, 1);
        if (there)
                assert_int_equal(job->files_len, 1);
        assert_int_equal(old->files[0]->done_bytes == serial, there);
        rig_queue_done(&queue);
        return there;
}

static void try_with_fault(StoreRig *rig, const Job *old, DiskFault fault, int expected)
{
        bool failed = true;

        for (uint64_t n = 1; failed; n++) {
                uint64_t serial = 1 + n;
                int r;

                disk_fail_at(fault, n);
                r = try_changes(rig->port, old, serial, true);
                failed = disk_has_failed();
                disk_repair();
                if (!failed)
                        assert_int_equal(r, 0);
                /* A fault in the checkpoint that follows a commit is no failure of the commit. */
                assert_true(r == 0 || r == expected);
                if (r == 0)
                        assert_true(changes_are_there(rig->port, serial));
                else if (fault == DISK_FULL_AT) /* a sync that fails leaves them, not hardened */
                        assert_false(changes_are_there(rig->port, serial));

                /* It works again, and what a killed or dead machine leaves is whole. */
                assert_int_equal(try_changes(rig->port, old, 1000 + n, true), 0);
                if (n % 2)
                        rig->kind->kill(rig);
                else
                        rig->kind->power_loss(rig);
                assert_true(changes_are_there(rig->port, 1000 + n));
                assert_true(n < 100);
        }
}

static void put_first_job(StoreRig *rig, const Job *job)
{
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);

        rig_save_job(rig->port, job, true);
        rig_insert_file(rig->port, job, file, true);
}

static void full_disk_fails_cleanly_at_every_write(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);

        put_first_job(*state, job);
        try_with_fault(*state, job, DISK_FULL_AT, -ENOSPC);
}

static void broken_disk_fails_cleanly_at_every_call(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);

        put_first_job(*state, job);
        try_with_fault(*state, job, DISK_BREAK_AT, -EIO);
}

/* What stands in the first slot, 0 for nothing; and nothing in between. */
static uint8_t slot_mark(StorePort port)
{
        RigQueue queue = rig_load(port);
        const Job *job = rig_queue_find(&queue, 1);
        uint8_t mark = 0;

        assert_int_equal(queue.result, 0);
        assert_non_null(job);
        if (job->credentials_len > 0) {
                const JobCredential *c = &job->credentials[0];
                JobCredential whole;

                mark = c->sealed[1];
                whole = sample_credential(c->target, c->scheme, mark);
                assert_null(sample_credential_difference(&whole, c));
                sample_credential_done(&whole);
        }
        rig_queue_done(&queue);
        return mark;
}

static int try_slot(StorePort port, const Job *job, uint8_t mark)
{
        JobCredential c = sample_credential(BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_BASIC, mark);
        int r;

        r = port.begin(port.ctx);
        if (r == 0)
                r = port.credential_save(port.ctx, job, &c);
        if (r == 0)
                r = port.commit(port.ctx, true);
        port.rollback(port.ctx);
        sample_credential_done(&c);
        return r;
}

/* Replacing a blob wipes the old one, and the log behind it: a failure on that way is none of the
 * commit, and harms nothing. */
static void blob_is_replaced_or_not_at_every_failing_call(void **state)
{
        static const DiskFault faults[] = {DISK_FULL_AT, DISK_BREAK_AT, DISK_NO_SYNC_AT};
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;

        put_first_job(rig, job);
        for (unsigned f = 0; f < ARRAY_LEN(faults); f++) {
                bool failed = true;

                for (uint8_t n = 1; failed; n++) {
                        uint8_t before = 100 + n, after = 101 + n, found;
                        int r;

                        assert_int_equal(try_slot(rig->port, job, before), 0);
                        disk_fail_at(faults[f], n);
                        r = try_slot(rig->port, job, after);
                        failed = disk_has_failed();
                        disk_repair();
                        found = slot_mark(rig->port);
                        assert_true(found == after || (found == before && r < 0));
                        if (n % 2)
                                rig->kind->kill(rig);
                        else
                                rig->kind->power_loss(rig);
                        found = slot_mark(rig->port);
                        assert_true(found == after || (found == before && r < 0));
                        assert_true(n < 100);
                }
        }
}

static void failed_sync_is_reported_and_later_made_good(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;

        put_first_job(rig, job);
        disk_fail_at(DISK_NO_SYNC_AT, 1);
        assert_int_equal(try_changes(rig->port, job, 2, true), -EIO);
        assert_int_equal(try_changes(rig->port, job, 3, false), 0); /* needs no sync */
        assert_int_equal(try_changes(rig->port, job, 4, true), -EIO);
        disk_repair();
        /* The kernel has forgotten the pages it could not write; one more sync of the log would
         * be told that all is well. */
        assert_int_equal(try_changes(rig->port, job, 5, true), 0);
        rig->kind->power_loss(rig);
        assert_true(changes_are_there(rig->port, 5));

        try_with_fault(rig, job, DISK_NO_SYNC_AT, -EIO);
}

static off_t log_size(const StoreRig *rig)
{
        char path[RIG_PATH_BYTES + 16];
        struct stat st;

        (void) snprintf(path, sizeof(path), "%s/queue.db-wal", rig->dir);
        return stat(path, &st) == 0 ? st.st_size : -1;
}

/* What the disk says is what the caller is told. */
static void reason_of_the_disk_reaches_the_caller(void **state)
{
        static const struct {
                int system, expected;
        } reasons[] = {
                {ENOSPC, -ENOSPC}, {EDQUOT, -ENOSPC}, {EFBIG, -ENOSPC},  {EROFS, -EROFS},
                {EACCES, -EACCES}, {EPERM, -EACCES},  {ENOMEM, -ENOMEM}, {EIO, -EIO},
        };
        static const DiskFault faults[] = {DISK_BREAK_AT, DISK_NO_SYNC_AT};
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;
        uint64_t serial = 2;

        put_first_job(rig, job);
        for (size_t f = 0; f < ARRAY_LEN(faults); f++) {
                for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
                        disk_fail_at(faults[f], 1);
                        disk_say(reasons[i].system);
                        assert_int_equal(try_changes(rig->port, job, serial++, true),
                                         reasons[i].expected);
                        disk_repair();
                        assert_int_equal(try_changes(rig->port, job, serial, true), 0);
                        assert_true(changes_are_there(rig->port, serial++));
                }
        }
}

/* What a store that cannot read says is no damage: nothing is set aside, and all is there again
 * when the disk is. */
static void queue_that_cannot_be_read_is_not_set_aside(void **state)
{
        static const DiskFault faults[] = {DISK_NO_READ_AT, DISK_MISREAD_AT};
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;

        put_first_job(rig, job);
        assert_int_equal(try_changes(rig->port, job, 2, true), 0);
        for (size_t f = 0; f < ARRAY_LEN(faults); f++) {
                bool failed = true;

                for (uint64_t n = 1; failed; n++) {
                        StoreOptions options = {.boot_id = rig->boot_id};
                        StoreStatus status;
                        int r;

                        rig->kind->kill(rig); /* so that there is a log to be read */
                        assert_int_equal(try_changes(rig->port, job, 2, false), 0);
                        rig->store = store_close(rig->store);
                        disk_fail_at(faults[f], n);
                        r = store_open(rig->dir, &options, &status, &rig->store);
                        failed = disk_has_failed();
                        disk_repair();
                        assert_true(r == 0 || (r == -EIO && status.outcome == STORE_FAILED));
                        assert_true(failed || r == 0);
                        assert_string_equal(status.aside_path, "");
                        if (r < 0)
                                assert_int_equal(
                                        store_open(rig->dir, &options, &status, &rig->store), 0);
                        assert_int_equal(status.outcome, STORE_OPENED);
                        rig->port = store_port(rig->store);
                        assert_true(changes_are_there(rig->port, 2));
                        assert_true(n < 200);
                }
        }
}

/* A log that could not be synced is written again first; where it cannot be read, it stays suspect,
 * and whoever asks for durability hears of it. */
static void suspect_log_that_cannot_be_read_stays_suspect(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;

        put_first_job(rig, job);
        disk_fail_at(DISK_NO_SYNC_AT, 1);
        assert_int_equal(try_changes(rig->port, job, 2, true), -EIO);
        disk_fail_at(DISK_NO_READ_AT, 1);
        assert_int_equal(try_changes(rig->port, job, 3, true), -EIO);
        assert_true(disk_has_failed());
        disk_repair();
        assert_int_equal(try_changes(rig->port, job, 4, true), 0);
        rig->kind->power_loss(rig);
        assert_true(changes_are_there(rig->port, 4));
}

/* Closing would fold the log into the database, and a database ahead of a log that is not on disk
 * cannot be repaired by it. */
static void suspect_log_outlives_the_close(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;
        StoreOptions options = {.boot_id = rig->boot_id};
        StoreStatus status;

        put_first_job(rig, job);
        disk_fail_at(DISK_NO_SYNC_AT, 1);
        assert_int_equal(try_changes(rig->port, job, 2, true), -EIO);
        rig->store = store_close(rig->store); /* cannot be synced now either */
        disk_repair();
        assert_true(log_size(rig) > 0);
        assert_int_equal(store_open(rig->dir, &options, &status, &rig->store), 0);
        assert_int_equal(status.outcome, STORE_OPENED);
        rig->port = store_port(rig->store);
        assert_true(changes_are_there(rig->port, 2));
}

/* SQLite gives up a transaction by itself when it runs out of room in the middle; nothing that
 * follows may slip out of it. */
static void transaction_that_ended_by_itself_takes_nothing_more(void **state)
{
        enum { FILES = 20000 };
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;
        StorePort port = rig->port;
        uint32_t index = 1;
        int r = 0;

        put_first_job(rig, job);
        assert_int_equal(port.commit(port.ctx, true), -EINVAL); /* there is none */
        assert_int_equal(port.begin(port.ctx), 0);
        disk_fail_at(DISK_FULL_AT, 1);
        for (; r == 0 && index < FILES; index++) {
                _cleanup_(stored_file_freep) JobFile *file = sample_file(index);

                r = port.files_insert(port.ctx, job, &file, 1);
        }
        disk_repair();
        assert_int_equal(r, -ENOSPC);
        assert_int_equal(port.job_save(port.ctx, job), -EINVAL);
        assert_int_equal(port.commit(port.ctx, true), -EIO);
        port.rollback(port.ctx);
        assert_int_equal(try_changes(port, job, 2, true), 0);
        assert_true(changes_are_there(port, 2));
}

static void plain_commits_do_not_sync_and_durable_ones_do_once(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;
        uint64_t before;

        put_first_job(rig, job);
        before = disk_syncs();
        for (uint64_t i = 2; i < 10; i++)
                assert_int_equal(try_changes(rig->port, job, i, false), 0);
        assert_int_equal(disk_syncs(), before);
        for (uint64_t i = 10; i < 20; i++)
                assert_int_equal(try_changes(rig->port, job, i, true), 0);
        assert_int_equal(disk_syncs(), before + 10);
        assert_int_equal(rig->port.begin(rig->port.ctx), 0);
        assert_int_equal(rig->port.commit(rig->port.ctx, true), 0); /* nothing left to harden */
        assert_int_equal(disk_syncs(), before + 10);
}

static void log_does_not_grow_for_ever(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;
        off_t largest = 0;

        put_first_job(rig, job);
        for (unsigned i = 0; i < 5000; i++) {
                assert_int_equal(try_changes(rig->port, job, 2 + i % 10, false), 0);
                largest = MAX(largest, log_size(rig));
        }
        assert_true(largest > 1000000);
        assert_true(largest < 5000000);
}

/* A log that could not be synced must not be folded into the database. */
static void failed_sync_of_a_long_log_fails_no_commit_and_loses_nothing(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(1);
        StoreRig *rig = *state;
        uint64_t serial = 2;
        RigQueue queue;

        put_first_job(rig, job);
        disk_fail_at(DISK_NO_SYNC_AT, 1);
        while (!disk_has_failed()) {
                assert_int_equal(try_changes(rig->port, job, serial++, false), 0);
                assert_true(serial < 5000);
        }
        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(try_changes(rig->port, job, serial++, false), 0);
        disk_repair();
        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(try_changes(rig->port, job, serial++, false), 0);
        assert_int_equal(try_changes(rig->port, job, serial, true), 0);
        rig->kind->power_loss(rig);
        assert_true(changes_are_there(rig->port, serial));
        queue = rig_load(rig->port);
        assert_int_equal(queue.len, serial);
        rig_queue_done(&queue);
}

/* There when coverage is measured: what the child ran would be forgotten with it. */
__attribute__((weak)) void __gcov_dump(void);

/* Runs in a child, which reports by its exit status; assertions do not work there. */
static int run_child(int (*body)(const char *dir), const char *dir)
{
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                status = body(dir);
                if (__gcov_dump)
                        __gcov_dump();
                _exit(status);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        (void) fprintf(stderr, "line %d: %s\n", __LINE__, #condition);             \
                        return CHILD_FAILED;                                                       \
                }                                                                                  \
        } while (0)

/* Fills the room there is; then `more_room` makes some, and the same store goes on. */
static int fill_and_recover(const char *dir, int (*more_room)(const char *dir))
{
        _cleanup_(stored_job_freep) Job *old = sample_job(1);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
        Store *store = NULL;
        StoreStatus status;
        StorePort port;
        uint64_t serial = 2;
        RigQueue queue;
        size_t expected;
        int r = 0;

        CHECK(store_open(dir, NULL, &status, &store) == 0);
        port = store_port(store);
        rig_save_job(port, old, true);
        rig_insert_file(port, old, file, true);
        while (r == 0 && serial < 100000) {
                r = try_changes(port, old, serial, serial % 8 == 0);
                if (r == 0)
                        serial++;
        }
        CHECK(r == -ENOSPC);
        expected = serial - 1;
        for (unsigned i = 0; i < 3; i++)
                CHECK(try_changes(port, old, serial, true) == -ENOSPC);
        queue = rig_load(port);
        CHECK(queue.result == 0 && queue.len == expected);
        rig_queue_done(&queue);

        CHECK(more_room(dir) == 0);
        CHECK(try_changes(port, old, serial, true) == 0);
        store_close(store);
        store = NULL;
        CHECK(store_open(dir, NULL, &status, &store) == 0);
        CHECK(status.outcome == STORE_OPENED);
        queue = rig_load(store_port(store));
        CHECK(queue.result == 0 && queue.len == expected + 1);
        rig_queue_done(&queue);
        store_close(store);
        return CHILD_OK;
}

static int write_text(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

        if (fd >= 0)
                (void) close(fd);
        return n == (ssize_t) strlen(text) ? 0 : -1;
}

/* The right to mount, in a namespace of our own: root has it, others as root of a namespace. */
static int enter_mount_namespace(void)
{
        char uids[64], gids[64];

        (void) snprintf(uids, sizeof(uids), "0 %u 1", (unsigned) geteuid());
        (void) snprintf(gids, sizeof(gids), "0 %u 1", (unsigned) getegid());
        if (unshare(CLONE_NEWNS) < 0 && (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
                                         write_text("/proc/self/setgroups", "deny") < 0 ||
                                         write_text("/proc/self/uid_map", uids) < 0 ||
                                         write_text("/proc/self/gid_map", gids) < 0))
                return -1;
        return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static int child_mount(const char *dir)
{
        return enter_mount_namespace() == 0 && mount("tmpfs", dir, "tmpfs", 0, "size=64k") == 0
                       ? CHILD_OK
                       : CHILD_FAILED;
}

static int grow_tmpfs(const char *dir)
{
        return mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=8m");
}

static int child_full_tmpfs(const char *dir)
{
        CHECK(enter_mount_namespace() == 0);
        CHECK(mount("tmpfs", dir, "tmpfs", 0, "size=256k") == 0);
        return fill_and_recover(dir, grow_tmpfs);
}

static int raise_file_limit(const char *dir)
{
        struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

        (void) dir;
        if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
                return -1;
        limit.rlim_cur = limit.rlim_max;
        return setrlimit(RLIMIT_FSIZE, &limit);
}

static int child_file_limit(const char *dir)
{
        struct rlimit limit;

        (void) signal(SIGXFSZ, SIG_IGN);
        CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
        limit.rlim_cur = 300000;
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        return fill_and_recover(dir, raise_file_limit);
}

static void full_file_system_is_survived(void **state)
{
        assert_int_equal(run_child(child_full_tmpfs, *state), CHILD_OK);
}

static void file_size_limit_is_survived(void **state)
{
        assert_int_equal(run_child(child_file_limit, *state), CHILD_OK);
}

static int child_read_only(const char *dir)
{
        Store *store = NULL;
        StoreStatus status;

        CHECK(enter_mount_namespace() == 0);
        CHECK(mount("tmpfs", dir, "tmpfs", 0, "size=1m") == 0);
        CHECK(mount("tmpfs", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
        CHECK(store_open(dir, NULL, &status, &store) == -EROFS); /* cannot make the file */
        CHECK(status.outcome == STORE_FAILED && !store);
        CHECK(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, NULL) == 0);
        CHECK(store_open(dir, NULL, &status, &store) == 0);
        store = store_close(store);
        CHECK(mount("tmpfs", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
        CHECK(store_open(dir, NULL, &status, &store) == -EROFS); /* cannot write to it */
        CHECK(status.outcome == STORE_FAILED && !store && status.aside_path[0] == '\0');
        CHECK(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, NULL) == 0);
        CHECK(store_open(dir, NULL, &status, &store) == 0);
        CHECK(status.outcome == STORE_OPENED);
        store_close(store);
        return CHILD_OK;
}

static void read_only_file_system_is_named(void **state)
{
        assert_int_equal(run_child(child_read_only, *state), CHILD_OK);
}

static int child_no_permission(const char *dir)
{
        char path[RIG_PATH_BYTES + 16];
        Store *store = NULL;
        StoreStatus status;

        (void) snprintf(path, sizeof(path), "%s/queue.db", dir);
        CHECK(store_open(dir, NULL, &status, &store) == 0);
        store = store_close(store);
        if (geteuid() == 0) {
                CHECK(chmod(dir, 0755) == 0 && chown(path, NOBODY, NOBODY) == 0);
                CHECK(setresgid(NOBODY, NOBODY, NOBODY) == 0);
                CHECK(setresuid(NOBODY, NOBODY, NOBODY) == 0);
        }
        CHECK(chmod(path, 0400) == 0 || errno == EPERM);
        /* Its mode is put right, but the log cannot be made. */
        if (geteuid() != NOBODY)
                CHECK(chmod(dir, 0500) == 0);
        CHECK(store_open(dir, NULL, &status, &store) == -EACCES);
        CHECK(status.outcome == STORE_FAILED && status.aside_path[0] == '\0' && !store);
        if (geteuid() != NOBODY)
                CHECK(chmod(dir, 0700) == 0);
        return CHILD_OK;
}

static void missing_permission_sets_nothing_aside(void **state)
{
        assert_int_equal(run_child(child_no_permission, *state), CHILD_OK);
}

/* Commits jobs as fast as it can and tells the parent the serial of each after its commit. */
static void commit_until_killed(const char *dir, int pipe_fd)
{
        StoreStatus status;
        Store *store = NULL;
        StorePort port;

        if (store_open(dir, NULL, &status, &store) < 0)
                _exit(CHILD_FAILED);
        port = store_port(store);
        for (uint64_t serial = 1;; serial++) {
                _cleanup_(stored_job_freep) Job *job = sample_job(serial);
                _cleanup_(stored_file_freep) JobFile *file = sample_file(0);

                if (port.begin(port.ctx) < 0 || port.job_save(port.ctx, job) < 0 ||
                    port.files_insert(port.ctx, job, &file, 1) < 0 ||
                    port.commit(port.ctx, serial % 16 == 0) < 0 ||
                    write(pipe_fd, &serial, sizeof(serial)) != sizeof(serial))
                        _exit(CHILD_FAILED);
        }
}

/* Returns the last serial that was acknowledged. */
static uint64_t kill_after(const char *dir, uint64_t acknowledged)
{
        uint64_t serial = 0, last = 0;
        int pipe_fds[2], status;
        pid_t pid;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                commit_until_killed(dir, pipe_fds[1]);
        (void) close(pipe_fds[1]);
        while (last < acknowledged && read(pipe_fds[0], &serial, sizeof(serial)) == sizeof(serial))
                last = serial;
        assert_int_equal(last, acknowledged);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        while (read(pipe_fds[0], &serial, sizeof(serial)) == sizeof(serial))
                last = serial; /* said before the signal got there */
        (void) close(pipe_fds[0]);
        return last;
}

static void killed_process_loses_nothing_acknowledged(void **state)
{
        const char *dir = *state;

        for (uint64_t round = 0; round < 25; round++) {
                uint64_t last = kill_after(dir, 1 + round * 37 % 200);
                StoreStatus status;
                Store *store = NULL;
                RigQueue queue;

                assert_int_equal(store_open(dir, NULL, &status, &store), 0);
                assert_int_equal(status.outcome, STORE_OPENED);
                queue = rig_load(store_port(store));
                assert_int_equal(queue.result, 0);
                assert_true(queue.same_boot);
                assert_true(queue.len >= last);
                for (size_t i = 0; i < queue.len; i++)
                        assert_int_equal(queue.jobs[i]->files_len, 1); /* whole transactions */
                for (size_t i = 0; i < queue.len; i++)
                        rig_delete_job(store_port(store), queue.jobs[i], false);
                rig_queue_done(&queue);
                store_close(store);
        }
}

#define ON_FAULTY_DISK(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

/* With a right of their own, and hence on their own: `test_store_faults mounts`. */
static int run_mount_tests(void)
{
        const struct CMUnitTest tests[] = {
                IN_DIR(full_file_system_is_survived),
                IN_DIR(read_only_file_system_is_named),
        };
        char dir[RIG_PATH_BYTES];
        int r;

        rig_make_dir(dir);
        r = run_child(child_mount, dir);
        rig_remove_dir(dir);
        if (r != CHILD_OK) {
                printf("1..0 # SKIP no right to mount a file system\n");
                return 0;
        }
        return cmocka_run_group_tests_name("store on file systems", tests, NULL, NULL);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                /* The real file system first: the faulty disk stays once it is installed. */
                IN_DIR(file_size_limit_is_survived),
                IN_DIR(missing_permission_sets_nothing_aside),
                IN_DIR(killed_process_loses_nothing_acknowledged),
                ON_FAULTY_DISK(full_disk_fails_cleanly_at_every_write),
                ON_FAULTY_DISK(broken_disk_fails_cleanly_at_every_call),
                ON_FAULTY_DISK(blob_is_replaced_or_not_at_every_failing_call),
                ON_FAULTY_DISK(failed_sync_is_reported_and_later_made_good),
                ON_FAULTY_DISK(reason_of_the_disk_reaches_the_caller),
                ON_FAULTY_DISK(queue_that_cannot_be_read_is_not_set_aside),
                ON_FAULTY_DISK(suspect_log_that_cannot_be_read_stays_suspect),
                ON_FAULTY_DISK(suspect_log_outlives_the_close),
                ON_FAULTY_DISK(transaction_that_ended_by_itself_takes_nothing_more),
                ON_FAULTY_DISK(log_does_not_grow_for_ever),
                ON_FAULTY_DISK(failed_sync_of_a_long_log_fails_no_commit_and_loses_nothing),
                ON_FAULTY_DISK(plain_commits_do_not_sync_and_durable_ones_do_once),
        };

        if (argc > 1 && str_equal(argv[1], "mounts"))
                return run_mount_tests();
        return cmocka_run_group_tests_name("store against faults", tests, NULL, NULL);
}
