/* SPDX-License-Identifier: Apache-2.0 */
/* What else transfer/upload.c stands on: the source, the download of the reply, one turn of the
 * loop, and the clock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/attr.h"
#include "base/str.h"
#include "transfer/transfer_error.h"
#include "transfer/upload_source.h"
#include "up_port.h"

/* Not one that anybody could have: closing it does nothing. */
enum { SOURCE_FD = 1 << 28 };

struct UploadReply {
        UploadReplyHost host;
        UpPort *port;
        UpOp *upload;
        char url[BUP_REPLY_URL_BYTES];
        bool found;
};

static BupSource source_of(const UpPort *p, const char *path)
{
        const FakeRemote *file = fake_disk_remote(p->transfer->disk, path);

        return (BupSource){
                .size_bytes = file->size,
                .modified_nsec = file->version,
                .inode = file->version,
        };
}

void upload_source_open(const char *path, int *ret_fd, BupSource *ret, JobError *ret_error)
{
        UpPort *p = up_port_current();

        *ret_error = (JobError){.code = S_OK};
        *ret_fd = -1;
        if (p->transfer->faults.source > 0 && fake_random_chance(&p->random, 10)) {
                *ret_error = transfer_error_make(HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND),
                                                 BG_ERROR_CONTEXT_LOCAL_FILE, true, "no source");
                return;
        }
        *ret_fd = SOURCE_FD;
        *ret = source_of(p, path);
}

JobError upload_source_changed(void)
{
        return transfer_error_make(BG_E_LOCAL_FILE_CHANGED, BG_ERROR_CONTEXT_LOCAL_FILE, true,
                                   "another source");
}

void upload_source_check(int fd, const BupClientState *state, JobError *ret_error)
{
        UpPort *p = up_port_current();
        BupSource now = source_of(p, p->current->op->source);

        *ret_error = (JobError){.code = S_OK};
        up_server_check(&p->server, fd == SOURCE_FD, "a source that is not open is looked at");
        if (bup_client_state_source_changed(state, &now))
                *ret_error = upload_source_changed();
}

static UpSession *session_of(const UploadReply *r)
{
        const char *leaf = strrchr(r->url, '/');

        return up_server_number(&r->port->server,
                                leaf ? (uint32_t) strtoul(leaf + 1, NULL, 10) : 0);
}

static void emit(UploadReply *r, TransferEventKind kind, uint64_t size, uint64_t done,
                 uint64_t synced, const char *etag)
{
        const TransferEvent ev = {
                .kind = kind,
                .op = r->upload->op->op,
                .file_index = JOB_REPLY_INDEX,
                .size_bytes = size,
                .done_bytes = done,
                .synced_bytes = synced,
                .etag = etag,
                .modified_sec = FILE_NO_TIME,
                .error = {.file_index = JOB_NO_FILE},
                .reply_url = r->url,
        };

        r->host.host->emit(r->host.host->ctx, &ev);
}

int upload_reply_start(const UploadReplyHost *host, const WorkerStart *start, const char *url,
                       bool foreign, bool keep_out, UploadReply **ret, JobError *ret_error)
{
        UpPort *p = up_port_current();
        const WorkerReply *known = &start->reply;
        bool same = str_equal(known->remote, url);
        UploadReply *r = calloc(1, sizeof(*r));

        (void) foreign;
        (void) keep_out;
        (void) ret_error;
        if (!r)
                abort();
        r->host = *host;
        r->port = p;
        r->upload = p->current;
        (void) str_copy(r->url, sizeof(r->url), url);
        emit(r, TRANSFER_META, same ? known->size_bytes : BG_SIZE_UNKNOWN,
             same ? known->done_bytes : 0, same ? known->synced_bytes : 0,
             same ? known->etag : NULL);
        p->current->reply = r;
        *ret = r;
        return 0;
}

UploadReply *upload_reply_free(UploadReply *r)
{
        if (r)
                r->upload->reply = NULL;
        free(r);
        return NULL;
}

UploadReply *upload_reply_stop(UploadReply *r)
{
        return upload_reply_free(r);
}

void upload_reply_tick(UploadReply *r)
{
        (void) r;
}

/* No META of this reply asks to be stored: its file is none, and nothing in it could be mixed up.
 */
void upload_reply_stored(UploadReply *r)
{
        (void) r;
}

static void fail(UploadReply *r, HRESULT code, int32_t status, bool fatal)
{
        JobError error = transfer_error_make(code, BG_ERROR_CONTEXT_REMOTE_FILE, fatal, "no reply");

        error.http_status = status;
        r->host.done(r->host.ctx, &error);
}

static uint64_t size_of(const UploadReply *r)
{
        char url[64];

        fake_reply_url(&r->upload->op->job, url, sizeof(url));
        return fake_disk_remote(r->port->transfer->disk, url)->size;
}

static FakeTemp *temp_of(const UploadReply *r)
{
        return fake_disk_temp(r->port->transfer->disk, &r->upload->op->job, JOB_REPLY_INDEX);
}

/* The head of the answer: what is there of the same reply is kept. */
static void find(UploadReply *r, uint32_t number, uint64_t size, const char *etag)
{
        FakeTemp *temp = temp_of(r);

        r->found = true;
        if (size == 0)
                return;
        if (!temp || temp->version != number || temp->bytes > size)
                temp = fake_disk_make_temp(r->port->transfer->disk, &r->upload->op->job,
                                           JOB_REPLY_INDEX, number);
        emit(r, TRANSFER_META, size, temp->bytes, temp->synced, etag);
}

static void take_whole(UploadReply *r, uint32_t number, uint64_t size, const char *etag)
{
        FakeTemp *temp = temp_of(r);

        if (size > 0 && !temp)
                temp = fake_disk_make_temp(r->port->transfer->disk, &r->upload->op->job,
                                           JOB_REPLY_INDEX, number);
        if (size > 0) {
                temp->bytes = temp->synced = size;
                temp->named = true;
        }
        emit(r, TRANSFER_REPLY, size, size, size, etag);
        r->host.done(r->host.ctx, NULL);
}

void up_reply_step(UploadReply *r)
{
        UpServer *s = &r->port->server;
        const UpSession *session = session_of(r);
        const FakeTemp *temp = temp_of(r);
        uint32_t number = session ? up_server_number_of(s, session) : 0;
        uint64_t size = size_of(r), have = temp && temp->version == number ? temp->bytes : 0;
        char etag[16];

        (void) snprintf(etag, sizeof(etag), "\"%u\"", number);
        if (up_server_may(s, 8)) {
                fail(r, HRESULT_FROM_WIN32(ERROR_WINHTTP_CONNECTION_ERROR), 0, false);
        } else if (up_server_may(s, 8)) {
                fail(r, BG_E_HTTP_ERROR_503, 503, false);
        } else if (up_server_may(s, 2)) {
                fail(r, HRESULT_FROM_WIN32(ERROR_DISK_FULL), 0, false);
        } else if (!session || session->gone || !session->has_reply) {
                up_server_check(s,
                                session && (session->gone ||
                                            bup_session_is_tombstone(&session->live.session)),
                                "a reply is gone");
                fail(r, BG_E_HTTP_ERROR_404, 404, true);
        } else if (!r->found) {
                find(r, number, size, etag);
        } else if (have < size && temp) {
                FakeTemp *more = temp_of(r);
                uint64_t synced = fake_random_below(&r->port->random, have + 1);

                more->bytes = have + 1 + fake_random_below(&r->port->random, size - have);
                more->synced = MAX(more->synced, synced);
                emit(r, TRANSFER_PROGRESS, size, more->bytes, more->synced, etag);
        } else {
                take_whole(r, number, size, etag);
        }
}

int __wrap_sd_event_add_defer(sd_event *loop, sd_event_source **ret, sd_event_handler_t callback,
                              void *ctx);
int __wrap_sd_event_add_defer(sd_event *loop, sd_event_source **ret, sd_event_handler_t callback,
                              void *ctx)
{
        UpOp *u = up_port_current()->current;

        (void) loop;
        *ret = NULL;
        u->turn = callback;
        u->turn_ctx = ctx;
        return 0;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
        const UpPort *p = up_port_current();
        uint64_t usec = !p ? 0 : id == CLOCK_REALTIME ? p->clock->wall : p->clock->mono;

        *ret = (struct timespec){
                .tv_sec = (time_t) (usec / USEC_PER_SEC),
                .tv_nsec = (long) (usec % USEC_PER_SEC) * 1000,
        };
        return 0;
}
