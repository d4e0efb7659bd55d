/* SPDX-License-Identifier: Apache-2.0 */
#include "lossy_vfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASE ".base"
#define LOG ".log"
#define GONE ".gone" /* removed, but the directory was not synced since */
enum { SECTOR_BYTES = 512, NAME_BYTES = 1024 };

typedef struct Record { /* in NAME.log, its data behind it */
        int64_t offset;
        int64_t bytes; /* -1: the file was cut off at the offset */
} Record;

typedef struct LossyFile {
        sqlite3_file base; /* first: SQLite sees only this */
        char path[NAME_BYTES];
        int log_fd;
        sqlite3_file real[]; /* the real file system's object, of its own size */
} LossyFile;

static struct {
        sqlite3_vfs vfs;
        sqlite3_vfs *real;
        LossyFault fault;
        uint64_t left;
        bool struck;
} disk;

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        (void) fprintf(stderr, "lossy_vfs: %s: %s\n", what, strerror(errno));
        abort();
}

static const char *beside(char name[NAME_BYTES], const char *path, const char *suffix)
{
        must(snprintf(name, NAME_BYTES, "%s%s", path, suffix) < NAME_BYTES, path);
        return name;
}

static bool strikes(LossyFault fault)
{
        if (disk.fault != fault || disk.left == 0 || --disk.left > 0)
                return false;
        disk.struck = true;
        return true;
}

static void may_die(void)
{
        if (strikes(LOSSY_DIE_AT))
                _exit(LOSSY_DIED);
}

/* All of a file; NULL when there is none. */
static char *read_whole(const char *path, size_t *ret_bytes)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        char *data;

        *ret_bytes = 0;
        if (fd < 0)
                return NULL;
        must(fstat(fd, &st) == 0, path);
        data = malloc((size_t) st.st_size + 1);
        must(data && read(fd, data, (size_t) st.st_size) == st.st_size, path);
        (void) close(fd);
        *ret_bytes = (size_t) st.st_size;
        return data;
}

static void write_whole(const char *path, const char *data, size_t bytes)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        must(fd >= 0 && write(fd, data, bytes) == (ssize_t) bytes && close(fd) == 0, path);
}

static void append(LossyFile *f, Record record, const void *data)
{
        must(write(f->log_fd, &record, sizeof(record)) == (ssize_t) sizeof(record), f->path);
        must(record.bytes <= 0 ||
                     write(f->log_fd, data, (size_t) record.bytes) == (ssize_t) record.bytes,
             f->path);
}

static uint64_t next_random(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

static bool chance(uint64_t *state, unsigned percent)
{
        return percent >= 100 || next_random(state) % 100 < percent;
}

/* What of one record gets to the disk: each sector with that chance. */
static void apply_record(int fd, const Record *r, const char *data, uint64_t *state,
                         unsigned percent)
{
        if (r->bytes < 0) {
                if (chance(state, percent))
                        must(ftruncate(fd, r->offset) == 0, "truncation");
                return;
        }
        for (int64_t at = 0; at < r->bytes;) {
                int64_t part = SECTOR_BYTES - (r->offset + at) % SECTOR_BYTES;

                if (part > r->bytes - at)
                        part = r->bytes - at;
                if (chance(state, percent))
                        must(pwrite(fd, data + at, (size_t) part, r->offset + at) == part,
                             "sector");
                at += part;
        }
}

static void apply_log(const char *log, const char *to, uint64_t seed, unsigned percent)
{
        uint64_t state = seed * 2 + 1;
        size_t bytes, at = 0;
        char *data = read_whole(log, &bytes);
        int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        must(fd >= 0, to);
        while (data && at + sizeof(Record) <= bytes) {
                Record r;

                memcpy(&r, data + at, sizeof(r));
                at += sizeof(r);
                if (r.bytes > 0 && at + (size_t) r.bytes > bytes)
                        break; /* its process died in the middle */
                apply_record(fd, &r, data + at, &state, percent);
                at += r.bytes > 0 ? (size_t) r.bytes : 0;
        }
        free(data);
        must(close(fd) == 0, to);
}

/* ---- the file system ---- */

static sqlite3_file *real_of(sqlite3_file *file)
{
        return ((LossyFile *) file)->real;
}

static int lossy_close(sqlite3_file *file)
{
        (void) close(((LossyFile *) file)->log_fd);
        return real_of(file)->pMethods->xClose(real_of(file));
}

static int lossy_read(sqlite3_file *file, void *data, int bytes, sqlite3_int64 offset)
{
        return real_of(file)->pMethods->xRead(real_of(file), data, bytes, offset);
}

static int lossy_write(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 offset)
{
        bool fails = strikes(LOSSY_WRITE_AT);
        int rc;

        may_die();
        if (fails)
                bytes /= 2;
        rc = real_of(file)->pMethods->xWrite(real_of(file), data, bytes, offset);
        if (rc == SQLITE_OK)
                append((LossyFile *) file, (Record){offset, bytes}, data);
        return fails ? SQLITE_IOERR_WRITE : rc;
}

static int lossy_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
        int rc;

        may_die();
        rc = real_of(file)->pMethods->xTruncate(real_of(file), bytes);
        if (rc == SQLITE_OK)
                append((LossyFile *) file, (Record){bytes, -1}, NULL);
        return rc;
}

/* The first sync of a new file is one of its directory, too. */
static void sync_directory(const char *path)
{
        static const char *const SUFFIXES[] = {"", "-wal", "-journal"};
        char stem[NAME_BYTES], gone[NAME_BYTES];
        char *end;

        (void) beside(stem, path, "");
        end = strrchr(stem, '.'); /* of "queue.db-wal" */
        if (end && (end = strchr(end, '-')))
                *end = '\0';
        for (size_t i = 0; i < sizeof(SUFFIXES) / sizeof(*SUFFIXES); i++)
                if (snprintf(gone, sizeof(gone), "%s%s" GONE, stem, SUFFIXES[i]) < NAME_BYTES)
                        (void) unlink(gone);
}

static int lossy_sync(sqlite3_file *file, int flags)
{
        LossyFile *f = (LossyFile *) file;
        char log[NAME_BYTES], base[NAME_BYTES];
        bool fails = strikes(LOSSY_SYNC_AT);

        (void) flags;
        may_die();
        if (disk.fault == LOSSY_LIE)
                return SQLITE_OK;
        if (!fails) {
                if (access(beside(base, f->path, BASE), F_OK) < 0)
                        sync_directory(f->path);
                apply_log(beside(log, f->path, LOG), base, 0, 100);
        }
        must(ftruncate(f->log_fd, 0) == 0, f->path);
        return fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int lossy_file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
        return real_of(file)->pMethods->xFileSize(real_of(file), ret);
}

static int lossy_lock(sqlite3_file *file, int level)
{
        return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int lossy_unlock(sqlite3_file *file, int level)
{
        return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int lossy_check_lock(sqlite3_file *file, int *ret)
{
        return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret);
}

static int lossy_control(sqlite3_file *file, int op, void *arg)
{
        return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int lossy_sector_size(sqlite3_file *file)
{
        return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int lossy_traits(sqlite3_file *file)
{
        return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* Version 1: no shared memory, which an exclusive connection must not need. */
static const sqlite3_io_methods lossy_methods = {
        .iVersion = 1,
        .xClose = lossy_close,
        .xRead = lossy_read,
        .xWrite = lossy_write,
        .xTruncate = lossy_truncate,
        .xSync = lossy_sync,
        .xFileSize = lossy_file_size,
        .xLock = lossy_lock,
        .xUnlock = lossy_unlock,
        .xCheckReservedLock = lossy_check_lock,
        .xFileControl = lossy_control,
        .xSectorSize = lossy_sector_size,
        .xDeviceCharacteristics = lossy_traits,
};

/* What is found at the first look is on the disk; what SQLite makes is not, until it is synced. */
static void begin_to_record(LossyFile *f, bool existed)
{
        char name[NAME_BYTES];
        size_t bytes;
        char *data;

        if (existed && access(beside(name, f->path, BASE), F_OK) < 0 &&
            access(beside(name, f->path, LOG), F_OK) < 0) {
                data = read_whole(f->path, &bytes);
                must(data, f->path);
                write_whole(beside(name, f->path, BASE), data, bytes);
                free(data);
        }
        f->log_fd =
                open(beside(name, f->path, LOG), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        must(f->log_fd >= 0, name);
}

static int lossy_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                      int *ret_flags)
{
        LossyFile *f = (LossyFile *) file;
        bool existed = name && access(name, F_OK) == 0;
        int rc;

        (void) vfs;
        if (!name)
                return disk.real->xOpen(disk.real, name, file, flags, ret_flags);
        rc = disk.real->xOpen(disk.real, name, f->real, flags, ret_flags);
        f->base.pMethods = NULL;
        if (rc != SQLITE_OK)
                return rc;
        (void) beside(f->path, name, "");
        begin_to_record(f, existed);
        f->base.pMethods = &lossy_methods;
        return SQLITE_OK;
}

static int lossy_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
        char log[NAME_BYTES], base[NAME_BYTES], gone[NAME_BYTES];
        int rc;

        (void) vfs;
        may_die();
        rc = disk.real->xDelete(disk.real, path, sync_dir);
        if (rc != SQLITE_OK)
                return rc;
        (void) unlink(beside(log, path, LOG));
        (void) unlink(beside(gone, path, GONE));
        if (sync_dir)
                (void) unlink(beside(base, path, BASE));
        else
                (void) rename(beside(base, path, BASE), gone);
        return rc;
}

void lossy_install(void)
{
        if (disk.real)
                return;
        disk.real = sqlite3_vfs_find(NULL);
        must(disk.real, "no file system");
        disk.vfs = *disk.real;
        disk.vfs.zName = "lossy";
        disk.vfs.pNext = NULL;
        disk.vfs.szOsFile = (int) sizeof(LossyFile) + disk.real->szOsFile;
        disk.vfs.xOpen = lossy_open;
        disk.vfs.xDelete = lossy_delete;
        must(sqlite3_vfs_register(&disk.vfs, 1) == SQLITE_OK, "register");
}

void lossy_set(LossyFault fault, uint64_t n)
{
        disk.fault = fault;
        disk.left = n;
        disk.struck = false;
}

bool lossy_has_struck(void)
{
        return disk.struck;
}

/* ---- the power cut ---- */

static void cut_file(const char *from, const char *to, uint64_t seed)
{
        static const unsigned PERCENT[] = {0, 100, 50, 90, 10};
        char name[NAME_BYTES];
        uint64_t state = seed * 2 + 1;
        unsigned percent = PERCENT[seed % 5];
        size_t bytes;
        char *data = read_whole(beside(name, from, BASE), &bytes);

        (void) next_random(&state);
        if (!data && access(from, F_OK) < 0) { /* removed: it may be back */
                data = chance(&state, 50) ? read_whole(beside(name, from, GONE), &bytes) : NULL;
                if (data)
                        write_whole(to, data, bytes);
                free(data);
                return;
        }
        if (!data && chance(&state, 50))
                return; /* its name never got there */
        write_whole(to, data ? data : "", bytes);
        free(data);
        if (percent > 0)
                apply_log(beside(name, from, LOG), to, next_random(&state), percent);
}

void lossy_cut(const char *from, const char *to, uint64_t seed)
{
        static const char *const NAMES[] = {"queue.db", "queue.db-wal", "queue.db-journal"};
        char source[NAME_BYTES], target[NAME_BYTES], name[NAME_BYTES];

        for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
                (void) snprintf(source, sizeof(source), "%s/%s", from, NAMES[i]);
                (void) snprintf(target, sizeof(target), "%s/%s", to, NAMES[i]);
                if (access(source, F_OK) == 0 || access(beside(name, source, GONE), F_OK) == 0)
                        cut_file(source, target, seed + i * 7919 * 5);
        }
}

__attribute__((constructor)) static void begin(void)
{
        const char *word = getenv("LOSSY_VFS");

        if (!word)
                return;
        lossy_install();
        if (strcmp(word, "lie") == 0)
                lossy_set(LOSSY_LIE, 1);
}
