/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/hidden_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define MAP_TEXT_BYTES 64

static int write_proc(const char *path, const char *text)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return fd_write_all(fd, text, strlen(text));
}

/* We are in the new namespace who we were outside. */
static int map_ids(uid_t uid, gid_t gid)
{
        char text[MAP_TEXT_BYTES];
        int r = write_proc("/proc/self/setgroups", "deny");

        if (r == 0) {
                (void) snprintf(text, sizeof(text), "%u %u 1", uid, uid);
                r = write_proc("/proc/self/uid_map", text);
        }
        if (r == 0) {
                (void) snprintf(text, sizeof(text), "%u %u 1", gid, gid);
                r = write_proc("/proc/self/gid_map", text);
        }
        return r;
}

static int drop_capabilities(void)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

        return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

/* Seen from outside nothing changes: mounts come in and do not go out. */
static int cover(const char *path)
{
        if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
                return -errno;
        if (mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  "mode=000,size=4k") < 0)
                return -errno;
        return 0;
}

static int enter(const char *path)
{
        uid_t uid = geteuid();
        gid_t gid = getegid();
        int r;

        if (unshare(CLONE_NEWNS) == 0)
                return cover(path);
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return -errno;
        r = map_ids(uid, gid);
        if (r == 0)
                r = cover(path);
        if (r == 0)
                r = drop_capabilities();
        return r;
}

static int rehearse(const char *path)
{
        pid_t pid = fork();
        int status;

        if (pid < 0)
                return -errno;
        if (pid == 0)
                _exit(-enter(path));
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int hidden_dir_enter(const char *path)
{
        int r = rehearse(path);

        return r < 0 ? r : enter(path);
}
