/* SPDX-License-Identifier: Apache-2.0 */
#include "faulty_disk.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define SYNCED_SUFFIX ".synced"

typedef struct DiskRange {
        sqlite3_int64 offset;
        int bytes;
} DiskRange;

typedef struct DiskFile {
        sqlite3_file base; /* first: SQLite sees only this */
        char path[512];
        bool lies; /* a sync failed: of what was not on disk by then, only what is written again
                      gets there; the ranges of that are kept */
        DiskRange *again;
        size_t again_len;
        sqlite3_file real[]; /* the real file system's object, of its own size */
} DiskFile;

static struct {
        sqlite3_vfs vfs;
        sqlite3_vfs *real;
        DiskFault fault;
        uint64_t fail_at; /* 0 = never */
        uint64_t calls;   /* of the kind that the fault is about */
        uint64_t syncs;
        bool failed;
        int said; /* errno of what fails; 0: not set */
} disk;

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        (void) fprintf(stderr, "faulty_disk: %s: %s\n", what, strerror(errno));
        abort();
}

static sqlite3_file *real_of(sqlite3_file *file)
{
        return ((DiskFile *) file)->real;
}

static bool strikes(bool concerned)
{
        if (disk.fail_at == 0 || !concerned)
                return false;
        if (++disk.calls < disk.fail_at)
                return false;
        if (disk.fault == DISK_MISREAD_AT && disk.calls > disk.fail_at)
                return false;
        disk.failed = true;
        return true;
}

static void copy_file(const char *from, const char *to)
{
        _cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        char block[65536];
        ssize_t n;

        must(in >= 0 && out >= 0, from);
        while ((n = read(in, block, sizeof(block))) > 0)
                must(fd_write_all(out, block, (size_t) n) == 0, to);
        must(n == 0, from);
}

/* A hole in the POSIX locks: closing a second descriptor of a database drops them. Nobody else
 * wants the file in these tests. */
static void remember_synced(const char *path)
{
        char synced[600];

        (void) snprintf(synced, sizeof(synced), "%s" SYNCED_SUFFIX, path);
        copy_file(path, synced);
}

/* The same for a file that lies: what was written again since. */
static void remember_again(DiskFile *f)
{
        _cleanup_close_ int in = open(f->path, O_RDONLY | O_CLOEXEC), out = -1;
        char synced[600];

        (void) snprintf(synced, sizeof(synced), "%s" SYNCED_SUFFIX, f->path);
        out = open(synced, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        must(in >= 0 && out >= 0, synced);
        for (size_t i = 0; i < f->again_len; i++) {
                _cleanup_free_ char *block = mem_alloc((size_t) f->again[i].bytes);
                ssize_t n;

                must(block, "memory");
                n = pread(in, block, (size_t) f->again[i].bytes, f->again[i].offset);
                must(n >= 0 && fd_pwrite_all(out, block, (size_t) n,
                                             (uint64_t) f->again[i].offset) == 0,
                     synced);
        }
        f->again_len = 0;
}

static int disk_close(sqlite3_file *file)
{
        mem_free(((DiskFile *) file)->again);
        return real_of(file)->pMethods->xClose(real_of(file));
}

static int disk_read(sqlite3_file *file, void *data, int bytes, sqlite3_int64 offset)
{
        if (strikes(disk.fault == DISK_NO_READ_AT || disk.fault == DISK_MISREAD_AT))
                return SQLITE_IOERR_READ;
        return real_of(file)->pMethods->xRead(real_of(file), data, bytes, offset);
}

static int disk_write(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 offset)
{
        DiskFile *f = (DiskFile *) file;

        if (strikes(disk.fault == DISK_FULL_AT || disk.fault == DISK_BREAK_AT)) {
                /* Half of it gets there. */
                (void) real_of(file)->pMethods->xWrite(real_of(file), data, bytes / 2, offset);
                return disk.fault == DISK_FULL_AT ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        }
        if (f->lies) {
                f->again = mem_realloc(f->again, (f->again_len + 1) * sizeof(*f->again));
                must(f->again, "memory");
                f->again[f->again_len++] = (DiskRange){offset, bytes};
        }
        return real_of(file)->pMethods->xWrite(real_of(file), data, bytes, offset);
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
        if (strikes(disk.fault == DISK_BREAK_AT))
                return SQLITE_IOERR_TRUNCATE;
        return real_of(file)->pMethods->xTruncate(real_of(file), bytes);
}

static int disk_sync(sqlite3_file *file, int flags)
{
        DiskFile *f = (DiskFile *) file;
        int rc;

        disk.syncs++;
        if (strikes(disk.fault == DISK_NO_SYNC_AT || disk.fault == DISK_BREAK_AT)) {
                f->lies = true;
                f->again_len = 0;
                return SQLITE_IOERR_FSYNC;
        }
        rc = real_of(file)->pMethods->xSync(real_of(file), flags);
        if (rc == SQLITE_OK && f->lies)
                remember_again(f);
        else if (rc == SQLITE_OK)
                remember_synced(f->path);
        return rc;
}

static int disk_file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
        return real_of(file)->pMethods->xFileSize(real_of(file), ret);
}

static int disk_lock(sqlite3_file *file, int level)
{
        return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int disk_unlock(sqlite3_file *file, int level)
{
        return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int disk_check_lock(sqlite3_file *file, int *ret)
{
        return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret);
}

static int disk_control(sqlite3_file *file, int op, void *arg)
{
        if (op == SQLITE_FCNTL_LAST_ERRNO && disk.said != 0) {
                *(int *) arg = disk.said;
                return SQLITE_OK;
        }
        return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int disk_sector_size(sqlite3_file *file)
{
        return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int disk_traits(sqlite3_file *file)
{
        return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* Version 1: no shared memory, which an exclusive connection must not need. */
static const sqlite3_io_methods disk_methods = {
        .iVersion = 1,
        .xClose = disk_close,
        .xRead = disk_read,
        .xWrite = disk_write,
        .xTruncate = disk_truncate,
        .xSync = disk_sync,
        .xFileSize = disk_file_size,
        .xLock = disk_lock,
        .xUnlock = disk_unlock,
        .xCheckReservedLock = disk_check_lock,
        .xFileControl = disk_control,
        .xSectorSize = disk_sector_size,
        .xDeviceCharacteristics = disk_traits,
};

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
        DiskFile *f = (DiskFile *) file;
        int rc;

        (void) vfs;
        rc = disk.real->xOpen(disk.real, name, f->real, flags, ret_flags);
        f->base.pMethods = NULL;
        f->lies = false;
        f->again = NULL;
        f->again_len = 0;
        if (rc != SQLITE_OK)
                return rc;
        str_copy(f->path, sizeof(f->path), name ? name : "");
        f->base.pMethods = &disk_methods;
        return SQLITE_OK;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
        char synced[600];
        int rc;

        (void) vfs;
        rc = disk.real->xDelete(disk.real, name, sync_dir);
        (void) snprintf(synced, sizeof(synced), "%s" SYNCED_SUFFIX, name);
        if (rc == SQLITE_OK)
                (void) unlink(synced);
        return rc;
}

static int disk_last_error(sqlite3_vfs *vfs, int bytes, char *ret)
{
        (void) vfs;
        return disk.said != 0 ? disk.said : disk.real->xGetLastError(disk.real, bytes, ret);
}

void disk_install(void)
{
        if (disk.real)
                return;
        disk.real = sqlite3_vfs_find(NULL);
        must(disk.real, "no file system");
        disk.vfs = *disk.real;
        disk.vfs.zName = "faulty-disk";
        disk.vfs.pNext = NULL;
        disk.vfs.szOsFile = (int) sizeof(DiskFile) + disk.real->szOsFile;
        disk.vfs.xOpen = disk_open;
        disk.vfs.xDelete = disk_delete;
        disk.vfs.xGetLastError = disk_last_error;
        must(sqlite3_vfs_register(&disk.vfs, 1) == SQLITE_OK, "register");
}

void disk_fail_at(DiskFault fault, uint64_t n)
{
        disk.fault = fault;
        disk.fail_at = n;
        disk.calls = 0;
        disk.failed = false;
}

void disk_say(int system_errno)
{
        disk.said = system_errno;
}

void disk_repair(void)
{
        disk.fail_at = 0;
        disk.said = 0;
}

bool disk_has_failed(void)
{
        return disk.failed;
}

uint64_t disk_syncs(void)
{
        return disk.syncs;
}

static void copy_if_there(const char *from, const char *name, const char *suffix, const char *to,
                          const char *to_suffix)
{
        char source[600], target[600];

        (void) snprintf(source, sizeof(source), "%s/%s%s", from, name, suffix);
        (void) snprintf(target, sizeof(target), "%s/%s%s", to, name, to_suffix);
        if (access(source, F_OK) == 0)
                copy_file(source, target);
}

void disk_copy(const char *from, const char *to, bool keep_all)
{
        static const char *const names[] = {"queue.db", "queue.db-wal", "queue.db-journal"};

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                copy_if_there(from, names[i], keep_all ? "" : SYNCED_SUFFIX, to, "");
                copy_if_there(from, names[i], SYNCED_SUFFIX, to, SYNCED_SUFFIX);
        }
}
