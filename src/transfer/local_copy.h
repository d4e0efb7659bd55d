/* SPDX-License-Identifier: Apache-2.0 */
/* One file from another place of this machine: file:// URLs and absolute paths as remote names.
 * Copied in slices, so that the loop lives. Size, times and inode of the source are the version. */
#pragma once

#include "transfer/fetch.h"

/* True for remote names that local_copy_start() is for. */
bool local_copy_handles(const char *remote);
/* Takes `start` over. 0 with a running fetch, or 1 with *ret_error (and no event). */
_must_use_ int local_copy_start(const FetchHost *host, WorkerStart *take_start, Fetch **ret,
                                JobError *ret_error);
/* The path that a file URL or a bare path names; caller owns it. -EINVAL for what names none. */
_must_use_ int local_copy_path(const char *remote, char **ret);
