/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: carries out what proto/bup_client.h decides. */
#pragma once

#include "transfer/fetch.h"

/* Takes what is in `start`, an upload. 0, or 1 with *ret_error. */
_must_use_ int upload_start(const FetchHost *host, WorkerStart *take_start, Fetch **ret,
                            JobError *ret_error);
/* Tells the server that the session in `start` will not go on; ends with FAREWELL. 0, or 1 with
 * *ret_error, which is S_OK when there is nothing to tell. */
_must_use_ int upload_farewell(const FetchHost *host, WorkerStart *take_start, Fetch **ret,
                               JobError *ret_error);
