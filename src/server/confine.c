/* SPDX-License-Identifier: Apache-2.0 */
#include "server/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

int confine_open(int root_fd, const char *path, int flags)
{
        struct open_how how = {
                .flags = (uint64_t) (unsigned) (flags | O_CLOEXEC),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        long fd;

        do /* -EAGAIN: a rename was under way, so that the kernel could not be sure */
                fd = syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
        while (fd < 0 && (errno == EAGAIN || errno == EINTR));
        return fd < 0 ? -errno : (int) fd;
}

int confine_probe(void)
{
        _cleanup_close_ int fd = confine_open(AT_FDCWD, "", O_PATH | O_DIRECTORY);

        return fd < 0 ? fd : 0;
}
