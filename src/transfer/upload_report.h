/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker is told about an upload, each thing once and in the order that crashes rely on:
 * the session before the progress made in it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/bup_client_state.h"
#include "transfer/fetch.h"

typedef struct UploadReport {
        const FetchHost *host; /* borrowed, as is the rest */
        const WorkerStart *start;
        const BupClientState *state;
        bool connected;
        bool uploaded;
        bool replied;
        uint64_t done_bytes;  /* reported last */
        uint64_t told_usec;   /* when the session was reported last … */
        uint64_t told_offset; /* … and how far it was */
        Buf told;             /* the session as reported last, */
        Buf stored;           /* … and as the broker has it on disk */
        Buf scratch;
} UploadReport;

void upload_report_init(UploadReport *r, const FetchHost *host, const WorkerStart *start,
                        const BupClientState *state);
void upload_report_done(UploadReport *r);

/* A usable Ack has come. */
void upload_report_connected(UploadReport *r);
/* The session, unless it was reported as it is (or memory lacks: then the server will tell again
 * what was lost). `lazy`: not too often. */
void upload_report_session(UploadReport *r, bool lazy);
/* Asks for the session to be stored; false when it already is, as it is. */
_must_use_ bool upload_report_save(UploadReport *r, int *ret_error);
/* What was asked for is stored. */
void upload_report_stored(UploadReport *r);
/* The bytes that the server has, when they are others than before. */
void upload_report_progress(UploadReport *r);
void upload_report_uploaded(UploadReport *r);
/* An event of file 0. The ends are emitted by whoever is freed then. */
TransferEvent upload_report_event(const UploadReport *r, TransferEventKind kind);
