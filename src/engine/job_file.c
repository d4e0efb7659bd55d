/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/job_file.h"

#include <errno.h>

#include "base/attr.h"
#include "base/str.h"
#include "engine/file_name.h"

JobFile *job_file_new(uint32_t index, const char *remote, const char *local)
{
        _cleanup_(job_file_freep) JobFile *file = mem_new(JobFile);

        if (!file)
                return NULL;
        file->index = index;
        file->size_bytes = BG_SIZE_UNKNOWN;
        file->modified_sec = FILE_NO_TIME;
        file->remote = mem_strdup(remote);
        file->local = mem_strdup(local);
        if (!file->remote || !file->local)
                return NULL;
        return TAKE_PTR(file);
}

JobFile *job_file_free(JobFile *file)
{
        if (!file)
                return NULL;
        mem_free(file->remote);
        mem_free(file->local);
        mem_free(file->etag);
        mem_free(file);
        return NULL;
}

static uint32_t grown_cap(uint32_t have, uint32_t want)
{
        return have < 4 ? MAX(want, have + 1) : MAX(want, have + have / 2);
}

int job_files_reserve(Job *job, uint32_t n)
{
        JobRun *run = job->run;
        uint32_t want = job->files_len + n;
        JobFile **files;

        if (want < n)
                return -ENOMEM;
        if (want > run->files_cap) {
                uint32_t cap = grown_cap(run->files_cap, want);

                files = mem_realloc(job->files, (size_t) cap * sizeof(JobFile *));
                if (!files)
                        return -ENOMEM;
                job->files = files;
                run->files_cap = cap;
        }
        return name_set_reserve(&run->names, n);
}

static bool is_done(const JobFile *file)
{
        return file->state == FILE_DONE || file->state == FILE_PUBLISHED;
}

/* Adds (or takes away, sign -1) what the file contributes to the sums; unsigned wrap-around makes
 * both directions exact. */
static void count_file(Job *job, const JobFile *file, uint32_t sign)
{
        JobRun *run = job->run;
        bool done = is_done(file);

        if (file == job->reply)
                return; /* no file of the job */
        if (done)
                job->files_done += sign;
        if (file->state == FILE_PUBLISHED)
                run->files_published += sign;
        if (!done && remote_name_needs_network(file->remote))
                run->net_pending += sign;
        if (file->size_bytes == BG_SIZE_UNKNOWN)
                job->files_size_unknown += sign;
        else
                job->bytes_total_known += sign == 1 ? file->size_bytes : -file->size_bytes;
        job->bytes_done += sign == 1 ? file->done_bytes : -file->done_bytes;
}

void job_files_append(Job *job, JobFile *take_file)
{
        job->files[job->files_len++] = take_file;
        name_set_add(&job->run->names, take_file->local);
        count_file(job, take_file, 1);
        job->run->synced = false;
}

FileFacts job_file_facts(const JobFile *file)
{
        return (FileFacts){
                .state = file->state,
                .size_bytes = file->size_bytes,
                .done_bytes = file->done_bytes,
                .synced_bytes = file->synced_bytes,
        };
}

void job_file_learn(Job *job, JobFile *file, const FileFacts *facts)
{
        uint64_t most = MIN(facts->size_bytes, (uint64_t) INT64_MAX); /* nobody wrote more */

        count_file(job, file, UINT32_MAX);
        file->state = facts->state;
        /* A server that claims more than any file has knows nothing, and no store could keep it. */
        file->size_bytes = facts->size_bytes > INT64_MAX ? BG_SIZE_UNKNOWN : facts->size_bytes;
        file->done_bytes = MIN(facts->done_bytes, most);
        file->synced_bytes = MIN(facts->synced_bytes, file->done_bytes);
        count_file(job, file, 1);
        if (!is_done(file) && file != job->reply)
                job->run->synced = false;
}

void job_file_keep(Job *job, JobFile *file, uint64_t done_bytes, uint64_t synced_bytes)
{
        FileFacts facts = job_file_facts(file);

        facts.state = done_bytes > 0 ? FILE_PARTIAL : FILE_PENDING;
        facts.done_bytes = done_bytes;
        facts.synced_bytes = synced_bytes;
        job_file_learn(job, file, &facts);
}

void job_file_restart(Job *job, JobFile *file)
{
        job_file_keep(job, file, 0, 0);
        job_file_rewind(job, file);
        job_file_mark_dirty(job, file);
        job->run->harden = true;
}

void job_file_set_validators(JobFile *file, const char *etag, int64_t modified_sec)
{
        if (str_replace(&file->etag, etag) < 0) {
                mem_free(TAKE_PTR(file->etag));
                file->modified_sec = FILE_NO_TIME;
                return;
        }
        file->modified_sec = modified_sec;
}

JobFile *job_file_next(Job *job)
{
        JobRun *run = job->run;

        if (job_is_upload(job)) /* also a complete one: its session is still open */
                return job_has_pending_files(job) && job->files[0]->op == 0 ? job->files[0] : NULL;
        for (; run->cursor < job->files_len; run->cursor++) {
                JobFile *file = job->files[run->cursor];

                if (!is_done(file) && file->op == 0)
                        return file;
        }
        return NULL;
}

void job_file_rewind(Job *job, const JobFile *file)
{
        job->run->cursor = MIN(job->run->cursor, file->index);
}

void job_file_mark_dirty(Job *job, JobFile *file)
{
        JobRun *run = job->run;

        if (file->dirty)
                return;
        file->dirty = true;
        if (run->dirty_all || file == job->reply)
                return;
        if (run->dirty_len == run->dirty_cap) {
                uint32_t cap = grown_cap(run->dirty_cap, run->dirty_len + 1);
                uint32_t *list = mem_realloc(run->dirty_files, cap * sizeof(*list));

                if (!list) {
                        run->dirty_all = true;
                        return;
                }
                run->dirty_files = list;
                run->dirty_cap = cap;
        }
        run->dirty_files[run->dirty_len++] = file->index;
}

int job_files_each_dirty(Job *job, int (*each)(void *ctx, Job *job, JobFile *file), void *ctx)
{
        const JobRun *run = job->run;
        uint32_t n = run->dirty_all ? job->files_len : run->dirty_len;

        for (uint32_t i = 0; i < n; i++) {
                JobFile *file = job->files[run->dirty_all ? i : run->dirty_files[i]];
                int r = file->dirty ? each(ctx, job, file) : 0;

                if (r < 0)
                        return r;
        }
        return job->reply && job->reply->dirty ? each(ctx, job, job->reply) : 0;
}

void job_files_clear_dirty(Job *job)
{
        JobRun *run = job->run;
        uint32_t n = run->dirty_all ? job->files_len : run->dirty_len;

        for (uint32_t i = 0; i < n; i++)
                job->files[run->dirty_all ? i : run->dirty_files[i]]->dirty = false;
        if (job->reply)
                job->reply->dirty = false;
        run->dirty_len = 0;
        run->dirty_all = false;
        if (run->dirty_cap > 64) { /* a job of many files is mostly written to once */
                mem_free(TAKE_PTR(run->dirty_files));
                run->dirty_cap = 0;
        }
}
