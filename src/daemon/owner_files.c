/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/owner_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/hresult.h"
#include "base/path.h"
#include "engine/port/transfer.h"

/* Opens the reply where it stands now. */
static int open_reply(const Job *job, struct stat *ret_st)
{
        _cleanup_close_ int dir_fd = -1, fd = -1;
        _cleanup_free_ char *dir = NULL;
        char temp_leaf[TEMP_LEAF_BYTES];
        bool published = job->reply->state == FILE_PUBLISHED;
        const char *leaf;
        int r = path_split(job->reply->local, &dir, &leaf);

        if (r < 0)
                return r;
        dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;
        transfer_temp_leaf(&job->id, JOB_REPLY_INDEX, temp_leaf);
        fd = openat(dir_fd, published ? leaf : temp_leaf,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return errno == ELOOP ? -ENOENT : -errno;
        if (fstat(fd, ret_st) < 0)
                return -errno;
        if (!S_ISREG(ret_st->st_mode))
                return -ENOENT;
        /* What is still ours must be what we left. */
        if (!published && (ret_st->st_uid != job->owner_uid || ret_st->st_nlink != 1 ||
                           (uint64_t) ret_st->st_size != job->reply->size_bytes))
                return -ENOENT;
        return TAKE_FD(fd);
}

/* 0, or negative errno; a file that became shorter meanwhile gives what it has. */
static int read_all(int fd, uint8_t *data, uint64_t *bytes)
{
        uint64_t got = 0;

        while (got < *bytes) {
                ssize_t n = pread(fd, data + got, *bytes - got, (off_t) got);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                got += (uint64_t) n;
        }
        *bytes = got;
        return 0;
}

HRESULT owner_files_read_reply(const Job *job, uint8_t **ret_data, uint64_t *ret_bytes)
{
        _cleanup_free_ uint8_t *data = NULL;
        _cleanup_close_ int fd = -1;
        struct stat st;
        uint64_t bytes;
        int r;

        *ret_data = NULL;
        *ret_bytes = 0;
        if (!job->reply)
                return HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND);
        fd = open_reply(job, &st);
        /* An answer that says nothing has no file before Complete makes one. */
        if (fd == -ENOENT && job->reply->state != FILE_PUBLISHED && job->reply->size_bytes == 0)
                return S_OK;
        if (fd < 0)
                return hresult_from_errno(fd);
        bytes = (uint64_t) st.st_size;
        *ret_bytes = bytes;
        if (bytes > REPLY_DATA_BYTES_MAX)
                return BG_E_TOO_LARGE;
        if (bytes == 0)
                return S_OK;
        data = mem_alloc(bytes);
        if (!data)
                return E_OUTOFMEMORY;
        r = read_all(fd, data, &bytes);
        if (r < 0)
                return hresult_from_errno(r);
        *ret_bytes = bytes;
        if (bytes > 0)
                *ret_data = TAKE_PTR(data);
        return S_OK;
}

HRESULT owner_files_check_destination(const char *local)
{
        _cleanup_free_ char *dir = NULL;
        const char *leaf;
        struct stat st;
        int r = path_split(local, &dir, &leaf);

        if (r < 0)
                return hresult_from_errno(r);
        if (stat(dir, &st) < 0)
                return errno == ENOENT || errno == ENOTDIR
                               ? HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND)
                               : hresult_from_errno(errno);
        if (!S_ISDIR(st.st_mode))
                return HRESULT_FROM_WIN32(ERROR_PATH_NOT_FOUND);
        if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0)
                return hresult_from_errno(errno);
        return S_OK;
}
