/* SPDX-License-Identifier: Apache-2.0 */
/* The reply to an upload: a download like any other into its temporary file, and then to the disk,
 * because the server forgets it as soon as the session is closed. */
#pragma once

#include "transfer/fetch.h"

typedef struct UploadReply UploadReply;

/* `done`: whole and on the disk (REPLY was emitted), or `error` says why not, with all that is kept
 * reported before. It may free the UploadReply. */
typedef struct UploadReplyHost {
        const FetchHost *host;
        void (*done)(void *ctx, const JobError *error);
        void *ctx;
} UploadReplyHost;

/* Fetches `url` for the upload `start`; all but host->host is copied. `foreign`: the job's server
 * credentials are not for it. 0, or 1 with *ret_error. */
_must_use_ int upload_reply_start(const UploadReplyHost *host, const WorkerStart *start,
                                  const char *url, bool foreign, bool keep_out, UploadReply **ret,
                                  JobError *ret_error);
void upload_reply_tick(UploadReply *r);
void upload_reply_stored(UploadReply *r);
/* Ends it without `done`; what is kept is reported. */
UploadReply *upload_reply_stop(UploadReply *r);
/* Ends it without a word. NULL allowed. */
UploadReply *upload_reply_free(UploadReply *r);
DEFINE_CLEANUP(UploadReply *, upload_reply_free)
