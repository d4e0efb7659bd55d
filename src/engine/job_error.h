/* SPDX-License-Identifier: Apache-2.0 */
/* Making and classifying errors of transfers and jobs: transient ones are tried again after the
 * job's retry delay, fatal ones stop the job until somebody acts. One place for the rules, used
 * by whoever makes a JobError and once more by the engine, so that a maker that forgot to classify
 * cannot turn a 404 into two weeks of retries. */
#pragma once

#include "engine/types.h"

/* An error that is classified; text may be NULL. */
JobError job_error_make(HRESULT code, BG_ERROR_CONTEXT context, int32_t file_index,
                        const char *text);
/* A status that is no success. 429 and 503 keep the server's Retry-After. */
JobError job_error_http(int32_t status, uint32_t retry_after_sec, int32_t file_index);
/* From a positive or negative errno. */
JobError job_error_errno(int err, BG_ERROR_CONTEXT context, int32_t file_index, const char *text);

/* Is a retry without anybody's help pointless? */
bool job_error_is_fatal(HRESULT code);
bool job_error_http_is_fatal(int32_t status);
/* Waiting for an outside event: not counted, not on the retry timer. */
bool job_error_is_event_driven(HRESULT code);
bool job_error_is_disk_full(HRESULT code);
bool job_error_wants_credentials(HRESULT code);
/* Sets `fatal` when the code asks for it (never clears it) and `event_driven`. */
void job_error_classify(JobError *error);
