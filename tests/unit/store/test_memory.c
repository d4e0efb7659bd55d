/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite store without memory: its own allocations and those of the library fail, the first,
 * the second and so on (later ones in strides), once or for good. Want of memory is never taken for
 * damage, loses nothing that was committed, and says -ENOMEM. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/str.h"
#include "sample_job.h"
#include "store_rig.h"

enum { JOBS = 6, NEW_JOB = 100, ALLOCATIONS_MAX = 40000, STRIDE = 60 };

typedef struct Memory { /* of the library */
        sqlite3_mem_methods real;
        uint64_t fail_in; /* allocations; 0 = none fails */
        bool for_good;
        bool struck;
} Memory;

static Memory *memory(void)
{
        static Memory m; /* the library's functions have no context */

        return &m;
}

static bool fails(void)
{
        Memory *m = memory();

        if (m->fail_in == 0 || --m->fail_in > 0)
                return false;
        m->struck = true;
        m->fail_in = m->for_good ? 1 : 0;
        return true;
}

static void *failing_malloc(int bytes)
{
        return fails() ? NULL : memory()->real.xMalloc(bytes);
}

static void *failing_realloc(void *p, int bytes)
{
        return fails() ? NULL : memory()->real.xRealloc(p, bytes);
}

static int take_memory(void **state)
{
        sqlite3_mem_methods mine;

        (void) state;
        if (sqlite3_shutdown() != SQLITE_OK ||
            sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory()->real) != SQLITE_OK)
                return -1;
        mine = memory()->real;
        mine.xMalloc = failing_malloc;
        mine.xRealloc = failing_realloc;
        /* Without spare memory for small things, so that they fail too. */
        return sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) == SQLITE_OK &&
                               sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK
                       ? 0
                       : -1;
}

typedef struct Place {
        char dir[RIG_PATH_BYTES];
} Place;

static Store *open_well(const Place *p, StoreOutcome expected)
{
        StoreStatus status;
        Store *store = NULL;

        assert_int_equal(store_open(p->dir, NULL, &status, &store), 0);
        if (status.outcome != expected)
                fail_msg("%s: %s", store_outcome_to_string(status.outcome), status.detail);
        return store;
}

static int make_queue(void **state)
{
        Place *p = mem_new(Place);
        Store *store;

        rig_make_dir(p->dir);
        store = open_well(p, STORE_CREATED);
        for (uint64_t i = 1; i <= JOBS; i++) {
                _cleanup_(stored_job_freep) Job *job = sample_job_distinct(i);
                _cleanup_(stored_file_freep) JobFile *file = sample_file_distinct(0);
                JobCredential c = sample_credential(BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_NTLM, 7);

                rig_save_job(store_port(store), job, false);
                rig_insert_file(store_port(store), job, file, false);
                rig_save_credential(store_port(store), job, &c, true);
                sample_credential_done(&c);
        }
        store_close(store);
        *state = p;
        return 0;
}

static int remove_queue(void **state)
{
        Place *p = *state;

        rig_remove_dir(p->dir);
        mem_free(p);
        return 0;
}

typedef struct Outcome {
        int result; /* the first failure of all calls */
        bool committed;
        char detail[STORE_DETAIL_BYTES];
} Outcome;

/* One transaction of everything that can be in one. */
static int write_all(StorePort port, const Job *job, JobFile *file, const JobCredential *c)
{
        int r = port.begin(port.ctx);

        if (r < 0)
                return r;
        r = port.job_save(port.ctx, job);
        if (r == 0)
                r = port.files_insert(port.ctx, job, &file, 1);
        if (r == 0)
                r = port.file_save(port.ctx, job, file);
        if (r == 0)
                r = port.credential_save(port.ctx, job, c);
        if (r == 0)
                r = port.credential_delete(port.ctx, job, BG_AUTH_TARGET_PROXY,
                                           BG_AUTH_SCHEME_NTLM);
        if (r == 0)
                r = port.commit(port.ctx, true);
        if (r < 0)
                port.rollback(port.ctx);
        return r;
}

static int take_job(void *ctx, Job *take_job)
{
        (void) ctx;
        stored_job_free(take_job);
        return 0;
}

static int take_file(void *ctx, const GUID *job, JobFile *take_file)
{
        (void) ctx;
        (void) job;
        stored_file_free(take_file);
        return 0;
}

/* Has a store that is still open after a failure what it needs to go on? */
static void check_goes_on(Store *store)
{
        StorePort port = store_port(store);

        memory()->fail_in = 0;
        assert_int_equal(port.begin(port.ctx), 0);
        port.rollback(port.ctx);
}

/* Opens, loads, writes and closes, as far as it gets. Nothing it was given stays here. */
static Outcome live(const Place *p, const Job *job, JobFile *file, const JobCredential *c)
{
        StoreSink sink = {.job = take_job, .file = take_file};
        StoreStatus status;
        Store *store = NULL;
        uint64_t next;
        bool same_boot;
        Outcome out = {0};

        out.result = store_open(p->dir, NULL, &status, &store);
        if (out.result < 0) {
                assert_null(store);
                memcpy(out.detail, status.detail, sizeof(out.detail));
                assert_int_equal(status.outcome, STORE_FAILED);
                return out;
        }
        assert_int_equal(status.outcome, STORE_OPENED); /* no damage, nothing set aside */
        out.result = store_port(store).load(store_port(store).ctx, &sink, &same_boot, &next);
        if (out.result == 0) {
                out.result = write_all(store_port(store), job, file, c);
                out.committed = out.result == 0;
        }
        (void) str_copy(out.detail, sizeof(out.detail), store_detail(store));
        check_goes_on(store);
        store_close(store);
        return out;
}

/* With memory again: all is as it was, and the new job is there when the store said so. */
static void check_and_undo(const Place *p, const Job *job, bool committed)
{
        Store *store = open_well(p, STORE_OPENED);
        RigQueue queue = rig_load(store_port(store));
        const Job *found = rig_queue_find(&queue, NEW_JOB);

        assert_int_equal(queue.result, 0);
        assert_int_equal(queue.len, JOBS + (found != NULL));
        assert_true(found || !committed);
        for (uint64_t i = 1; i <= JOBS; i++) {
                _cleanup_(stored_job_freep) Job *expected = sample_job_distinct(i);
                const Job *old = rig_queue_find(&queue, i);

                assert_non_null(old);
                assert_int_equal(old->files_len, 1);
                assert_int_equal(old->credentials_len, 1);
                assert_string_equal(old->props.name, expected->props.name);
        }
        if (found)
                rig_delete_job(store_port(store), job, true);
        rig_queue_done(&queue);
        store_close(store);
}

typedef void (*Arm)(uint64_t n);

static void fail_library_once(uint64_t n)
{
        *memory() = (Memory){.real = memory()->real, .fail_in = n};
}

static void fail_library_for_good(uint64_t n)
{
        *memory() = (Memory){.real = memory()->real, .fail_in = n, .for_good = true};
}

static void fail_own(uint64_t n)
{
        mem_fail_nth((unsigned) n);
}

static bool disarm(Arm arm)
{
        bool struck = arm == fail_own ? mem_fail_struck() : memory()->struck;

        memory()->fail_in = 0;
        mem_fail_nth(0);
        return struck;
}

static void loop(const Place *p, Arm arm)
{
        _cleanup_(stored_job_freep) Job *job = sample_job_distinct(NEW_JOB);
        _cleanup_(stored_file_freep) JobFile *file = sample_file_distinct(0);
        JobCredential c = sample_credential(BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_BASIC, 9);
        bool struck = true;
        uint64_t n;

        for (n = 1; struck; n += 1 + n / STRIDE) {
                Outcome out;

                assert_true(n < ALLOCATIONS_MAX);
                arm(n);
                out = live(p, job, file, &c);
                struck = disarm(arm);
                /* The library may do without some of what it asked for, as for its cache. */
                if (out.result != 0 && (out.result != -ENOMEM || !struck))
                        fail_msg("allocation %u: %d, %s", (unsigned) n, out.result, out.detail);
                check_and_undo(p, job, out.committed);
                if (!struck)
                        assert_true(out.committed);
        }
        print_message("# up to %u allocations\n", (unsigned) n);
        assert_true(n > 20);
        sample_credential_done(&c);
}

static void each_allocation_of_the_library_fails_once(void **state)
{
        loop(*state, fail_library_once);
}

static void from_each_allocation_on_the_library_has_no_memory(void **state)
{
        loop(*state, fail_library_for_good);
}

static void each_allocation_of_the_store_fails_once(void **state)
{
        loop(*state, fail_own);
}

/* After a failed begin, or without one, nothing is written, and nothing is damaged. */
static void nothing_is_written_outside_a_transaction(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job_distinct(NEW_JOB);
        _cleanup_(stored_file_freep) JobFile *file = sample_file_distinct(0);
        JobCredential c = sample_credential(BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_BASIC, 9);
        Store *store = open_well(*state, STORE_OPENED);
        StorePort port = store_port(store);

        assert_int_equal(port.job_save(port.ctx, job), -EINVAL);
        assert_int_equal(port.job_delete(port.ctx, job), -EINVAL);
        assert_int_equal(port.files_insert(port.ctx, job, &file, 1), -EINVAL);
        assert_int_equal(port.file_save(port.ctx, job, file), -EINVAL);
        assert_int_equal(port.credential_save(port.ctx, job, &c), -EINVAL);
        assert_int_equal(port.credential_delete(port.ctx, job, 1, 1), -EINVAL);
        assert_int_equal(port.commit(port.ctx, true), -EINVAL);
        port.rollback(port.ctx);
        store_close(store);
        sample_credential_done(&c);
        check_and_undo(*state, job, false);
}

/* Where no file can be made nothing is opened, and nothing set aside. */
static void directory_without_room_for_files_is_refused(void **state)
{
        StoreStatus status;
        Store *store = NULL;

        (void) state;
        assert_true(store_open("/proc/self", NULL, &status, &store) < 0);
        assert_null(store);
        assert_int_equal(status.outcome, STORE_FAILED);
        assert_string_equal(status.aside_path, "");
}

static void options_need_not_name_the_boot(void **state)
{
        const Place *p = *state;
        StoreOptions options = {0};
        StoreStatus status;
        Store *store = NULL;

        assert_int_equal(store_open(p->dir, &options, &status, &store), 0);
        assert_int_equal(status.outcome, STORE_OPENED);
        store_close(store);
}

static void each_outcome_has_a_name(void **state)
{
        (void) state;
        for (int i = 0; i < STORE_OUTCOME_MAX; i++)
                for (int k = 0; k < i; k++)
                        assert_string_not_equal(store_outcome_to_string((StoreOutcome) i),
                                                store_outcome_to_string((StoreOutcome) k));
        assert_string_equal(store_outcome_to_string(STORE_OUTCOME_MAX), "unknown");
}

/* The store in memory: whatever fails, what was committed is there, and the next attempt works. */
static void each_allocation_of_the_store_in_memory_fails_once(void **state)
{
        _cleanup_(stored_job_freep) Job *job = sample_job_distinct(NEW_JOB);
        _cleanup_(stored_file_freep) JobFile *file = sample_file_distinct(0);
        JobCredential c = sample_credential(BG_AUTH_TARGET_SERVER, BG_AUTH_SCHEME_BASIC, 9);
        bool struck = true;

        (void) state;
        for (uint64_t n = 1; struck; n++) {
                StoreMem *mem;
                StorePort port;
                int r = 0;

                fail_own(n);
                mem = store_mem_new();
                if (mem)
                        r = write_all(store_mem_port(mem), job, file, &c);
                struck = disarm(fail_own);
                assert_true(mem || struck);
                assert_true(r == 0 || (r == -ENOMEM && struck));
                if (!mem)
                        continue;
                port = store_mem_port(mem);
                if (r < 0) {
                        RigQueue queue = rig_load(port);

                        size_t there = queue.len; /* committed, and then not hardened */

                        rig_queue_done(&queue);
                        if (there == 0)
                                assert_int_equal(write_all(port, job, file, &c), 0);
                        rig_save_job(port, job, true); /* hardens */
                }
                assert_int_equal(store_mem_power_loss(mem, 0), 0);
                {
                        RigQueue queue = rig_load(port);

                        assert_int_equal(queue.len, 1);
                        rig_queue_done(&queue);
                }
                store_mem_free(mem);
        }
        sample_credential_done(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_allocation_of_the_library_fails_once,
                                                make_queue, remove_queue),
                cmocka_unit_test_setup_teardown(from_each_allocation_on_the_library_has_no_memory,
                                                make_queue, remove_queue),
                cmocka_unit_test_setup_teardown(each_allocation_of_the_store_fails_once, make_queue,
                                                remove_queue),
                cmocka_unit_test_setup_teardown(nothing_is_written_outside_a_transaction,
                                                make_queue, remove_queue),
                cmocka_unit_test(each_allocation_of_the_store_in_memory_fails_once),
                cmocka_unit_test(directory_without_room_for_files_is_refused),
                cmocka_unit_test_setup_teardown(options_need_not_name_the_boot, make_queue,
                                                remove_queue),
                cmocka_unit_test(each_outcome_has_a_name),
        };

        return cmocka_run_group_tests(tests, take_memory, NULL);
}
