/* SPDX-License-Identifier: Apache-2.0 */
#include "server/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/str.h"
#include "server/confine.h"
#include "server/session_io.h"

static BupRefusal refusal_from_errno(int r)
{
        switch (-r) {
        case ENOENT:
        case ENOTDIR:
                return BUP_DIRECTORY_MISSING;
        case EISDIR:
                return BUP_TARGET_IS_DIRECTORY;
        case EEXIST:
                return BUP_TARGET_EXISTS;
        case ELOOP:
        case EXDEV:
        case EACCES:
        case EPERM:
        case EROFS:
        case ENAMETOOLONG:
                return BUP_DENIED;
        default:
                return session_io_refusal(r);
        }
}

/* The directory, and the last name of the path. */
static int open_parent(const PublishPlace *place, int *ret_fd, const char **ret_leaf)
{
        const char *slash = strrchr(place->path, '/');
        const char *leaf = slash ? slash + 1 : place->path;
        _cleanup_free_ char *parent = NULL;
        int fd;

        if (!*leaf)
                return -EISDIR;
        parent = mem_strndup(place->path, slash ? (size_t) (slash - place->path) : 0);
        if (!parent)
                return -ENOMEM;
        fd = confine_open(place->root_fd, parent, O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return fd;
        *ret_fd = fd;
        *ret_leaf = leaf;
        return 0;
}

/* What stands at the destination already. */
static BupRefusal check_leaf(int dir_fd, const char *leaf, bool overwrite)
{
        struct stat st;

        if (fstatat(dir_fd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? BUP_FINE : refusal_from_errno(-errno);
        if (S_ISDIR(st.st_mode))
                return BUP_TARGET_IS_DIRECTORY;
        if (!S_ISREG(st.st_mode))
                return BUP_DENIED; /* links, pipes, devices: nothing that an upload made */
        return overwrite ? BUP_FINE : BUP_TARGET_EXISTS;
}

static bool is_same_device(int dir_fd, const SessionStore *store)
{
        struct stat a, b;

        return fstat(dir_fd, &a) == 0 && fstat(session_store_fd(store), &b) == 0 &&
               a.st_dev == b.st_dev;
}

BupRefusal publish_check(const PublishPlace *place, const SessionStore *store)
{
        _cleanup_close_ int dir_fd = -1;
        const char *leaf;
        BupRefusal why;
        int r = open_parent(place, &dir_fd, &leaf);

        if (r < 0)
                return refusal_from_errno(r);
        why = check_leaf(dir_fd, leaf, place->overwrite);
        if (why != BUP_FINE)
                return why;
        if (faccessat(dir_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
                return refusal_from_errno(-errno);
        if (!is_same_device(dir_fd, store)) {
                log_error("%s is on another file system than a destination below it, so that "
                          "nothing can be published there; set SessionDirectory",
                          session_store_path(store));
                return BUP_IO_ERROR;
        }
        return BUP_FINE;
}

static bool is_own_work(int dir_fd, const char *leaf, int data_fd)
{
        struct stat there, ours;

        return fstatat(dir_fd, leaf, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
               fstat(data_fd, &ours) == 0 && there.st_dev == ours.st_dev &&
               there.st_ino == ours.st_ino;
}

/* A second name, then over the destination: the staged name stays. */
static int replace(const SessionStore *store, const GUID *id, int dir_fd, const char *leaf,
                   const char *link_path)
{
        int r = session_store_link(store, id, SESSION_DATA, SESSION_LINK);

        if (r < 0)
                return r;
        if (renameat(AT_FDCWD, link_path, dir_fd, leaf) < 0)
                r = -errno;
        /* Still there when both were the same file already, or when it failed. */
        session_store_remove(store, id, SESSION_LINK);
        return r;
}

static int bring(const PublishPlace *place, const SessionStore *store, const GUID *id, int dir_fd,
                 const char *leaf)
{
        _cleanup_free_ char *data = session_store_file_path(store, id, SESSION_DATA);
        _cleanup_free_ char *link_path = session_store_file_path(store, id, SESSION_LINK);
        int r;

        if (!data || !link_path)
                return -ENOMEM;
        if (place->overwrite)
                r = replace(store, id, dir_fd, leaf, link_path);
        else
                r = linkat(AT_FDCWD, data, dir_fd, leaf, 0) < 0 ? -errno : 0;
        if (r != -EPERM && r != -EOPNOTSUPP && r != -EMLINK)
                return r;
        /* A file system without second names: the staged one goes. */
        if (renameat2(AT_FDCWD, data, dir_fd, leaf, place->overwrite ? 0 : RENAME_NOREPLACE) < 0)
                return -errno;
        return 0;
}

BupRefusal publish_file(const PublishPlace *place, const SessionStore *store, const GUID *id,
                        mode_t mode, int *ret_dir_fd)
{
        _cleanup_close_ int dir_fd = -1;
        _cleanup_close_ int data_fd = -1;
        const char *leaf;
        BupRefusal why;
        int r = open_parent(place, &dir_fd, &leaf);

        if (r < 0)
                return refusal_from_errno(r);
        data_fd = session_store_open_file(store, id, SESSION_DATA, O_RDONLY);
        if (data_fd < 0)
                return data_fd == -ENOENT ? BUP_TARGET_VANISHED : refusal_from_errno(data_fd);
        if (!is_own_work(dir_fd, leaf, data_fd)) {
                why = check_leaf(dir_fd, leaf, place->overwrite);
                if (why != BUP_FINE)
                        return why;
                if (fchmod(data_fd, mode) < 0)
                        return refusal_from_errno(-errno);
                r = bring(place, store, id, dir_fd, leaf);
                if (r < 0)
                        return refusal_from_errno(r);
        }
        *ret_dir_fd = TAKE_FD(dir_fd);
        return BUP_FINE;
}
