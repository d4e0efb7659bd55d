/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a reply as GetReplyData hands them out. */
#pragma once

#include <stdint.h>

#include "engine/types.h"

/* From the temporary file, or from the published one: a regular file, never through a link. S_OK
 * with *ret_data owned by the caller (NULL when empty); BG_E_TOO_LARGE with *ret_bytes set over
 * REPLY_DATA_BYTES_MAX; HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND) when it is not there or another
 * file stands in its place; or what the file system says. */
HRESULT reply_data_read(const Job *job, uint8_t **ret_data, uint64_t *ret_bytes);
