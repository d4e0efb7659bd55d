/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong in a transfer, as the value the engine stores: code, context and class, from a
 * curl code, an HTTP status or an errno. The classes are those of the API (fatal needs a person,
 * transient is tried again); the numbers those of WinHTTP where it has one. */
#pragma once

#include <curl/curl.h>

#include "engine/types.h"

/* A value with no file and no text; `fatal` as given. */
JobError transfer_error_make(HRESULT code, BG_ERROR_CONTEXT context, bool fatal, const char *text);
/* From a positive or negative errno of something done to a local file. */
JobError transfer_error_local(int err, const char *what);
/* The directory of a local file is not there or is none. */
JobError transfer_error_directory(int err, const char *what);
/* A status that is no success. */
JobError transfer_error_status(int status, uint32_t retry_after_sec);
/* A failed request; `easy` has just ended with `code`, `detail` is its error buffer. */
JobError transfer_error_curl(CURL *easy, CURLcode code, const char *detail);
/* What a proxy refused CONNECT with, as far as `easy` has come; 0: it did not. */
int transfer_error_connect_status(CURL *easy);
/* Copies with everything but printable ASCII replaced, so that it may go anywhere. */
void transfer_error_set_host(JobError *e, const char *host);
