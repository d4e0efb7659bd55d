/* SPDX-License-Identifier: Apache-2.0 */
/* The body of an EVENT message: a TransferEvent with everything it points to. */
#pragma once

#include "base/pack.h"
#include "engine/port/transfer.h"

/* An event and what it borrows. */
typedef struct WorkerEvent {
        TransferEvent event; /* etag, reply_url and session are the ones below */
        char *etag;
        char *reply_url;
        uint8_t *session;
} WorkerEvent;

void worker_event_pack(Buf *b, const TransferEvent *ev);
/* Leaves a bad reader when the bytes are no event; *ret is to be given to _done all the same. */
void worker_event_unpack(PackReader *r, WorkerEvent *ret);
void worker_event_done(WorkerEvent *e);
