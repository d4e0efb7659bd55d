/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded before the C library: file systems that keep no extended attributes. */
#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

ssize_t fgetxattr(int fd, const char *name, void *value, size_t bytes);
int fsetxattr(int fd, const char *name, const void *value, size_t bytes, int flags);

ssize_t fgetxattr(int fd, const char *name, void *value, size_t bytes)
{
        (void) fd, (void) name, (void) value, (void) bytes;
        errno = ENOTSUP;
        return -1;
}

int fsetxattr(int fd, const char *name, const void *value, size_t bytes, int flags)
{
        (void) fd, (void) name, (void) value, (void) bytes, (void) flags;
        errno = ENOTSUP;
        return -1;
}
