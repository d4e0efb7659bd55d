/* SPDX-License-Identifier: Apache-2.0 */
/* What the server needs of an HTTP/1.1 library, and nothing more: a request's head, its body in
 * pieces straight out of the receive buffer, its end, and an answer now or later. One file,
 * http_mhd.c, stands behind it; nothing else knows the library's name.
 *
 * A front serves connections that somebody else accepted (listener.h), on one sd-event loop. Per
 * request the handler gets head(), then body() any number of times, end(), and at last gone().
 * It answers with http_exchange_answer() from head(), from end(), or later. An answer in head() to
 * a request that has a body is sent at once and the connection closed afterwards, in a way that
 * lets the client read the answer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <systemd/sd-event.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "proto/bup_field.h"

enum {
        HTTP_FIELDS_MAX = 100,             /* header fields of a request; more: 431 */
        HTTP_ADDRESS_BYTES = 64,           /* "2001:db8::1", "unix" */
        HTTP_ANSWER_MAX_BYTES = 64 * 1024, /* header fields of an answer */
};

typedef struct HttpFront HttpFront;

/* Who is connected, and to what. */
typedef struct HttpPeer {
        char address[HTTP_ADDRESS_BYTES];
        bool is_tls;
        bool is_unix;
} HttpPeer;

/* All borrowed, until gone(). */
typedef struct HttpHead {
        const char *method;
        const char *target; /* as it stood in the request line: undecoded, with query */
        const char *version;
        const BupField *fields; /* in the order of arrival */
        size_t n_fields;
        /* A line ended in a bare LF, was folded, or held a NUL: whatever stands in front of us
         * may have read another request out of these bytes. */
        bool odd_lines;
        bool too_many_fields;
} HttpHead;

/* One request and its answer. */
typedef struct HttpExchange {
        HttpHead head;
        const HttpPeer *peer;
        void *user; /* the handler's, NULL at first */
} HttpExchange;

typedef struct HttpHandler {
        void (*head)(void *ctx, HttpExchange *x);
        void (*body)(void *ctx, HttpExchange *x, const void *data, size_t bytes);
        void (*end)(void *ctx, HttpExchange *x);
        /* The last call for x. `whole`: the answer went out to its last byte. */
        void (*gone)(void *ctx, HttpExchange *x, bool whole);
        void *ctx;
} HttpHandler;

typedef struct HttpFrontLimits {
        size_t connection_memory_bytes;
        unsigned connections_max;
        uint32_t idle_sec;            /* also for a head to arrive whole */
        uint32_t body_rate_min_bytes; /* a second, over the window; 0 = none */
        uint32_t body_rate_window_sec;
} HttpFrontLimits;

typedef struct HttpFrontTls { /* PEM texts, borrowed for the call */
        const char *certificate;
        const char *key;
} HttpFrontTls;

/* tls NULL: none. 0 or negative errno (-EINVAL: certificate and key are of no use). */
_must_use_ int http_front_new(sd_event *loop, const HttpFrontLimits *limits,
                              const HttpFrontTls *tls, const HttpHandler *handler, HttpFront **ret);
HttpFront *http_front_free(HttpFront *f); /* hangs up on everybody */
DEFINE_CLEANUP(HttpFront *, http_front_free)

/* Takes a connected, non-blocking socket, also on failure. `closed` is called with ctx when the
 * connection has ended, which is not from inside. */
typedef void (*HttpClosed)(void *ctx, const HttpPeer *peer);
_must_use_ int http_front_take(HttpFront *f, int fd, const struct sockaddr *address,
                               socklen_t address_bytes, const HttpPeer *peer, HttpClosed closed,
                               void *ctx);
size_t http_front_connections(const HttpFront *f);
/* Graceful stop: connections without a request are closed now, others after their answer. */
void http_front_drain(HttpFront *f);

/* From head(): nothing of the body is read until http_exchange_go_on() or an answer. */
void http_exchange_hold(HttpExchange *x);
void http_exchange_go_on(HttpExchange *x);
/* The body may come as slowly as it likes. */
void http_exchange_be_patient(HttpExchange *x);
/* Hangs up without an answer; gone() follows, never from inside this call. */
void http_exchange_abort(HttpExchange *x);

/* An answer under construction. */
typedef struct HttpAnswer {
        uint16_t status;
        Buf fields; /* name NUL value NUL … */
        Buf text;   /* the body, unless there is a file */
        int fd;     /* owned; -1 = none */
        uint64_t offset_bytes;
        uint64_t length_bytes; /* of the file's part */
        bool close;            /* hang up afterwards */
} HttpAnswer;

void http_answer_init(HttpAnswer *a, uint16_t status);
void http_answer_done(HttpAnswer *a);
/* A BupFieldSink. 0, -EINVAL for what cannot stand in a header, or what Buf says. */
int http_answer_add(void *answer, const char *name, const char *value);
/* Takes the descriptor. */
void http_answer_take_file(HttpAnswer *a, int fd, uint64_t offset_bytes, uint64_t length_bytes);

/* Sends it and leaves `a` empty. An answer that cannot be made for lack of memory hangs up. */
void http_exchange_answer(HttpExchange *x, HttpAnswer *a);
