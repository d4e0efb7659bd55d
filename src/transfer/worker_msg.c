/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/worker_msg.h"

#include <errno.h>
#include <string.h>

#include "base/pack.h"
#include "base/path.h"
#include "base/str.h"

/* Longest texts in bytes: a UTF-16 unit takes three bytes of UTF-8 at most. */
#define URL_MAX_BYTES (LIMIT_URL_UNITS * 3)
#define PROXY_MAX_BYTES (LIMIT_PROXY_LIST_UNITS * 3)
#define CONFIG_MAX_BYTES 65536

static size_t begin(Buf *b, WorkerMsgKind kind)
{
        size_t at = pack_record_begin(b);

        pack_u8(b, (uint8_t) kind);
        return at;
}

static void pack_bool(Buf *b, bool v)
{
        pack_u8(b, v ? 1 : 0);
}

static bool unpack_bool(PackReader *r)
{
        uint8_t v = unpack_u8(r);

        if (v > 1)
                r->bad = true;
        return v == 1;
}

/* A value of an enumeration with `max` values. */
static uint32_t unpack_enum(PackReader *r, uint32_t max)
{
        uint32_t v = unpack_u32(r);

        if (v >= max) {
                r->bad = true;
                return 0;
        }
        return v;
}

/* A text that must be there. */
static char *unpack_text(PackReader *r, size_t max_bytes)
{
        char *s = unpack_str(r, max_bytes);

        if (!s)
                r->bad = true;
        return s;
}

void worker_msg_encode_config(Buf *b, const TransferConfig *c)
{
        size_t at = begin(b, WORKER_MSG_CONFIG);

        pack_u32(b, WORKER_MSG_VERSION);
        pack_u32(b, c->connect_timeout_sec);
        pack_u32(b, c->stall_timeout_sec);
        pack_u32(b, c->redirects_max);
        pack_u32(b, c->connections_per_host);
        pack_str(b, c->user_agent);
        pack_str(b, c->ca_bundle);
        pack_str(b, c->http_proxy);
        pack_str(b, c->https_proxy);
        pack_str(b, c->no_proxy);
        pack_record_end(b, at);
}

static void decode_config(PackReader *r, WorkerMsg *m)
{
        TransferConfig *c = &m->config;

        if (unpack_u32(r) != WORKER_MSG_VERSION)
                r->bad = true;
        c->connect_timeout_sec = unpack_u32(r);
        c->stall_timeout_sec = unpack_u32(r);
        c->redirects_max = unpack_u32(r);
        c->connections_per_host = unpack_u32(r);
        c->user_agent = unpack_str(r, CONFIG_MAX_BYTES);
        c->ca_bundle = unpack_str(r, CONFIG_MAX_BYTES);
        c->http_proxy = unpack_str(r, CONFIG_MAX_BYTES);
        c->https_proxy = unpack_str(r, CONFIG_MAX_BYTES);
        c->no_proxy = unpack_str(r, CONFIG_MAX_BYTES);
}

void worker_msg_encode_start(Buf *b, uint64_t op, const Job *job, const JobFile *file)
{
        size_t at = begin(b, WORKER_MSG_START);

        pack_u64(b, op);
        pack_guid(b, &job->id);
        pack_u32(b, file->index);
        pack_str(b, file->remote);
        pack_str(b, file->local);
        pack_u64(b, file->size_bytes);
        pack_u64(b, file->done_bytes);
        pack_u64(b, file->synced_bytes);
        pack_str(b, file->etag);
        pack_i64(b, file->modified_sec);
        pack_u32(b, job->props.proxy_usage);
        pack_str(b, job->props.proxy_list);
        pack_str(b, job->props.proxy_bypass);
        pack_record_end(b, at);
}

static void decode_start(PackReader *r, WorkerMsg *m)
{
        WorkerStart *s = &m->start;

        s->op = unpack_u64(r);
        s->job = unpack_guid(r);
        s->file_index = unpack_u32(r);
        s->remote = unpack_text(r, URL_MAX_BYTES);
        s->local = unpack_text(r, LIMIT_LOCAL_BYTES);
        s->size_bytes = unpack_u64(r);
        s->done_bytes = unpack_u64(r);
        s->synced_bytes = unpack_u64(r);
        s->etag = unpack_str(r, WORKER_MSG_ETAG_BYTES);
        s->modified_sec = unpack_i64(r);
        s->proxy_usage = unpack_enum(r, BG_JOB_PROXY_USAGE_AUTODETECT + 1);
        s->proxy_list = unpack_str(r, PROXY_MAX_BYTES);
        s->proxy_bypass = unpack_str(r, PROXY_MAX_BYTES);
}

void worker_msg_encode_stop(Buf *b, uint64_t op)
{
        size_t at = begin(b, WORKER_MSG_STOP);

        pack_u64(b, op);
        pack_record_end(b, at);
}

static void decode_stop(PackReader *r, WorkerMsg *m)
{
        m->stop_op = unpack_u64(r);
}

static bool bulk_wants(WorkerBulkKind kind, const JobFile *file)
{
        if (kind == WORKER_BULK_DISCARD)
                return file->state != FILE_PUBLISHED;
        return file->state == FILE_DONE;
}

static int encode_bulk_file(Buf *b, const JobFile *file, char **last_dir)
{
        _cleanup_free_ char *dir = NULL;
        const char *leaf;
        bool same;
        int r = path_split(file->local, &dir, &leaf);

        if (r < 0)
                return r;
        same = *last_dir && str_equal(dir, *last_dir);
        pack_u32(b, file->index);
        pack_str(b, same ? NULL : dir);
        pack_str(b, leaf);
        pack_u64(b, file->size_bytes);
        pack_i64(b, file->modified_sec);
        pack_bool(b, file->synced_bytes >= file->done_bytes && file->done_bytes > 0);
        if (!same) {
                mem_free(*last_dir);
                *last_dir = TAKE_PTR(dir);
        }
        return 0;
}

/* The next files from *pos on as one message; the number is known only at the end. */
static int encode_bulk_files(Buf *b, uint64_t op, WorkerBulkKind kind, const Job *job,
                             uint32_t *pos)
{
        _cleanup_free_ char *last_dir = NULL;
        size_t at = begin(b, WORKER_MSG_BULK_FILES);
        uint32_t n = 0, next = *pos;

        pack_u64(b, op);
        for (; next < job->files_len && n < WORKER_BULK_FILES_MAX; next++) {
                int r;

                if (b->len - at > WORKER_MSG_MAX_BYTES / 2) /* long names */
                        break;

                if (!bulk_wants(kind, job->files[next]))
                        continue;
                pack_bool(b, true);
                r = encode_bulk_file(b, job->files[next], &last_dir);
                if (r < 0)
                        return r;
                n++;
        }
        pack_bool(b, false); /* no more files in this message */
        pack_bool(b, next == job->files_len);
        pack_record_end(b, at);
        *pos = next;
        return 0;
}

int worker_msg_encode_bulk(Buf *b, uint64_t op, WorkerBulkKind kind, const Job *job)
{
        size_t begin_len = b->len, at;
        uint32_t pos = 0;
        int r = buf_error(b);

        if (r < 0)
                return r;
        at = begin(b, WORKER_MSG_BULK);
        pack_u64(b, op);
        pack_u32(b, kind);
        pack_guid(b, &job->id);
        pack_record_end(b, at);
        do {
                r = encode_bulk_files(b, op, kind, job, &pos);
        } while (r == 0 && buf_error(b) == 0 && pos < job->files_len);
        if (r == 0)
                r = buf_error(b);
        if (r < 0) {
                b->len = begin_len;
                b->error = 0;
        }
        return r;
}

static void decode_bulk(PackReader *r, WorkerMsg *m)
{
        m->bulk.op = unpack_u64(r);
        m->bulk.kind = unpack_enum(r, WORKER_BULK_KIND_MAX);
        m->bulk.job = unpack_guid(r);
}

static void decode_bulk_files(PackReader *r, WorkerMsg *m)
{
        WorkerBulkFiles *files = &m->bulk_files;

        files->op = unpack_u64(r);
        files->files = mem_array(WORKER_BULK_FILES_MAX, sizeof(*files->files));
        if (!files->files)
                r->bad = true;
        while (unpack_bool(r) && !r->bad) {
                WorkerBulkFile *f;

                if (files->files_len == WORKER_BULK_FILES_MAX) {
                        r->bad = true;
                        return;
                }
                f = &files->files[files->files_len++];
                f->index = unpack_u32(r);
                f->dir = unpack_str(r, LIMIT_LOCAL_BYTES);
                f->leaf = unpack_text(r, LIMIT_LOCAL_LEAF_BYTES);
                f->size_bytes = unpack_u64(r);
                f->modified_sec = unpack_i64(r);
                f->synced = unpack_bool(r);
                /* The first one must name its directory, and a leaf is never a path. */
                if ((files->files_len == 1 && !f->dir) || (f->leaf && strchr(f->leaf, '/')))
                        r->bad = true;
        }
        files->last = unpack_bool(r);
}

static void encode_error(Buf *b, const JobError *e)
{
        pack_u32(b, (uint32_t) e->code);
        pack_u32(b, e->context);
        pack_u32(b, (uint32_t) e->file_index);
        pack_u32(b, (uint32_t) e->http_status);
        pack_u32(b, (uint32_t) e->curl_code);
        pack_u32(b, (uint32_t) e->sys_errno);
        pack_u32(b, e->retry_after_sec);
        pack_bool(b, e->fatal);
        pack_bool(b, e->event_driven);
        pack_str(b, e->host);
        pack_str(b, e->text);
}

static void decode_error(PackReader *r, JobError *e)
{
        _cleanup_free_ char *host = NULL, *text = NULL;

        e->code = (HRESULT) unpack_u32(r);
        e->context = unpack_enum(r, BG_ERROR_CONTEXT_SERVER_CERTIFICATE_CALLBACK + 1);
        e->file_index = (int32_t) unpack_u32(r);
        e->http_status = (int32_t) unpack_u32(r);
        e->curl_code = (int32_t) unpack_u32(r);
        e->sys_errno = (int32_t) unpack_u32(r);
        e->retry_after_sec = unpack_u32(r);
        e->fatal = unpack_bool(r);
        e->event_driven = unpack_bool(r);
        host = unpack_text(r, JOB_ERROR_HOST_BYTES - 1);
        text = unpack_text(r, JOB_ERROR_TEXT_BYTES - 1);
        if (host && text) {
                (void) str_copy(e->host, sizeof(e->host), host);
                (void) str_copy(e->text, sizeof(e->text), text);
        }
}

void worker_msg_encode_event(Buf *b, const TransferEvent *ev)
{
        size_t at = begin(b, WORKER_MSG_EVENT);
        bool with_error = ev->error.code != S_OK;

        pack_u32(b, ev->kind);
        pack_u64(b, ev->op);
        pack_u32(b, ev->file_index);
        pack_u64(b, ev->size_bytes);
        pack_u64(b, ev->done_bytes);
        pack_u64(b, ev->synced_bytes);
        pack_str(b, ev->etag);
        pack_i64(b, ev->modified_sec);
        pack_u32(b, (uint32_t) ev->result);
        pack_bool(b, with_error);
        if (with_error)
                encode_error(b, &ev->error);
        pack_record_end(b, at);
}

static void decode_event(PackReader *r, WorkerMsg *m)
{
        TransferEvent *ev = &m->event;

        ev->kind = unpack_enum(r, TRANSFER_EVENT_MAX);
        ev->op = unpack_u64(r);
        ev->file_index = unpack_u32(r);
        ev->size_bytes = unpack_u64(r);
        ev->done_bytes = unpack_u64(r);
        ev->synced_bytes = unpack_u64(r);
        ev->etag = m->etag = unpack_str(r, WORKER_MSG_ETAG_BYTES);
        ev->modified_sec = unpack_i64(r);
        ev->result = (HRESULT) unpack_u32(r);
        ev->error.file_index = JOB_NO_FILE;
        if (unpack_bool(r))
                decode_error(r, &ev->error);
}

int worker_msg_decode(const void *data, size_t bytes, WorkerMsg *ret)
{
        static void (*const DECODERS[WORKER_MSG_MAX])(PackReader *, WorkerMsg *) = {
                [WORKER_MSG_CONFIG] = decode_config,
                [WORKER_MSG_START] = decode_start,
                [WORKER_MSG_STOP] = decode_stop,
                [WORKER_MSG_BULK] = decode_bulk,
                [WORKER_MSG_BULK_FILES] = decode_bulk_files,
                [WORKER_MSG_EVENT] = decode_event,
        };
        WorkerMsg m = {.kind = WORKER_MSG_NONE};
        PackReader r;
        uint8_t kind;

        pack_reader_init(&r, data, bytes);
        kind = unpack_u8(&r);
        if (r.bad || kind >= WORKER_MSG_MAX || !DECODERS[kind])
                return -EBADMSG;
        m.kind = kind;
        DECODERS[kind](&r, &m);
        if (pack_reader_end(&r) < 0 || !unpack_at_end(&r)) {
                worker_msg_done(&m);
                return -EBADMSG;
        }
        *ret = m;
        return 0;
}

void worker_msg_done(WorkerMsg *m)
{
        switch (m->kind) {
        case WORKER_MSG_CONFIG:
                transfer_config_done(&m->config);
                break;
        case WORKER_MSG_START:
                mem_free(m->start.remote);
                mem_free(m->start.local);
                mem_free(m->start.etag);
                mem_free(m->start.proxy_list);
                mem_free(m->start.proxy_bypass);
                break;
        case WORKER_MSG_BULK_FILES:
                for (uint32_t i = 0; i < m->bulk_files.files_len; i++) {
                        mem_free(m->bulk_files.files[i].dir);
                        mem_free(m->bulk_files.files[i].leaf);
                }
                mem_free(m->bulk_files.files);
                break;
        case WORKER_MSG_EVENT:
                mem_free(m->etag);
                break;
        default:
                break;
        }
        *m = (WorkerMsg){.kind = WORKER_MSG_NONE};
}
