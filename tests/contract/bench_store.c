/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the queue is written and read on this disk: bench_store [DIRECTORY]. Not a test: it
 * prints figures, next to the cost of a bare fdatasync of a growing file, and judges nothing. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "sample_job.h"
#include "store/store.h"

enum { JOBS = 1000, FILES = 5000, QUEUE_JOBS = 10000 };

static double now_sec(void)
{
        return (double) clock_mono_usec(&CLOCK_SYSTEM) / 1e6;
}

static void check(int r, const char *what)
{
        if (r >= 0)
                return;
        (void) fprintf(stderr, "bench_store: %s: %s\n", what, strerror(-r));
        exit(1);
}

static long rss_kib(void)
{
        _cleanup_free_ char *text = NULL;
        const char *line;

        check(fd_read_file("/proc/self/status", 65536, &text), "/proc/self/status");
        line = strstr(text, "VmRSS:");
        return line ? strtol(line + 6, NULL, 10) : 0;
}

static void bench_sync(const char *dir)
{
        _cleanup_free_ char *path = mem_printf("%s/sync", dir);
        _cleanup_close_ int fd = -1;
        char page[4096] = {0};
        double start;

        fd = path ? open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600) : -1;
        check(fd, "file");
        start = now_sec();
        for (int i = 0; i < JOBS; i++) {
                check(fd_write_all(fd, page, sizeof(page)), "write");
                check(fdatasync(fd), "fdatasync");
        }
        printf("4 KiB appended and fdatasync, x%d: %.3f s\n", JOBS, now_sec() - start);
        (void) unlink(path);
}

static void bench_create(StorePort p)
{
        double start = now_sec(), longest = 0;

        for (uint64_t i = 1; i <= JOBS; i++) {
                _cleanup_(stored_job_freep) Job *job = sample_job(i);
                _cleanup_(stored_file_freep) JobFile *file = sample_file(0);
                double one = now_sec();

                check(p.begin(p.ctx), "begin");
                check(p.job_save(p.ctx, job), "job_save");
                check(p.commit(p.ctx, false), "commit");
                check(p.begin(p.ctx), "begin");
                check(p.files_insert(p.ctx, job, &file, 1), "files_insert");
                check(p.commit(p.ctx, false), "commit");
                job->status.state = BG_JOB_STATE_QUEUED;
                check(p.begin(p.ctx), "begin");
                check(p.job_save(p.ctx, job), "job_save");
                check(p.commit(p.ctx, true), "commit");
                longest = MAX(longest, now_sec() - one);
        }
        printf("create, add file, resume (durable), x%d: %.3f s, longest %.1f ms\n", JOBS,
               now_sec() - start, longest * 1e3);
}

static void bench_files(StorePort p)
{
        _cleanup_(stored_job_freep) Job *job = sample_job(JOBS + 1);
        JobFile **files = mem_array(FILES, sizeof(*files));
        double start;

        for (uint32_t i = 0; i < FILES; i++)
                files[i] = sample_file(i);
        start = now_sec();
        check(p.begin(p.ctx), "begin");
        check(p.job_save(p.ctx, job), "job_save");
        check(p.files_insert(p.ctx, job, files, FILES), "files_insert");
        check(p.commit(p.ctx, false), "commit");
        printf("%d files inserted in one transaction: %.1f ms\n", FILES, (now_sec() - start) * 1e3);
        for (int durable = 0; durable < 2; durable++) {
                start = now_sec();
                check(p.begin(p.ctx), "begin");
                for (uint32_t i = 0; i < FILES; i++) {
                        files[i]->state = FILE_PARTIAL;
                        files[i]->size_bytes = 4096;
                        files[i]->done_bytes += 100;
                        check(p.file_save(p.ctx, job, files[i]), "file_save");
                }
                check(p.commit(p.ctx, durable), "commit");
                printf("%d file_save in one %s transaction: %.1f ms\n", FILES,
                       durable ? "durable" : "plain", (now_sec() - start) * 1e3);
        }
        start = now_sec();
        check(p.begin(p.ctx), "begin");
        check(p.job_delete(p.ctx, job), "job_delete");
        check(p.commit(p.ctx, true), "commit");
        printf("job with %d files deleted: %.1f ms\n", FILES, (now_sec() - start) * 1e3);
        for (uint32_t i = 0; i < FILES; i++)
                stored_file_free(files[i]);
        mem_free(files);
}

static void fill_queue(StorePort p)
{
        check(p.begin(p.ctx), "begin");
        for (uint64_t i = JOBS + 2; i <= QUEUE_JOBS; i++) {
                _cleanup_(stored_job_freep) Job *job = sample_job(i);
                _cleanup_(stored_file_freep) JobFile *file = sample_file(0);

                check(p.job_save(p.ctx, job), "job_save");
                check(p.files_insert(p.ctx, job, &file, 1), "files_insert");
        }
        check(p.commit(p.ctx, true), "commit");
}

typedef struct Loaded {
        Job *jobs[QUEUE_JOBS];
        JobFile *files[QUEUE_JOBS];
        size_t jobs_len, files_len;
} Loaded;

static int keep_job(void *ctx, Job *job)
{
        Loaded *l = ctx;

        if (l->jobs_len == QUEUE_JOBS) {
                stored_job_free(job);
                return -1;
        }
        l->jobs[l->jobs_len++] = job;
        return 0;
}

static int keep_file(void *ctx, const GUID *id, JobFile *file)
{
        Loaded *l = ctx;

        (void) id;
        l->files[l->files_len++] = file;
        return 0;
}

static Store *open_store(const char *dir)
{
        StoreStatus status;
        Store *store = NULL;

        check(store_open(dir, NULL, &status, &store), "open");
        check(status.outcome == STORE_REPLACED ? -EUCLEAN : 0, status.detail);
        return store;
}

static void bench_load(const char *dir)
{
        _cleanup_free_ Loaded *loaded = mem_new(Loaded);
        StoreSink sink = {keep_job, keep_file, loaded};
        long rss = rss_kib();
        double start = now_sec(), opened;
        Store *store = open_store(dir);
        StorePort p = store_port(store);
        uint64_t next;
        bool same;

        opened = now_sec();
        check(p.load(p.ctx, &sink, &same, &next), "load");
        printf("%zu jobs, %zu files: opened and checked in %.1f ms, handed over in %.1f ms, "
               "%ld KiB more resident\n",
               loaded->jobs_len, loaded->files_len, (opened - start) * 1e3,
               (now_sec() - opened) * 1e3, rss_kib() - rss);
        for (size_t i = 0; i < loaded->jobs_len; i++)
                stored_job_free(loaded->jobs[i]);
        for (size_t i = 0; i < loaded->files_len; i++)
                stored_file_free(loaded->files[i]);
        start = now_sec();
        store_close(store);
        printf("closed in %.1f ms\n", (now_sec() - start) * 1e3);
}

int main(int argc, char **argv)
{
        _cleanup_free_ char *dir = mem_printf("%s/bench-store-XXXXXX", argc > 1 ? argv[1] : "/tmp");
        _cleanup_free_ char *file = NULL;
        long rss = rss_kib();
        Store *store;

        if (!dir || !mkdtemp(dir))
                check(-errno, "directory");
        bench_sync(dir);
        store = open_store(dir);
        printf("empty queue opened: %ld KiB more resident\n", rss_kib() - rss);
        bench_create(store_port(store));
        bench_files(store_port(store));
        printf("after that: %ld KiB more resident\n", rss_kib() - rss);
        fill_queue(store_port(store));
        store_close(store);
        bench_load(dir);

        file = mem_printf("%s/queue.db", dir);
        if (file)
                (void) unlink(file);
        return rmdir(dir) == 0 ? 0 : 1;
}
