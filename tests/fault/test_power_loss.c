/* SPDX-License-Identifier: Apache-2.0 */
/* The power fails at every write and sync of a store's life, and the disk keeps any part of what
 * was not synced: what was committed durable is there, with all before it; each transaction is
 * there wholly or not at all; the file opens. BITSD_TEST_SEED repeats a run, FAULT_CUTS says how
 * many outcomes are tried at each point. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/parse.h"
#include "lossy_vfs.h"
#include "sample_job.h"
#include "store_rig.h"

enum { STEPS = 24, STEPS_LONG = 400, FAILED = 1 };

typedef struct Ack {
        uint64_t serial;
        bool durable;
} Ack;

typedef struct Told { /* what the life said before it ended */
        uint64_t acked, durable, tried;
        int status;
} Told;

static uint64_t seed, cuts;

/* Job `serial` with its file, and in the same transaction the progress of the first job's file. */
static int change(StorePort port, const Job *first, uint64_t serial, bool durable)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(serial);
        _cleanup_(stored_file_freep) JobFile *file = sample_file(0), *progress = sample_file(0);
        int r;

        progress->size_bytes = 1000000;
        progress->done_bytes = serial;
        r = port.begin(port.ctx);
        if (r < 0)
                return r;
        r = port.job_save(port.ctx, job);
        if (r == 0)
                r = port.files_insert(port.ctx, job, &file, 1);
        if (r == 0 && serial > 1)
                r = port.file_save(port.ctx, first, progress);
        if (r == 0)
                r = port.commit(port.ctx, durable);
        if (r < 0)
                port.rollback(port.ctx);
        return r;
}

static void tell(int fd, uint64_t serial, bool durable)
{
        Ack ack = {serial, durable};

        if (write(fd, &ack, sizeof(ack)) != sizeof(ack))
                _exit(FAILED);
}

/* In a process of its own. Every third commit is durable; a failed one is not tried again. */
static void live(const char *dir, int fd, LossyFault fault, uint64_t n, unsigned steps)
{
        _cleanup_(stored_job_freep) Job *first = sample_job(1);
        StoreStatus status;
        Store *store = NULL;
        StorePort port;

        lossy_install();
        lossy_set(fault, n);
        if (store_open(dir, NULL, &status, &store) < 0)
                _exit(lossy_has_struck() ? 0 : FAILED);
        port = store_port(store);
        for (uint64_t serial = 1; serial <= steps; serial++) {
                bool durable = serial % 3 == 1;

                if (change(port, first, serial, durable) == 0)
                        tell(fd, serial, durable);
                else if (serial == 1 || !lossy_has_struck())
                        break; /* without the first there are no others */
        }
        (void) store_close(store);
        _exit(0);
}

static Told run_life(const char *dir, LossyFault fault, uint64_t n, unsigned steps)
{
        Told told = {0};
        int fds[2];
        Ack ack;
        pid_t pid;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                live(dir, fds[1], fault, n, steps);
        (void) close(fds[1]);
        while (read(fds[0], &ack, sizeof(ack)) == sizeof(ack)) {
                told.acked = ack.serial;
                if (ack.durable)
                        told.durable = ack.serial;
        }
        (void) close(fds[0]);
        assert_int_equal(waitpid(pid, &told.status, 0), pid);
        assert_true(WIFEXITED(told.status) && WEXITSTATUS(told.status) != FAILED);
        return told;
}

/* NULL when what is found keeps the promise. With `gaps` some transactions failed, and may be there
 * or not. */
static const char *judge(const char *dir, const Told *told, bool gaps)
{
        const char *wrong = NULL;
        StoreStatus status;
        Store *store = NULL;
        RigQueue queue;
        uint64_t last = 0;

        if (store_open(dir, NULL, &status, &store) < 0)
                return "the file does not open";
        queue = rig_load(store_port(store));
        /* Of a file that was being made, and in which nothing was promised, pieces may be found. */
        if (status.outcome == STORE_REPLACED && told->durable > 0)
                wrong = "the file was set aside";
        else if (queue.result < 0)
                wrong = "the file is not read";
        for (size_t i = 0; i < queue.len && !wrong; i++) {
                last = queue.jobs[i]->serial;
                if (queue.jobs[i]->files_len != 1)
                        wrong = "half a transaction";
                if (!gaps && last != i + 1)
                        wrong = "a gap";
        }
        if (!wrong && last < told->durable)
                wrong = "a durable commit is lost";
        if (wrong)
                print_message("# last %llu, durable %llu, acknowledged %llu\n",
                              (unsigned long long) last, (unsigned long long) told->durable,
                              (unsigned long long) told->acked);
        if (!wrong && !gaps && last > told->acked + 1)
                wrong = "more than was ever written";
        if (!wrong && last > 1 && queue.jobs[0]->files[0]->done_bytes != last)
                wrong = "half a transaction: another progress";
        rig_queue_done(&queue);
        (void) store_close(store);
        return wrong;
}

/* Tries some of what a power cut may leave; the first broken promise. */
static const char *try_cuts(const char *dir, const char *to, const Told *told, bool gaps,
                            uint64_t n)
{
        for (uint64_t i = 0; i < cuts; i++) {
                const char *wrong;

                assert_int_equal(mkdir(to, 0700), 0);
                lossy_cut(dir, to, seed + n * cuts + i);
                wrong = judge(to, told, gaps);
                rig_remove_dir(to);
                if (wrong) {
                        print_message("# point %llu, cut %llu: %s\n", (unsigned long long) n,
                                      (unsigned long long) i, wrong);
                        return wrong;
                }
        }
        return NULL;
}

static const char *try_point(LossyFault fault, uint64_t n, unsigned steps, bool *ret_struck)
{
        char dir[RIG_PATH_BYTES], to[RIG_PATH_BYTES + 8];
        const char *wrong;
        Told told;

        rig_make_dir(dir);
        (void) snprintf(to, sizeof(to), "%s-cut", dir);
        told = run_life(dir, fault, n, steps);
        *ret_struck = WEXITSTATUS(told.status) == LOSSY_DIED;
        wrong = try_cuts(dir, to, &told, fault == LOSSY_WRITE_AT || fault == LOSSY_SYNC_AT, n);
        rig_remove_dir(dir);
        return wrong;
}

static void power_cut_at_every_call_keeps_what_was_durable(void **state)
{
        bool struck = true;
        uint64_t n = 0;

        while (struck) {
                const char *wrong = try_point(LOSSY_DIE_AT, ++n, STEPS, &struck);

                if (wrong)
                        fail_msg("point %llu: %s", (unsigned long long) n, wrong);
                assert_true(n < 10000);
        }
        print_message("# %llu points, %llu cuts each\n", (unsigned long long) n,
                      (unsigned long long) cuts);
}

/* Long enough for the log to be folded into the database on the way. */
static void power_cut_in_a_long_life_keeps_what_was_durable(void **state)
{
        for (uint64_t i = 0; i < 8 * cuts; i++) {
                uint64_t n = 1 + (seed * 31 + i * 977) % 4000;
                bool struck;
                const char *wrong = try_point(LOSSY_DIE_AT, n, STEPS_LONG, &struck);

                if (wrong)
                        fail_msg("point %llu: %s", (unsigned long long) n, wrong);
        }
}

static void each_failing(LossyFault fault, uint64_t points)
{
        for (uint64_t n = 1; n <= points; n++) {
                bool struck;
                const char *wrong = try_point(fault, n, STEPS, &struck);

                if (wrong)
                        fail_msg("point %llu: %s", (unsigned long long) n, wrong);
        }
}

static void failed_write_before_a_power_cut_loses_nothing_durable(void **state)
{
        each_failing(LOSSY_WRITE_AT, 60);
}

static void failed_sync_before_a_power_cut_loses_nothing_durable(void **state)
{
        each_failing(LOSSY_SYNC_AT, 16);
}

/* These tests see what they are for: a store whose syncs do nothing is found out. */
static void syncs_that_do_nothing_are_found_out(void **state)
{
        unsigned found = 0;

        for (uint64_t n = 1; n <= 5; n++) {
                bool struck;

                found += try_point(LOSSY_LIE, n, STEPS, &struck) != NULL;
        }
        assert_true(found > 0);
}

static void bring_queue_of_version_1(const char *dir)
{
        char from[PATH_MAX], to[RIG_PATH_BYTES + 16];
        struct stat st;
        int in, out;

        (void) snprintf(from, sizeof(from), "%s/queue-1.db", getenv("BITSD_TEST_DATA"));
        (void) snprintf(to, sizeof(to), "%s/queue.db", dir);
        in = open(from, O_RDONLY | O_CLOEXEC);
        out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(in >= 0 && out >= 0 && fstat(in, &st) == 0);
        assert_int_equal(sendfile(out, in, NULL, (size_t) st.st_size), st.st_size);
        (void) close(in);
        (void) close(out);
}

static void migrate(const char *dir, uint64_t n)
{
        StoreStatus status;
        Store *store = NULL;

        lossy_install();
        lossy_set(LOSSY_DIE_AT, n);
        if (store_open(dir, NULL, &status, &store) < 0)
                _exit(FAILED);
        (void) store_close(store);
        _exit(0);
}

static void assert_three_jobs(const char *dir)
{
        StoreStatus status;
        Store *store = NULL;
        RigQueue queue;

        assert_int_equal(store_open(dir, NULL, &status, &store), 0);
        assert_int_equal(status.outcome, STORE_OPENED);
        queue = rig_load(store_port(store));
        assert_int_equal(queue.result, 0);
        assert_int_equal(queue.len, 3);
        assert_int_equal(queue.jobs[0]->files_len, 2);
        rig_queue_done(&queue);
        (void) store_close(store);
}

static void power_cut_in_a_migration_leaves_the_old_or_the_new(void **state)
{
        int status = LOSSY_DIED << 8;
        uint64_t n = 0;

        while (WEXITSTATUS(status) == LOSSY_DIED) {
                char dir[RIG_PATH_BYTES], to[RIG_PATH_BYTES + 8];
                pid_t pid;

                rig_make_dir(dir);
                (void) snprintf(to, sizeof(to), "%s-cut", dir);
                bring_queue_of_version_1(dir);
                pid = fork();
                assert_true(pid >= 0);
                n++;
                if (pid == 0)
                        migrate(dir, n);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) != FAILED);
                for (uint64_t i = 0; i < cuts; i++) {
                        assert_int_equal(mkdir(to, 0700), 0);
                        lossy_cut(dir, to, seed + n * cuts + i);
                        assert_three_jobs(to);
                        rig_remove_dir(to);
                }
                rig_remove_dir(dir);
        }
        print_message("# %llu points\n", (unsigned long long) n);
        assert_true(n > 5);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
        const char *text = getenv(name);
        uint64_t value;

        return text && parse_u64(text, &value) == 0 ? value : otherwise;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(power_cut_at_every_call_keeps_what_was_durable),
                cmocka_unit_test(power_cut_in_a_long_life_keeps_what_was_durable),
                cmocka_unit_test(failed_write_before_a_power_cut_loses_nothing_durable),
                cmocka_unit_test(failed_sync_before_a_power_cut_loses_nothing_durable),
                cmocka_unit_test(syncs_that_do_nothing_are_found_out),
                cmocka_unit_test(power_cut_in_a_migration_leaves_the_old_or_the_new),
        };
        uint32_t any = 1;

        if (fd_random(&any, sizeof(any)) < 0)
                return 1;
        seed = number("BITSD_TEST_SEED", any);
        cuts = number("FAULT_CUTS", 3);
        printf("# seed %llu (BITSD_TEST_SEED repeats it)\n", (unsigned long long) seed);
        return cmocka_run_group_tests_name("power loss", tests, NULL, NULL);
}
