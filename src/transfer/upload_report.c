/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/upload_report.h"

#include <string.h>

#include "base/clock.h"

/* Acks of small fragments may come by the thousand: less than this is told now and then. */
#define TELL_BYTES (64 * 1024)
#define TELL_USEC (50 * USEC_PER_MSEC)

void upload_report_init(UploadReport *r, const FetchHost *host, const WorkerStart *start,
                        const BupClientState *state)
{
        *r = (UploadReport){.host = host, .start = start, .state = state};
        r->done_bytes = start->done_bytes;
        buf_init(&r->told, JOB_SESSION_BYTES_MAX);
        buf_init(&r->stored, JOB_SESSION_BYTES_MAX);
        buf_init(&r->scratch, JOB_SESSION_BYTES_MAX);
}

void upload_report_done(UploadReport *r)
{
        buf_done(&r->told);
        buf_done(&r->stored);
        buf_done(&r->scratch);
}

TransferEvent upload_report_event(const UploadReport *r, TransferEventKind kind)
{
        uint64_t done = bup_client_state_progress(r->state);

        return (TransferEvent){
                .kind = kind,
                .op = r->start->op,
                .size_bytes = r->state->source.size_bytes,
                .done_bytes = done,
                .synced_bytes = done,
                .modified_sec = FILE_NO_TIME,
                .error = {.file_index = JOB_NO_FILE},
        };
}

static void emit(UploadReport *r, const TransferEvent *ev)
{
        r->host->emit(r->host->ctx, ev);
}

void upload_report_connected(UploadReport *r)
{
        TransferEvent ev;

        if (r->connected)
                return;
        r->connected = true;
        ev = upload_report_event(r, TRANSFER_CONNECTED);
        emit(r, &ev);
        ev = upload_report_event(r, TRANSFER_META);
        r->done_bytes = ev.done_bytes;
        emit(r, &ev);
}

static bool same(const Buf *a, const Buf *b)
{
        return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* The session as it is into `scratch`. */
static int encode(UploadReport *r)
{
        buf_clear(&r->scratch);
        bup_client_state_encode(r->state, &r->scratch);
        return buf_error(&r->scratch);
}

static void tell(UploadReport *r, bool durable)
{
        TransferEvent ev = upload_report_event(r, TRANSFER_SESSION);
        Buf told = r->told;

        r->told = r->scratch;
        r->scratch = told;
        r->told_offset = r->state->offset_bytes;
        r->told_usec = clock_mono_usec(&CLOCK_SYSTEM);
        ev.session = r->told.data;
        ev.session_bytes = (uint32_t) r->told.len;
        ev.durable = durable;
        emit(r, &ev);
}

void upload_report_session(UploadReport *r, bool lazy)
{
        uint64_t offset = r->state->offset_bytes;

        if (lazy && offset >= r->told_offset && offset - r->told_offset < TELL_BYTES &&
            clock_mono_usec(&CLOCK_SYSTEM) - r->told_usec < TELL_USEC)
                return;
        if (encode(r) == 0 && !same(&r->scratch, &r->told))
                tell(r, false);
}

bool upload_report_save(UploadReport *r, int *ret_error)
{
        *ret_error = encode(r);
        if (*ret_error < 0 || same(&r->scratch, &r->stored))
                return false;
        tell(r, true);
        return true;
}

void upload_report_stored(UploadReport *r)
{
        buf_clear(&r->stored);
        (void) buf_append(&r->stored, r->told.data, r->told.len); /* else it is stored once more */
}

void upload_report_progress(UploadReport *r)
{
        TransferEvent ev = upload_report_event(r, TRANSFER_PROGRESS);

        if (!r->connected || ev.done_bytes == r->done_bytes)
                return;
        r->done_bytes = ev.done_bytes;
        emit(r, &ev);
}

void upload_report_uploaded(UploadReport *r)
{
        TransferEvent ev = upload_report_event(r, TRANSFER_UPLOADED);

        if (r->uploaded)
                return;
        r->uploaded = true;
        upload_report_progress(r);
        emit(r, &ev);
}
