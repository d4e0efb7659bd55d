/* SPDX-License-Identifier: Apache-2.0 */
#include "store_rig.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/guid.h"
#include "faulty_disk.h"

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        (void) fprintf(stderr, "store_rig: %s\n", what);
        abort();
}

/* These tests sync thousands of times, and the power only fails in pretence: memory will do. */
static const char *parent_dir(void)
{
        const char *tmp = getenv("TMPDIR");

        if (tmp && strlen(tmp) < 32)
                return tmp;
        return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

void rig_make_dir(char ret_path[RIG_PATH_BYTES])
{
        (void) snprintf(ret_path, RIG_PATH_BYTES, "%s/bitsd-store-XXXXXX", parent_dir());
        must(mkdtemp(ret_path), "mkdtemp");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

void rig_remove_dir(const char *path)
{
        (void) nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void next_dir(StoreRig *rig)
{
        (void) snprintf(rig->dir, sizeof(rig->dir), "%.*s/%u", 64, rig->root, ++rig->generation);
        must(mkdir(rig->dir, 0700) == 0, "mkdir");
}

static void next_boot(StoreRig *rig)
{
        (void) snprintf(rig->boot_id, sizeof(rig->boot_id), "boot-%u", ++rig->generation);
}

static void open_sqlite(StoreRig *rig)
{
        StoreOptions options = {.boot_id = rig->boot_id};
        StoreStatus status;
        int r;

        r = store_open(rig->dir, &options, &status, &rig->store);
        if (r < 0)
                (void) fprintf(stderr, "%s: %s\n", strerror(-r), status.detail);
        must(r == 0, "store_open");
        must(status.outcome == STORE_OPENED || status.outcome == STORE_CREATED, status.detail);
        rig->port = store_port(rig->store);
}

static void sqlite_start(StoreRig *rig)
{
        disk_install();
        rig_make_dir(rig->root);
        next_dir(rig);
        next_boot(rig);
        open_sqlite(rig);
}

/* What the dead process had written is what the next one finds. */
static void sqlite_crash(StoreRig *rig, bool keep_all)
{
        char before[RIG_PATH_BYTES];

        memcpy(before, rig->dir, sizeof(before));
        next_dir(rig);
        disk_copy(before, rig->dir, keep_all);
        rig->store = store_close(rig->store);
        rig_remove_dir(before);
}

static void sqlite_kill(StoreRig *rig)
{
        sqlite_crash(rig, true);
        open_sqlite(rig);
}

static void sqlite_power_loss(StoreRig *rig)
{
        sqlite_crash(rig, false);
        next_boot(rig);
        open_sqlite(rig);
}

static void sqlite_reboot(StoreRig *rig)
{
        rig->store = store_close(rig->store);
        next_boot(rig);
        open_sqlite(rig);
}

static void sqlite_stop(StoreRig *rig)
{
        rig->store = store_close(rig->store);
        rig_remove_dir(rig->root);
}

const RigKind RIG_SQLITE = {
        .name = "sqlite",
        .start = sqlite_start,
        .kill = sqlite_kill,
        .power_loss = sqlite_power_loss,
        .reboot = sqlite_reboot,
        .stop = sqlite_stop,
};

static void memory_start(StoreRig *rig)
{
        rig->mem = store_mem_new();
        must(rig->mem, "store_mem_new");
        rig->port = store_mem_port(rig->mem);
}

static void memory_kill(StoreRig *rig)
{
        store_mem_kill(rig->mem);
}

static void memory_power_loss(StoreRig *rig)
{
        must(store_mem_power_loss(rig->mem, 0) == 0, "store_mem_power_loss");
}

static void memory_reboot(StoreRig *rig)
{
        store_mem_reboot(rig->mem);
}

static void memory_stop(StoreRig *rig)
{
        rig->mem = store_mem_free(rig->mem);
}

const RigKind RIG_MEM = {
        .name = "mem",
        .start = memory_start,
        .kill = memory_kill,
        .power_loss = memory_power_loss,
        .reboot = memory_reboot,
        .stop = memory_stop,
};

StoreRig *rig_new(const RigKind *kind)
{
        StoreRig *rig = mem_new(StoreRig);

        must(rig, "memory");
        rig->kind = kind;
        kind->start(rig);
        return rig;
}

void rig_free(StoreRig *rig)
{
        rig->kind->stop(rig);
        mem_free(rig);
}

static int take_job(void *ctx, Job *job)
{
        RigQueue *queue = ctx;
        Job **jobs = mem_realloc(queue->jobs, (queue->len + 1) * sizeof(*jobs));

        must(jobs, "memory");
        must(!job->reply, "a job is loaded without its reply");
        must(!job->files && job->files_len == 0 && !job->run, "a job is loaded without files");
        must(queue->len == 0 || jobs[queue->len - 1]->serial < job->serial, "order of jobs");
        queue->jobs = jobs;
        queue->jobs[queue->len++] = job;
        return 0;
}

static int take_file(void *ctx, const GUID *id, JobFile *file)
{
        RigQueue *queue = ctx;
        Job *job = queue->len > 0 ? queue->jobs[queue->len - 1] : NULL;
        JobFile **files;

        must(job && guid_equal(&job->id, id), "files follow their job");
        if (stored_is_reply(job->type, file->index)) {
                must(job->files_len == 1 && !job->reply, "the reply follows the one file");
                job->reply = file;
                return 0;
        }
        must(file->index == job->files_len, "order of files");
        must(file->op == 0 && !file->dirty && !file->stopping, "a file is loaded at rest");
        files = mem_realloc(job->files, (job->files_len + 1) * sizeof(*files));
        must(files, "memory");
        job->files = files;
        job->files[job->files_len++] = file;
        return 0;
}

RigQueue rig_load(StorePort port)
{
        RigQueue queue = {0};
        StoreSink sink = {take_job, take_file, &queue};

        queue.result = port.load(port.ctx, &sink, &queue.same_boot, &queue.next_serial);
        return queue;
}

void rig_queue_done(RigQueue *queue)
{
        for (size_t i = 0; i < queue->len; i++)
                stored_job_free(queue->jobs[i]);
        mem_free(queue->jobs);
        *queue = (RigQueue){0};
}

const Job *rig_queue_find(const RigQueue *queue, uint64_t serial)
{
        for (size_t i = 0; i < queue->len; i++)
                if (queue->jobs[i]->serial == serial)
                        return queue->jobs[i];
        return NULL;
}

static void finish(StorePort port, int r, bool durable)
{
        must(r == 0, strerror(-r));
        r = port.commit(port.ctx, durable);
        must(r == 0, strerror(-r));
}

void rig_save_job(StorePort port, const Job *job, bool durable)
{
        must(port.begin(port.ctx) == 0, "begin");
        finish(port, port.job_save(port.ctx, job), durable);
}

void rig_insert_file(StorePort port, const Job *job, JobFile *file, bool durable)
{
        must(port.begin(port.ctx) == 0, "begin");
        finish(port, port.files_insert(port.ctx, job, &file, 1), durable);
}

void rig_insert_upload(StorePort port, const Job *job, JobFile *file, JobFile *reply, bool durable)
{
        JobFile *both[] = {file, reply};

        must(port.begin(port.ctx) == 0, "begin");
        finish(port, port.files_insert(port.ctx, job, both, 2), durable);
}

void rig_save_credential(StorePort port, const Job *job, const JobCredential *c, bool durable)
{
        must(port.begin(port.ctx) == 0, "begin");
        finish(port, port.credential_save(port.ctx, job, c), durable);
}

void rig_delete_credential(StorePort port, const Job *job, uint32_t target, uint32_t scheme,
                           bool durable)
{
        must(port.begin(port.ctx) == 0, "begin");
        finish(port, port.credential_delete(port.ctx, job, target, scheme), durable);
}

void rig_save_file(StorePort port, const Job *job, const JobFile *file, bool durable)
{
        must(port.begin(port.ctx) == 0, "begin");
        finish(port, port.file_save(port.ctx, job, file), durable);
}

void rig_delete_job(StorePort port, const Job *job, bool durable)
{
        must(port.begin(port.ctx) == 0, "begin");
        finish(port, port.job_delete(port.ctx, job), durable);
}
