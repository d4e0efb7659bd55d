/* SPDX-License-Identifier: Apache-2.0 */
/* One file on its way into its temporary file: over HTTP (download.c) or from another place of
 * this machine (local_copy.c), behind one small interface. */
#pragma once

#include "transfer/disk.h"
#include "transfer/http_op.h"
#include "transfer/worker_msg.h"

/* What a fetch needs of the worker. */
typedef struct FetchHost {
        sd_event *loop;
        HttpClient *http;
        Disk *disk;
        /* Sends an event. DONE, FAILED and STOPPED end the fetch: the host frees it before it
         * returns, so nothing may follow. None of these three comes from inside start. */
        void (*emit)(void *ctx, const TransferEvent *ev);
        void *ctx;
} FetchHost;

typedef struct Fetch Fetch;

typedef struct FetchType {
        Fetch *(*free)(Fetch *f);
        void (*stop)(Fetch *f); /* answers with STOPPED */
        void (*tick)(Fetch *f); /* four times a second: what is new is reported */
} FetchType;

struct Fetch {
        const FetchType *type;
};

static inline Fetch *fetch_free(Fetch *f)
{
        return f ? f->type->free(f) : NULL;
}
DEFINE_CLEANUP(Fetch *, fetch_free)
