/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* What is being made, before it gets its name. One left behind is of a key nobody has used. */
#define PART_LEAF "vault.key.part"

static int explain(VaultWhy *why, const char *dir, const char *leaf, const char *reason, int result)
{
        vault_why_set(why, dir, leaf, reason);
        return result;
}

static int explain_errno(VaultWhy *why, const KeyDir *dir, const char *leaf, int error)
{
        return explain(why, dir->path, leaf, strerror(error), -error);
}

int key_dir_open(const char *path, uid_t uid, bool handed, KeyDir *ret, VaultWhy *why)
{
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 && errno == ENOENT)
                return KEY_FILE_NONE;
        if (fd < 0 && (errno == EACCES || errno == ENOTDIR || errno == ELOOP))
                return explain(why, path, NULL, strerror(errno), KEY_FILE_REFUSED);
        if (fd < 0) {
                int error = errno;

                return explain(why, path, NULL, strerror(error), -error);
        }
        *ret = (KeyDir){.fd = fd, .path = path, .uid = uid, .handed = handed};
        return 0;
}

void key_dir_close(KeyDir *dir)
{
        if (dir->fd >= 0)
                (void) close(TAKE_FD(dir->fd));
}

static int check_kind(const KeyDir *dir, const char *leaf, const struct stat *st, VaultWhy *why)
{
        mode_t closed_to = dir->handed ? S_IRWXO | S_IWGRP : S_IRWXG | S_IRWXO;
        char reason[96];

        if (!S_ISREG(st->st_mode))
                return explain(why, dir->path, leaf, "it is not a regular file", KEY_FILE_REFUSED);
        if (st->st_uid != dir->uid && !(dir->handed && st->st_uid == 0)) {
                (void) snprintf(reason, sizeof(reason), "it belongs to user %ju, not to us (%ju)",
                                (uintmax_t) st->st_uid, (uintmax_t) dir->uid);
                return explain(why, dir->path, leaf, reason, KEY_FILE_REFUSED);
        }
        if (st->st_mode & closed_to) {
                (void) snprintf(reason, sizeof(reason), "it is open to others (mode %04o)",
                                (unsigned) (st->st_mode & 07777));
                return explain(why, dir->path, leaf, reason, KEY_FILE_REFUSED);
        }
        return 0;
}

/* O_NONBLOCK: a FIFO in this place must not hold up the service. */
static int open_checked(const KeyDir *dir, const char *leaf, int *ret_fd, VaultWhy *why)
{
        _cleanup_close_ int fd =
                openat(dir->fd, leaf, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        int r;

        if (fd < 0 && errno == ENOENT)
                return KEY_FILE_NONE;
        if (fd < 0 && errno == ELOOP)
                return explain(why, dir->path, leaf, "it is a symbolic link", KEY_FILE_REFUSED);
        if (fd < 0 && (errno == EACCES || errno == EPERM || errno == ENXIO))
                return explain(why, dir->path, leaf, strerror(errno), KEY_FILE_REFUSED);
        if (fd < 0 || fstat(fd, &st) < 0)
                return explain_errno(why, dir, leaf, errno);
        r = check_kind(dir, leaf, &st, why);
        if (r != 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Fills what is there, up to one byte more than a key may have. */
static int read_content(int fd, Secret *content)
{
        size_t len = 0, room = secret_len_bytes(content);

        while (len < room) {
                ssize_t n = read(fd, secret_data(content) + len, room - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                len += (size_t) n;
        }
        secret_cut(content, len);
        return 0;
}

int key_file_read(const KeyDir *dir, const char *leaf, VaultKey *ret, VaultWhy *why)
{
        _cleanup_(secret_freep) Secret *content = NULL;
        _cleanup_close_ int fd = -1;
        int r = open_checked(dir, leaf, &fd, why);

        if (r != 0)
                return r;
        r = secret_new(VAULT_KEY_TEXT_BYTES + 1, &content);
        if (r == 0)
                r = read_content(fd, content);
        if (r == 0)
                r = vault_key_parse(content, ret);
        if (r == -EBADMSG)
                return explain(why, dir->path, leaf,
                               "it holds no key (32 bytes, or 64 hexadecimal digits)",
                               KEY_FILE_REFUSED);
        return r < 0 ? explain_errno(why, dir, leaf, -r) : 0;
}

static int write_part(const KeyDir *dir, const VaultKey *key)
{
        _cleanup_(secret_freep) Secret *text = NULL;
        _cleanup_close_ int fd = -1;
        int r = vault_key_format(key, &text);

        if (r < 0)
                return r;
        if (unlinkat(dir->fd, PART_LEAF, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(dir->fd, PART_LEAF, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, 0600) < 0) /* whatever the umask is */
                return -errno;
        r = fd_write_all(fd, secret_bytes_of(text), secret_len_bytes(text));
        if (r < 0)
                return r;
        return fsync(fd) < 0 ? -errno : 0;
}

/* Some file systems cannot refuse to overwrite. There the look beforehand has to do: the service
 * that holds the state directory's lock is the only writer. */
static int name_part(const KeyDir *dir, const char *leaf)
{
        struct stat st;

        if (renameat2(dir->fd, PART_LEAF, dir->fd, leaf, RENAME_NOREPLACE) == 0)
                return 0;
        if (errno != EINVAL && errno != ENOSYS)
                return -errno;
        if (fstatat(dir->fd, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return -EEXIST;
        if (errno != ENOENT)
                return -errno;
        return renameat(dir->fd, PART_LEAF, dir->fd, leaf) < 0 ? -errno : 0;
}

int key_file_make(const KeyDir *dir, const char *leaf, const VaultKey *key, VaultWhy *why)
{
        int r = write_part(dir, key);

        if (r == 0)
                r = name_part(dir, leaf);
        if (r < 0) {
                (void) unlinkat(dir->fd, PART_LEAF, 0); /* else the next one made does it */
                return explain_errno(why, dir, leaf, -r);
        }
        if (fsync(dir->fd) < 0) {
                r = -errno;
                (void) unlinkat(dir->fd, leaf, 0); /* nothing is sealed with it */
                return explain_errno(why, dir, leaf, -r);
        }
        return 0;
}

int key_file_replace(const KeyDir *dir, const char *from, const char *to, VaultWhy *why)
{
        if (renameat(dir->fd, from, dir->fd, to) < 0 || fsync(dir->fd) < 0)
                return explain_errno(why, dir, to, errno);
        return 0;
}

int key_file_remove(const KeyDir *dir, const char *leaf, VaultWhy *why)
{
        if (unlinkat(dir->fd, leaf, 0) < 0) {
                if (errno == ENOENT)
                        return 0;
                return explain_errno(why, dir, leaf, errno);
        }
        return fsync(dir->fd) < 0 ? explain_errno(why, dir, leaf, errno) : 0;
}

int key_file_sync(const KeyDir *dir, const char *leaf, VaultWhy *why)
{
        _cleanup_close_ int fd = -1;
        int r = open_checked(dir, leaf, &fd, why);

        if (r != 0)
                return r;
        if (fsync(fd) < 0 || fsync(dir->fd) < 0)
                return explain_errno(why, dir, leaf, errno);
        return 0;
}
