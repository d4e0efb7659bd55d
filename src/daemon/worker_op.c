/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker_op.h"

/* What is done is all of it. */
static bool download_allows(const WorkerOpRules *op, const TransferEvent *ev)
{
        if (ev->kind == TRANSFER_DONE && ev->size_bytes != BG_SIZE_UNKNOWN &&
            ev->done_bytes != ev->size_bytes)
                return false;
        return (ev->kind <= TRANSFER_STOPPED || ev->kind == TRANSFER_PACE) &&
               ev->file_index == op->file_index;
}

/* Of the reply there is only what its download says, and that it is whole. */
static bool upload_allows(const WorkerOpRules *op, const TransferEvent *ev)
{
        switch (ev->kind) {
        case TRANSFER_META:
        case TRANSFER_PROGRESS:
                return ev->file_index == op->file_index ||
                       (op->has_reply && ev->file_index == JOB_REPLY_INDEX);
        case TRANSFER_REPLY:
                return op->has_reply && ev->file_index == JOB_REPLY_INDEX &&
                       ev->done_bytes == ev->size_bytes;
        case TRANSFER_CONNECTED:
        case TRANSFER_PACE:
        case TRANSFER_SESSION:
        case TRANSFER_UPLOADED:
        case TRANSFER_DONE:
        case TRANSFER_FAILED:
        case TRANSFER_STOPPED:
                return ev->file_index == op->file_index;
        default:
                return false;
        }
}

static bool ends(const WorkerOpRules *op, TransferEventKind kind)
{
        switch (op->kind) {
        case WORKER_OP_DOWNLOAD:
        case WORKER_OP_UPLOAD:
                return kind == TRANSFER_DONE || kind == TRANSFER_FAILED || kind == TRANSFER_STOPPED;
        case WORKER_OP_FAREWELL:
                return kind == TRANSFER_FAREWELL;
        case WORKER_OP_SYNC:
                return kind == TRANSFER_SYNCED;
        case WORKER_OP_PUBLISH:
                return kind == TRANSFER_PUBLISHED;
        case WORKER_OP_DISCARD:
                return kind == TRANSFER_DISCARDED;
        default:
                return false;
        }
}

static bool kind_is_allowed(const WorkerOpRules *op, const TransferEvent *ev)
{
        switch (op->kind) {
        case WORKER_OP_DOWNLOAD:
                return download_allows(op, ev);
        case WORKER_OP_UPLOAD:
                return upload_allows(op, ev);
        case WORKER_OP_PUBLISH:
                return ev->kind == TRANSFER_FILE_PUBLISHED || ends(op, ev->kind);
        default:
                return ends(op, ev->kind);
        }
}

static bool error_is_sound(const TransferEvent *ev)
{
        bool failed = ev->kind == TRANSFER_FAILED || FAILED(ev->result);

        if (ev->kind == TRANSFER_FILE_PUBLISHED) /* the error comes with PUBLISHED */
                return ev->error.code == S_OK;
        return failed == (ev->error.code != S_OK) && (!failed || ev->error.code == ev->result);
}

/* A URL that goes into the store: what bup_url_resolve() makes is plain ASCII without blanks. */
static bool url_is_sound(const char *url)
{
        for (; *url; url++)
                if (*url <= ' ' || *url >= 0x7f)
                        return false;
        return true;
}

/* A worker may wait for the store with a session, or with bytes that it gives up. */
static bool may_be_durable(const TransferEvent *ev)
{
        return ev->kind == TRANSFER_SESSION || (ev->kind == TRANSFER_META && ev->done_bytes == 0);
}

/* Texts and bytes stand where they belong and nowhere else. */
static bool extras_are_sound(const WorkerOpRules *op, const TransferEvent *ev)
{
        bool is_session = ev->kind == TRANSFER_SESSION;
        bool is_reply = op->kind == WORKER_OP_UPLOAD && ev->file_index == JOB_REPLY_INDEX;

        if ((ev->session_bytes > 0) != is_session || (ev->durable && !may_be_durable(ev)) ||
            (ev->pace != PACE_FREE && ev->kind != TRANSFER_PACE))
                return false;
        return !ev->reply_url || (is_reply && url_is_sound(ev->reply_url));
}

bool worker_op_allows(const WorkerOpRules *op, const TransferEvent *ev, bool *ret_ends)
{
        *ret_ends = ends(op, ev->kind);
        return kind_is_allowed(op, ev) && error_is_sound(ev) && extras_are_sound(op, ev);
}

TransferEvent worker_op_lost(const WorkerOpRules *op, uint64_t number)
{
        static const TransferEventKind KINDS[WORKER_OP_KIND_MAX] = {
                [WORKER_OP_DOWNLOAD] = TRANSFER_FAILED,   [WORKER_OP_UPLOAD] = TRANSFER_FAILED,
                [WORKER_OP_FAREWELL] = TRANSFER_FAREWELL, [WORKER_OP_SYNC] = TRANSFER_SYNCED,
                [WORKER_OP_PUBLISH] = TRANSFER_PUBLISHED, [WORKER_OP_DISCARD] = TRANSFER_DISCARDED,
        };
        bool of_file = worker_op_is_transfer(op->kind);

        return (TransferEvent){
                .kind = KINDS[op->kind],
                .op = number,
                .file_index = op->file_index,
                .size_bytes = BG_SIZE_UNKNOWN,
                .modified_sec = FILE_NO_TIME,
                .result = BITS_E_WORKER_LOST,
                .error =
                        {
                                .code = BITS_E_WORKER_LOST,
                                .context = BG_ERROR_CONTEXT_GENERAL_TRANSPORT,
                                .file_index = of_file ? (int32_t) op->file_index : JOB_NO_FILE,
                                .text = "the process that did the transfer ended",
                        },
        };
}
