/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/local_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hresult.h"
#include "base/str.h"
#include "transfer/target.h"
#include "transfer/transfer_error.h"

#define SLICE_BYTES ((uint64_t) 4 * 1024 * 1024)
#define READ_BYTES (64 * 1024)
#define NSEC_PER_SEC INT64_C(1000000000)

typedef struct LocalCopy {
        Fetch fetch;
        FetchHost host;
        Target target;
        int source_fd;
        sd_event_source *slice;
        bool by_hand; /* the kernel cannot copy between these two */
        char version[HTTP_ETAG_BYTES];
        struct stat source; /* when the copy began */
} LocalCopy;

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

static int decode_percent(const char *s, char *dst)
{
        for (; *s; s++) {
                int high, low;

                if (*s != '%') {
                        *dst++ = *s;
                        continue;
                }
                high = hex_digit(s[1]);
                low = high < 0 ? -1 : hex_digit(s[2]);
                if (low < 0 || high * 16 + low == 0)
                        return -EINVAL;
                *dst++ = (char) (high * 16 + low);
                s += 2;
        }
        *dst = '\0';
        return 0;
}

bool local_copy_handles(const char *remote)
{
        return *remote == '/' || str_starts_with_nocase(remote, "file:");
}

int local_copy_path(const char *remote, char **ret)
{
        _cleanup_free_ char *path = NULL;
        int r;

        if (*remote != '/') {
                remote += strlen("file:");
                if (str_starts_with_nocase(remote, "//localhost/"))
                        remote += strlen("//localhost");
                else if (str_starts_with(remote, "///"))
                        remote += strlen("//");
                if (*remote != '/' || remote[1] == '/')
                        return -EINVAL;
                path = mem_alloc(strlen(remote) + 1);
                if (!path)
                        return -ENOMEM;
                r = decode_percent(remote, path);
                if (r < 0)
                        return r;
        } else {
                path = mem_strdup(remote);
                if (!path)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(path);
        return 0;
}

static JobError source_error(int err)
{
        JobError e = transfer_error_local(err, "source file");

        e.context = BG_ERROR_CONTEXT_REMOTE_FILE;
        return e;
}

/* Whatever of this differs, the file was written to or is another one. */
static void format_version(const struct stat *st, char text[HTTP_ETAG_BYTES])
{
        (void) snprintf(text, HTTP_ETAG_BYTES,
                        "\"file-%" PRIxMAX "-%" PRIxMAX "-%" PRIxMAX "-%" PRIxMAX "-%" PRIxMAX "\"",
                        (uintmax_t) st->st_dev, (uintmax_t) st->st_ino, (uintmax_t) st->st_size,
                        (uintmax_t) (st->st_mtim.tv_sec * NSEC_PER_SEC + st->st_mtim.tv_nsec),
                        (uintmax_t) (st->st_ctim.tv_sec * NSEC_PER_SEC + st->st_ctim.tv_nsec));
}

static int open_source(LocalCopy *c, JobError *ret_error)
{
        _cleanup_free_ char *path = NULL;
        int r = local_copy_path(c->target.start.remote, &path);

        if (r == 0) {
                c->source_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
                if (c->source_fd < 0 || fstat(c->source_fd, &c->source) < 0)
                        r = -errno;
                else if (S_ISDIR(c->source.st_mode))
                        r = -EACCES; /* as Windows says */
                else if (!S_ISREG(c->source.st_mode))
                        r = -EINVAL;
        }
        if (r < 0)
                *ret_error = source_error(r);
        return r < 0;
}

static void begin_or_continue(LocalCopy *c, JobError *ret_error)
{
        const TargetVersion version = {
                .etag = c->version,
                .modified_sec = FILE_NO_TIME,
                .file_time_sec = c->source.st_mtim.tv_sec,
                .size_bytes = (uint64_t) c->source.st_size,
        };

        format_version(&c->source, c->version);
        if (str_equal(c->target.etag, c->version))
                target_continue(&c->target, c->target.file.written_bytes, version.size_bytes,
                                version.file_time_sec, ret_error);
        else
                target_begin(&c->target, &version, ret_error);
}

/* Copies up to SLICE_BYTES. Positive: so many bytes; 0 at the end of the source; negative errno
 * of the source; or *ret_error of the target. */
static ssize_t copy_slice(LocalCopy *c, JobError *ret_error)
{
        uint8_t data[READ_BYTES];
        LocalFile *f = &c->target.file;
        off_t from = (off_t) f->written_bytes, to = from;
        ssize_t n;

        if (!c->by_hand) {
                n = copy_file_range(c->source_fd, &from, f->fd, &to, SLICE_BYTES, 0);
                if (n > 0)
                        f->written_bytes += (uint64_t) n;
                /* 0 may also mean a file system that only looks like one (/proc). */
                if (n > 0 || (n < 0 && (errno == EINTR || errno == ENOSPC || errno == EDQUOT)))
                        return n > 0 ? n : -errno;
                c->by_hand = true;
        }
        n = pread(c->source_fd, data, sizeof(data), from);
        if (n < 0)
                return -errno;
        if (n > 0 && !target_append(&c->target, data, (uint64_t) n, ret_error))
                return 0;
        return n;
}

static void on_end(LocalCopy *c)
{
        char version[HTTP_ETAG_BYTES] = "";
        struct stat st;
        JobError error;

        if (fstat(c->source_fd, &st) == 0)
                format_version(&st, version);
        if (str_equal(version, c->version) &&
            c->target.file.written_bytes == (uint64_t) st.st_size) {
                target_finish(&c->target);
                return;
        }
        c->target.etag[0] = '\0'; /* a mixture: keep none of it */
        error = transfer_error_make(BG_E_REMOTE_FILE_CHANGED, BG_ERROR_CONTEXT_REMOTE_FILE, false,
                                    "the source file was written to while it was copied");
        target_fail(&c->target, &error);
}

static int on_slice(sd_event_source *source, void *userdata)
{
        LocalCopy *c = userdata;
        JobError error = {.code = S_OK};
        ssize_t n = copy_slice(c, &error);

        if (n == -EINTR)
                return 0;
        if (n == -ENOSPC || n == -EDQUOT)
                error = transfer_error_local((int) n, "temporary file");
        else if (n < 0)
                error = source_error((int) n);
        if (error.code != S_OK)
                target_fail(&c->target, &error);
        else if (n == 0)
                on_end(c);
        return 0;
}

static Fetch *local_copy_free(Fetch *f)
{
        LocalCopy *c = (LocalCopy *) f;

        sd_event_source_disable_unref(c->slice);
        close_fdp(&c->source_fd);
        target_done(&c->target);
        mem_free(c);
        return NULL;
}

static void local_copy_stop(Fetch *f)
{
        LocalCopy *c = (LocalCopy *) f;

        target_stop(&c->target);
}

static void local_copy_tick(Fetch *f)
{
        LocalCopy *c = (LocalCopy *) f;

        target_tick(&c->target);
}

static int let_run(LocalCopy *c)
{
        return sd_event_source_set_enabled(c->slice, c->target.held ? SD_EVENT_OFF : SD_EVENT_ON);
}

static void local_copy_session_stored(Fetch *f)
{
        LocalCopy *c = (LocalCopy *) f;

        target_stored(&c->target);
        (void) let_run(c); /* cannot fail for a source that is there */
}

static const FetchType LOCAL_COPY = {local_copy_free, local_copy_stop, local_copy_tick,
                                     local_copy_session_stored};

/* Every slice comes after whatever else is ready, so that transfers beside it do not wait. */
static int start_slices(LocalCopy *c)
{
        int r = sd_event_add_defer(c->host.loop, &c->slice, on_slice, c);

        if (r < 0)
                return r;
        r = sd_event_source_set_priority(c->slice, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;
        return let_run(c);
}

int local_copy_start(const FetchHost *host, WorkerStart *take_start, Fetch **ret,
                     JobError *ret_error)
{
        _cleanup_(fetch_freep) Fetch *f = NULL;
        LocalCopy *c = mem_new(LocalCopy);

        if (!c) {
                *ret_error = transfer_error_local(ENOMEM, "copy");
                return 1;
        }
        f = &c->fetch;
        f->type = &LOCAL_COPY;
        c->host = *host;
        c->source_fd = -1;
        target_init(&c->target, &c->host, take_start, ret_error);
        if (ret_error->code != S_OK || open_source(c, ret_error) != 0)
                return 1;
        target_connected(&c->target);
        begin_or_continue(c, ret_error);
        if (ret_error->code != S_OK)
                return 1;
        if (start_slices(c) < 0) {
                *ret_error = transfer_error_local(ENOMEM, "copy");
                return 1;
        }
        *ret = TAKE_PTR(f);
        return 0;
}
