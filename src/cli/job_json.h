/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and files as JSON. The keys are stable: new ones may come, none is renamed or removed
 * within a major version. The same paths name the values of `show -P`. */
#pragma once

#include "bits_native.h"

#include "out_json.h"
#include "owner.h"

/* Everything about a job; `prefix` names it in the text of why. Caller owns the result. */
Json *job_json(const bits_job_info *job, const char *prefix, Owners *owners);
Json *file_json(const bits_file_info *file, BG_JOB_TYPE type);

/* An object of a stream: "v", "event", "job" and "at". */
Json *event_json(const char *event, const GUID *job);

/* "bytes", "bytes_total", "rate", "files", "files_total"; of an upload-reply job also "reply_bytes"
 * and "reply_bytes_total". */
void json_add_progress(Json *to, const bits_job_info *job);
void json_add_size(Json *to, const char *key, uint64_t bytes);    /* null when unknown */
void json_add_time(Json *to, const char *key, uint64_t filetime); /* null when never */
void json_add_guid(Json *to, const char *key, const GUID *id);
void json_add_code(Json *to, const char *key, HRESULT hr); /* "0x80200003"; null for S_OK */
void json_add_why(Json *to, const char *key, const bits_job_info *job, const char *prefix);
