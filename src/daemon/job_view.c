/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/job_view.h"

#include <assert.h>
#include <errno.h>

#include "ipc/record.h"

static_assert((int) WHY_NONE == (int) BITS_WHY_NONE, "one numbering inside and outside");
static_assert((int) WHY_QUEUED_BEHIND == (int) BITS_WHY_QUEUED_BEHIND, "");
static_assert((int) WHY_RETRY_AT == (int) BITS_WHY_RETRY_AT, "");
static_assert((int) WHY_NETWORK_DOWN == (int) BITS_WHY_NETWORK_DOWN, "");
static_assert((int) WHY_PAUSED_BY_USER == (int) BITS_WHY_PAUSED_BY_USER, "");
static_assert((int) WHY_DISK_FULL == (int) BITS_WHY_DISK_FULL, "");
static_assert((int) WHY_NEEDS_COMPLETE == (int) BITS_WHY_NEEDS_COMPLETE, "");
static_assert((int) WHY_NEEDS_CREDENTIALS == (int) BITS_WHY_NEEDS_CREDENTIALS, "");
static_assert((int) WHY_ERROR == (int) BITS_WHY_ERROR, "");
static_assert((int) WHY_EMPTY == (int) BITS_WHY_EMPTY, "");
static_assert((int) WHY_LINK_BUSY == (int) BITS_WHY_LINK_BUSY, "");
static_assert((int) WHY_LIMIT_RATE == (int) BITS_WHY_LIMIT_RATE, "");
static_assert((int) WHY_SCHEDULE == (int) BITS_WHY_SCHEDULE, "");
static_assert((int) WHY_METERED == (int) BITS_WHY_METERED, "");
static_assert((int) WHY_CANNOT_SAVE == (int) BITS_WHY_CANNOT_SAVE, "");

/* Before its file is added a job has no reply, but it may have the name for one. */
static void fill_reply(const Job *job, bits_job_info *info)
{
        if (job->type != BG_JOB_TYPE_UPLOAD_REPLY)
                return;
        info->reply_name = job->reply ? job->reply->local : job->props.reply_name;
        info->reply_bytes_total = job->reply ? job->reply->size_bytes : BG_SIZE_UNKNOWN;
        info->reply_bytes_transferred = job->reply ? job->reply->done_bytes : 0;
        info->reply_optional = job->props.reply_optional;
}

/* As shells say it: 128 and the signal; -1 for a program that could not even be started. */
static int32_t program_result(int32_t result)
{
        if (result >= 0)
                return result;
        return result > PROGRAM_NOT_STARTED ? 128 - result : -1;
}

static void fill_program(const Job *job, bits_job_info *info)
{
        info->notify_program = job->props.notify_program;
        info->notify_parameters = job->props.notify_parameters;
        info->program_result = program_result(job->status.program_result);
        info->program_time = filetime_from_wall_usec(job->status.program_time_wall);
        info->program_runs = job->status.program_runs;
}

void job_view_fill_plain(const Job *job, bits_job_info *info)
{
        const JobProps *props = &job->props;
        const JobStatus *status = &job->status;

        *info = (bits_job_info){
                .id = job->id,
                .type = job->type,
                .state = status->state,
                .priority = props->priority,
                .owner_uid = job->owner_uid,
                .name = props->name,
                .description = props->description,
                .bytes_total = job_bytes_total(job),
                .bytes_transferred = job->bytes_done,
                .files_total = job->files_len,
                .files_transferred = job->files_done,
                .creation_time = filetime_from_wall_usec(status->created_wall),
                .modification_time = filetime_from_wall_usec(status->modified_wall),
                .transfer_completion_time = filetime_from_wall_usec(status->transferred_wall),
                .notify_flags = props->notify_flags,
                .minimum_retry_delay = props->retry_delay_sec,
                .no_progress_timeout = props->no_progress_sec,
                .error_count = status->error_count,
                .proxy_usage = props->proxy_usage,
                .proxy_list = props->proxy_list,
                .proxy_bypass_list = props->proxy_bypass,
                .files_in_flight = props->files_in_flight,
                .limit_bps = props->limit_bps,
                .auto_complete = props->auto_complete,
                .error_code = status->error.code,
                .error_context = status->error.context,
                .error_file = JOB_NO_FILE,
                .error_text = (char *) status->error.text,
                .end_result = status->end_result,
        };
        if (FAILED(status->error.code)) {
                info->error_file = status->error.file_index;
                info->error_http_status = status->error.http_status;
        }
        info->has_credentials = job->credentials_len > 0;
        fill_reply(job, info);
        fill_program(job, info);
}

void job_view_fill(Manager *m, const Job *job, bits_job_info *info)
{
        Why why;

        job_view_fill_plain(job, info);
        if (job_state_is_final(job->status.state))
                return;
        info->has_callback = manager_has_notify_client(m, job);
        info->rate_bps = manager_job_rate_bps(m, job);
        manager_why(m, job, &why);
        info->why = (bits_why) why.code;
        if (why.code == WHY_RETRY_AT || (why.code == WHY_SCHEDULE && why.retry_wall != 0))
                info->retry_time = filetime_from_wall_usec(why.retry_wall);
        if (why.behind)
                info->behind = why.behind->props.name;
}

/* A download is there when it is visible, an upload when the server has it. */
static bool is_completed(const Job *job, const JobFile *file)
{
        if (job->type == BG_JOB_TYPE_DOWNLOAD)
                return file->state == FILE_PUBLISHED;
        return job->status.uploaded || file->state == FILE_DONE || file->state == FILE_PUBLISHED;
}

void job_view_fill_file(const Job *job, const JobFile *file, bits_file_info *info)
{
        *info = (bits_file_info){
                .index = file->index,
                .remote = file->remote,
                .local = file->local,
                .bytes_total = file->size_bytes,
                .bytes_transferred = file->done_bytes,
                .completed = is_completed(job, file),
        };
}

static void put_jobs(Manager *m, const Job *const *jobs, uint32_t n, bool brief, Buf *b)
{
        bits_job_info info;

        pack_u32(b, n);
        for (uint32_t i = 0; i < n && !buf_error(b); i++) {
                job_view_fill(m, jobs[i], &info);
                if (brief)
                        info.description = info.proxy_list = info.proxy_bypass_list = NULL;
                record_put_job(b, &info);
        }
}

void job_view_put_list(Manager *m, const Job *const *jobs, uint32_t n, Buf *b)
{
        put_jobs(m, jobs, n, false, b);
        if (buf_error(b) != -EMSGSIZE)
                return;
        buf_clear(b);
        put_jobs(m, jobs, n, true, b);
}
