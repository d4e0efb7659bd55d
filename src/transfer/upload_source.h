/* SPDX-License-Identifier: Apache-2.0 */
/* The file that an upload sends: the user's own, opened once with the user's rights, only ever
 * read, and the same from the first byte to the last. */
#pragma once

#include "engine/types.h"
#include "proto/bup_client_state.h"

/* A descriptor of the regular file and what it is like; links are followed, as everywhere. S_OK in
 * ret_error->code or why not, with *ret_fd -1. */
void upload_source_open(const char *path, int *ret_fd, BupSource *ret, JobError *ret_error);
/* Is it still what `state` began with? S_OK or the error. */
void upload_source_check(int fd, const BupClientState *state, JobError *ret_error);
/* The error of a file that is another than before. */
JobError upload_source_changed(void);
