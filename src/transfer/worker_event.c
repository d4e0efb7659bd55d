/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/worker_event.h"

#include "base/str.h"
#include "transfer/worker_msg.h"
#include "transfer/worker_pack.h"

static void pack_error(Buf *b, const JobError *e)
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

static void unpack_error(PackReader *r, JobError *e)
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

void worker_event_pack(Buf *b, const TransferEvent *ev)
{
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
                pack_error(b, &ev->error);
        pack_str(b, ev->reply_url);
        pack_blob(b, ev->session, ev->session_bytes);
        pack_bool(b, ev->durable);
        pack_u32(b, ev->pace);
}

void worker_event_unpack(PackReader *r, WorkerEvent *ret)
{
        TransferEvent *ev = &ret->event;

        ev->kind = unpack_enum(r, TRANSFER_EVENT_MAX);
        ev->op = unpack_u64(r);
        ev->file_index = unpack_u32(r);
        ev->size_bytes = unpack_u64(r);
        ev->done_bytes = unpack_u64(r);
        ev->synced_bytes = unpack_u64(r);
        ev->etag = ret->etag = unpack_str(r, WORKER_MSG_ETAG_BYTES);
        ev->modified_sec = unpack_i64(r);
        ev->result = (HRESULT) unpack_u32(r);
        ev->error.file_index = JOB_NO_FILE;
        if (unpack_bool(r))
                unpack_error(r, &ev->error);
        ev->reply_url = ret->reply_url = unpack_str(r, WORKER_MSG_REPLY_URL_BYTES);
        ev->session = ret->session = unpack_bytes(r, JOB_SESSION_BYTES_MAX, &ev->session_bytes);
        ev->durable = unpack_bool(r);
        ev->pace = unpack_enum(r, PACE_KIND_MAX);
}

void worker_event_done(WorkerEvent *e)
{
        mem_free(e->etag);
        mem_free(e->reply_url);
        mem_free(e->session);
        *e = (WorkerEvent){0};
}
