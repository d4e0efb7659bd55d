/* SPDX-License-Identifier: Apache-2.0 */
/* One file over HTTP: asks for what is missing, checks what comes, starts the file again when it
 * changed. docs/design/download.md describes the decisions. */
#pragma once

#include "transfer/fetch.h"

/* Takes `start` over. 0 with a running fetch, or 1 with *ret_error (and no event). */
_must_use_ int download_start(const FetchHost *host, WorkerStart *take_start, Fetch **ret,
                              JobError *ret_error);
