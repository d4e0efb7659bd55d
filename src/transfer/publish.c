/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "transfer/local_file.h"
#include "transfer/transfer_error.h"

/* So many files are synced one by one; over that, a sync of the file system is cheaper. */
#define SYNC_SINGLY_MAX 8
#define DEVICES_MAX 16
#define GROW_FILES 256

/* File systems that this run has synced already. */
typedef struct Devices {
        dev_t seen[DEVICES_MAX];
        size_t len;
} Devices;

/* The directory of the files at hand: most files stand beside the one before. */
typedef struct OpenDir {
        const char *name; /* NULL = none */
        int fd;           /* O_PATH */
        int error;        /* negative errno of the open */
} OpenDir;

int bulk_add(Bulk *b, WorkerBulkFiles *take_files)
{
        for (uint32_t i = 0; i < take_files->files_len; i++) {
                WorkerBulkFile *from = &take_files->files[i];
                BulkFile *to;

                if (b->files_len == b->files_cap) {
                        BulkFile *grown =
                                mem_realloc(b->files, (b->files_cap + GROW_FILES) * sizeof(*grown));

                        if (!grown)
                                return -ENOMEM;
                        b->files = grown;
                        b->files_cap += GROW_FILES;
                }
                to = &b->files[b->files_len];
                *to = (BulkFile){.file = *from};
                /* The decoder has seen to it that the first one of a message has a directory. */
                to->dir = from->dir ?: to[-1].dir;
                transfer_temp_leaf(&b->what.job, from->index, to->temp_leaf);
                from->dir = from->leaf = NULL;
                b->files_len++;
        }
        return 0;
}

void bulk_done(Bulk *b)
{
        for (size_t i = 0; i < b->files_len; i++) {
                mem_free(b->files[i].file.dir);
                mem_free(b->files[i].file.leaf);
        }
        mem_free(b->files);
        b->files = NULL;
        b->files_len = b->files_cap = 0;
}

static void set_error(Bulk *b, BulkFile *f, JobError error)
{
        f->result = error.code;
        if (b->error.code != S_OK)
                return;
        b->error = error;
        b->error.file_index = (int32_t) f->file.index;
        b->result = error.code;
}

static void close_dir(OpenDir *d)
{
        close_fdp(&d->fd);
        *d = (OpenDir){.fd = -1};
}

/* The directory of `f`, or false with its failure noted at the file. */
static bool enter_dir(OpenDir *d, Bulk *b, BulkFile *f)
{
        if (!d->name || !str_equal(d->name, f->dir)) {
                close_dir(d);
                d->name = f->dir;
                d->fd = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
                d->error = d->fd < 0 ? -errno : 0;
        }
        if (d->fd < 0)
                set_error(b, f, transfer_error_directory(d->error, "destination directory"));
        return d->fd >= 0;
}

/* A whole temporary file of ours: descriptor, or negative errno. */
static int open_whole(const OpenDir *d, const BulkFile *f)
{
        _cleanup_close_ int fd =
                openat(d->fd, f->temp_leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!local_file_is_ours(&st) || (uint64_t) st.st_size != f->file.size_bytes)
                return -ENOENT; /* not what we left there */
        return TAKE_FD(fd);
}

/* Renamed before a crash: the final name holds a file of the same size and time. */
static bool is_published(const OpenDir *d, const BulkFile *f)
{
        struct stat st;

        return fstatat(d->fd, f->temp_leaf, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
               fstatat(d->fd, f->file.leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
               (uint64_t) st.st_size == f->file.size_bytes &&
               (f->file.modified_sec == FILE_NO_TIME || st.st_mtim.tv_sec == f->file.modified_sec);
}

static int sync_device_once(Devices *devices, int fd)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        for (size_t i = 0; i < devices->len; i++)
                if (devices->seen[i] == st.st_dev)
                        return 0;
        if (syncfs(fd) < 0)
                return -errno;
        if (devices->len < DEVICES_MAX)
                devices->seen[devices->len++] = st.st_dev;
        return 0;
}

static bool wants_sync(const BulkFile *f)
{
        return !f->file.synced && !f->file.may_be_made && f->result == S_OK;
}

/* Contents of all files that may not be on the disk yet. */
static void sync_contents(Bulk *b)
{
        OpenDir dir = {.fd = -1};
        Devices devices = {.len = 0};
        size_t wanted = 0;

        for (size_t i = 0; i < b->files_len; i++)
                wanted += wants_sync(&b->files[i]);
        for (size_t i = 0; i < b->files_len; i++) {
                BulkFile *f = &b->files[i];
                _cleanup_close_ int fd = -1;
                int r;

                if (!wants_sync(f) || !enter_dir(&dir, b, f))
                        continue;
                fd = open_whole(&dir, f);
                if (fd < 0 && is_published(&dir, f))
                        continue;
                if (fd < 0)
                        r = fd;
                else if (wanted > SYNC_SINGLY_MAX)
                        r = sync_device_once(&devices, fd);
                else
                        r = fdatasync(fd) < 0 ? -errno : 0;
                if (r < 0)
                        set_error(b, f, transfer_error_local(r, "temporary file"));
        }
        close_dir(&dir);
}

/* A directory that may be written but not read cannot be opened for a sync of its own. */
static int sync_dir(const OpenDir *d, Devices *devices, bool singly)
{
        _cleanup_close_ int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0) {
                sync();
                return 0;
        }
        if (!singly)
                return sync_device_once(devices, fd);
        return fsync(fd) < 0 ? -errno : 0;
}

/* The names. Each directory once, or each file system once when there are many. */
static void sync_names(Bulk *b)
{
        OpenDir dir = {.fd = -1};
        Devices devices = {.len = 0};
        const char *last = NULL;
        size_t dirs = 0;

        for (size_t i = 0; i < b->files_len; i++)
                dirs += b->files[i].file.dir &&
                        (i == 0 || !str_equal(b->files[i].dir, b->files[i - 1].dir));
        for (size_t i = 0; i < b->files_len; i++) {
                BulkFile *f = &b->files[i];
                int r;

                if (f->result != S_OK || (last && str_equal(last, f->dir)) ||
                    !enter_dir(&dir, b, f))
                        continue;
                last = f->dir;
                r = sync_dir(&dir, &devices, dirs <= SYNC_SINGLY_MAX);
                if (r < 0)
                        set_error(b, f, transfer_error_local(r, "destination directory"));
        }
        close_dir(&dir);
}

void bulk_sync(Bulk *b)
{
        sync_contents(b);
        sync_names(b);
}

static int rename_to_final(const OpenDir *d, const BulkFile *f)
{
        struct stat st;
        int r;

        if (renameat(d->fd, f->temp_leaf, d->fd, f->file.leaf) == 0)
                return 0;
        r = -errno;
        if (r == -EISDIR ||
            (fstatat(d->fd, f->file.leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)))
                return -EACCES; /* what Windows says of a directory in the way */
        return r;
}

/* An answer that says nothing is a file with nothing in it, put there like any other. */
static int make_empty(const OpenDir *d, const BulkFile *f)
{
        int fd = openat(d->fd, f->temp_leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        0600);

        return fd < 0 ? -errno : fd;
}

static void publish_file(const OpenDir *d, Bulk *b, BulkFile *f)
{
        _cleanup_close_ int fd = open_whole(d, f);
        int r;

        if (fd == -ENOENT && f->file.may_be_made && !is_published(d, f))
                fd = make_empty(d, f);
        if (fd < 0) {
                if (!is_published(d, f))
                        set_error(b, f, transfer_error_local(fd, "temporary file"));
                return;
        }
        r = fchmod(fd, b->file_mode) < 0 ? -errno : 0;
        /* File systems without modes of their own (vfat) have nothing to set. */
        if (r == -EPERM || r == -ENOTSUP)
                r = 0;
        if (r == 0)
                r = rename_to_final(d, f);
        if (r < 0)
                set_error(b, f, transfer_error_local(r, "destination file"));
}

void bulk_publish(Bulk *b)
{
        OpenDir dir = {.fd = -1};

        sync_contents(b);
        for (size_t i = 0; i < b->files_len; i++)
                if (b->files[i].result == S_OK && enter_dir(&dir, b, &b->files[i]))
                        publish_file(&dir, b, &b->files[i]);
        close_dir(&dir);
        sync_names(b);
}

void bulk_discard(Bulk *b)
{
        for (size_t i = 0; i < b->files_len; i++) {
                BulkFile *f = &b->files[i];
                _cleanup_close_ int fd = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
                LocalFile file;
                int r = fd < 0 ? -errno : 0;

                local_file_init(&file);
                file.dir_fd = TAKE_FD(fd);
                (void) str_copy(file.leaf, sizeof(file.leaf), f->temp_leaf);
                if (r == 0)
                        r = local_file_remove(&file);
                local_file_done(&file);
                /* A directory that is gone has nothing of ours left in it. */
                if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                        b->result = f->result = BG_S_UNABLE_TO_DELETE_FILES;
        }
}
