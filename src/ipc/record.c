/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/record.h"

#include "base/alloc.h"

/* Far above every limit of the API (a proxy list of 32,000 UTF-16 units takes 96,000 bytes), so
 * that only a broken or hostile peer meets it. */
#define STRING_MAX_BYTES ((size_t) 256 * 1024)

static void pack_bool(Buf *b, bool v)
{
        pack_u8(b, v ? 1 : 0);
}

static void pack_i32(Buf *b, int32_t v)
{
        pack_u32(b, (uint32_t) v);
}

static int32_t unpack_i32(PackReader *r)
{
        return (int32_t) unpack_u32(r);
}

static bool unpack_bool(PackReader *r)
{
        return unpack_u8(r) != 0;
}

/* A string that is never NULL in the public structures. */
static void pack_text(Buf *b, const char *s)
{
        pack_str(b, s ? s : "");
}

static char *unpack_text(PackReader *r)
{
        char *s = unpack_str(r, STRING_MAX_BYTES);

        if (!s)
                r->bad = true;
        return s;
}

void record_put_job(Buf *b, const bits_job_info *info)
{
        size_t begin = pack_record_begin(b);

        pack_guid(b, &info->id);
        pack_u32(b, (uint32_t) info->type);
        pack_u32(b, (uint32_t) info->state);
        pack_u32(b, (uint32_t) info->priority);
        pack_u32(b, info->owner_uid);
        pack_text(b, info->name);
        pack_text(b, info->description);
        pack_u64(b, info->bytes_total);
        pack_u64(b, info->bytes_transferred);
        pack_u32(b, info->files_total);
        pack_u32(b, info->files_transferred);
        pack_u64(b, info->creation_time);
        pack_u64(b, info->modification_time);
        pack_u64(b, info->transfer_completion_time);
        pack_u32(b, info->notify_flags);
        pack_u32(b, info->minimum_retry_delay);
        pack_u32(b, info->no_progress_timeout);
        pack_u32(b, info->error_count);
        pack_u32(b, (uint32_t) info->proxy_usage);
        pack_str(b, info->proxy_list);
        pack_str(b, info->proxy_bypass_list);
        pack_u32(b, info->files_in_flight);
        pack_bool(b, info->auto_complete);
        pack_bool(b, info->has_callback);
        pack_u64(b, info->rate_bps);
        pack_u32(b, (uint32_t) info->why);
        pack_u64(b, info->retry_time);
        pack_str(b, info->behind);
        pack_i32(b, info->error_code);
        pack_u32(b, (uint32_t) info->error_context);
        pack_i32(b, info->error_file);
        pack_i32(b, info->error_http_status);
        pack_text(b, info->error_text);
        pack_i32(b, info->end_result);
        pack_str(b, info->reply_name);
        pack_u64(b, info->reply_bytes_total);
        pack_u64(b, info->reply_bytes_transferred);
        pack_bool(b, info->reply_optional);
        pack_str(b, info->notify_program);
        pack_str(b, info->notify_parameters);
        pack_i32(b, info->program_result);
        pack_u64(b, info->program_time);
        pack_u32(b, info->program_runs);
        pack_bool(b, info->has_credentials);
        pack_u64(b, info->limit_bps);
        pack_record_end(b, begin);
}

/* Older writers end before this, or before the next. */
static void get_reply(PackReader *in, bits_job_info *info)
{
        if (unpack_at_end(in))
                return;
        info->reply_name = unpack_str(in, STRING_MAX_BYTES);
        info->reply_bytes_total = unpack_u64(in);
        info->reply_bytes_transferred = unpack_u64(in);
        info->reply_optional = unpack_bool(in);
}

static void get_program(PackReader *in, bits_job_info *info)
{
        if (unpack_at_end(in))
                return;
        info->notify_program = unpack_str(in, STRING_MAX_BYTES);
        info->notify_parameters = unpack_str(in, STRING_MAX_BYTES);
        info->program_result = unpack_i32(in);
        info->program_time = unpack_u64(in);
        info->program_runs = unpack_u32(in);
        info->has_credentials = unpack_bool(in);
}

int record_get_job(PackReader *r, bits_job_info *info)
{
        PackReader in = unpack_record(r);

        info->id = unpack_guid(&in);
        info->type = (BG_JOB_TYPE) unpack_u32(&in);
        info->state = (BG_JOB_STATE) unpack_u32(&in);
        info->priority = (BG_JOB_PRIORITY) unpack_u32(&in);
        info->owner_uid = unpack_u32(&in);
        info->name = unpack_text(&in);
        info->description = unpack_text(&in);
        info->bytes_total = unpack_u64(&in);
        info->bytes_transferred = unpack_u64(&in);
        info->files_total = unpack_u32(&in);
        info->files_transferred = unpack_u32(&in);
        info->creation_time = unpack_u64(&in);
        info->modification_time = unpack_u64(&in);
        info->transfer_completion_time = unpack_u64(&in);
        info->notify_flags = unpack_u32(&in);
        info->minimum_retry_delay = unpack_u32(&in);
        info->no_progress_timeout = unpack_u32(&in);
        info->error_count = unpack_u32(&in);
        info->proxy_usage = (BG_JOB_PROXY_USAGE) unpack_u32(&in);
        info->proxy_list = unpack_str(&in, STRING_MAX_BYTES);
        info->proxy_bypass_list = unpack_str(&in, STRING_MAX_BYTES);
        info->files_in_flight = unpack_u32(&in);
        info->auto_complete = unpack_bool(&in);
        info->has_callback = unpack_bool(&in);
        info->rate_bps = unpack_u64(&in);
        info->why = (bits_why) unpack_u32(&in);
        info->retry_time = unpack_u64(&in);
        info->behind = unpack_str(&in, STRING_MAX_BYTES);
        info->error_code = unpack_i32(&in);
        info->error_context = (BG_ERROR_CONTEXT) unpack_u32(&in);
        info->error_file = unpack_i32(&in);
        info->error_http_status = unpack_i32(&in);
        info->error_text = unpack_text(&in);
        info->end_result = unpack_i32(&in);
        get_reply(&in, info);
        get_program(&in, info);
        if (!unpack_at_end(&in))
                info->limit_bps = unpack_u64(&in);
        return pack_reader_end(&in);
}

void record_done_job(bits_job_info *info)
{
        mem_free(info->name);
        mem_free(info->description);
        mem_free(info->proxy_list);
        mem_free(info->proxy_bypass_list);
        mem_free(info->behind);
        mem_free(info->error_text);
        mem_free(info->reply_name);
        mem_free(info->notify_program);
        mem_free(info->notify_parameters);
        *info = (bits_job_info){0};
}

void record_put_file(Buf *b, const bits_file_info *file)
{
        size_t begin = pack_record_begin(b);

        pack_u32(b, file->index);
        pack_text(b, file->remote);
        pack_text(b, file->local);
        pack_u64(b, file->bytes_total);
        pack_u64(b, file->bytes_transferred);
        pack_bool(b, file->completed);
        pack_record_end(b, begin);
}

int record_get_file(PackReader *r, bits_file_info *file)
{
        PackReader in = unpack_record(r);

        file->index = unpack_u32(&in);
        file->remote = unpack_text(&in);
        file->local = unpack_text(&in);
        file->bytes_total = unpack_u64(&in);
        file->bytes_transferred = unpack_u64(&in);
        file->completed = unpack_bool(&in);
        return pack_reader_end(&in);
}

void record_done_file(bits_file_info *file)
{
        mem_free(file->remote);
        mem_free(file->local);
        *file = (bits_file_info){0};
}

void record_put_status(Buf *b, const bits_status *status)
{
        size_t begin = pack_record_begin(b);

        pack_text(b, status->version);
        pack_u32(b, status->pid);
        pack_u64(b, status->uptime_sec);
        pack_u32(b, status->jobs);
        pack_u32(b, status->jobs_active);
        pack_u32(b, status->max_jobs_per_machine);
        pack_u32(b, status->max_jobs_per_user);
        pack_u32(b, status->max_files_per_job);
        pack_bool(b, status->network_up);
        pack_u64(b, status->rate_bps);
        pack_text(b, status->state_dir);
        pack_text(b, status->store_note);
        pack_bool(b, status->metered);
        pack_bool(b, status->on_battery);
        for (int level = 0; level < BITS_LEVELS; level++)
                pack_u64(b, status->limit_bps[level]);
        pack_u64(b, status->limits_until);
        pack_record_end(b, begin);
}

/* Older services end before it. */
static void get_limits(PackReader *in, bits_status *status)
{
        bool none = unpack_at_end(in);

        status->metered = none ? 0 : unpack_bool(in);
        status->on_battery = none ? 0 : unpack_bool(in);
        for (int level = 0; level < BITS_LEVELS; level++)
                status->limit_bps[level] = none ? UINT64_MAX : unpack_u64(in);
        status->limits_until = none ? 0 : unpack_u64(in);
}

int record_get_status(PackReader *r, bits_status *status)
{
        PackReader in = unpack_record(r);

        status->version = unpack_text(&in);
        status->pid = unpack_u32(&in);
        status->uptime_sec = unpack_u64(&in);
        status->jobs = unpack_u32(&in);
        status->jobs_active = unpack_u32(&in);
        status->max_jobs_per_machine = unpack_u32(&in);
        status->max_jobs_per_user = unpack_u32(&in);
        status->max_files_per_job = unpack_u32(&in);
        status->network_up = unpack_bool(&in);
        status->rate_bps = unpack_u64(&in);
        status->state_dir = unpack_text(&in);
        status->store_note = unpack_text(&in);
        get_limits(&in, status);
        return pack_reader_end(&in);
}

void record_done_status(bits_status *status)
{
        mem_free(status->version);
        mem_free(status->state_dir);
        mem_free(status->store_note);
        *status = (bits_status){0};
}
