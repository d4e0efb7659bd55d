/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP answer, fed line by line, as far as a download cares. Pure text work; the
 * lines come from a stranger. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "engine/types.h"
#include "proto/http_range.h"

enum {
        HTTP_HEAD_MAX_BYTES = 256 * 1024, /* all lines of one answer */
        HTTP_ETAG_BYTES = 256,
        HTTP_LOCATION_BYTES = 8192,
        HTTP_ENCODING_BYTES = 32,
};

typedef struct HttpHead {
        int status;
        bool keeps_framing; /* HTTP/2 or later: the end of the body is marked by the protocol */
        bool chunked;
        bool malformed; /* fields contradict each other or cannot be read */
        bool has_range; /* Content-Range is there, once and well-formed */
        bool range_seen;
        HttpContentRange range;
        uint64_t length_bytes;      /* Content-Length, BG_SIZE_UNKNOWN when none counts */
        char etag[HTTP_ETAG_BYTES]; /* strong ones only, with quotes; "" when none */
        bool weak_etag;
        int64_t modified_sec;               /* Last-Modified, FILE_NO_TIME when none */
        int64_t date_sec;                   /* Date, FILE_NO_TIME when none */
        uint32_t retry_after_sec;           /* 0 when none */
        char encoding[HTTP_ENCODING_BYTES]; /* Content-Encoding, "" for none or identity */
        char transfer[HTTP_ENCODING_BYTES]; /* an other coding than chunked, else "" */
        char location[HTTP_LOCATION_BYTES]; /* "" when none or too long */
        size_t seen_bytes;
} HttpHead;

/* Takes one line with its line end. A status line starts the head anew (an interim answer, the
 * next one of several). 1 at the empty line that ends a final head, 0 otherwise, -EMSGSIZE over
 * HTTP_HEAD_MAX_BYTES. `now_sec` is the wall clock, for Retry-After and old dates. */
_must_use_ int http_head_feed(HttpHead *h, const char *line, size_t bytes, int64_t now_sec);
/* A status that sends the client elsewhere. */
bool http_head_is_redirect(const HttpHead *h);
