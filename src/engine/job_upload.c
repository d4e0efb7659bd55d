/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/job_upload.h"

#include <errno.h>
#include <string.h>

#include "engine/file_name.h"

#define REPLY_SUFFIX ".reply-"

enum { REPLY_SUFFIX_BYTES = sizeof(REPLY_SUFFIX) - 1 + 8 };

int job_set_session(Job *job, const uint8_t *data, uint32_t bytes)
{
        uint8_t *copy = NULL;

        if (bytes > JOB_SESSION_BYTES_MAX || (bytes > 0 && !data))
                return -EMSGSIZE;
        if (bytes > 0) {
                copy = mem_alloc(bytes);
                if (!copy)
                        return -ENOMEM;
                memcpy(copy, data, bytes);
        }
        mem_free(job->session);
        job->session = copy;
        job->session_bytes = bytes;
        return 0;
}

/* What the server has cannot be lost by a crash here, so it counts as synced. */
static void learn_source(Job *job, FileState state, uint64_t size_bytes, uint64_t done_bytes)
{
        job_file_learn(job, job->files[0],
                       &(FileFacts){
                               .state = state,
                               .size_bytes = size_bytes,
                               .done_bytes = done_bytes,
                               .synced_bytes = done_bytes,
                       });
}

uint64_t job_upload_learn(Job *job, uint64_t size_bytes, uint64_t done_bytes)
{
        JobUpload *upload = &job->run->upload;
        uint64_t gain = done_bytes > upload->best_bytes ? done_bytes - upload->best_bytes : 0;

        upload->best_bytes += gain;
        job->status.uploaded = false; /* UPLOADED says so, not a count of bytes */
        learn_source(job, done_bytes > 0 ? FILE_PARTIAL : FILE_PENDING, size_bytes, done_bytes);
        return gain;
}

bool job_upload_complete(Job *job, uint64_t size_bytes)
{
        JobUpload *upload = &job->run->upload;
        bool is_news = !upload->was_complete;

        upload->was_complete = true;
        upload->best_bytes = MAX(upload->best_bytes, size_bytes);
        job->status.uploaded = true;
        learn_source(job, FILE_DONE, size_bytes, size_bytes);
        return is_news;
}

/* The longest beginning of at most `max` bytes that cuts no character. */
static size_t cut(const char *s, size_t len, size_t max)
{
        if (len <= max)
                return len;
        while (max > 0 && ((unsigned char) s[max] & 0xC0) == 0x80)
                max--;
        return max;
}

HRESULT job_reply_generate(const char *local, uint32_t number, char **ret)
{
        size_t dir_len = local_name_dir_len(local);
        size_t max = LIMIT_LOCAL_LEAF_BYTES - REPLY_SUFFIX_BYTES;
        char *name;

        if (dir_len + REPLY_SUFFIX_BYTES > LIMIT_LOCAL_BYTES)
                return E_INVALIDARG;
        max = MIN(max, LIMIT_LOCAL_BYTES - REPLY_SUFFIX_BYTES - dir_len);
        name = mem_printf("%.*s" REPLY_SUFFIX "%08x",
                          (int) (dir_len + cut(local + dir_len, strlen(local + dir_len), max)),
                          local, number);
        if (!name)
                return E_OUTOFMEMORY;
        *ret = name;
        return S_OK;
}

bool job_reply_begun(const Job *job)
{
        const JobFile *reply = job->reply;

        return reply && (reply->remote[0] || reply->state != FILE_PENDING ||
                         reply->size_bytes != BG_SIZE_UNKNOWN);
}

bool job_needs_network(const Job *job)
{
        if (!job_is_upload(job))
                return job->run->net_pending > 0;
        if (!job_has_pending_files(job))
                return false;
        return remote_name_needs_network(job->files[0]->remote) ||
               (job->reply && remote_name_needs_network(job->reply->remote));
}

bool job_has_session(const Job *job)
{
        return job_is_upload(job) && job->files_len > 0 && job->session_bytes > 0 &&
               !job->run->upload.over && job->status.state != BG_JOB_STATE_TRANSFERRED;
}
