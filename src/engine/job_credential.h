/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials of a job: which are accepted, and changes of the set. Blobs only; nothing here
 * sees a secret but the check. A change is built as a view (a shallow copy of the job with a set of
 * its own that shares the untouched blobs); then exactly one of keep or undo follows. */
#pragma once

#include "engine/job.h"

/* Target and scheme; user name and password, UTF-8 or not, which may be NULL both where the scheme
 * knows implicit credentials. BG_E_INVALID_AUTH_TARGET, BG_E_INVALID_AUTH_SCHEME, E_INVALIDARG,
 * BG_E_USERNAME_TOO_LARGE, BG_E_PASSWORD_TOO_LARGE. */
HRESULT job_credential_check_slot(uint32_t target, uint32_t scheme);
HRESULT job_credential_check(uint32_t scheme, const char *user, const char *password);

/* NULL when the slot is empty. */
const JobCredential *job_credential_find(const Job *job, uint32_t target, uint32_t scheme);
/* Bytes of all blobs. */
uint64_t job_credentials_bytes(const Job *job);
/* At most ten, one per slot, each a slot that exists with a blob of a possible size? */
bool job_credentials_are_sane(const Job *job);

/* The view gets the job's set with `take` in its slot, or with the slot empty. 0, or -ENOMEM (the
 * view is as before, the blob still the caller's). */
_must_use_ int job_credentials_with(const Job *job, const JobCredential *take, Job *view);
_must_use_ int job_credentials_without(const Job *job, uint32_t target, uint32_t scheme, Job *view);
/* The view's set becomes the job's; blobs that are not in it are freed. */
void job_credentials_keep(Job *job, Job *view);
/* Frees the view's set and the blobs that the job does not have. */
void job_credentials_undo(const Job *job, Job *view);
/* Frees all. */
void job_credentials_drop(Job *job);
