/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/local_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

#define TAG_NAME "user.bitsd.version"
#define MODE_WHILE_TEMPORARY 0600
/* Smaller files are not worth a system call: the first write says whether there is room. */
#define RESERVE_MIN_BYTES (1024 * 1024)
/* Long files are handed to the disk while they come, so that the final sync is short. */
#define WRITE_BACK_BYTES (16 * 1024 * 1024)

void local_file_init(LocalFile *f)
{
        *f = (LocalFile){.dir_fd = -1, .fd = -1};
}

static void close_fd(int *fd)
{
        close_fdp(fd);
        *fd = -1;
}

void local_file_done(LocalFile *f)
{
        close_fd(&f->fd);
        close_fd(&f->dir_fd);
}

int local_file_open_dir(LocalFile *f, const char *local, const GUID *job, uint32_t file_index)
{
        _cleanup_free_ char *dir = NULL;
        const char *leaf;
        int r = path_split(local, &dir, &leaf);

        if (r < 0)
                return r;
        f->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (f->dir_fd < 0)
                return -errno;
        transfer_temp_leaf(job, file_index, f->leaf);
        return 0;
}

bool local_file_is_ours(const struct stat *st)
{
        return S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_nlink == 1;
}

/* A file system without attributes has no say; an attribute that is not there says "no". */
static bool tag_matches(int fd, uint64_t tag)
{
        uint64_t found;
        ssize_t n = fgetxattr(fd, TAG_NAME, &found, sizeof(found));

        if (n < 0)
                return errno == ENOTSUP;
        return n == (ssize_t) sizeof(found) && le64toh(found) == tag;
}

int local_file_open_partial(LocalFile *f, uint64_t bytes, uint64_t tag)
{
        _cleanup_close_ int fd =
                openat(f->dir_fd, f->leaf, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return errno == ENOENT || errno == ELOOP ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!local_file_is_ours(&st) || (uint64_t) st.st_size < bytes || !tag_matches(fd, tag))
                return 0;
        if (ftruncate(fd, (off_t) bytes) < 0)
                return -errno;
        f->fd = TAKE_FD(fd);
        f->written_bytes = f->write_back_bytes = bytes;
        return 1;
}

/* Makes way for a new file when what is there is ours. */
static int remove_leftover(LocalFile *f)
{
        struct stat st;

        if (fstatat(f->dir_fd, f->leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!local_file_is_ours(&st))
                return -EEXIST;
        return unlinkat(f->dir_fd, f->leaf, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int local_file_create(LocalFile *f)
{
        const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        int r;

        close_fd(&f->fd);
        f->written_bytes = f->write_back_bytes = 0;
        f->fd = openat(f->dir_fd, f->leaf, flags, MODE_WHILE_TEMPORARY);
        if (f->fd < 0 && errno == EEXIST) {
                r = remove_leftover(f);
                if (r < 0)
                        return r;
                f->fd = openat(f->dir_fd, f->leaf, flags, MODE_WHILE_TEMPORARY);
        }
        return f->fd < 0 ? -errno : 0;
}

int local_file_reserve(LocalFile *f, uint64_t size_bytes)
{
        if (size_bytes > INT64_MAX)
                return -EFBIG;
        if (size_bytes < f->written_bytes + RESERVE_MIN_BYTES)
                return 0;
        if (fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t) f->written_bytes,
                      (off_t) (size_bytes - f->written_bytes)) == 0)
                return 0;
        return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? -errno : 0;
}

int local_file_set_tag(LocalFile *f, uint64_t tag)
{
        uint64_t value = htole64(tag);

        return fsetxattr(f->fd, TAG_NAME, &value, sizeof(value), 0) < 0 ? -errno : 0;
}

bool local_file_can_tag(const LocalFile *f)
{
        return fgetxattr(f->fd, TAG_NAME, NULL, 0) >= 0 || errno != ENOTSUP;
}

int local_file_append(LocalFile *f, const void *data, uint64_t bytes)
{
        const uint8_t *p = data;

        while (bytes > 0) {
                ssize_t n = pwrite(f->fd, p, bytes, (off_t) f->written_bytes);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO;
                p += n;
                bytes -= (uint64_t) n;
                f->written_bytes += (uint64_t) n;
        }
        if (f->written_bytes - f->write_back_bytes >= WRITE_BACK_BYTES) {
                /* Only begins the writing; a failure shows up in the sync that counts. */
                (void) sync_file_range(f->fd, (off_t) f->write_back_bytes,
                                       (off_t) (f->written_bytes - f->write_back_bytes),
                                       SYNC_FILE_RANGE_WRITE);
                f->write_back_bytes = f->written_bytes;
        }
        return 0;
}

void local_file_rewind(LocalFile *f, uint64_t offset_bytes)
{
        f->written_bytes = MIN(f->written_bytes, offset_bytes);
        f->write_back_bytes = MIN(f->write_back_bytes, offset_bytes);
}

int local_file_finish(LocalFile *f, int64_t modified_sec)
{
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = modified_sec}};
        int r = 0;

        /* A time that the file system cannot hold is no reason to lose the file. */
        if (modified_sec != FILE_NO_TIME && futimens(f->fd, times) < 0 && errno != EINVAL)
                r = -errno;
        close_fd(&f->fd);
        return r;
}

int local_file_remove(LocalFile *f)
{
        close_fd(&f->fd);
        f->written_bytes = f->write_back_bytes = 0;
        return f->dir_fd >= 0 ? remove_leftover(f) : 0;
}
