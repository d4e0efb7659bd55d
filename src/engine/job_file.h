/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a job and the sums over them (the reply of an upload is kept by the same functions
 * but is no file of the job and in no sum): every change of a file's size, bytes or state goes
 * through here, so that GetProgress and "what is left" never need to look at all files. */
#pragma once

#include "engine/job.h"

/* NULL when out of memory. */
_must_use_ JobFile *job_file_new(uint32_t index, const char *remote, const char *local);
JobFile *job_file_free(JobFile *file); /* NULL allowed; returns NULL */
DEFINE_CLEANUP(JobFile *, job_file_free)

/* Makes room for n more files, so that job_files_append() cannot fail. 0 or -ENOMEM. */
_must_use_ int job_files_reserve(Job *job, uint32_t n);
/* Room must have been reserved. */
void job_files_append(Job *job, JobFile *take_file);

/* What was learnt about a file; the job's sums follow. Sizes are clamped to what is possible. */
typedef struct FileFacts {
        FileState state;
        uint64_t size_bytes;
        uint64_t done_bytes;
        uint64_t synced_bytes;
} FileFacts;
FileFacts job_file_facts(const JobFile *file);
void job_file_learn(Job *job, JobFile *file, const FileFacts *facts);
/* Bytes kept of a file that is not done: PARTIAL, or PENDING when there are none. */
void job_file_keep(Job *job, JobFile *file, uint64_t done_bytes, uint64_t synced_bytes);
/* A whole file is lost: it starts from the beginning. The store must know before it does, or a
 * crash would leave the new half under the old promise of being whole. */
void job_file_restart(Job *job, JobFile *file);
/* Replaces the validators; without memory they are dropped, which only costs a fresh start. */
void job_file_set_validators(JobFile *file, const char *etag, int64_t modified_sec);

/* The next file in order that is neither done nor under way; NULL when there is none. */
JobFile *job_file_next(Job *job);
/* A file that may be started again, so the search must not begin behind it. */
void job_file_rewind(Job *job, const JobFile *file);

/* Remembers that the file differs from the store. */
void job_file_mark_dirty(Job *job, JobFile *file);
/* Calls `each` for the dirty files; a negative return stops and is returned. */
int job_files_each_dirty(Job *job, int (*each)(void *ctx, Job *job, JobFile *file), void *ctx);
void job_files_clear_dirty(Job *job);
