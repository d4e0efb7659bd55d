/* SPDX-License-Identifier: Apache-2.0 */
/* One request from its head to its answer: framing, path, virtual directory and identity are
 * settled here, then it is an upload packet (upload.h) or a download (download.h). Keeps the
 * body of a refused request from being mistaken for the next request: it is read and thrown away
 * when that is little, else the connection is closed after the answer. */
#pragma once

#include <stdbool.h>

#include "proto/bup_packet.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/framing.h"
#include "server/http_front.h"
#include "server/target.h"

enum { REQUEST_DRAIN_MAX_BYTES = 1024 * 1024 };

struct Server;

typedef enum RequestBody {
        REQUEST_BODY_UNREAD,
        REQUEST_BODY_FLOWING,
        REQUEST_BODY_OVER, /* or there is none */
} RequestBody;

typedef struct Request {
        struct Server *server;
        HttpExchange *x;
        Config *config;
        const Site *site;  /* NULL until found */
        const char *below; /* path below the site's prefix, in target */
        Target target;
        Framing framing;
        char user[BASIC_USER_BYTES];
        char address[HTTP_ADDRESS_BYTES]; /* of the client, also behind a proxy */
        bool https;                       /* as the client sees it */
        AuthQuestion *question;
        struct Upload *upload;
        RequestBody body;
        bool has_answer; /* waits for the end of the body */
        HttpAnswer answer;
        /* For the log. */
        uint64_t began_mono;
        uint64_t received_bytes;
        uint64_t sent_bytes;
        uint16_t status;
} Request;

/* What http_front.h calls; ctx is the Server. */
HttpHandler request_handler(struct Server *server);

/* Takes what is in `a`. `drain`: read the rest of the body, however long, so that the connection
 * can go on. */
void request_answer(Request *r, HttpAnswer *a, bool drain);
void request_answer_ack(Request *r, const BupAck *ack, bool drain);
/* An answer without anything in it. */
void request_answer_status(Request *r, uint16_t status);
/* Lets the body come. */
void request_read_body(Request *r);
bool request_is_upload(const Request *r);
/* Scheme, host, path and query as the client asked for them. Caller owns it; NULL: no memory. */
_must_use_ char *request_url(const Request *r);
