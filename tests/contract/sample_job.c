/* SPDX-License-Identifier: Apache-2.0 */
#include "sample_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "base/str.h"
#include "engine/port/vault.h"

static void *must(void *p)
{
        if (!p)
                abort();
        return p;
}

static char *text(const char *s)
{
        return must(mem_strdup(s));
}

char *sample_long_text(size_t units)
{
        char *s = must(mem_alloc(units * 3 + 1));

        for (size_t i = 0; i < units; i++)
                memcpy(s + i * 3, "€", 3);
        s[units * 3] = '\0';
        return s;
}

static GUID sample_id(uint64_t serial)
{
        uint8_t bytes[16] = {0xb1, 0x75};

        memcpy(bytes + 9, &serial, 7); /* clear of the version bits */
        return guid_from_random(bytes);
}

Job *sample_job(uint64_t serial)
{
        Job *job = must(mem_new(Job));

        job->id = sample_id(serial);
        job->serial = serial;
        job->owner_uid = 1000;
        job->type = BG_JOB_TYPE_DOWNLOAD;
        job->props = (JobProps){
                .name = text("nightly mirror"),
                .description = text(""),
                .priority = BG_JOB_PRIORITY_NORMAL,
                .notify_flags = 3,
                .retry_delay_sec = DEFAULT_RETRY_DELAY_SEC,
                .no_progress_sec = DEFAULT_NO_PROGRESS_SEC,
        };
        job->status = (JobStatus){
                .state = BG_JOB_STATE_SUSPENDED,
                .created_wall = 1700000000000000,
                .modified_wall = 1700000000000000,
                .error = {.file_index = JOB_NO_FILE},
        };
        return job;
}

JobFile *sample_file(uint32_t index)
{
        JobFile *file = must(mem_new(JobFile));

        file->index = index;
        file->remote = must(mem_printf("http://mirror.example/pool/main/f/file-%u.bin", index));
        file->local = must(mem_printf("/home/user/downloads/file-%u.bin", index));
        file->state = FILE_PENDING;
        file->size_bytes = BG_SIZE_UNKNOWN;
        file->modified_sec = FILE_NO_TIME;
        return file;
}

Job *sample_job_distinct(uint64_t serial)
{
        Job *job = sample_job(serial);
        JobError *e = &job->status.error;

        job->owner_uid = 11;
        mem_free(job->props.name);
        mem_free(job->props.description);
        job->props = (JobProps){
                .name = text("name"),
                .description = text("description"),
                .priority = BG_JOB_PRIORITY_HIGH,
                .notify_flags = 12,
                .retry_delay_sec = 13,
                .no_progress_sec = 14,
                .proxy_usage = BG_JOB_PROXY_USAGE_OVERRIDE,
                .proxy_list = text("proxy list"),
                .proxy_bypass = text("proxy bypass"),
                .files_in_flight = 15,
                .auto_complete = true,
                .notify_program = text("/opt/finish"),
                .notify_parameters = text("finish \"now\" "),
                .notify_uid = 43,
                .limit_bps = 47,
        };
        job->status = (JobStatus){
                .state = BG_JOB_STATE_TRANSIENT_ERROR,
                .intent = INTENT_CANCEL,
                .undelivered = NOTIFY_MODIFICATION,
                .error_count = 16,
                .created_wall = 17,
                .modified_wall = 18,
                .transferred_wall = 19,
                .ended_wall = 20,
                .end_result = 21,
                .active_usec = 22,
                .program_result = -44,
                .program_time_wall = 45,
                .program_runs = 46,
        };
        e->code = (HRESULT) 0x80072ee7;
        e->context = BG_ERROR_CONTEXT_REMOTE_FILE;
        e->file_index = 23;
        e->http_status = 24;
        e->curl_code = 25;
        e->sys_errno = 26;
        e->retry_after_sec = 27;
        e->fatal = false;
        e->event_driven = true;
        str_copy(e->host, sizeof(e->host), "mirror.example");
        str_copy(e->text, sizeof(e->text), "the server went away");
        return job;
}

JobFile *sample_file_distinct(uint32_t index)
{
        JobFile *file = sample_file(index);

        file->state = FILE_PARTIAL;
        file->size_bytes = 31;
        file->done_bytes = 32;
        file->synced_bytes = 33;
        file->etag = text("\"34\"");
        file->modified_sec = 35;
        return file;
}

static void give_session(Job *job, uint32_t bytes)
{
        job->session = must(mem_alloc(bytes));
        for (uint32_t i = 0; i < bytes; i++)
                job->session[i] = (uint8_t) (i * 7); /* zeros among them */
        job->session_bytes = bytes;
}

Job *sample_upload(uint64_t serial)
{
        Job *job = sample_job(serial);

        job->type = BG_JOB_TYPE_UPLOAD_REPLY;
        job->props.reply_name = text("/home/user/answers/réponse.bin");
        job->props.reply_optional = true;
        job->status.uploaded = true;
        job->status.farewell_wall = 1700000000000041;
        give_session(job, 42);
        return job;
}

JobFile *sample_reply(void)
{
        JobFile *file = sample_file_distinct(JOB_REPLY_INDEX);

        file->size_bytes = 51;
        file->done_bytes = 52;
        file->synced_bytes = 53;
        return file;
}

Job *sample_job_extreme(uint64_t serial)
{
        Job *job = sample_job(serial);
        JobError *e = &job->status.error;

        memset(&job->id, 0xff, sizeof(job->id));
        memcpy(&job->id, &serial, sizeof(uint32_t));
        job->owner_uid = UINT32_MAX;
        job->type = BG_JOB_TYPE_UPLOAD_REPLY;
        mem_free(job->props.name);
        mem_free(job->props.description);
        job->props = (JobProps){
                .name = sample_long_text(LIMIT_NAME_UNITS),
                .description = sample_long_text(LIMIT_DESCRIPTION_UNITS),
                .priority = BG_JOB_PRIORITY_LOW,
                .notify_flags = UINT32_MAX,
                .retry_delay_sec = UINT32_MAX,
                .no_progress_sec = UINT32_MAX,
                .proxy_usage = BG_JOB_PROXY_USAGE_AUTODETECT,
                .proxy_list = sample_long_text(LIMIT_PROXY_LIST_UNITS),
                .proxy_bypass = sample_long_text(LIMIT_PROXY_LIST_UNITS),
                .files_in_flight = UINT32_MAX,
                .auto_complete = true,
                .reply_name = sample_long_text(LIMIT_LOCAL_BYTES / 3),
                .reply_optional = true,
                .notify_program = sample_long_text(LIMIT_PROGRAM_UNITS),
                .notify_parameters = sample_long_text(LIMIT_PARAMETERS_UNITS),
                .notify_uid = UINT32_MAX,
                .limit_bps = STORED_NUMBER_MAX,
        };
        job->status = (JobStatus){
                .state = BG_JOB_STATE_CANCELLED,
                .intent = INTENT_MAX - 1,
                .undelivered = NOTIFY_KIND_MAX - 1,
                .error_count = UINT32_MAX,
                .created_wall = STORED_NUMBER_MAX,
                .modified_wall = STORED_NUMBER_MAX,
                .transferred_wall = STORED_NUMBER_MAX,
                .ended_wall = STORED_NUMBER_MAX,
                .end_result = INT32_MIN,
                .active_usec = STORED_NUMBER_MAX,
                .uploaded = true,
                .farewell_wall = STORED_NUMBER_MAX,
                .program_result = INT32_MIN,
                .program_time_wall = STORED_NUMBER_MAX,
                .program_runs = UINT32_MAX,
        };
        give_session(job, JOB_SESSION_BYTES_MAX);
        e->code = INT32_MIN;
        e->context = BG_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK;
        e->file_index = INT32_MAX;
        e->http_status = INT32_MAX;
        e->curl_code = INT32_MIN;
        e->sys_errno = INT32_MAX;
        e->retry_after_sec = UINT32_MAX;
        e->fatal = e->event_driven = true;
        memset(e->host, 'h', sizeof(e->host) - 1);
        memset(e->text, 't', sizeof(e->text) - 1);
        return job;
}

JobFile *sample_file_extreme(uint32_t index)
{
        JobFile *file = sample_file(index);

        mem_free(file->remote);
        mem_free(file->local);
        file->remote = sample_long_text(LIMIT_URL_UNITS);
        file->local = must(mem_alloc(LIMIT_LOCAL_BYTES + 1));
        memset(file->local, '/', LIMIT_LOCAL_BYTES);
        file->local[LIMIT_LOCAL_BYTES] = '\0';
        file->state = FILE_STATE_MAX - 1;
        file->size_bytes = STORED_NUMBER_MAX;
        file->done_bytes = STORED_NUMBER_MAX;
        file->synced_bytes = STORED_NUMBER_MAX;
        file->etag = sample_long_text(8000);
        file->modified_sec = INT64_MAX;
        return file;
}

JobCredential sample_credential(uint32_t target, uint32_t scheme, uint8_t mark)
{
        JobCredential c = {
                .target = target,
                .scheme = scheme,
                .implicit = mark % 2 == 1,
                .sealed_bytes = mark > 0 ? 100 + mark * 40u : VAULT_SEALED_BYTES_MAX,
        };

        c.sealed = must(mem_alloc(c.sealed_bytes));
        memset(c.sealed, mark > 0 ? mark : 0xee, c.sealed_bytes);
        c.sealed[0] = 0; /* no text */
        return c;
}

#define DIFFERS(field)                                                                             \
        if (a->field != b->field)                                                                  \
        return #field
#define TEXT_DIFFERS(field)                                                                        \
        if (!str_equal(a->field, b->field))                                                        \
        return #field

static const char *error_difference(const JobError *a, const JobError *b)
{
        DIFFERS(code);
        DIFFERS(context);
        DIFFERS(file_index);
        DIFFERS(http_status);
        DIFFERS(curl_code);
        DIFFERS(sys_errno);
        DIFFERS(retry_after_sec);
        DIFFERS(fatal);
        DIFFERS(event_driven);
        TEXT_DIFFERS(host);
        TEXT_DIFFERS(text);
        return NULL;
}

static const char *props_difference(const JobProps *a, const JobProps *b)
{
        TEXT_DIFFERS(name);
        TEXT_DIFFERS(description);
        DIFFERS(priority);
        DIFFERS(notify_flags);
        DIFFERS(retry_delay_sec);
        DIFFERS(no_progress_sec);
        DIFFERS(proxy_usage);
        TEXT_DIFFERS(proxy_list);
        TEXT_DIFFERS(proxy_bypass);
        DIFFERS(files_in_flight);
        DIFFERS(auto_complete);
        TEXT_DIFFERS(reply_name);
        DIFFERS(reply_optional);
        TEXT_DIFFERS(notify_program);
        TEXT_DIFFERS(notify_parameters);
        DIFFERS(notify_uid);
        DIFFERS(limit_bps);
        return NULL;
}

static const char *status_difference(const JobStatus *a, const JobStatus *b)
{
        DIFFERS(state);
        DIFFERS(intent);
        DIFFERS(undelivered);
        DIFFERS(error_count);
        DIFFERS(created_wall);
        DIFFERS(modified_wall);
        DIFFERS(transferred_wall);
        DIFFERS(ended_wall);
        DIFFERS(end_result);
        DIFFERS(active_usec);
        DIFFERS(uploaded);
        DIFFERS(farewell_wall);
        DIFFERS(program_result);
        DIFFERS(program_time_wall);
        DIFFERS(program_runs);
        return error_difference(&a->error, &b->error);
}

const char *sample_credential_difference(const JobCredential *a, const JobCredential *b)
{
        DIFFERS(target);
        DIFFERS(scheme);
        DIFFERS(implicit);
        DIFFERS(sealed_bytes);
        return memcmp(a->sealed, b->sealed, a->sealed_bytes) != 0 ? "sealed" : NULL;
}

static const char *credentials_difference(const Job *a, const Job *b)
{
        const char *field = NULL;

        DIFFERS(credentials_len);
        for (uint32_t i = 0; i < a->credentials_len && !field; i++)
                field = sample_credential_difference(&a->credentials[i], &b->credentials[i]);
        return field;
}

const char *sample_job_difference(const Job *a, const Job *b)
{
        const char *in_props = props_difference(&a->props, &b->props);

        if (!guid_equal(&a->id, &b->id))
                return "id";
        DIFFERS(serial);
        DIFFERS(owner_uid);
        DIFFERS(type);
        DIFFERS(session_bytes);
        if (a->session_bytes > 0 && memcmp(a->session, b->session, a->session_bytes) != 0)
                return "session";
        if (credentials_difference(a, b))
                return credentials_difference(a, b);
        return in_props ? in_props : status_difference(&a->status, &b->status);
}

const char *sample_file_difference(const JobFile *a, const JobFile *b)
{
        DIFFERS(index);
        TEXT_DIFFERS(remote);
        TEXT_DIFFERS(local);
        DIFFERS(state);
        DIFFERS(size_bytes);
        DIFFERS(done_bytes);
        DIFFERS(synced_bytes);
        TEXT_DIFFERS(etag);
        DIFFERS(modified_sec);
        return NULL;
}
