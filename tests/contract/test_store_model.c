/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories, the same for both stores: what they hand out must be the same after every
 * accident. A failure prints its seed; BITSD_TEST_SEED=n runs that one alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sample_job.h"
#include "store_rig.h"

enum { SEEDS = 20, STEPS = 100, SERIALS = 6, FILES = 5, STORES = 2 };

typedef struct History {
        uint64_t seed, random;
        StoreRig *rigs[STORES];
        unsigned files[SERIALS + 1]; /* of each job as the store should have it; */
        bool exists[SERIALS + 1];    /* both also of the open transaction */
        uint32_t ids[SERIALS + 1];
        unsigned old_files[SERIALS + 1]; /* before it */
        bool old_exists[SERIALS + 1];
        uint32_t old_ids[SERIALS + 1];
} History;

static uint64_t pick(History *h, uint64_t n)
{
        uint64_t x = h->random += 0x9e3779b97f4a7c15u;

        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        return (x ^ (x >> 31)) % n;
}

static void expect(const History *h, bool ok, const char *what)
{
        if (!ok)
                fail_msg("seed %llu: %s", (unsigned long long) h->seed, what);
}

/* The last one is an upload with a reply, all others are downloads: a type never changes. */
static Job *plain_job(uint64_t serial)
{
        return serial == SERIALS ? sample_upload(serial) : sample_job(serial);
}

static unsigned files_max(uint64_t serial)
{
        return serial == SERIALS ? 2 : UINT32_MAX;
}

static void change_job(History *h, uint64_t serial)
{
        _cleanup_(stored_job_freep) Job *job =
                pick(h, 2) || serial == SERIALS ? plain_job(serial) : sample_job_distinct(serial);

        if (job->session && pick(h, 3) == 0)
                job->session_bytes = (uint32_t) pick(h, job->session_bytes + 1);
        job->status.error_count = (uint32_t) pick(h, 1000);
        if (pick(h, 10) == 0) /* another job under the same serial */
                job->id.Data1 = (uint32_t) h->random;
        if (h->ids[serial] != job->id.Data1)
                h->files[serial] = 0;
        h->ids[serial] = job->id.Data1;
        h->exists[serial] = true;
        for (size_t i = 0; i < STORES; i++) {
                StorePort port = h->rigs[i]->port;

                expect(h, port.job_save(port.ctx, job) == 0, "job_save");
        }
}

/* The file of the upload and its reply come together, and may come again. */
static void insert_upload(History *h)
{
        _cleanup_(stored_job_freep) Job *job = plain_job(SERIALS);
        _cleanup_(stored_file_freep) JobFile *file = sample_file_distinct(0),
                                             *reply = sample_reply();
        JobFile *both[] = {file, reply};

        reply->done_bytes = pick(h, 1000000);
        for (size_t i = 0; i < STORES; i++) {
                StorePort port = h->rigs[i]->port;
                int r = port.files_insert(port.ctx, job, both, 2);

                expect(h, (r == 0) == h->exists[SERIALS], "an upload's file and reply");
        }
        if (h->exists[SERIALS])
                h->files[SERIALS] = 2;
}

static void change_file(History *h, uint64_t serial, bool insert)
{
        unsigned index = insert ? h->files[serial] : (unsigned) pick(h, FILES);
        _cleanup_(stored_job_freep) Job *job = plain_job(serial);
        _cleanup_(stored_file_freep) JobFile *file = sample_file_distinct(index);
        int results[STORES];

        file->done_bytes = pick(h, 1000000);
        for (size_t i = 0; i < STORES; i++) {
                StorePort port = h->rigs[i]->port;

                results[i] = insert ? port.files_insert(port.ctx, job, &file, 1)
                                    : port.file_save(port.ctx, job, file);
        }
        expect(h, results[0] == results[1], "one store took the file, the other did not");
        expect(h,
               (results[0] == 0) == (h->exists[serial] && index < files_max(serial) &&
                                     index < h->files[serial] + insert),
               "a file of an unknown job was taken, or one of a known job refused");
        if (insert && results[0] == 0)
                h->files[serial]++;
}

static void delete_job(History *h, uint64_t serial)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(serial);

        for (size_t i = 0; i < STORES; i++) {
                StorePort port = h->rigs[i]->port;

                expect(h, port.job_delete(port.ctx, job) == 0, "job_delete");
        }
        h->exists[serial] = false;
        h->files[serial] = 0;
}

static void change_credential(History *h, uint64_t serial)
{
        _cleanup_(stored_job_freep) Job *job = plain_job(serial);
        uint32_t target = 1 + (uint32_t) pick(h, 2), scheme = 1 + (uint32_t) pick(h, 5);
        JobCredential c = sample_credential(target, scheme, (uint8_t) pick(h, 40));
        bool remove = pick(h, 3) == 0;
        int results[STORES];

        for (size_t i = 0; i < STORES; i++) {
                StorePort port = h->rigs[i]->port;

                results[i] = remove ? port.credential_delete(port.ctx, job, target, scheme)
                                    : port.credential_save(port.ctx, job, &c);
        }
        sample_credential_done(&c);
        expect(h, results[0] == results[1], "one store took credentials, the other did not");
        expect(h, (results[0] == 0) == (remove || h->exists[serial]),
               "credentials of an unknown job were taken, or those of a known one refused");
}

static void compare(History *h)
{
        RigQueue queues[STORES];

        for (size_t i = 0; i < STORES; i++)
                queues[i] = rig_load(h->rigs[i]->port);
        expect(h, queues[0].result == 0 && queues[1].result == 0, "load");
        expect(h, queues[0].len == queues[1].len, "number of jobs");
        expect(h, queues[0].same_boot == queues[1].same_boot, "same_boot");
        expect(h, queues[0].next_serial == queues[1].next_serial, "next_serial");
        for (size_t i = 0; i < queues[0].len; i++) {
                const Job *a = queues[0].jobs[i], *b = queues[1].jobs[i];

                expect(h, !sample_job_difference(a, b), "a job");
                expect(h, a->files_len == b->files_len, "number of files");
                expect(h, a->files_len + (a->reply != NULL) == h->files[a->serial],
                       "number of files in the model");
                expect(h, !a->reply == !b->reply, "a reply there or not");
                expect(h, !a->reply || !sample_file_difference(a->reply, b->reply), "a reply");
                for (uint32_t k = 0; k < a->files_len; k++)
                        expect(h, !sample_file_difference(a->files[k], b->files[k]), "a file");
        }
        for (size_t i = 0; i < STORES; i++)
                rig_queue_done(&queues[i]);
}

static void restore_model(History *h)
{
        for (size_t i = 0; i <= SERIALS; i++) {
                h->files[i] = h->old_files[i];
                h->exists[i] = h->old_exists[i];
                h->ids[i] = h->old_ids[i];
        }
}

static void transaction(History *h)
{
        for (size_t i = 0; i < STORES; i++)
                expect(h, h->rigs[i]->port.begin(h->rigs[i]->port.ctx) == 0, "begin");
        for (size_t i = 0; i <= SERIALS; i++) {
                h->old_files[i] = h->files[i];
                h->old_exists[i] = h->exists[i];
                h->old_ids[i] = h->ids[i];
        }
        for (uint64_t n = pick(h, 6); n > 0; n--) {
                uint64_t serial = 1 + pick(h, SERIALS), what = pick(h, 13);

                if (what < 4)
                        change_job(h, serial);
                else if (what < 7 && serial == SERIALS)
                        insert_upload(h);
                else if (what < 7)
                        change_file(h, serial, true);
                else if (what < 9)
                        change_file(h, serial, false);
                else if (what < 10)
                        delete_job(h, serial);
                else
                        change_credential(h, serial);
        }
}

/* How a transaction ends. Power is lost only after a durable commit: how much of the plain ones
 * survives is each store's own affair. */
static void finish(History *h)
{
        uint64_t how = pick(h, 12);
        bool committed = how < 8;

        for (size_t i = 0; i < STORES; i++) {
                StoreRig *rig = h->rigs[i];

                if (committed)
                        expect(h, rig->port.commit(rig->port.ctx, how < 3) == 0, "commit");
                if (how == 0)
                        rig->kind->power_loss(rig);
                else if (how == 3 || how == 8)
                        rig->kind->kill(rig);
                else if (how == 4 || how == 9)
                        rig->kind->reboot(rig);
                else if (!committed)
                        rig->port.rollback(rig->port.ctx);
        }
        if (!committed)
                restore_model(h);
}

static void run_history(uint64_t seed)
{
        History h = {.seed = seed, .random = seed};

        h.rigs[0] = rig_new(&RIG_MEM);
        h.rigs[1] = rig_new(&RIG_SQLITE);
        for (unsigned step = 0; step < STEPS; step++) {
                transaction(&h);
                finish(&h);
                compare(&h);
        }
        rig_free(h.rigs[0]);
        rig_free(h.rigs[1]);
}

static void stores_agree_on_every_history(void **state)
{
        const char *one = getenv("BITSD_TEST_SEED");

        (void) state;
        if (one) {
                run_history(strtoull(one, NULL, 10));
                return;
        }
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                run_history(seed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(stores_agree_on_every_history)};

        return cmocka_run_group_tests_name("stores agree", tests, NULL, NULL);
}
