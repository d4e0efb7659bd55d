/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and files with every stored field set, for tests of the stores. Out of memory aborts. */
#pragma once

#include "store/stored.h"

/* An ordinary job; its GUID follows from the serial. */
Job *sample_job(uint64_t serial);
/* An ordinary file that nothing was transferred of. */
JobFile *sample_file(uint32_t index);
/* Every field at a value of its own, so that two fields cannot be mistaken for each other. */
Job *sample_job_distinct(uint64_t serial);
JobFile *sample_file_distinct(uint32_t index);
/* An upload-reply job, with every field that only such a job has at a value of its own, and its
 * reply. */
Job *sample_upload(uint64_t serial);
JobFile *sample_reply(void);
/* Every field at the largest, or longest, or otherwise extreme value allowed. */
Job *sample_job_extreme(uint64_t serial);
JobFile *sample_file_extreme(uint32_t index);

/* What the slot holds, told apart by `mark`, which stands in every one of its bytes but the first;
 * with mark 0 the largest there can be. An odd one is implicit. */
JobCredential sample_credential(uint32_t target, uint32_t scheme, uint8_t mark);
static inline void sample_credential_done(JobCredential *c)
{
        mem_free(c->sealed);
}

/* Names the first stored field that differs (a job's credentials among them); NULL when the two are
 * alike. */
const char *sample_job_difference(const Job *a, const Job *b);
const char *sample_file_difference(const JobFile *a, const JobFile *b);
const char *sample_credential_difference(const JobCredential *a, const JobCredential *b);

/* A string of `units` characters that take three bytes of UTF-8 each. */
char *sample_long_text(size_t units);
