/* SPDX-License-Identifier: Apache-2.0 */
/* Is the answer the file we want, and do its bytes belong to those we have? Pure: no I/O.
 *
 * Nothing is ever spliced: a part is only accepted with the right place and total, and with proof
 * that it is of the version we began with (docs/design/download.md has the table). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "transfer/http_head.h"

enum { VALIDATOR_TEXT_BYTES = HTTP_ETAG_BYTES };

/* What we know of the file from earlier answers; all of one version. */
typedef struct Validator {
        const char *etag;     /* strong; NULL when none */
        int64_t modified_sec; /* strong Last-Modified; FILE_NO_TIME when none */
        uint64_t size_bytes;  /* BG_SIZE_UNKNOWN when not known */
        uint64_t from_byte;   /* where the request begins; 0: whole file, no Range field */
} Validator;

typedef enum Verdict {
        VERDICT_CONTINUE, /* the rest, from from_byte on */
        VERDICT_WHOLE,    /* the whole file, of whatever version */
        VERDICT_RETRY,    /* of no use; ask again for the whole file */
        VERDICT_FAIL,     /* *ret_error says why */
} Verdict;

/* True when bytes kept can be resumed later under these validators. */
bool validator_is_resumable(const char *etag, int64_t modified_sec);
/* Value for If-Range; the etag, or the date. false when there is neither. */
bool validator_if_range(const Validator *v, char text[VALIDATOR_TEXT_BYTES]);
/* Where to go on with `done_bytes` good bytes: one byte less when nothing might be left, since a
 * range outside the file would be answered without validators. */
uint64_t validator_resume_from(uint64_t done_bytes, uint64_t size_bytes);
Verdict validator_judge(const Validator *v, const HttpHead *head, JobError *ret_error);
/* After VERDICT_CONTINUE or VERDICT_WHOLE: where this body ends and how long the whole file is,
 * either BG_SIZE_UNKNOWN. */
void validator_extent(const Validator *v, const HttpHead *head, uint64_t *ret_end_bytes,
                      uint64_t *ret_size_bytes);
/* Last-Modified when it tells versions apart: at least a minute older than the answer (RFC 9110
 * §8.8.2.2; an older date could be that of two versions of one second). Else FILE_NO_TIME. */
int64_t validator_strong_modified(const HttpHead *head);
/* Names the version for local_file_set_tag(). */
uint64_t validator_tag(const char *etag, int64_t modified_sec);
