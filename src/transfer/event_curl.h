/* SPDX-License-Identifier: Apache-2.0 */
/* A curl multi handle on an sd-event loop: sockets, the timer, and completions. Knows nothing of
 * jobs or files.
 *
 * `done` is called from the loop after curl has returned, with the handle already removed, so it
 * may add, remove or free any handle. event_curl_remove() must not be called from inside a curl
 * callback (write, header …): make the callback fail instead. */
#pragma once

#include <stdbool.h>

#include <curl/curl.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/list.h"

typedef struct EventCurl EventCurl;

typedef struct EventCurlTransfer {
        void (*done)(void *ctx, CURLcode code);
        void *ctx;
        bool running;
        bool starved; /* ended for want of memory, which curl itself also calls other things */
        int fd;       /* the socket it waits for, while running; -1 = none yet */
        CURL *easy;   /* while running; borrowed */
        List link;    /* of those running */
} EventCurlTransfer;

/* In place of curl_global_init(), once and before anything else. */
CURLcode event_curl_global_init(void);
/* 0 or negative errno. `loop` must outlive it. When memory runs out, all transfers under way end
 * with CURLE_OUT_OF_MEMORY, since curl may have done wrong to any of them. */
_must_use_ int event_curl_new(sd_event *loop, long connections_per_host, EventCurl **ret);
/* `around` is called before (true) and after curl does anything for these transfers. */
void event_curl_set_around(EventCurl *c, void (*around)(void *ctx, bool before), void *ctx);
/* NULL allowed, also from `done`; all handles must have been removed. */
EventCurl *event_curl_free(EventCurl *c);
DEFINE_CLEANUP(EventCurl *, event_curl_free)

/* Starts the transfer of `easy`; `t` is borrowed until done or removed and is the handle's
 * CURLOPT_PRIVATE. 0 or negative errno. */
_must_use_ int event_curl_add(EventCurl *c, CURL *easy, EventCurlTransfer *t);
/* Bytes that come in on this socket of curl's wait in the kernel until it is let go. For all
 * transfers on it; what curl reads of its own accord it still reads. */
void event_curl_hold(EventCurl *c, int fd, bool hold);
/* Ends it without `done`. No-op when it is not running. */
void event_curl_remove(EventCurl *c, CURL *easy, EventCurlTransfer *t);
