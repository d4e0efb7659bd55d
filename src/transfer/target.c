/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "transfer/transfer_error.h"
#include "transfer/validator.h"

#define CHECKPOINT_USEC (30 * USEC_PER_SEC)

/* A sync on the disk thread. It may outlive its target. */
struct Checkpoint {
        DiskTask task;
        Target *target; /* NULL: gone */
        int fd;
        uint64_t bytes;
        uint32_t version_count;
        int result;
};

static uint64_t now_usec(const Target *t)
{
        uint64_t now = 0;

        (void) sd_event_now(t->host->loop, CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
        return now;
}

static TransferEvent new_event(const Target *t, TransferEventKind kind)
{
        return (TransferEvent){
                .kind = kind,
                .op = t->start.op,
                .file_index = t->start.file_index,
                .size_bytes = t->size_bytes,
                .done_bytes = t->file.written_bytes,
                .synced_bytes = MIN(t->synced_bytes, t->file.written_bytes),
                .modified_sec = FILE_NO_TIME,
                .error = {.file_index = JOB_NO_FILE},
        };
}

static void emit(const Target *t, const TransferEvent *ev)
{
        t->host->emit(t->host->ctx, ev);
}

static const char *etag_or_null(const Target *t)
{
        return t->etag[0] != '\0' ? t->etag : NULL;
}

static bool is_resumable(const Target *t)
{
        return validator_is_resumable(etag_or_null(t), t->modified_sec);
}

static void note_promise(Target *t, const char *etag, int64_t modified_sec, uint64_t synced_bytes)
{
        t->promised = validator_is_resumable(etag, modified_sec);
        t->promised_tag = validator_tag(etag, modified_sec);
        t->promised_synced_bytes = synced_bytes;
}

static void open_kept(Target *t, JobError *ret_error)
{
        const WorkerStart *s = &t->start;
        int r;

        if (s->done_bytes == 0 || !validator_is_resumable(s->etag, s->modified_sec))
                return;
        note_promise(t, s->etag, s->modified_sec, s->synced_bytes);
        r = local_file_open_partial(&t->file, s->done_bytes,
                                    validator_tag(s->etag, s->modified_sec));
        if (r < 0)
                *ret_error = transfer_error_local(r, "temporary file");
        if (r <= 0)
                return;
        (void) str_copy(t->etag, sizeof(t->etag), s->etag ?: "");
        t->modified_sec = s->modified_sec;
        t->file_time_sec = s->modified_sec;
        t->size_bytes = s->size_bytes;
        t->synced_bytes = MIN(s->synced_bytes, s->done_bytes);
        t->reported_bytes = s->done_bytes;
        t->announced = true;
}

void target_init(Target *t, const FetchHost *host, WorkerStart *take_start, JobError *ret_error)
{
        int r;

        *t = (Target){
                .host = host,
                .start = *take_start,
                .modified_sec = FILE_NO_TIME,
                .file_time_sec = FILE_NO_TIME,
                .size_bytes = BG_SIZE_UNKNOWN,

        };
        *take_start = (WorkerStart){0};
        *ret_error = (JobError){.code = S_OK};
        local_file_init(&t->file);
        r = local_file_open_dir(&t->file, t->start.local, &t->start.job, t->start.file_index);
        if (r < 0)
                *ret_error = transfer_error_directory(r, "destination directory");
        else
                open_kept(t, ret_error);
}

void target_done(Target *t)
{
        if (t->checkpoint)
                t->checkpoint->target = NULL;
        local_file_done(&t->file);
        worker_start_done(&t->start);
}

void target_connected(Target *t)
{
        TransferEvent ev = new_event(t, TRANSFER_CONNECTED);

        if (t->connected)
                return;
        t->connected = true;
        emit(t, &ev);
}

/* Could bytes of this version be taken for those that the broker believes to be kept? Other
 * versions have another tag, or none; the same one has other bytes on the disk after a power loss.
 */
static bool breaks_promise(const Target *t)
{
        bool same = t->promised_tag == validator_tag(etag_or_null(t), t->modified_sec);

        return t->promised && (same ? t->promised_synced_bytes > 0 : !local_file_can_tag(&t->file));
}

/* First into the file, then to the broker. */
static void announce(Target *t)
{
        TransferEvent ev = new_event(t, TRANSFER_META);
        int r;

        if (t->announced)
                return;
        t->announced = true;
        if (is_resumable(t)) {
                r = local_file_set_tag(&t->file, validator_tag(etag_or_null(t), t->modified_sec));
                if (r < 0 && r != -ENOTSUP) { /* bytes that cannot be told apart are not kept */
                        t->etag[0] = '\0';
                        t->modified_sec = FILE_NO_TIME;
                }
        }
        ev.etag = etag_or_null(t);
        ev.modified_sec = t->modified_sec;
        ev.durable = t->held;
        emit(t, &ev);
}

static bool reserve(Target *t, JobError *ret_error)
{
        int r;

        if (t->size_bytes == BG_SIZE_UNKNOWN)
                return true;
        r = local_file_reserve(&t->file, t->size_bytes);
        if (r < 0)
                *ret_error = transfer_error_local(r, "no room for the file");
        return r == 0;
}

void target_begin(Target *t, const TargetVersion *v, JobError *ret_error)
{
        int r = local_file_create(&t->file);

        t->version_count++;
        t->synced_bytes = t->reported_bytes = 0;
        (void) str_copy(t->etag, sizeof(t->etag), v->etag ?: "");
        t->modified_sec = v->modified_sec;
        t->file_time_sec = v->file_time_sec;
        t->size_bytes = v->size_bytes;
        t->announced = false;
        if (r < 0) {
                *ret_error = transfer_error_local(r, "temporary file");
                return;
        }
        if (!reserve(t, ret_error))
                return;
        t->held = breaks_promise(t);
        /* What the broker may believe to be kept is no more. */
        if (t->start.done_bytes > 0 || t->version_count > 1)
                announce(t);
}

void target_stored(Target *t)
{
        t->held = t->promised = false;
}

void target_continue(Target *t, uint64_t from_byte, uint64_t size_bytes, int64_t file_time_sec,
                     JobError *ret_error)
{
        local_file_rewind(&t->file, from_byte);
        t->file_time_sec = file_time_sec;
        if (t->size_bytes != size_bytes) {
                t->size_bytes = size_bytes;
                t->announced = false;
        }
        (void) reserve(t, ret_error);
}

bool target_append(Target *t, const void *data, uint64_t bytes, JobError *ret_error)
{
        int r = local_file_append(&t->file, data, bytes);

        if (r < 0)
                *ret_error = transfer_error_local(r, "temporary file");
        return r == 0;
}

static void run_checkpoint(DiskTask *task)
{
        Checkpoint *c = (Checkpoint *) task;

        c->result = fdatasync(c->fd) < 0 ? -errno : 0;
}

static void checkpoint_done(DiskTask *task)
{
        Checkpoint *c = (Checkpoint *) task;
        Target *t = c->target;

        if (t) {
                t->checkpoint = NULL;
                /* A failed sync is reported by the one that counts, before anything is visible. */
                if (c->result == 0 && c->version_count == t->version_count)
                        t->synced_bytes = MAX(t->synced_bytes, c->bytes);
        }
        close_fdp(&c->fd);
        mem_free(c);
}

/* Now and then what came is put on the disk, so that a power cut does not cost all of it. */
static void checkpoint_if_due(Target *t)
{
        Checkpoint *c;

        if (t->checkpoint || t->file.fd < 0 || t->file.written_bytes <= t->synced_bytes ||
            now_usec(t) - t->checkpoint_usec < CHECKPOINT_USEC)
                return;
        t->checkpoint_usec = now_usec(t);
        c = mem_new(Checkpoint);
        if (!c)
                return; /* the next one may work */
        *c = (Checkpoint){
                .task = {.run = run_checkpoint, .done = checkpoint_done},
                .target = t,
                .fd = fcntl(t->file.fd, F_DUPFD_CLOEXEC, 0),
                .bytes = t->file.written_bytes,
                .version_count = t->version_count,
        };
        if (c->fd < 0 || disk_submit(t->host->disk, &c->task) < 0) {
                close_fdp(&c->fd);
                mem_free(c);
                return;
        }
        t->checkpoint = c;
}

void target_tick(Target *t)
{
        TransferEvent ev;

        if (!t->connected || t->file.fd < 0)
                return;
        announce(t);
        checkpoint_if_due(t);
        if (t->file.written_bytes == t->reported_bytes)
                return;
        t->reported_bytes = t->file.written_bytes;
        ev = new_event(t, TRANSFER_PROGRESS);
        note_promise(t, etag_or_null(t), t->modified_sec, ev.synced_bytes);
        emit(t, &ev);
}

void target_finish(Target *t)
{
        TransferEvent ev;
        int r = local_file_finish(&t->file, t->file_time_sec);
        JobError error;

        if (r < 0) {
                error = transfer_error_local(r, "temporary file");
                target_fail(t, &error);
                return;
        }
        t->size_bytes = t->file.written_bytes;
        ev = new_event(t, TRANSFER_DONE);
        ev.etag = etag_or_null(t);
        ev.modified_sec = t->file_time_sec;
        emit(t, &ev);
}

/* What can be resumed stays, under a version that the broker knows; all else goes. */
static void keep_or_remove(Target *t)
{
        if (t->file.fd >= 0 && t->file.written_bytes > 0) {
                if (is_resumable(t))
                        announce(t);
                if (is_resumable(t)) /* no more when the tag could not be set */
                        return;
        }
        t->synced_bytes = 0;
        (void) local_file_remove(&t->file); /* a stranger's file stays; discard reports it */
}

void target_fail(Target *t, const JobError *error)
{
        TransferEvent ev;

        keep_or_remove(t);
        ev = new_event(t, TRANSFER_FAILED);
        ev.error = *error;
        ev.error.file_index = (int32_t) t->start.file_index;
        ev.result = error->code;
        emit(t, &ev);
}

void target_stop(Target *t)
{
        TransferEvent ev;

        keep_or_remove(t);
        ev = new_event(t, TRANSFER_STOPPED);
        emit(t, &ev);
}
