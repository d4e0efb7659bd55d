/* SPDX-License-Identifier: Apache-2.0 */
#include "path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc.h"
#include "cleanup.h"
#include "str.h"

bool path_is_absolute(const char *path)
{
        return path[0] == '/';
}

/* Length without the slashes at the end; the root keeps one. */
static size_t trimmed_len(const char *path, size_t len)
{
        while (len > 1 && path[len - 1] == '/')
                len--;
        return len;
}

/* A path without any slash is a leaf of the directory ".". */
int path_split(const char *path, char **ret_dir, const char **ret_leaf)
{
        const char *slash, *leaf;
        char *dir;

        if (!path)
                return -EINVAL;
        slash = strrchr(path, '/');
        leaf = slash ? slash + 1 : path;
        if (*leaf == '\0' || str_equal(leaf, ".") || str_equal(leaf, ".."))
                return -EINVAL;

        if (slash)
                dir = mem_strndup(path, trimmed_len(path, (size_t) (slash - path) + 1));
        else
                dir = mem_strdup(".");
        if (!dir)
                return -ENOMEM;
        *ret_dir = dir;
        *ret_leaf = leaf;
        return 0;
}

/* Copies without the slashes at the end, through which a symlink would be followed. */
static int copy_trimmed(const char *path, char copy[PATH_MAX])
{
        size_t len;

        if (!path || *path == '\0')
                return -EINVAL;
        len = trimmed_len(path, strlen(path));
        if (len >= PATH_MAX)
                return -ENAMETOOLONG;
        memcpy(copy, path, len);
        copy[len] = '\0';
        return 0;
}

static int make_dir(const char *path, mode_t mode)
{
        struct stat st;
        int error;

        if (mkdir(path, mode) == 0)
                return 0;
        error = errno;
        /* Whatever mkdir objected to, a directory that exists is fine. */
        if (stat(path, &st) < 0)
                return -error;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int path_make_dirs(const char *path, mode_t mode)
{
        char copy[PATH_MAX];
        int r = copy_trimmed(path, copy);

        if (r < 0)
                return r;
        for (char *p = copy + 1; *p; p++) {
                if (*p != '/' || p[-1] == '/')
                        continue;
                *p = '\0';
                r = make_dir(copy, mode);
                *p = '/';
                if (r < 0)
                        return r;
        }
        return make_dir(copy, mode);
}

/* -ENOTDIR: something else, also a symlink. -EPERM: the owner or the mode is wrong. */
int path_check_private_dir(const char *path, uid_t uid)
{
        char copy[PATH_MAX];
        struct stat st;
        int r = copy_trimmed(path, copy);

        if (r < 0)
                return r;
        if (lstat(copy, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        if (st.st_uid != uid || (st.st_mode & (S_IRWXG | S_IRWXO)))
                return -EPERM;
        return 0;
}
