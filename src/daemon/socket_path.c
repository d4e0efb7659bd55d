/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/socket_path.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

#define DIR_MODE 0700
#define SOCKET_UMASK 0177

/* The directory of a chosen path may be readable; whoever may write into it could put another
 * socket there, unless the sticky bit keeps his hands off ours. */
static int check_chosen_dir(const char *dir, uid_t uid)
{
        struct stat st;

        if (stat(dir, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        if (st.st_uid != uid && st.st_uid != 0)
                return -EPERM;
        if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
                return -EPERM;
        return 0;
}

int socket_path_prepare_dir(const char *path, uid_t uid, bool is_chosen, char **ret_problem)
{
        _cleanup_free_ char *dir = NULL;
        const char *leaf;
        int r = path_split(path, &dir, &leaf);

        if (r < 0)
                return r;
        r = path_make_dirs(dir, DIR_MODE);
        if (r < 0) {
                *ret_problem = mem_printf("cannot make the directory %s of the socket: %s", dir,
                                          strerror(-r));
                return r;
        }
        r = is_chosen ? check_chosen_dir(dir, uid) : path_check_private_dir(dir, uid);
        if (r < 0)
                *ret_problem = mem_printf(
                        "the directory %s of the socket is not safe: it must belong to uid %ld%s",
                        dir, (long) uid,
                        is_chosen ? " or root, and be writable by its owner only"
                                  : " and be closed to all others (chmod 700)");
        return r;
}

static int fill_address(const char *path, struct sockaddr_un *sa, socklen_t *ret_len)
{
        size_t bytes = strlen(path);

        if (bytes >= sizeof(sa->sun_path))
                return -ENAMETOOLONG;
        *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(sa->sun_path, path, bytes + 1);
        *ret_len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + bytes + 1);
        return 0;
}

int socket_path_probe(const char *path)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un sa;
        socklen_t len;
        int r;

        if (fd < 0)
                return -errno;
        r = fill_address(path, &sa, &len);
        if (r < 0)
                return r;
        if (connect(fd, (struct sockaddr *) &sa, len) == 0 || errno == EAGAIN)
                return 1; /* EAGAIN: alive, with its queue full */
        if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
                return 0;
        return -errno;
}

int socket_path_clear(const char *path, char **ret_problem)
{
        struct stat st;
        int r;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode) && !S_ISLNK(st.st_mode)) {
                *ret_problem = mem_printf("%s is there already and is no socket", path);
                return -EEXIST;
        }
        r = socket_path_probe(path);
        if (r < 0)
                return r;
        if (r > 0) {
                *ret_problem = mem_printf("another service listens on %s", path);
                return -EADDRINUSE;
        }
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int socket_path_bind(const char *path, int *ret_fd)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un sa;
        socklen_t len;
        mode_t before;
        int r;

        if (fd < 0)
                return -errno;
        r = fill_address(path, &sa, &len);
        if (r < 0)
                return r;
        /* There is one thread, and workers must not inherit a mask that the user did not set. */
        before = umask(SOCKET_UMASK);
        r = bind(fd, (struct sockaddr *) &sa, len) < 0 ? -errno : 0;
        (void) umask(before);
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int socket_path_link(const char *path, const char *to_socket)
{
        char *problem = NULL;
        int r = socket_path_clear(path, &problem);

        mem_free(problem);
        if (r < 0)
                return r;
        return symlink(to_socket, path) < 0 ? -errno : 0;
}
