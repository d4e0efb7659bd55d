/* SPDX-License-Identifier: Apache-2.0 */
/* The few looks that bitsd itself takes at files of a job's owner, with its own rights, which are
 * the owner's. All else is for workers. */
#pragma once

#include <stdint.h>

#include "engine/types.h"

/* May files be created in the directory of `local`? S_OK, E_ACCESSDENIED,
 * HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND) or what the file system says. */
HRESULT owner_files_check_destination(const char *local);
/* The reply's bytes, from its temporary file or from the published one: a regular file, never
 * through a link. S_OK with *ret_data owned by the caller (NULL when empty); BG_E_TOO_LARGE with
 * *ret_bytes set over REPLY_DATA_BYTES_MAX; HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND) when it is
 * not there or another file stands in its place; or what the file system says. */
HRESULT owner_files_read_reply(const Job *job, uint8_t **ret_data, uint64_t *ret_bytes);
