/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that read jobs and files. */
#include <inttypes.h>

#include "daemon/call.h"
#include "daemon/job_view.h"
#include "ipc/record.h"

static HRESULT read_job(Call *call, const Job **ret)
{
        HRESULT hr = call_read_id(call);

        if (FAILED(hr))
                return hr;
        return manager_read_job(call->service->manager, &call->caller, &call->job, ret);
}

HRESULT call_read_job(Call *call)
{
        _cleanup_(buf_done) Buf b;
        bits_job_info info;
        const Job *job;
        HRESULT hr;

        buf_init(&b, CALL_REPLY_MAX_BYTES);
        hr = read_job(call, &job);
        if (FAILED(hr))
                return hr;
        job_view_fill(call->service->manager, job, &info);
        record_put_job(&b, &info);
        return call_reply_bytes(call, &b);
}

typedef struct JobArray {
        const Job **jobs;
        uint32_t len, cap;
} JobArray;

static void job_array_done(JobArray *a)
{
        mem_free(a->jobs);
}

static bool collect(void *ctx, const Job *job)
{
        JobArray *a = ctx;

        if (a->len == a->cap) /* the count of the moment before: this cannot be */
                return false;
        a->jobs[a->len++] = job;
        return true;
}

HRESULT call_list_jobs(Call *call)
{
        _cleanup_(job_array_done) JobArray a = {0};
        _cleanup_(buf_done) Buf b;
        Manager *m = call->service->manager;
        ManagerCounts counts;
        uint32_t flags;
        HRESULT hr;

        buf_init(&b, CALL_REPLY_MAX_BYTES);
        hr = call_read(call, "u", &flags);
        if (FAILED(hr))
                return hr;
        manager_counts(m, &counts);
        a.cap = counts.jobs;
        a.jobs = mem_array((size_t) a.cap + 1, sizeof(*a.jobs));
        if (!a.jobs)
                return E_OUTOFMEMORY;
        hr = manager_enum_jobs(m, &call->caller, flags, collect, &a);
        if (FAILED(hr))
                return hr;
        job_view_put_list(m, a.jobs, a.len, &b);
        return call_reply_bytes(call, &b);
}

static void put_file(Buf *b, const Job *job, const JobFile *file)
{
        bits_file_info info;

        job_view_fill_file(job, file, &info);
        record_put_file(b, &info);
}

HRESULT call_list_files(Call *call)
{
        _cleanup_(buf_done) Buf b;
        const Job *job;
        HRESULT hr;

        buf_init(&b, CALL_REPLY_MAX_BYTES);
        hr = read_job(call, &job);
        if (FAILED(hr))
                return hr;
        pack_u32(&b, job->files_len);
        for (uint32_t i = 0; i < job->files_len && !buf_error(&b); i++)
                put_file(&b, job, job->files[i]);
        return call_reply_bytes(call, &b);
}

HRESULT call_read_file(Call *call)
{
        _cleanup_(buf_done) Buf b;
        uint32_t index;
        const Job *job;
        HRESULT hr;

        buf_init(&b, CALL_REPLY_MAX_BYTES);
        hr = read_job(call, &job);
        if (SUCCEEDED(hr))
                hr = call_read(call, "u", &index);
        if (FAILED(hr))
                return hr;
        if (index >= job->files_len) {
                call_explain(call, "it has %" PRIu32 " files, and none of number %" PRIu32,
                             job->files_len, index);
                return E_INVALIDARG;
        }
        pack_u32(&b, 1);
        put_file(&b, job, job->files[index]);
        return call_reply_bytes(call, &b);
}
