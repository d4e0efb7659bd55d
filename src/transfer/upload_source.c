/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/upload_source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "transfer/transfer_error.h"

#define NSEC_PER_SEC ((int64_t) 1000000000)

static BupSource describe(const struct stat *st)
{
        return (BupSource){
                .size_bytes = (uint64_t) st->st_size,
                .modified_nsec = st->st_mtim.tv_sec * NSEC_PER_SEC + st->st_mtim.tv_nsec,
                .inode = st->st_ino,
        };
}

/* A directory, a pipe, a device: nothing that has a size and a first byte to go back to. */
static JobError not_a_file(void)
{
        return transfer_error_make(E_ACCESSDENIED, BG_ERROR_CONTEXT_LOCAL_FILE, true,
                                   "local file: not a regular file");
}

static int open_regular(const char *path, struct stat *ret_st)
{
        _cleanup_close_ int fd = -1;

        /* Looked at first, since even opening a device may do something. */
        if (stat(path, ret_st) < 0)
                return -errno;
        if (!S_ISREG(ret_st->st_mode))
                return -ENOTSUP;
        fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, ret_st) < 0)
                return -errno;
        if (!S_ISREG(ret_st->st_mode))
                return -ENOTSUP;
        return TAKE_FD(fd);
}

void upload_source_open(const char *path, int *ret_fd, BupSource *ret, JobError *ret_error)
{
        struct stat st;
        int fd = open_regular(path, &st);

        *ret_error = (JobError){.code = S_OK};
        *ret_fd = MAX(fd, -1);
        if (fd >= 0) {
                (void) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint */
                *ret = describe(&st);
        } else if (fd == -ENOTSUP) {
                *ret_error = not_a_file();
        } else {
                *ret_error = transfer_error_local(fd, "local file");
        }
}

JobError upload_source_changed(void)
{
        return transfer_error_make(BG_E_LOCAL_FILE_CHANGED, BG_ERROR_CONTEXT_LOCAL_FILE, true,
                                   "local file: it is no longer the one that the upload began "
                                   "with");
}

void upload_source_check(int fd, const BupClientState *state, JobError *ret_error)
{
        struct stat st;
        BupSource now;

        *ret_error = (JobError){.code = S_OK};
        if (fstat(fd, &st) < 0) {
                *ret_error = transfer_error_local(errno, "local file");
                return;
        }
        now = describe(&st);
        if (bup_client_state_source_changed(state, &now))
                *ret_error = upload_source_changed();
}
