/* SPDX-License-Identifier: Apache-2.0 */
/* The stored part of jobs, files and credentials as plain values: copying, freeing, and the rules
 * that every stored value keeps. Both stores share it, so that what one accepts and gives back the
 * other does too. Derived counters and runtime fields of the engine are never stored; they come
 * back zero. */
#pragma once

#include "base/cleanup.h"
#include "engine/types.h"

/* No string of a row is longer; the longest the API allows is a proxy list. */
enum { STORED_TEXT_BYTES_MAX = 4 * LIMIT_PROXY_LIST_UNITS };

/* Sizes and times stay below this in the store (SQLite integers are signed); only
 * BG_SIZE_UNKNOWN goes beyond. */
#define STORED_NUMBER_MAX ((uint64_t) INT64_MAX)

/* With strings, files, reply and credentials; NULL allowed; return NULL. */
Job *stored_job_free(Job *job);
JobFile *stored_file_free(JobFile *file);
void stored_job_free_credentials(Job *job);
DEFINE_CLEANUP(Job *, stored_job_free)
DEFINE_CLEANUP(JobFile *, stored_file_free)

/* Deep copies (0 or -ENOMEM, or NULL when out of memory); the job's without its files, its reply
 * and its credentials. */
_must_use_ uint8_t *stored_bytes_dup(const void *bytes, size_t n);
_must_use_ Job *stored_job_dup(const Job *job);
_must_use_ JobFile *stored_file_dup(const JobFile *file);
_must_use_ int stored_credential_dup(const JobCredential *credential, JobCredential *ret);

/* The reply of an upload-reply job stands among the rows of its files, behind the one it has. */
static inline bool stored_is_reply(BG_JOB_TYPE type, uint32_t index)
{
        return type == BG_JOB_TYPE_UPLOAD_REPLY && index == JOB_REPLY_INDEX;
}

/* The name of the first field that breaks a rule, NULL when all is well. */
const char *stored_job_bad_field(const Job *job);
const char *stored_file_bad_field(const JobFile *file);
const char *stored_credential_bad_field(const JobCredential *credential);
/* The same for what depends on the job: an upload has one file, and only a reply has no remote
 * name (yet). */
const char *stored_file_bad_place(BG_JOB_TYPE type, const JobFile *file);
/* May these be inserted together? They follow one another, and the file of an upload-reply job and
 * its reply come as a pair: neither is of use without the other. */
bool stored_files_fit(BG_JOB_TYPE type, JobFile *const *files, uint32_t n);
static inline bool stored_lacks_reply(const Job *job)
{
        return job->type == BG_JOB_TYPE_UPLOAD_REPLY && job->files_len > 0 && !job->reply;
}

/* Texts that strangers had a hand in (a server's words, its validator) must not be able to make a
 * save fail: invalid UTF-8 is shown as '?' in the error's texts, and makes a validator unusable. */
void stored_error_clean(const JobError *error, JobError *ret);
const char *stored_etag_clean(const char *etag);
