/* SPDX-License-Identifier: Apache-2.0 */
/* Public result structures ↔ packed bytes; the one codec of both ends of the socket. Every record
 * carries its length, so that an older reader skips what a newer writer appended; what an older
 * writer does not send is NULL and 0. Decoding is total: hostile bytes give -EBADMSG (or -ENOMEM),
 * never anything else. */
#pragma once

#include "base/pack.h"
#include "bits_native.h"

/* Errors are sticky in the buffer. */
void record_put_job(Buf *b, const bits_job_info *info);
void record_put_file(Buf *b, const bits_file_info *file);
void record_put_status(Buf *b, const bits_status *status);

/* Fill a zeroed struct whose strings the caller then owns, also after a failure. */
_must_use_ int record_get_job(PackReader *r, bits_job_info *info);
_must_use_ int record_get_file(PackReader *r, bits_file_info *file);
_must_use_ int record_get_status(PackReader *r, bits_status *status);

/* Free the strings inside, not the struct. */
void record_done_job(bits_job_info *info);
void record_done_file(bits_file_info *file);
void record_done_status(bits_status *status);
