/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session_io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "server/publish.h"

BupRefusal session_io_refusal(int error)
{
        /* EFBIG: a limit on file sizes, of the process or of the file system. */
        if (error == -ENOSPC || error == -EDQUOT || error == -EFBIG)
                return BUP_DISK_FULL;
        if (error == -EMFILE || error == -ENFILE)
                return BUP_OVERLOADED;
        if (error == -ENOMEM)
                return BUP_NO_MEMORY;
        return error == -ENOENT ? BUP_TARGET_VANISHED : BUP_IO_ERROR;
}

static void note_saved(Session *s)
{
        s->dirty = s->unsaved = false;
        s->total_on_disk = s->server.session.total_known;
}

int session_io_save(Session *s)
{
        _cleanup_close_ int fd = -1;
        int r = session_store_write_new(s->store, &s->id, &s->server.session, &s->label, &fd);

        if (r < 0)
                return r;
        r = session_store_commit_new(s->store, &s->id);
        if (r < 0)
                return r;
        note_saved(s);
        return 0;
}

static void end_durable_save(Session *s, int result)
{
        s->saving = false;
        if (result == 0)
                note_saved(s);
        s->saved(s, result);
        session_unpin(s);
}

static void on_directory_durable(void *ctx, int result)
{
        end_durable_save(ctx, result);
}

static void on_new_durable(void *ctx, int result)
{
        Session *s = ctx;
        int fd;

        if (result == 0)
                result = session_store_commit_new(s->store, &s->id);
        if (result == 0) {
                fd = fcntl(session_store_fd(s->store), F_DUPFD_CLOEXEC, 3);
                result = fd < 0 ? -errno
                                : sync_queue_add_take(s->world->sync, fd, false,
                                                      on_directory_durable, s);
        }
        if (result < 0)
                end_durable_save(s, result);
}

int session_io_save_durably(Session *s, void (*saved)(Session *s, int result))
{
        int fd = -1;
        int r = session_store_write_new(s->store, &s->id, &s->server.session, &s->label, &fd);

        if (r < 0)
                return r;
        r = sync_queue_add_take(s->world->sync, fd, true, on_new_durable, s);
        if (r < 0)
                return r;
        s->saved = saved;
        s->saving = true;
        session_pin(s);
        return 0;
}

BupRefusal session_io_begin_store(Session *s, const BupStep *step)
{
        if (!room_is_there(s->world->room, &s->site->min_free, session_store_fd(s->store),
                           step->store_bytes, session_store_path(s->store)))
                return BUP_DISK_FULL;
        s->data_fd = session_store_open_file(s->store, &s->id, SESSION_DATA, O_WRONLY);
        if (s->data_fd < 0)
                return session_io_refusal(s->data_fd);
        if (!s->total_on_disk && !s->saving)
                s->unsaved = session_io_save(s) < 0; /* then with the end of the fragment */
        s->offset_bytes = s->handed_bytes = step->offset_bytes;
        s->skip_bytes = step->skip_bytes;
        s->left_bytes = step->store_bytes;
        s->stored_bytes = 0;
        s->store_why = BUP_FINE;
        room_pledge(s->world->room, s->left_bytes);
        return BUP_FINE;
}

/* Starts writing to the disk early, so that the sync at the end finds little to do. */
static void hand_to_disk(Session *s)
{
        uint64_t end = s->offset_bytes + s->stored_bytes;

        if (end - s->handed_bytes < SESSION_WRITEBACK_BYTES)
                return;
        (void) sync_file_range(s->data_fd, (off_t) s->handed_bytes, (off_t) (end - s->handed_bytes),
                               SYNC_FILE_RANGE_WRITE);
        s->handed_bytes = end;
}

void session_io_store(Session *s, const void *data, size_t bytes)
{
        const uint8_t *p = data;
        uint64_t skip = MIN(s->skip_bytes, bytes);

        s->skip_bytes -= skip;
        p += skip;
        bytes = (size_t) MIN(bytes - skip, s->left_bytes);
        while (bytes > 0 && s->store_why == BUP_FINE) {
                ssize_t n =
                        pwrite(s->data_fd, p, bytes, (off_t) (s->offset_bytes + s->stored_bytes));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        s->store_why = session_io_refusal(n < 0 ? -errno : -ENOSPC);
                        return;
                }
                s->stored_bytes += (uint64_t) n;
                s->left_bytes -= (uint64_t) n;
                room_settle(s->world->room, (uint64_t) n);
                p += n;
                bytes -= (size_t) n;
        }
        hand_to_disk(s);
}

void session_io_end_store(Session *s, bool cut, BupResult *ret)
{
        char text[SESSION_TEXT_BYTES];

        close_fdp(&s->data_fd);
        s->data_fd = -1;
        room_settle(s->world->room, s->left_bytes);
        s->left_bytes = 0;
        s->world->metrics->received_bytes += s->stored_bytes;
        *ret = (BupResult){.why = s->store_why, .stored_bytes = s->stored_bytes, .cut = cut};
        s->stored_bytes = 0;
        if (s->store_why == BUP_DISK_FULL)
                log_error("%s: %s has no space left; make room there", session_describe(s, text),
                          session_store_path(s->store));
}

static void on_operation_synced(void *ctx, int result)
{
        Session *s = ctx;
        BupResult outcome = {.why = result < 0 ? session_io_refusal(result) : BUP_FINE};

        session_operation_ended(s, &outcome);
        session_unpin(s);
}

/* Takes fd. */
static bool sync_then_end(Session *s, int fd, bool data_only, BupResult *ret)
{
        int r = sync_queue_add_take(s->world->sync, fd, data_only, on_operation_synced, s);

        if (r < 0) {
                ret->why = session_io_refusal(r);
                return true;
        }
        session_pin(s);
        return false;
}

bool session_io_sync(Session *s, BupResult *ret)
{
        int fd = session_store_open_file(s->store, &s->id, SESSION_DATA, O_RDONLY);

        if (fd < 0) {
                ret->why = session_io_refusal(fd);
                return true;
        }
        return sync_then_end(s, fd, true, ret);
}

bool session_io_publish(Session *s, BupResult *ret)
{
        _cleanup_(target_done) Target target = {0};
        PublishPlace place = {.root_fd = s->site->root_fd, .overwrite = s->site->allow_overwrites};
        int dir_fd = -1, r = target_parse(s->label.url, &target);
        char text[SESSION_TEXT_BYTES];

        if (r < 0) {
                ret->why = r == -ENOMEM ? BUP_NO_MEMORY : BUP_DENIED;
                return true;
        }
        place.path = site_path_below(s->site, target.path);
        if (!place.path || site_path_is_private(place.path)) {
                ret->why = BUP_DENIED;
                return true;
        }
        ret->why = publish_file(&place, s->store, &s->id, s->site->file_mode, &dir_fd);
        if (ret->why != BUP_FINE) {
                log_warning("%s: it cannot be published in %s: %s; the client is told",
                            session_describe(s, text), s->site->directory,
                            bup_refusal_text(ret->why));
                return true;
        }
        return sync_then_end(s, dir_fd, false, ret);
}

void session_io_discard(Session *s, BupResult *ret)
{
        session_store_remove_content(s->store, &s->id);
        *ret = (BupResult){.why = BUP_FINE};
}

static void on_checkpoint(void *ctx, int result)
{
        Session *s = ctx;

        s->checkpointing = false;
        if (result == 0 && s->server.session.phase == BUP_SESSION_RECEIVING) {
                bup_server_synced(&s->server, s->checkpoint_bytes);
                s->dirty = true;
                if (!s->saving && session_io_save(s) < 0)
                        s->unsaved = true;
        }
        session_unpin(s);
}

void session_io_checkpoint(Session *s)
{
        const BupSession *session = &s->server.session;
        int fd;

        if (s->checkpointing || session->phase != BUP_SESSION_RECEIVING)
                return;
        fd = session_store_open_file(s->store, &s->id, SESSION_DATA, O_RDONLY);
        if (fd < 0 || sync_queue_add_take(s->world->sync, fd, true, on_checkpoint, s) < 0)
                return; /* another time */
        s->checkpoint_bytes = session->next_bytes;
        s->checkpointing = true;
        session_pin(s);
}
