/* SPDX-License-Identifier: Apache-2.0 */
#include "job_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"

#include "job_notify.h"
#include "job_words.h"
#include "message.h"

void json_add_size(Json *to, const char *key, uint64_t bytes)
{
        if (bytes == BG_SIZE_UNKNOWN)
                json_add_null(to, key);
        else
                json_add_u64(to, key, bytes);
}

static void add_wall_time(Json *to, const char *key, uint64_t wall_usec)
{
        char text[32];

        json_add_str(to, key, str_format_rfc3339(text, sizeof(text), wall_usec));
}

void json_add_time(Json *to, const char *key, uint64_t filetime)
{
        if (filetime == 0)
                json_add_null(to, key);
        else
                add_wall_time(to, key, filetime_to_wall_usec(filetime));
}

void json_add_guid(Json *to, const char *key, const GUID *id)
{
        char text[37];

        bits_guid_format(id, text);
        json_add_str(to, key, text);
}

void json_add_code(Json *to, const char *key, HRESULT hr)
{
        char text[16];

        (void) snprintf(text, sizeof(text), "0x%08" PRIX32, (uint32_t) hr);
        json_add_str(to, key, hr == S_OK ? NULL : text);
}

void json_add_why(Json *to, const char *key, const bits_job_info *job, const char *prefix)
{
        _cleanup_free_ char *text = NULL;
        Json *why;

        if (job->why == BITS_WHY_NONE) {
                json_add_null(to, key);
                return;
        }
        text = job_why(job, prefix, clock_wall_usec(&CLOCK_SYSTEM), true, true);
        why = json_add_object(to, key);
        json_add_str(why, "code", bits_why_name(job->why));
        json_add_str(why, "text", text);
        json_add_time(why, "retry_at", job->retry_time);
        json_add_str(why, "behind", job->behind);
}

static void add_error(Json *to, const bits_job_info *job)
{
        Json *error;

        if (job->error_code == S_OK) {
                json_add_null(to, "error");
                return;
        }
        error = json_add_object(to, "error");
        json_add_code(error, "code", job->error_code);
        json_add_str(error, "symbol", bits_error_name(job->error_code));
        json_add_str(error, "context", context_name(job->error_context));
        json_add_str(error, "text", bits_error_text(job->error_code));
        json_add_str(error, "detail", job->error_text && *job->error_text ? job->error_text : NULL);
        if (job->error_file >= 0)
                json_add_u64(error, "file", (uint64_t) job->error_file);
        else
                json_add_null(error, "file");
        if (job->error_http_status > 0)
                json_add_u64(error, "http_status", (uint64_t) job->error_http_status);
        else
                json_add_null(error, "http_status");
}

static void add_settings(Json *to, const bits_job_info *job)
{
        Json *proxy;

        json_add_u64(to, "retry_delay", job->minimum_retry_delay);
        json_add_u64(to, "give_up_after", job->no_progress_timeout);
        json_add_u64(to, "files_in_flight", job->files_in_flight);
        if (job->limit_bps > 0)
                json_add_u64(to, "limit_rate", job->limit_bps);
        else
                json_add_null(to, "limit_rate");
        json_add_bool(to, "auto_complete", job->auto_complete);
        json_add_notify(to, job);
        json_add_bool(to, "callback", job->has_callback);
        proxy = json_add_object(to, "proxy");
        json_add_str(proxy, "usage", job_proxy_name(job->proxy_usage));
        json_add_str(proxy, "list", job->proxy_list);
        json_add_str(proxy, "bypass", job->proxy_bypass_list);
        json_add_bool(to, "credentials", job->has_credentials);
}

static void add_reply(Json *to, const bits_job_info *job)
{
        Json *reply;

        if (job->type != BG_JOB_TYPE_UPLOAD_REPLY) {
                json_add_null(to, "reply");
                return;
        }
        reply = json_add_object(to, "reply");
        json_add_str(reply, "local", job->reply_name);
        json_add_u64(reply, "bytes", job->reply_bytes_transferred);
        json_add_size(reply, "bytes_total", job->reply_bytes_total);
        json_add_bool(reply, "optional", job->reply_optional);
}

Json *job_json(const bits_job_info *job, const char *prefix, Owners *owners)
{
        Json *json = json_object(), *part;

        json_add_guid(json, "id", &job->id);
        json_add_str(json, "name", job->name);
        json_add_str(json, "description", job->description);
        json_add_str(json, "type", job_type_name(job->type));
        json_add_str(json, "state", bits_state_name(job->state));
        json_add_str(json, "state_word", job_state_word(job));
        json_add_str(json, "priority", job_priority_name(job->priority));
        part = json_add_object(json, "owner");
        json_add_u64(part, "uid", job->owner_uid);
        json_add_str(part, "name", owners_name(owners, job->owner_uid));
        part = json_add_object(json, "progress");
        json_add_u64(part, "bytes", job->bytes_transferred);
        json_add_size(part, "bytes_total", job->bytes_total);
        json_add_u64(part, "files", job->files_transferred);
        json_add_u64(part, "files_total", job->files_total);
        add_reply(json, job);
        json_add_u64(json, "rate", job->rate_bps);
        json_add_why(json, "why", job, prefix);
        add_error(json, job);
        json_add_u64(json, "error_count", job->error_count);
        part = json_add_object(json, "times");
        json_add_time(part, "created", job->creation_time);
        json_add_time(part, "modified", job->modification_time);
        json_add_time(part, "transferred", job->transfer_completion_time);
        add_settings(json, job);
        return json;
}

Json *file_json(const bits_file_info *file, BG_JOB_TYPE type)
{
        Json *json = json_object();

        json_add_u64(json, "index", file->index);
        json_add_str(json, "remote", file->remote);
        json_add_str(json, "local", file->local);
        json_add_u64(json, "bytes", file->bytes_transferred);
        json_add_size(json, "bytes_total", file->bytes_total);
        json_add_str(json, "state", file_state_word(file, type));
        return json;
}

void json_add_progress(Json *to, const bits_job_info *job)
{
        json_add_u64(to, "bytes", job->bytes_transferred);
        json_add_size(to, "bytes_total", job->bytes_total);
        json_add_u64(to, "rate", job->rate_bps);
        json_add_u64(to, "files", job->files_transferred);
        json_add_u64(to, "files_total", job->files_total);
        if (job->type != BG_JOB_TYPE_UPLOAD_REPLY)
                return;
        json_add_u64(to, "reply_bytes", job->reply_bytes_transferred);
        json_add_size(to, "reply_bytes_total", job->reply_bytes_total);
}

Json *event_json(const char *event, const GUID *job)
{
        Json *json = json_document();

        json_add_str(json, "event", event);
        if (job)
                json_add_guid(json, "job", job);
        else
                json_add_null(json, "job");
        add_wall_time(json, "at", clock_wall_usec(&CLOCK_SYSTEM));
        return json;
}
