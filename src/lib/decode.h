/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the service → public structures. Functions of the form Call.decode take the place
 * for the result as ctx; they give HR_CALL_FAILED for an answer that makes no sense. Results are
 * freed with the public functions. */
#pragma once

#include <systemd/sd-bus.h>

#include "base/attr.h"
#include "bits_native.h"

HRESULT decode_id(sd_bus_message *m, void *ctx);        /* GUID * */
HRESULT decode_hresult(sd_bus_message *m, void *ctx);   /* HRESULT * */
HRESULT decode_job(sd_bus_message *m, void *ctx);       /* bits_job_info ** */
HRESULT decode_job_list(sd_bus_message *m, void *ctx);  /* bits_job_list ** */
HRESULT decode_file_list(sd_bus_message *m, void *ctx); /* bits_file_list ** */
HRESULT decode_file(sd_bus_message *m, void *ctx);      /* bits_file_list ** of exactly one */

/* What ReplyData says: S_OK with all bytes (NULL when there are none), or BG_E_TOO_LARGE with their
 * number only. */
typedef struct ReplyAnswer {
        HRESULT result;
        uint8_t *data; /* the caller's */
        uint64_t bytes;
} ReplyAnswer;
HRESULT decode_reply(sd_bus_message *m, void *ctx); /* ReplyAnswer * */

/* The slots of ListCredentials, from malloc; NULL when there are none. */
typedef struct CredentialsAnswer {
        bits_credential *slots;
        size_t count;
} CredentialsAnswer;
HRESULT decode_credentials(sd_bus_message *m, void *ctx); /* CredentialsAnswer * */

typedef struct LinesAnswer { /* likewise */
        bits_line *lines;
        size_t count;
        uint64_t time; /* filetime */
} LinesAnswer;
HRESULT decode_lines(sd_bus_message *m, void *ctx); /* LinesAnswer * */

HRESULT decode_number(sd_bus_message *m, void *ctx); /* uint32_t * */
HRESULT decode_status(sd_bus_message *m, void *ctx); /* bits_status ** */
