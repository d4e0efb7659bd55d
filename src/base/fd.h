/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor helpers; every descriptor is close-on-exec from birth. Negative errno on failure. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attr.h"

_must_use_ int fd_set_nonblock(int fd);
/* Writes everything or fails. */
_must_use_ int fd_write_all(int fd, const void *data, size_t bytes);
_must_use_ int fd_pwrite_all(int fd, const void *data, size_t bytes, uint64_t offset_bytes);
/* Reads a small file whole into a NUL-terminated string that the caller owns; -EFBIG over max. */
_must_use_ int fd_read_file(const char *path, size_t max_bytes, char **ret);
/* Fills with kernel randomness. */
_must_use_ int fd_random(void *data, size_t bytes);
