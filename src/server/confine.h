/* SPDX-License-Identifier: Apache-2.0 */
/* Opening names below a directory, and nowhere else: the kernel refuses every step that leaves it,
 * every symbolic link and every magic link (openat2, Linux 5.6). */
#pragma once

#include <sys/types.h>

#include "base/attr.h"

/* `path` is relative; "" means the directory itself. Negative errno: -ELOOP for a link in the
 * way, -EXDEV for a path that leaves. */
_must_use_ int confine_open(int root_fd, const char *path, int flags);
/* 0 when this kernel can do it. */
_must_use_ int confine_probe(void);
