/* SPDX-License-Identifier: Apache-2.0 */
/* The file object: a file of a job by its index. Names do not change and are kept; progress is
 * read when it is asked for. */
#pragma once

#include "base/attr.h"
#include "bits.h"
#include "bits_native.h"
#include "com_session.h"

/* Copies what it needs of `file`. */
_must_use_ HRESULT com_file_new(ComSession *session, const GUID *job, const bits_file_info *file,
                                IBackgroundCopyFile **ret);
