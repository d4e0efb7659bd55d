/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/worker_msg.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "transfer/worker_pack.h"

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

void worker_msg_encode_config(Buf *b, const TransferConfig *c)
{
        size_t at = begin(b, WORKER_MSG_CONFIG);

        pack_u32(b, WORKER_MSG_VERSION);
        pack_u32(b, c->connect_timeout_sec);
        pack_u32(b, c->stall_timeout_sec);
        pack_u32(b, c->redirects_max);
        pack_u32(b, c->connections_per_host);
        pack_u32(b, c->upload_send_timeout_sec);
        pack_u32(b, c->upload_response_timeout_sec);
        pack_u32(b, c->upload_fragment_bytes);
        pack_bool(b, c->adapt);
        pack_bool(b, c->control_loopback);
        pack_u32(b, c->window_bytes);
        pack_u64(b, c->line_bps_down);
        pack_u64(b, c->line_bps_up);
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
        c->upload_send_timeout_sec = unpack_u32(r);
        c->upload_response_timeout_sec = unpack_u32(r);
        c->upload_fragment_bytes = unpack_u32(r);
        c->adapt = unpack_bool(r);
        c->control_loopback = unpack_bool(r);
        c->window_bytes = unpack_u32(r);
        c->line_bps_down = unpack_u64(r);
        c->line_bps_up = unpack_u64(r);
        c->user_agent = unpack_str(r, CONFIG_MAX_BYTES);
        c->ca_bundle = unpack_str(r, CONFIG_MAX_BYTES);
        c->http_proxy = unpack_str(r, CONFIG_MAX_BYTES);
        c->https_proxy = unpack_str(r, CONFIG_MAX_BYTES);
        c->no_proxy = unpack_str(r, CONFIG_MAX_BYTES);
}

static void pack_file(Buf *b, const JobFile *file)
{
        pack_u32(b, file->index);
        pack_str(b, file->remote);
        pack_str(b, file->local);
        pack_u64(b, file->size_bytes);
        pack_u64(b, file->done_bytes);
        pack_u64(b, file->synced_bytes);
        pack_str(b, file->etag);
        pack_i64(b, file->modified_sec);
}

static void pack_reply(Buf *b, const JobFile *reply)
{
        pack_str(b, reply->remote);
        pack_str(b, reply->local);
        pack_u64(b, reply->size_bytes);
        pack_u64(b, reply->done_bytes);
        pack_u64(b, reply->synced_bytes);
        pack_str(b, reply->etag);
        pack_i64(b, reply->modified_sec);
        pack_bool(b, reply->state == FILE_DONE || reply->state == FILE_PUBLISHED);
}

static void encode_start(Buf *b, WorkerMsgKind kind, uint64_t op, const Job *job,
                         const JobFile *file, const AuthSet *credentials)
{
        size_t at = begin(b, kind);

        pack_u64(b, op);
        pack_guid(b, &job->id);
        pack_u32(b, job->type);
        pack_u8(b, (uint8_t) job->props.priority);
        pack_u64(b, job->props.limit_bps);
        pack_file(b, file);
        pack_u32(b, job->props.proxy_usage);
        pack_str(b, job->props.proxy_list);
        pack_str(b, job->props.proxy_bypass);
        pack_blob(b, job->session, job->session_bytes);
        pack_bool(b, job->props.reply_optional);
        pack_bool(b, job->type == BG_JOB_TYPE_UPLOAD_REPLY && job->reply);
        if (job->type == BG_JOB_TYPE_UPLOAD_REPLY && job->reply)
                pack_reply(b, job->reply);
        auth_set_pack(b, credentials);
        pack_record_end(b, at);
}

void worker_msg_encode_start(Buf *b, uint64_t op, const Job *job, const JobFile *file,
                             const AuthSet *credentials)
{
        encode_start(b, WORKER_MSG_START, op, job, file, credentials);
}

void worker_msg_encode_farewell(Buf *b, uint64_t op, const Job *job, const AuthSet *credentials)
{
        encode_start(b, WORKER_MSG_FAREWELL, op, job, job->files[0], credentials);
}

static void unpack_reply(PackReader *r, WorkerReply *reply)
{
        reply->remote = unpack_text(r, WORKER_MSG_REPLY_URL_BYTES);
        reply->local = unpack_text(r, LIMIT_LOCAL_BYTES);
        reply->size_bytes = unpack_u64(r);
        reply->done_bytes = unpack_u64(r);
        reply->synced_bytes = unpack_u64(r);
        reply->etag = unpack_str(r, WORKER_MSG_ETAG_BYTES);
        reply->modified_sec = unpack_i64(r);
        reply->whole = unpack_bool(r);
}

static uint8_t unpack_priority(PackReader *r)
{
        uint8_t v = unpack_u8(r);

        if (v > BG_JOB_PRIORITY_LOW)
                r->bad = true;
        return v;
}

static void decode_start(PackReader *r, WorkerMsg *m)
{
        WorkerStart *s = &m->start;

        s->op = unpack_u64(r);
        s->job = unpack_guid(r);
        s->type = unpack_enum(r, BG_JOB_TYPE_UPLOAD_REPLY + 1);
        s->priority = unpack_priority(r);
        s->limit_bps = unpack_u64(r);
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
        s->session = unpack_bytes(r, JOB_SESSION_BYTES_MAX, &s->session_bytes);
        s->reply_optional = unpack_bool(r);
        s->has_reply = unpack_bool(r);
        if (s->has_reply)
                unpack_reply(r, &s->reply);
        s->credentials = auth_set_unpack(r);
        /* Only such a job has one, and it cannot do without: where would the answer go? */
        if (s->has_reply != (s->type == BG_JOB_TYPE_UPLOAD_REPLY) ||
            (m->kind == WORKER_MSG_FAREWELL && s->type == BG_JOB_TYPE_DOWNLOAD))
                r->bad = true;
}

void worker_start_done(WorkerStart *s)
{
        mem_free(s->remote);
        mem_free(s->local);
        mem_free(s->etag);
        mem_free(s->proxy_list);
        mem_free(s->proxy_bypass);
        mem_free(s->session);
        mem_free(s->reply.remote);
        mem_free(s->reply.local);
        mem_free(s->reply.etag);
        auth_set_unref(s->credentials);
        *s = (WorkerStart){0};
}

static void encode_number(Buf *b, WorkerMsgKind kind, uint64_t op)
{
        size_t at = begin(b, kind);

        pack_u64(b, op);
        pack_record_end(b, at);
}

void worker_msg_encode_stop(Buf *b, uint64_t op)
{
        encode_number(b, WORKER_MSG_STOP, op);
}

void worker_msg_encode_session_stored(Buf *b, uint64_t op)
{
        encode_number(b, WORKER_MSG_SESSION_STORED, op);
}

void worker_msg_encode_retune(Buf *b, uint64_t op, const Job *job)
{
        size_t at = begin(b, WORKER_MSG_RETUNE);

        pack_u64(b, op);
        pack_u8(b, (uint8_t) job->props.priority);
        pack_u64(b, job->props.limit_bps);
        pack_record_end(b, at);
}

static void decode_retune(PackReader *r, WorkerMsg *m)
{
        m->retune.op = unpack_u64(r);
        m->retune.priority = unpack_priority(r);
        m->retune.limit_bps = unpack_u64(r);
}

void worker_msg_encode_limits(Buf *b, const TransferLimits *limits)
{
        size_t at = begin(b, WORKER_MSG_LIMITS);

        for (size_t i = 0; i < ARRAY_LEN(limits->level_bps); i++)
                pack_u64(b, limits->level_bps[i]);
        pack_bool(b, limits->lan_exempt);
        pack_record_end(b, at);
}

static void decode_limits(PackReader *r, WorkerMsg *m)
{
        for (size_t i = 0; i < ARRAY_LEN(m->limits.level_bps); i++)
                m->limits.level_bps[i] = unpack_u64(r);
        m->limits.lan_exempt = unpack_bool(r);
}

void worker_msg_encode_lines(Buf *b, const LineReport *report)
{
        size_t at = begin(b, WORKER_MSG_LINES);

        line_report_pack(b, report);
        pack_record_end(b, at);
}

static void decode_lines(PackReader *r, WorkerMsg *m)
{
        line_report_unpack(r, &m->lines);
}

static void decode_number(PackReader *r, WorkerMsg *m)
{
        m->number = unpack_u64(r);
}

/* The files that we made, or shall make: not the source of an upload, which is the user's and never
 * touched, but its reply. */
static uint32_t own_files_len(const Job *job)
{
        if (job->type == BG_JOB_TYPE_DOWNLOAD)
                return job->files_len;
        return job->type == BG_JOB_TYPE_UPLOAD_REPLY && job->reply ? 1 : 0;
}

static JobFile *own_file(const Job *job, uint32_t nth)
{
        return job->type == BG_JOB_TYPE_DOWNLOAD ? job->files[nth] : job->reply;
}

static bool bulk_wants(WorkerBulkKind kind, const JobFile *file)
{
        if (kind == WORKER_BULK_DISCARD)
                return file->state != FILE_PUBLISHED;
        return file->state == FILE_DONE;
}

static int encode_bulk_file(Buf *b, const JobFile *file, bool may_be_made, char **last_dir)
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
        pack_bool(b, may_be_made);
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
        for (; next < own_files_len(job) && n < WORKER_BULK_FILES_MAX; next++) {
                JobFile *file = own_file(job, next);
                int r;

                if (b->len - at > WORKER_MSG_MAX_BYTES / 2) /* long names */
                        break;

                if (!bulk_wants(kind, file))
                        continue;
                pack_bool(b, true);
                r = encode_bulk_file(b, file, file == job->reply && file->size_bytes == 0,
                                     &last_dir);
                if (r < 0)
                        return r;
                n++;
        }
        pack_bool(b, false); /* no more files in this message */
        pack_bool(b, next == own_files_len(job));
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
        } while (r == 0 && buf_error(b) == 0 && pos < own_files_len(job));
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
                f->may_be_made = unpack_bool(r);
                /* The first one must name its directory, and a leaf is never a path. */
                if ((f->may_be_made && f->size_bytes != 0) || (files->files_len == 1 && !f->dir) ||
                    (f->leaf && strchr(f->leaf, '/')))
                        r->bad = true;
        }
        files->last = unpack_bool(r);
}

void worker_msg_encode_event(Buf *b, const TransferEvent *ev)
{
        size_t at = begin(b, WORKER_MSG_EVENT);

        worker_event_pack(b, ev);
        pack_record_end(b, at);
}

void worker_msg_encode_ping(Buf *b)
{
        pack_record_end(b, begin(b, WORKER_MSG_PING));
}

void worker_msg_encode_pong(Buf *b)
{
        pack_record_end(b, begin(b, WORKER_MSG_PONG));
}

static void decode_nothing(PackReader *r, WorkerMsg *m)
{
}

static void decode_event(PackReader *r, WorkerMsg *m)
{
        worker_event_unpack(r, &m->event);
}

int worker_msg_decode(const void *data, size_t bytes, WorkerMsg *ret)
{
        static void (*const DECODERS[WORKER_MSG_MAX])(PackReader *, WorkerMsg *) = {
                [WORKER_MSG_CONFIG] = decode_config,         [WORKER_MSG_START] = decode_start,
                [WORKER_MSG_STOP] = decode_number,           [WORKER_MSG_FAREWELL] = decode_start,
                [WORKER_MSG_SESSION_STORED] = decode_number, [WORKER_MSG_BULK] = decode_bulk,
                [WORKER_MSG_BULK_FILES] = decode_bulk_files, [WORKER_MSG_EVENT] = decode_event,
                [WORKER_MSG_PING] = decode_nothing,          [WORKER_MSG_PONG] = decode_nothing,
                [WORKER_MSG_LIMITS] = decode_limits,         [WORKER_MSG_RETUNE] = decode_retune,
                [WORKER_MSG_LINES] = decode_lines,
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
        case WORKER_MSG_FAREWELL:
                worker_start_done(&m->start);
                break;
        case WORKER_MSG_BULK_FILES:
                for (uint32_t i = 0; i < m->bulk_files.files_len; i++) {
                        mem_free(m->bulk_files.files[i].dir);
                        mem_free(m->bulk_files.files[i].leaf);
                }
                mem_free(m->bulk_files.files);
                break;
        case WORKER_MSG_EVENT:
                worker_event_done(&m->event);
                break;
        default:
                break;
        }
        *m = (WorkerMsg){.kind = WORKER_MSG_NONE};
}
