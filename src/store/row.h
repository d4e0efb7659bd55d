/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs, files and credentials as rows: the column lists, and the way between values and statements.
 * Reading trusts nothing: a wrong type, an out-of-range number, invalid UTF-8 or a broken rule of
 * stored.h is damage (db_damage), never a guess. */
#pragma once

#include "engine/types.h"
#include "store/db.h"

/* Parameters ?1 … are bound in this order by row_bind_*(). */
#define ROW_JOB_KEY "serial,id"
#define ROW_JOB_VALUES                                                                             \
        "owner_uid,type,name,description,priority,notify_flags,retry_delay_sec,no_progress_sec,"   \
        "proxy_usage,proxy_list,proxy_bypass,files_in_flight,auto_complete,state,intent,"          \
        "undelivered,error_count,created_wall,modified_wall,transferred_wall,ended_wall,"          \
        "end_result,active_usec,error_code,error_context,error_file,error_http_status,"            \
        "error_curl_code,error_errno,error_retry_after_sec,error_fatal,error_event_driven,"        \
        "error_host,error_text,reply_name,reply_optional,uploaded,farewell_wall,session,"          \
        "notify_program,notify_parameters,notify_uid,program_result,program_time_wall,"            \
        "program_runs,limit_bps"
#define ROW_JOB_KEY_PARAMS "?1,?2"
#define ROW_JOB_VALUE_PARAMS                                                                       \
        "?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,"    \
        "?26,?27,?28,?29,?30,?31,?32,?33,?34,?35,?36,?37,?38,?39,?40,?41,?42,?43,?44,?45,?46,?47," \
        "?48"

#define ROW_FILE_KEY "job,idx"
#define ROW_FILE_VALUES "remote,local,state,size_bytes,done_bytes,synced_bytes,etag,modified_sec"
#define ROW_FILE_KEY_PARAMS "?1,?2"
#define ROW_FILE_VALUE_PARAMS "?3,?4,?5,?6,?7,?8,?9,?10"

#define ROW_CREDENTIAL_KEY "job,target,scheme"
#define ROW_CREDENTIAL_VALUES "implicit,sealed"
#define ROW_CREDENTIAL_PARAMS "?1,?2,?3,?4,?5"

/* The values must outlive the step; 0, -ENOMEM, or -EINVAL when a rule of stored.h is broken
 * (our own mistake: nothing of it gets into the file). */
_must_use_ int row_bind_job(Db *db, sqlite3_stmt *stmt, const Job *job);
_must_use_ int row_bind_file(Db *db, sqlite3_stmt *stmt, uint64_t serial, const JobFile *file);
_must_use_ int row_bind_credential(Db *db, sqlite3_stmt *stmt, uint64_t serial,
                                   const JobCredential *credential);

/* From a row of KEY and VALUES in this order. Caller owns *ret. */
_must_use_ int row_read_job(Db *db, sqlite3_stmt *stmt, Job **ret);
_must_use_ int row_read_file(Db *db, sqlite3_stmt *stmt, uint64_t *ret_serial, JobFile **ret);
/* Caller owns ret->sealed. */
_must_use_ int row_read_credential(Db *db, sqlite3_stmt *stmt, uint64_t *ret_serial,
                                   JobCredential *ret);
