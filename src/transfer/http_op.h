/* SPDX-License-Identifier: Apache-2.0 */
/* One GET: a URL in, the head, the body and a verdict out. Follows redirects and tries the
 * proxies of a plan in order; what it does not do is look at what the answer means.
 *
 * Redirects are followed here and not by curl, because each hop has its own proxy, a body that
 * nobody wants and must be bounded, and a scheme that must not fall from https to http. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "transfer/auth_set.h"
#include "transfer/http_client.h"
#include "transfer/http_head.h"
#include "transfer/proxy.h"

typedef struct HttpOp HttpOp;

typedef enum HttpTake {
        HTTP_TAKE_BODY,
        HTTP_SKIP_BODY, /* the verdict is made; read on only to keep the connection, and bounded */
        HTTP_ABANDON,   /* cut the connection */
} HttpTake;

typedef enum HttpOutcome {
        HTTP_COMPLETE,  /* the body is whole, as its framing proves, or was skipped */
        HTTP_ABANDONED, /* by the answer of `head` or `body` */
        HTTP_FAILED,    /* `error` says why */
} HttpOutcome;

/* 401 and 407 never come to `head`: they are answered, or end the operation.
 *
 * `head` and `body` are called from inside curl: they must not free the operation. `done` is
 * called from the loop, once, and may. */
typedef struct HttpHandler {
        HttpTake (*head)(void *ctx, const HttpHead *head);
        bool (*body)(void *ctx, const void *data, size_t bytes); /* false abandons */
        void (*done)(void *ctx, HttpOutcome outcome, const JobError *error);
        void *ctx;
} HttpHandler;

typedef struct HttpRequest { /* all borrowed until the operation ends */
        const char *url;
        const ProxyPlan *proxies;
        uint64_t from_byte;         /* 0: the whole file */
        const char *if_range;       /* NULL: none */
        const AuthSet *credentials; /* NULL: none */
        PaceTask *task;             /* whose bytes these are; NULL: not kept in the background */
        bool foreign;  /* `url` is not of the job's server: only the proxy's credentials */
        bool keep_out; /* not to this machine or its link: a stranger chose the URL */
} HttpRequest;

/* 0 or negative errno (then `done` is not called). */
_must_use_ int http_op_start(HttpClient *c, const HttpRequest *request, const HttpHandler *handler,
                             HttpOp **ret);
/* Ends it without `done`; not from inside `head` or `body`. NULL allowed. */
HttpOp *http_op_free(HttpOp *op);
DEFINE_CLEANUP(HttpOp *, http_op_free)
