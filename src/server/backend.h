/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the application about an upload: one POST over HTTP, HTTPS or a Unix socket
 * ("http://unix:/run/app.sock:/handle"), on the loop, with bodies read from and written to files.
 * Redirects are not followed: the application's address is configuration. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "proto/bup_server.h"

enum {
        BACKEND_CALLS_MAX = 64, /* at once; others wait */
        BACKEND_STATIC_URL_BYTES = BUP_REPLY_URL_MAX_CHARS + 1,
};

typedef struct Backend Backend;

/* All borrowed for the call of backend_start() only; descriptors are duplicated. */
typedef struct BackendRequest {
        const char *url;
        const char *origin;  /* for a relative one */
        const char *ca_file; /* certificates that https is checked with; "" = the system's */
        BupNotification type;
        const char *original_url;
        const char *session_id;
        const char *content_name; /* "" = none */
        const char *user;         /* "" = nobody in particular */
        const char *data_path;    /* by reference */
        const char *reply_path;
        int data_fd; /* by value */
        uint64_t data_bytes;
        int body_fd; /* where the body of the response goes */
        uint64_t max_body_bytes;
        uint32_t timeout_sec; /* for each: to send, for the response to begin, to receive it */
} BackendRequest;

typedef struct BackendResponse {
        BupRefusal why;  /* FINE, APPLICATION_TIMED_OUT, DISK_FULL, IO_ERROR */
        uint16_t status; /* 0: it could not be asked, or its response was of no use */
        bool copies;     /* BITS-Copy-File-To-Destination */
        char static_url[BACKEND_STATIC_URL_BYTES]; /* "" = none */
        bool static_url_is_bad;                    /* there was one, but too long or not absolute */
        uint64_t body_bytes;
} BackendResponse;

typedef void (*BackendDone)(void *ctx, const BackendResponse *response);

_must_use_ int backend_new(sd_event *loop, Backend **ret);
Backend *backend_free(Backend *b); /* ends all calls without a word */
DEFINE_CLEANUP(Backend *, backend_free)
/* `done` is called once, from the loop, never from inside. */
_must_use_ int backend_start(Backend *b, const BackendRequest *request, BackendDone done,
                             void *ctx);
