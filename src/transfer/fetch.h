/* SPDX-License-Identifier: Apache-2.0 */
/* One file on its way: into its temporary file, over HTTP (download.c) or from another place of
 * this machine (local_copy.c), or to a server (upload.c), behind one small interface. */
#pragma once

#include "transfer/disk.h"
#include "transfer/http_op.h"
#include "transfer/worker_msg.h"

/* What a fetch needs of the worker. */
typedef struct FetchHost {
        sd_event *loop;
        HttpClient *http;
        Disk *disk;
        /* Sends an event. DONE, FAILED, STOPPED and FAREWELL end the fetch: the host frees it
         * before it returns, so nothing may follow. None of these comes from inside start. */
        void (*emit)(void *ctx, const TransferEvent *ev);
        void *ctx;
} FetchHost;

typedef struct Fetch Fetch;

typedef struct FetchType {
        Fetch *(*free)(Fetch *f);
        void (*stop)(Fetch *f);           /* answers with STOPPED */
        void (*tick)(Fetch *f);           /* four times a second: what is new is reported */
        void (*session_stored)(Fetch *f); /* the broker has stored what was `durable` */
} FetchType;

struct Fetch {
        const FetchType *type;
};

static inline Fetch *fetch_free(Fetch *f)
{
        return f ? f->type->free(f) : NULL;
}
DEFINE_CLEANUP(Fetch *, fetch_free)

/* Errors that every kind of fetch can have. */
JobError fetch_no_memory(void);
/* Of http_url_resolve(), for the URL that the job names. */
JobError fetch_url_error(int r);
/* The proxies of the job. 0, or 1 with *ret_error. */
_must_use_ int fetch_init_proxies(const WorkerStart *start, ProxyPlan *ret, JobError *ret_error);
