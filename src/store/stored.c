/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stored.h"

#include <errno.h>
#include <string.h>

#include "base/utf.h"
#include "engine/port/vault.h"

JobFile *stored_file_free(JobFile *file)
{
        if (!file)
                return NULL;
        mem_free(file->remote);
        mem_free(file->local);
        mem_free(file->etag);
        mem_free(file);
        return NULL;
}

static void props_free_strings(JobProps *props)
{
        mem_free(props->name);
        mem_free(props->description);
        mem_free(props->proxy_list);
        mem_free(props->proxy_bypass);
        mem_free(props->reply_name);
        mem_free(props->notify_program);
        mem_free(props->notify_parameters);
}

void stored_job_free_credentials(Job *job)
{
        for (uint32_t i = 0; i < job->credentials_len; i++)
                mem_free(job->credentials[i].sealed);
        mem_free(job->credentials);
        job->credentials = NULL;
        job->credentials_len = 0;
}

Job *stored_job_free(Job *job)
{
        if (!job)
                return NULL;
        for (uint32_t i = 0; i < job->files_len; i++)
                stored_file_free(job->files[i]);
        mem_free(job->files);
        stored_file_free(job->reply);
        mem_free(job->session);
        stored_job_free_credentials(job);
        props_free_strings(&job->props);
        mem_free(job);
        return NULL;
}

/* Copies a string that may be NULL; false when out of memory. */
static bool dup_into(char **ret, const char *s)
{
        *ret = mem_strdup(s);
        return *ret || !s;
}

uint8_t *stored_bytes_dup(const void *bytes, size_t n)
{
        uint8_t *copy = mem_alloc(n);

        if (copy)
                memcpy(copy, bytes, n);
        return copy;
}

Job *stored_job_dup(const Job *job)
{
        _cleanup_(stored_job_freep) Job *copy = mem_new(Job);

        if (!copy)
                return NULL;
        copy->id = job->id;
        copy->serial = job->serial;
        copy->owner_uid = job->owner_uid;
        copy->type = job->type;
        copy->status = job->status;
        stored_error_clean(&job->status.error, &copy->status.error);
        copy->props = job->props;
        copy->props.name = copy->props.description = NULL;
        copy->props.proxy_list = copy->props.proxy_bypass = copy->props.reply_name = NULL;
        copy->props.notify_program = copy->props.notify_parameters = NULL;

        if (!dup_into(&copy->props.name, job->props.name) ||
            !dup_into(&copy->props.description, job->props.description) ||
            !dup_into(&copy->props.proxy_list, job->props.proxy_list) ||
            !dup_into(&copy->props.proxy_bypass, job->props.proxy_bypass) ||
            !dup_into(&copy->props.reply_name, job->props.reply_name) ||
            !dup_into(&copy->props.notify_program, job->props.notify_program) ||
            !dup_into(&copy->props.notify_parameters, job->props.notify_parameters))
                return NULL;
        if (job->session_bytes > 0) {
                copy->session = stored_bytes_dup(job->session, job->session_bytes);
                if (!copy->session)
                        return NULL;
                copy->session_bytes = job->session_bytes;
        }
        return TAKE_PTR(copy);
}

JobFile *stored_file_dup(const JobFile *file)
{
        _cleanup_(stored_file_freep) JobFile *copy = mem_new(JobFile);

        if (!copy)
                return NULL;
        copy->index = file->index;
        copy->state = file->state;
        copy->size_bytes = file->size_bytes;
        copy->done_bytes = file->done_bytes;
        copy->synced_bytes = file->synced_bytes;
        copy->modified_sec = file->modified_sec;

        if (!dup_into(&copy->remote, file->remote) || !dup_into(&copy->local, file->local) ||
            !dup_into(&copy->etag, stored_etag_clean(file->etag)))
                return NULL;
        return TAKE_PTR(copy);
}

int stored_credential_dup(const JobCredential *credential, JobCredential *ret)
{
        uint8_t *sealed = stored_bytes_dup(credential->sealed, credential->sealed_bytes);

        if (!sealed)
                return -ENOMEM;
        *ret = *credential;
        ret->sealed = sealed;
        return 0;
}

static bool text_is_good(const char *s)
{
        size_t bytes;

        if (!s)
                return true;
        bytes = strnlen(s, STORED_TEXT_BYTES_MAX + 1);
        return bytes <= STORED_TEXT_BYTES_MAX && utf8_is_valid(s, bytes);
}

/* Values of an enumeration that start at 0; the argument may come from a damaged file. */
static bool enum_is_good(int64_t value, int64_t last)
{
        return value >= 0 && value <= last;
}

static const char *props_bad_field(const JobProps *p)
{
        if (!text_is_good(p->name))
                return "name";
        if (!text_is_good(p->description))
                return "description";
        if (!text_is_good(p->proxy_list))
                return "proxy_list";
        if (!text_is_good(p->proxy_bypass))
                return "proxy_bypass";
        if (!text_is_good(p->reply_name))
                return "reply_name";
        if (!text_is_good(p->notify_program))
                return "notify_program";
        if (!text_is_good(p->notify_parameters) || (p->notify_parameters && !p->notify_program))
                return "notify_parameters";
        if (!enum_is_good(p->priority, BG_JOB_PRIORITY_LOW))
                return "priority";
        if (!enum_is_good(p->proxy_usage, BG_JOB_PROXY_USAGE_AUTODETECT))
                return "proxy_usage";
        if (p->limit_bps > STORED_NUMBER_MAX)
                return "limit_bps";
        return NULL;
}

static const char *status_bad_field(const JobStatus *s)
{
        if (!enum_is_good(s->state, BG_JOB_STATE_CANCELLED))
                return "state";
        if (!enum_is_good(s->intent, INTENT_MAX - 1))
                return "intent";
        if (!enum_is_good(s->undelivered, NOTIFY_KIND_MAX - 1))
                return "undelivered";
        if (!enum_is_good(s->error.context, BG_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK))
                return "error_context";
        if (s->error.file_index < JOB_NO_FILE)
                return "error_file";
        if (s->created_wall > STORED_NUMBER_MAX)
                return "created_wall";
        if (s->modified_wall > STORED_NUMBER_MAX)
                return "modified_wall";
        if (s->transferred_wall > STORED_NUMBER_MAX)
                return "transferred_wall";
        if (s->ended_wall > STORED_NUMBER_MAX)
                return "ended_wall";
        if (s->active_usec > STORED_NUMBER_MAX)
                return "active_usec";
        if (s->farewell_wall > STORED_NUMBER_MAX)
                return "farewell_wall";
        if (s->program_time_wall > STORED_NUMBER_MAX)
                return "program_time_wall";
        return NULL;
}

/* What only some types of job have. */
static const char *upload_bad_field(const Job *job)
{
        if (job->props.reply_name && job->type != BG_JOB_TYPE_UPLOAD_REPLY)
                return "reply_name";
        if (job->session_bytes == 0)
                return NULL;
        if (!job->session || job->session_bytes > JOB_SESSION_BYTES_MAX ||
            job->type == BG_JOB_TYPE_DOWNLOAD)
                return "session";
        return NULL;
}

const char *stored_job_bad_field(const Job *job)
{
        const char *bad;

        /* The next serial must fit, too. */
        if (job->serial == 0 || job->serial >= STORED_NUMBER_MAX)
                return "serial";
        if (!enum_is_good(job->type, BG_JOB_TYPE_UPLOAD_REPLY))
                return "type";
        bad = props_bad_field(&job->props);
        if (!bad)
                bad = status_bad_field(&job->status);
        return bad ? bad : upload_bad_field(job);
}

const char *stored_file_bad_field(const JobFile *f)
{
        if (!f->remote || !text_is_good(f->remote))
                return "remote";
        if (!f->local || !text_is_good(f->local))
                return "local";
        if (!enum_is_good(f->state, FILE_STATE_MAX - 1))
                return "state";
        if (f->size_bytes > STORED_NUMBER_MAX && f->size_bytes != BG_SIZE_UNKNOWN)
                return "size_bytes";
        if (f->done_bytes > STORED_NUMBER_MAX)
                return "done_bytes";
        if (f->synced_bytes > STORED_NUMBER_MAX)
                return "synced_bytes";
        return NULL;
}

const char *stored_credential_bad_field(const JobCredential *c)
{
        if (c->target < BG_AUTH_TARGET_SERVER || c->target > BG_AUTH_TARGET_PROXY)
                return "target";
        if (c->scheme < BG_AUTH_SCHEME_BASIC || c->scheme > BG_AUTH_SCHEME_PASSPORT)
                return "scheme";
        if (!c->sealed || c->sealed_bytes == 0 || c->sealed_bytes > VAULT_SEALED_BYTES_MAX)
                return "sealed";
        return NULL;
}

const char *stored_file_bad_place(BG_JOB_TYPE type, const JobFile *f)
{
        if (stored_is_reply(type, f->index))
                return NULL;
        if (type != BG_JOB_TYPE_DOWNLOAD && f->index > 0)
                return "idx";
        return f->remote && f->remote[0] != '\0' ? NULL : "remote";
}

bool stored_files_fit(BG_JOB_TYPE type, JobFile *const *files, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                if (files[i]->index != files[0]->index + i || stored_file_bad_place(type, files[i]))
                        return false;
        return type != BG_JOB_TYPE_UPLOAD_REPLY || n == 0 || (n == 2 && files[0]->index == 0);
}

static void text_clean(char *dst, const char *src, size_t dst_bytes)
{
        size_t len = strnlen(src, dst_bytes - 1);

        memset(dst, 0, dst_bytes);
        memcpy(dst, src, len);
        if (utf8_is_valid(dst, len))
                return;
        for (size_t i = 0; i < len; i++)
                if ((unsigned char) dst[i] >= 0x80)
                        dst[i] = '?';
}

void stored_error_clean(const JobError *error, JobError *ret)
{
        JobError clean = *error;

        text_clean(clean.host, error->host, sizeof(clean.host));
        text_clean(clean.text, error->text, sizeof(clean.text));
        *ret = clean;
}

const char *stored_etag_clean(const char *etag)
{
        return text_is_good(etag) ? etag : NULL;
}
