/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between bitsd and its workers: what decodes can be sent on, and is the same there. */
#include <string.h>

#include "base/alloc.h"
#include "engine/types.h"
#include "transfer/worker_msg.h"

#include "fuzz.h"

/* The objects that an encoder reads, borrowing from the message. */
static void encode_start(Buf *b, const WorkerMsg *m)
{
        const WorkerStart *s = &m->start;
        JobFile reply = {.index = JOB_REPLY_INDEX,
                         .remote = s->reply.remote,
                         .local = s->reply.local,
                         .state = s->reply.whole ? FILE_DONE : FILE_PENDING,
                         .size_bytes = s->reply.size_bytes,
                         .done_bytes = s->reply.done_bytes,
                         .synced_bytes = s->reply.synced_bytes,
                         .etag = s->reply.etag,
                         .modified_sec = s->reply.modified_sec};
        JobFile file = {.index = s->file_index,
                        .remote = s->remote,
                        .local = s->local,
                        .size_bytes = s->size_bytes,
                        .done_bytes = s->done_bytes,
                        .synced_bytes = s->synced_bytes,
                        .etag = s->etag,
                        .modified_sec = s->modified_sec};
        JobFile *files[] = {&file};
        Job job = {.id = s->job,
                   .type = s->type,
                   .props = {.priority = s->priority,
                             .limit_bps = s->limit_bps,
                             .proxy_usage = s->proxy_usage,
                             .proxy_list = s->proxy_list,
                             .proxy_bypass = s->proxy_bypass,
                             .reply_optional = s->reply_optional},
                   .files = files,
                   .files_len = 1,
                   .session = s->session,
                   .session_bytes = s->session_bytes,
                   .reply = s->has_reply ? &reply : NULL};

        if (m->kind == WORKER_MSG_START)
                worker_msg_encode_start(b, s->op, &job, &file, s->credentials);
        else
                worker_msg_encode_farewell(b, s->op, &job, s->credentials);
}

static void encode_retune(Buf *b, const WorkerRetune *r)
{
        const Job job = {.props = {.priority = r->priority, .limit_bps = r->limit_bps}};

        worker_msg_encode_retune(b, r->op, &job);
}

/* False for kinds that are only made out of many objects. */
static bool encode(Buf *b, const WorkerMsg *m)
{
        switch (m->kind) {
        case WORKER_MSG_CONFIG:
                worker_msg_encode_config(b, &m->config);
                return true;
        case WORKER_MSG_START:
        case WORKER_MSG_FAREWELL:
                encode_start(b, m);
                return true;
        case WORKER_MSG_STOP:
                worker_msg_encode_stop(b, m->number);
                return true;
        case WORKER_MSG_SESSION_STORED:
                worker_msg_encode_session_stored(b, m->number);
                return true;
        case WORKER_MSG_LIMITS:
                worker_msg_encode_limits(b, &m->limits);
                return true;
        case WORKER_MSG_RETUNE:
                encode_retune(b, &m->retune);
                return true;
        case WORKER_MSG_LINES:
                worker_msg_encode_lines(b, &m->lines);
                return true;
        case WORKER_MSG_EVENT:
                worker_msg_encode_event(b, &m->event.event);
                return true;
        default:
                return false;
        }
}

static void check_bulk_files(const WorkerBulkFiles *files)
{
        FUZZ_CHECK(files->files_len <= WORKER_BULK_FILES_MAX);
        FUZZ_CHECK(files->files_len == 0 || files->files[0].dir);
        for (uint32_t i = 0; i < files->files_len; i++)
                FUZZ_CHECK(files->files[i].leaf && !strchr(files->files[i].leaf, '/'));
}

/* Behind their length the encoder's bytes are a message. */
static void check_again(const WorkerMsg *m)
{
        WorkerMsg again;
        Buf b, c;

        buf_init(&b, 2 * (size_t) WORKER_MSG_MAX_BYTES);
        buf_init(&c, 2 * (size_t) WORKER_MSG_MAX_BYTES);
        if (encode(&b, m)) {
                FUZZ_CHECK(buf_error(&b) == 0);
                FUZZ_CHECK(worker_msg_decode(b.data + 4, b.len - 4, &again) == 0);
                FUZZ_CHECK(again.kind == m->kind && encode(&c, &again));
                FUZZ_CHECK(b.len == c.len && memcmp(b.data, c.data, b.len) == 0);
                worker_msg_done(&again);
        }
        buf_done(&b);
        buf_done(&c);
}

/* As one end of a link that a stranger writes to. */
static void check_link(const uint8_t *data, size_t bytes)
{
        WorkerLink link;
        WorkerMsg m;

        worker_link_init(&link, -1);
        FUZZ_CHECK(buf_append(&link.in, data, bytes) == 0);
        while (worker_link_next(&link, &m) == 1)
                worker_msg_done(&m);
        worker_link_done(&link);
}

void fuzz_run(const uint8_t *data, size_t bytes)
{
        WorkerMsg m;

        if (worker_msg_decode(data, bytes, &m) == 0) {
                FUZZ_CHECK(m.kind > WORKER_MSG_NONE && m.kind < WORKER_MSG_MAX);
                if (m.kind == WORKER_MSG_BULK_FILES)
                        check_bulk_files(&m.bulk_files);
                check_again(&m);
                worker_msg_done(&m);
        }
        check_link(data, bytes);
}
